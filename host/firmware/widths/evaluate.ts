// Instructions that compute an i32 from operands, on intervals.
import { decide, TESTS } from './compare.js';
import {
  add,
  and,
  ANY,
  constant,
  divide,
  type Interval,
  join,
  multiply,
  or,
  remainder,
  shiftLeft,
  shiftRight,
  shiftRightSigned,
  signed,
  subtract,
  unsigned,
  xor,
} from './interval.js';
import { type Operand, operand, type State } from './state.js';

const I32_EQZ = 0x45;
const I32_EQ = 0x46;
const I32_GE_U = 0x4f;
const I32_CLZ = 0x67;
const I32_POPCNT = 0x69;
const I32_ADD = 0x6a;
const I32_ROTR = 0x78;
const I32_EXTEND8 = 0xc0;
const I32_EXTEND16 = 0xc1;

const nothing = (): Interval => ANY;

/** i32.add to i32.rotr, in opcode order. */
const BINARY: readonly ((a: Interval, b: Interval) => Interval)[] = [
  ...[add, subtract, multiply, divide, divide, remainder, remainder],
  ...[and, or, xor, shiftLeft, shiftRightSigned, shiftRight, nothing, nothing],
];

/** Whether the opcode takes two i32 and makes one of them. */
export const isBinary = (opcode: number): boolean => opcode >= I32_ADD && opcode <= I32_ROTR;
export const isComparison = (opcode: number): boolean => opcode >= I32_EQ && opcode <= I32_GE_U;

/** A binary instruction on operands. */
export function binary(opcode: number, a: Operand, b: Operand): Operand {
  if (!isComparison(opcode)) return operand(BINARY[opcode - I32_ADD]!(a.range, b.range));
  const test = TESTS[opcode - I32_EQ]!;
  return { range: decide(test, a.range, b.range), test: { test, a, b } };
}

/** eqz, clz, ctz, popcnt and sign extensions of an i32; undefined for any other opcode. */
export function unary(opcode: number, a: Operand): Operand | undefined {
  if (opcode === I32_EQZ) {
    const b = operand(constant(0));
    return { range: decide('eq', a.range, b.range), test: { test: 'eq', a, b } };
  }
  if (opcode >= I32_CLZ && opcode <= I32_POPCNT) return operand(unsigned(0, 32));
  if (opcode !== I32_EXTEND8 && opcode !== I32_EXTEND16) return undefined;
  const half = opcode === I32_EXTEND8 ? 128 : 32768;
  const isWithin = a.range.s0 >= -half && a.range.s1 < half;
  return operand(isWithin ? a.range : signed(-half, half - 1));
}

/** `test ? a : b`, each as far as the test lets it be: so it finds the smaller of two. */
export function select(state: State, test: Operand, a: Operand, b: Operand): Operand {
  const side = (value: Operand, truth: boolean): Interval | undefined => {
    const [with0, place] = [state.copy(), value.local];
    if (!with0.suppose(test, truth)) return undefined;
    return place && with0.versions[place.index] === place.version ? with0.locals[place.index] : value.range;
  };
  const [first, second] = [side(a, true), side(b, false)];
  return operand(first && second ? join(first, second) : (first ?? second ?? ANY));
}

/** i32.load, then 8_s, 8_u, 16_s, 16_u from 0x2c on. */
const LOADS: Record<number, { bytes: number; range: Interval }> = {
  0x28: { bytes: 4, range: ANY },
  0x2c: { bytes: 1, range: signed(-128, 127) },
  0x2d: { bytes: 1, range: unsigned(0, 255) },
  0x2e: { bytes: 2, range: signed(-32768, 32767) },
  0x2f: { bytes: 2, range: unsigned(0, 65535) },
};

/** Bytes that a load of an i32 reads, and what it may read; undefined for any other opcode. */
export const loadOf = (opcode: number): { bytes: number; range: Interval } | undefined => LOADS[opcode];

/** A load from bytes that are known: `word` as i32.load reads it there, little-endian. */
export function read(opcode: number, word: number): Interval {
  const { range } = LOADS[opcode]!;
  if (opcode === 0x2c) return constant((word << 24) >> 24);
  if (opcode === 0x2e) return constant((word << 16) >> 16);
  return constant(opcode === 0x28 ? word : word & range.u1);
}
