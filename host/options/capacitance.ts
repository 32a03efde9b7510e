import { BrownoutError } from '../error.js';

const UNITS = { pf: 1e-6, nf: 1e-3, uf: 1, µf: 1, mf: 1e3, f: 1e6 };

/** `100uF`, `4.7mF` or `0.1F` in µF. Throws `E_OPTION`. */
export function capacitance(text: string): number {
  const [, value, unit] = /^(\d+(?:\.\d+)?) ?([a-zµ]+)$/i.exec(text) ?? [];
  const factor = UNITS[(unit ?? '').toLowerCase() as keyof typeof UNITS];
  if (value !== undefined && factor !== undefined && Number(value) > 0) return Number(value) * factor;
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `--capacitor ${text}`,
    expected: 'a capacitance such as 100uF, 4.7mF or 0.1F',
    hint: "Leave it out for the device's own.",
  });
}
