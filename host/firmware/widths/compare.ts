// Comparisons of intervals, and what each tells of its operands.
import { constant, type Interval, meet, signed, unsigned } from './interval.js';

/** The test that an i32 comparison makes, in opcode order from i32.eq on. */
export type Test = 'eq' | 'ne' | 'lt_s' | 'lt_u' | 'gt_s' | 'gt_u' | 'le_s' | 'le_u' | 'ge_s' | 'ge_u';
export const TESTS: readonly Test[] = [
  'eq',
  'ne',
  'lt_s',
  'lt_u',
  'gt_s',
  'gt_u',
  'le_s',
  'le_u',
  'ge_s',
  'ge_u',
];

const OPPOSITE: Record<Test, Test> = {
  ...{ eq: 'ne', ne: 'eq', lt_s: 'ge_s', lt_u: 'ge_u', gt_s: 'le_s' },
  ...{ gt_u: 'le_u', le_s: 'gt_s', le_u: 'gt_u', ge_s: 'lt_s', ge_u: 'lt_u' },
};

/** What holds where `test` does not. */
export const opposite = (test: Test): Test => OPPOSITE[test];

const WORD = 2 ** 32;
const HALF = 2 ** 31;
type Operands = readonly [Interval, Interval];

const less = (a: Interval, b: Interval, isSigned: boolean, gap: number): Operands | undefined => {
  const upper = isSigned
    ? b.s1 - gap < -HALF
      ? undefined
      : meet(a, signed(-HALF, b.s1 - gap))
    : b.u1 - gap < 0
      ? undefined
      : meet(a, unsigned(0, b.u1 - gap));
  const lower = isSigned
    ? a.s0 + gap >= HALF
      ? undefined
      : meet(b, signed(a.s0 + gap, HALF - 1))
    : a.u0 + gap >= WORD
      ? undefined
      : meet(b, unsigned(a.u0 + gap, WORD - 1));
  return upper && lower && [upper, lower];
};

/** `a` without `value`, where that is one of its ends. */
function without(a: Interval, value: number): Interval | undefined {
  if (a.u0 === a.u1) return a.u0 === value ? undefined : a;
  const u0 = a.u0 === value ? a.u0 + 1 : a.u0;
  const u1 = a.u1 === value ? a.u1 - 1 : a.u1;
  const asSigned = value | 0;
  const s0 = a.s0 === asSigned ? a.s0 + 1 : a.s0;
  const s1 = a.s1 === asSigned ? a.s1 - 1 : a.s1;
  return meet({ u0, u1, s0, s1 }, a);
}

/** The operands where the test holds; undefined if it never does. */
export function assume(test: Test, a: Interval, b: Interval): Operands | undefined {
  switch (test) {
    case 'eq': {
      const both = meet(a, b);
      return both && [both, both];
    }
    case 'ne': {
      const left = b.u0 === b.u1 ? without(a, b.u0) : a;
      const right = a.u0 === a.u1 ? without(b, a.u0) : b;
      return left && right && [left, right];
    }
    case 'lt_s':
    case 'lt_u':
      return less(a, b, test === 'lt_s', 1);
    case 'le_s':
    case 'le_u':
      return less(a, b, test === 'le_s', 0);
    case 'gt_s':
    case 'gt_u':
    case 'ge_s':
    case 'ge_u': {
      const found = less(b, a, test.endsWith('s'), test.startsWith('gt') ? 1 : 0);
      return found && [found[1], found[0]];
    }
  }
}

/** 1 or 0 where the test is decided, else either. */
export function decide(test: Test, a: Interval, b: Interval): Interval {
  if (!assume(test, a, b)) return constant(0);
  return assume(opposite(test), a, b) ? unsigned(0, 1) : constant(1);
}
