// What an option's value may be: how it is read from the command line, and how a value from JavaScript is checked.
import { nearest } from './suggest.js';
import {
  BYTES,
  CAPACITANCE,
  type Dimension,
  ENERGY,
  likelyQuantity,
  quantityOf,
  RESISTANCE,
  TIME,
} from './quantity.js';

/**
 * `Api`: what the API takes; `Cli`: what a command gets. They differ where a command names a file and the API takes what is
 * in it.
 */
export interface Kind<Api = unknown, Cli = Api> {
  /** As errors say it: `a whole number from 1 to 200`. */
  readonly expected: string;
  /** Stands for the value in --help; absent: a switch, or nothing for the command line. */
  readonly placeholder?: string;
  /** Code of the error where a value is wrong; default `E_OPTION`. */
  readonly code?: string;
  /** All that there is to choose from. */
  readonly names?: readonly string[];
  /** Names of earlier versions, and what they are called now. */
  readonly renamed?: Readonly<Record<string, string>>;
  /** The value names a file that is read, or one that is written. */
  readonly file?: 'input' | OutputKind;
  /** All files that a value may name, where it may name several: none of them is written over. */
  paths?(text: string): string[];
  readonly isSwitch?: true;
  /** From the command line; undefined where it is wrong. */
  parse?(text: string): Cli | undefined;
  /** From JavaScript, in the option's unit; undefined where it is wrong. */
  check(value: unknown): Api | undefined;
  /** A right value, as one types it, near to a wrong one. */
  right(wrong?: string): string;
}

/** A file that a command writes. */
export interface OutputKind {
  readonly what: string;
  /** Whether a file that begins so is one that a command has written before, and may write over. */
  isOurs(start: Uint8Array): boolean;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** Any text but an empty one. */
export function text(placeholder: string, example: string): Kind<string> {
  const one = (value: unknown): string | undefined =>
    typeof value === 'string' && value.trim() !== '' ? value : undefined;
  return { expected: `a text such as ${example}`, placeholder, parse: one, check: one, right: () => example };
}

/** A whole number in decimal. */
export function whole(least: number, most = 0xffffffff, placeholder = 'N', example = least): Kind<number> {
  const check = (value: unknown): number | undefined =>
    isNumber(value) && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
  return {
    expected: `a whole number from ${least} to ${most}`,
    placeholder,
    parse: (written) => (/^-?\d{1,10}$/.test(written) ? check(Number(written)) : undefined),
    check,
    right: () => `${example}`,
  };
}

/** Of everything random. */
export const seedKind = whole(0, 0xffffffff, 'S', 1);

/** A number, or a fraction such as 1/64. With `open` the least itself is refused. */
export function real(
  least: number,
  most: number,
  { open = false, placeholder = 'X', example = `${most}` } = {},
): Kind<number> {
  const check = (value: unknown): number | undefined =>
    isNumber(value) && value <= most && (open ? value > least : value >= least) ? value : undefined;
  const upTo = most === Infinity ? '' : `${open ? ', at most' : ' to'} ${most}`;
  return {
    expected: open ? `a number above ${least}${upTo}` : `a number from ${least}${upTo === '' ? ' on' : upTo}`,
    placeholder,
    parse(written) {
      const [, over, under = '1'] =
        /^(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)(?:\/(\d+(?:\.\d+)?))?$/i.exec(written) ?? [];
      return over === undefined ? undefined : check(Number(over) / Number(under));
    },
    check,
    right: () => example,
  };
}

/** One of some names. */
export function choice<const T extends string>(
  names: readonly T[],
  {
    placeholder = 'NAME',
    code = 'E_OPTION',
    renamed = {},
  }: { placeholder?: string; code?: string; renamed?: Readonly<Record<string, T>> } = {},
): Kind<T> {
  const check = (value: unknown): T | undefined =>
    names.find((name) => name === value) ??
    (typeof value === 'string' && Object.hasOwn(renamed, value) ? renamed[value] : undefined);
  const expected =
    names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : (names[0] ?? 'nothing');
  return {
    expected,
    placeholder,
    code,
    names,
    renamed,
    parse: check,
    check,
    right: (wrong = '') => nearest(wrong, names) ?? names[0]!,
  };
}

/** Several, with commas on the command line. */
export function list<T>(kind: Kind<T>, placeholder = 'A,B,…'): Kind<T[]> {
  const all = (values: readonly (T | undefined)[]): T[] | undefined =>
    values.length > 0 && !values.includes(undefined) ? (values as T[]) : undefined;
  return {
    expected: `a list of which each is ${kind.expected}`,
    placeholder,
    ...(kind.code === undefined ? {} : { code: kind.code }),
    ...(kind.names ? { names: kind.names } : {}),
    parse: (written) => all(written.split(',').map((part) => kind.parse?.(part))),
    check: (value) => (Array.isArray(value) ? all(value.map((one: unknown) => kind.check(one))) : undefined),
    right: (wrong) =>
      wrong === undefined
        ? kind.right()
        : wrong
            .split(',')
            .map((part) => (kind.parse?.(part) === undefined ? kind.right(part) : part))
            .join(','),
  };
}

/** On or off. */
export const flag: Kind<boolean> = {
  expected: 'true or false',
  isSwitch: true,
  check: (value) => (typeof value === 'boolean' ? value : undefined),
  right: () => 'true',
};

/** In the API a number in the unit that the option's name ends in, or a text with a unit. */
function quantity(
  dimension: Dimension,
  placeholder: string,
  { isWhole = false, orZero = false } = {},
): Kind<number> {
  const [first, ...others] = dimension.examples;
  const check = (value: number | undefined): number | undefined =>
    value !== undefined &&
    (orZero ? value >= 0 : value > 0) &&
    value < Infinity &&
    (!isWhole || Number.isInteger(value))
      ? value
      : undefined;
  const parse = (written: string): number | undefined => {
    const value = quantityOf(written, dimension);
    return check(value !== undefined && isWhole ? Math.floor(value) : value);
  };
  return {
    expected: `${dimension.what} such as ${[first, ...others].join(' or ')}`,
    placeholder,
    parse,
    check: (value) => (typeof value === 'string' ? parse(value) : isNumber(value) ? check(value) : undefined),
    right: (wrong) => (wrong === undefined ? first : likelyQuantity(wrong, dimension)),
  };
}

export const capacitance = quantity(CAPACITANCE, 'C');
export const bytes = quantity(BYTES, 'SIZE', { isWhole: true });
export const energy = quantity(ENERGY, 'ENERGY');
export const time = quantity(TIME, 'TIME', { orZero: true });
export const resistance = quantity(RESISTANCE, 'OHM');

/** A function that is told something while a call works; only for the API. */
export const callback = <T extends (...told: never[]) => void>(): Kind<T> => ({
  expected: 'a function',
  check: (value) => (typeof value === 'function' ? (value as T) : undefined),
  right: () => '() => {}',
});

/** … how far it is. */
export const progressKind = callback<(done: number, total: number) => void>();

/** Data of a class of its own, such as typed arrays; only for the API. */
export function instance<T>(what: string, is: (value: unknown) => value is T): Kind<T> {
  return { expected: what, check: (value) => (is(value) ? value : undefined), right: () => what };
}

/** A file that is read: the API takes what is in it. */
export function file<T>(
  what: string,
  example: string,
  is: (value: unknown) => value is T,
  placeholder = 'FILE',
): Kind<T, string> {
  return {
    expected: what,
    placeholder,
    file: 'input',
    parse: (path) => (path === '' ? undefined : path),
    check: (value) => (is(value) ? value : undefined),
    right: () => example,
  };
}

/** Several files that are read, with commas on the command line. */
export function files<T>(
  what: string,
  example: string,
  is: (value: unknown) => value is T,
  placeholder: string,
): Kind<T[], string[]> {
  return {
    expected: `a list of which each is ${what}`,
    placeholder,
    file: 'input',
    parse(text) {
      const paths = text.split(',');
      return paths.includes('') ? undefined : paths;
    },
    check: (value) => (Array.isArray(value) && value.length > 0 && value.every(is) ? value : undefined),
    right: () => example,
  };
}

/** Bytes of a file. */
export const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

/** A file that is written; only for the command line. */
export function outputFile(written: OutputKind, example: string): Kind<string> {
  const path = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' ? value : undefined;
  return {
    expected: `where to write ${written.what}, such as ${example}`,
    placeholder: 'FILE',
    file: written,
    parse: path,
    check: path,
    right: () => example,
  };
}
