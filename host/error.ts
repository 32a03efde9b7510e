/** Exit codes of the command line. */
export enum ExitCode {
  OK = 0,
  /** The result is wrong: a mismatch or a violation. */
  WRONG = 1,
  /** Bad input or usage. */
  INPUT = 2,
  /** The device reported an error. */
  DEVICE = 3,
  /** A tool is missing. */
  TOOL = 4,
}

/** What every failure says: what was found, what was expected, what to do next. */
export interface Failure {
  code: string;
  found: string;
  expected: string;
  hint: string;
}

/** Characters that steer a terminal, end a line or turn the direction of text. */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * `text` from a stranger's file as it may be shown anywhere: what steers a terminal or breaks a line becomes U+FFFD, but for
 * characters in `kept`.
 */
export const plain = (text: string, kept = ''): string =>
  text.replace(STEERING, (character) => (kept.includes(character) ? character : '\ufffd'));

/** Every string of what JSON holds, made plain. */
export function plainStrings<T>(value: T): T {
  if (typeof value === 'string') return plain(value) as T;
  if (Array.isArray(value)) return value.map(plainStrings) as T;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, plainStrings(own)])) as T;
}

/** An error a user can act on. `code` is stable; the three sentences are for people. */
export class BrownoutError extends Error implements Failure {
  readonly code: string;
  readonly found: string;
  readonly expected: string;
  readonly hint: string;
  readonly exitCode: ExitCode;

  constructor(failure: Failure, exitCode: ExitCode = ExitCode.INPUT) {
    // Names in files find their way into all three. A compiler's words take several lines.
    const [found, expected, hint] = [failure.found, failure.expected, failure.hint].map((text) =>
      plain(text, '\n\t'),
    ) as [string, string, string];
    super(`${failure.code}: found ${found}; expected ${expected}. ${hint}`);
    this.name = 'BrownoutError';
    this.code = failure.code;
    this.found = found;
    this.expected = expected;
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

/** What `make` gives; a failure in it says of what it was. */
export function naming<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof BrownoutError)) throw error;
    const { code, found, expected, hint, exitCode } = error;
    throw new BrownoutError({ code, found: `${what}: ${found}`, expected, hint }, exitCode);
  }
}

/** A value as an error shows it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `"${value.slice(0, 57)}…"` : `"${value}"`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value))
    return value.length > 8 ? `an array of ${value.length}` : `[${value.map(shown).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const name = value.constructor?.name ?? 'Object';
    return name === 'Object'
      ? `an object with ${Object.keys(value).slice(0, 5).join(', ') || 'nothing'}`
      : `a ${name}`;
  }
  return String(value);
}

/** An argument from JavaScript that is of a wrong type. Throws `E_OPTION`. */
export function refuseArgument(value: unknown, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_OPTION', found: shown(value), expected, hint });
}

/** `value`, if it is bytes. Throws `E_OPTION`. */
export function checkBytes(value: unknown, file: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return refuseArgument(value, `the bytes of ${file} (a Uint8Array)`, 'Read the file: readFileSync(path).');
}

/** `value`, if it is an object that has all of `fields`. Throws `E_OPTION`. */
export function checkFields<T>(value: T, what: string, ...fields: (keyof T & string)[]): T {
  const isObject = typeof value === 'object' && value !== null;
  const missing = isObject
    ? fields.filter((field) => (value as Record<string, unknown>)[field] === undefined)
    : [];
  if (isObject && missing.length === 0) return value;
  const found = isObject ? `an object without ${missing.join(', ')}` : shown(value);
  throw new BrownoutError({
    code: 'E_OPTION',
    found,
    expected: what,
    hint: 'docs/API.md says what it is made of.',
  });
}

/** `value`, if it is a list. Throws `E_OPTION`. */
export function checkList<T>(value: readonly T[], what: string): readonly T[] {
  return Array.isArray(value) ? value : refuseArgument(value, what, 'Give an array, even of one.');
}

/** `value`, if it is a text. Throws `E_OPTION`. */
export const checkText = (value: string, what: string): string =>
  typeof value === 'string' ? value : refuseArgument(value, what, 'Give a text.');
