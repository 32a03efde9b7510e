// Quantities as people write them: 100uF, 10KB, 2mJ, 30k, 10ms, 1.5mW.

/** A number in the unit that the option's name ends in, or a text with a unit of its own: `0.1`, `'100nF'`. */
export type Quantity = number | string;

export interface Dimension {
  /** With its article, as errors say it. */
  readonly what: string;
  /** What one of each unit is in the unit that options are kept in, by its name in lower case. */
  readonly units: Readonly<Record<string, number>>;
  /** The unit that a hint adds to a bare number. */
  readonly usual: string;
  readonly examples: readonly [string, ...string[]];
  /** A number without a unit can mean one thing only. */
  readonly bare?: true;
}

/** In µF. */
export const CAPACITANCE: Dimension = {
  what: 'a capacitance',
  units: { pf: 1e-6, nf: 1e-3, uf: 1, mf: 1e3, f: 1e6 },
  usual: 'uF',
  examples: ['100uF', '4.7mF', '0.1F'],
};
/** In bytes. */
export const BYTES: Dimension = {
  what: 'a size',
  units: { b: 1, k: 1024, kb: 1024, kib: 1024, m: 1024 ** 2, mb: 1024 ** 2, mib: 1024 ** 2 },
  usual: '',
  examples: ['32KB', '4096'],
  bare: true,
};
/** In µJ. */
export const ENERGY: Dimension = {
  what: 'an energy',
  units: { nj: 1e-3, uj: 1, mj: 1e3, j: 1e6 },
  usual: 'mJ',
  examples: ['2mJ', '500uJ'],
};
/** In ms. */
export const TIME: Dimension = {
  what: 'a time',
  units: { us: 1e-3, ms: 1, s: 1e3, m: 60_000, min: 60_000, h: 3_600_000 },
  usual: 's',
  examples: ['60s', '5m', '500ms'],
};
/** In µW. */
export const POWER: Dimension = {
  what: 'a power',
  units: { nw: 1e-3, uw: 1, mw: 1e3, w: 1e6 },
  usual: 'mW',
  examples: ['1.5mW', '900uW'],
};
/** In Ω. */
export const RESISTANCE: Dimension = {
  what: 'a resistance',
  units: { ohm: 1, k: 1e3, kohm: 1e3, meg: 1e6, megohm: 1e6 },
  usual: '',
  examples: ['30k', '470'],
  bare: true,
};
/** M is 10⁶ and m is 10⁻³; elsewhere the size of letters means nothing. */
function factorOf(unit: string, { units }: Dimension): number | undefined {
  const name = unit.replaceAll(/[µμ]/g, 'u').replaceAll(/[ΩΩ]/g, 'ohm');
  const isMega = name.startsWith('M');
  if (isMega && units['meg'] !== undefined) return units[`meg${name.slice(1).toLowerCase()}`];
  const factor = units[name.toLowerCase()];
  const clashes = factor !== undefined && isMega && factor < (units[name.slice(1).toLowerCase()] ?? 0);
  return clashes ? undefined : factor;
}

/** A text in the dimension's unit; undefined where it is none, or where a number stands alone and may not. */
export function quantityOf(text: string, dimension: Dimension): number | undefined {
  const [, value, unit = ''] = /^(\d+(?:\.\d*)?|\.\d+) ?([a-zµμΩΩ]*)$/i.exec(text.trim()) ?? [];
  if (value === undefined) return undefined;
  if (unit === '') return dimension.bare ? Number(value) : undefined;
  const factor = factorOf(unit, dimension);
  return factor === undefined ? undefined : Number(value) * factor;
}

/** What somebody who wrote `text` most likely meant. */
export function likelyQuantity(text: string, dimension: Dimension): string {
  const value = /^(\d+(?:\.\d+)?)/.exec(text.trim())?.[1];
  const isNumber = value !== undefined && Number(value) > 0;
  return isNumber && dimension.usual !== '' ? `${value}${dimension.usual}` : dimension.examples[0];
}

/** 4700 → 4.7 mF. */
export function farads(capacitorUf: number): string {
  const [value, unit] = capacitorUf < 1000 ? [capacitorUf, 'µF'] : [capacitorUf / 1000, 'mF'];
  return `${Number(value.toPrecision(3))} ${unit}`;
}
