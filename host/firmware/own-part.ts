// Memories behind SPI of one's own: as an object or a .json file, checked field by field.
import { choice, type Kind } from '../options/kinds.js';
import { Checker, jsonFile } from '../profiles/custom.js';
import { spiPart, type SpiPart, spiPartNames, USUAL_OPCODES, USUAL_STATUS } from './spi-parts.js';

const HINT =
  'Take figures from the part’s data sheet; "extends" takes what is left out from a known part. docs/FIRMWARE.md has an example.';

const REQUIRED = ['name', 'nvm', 'bytes', 'addressBytes', 'lasts', 'source'];
const OPTIONAL = ['page', 'opcodes', 'status', 'sleep', 'wake', 'lineBytes'];

const isPowerOf2 = (value: number): boolean => (value & (value - 1)) === 0;

/** Fields of a part; what has no default is checked by name. */
class PartChecker extends Checker {
  constructor() {
    super('E_NVM', HINT);
  }

  whole(value: unknown, path: string, range: readonly [number, number]): number {
    const number = this.number(value, path, range);
    if (!Number.isInteger(number)) this.refuse(`${path} ${number}`, 'a whole number');
    return number;
  }

  powerOf2(value: unknown, path: string, range: readonly [number, number]): number {
    const number = this.whole(value, path, range);
    if (!isPowerOf2(number)) this.refuse(`${path} ${number}`, 'a power of two');
    return number;
  }

  /** JSON has no hexadecimal numbers: a text of one will do. */
  byte(value: unknown, path: string): number {
    const isHex = typeof value === 'string' && /^0x[0-9a-f]{1,2}$/i.test(value);
    const number = isHex ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > 255)
      this.refuse(`${path} ${JSON.stringify(value)}`, 'a byte: 0 to 255, or as in "0xb9"');
    return number;
  }

  /** It goes into a comment of C. */
  comment(value: unknown, path: string): string {
    const text = this.text(value, path);
    if (!/^[\x20-\x7e]{1,100}$/.test(text) || /\*\/|\/\*/.test(text))
      this.refuse(
        `${path} ${JSON.stringify(text.slice(0, 120))}`,
        'up to 100 characters of ASCII on one line, no comment of C',
      );
    return text;
  }

  oneOf<T extends string | number>(value: unknown, path: string, known: readonly T[]): T {
    const found = known.find((one) => one === value);
    if (found === undefined) this.refuse(`${path} ${JSON.stringify(value)}`, known.join(', '));
    return found;
  }

  /** Bytes by name, those left out as most parts have them. */
  bytes<K extends string>(
    value: unknown,
    path: string,
    usual: Readonly<Record<K, number>>,
  ): Record<K, number> {
    const fields = this.fields(value ?? {}, path, [], Object.keys(usual));
    return Object.fromEntries(
      Object.entries<number>(usual).map(([name, byte]) => [
        name,
        fields[name] === undefined ? byte : this.byte(fields[name], `${path}.${name}`),
      ]),
    ) as Record<K, number>;
  }

  /** No opcode may mean two things. */
  distinct(opcodes: Readonly<Record<string, number | undefined>>): void {
    const names = Object.keys(opcodes).filter((name) => opcodes[name] !== undefined);
    for (const name of names) {
      const other = names.find((one) => one !== name && opcodes[one] === opcodes[name]);
      if (other !== undefined)
        this.refuse(
          `the same opcode for "${name}" and "${other}": ${opcodes[name]}`,
          'an opcode of its own for each',
        );
    }
  }
}

function pageOf(check: PartChecker, value: unknown): SpiPart['page'] {
  const fields = check.fields(value, 'page', ['bytes', 'ms']);
  return {
    bytes: check.powerOf2(fields['bytes'], 'page.bytes', [4, 4096]),
    ms: check.number(fields['ms'], 'page.ms', [0.001, 100]),
  };
}

/** A part with every field checked. With `extends` fields that are left out are those of a known part. Throws `E_NVM`. */
export function checkPart(value: unknown): SpiPart {
  const check = new PartChecker();
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const { extends: from, ...own } = isObject ? (value as { extends?: unknown }) : { extends: undefined };
  const base = from === undefined ? {} : spiPart(check.oneOf(from, 'extends', spiPartNames));
  const fields = check.fields(isObject ? { ...base, ...own } : value, 'part', REQUIRED, [
    ...OPTIONAL,
    'refused',
  ]);
  if (Object.hasOwn(own, 'refused')) check.refuse('part: "refused"', [...REQUIRED, ...OPTIONAL].join(', '));
  const nvm = check.oneOf(fields['nvm'], 'nvm', ['spi-fram', 'eeprom'] as const);
  const addressBytes = check.oneOf(fields['addressBytes'], 'addressBytes', [2, 3] as const);
  const opcodes = check.bytes(fields['opcodes'], 'opcodes', USUAL_OPCODES);
  const status = check.bytes(fields['status'], 'status', USUAL_STATUS);
  const byteOf = (name: 'sleep' | 'wake'): number | undefined =>
    fields[name] === undefined ? undefined : check.byte(fields[name], name);
  const [sleep, wake] = [byteOf('sleep'), byteOf('wake')];
  check.distinct({ ...opcodes, sleep, wake });
  if (wake !== undefined && sleep === undefined)
    check.refuse('"wake" without "sleep"', 'the opcode that puts it to sleep, too');
  for (const [name, mask] of Object.entries(status))
    if (mask === 0 || !isPowerOf2(mask)) check.refuse(`status.${name} ${mask}`, 'one bit: 1, 2, 4, … 128');
  if (status.busy === status.enabled)
    check.refuse(`status.busy and status.enabled ${status.busy}`, 'two bits');
  const isEeprom = nvm === 'eeprom';
  if (isEeprom !== (fields['page'] !== undefined))
    check.refuse(
      `part of "${nvm}" ${isEeprom ? 'without' : 'with'} "page"`,
      'a page where writing takes time (eeprom), none where a byte is written as it comes (spi-fram)',
    );
  const optional = {
    page: isEeprom ? pageOf(check, fields['page']) : undefined,
    sleep,
    wake,
    lineBytes:
      fields['lineBytes'] === undefined
        ? undefined
        : check.powerOf2(fields['lineBytes'], 'lineBytes', [1, 16]),
    // What extends a part that will not do will not either.
    refused: fields['refused'] as string | undefined,
  };
  return {
    name: check.comment(fields['name'], 'name'),
    nvm,
    bytes: check.whole(fields['bytes'], 'bytes', [256, 2 ** (8 * addressBytes)]),
    addressBytes,
    opcodes,
    status,
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, found]) => found !== undefined),
    ) as Partial<SpiPart>),
    lasts: check.number(fields['lasts'], 'lasts', [1, 1e30]),
    source: check.comment(fields['source'], 'source'),
  };
}

const named = choice(spiPartNames, { placeholder: 'NAME', code: 'E_NVM' });

/** An option that names a part, or is one. */
export const partKind: Kind<string | SpiPart> = {
  ...named,
  expected: `${named.expected}, or a part of your own (.json)`,
  placeholder: 'NAME|JSON',
  parse: (text) => (text.endsWith('.json') ? checkPart(jsonFile(text, 'E_NVM')) : named.parse!(text)),
  check: (value) => (typeof value === 'object' && value !== null ? checkPart(value) : named.check(value)),
};
