// Sets of i32 values, as far as two intervals say them: of the unsigned reading and of the signed one, both always true.

/** Values v with u0 ≤ v ≤ u1 read as unsigned and s0 ≤ v ≤ s1 read as signed. */
export interface Interval {
  u0: number;
  u1: number;
  s0: number;
  s1: number;
}

const WORD = 2 ** 32;
const HALF = 2 ** 31;

/** Any i32. */
export const ANY: Interval = { u0: 0, u1: WORD - 1, s0: -HALF, s1: HALF - 1 };

/** What each reading says of the other; undefined if there is no such value. */
function reduced(u0: number, u1: number, s0: number, s1: number): Interval | undefined {
  const found: Interval = { u0, u1, s0, s1 };
  if (s0 >= 0 || s1 < 0) {
    const shift = s0 >= 0 ? 0 : WORD;
    found.u0 = Math.max(u0, s0 + shift);
    found.u1 = Math.min(u1, s1 + shift);
  }
  if (found.u1 < HALF || found.u0 >= HALF) {
    const shift = found.u1 < HALF ? 0 : WORD;
    found.s0 = Math.max(s0, found.u0 - shift);
    found.s1 = Math.min(s1, found.u1 - shift);
  }
  return found.u0 > found.u1 || found.s0 > found.s1 ? undefined : found;
}

/** Of an operation: what one reading does not know may be anything. */
function make(
  unsigned: readonly [number, number] | undefined,
  signed: readonly [number, number] | undefined,
): Interval {
  const [u0, u1] = unsigned ?? [0, WORD - 1];
  const [s0, s1] = signed ?? [-HALF, HALF - 1];
  return reduced(u0, u1, s0, s1)!;
}

export const constant = (value: number): Interval => make([value >>> 0, value >>> 0], [value | 0, value | 0]);
export const unsigned = (least: number, most: number): Interval => make([least, most], undefined);
export const signed = (least: number, most: number): Interval => make(undefined, [least, most]);

/** The only value, as unsigned; undefined where there are several. */
export const only = ({ u0, u1 }: Interval): number | undefined => (u0 === u1 ? u0 : undefined);

export const equal = (a: Interval, b: Interval): boolean =>
  a.u0 === b.u0 && a.u1 === b.u1 && a.s0 === b.s0 && a.s1 === b.s1;

export const join = (a: Interval, b: Interval): Interval => ({
  u0: Math.min(a.u0, b.u0),
  u1: Math.max(a.u1, b.u1),
  s0: Math.min(a.s0, b.s0),
  s1: Math.max(a.s1, b.s1),
});

/** Values of both; undefined if there are none. */
export const meet = (a: Interval, b: Interval): Interval | undefined =>
  reduced(Math.max(a.u0, b.u0), Math.min(a.u1, b.u1), Math.max(a.s0, b.s0), Math.min(a.s1, b.s1));

const UPPER = [0, 1, 255, 0x3fff, 0x7fff, 0xe400, 0xffff, HALF - 1, WORD - 1];
const LOWER = [HALF, 416, 128, 1, 0, -1, -128, -0x8000, -HALF];

/** A bound that `after` has moved goes on to the next of few: so a loop is done in a few rounds. */
export function widen(before: Interval, after: Interval): Interval {
  const up = (value: number, most: number): number => Math.min(most, UPPER.find((x) => x >= value) ?? most);
  const down = (value: number, least: number): number =>
    Math.max(
      least,
      LOWER.find((x) => x <= value)!,
    );
  return {
    u0: after.u0 < before.u0 ? Math.max(0, down(after.u0, 0)) : before.u0,
    u1: after.u1 > before.u1 ? up(after.u1, WORD - 1) : before.u1,
    s0: after.s0 < before.s0 ? down(after.s0, -HALF) : before.s0,
    s1: after.s1 > before.s1 ? up(after.s1, HALF - 1) : before.s1,
  };
}

type Pair = readonly [number, number];

/** The range of exact results, if it wraps nowhere, or everywhere alike. */
function within(low: number, high: number, least: number, most: number): Pair | undefined {
  if (low >= least && high <= most) return [low, high];
  if (low - WORD >= least && high - WORD <= most) return [low - WORD, high - WORD];
  if (low + WORD >= least && high + WORD <= most) return [low + WORD, high + WORD];
  return undefined;
}

const inUnsigned = (low: number, high: number): Pair | undefined => within(low, high, 0, WORD - 1);
const inSigned = (low: number, high: number): Pair | undefined => within(low, high, -HALF, HALF - 1);

export const add = (a: Interval, b: Interval): Interval =>
  make(inUnsigned(a.u0 + b.u0, a.u1 + b.u1), inSigned(a.s0 + b.s0, a.s1 + b.s1));

export const subtract = (a: Interval, b: Interval): Interval =>
  make(inUnsigned(a.u0 - b.u1, a.u1 - b.u0), inSigned(a.s0 - b.s1, a.s1 - b.s0));

export function multiply(a: Interval, b: Interval): Interval {
  const [x, y] = [only(a), only(b)];
  if (x !== undefined && y !== undefined) return constant(Math.imul(x, y));
  const corners = [a.s0 * b.s0, a.s0 * b.s1, a.s1 * b.s0, a.s1 * b.s1];
  const [low, high] = [Math.min(...corners), Math.max(...corners)];
  const most = a.u1 * b.u1;
  return make(
    most < WORD ? [a.u0 * b.u0, most] : undefined,
    low >= -HALF && high < HALF ? [low, high] : undefined,
  );
}

/** All ones up to the highest one of `value`. */
const filled = (value: number): number => (value === 0 ? 0 : 2 ** (32 - Math.clz32(value)) - 1);

export function and(a: Interval, b: Interval): Interval {
  const [x, y] = [only(a), only(b)];
  if (x !== undefined && y !== undefined) return constant(x & y);
  const mask = y ?? x;
  const other = y === undefined ? b : a;
  // A mask that takes low bits off rounds down.
  if (mask !== undefined && ((~mask >>> 0) & (-mask >>> 0)) === 0 && mask >= HALF) {
    const step = WORD - mask;
    const down = (value: number): number => Math.floor(value / step) * step;
    return make([down(other.u0), down(other.u1)], [down(other.s0), down(other.s1)]);
  }
  return unsigned(0, Math.min(a.u1, b.u1));
}

export function or(a: Interval, b: Interval): Interval {
  const [x, y] = [only(a), only(b)];
  if (x !== undefined && y !== undefined) return constant(x | y);
  return unsigned(Math.max(a.u0, b.u0), filled(Math.max(a.u1, b.u1)));
}

export function xor(a: Interval, b: Interval): Interval {
  const [x, y] = [only(a), only(b)];
  if (x !== undefined && y !== undefined) return constant(x ^ y);
  return unsigned(0, filled(Math.max(a.u1, b.u1)));
}

export function shiftLeft(a: Interval, by: Interval): Interval {
  const count = only(by);
  return count === undefined ? ANY : multiply(a, constant(1 << count));
}

export function shiftRight(a: Interval, by: Interval): Interval {
  const count = only(by);
  if (count === undefined) return unsigned(0, a.u1);
  return make([Math.floor(a.u0 / 2 ** (count & 31)), Math.floor(a.u1 / 2 ** (count & 31))], undefined);
}

export function shiftRightSigned(a: Interval, by: Interval): Interval {
  const count = only(by);
  if (count === undefined) return signed(Math.min(a.s0, 0), Math.max(a.s1, 0));
  return make(undefined, [Math.floor(a.s0 / 2 ** (count & 31)), Math.floor(a.s1 / 2 ** (count & 31))]);
}

const isPositive = ({ s0 }: Interval): boolean => s0 > 0;
const isNatural = ({ s0 }: Interval): boolean => s0 >= 0;

/** Of either sign, where there is no sign; else anything. */
export function divide(a: Interval, b: Interval): Interval {
  if (!isNatural(a) || !isPositive(b)) return ANY;
  return unsigned(Math.floor(a.u0 / b.u1), Math.floor(a.u1 / b.u0));
}

export function remainder(a: Interval, b: Interval): Interval {
  if (!isNatural(a) || !isPositive(b)) return ANY;
  const [x, y] = [only(a), only(b)];
  if (x !== undefined && y !== undefined) return constant(x % y);
  return unsigned(0, Math.min(a.u1, b.u1 - 1));
}
