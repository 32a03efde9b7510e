// WASM's integer instructions as C expressions. Values are unsigned in C (uint32_t, uint64_t), so that overflow wraps; signed
// operations cast on the way. A comparison is C's int 0 or 1 until a value is wanted.
import { Op, ValueType } from '../toolchain/wasm-bytes.js';
import type { Narrow } from './widths/widths.js';

/** How tightly a C expression binds. */
const PRECEDENCE = { atom: 12, cast: 11, multiply: 10, add: 9, weak: 1 } as const;

/** An operand of the stack machine that is not computed yet: a pure C expression, and what it depends on. */
export interface Value {
  text: string;
  precedence: number;
  type: number;
  /** The C type is int: 0 or 1. */
  flag?: boolean;
  /** An i64 that is a sign-extended i32: the i32, as int32_t. A product of two such is one 32×32→64 multiplication. */
  narrow?: string | undefined;
  constant?: bigint;
  /** Locals that it reads. */
  locals: ReadonlySet<number>;
  /** It reads memory or globals, or may trap: it must not move across a side effect. */
  fixed: boolean;
}

const { I32, I64 } = ValueType;
const nothing: ReadonlySet<number> = new Set();

export const cType = (type: number): string => (type === I32 ? 'uint32_t' : 'uint64_t');

/** A name, or a call without dependences. */
export function atom(text: string, type: number, extra: Partial<Value> = {}): Value {
  return { text, precedence: PRECEDENCE.atom, type, locals: nothing, fixed: false, ...extra };
}

export function constantValue(type: number, constant: bigint): Value {
  const text =
    type === I32
      ? unsignedText(BigInt.asUintN(32, constant), 'u')
      : unsignedText(BigInt.asUintN(64, constant), 'ull');
  const fits = type === I64 && BigInt.asIntN(32, constant) === constant;
  return atom(text, type, { constant, ...(fits ? { narrow: signedText(constant, 32) } : {}) });
}

/** A value that fits 16 bits, in C as uint32_t: `text` of type `kind`, or made that. */
export const fitted = (value: Value, kind: Narrow, isThat = false): Value => {
  const inner = isThat ? value.text : `(${kind})${operand(plain(value), PRECEDENCE.cast)}`;
  const text = `(uint32_t)${kind === 'int16_t' ? '(int32_t)' : ''}${inner}`;
  return { ...value, text, precedence: PRECEDENCE.cast, flag: false };
};

function unsignedText(value: bigint, suffix: string): string {
  return value < 1n << 31n ? `${value}${suffix}` : `0x${value.toString(16)}${suffix}`;
}

function signedText(value: bigint, bits: 32 | 64): string {
  const least = -(1n << BigInt(bits - 1));
  const suffix = bits === 32 ? '' : 'll';
  if (value === least) return `(${value + 1n}${suffix} - 1)`;
  return value < 0n ? `(${value}${suffix})` : `${value}${suffix}`;
}

/** The text as an operand next to an operator that binds with `precedence`. */
function operand({ text, precedence }: Value, least: number): string {
  return precedence >= least ? text : `(${text})`;
}

/** The value as an unsigned C expression, not as a flag. */
export function plain(value: Value): Value {
  if (!value.flag) return value;
  return { ...value, text: `(uint32_t)(${value.text})`, precedence: PRECEDENCE.cast, flag: false };
}

/** As a C condition. */
export const condition = (value: Value): string => value.text;

/** As a signed C expression that binds as a cast does. */
function signed(value: Value): string {
  if (value.constant !== undefined) return signedText(value.constant, value.type === I32 ? 32 : 64);
  if (value.type === I64 && value.narrow !== undefined) return `(int64_t)${value.narrow}`;
  return `(${value.type === I32 ? 'int32_t' : 'int64_t'})${operand(plain(value), PRECEDENCE.cast)}`;
}

const unsigned = (value: Value, least: number = PRECEDENCE.cast): string => operand(plain(value), least);

/** A new expression from operands, with their dependences. */
function combine(
  text: string,
  precedence: number,
  type: number,
  from: Value[],
  extra: Partial<Value> = {},
): Value {
  const locals = from.length === 1 ? from[0]!.locals : new Set(from.flatMap((value) => [...value.locals]));
  return { text, precedence, type, locals, fixed: from.some(({ fixed }) => fixed), ...extra };
}

const cast = (text: string, type: number): string => `(${cType(type)})(${text})`;

const SIGNED_TESTS = ['', '', '<', '', '>', '', '<=', '', '>=', ''];
const UNSIGNED_TESTS = ['==', '!=', '', '<', '', '>', '', '<=', '', '>='];

/** eq, ne, lt_s, lt_u, gt_s, gt_u, le_s, le_u, ge_s, ge_u. */
function compare(test: number, a: Value, b: Value): Value {
  const sign = SIGNED_TESTS[test]!;
  const text = sign
    ? `${signed(a)} ${sign} ${signed(b)}`
    : `${unsigned(a)} ${UNSIGNED_TESTS[test]} ${unsigned(b)}`;
  return combine(text, PRECEDENCE.weak, I32, [a, b], { flag: true });
}

/**
 * A constant that a Cortex-M has no immediate for. Where C compilers know its value, they make three additions of a
 * multiplication by it, which is one instruction.
 */
export function isFar({ type, constant }: Value): boolean {
  if (type !== I32 || constant === undefined) return false;
  const bits = Number(BigInt.asUintN(32, constant));
  // An immediate is eight bits, anywhere.
  const fits = (x: number): boolean => x === 0 || x >>> (31 - Math.clz32(x & -x)) < 256;
  return !fits(bits) && !fits(~bits >>> 0);
}

/** A value that the C compiler keeps in a register, whatever it knows about it. */
export const opaque = (text: string): string => `opaque32(${text})`;

function product(type: number, a: Value, b: Value): Value {
  if (a.narrow !== undefined && b.narrow !== undefined) {
    // Through unsigned 64-bit variables it would become three multiplications on a 32-bit machine.
    return combine(cast(`BROWNOUT_WASM_PRODUCT(${a.narrow}, ${b.narrow})`, type), PRECEDENCE.cast, type, [
      a,
      b,
    ]);
  }
  const factor = isFar(b) ? opaque(b.text) : unsigned(b);
  const text = `${unsigned(a, PRECEDENCE.multiply)} * ${factor}`;
  return combine(text, PRECEDENCE.multiply, type, [a, b]);
}

function sum(type: number, a: Value, b: Value): Value {
  const c = b.constant;
  if (c !== undefined && c < 0n && c > -(1n << 31n)) {
    const text = `${unsigned(a, PRECEDENCE.add)} - ${constantValue(type, -c).text}`;
    return combine(text, PRECEDENCE.add, type, [a, b]);
  }
  return combine(
    `${unsigned(a, PRECEDENCE.add)} + ${unsigned(b, PRECEDENCE.multiply)}`,
    PRECEDENCE.add,
    type,
    [a, b],
  );
}

/** div_s, div_u, rem_s, rem_u: by a constant, plainly; else through a function that traps as WASM does. */
function divide(which: number, type: number, a: Value, b: Value): Value {
  const bits = type === I32 ? 32 : 64;
  const operator = which < 2 ? '/' : '%';
  const isSigned = which % 2 === 0;
  const safe = b.constant !== undefined && b.constant !== 0n && (b.constant !== -1n || !isSigned);
  if (safe) {
    const text = isSigned
      ? cast(`${signed(a)} ${operator} ${signed(b)}`, type)
      : `${unsigned(a)} ${operator} ${unsigned(b)}`;
    return combine(text, isSigned ? PRECEDENCE.cast : PRECEDENCE.multiply, type, [a, b]);
  }
  const name = `${which < 2 ? 'div' : 'rem'}_${isSigned ? 's' : 'u'}${bits}`;
  return combine(`${name}(${plain(a).text}, ${plain(b).text})`, PRECEDENCE.atom, type, [a, b], {
    fixed: true,
  });
}

/** shl, shr_s, shr_u. */
function shift(which: number, type: number, a: Value, b: Value): Value {
  const bits = type === I32 ? 32n : 64n;
  const count =
    b.constant !== undefined
      ? `${BigInt.asUintN(64, b.constant) & (bits - 1n)}`
      : `(${unsigned(b)} & ${bits - 1n}u)`;
  if (which === 1) return combine(cast(`${signed(a)} >> ${count}`, type), PRECEDENCE.cast, type, [a, b]);
  return combine(`${unsigned(a)} ${which ? '>>' : '<<'} ${count}`, PRECEDENCE.weak, type, [a, b]);
}

/** clz, ctz, popcnt; then add … rotr, in opcode order. */
function arithmetic(which: number, type: number, a: Value, b: Value): Value {
  if (which === 3)
    return a.constant !== undefined && b.constant === undefined ? sum(type, b, a) : sum(type, a, b);
  if (which === 5) return product(type, a, b);
  if (which >= 6 && which <= 9) return divide(which - 6, type, a, b);
  if (which >= 13 && which <= 15) return shift(which - 13, type, a, b);
  if (which >= 16) {
    const name = `rot${which === 16 ? 'l' : 'r'}${type === I32 ? 32 : 64}`;
    return combine(`${name}(${plain(a).text}, ${plain(b).text})`, PRECEDENCE.atom, type, [a, b]);
  }
  if (which === 4) {
    const text = `${unsigned(a, PRECEDENCE.add)} - ${unsigned(b, PRECEDENCE.multiply)}`;
    return combine(text, PRECEDENCE.add, type, [a, b]);
  }
  return combine(`${unsigned(a)} ${'&|^'[which - 10]} ${unsigned(b)}`, PRECEDENCE.weak, type, [a, b]);
}

function extend(value: Value, from: 'int8_t' | 'int16_t' | 'int32_t', type: number): Value {
  const inner = `(${from})${unsigned(value)}`;
  const narrow = type === I64 ? (from === 'int32_t' ? inner : `(int32_t)${inner}`) : undefined;
  const text = type === I64 ? `(uint64_t)(int64_t)${inner}` : `(uint32_t)${inner}`;
  return combine(text, PRECEDENCE.cast, type, [value], { narrow });
}

/** Wrapping, widening and sign extension. */
function convert(opcode: number, value: Value): Value | undefined {
  switch (opcode) {
    case 0xa7:
      return combine(`(uint32_t)${unsigned(value)}`, PRECEDENCE.cast, I32, [value]);
    case 0xac:
      return extend(value, 'int32_t', I64);
    case 0xad:
      return combine(`(uint64_t)${unsigned(value)}`, PRECEDENCE.cast, I64, [value]);
    case 0xc0:
      return extend(value, 'int8_t', I32);
    case 0xc1:
      return extend(value, 'int16_t', I32);
    case 0xc2:
      return extend(value, 'int8_t', I64);
    case 0xc3:
      return extend(value, 'int16_t', I64);
    case 0xc4:
      return extend(value, 'int32_t', I64);
    default:
      return undefined;
  }
}

/** What a numeric instruction makes of the operands that `pop` gives, or undefined if `opcode` is not one of integers. */
export function numeric(opcode: number, pop: () => Value): Value | undefined {
  if (opcode === 0x45 || opcode === 0x50) {
    const value = pop();
    const text = value.flag ? `!(${value.text})` : `${unsigned(value)} == 0`;
    return combine(text, value.flag ? PRECEDENCE.cast : PRECEDENCE.weak, I32, [value], { flag: true });
  }
  const binary = (make: (a: Value, b: Value) => Value): Value => {
    const b = pop();
    return make(pop(), b);
  };
  if (opcode >= 0x46 && opcode <= 0x4f) return binary((a, b) => compare(opcode - 0x46, a, b));
  if (opcode >= 0x51 && opcode <= 0x5a) return binary((a, b) => compare(opcode - 0x51, a, b));
  const wide = opcode >= 0x79 && opcode <= 0x8a;
  if (wide || (opcode >= 0x67 && opcode <= 0x78)) {
    const which = opcode - (wide ? 0x79 : 0x67);
    const type = wide ? I64 : I32;
    if (which > 2) return binary((a, b) => arithmetic(which, type, a, b));
    const value = pop();
    const name = `${['clz', 'ctz', 'popcount'][which]}${wide ? 64 : 32}`;
    return combine(`${name}(${plain(value).text})`, PRECEDENCE.atom, type, [value]);
  }
  if (opcode === 0xa7 || (opcode >= 0xac && opcode <= 0xc4)) return convert(opcode, pop());
  return undefined;
}

/** i32.load, i64.load, then i32.load8_s … i64.load32_u, by opcode: function, its C type, bytes. */
const LOADS: Record<
  number,
  readonly [name: string, result: 'int32_t' | 'uint32_t' | 'uint64_t', bytes: number]
> = {
  [Op.I32_LOAD]: ['load32', 'uint32_t', 4],
  41: ['load64', 'uint64_t', 8],
  44: ['load8s', 'int32_t', 1],
  45: ['load8u', 'uint32_t', 1],
  46: ['load16s', 'int32_t', 2],
  47: ['load16u', 'uint32_t', 2],
  48: ['load8s', 'int32_t', 1],
  49: ['load8u', 'uint32_t', 1],
  50: ['load16s', 'int32_t', 2],
  51: ['load16u', 'uint32_t', 2],
  52: ['load32', 'int32_t', 4],
  [Op.I64_LOAD32_U]: ['load32', 'uint32_t', 4],
};

/** The suffix of accesses whose address is not promised to be a multiple of their size. */
const unaligned = (bytes: number, alignment: number): string => (1 << alignment < bytes ? '_unaligned' : '');

/** A load from `address` + `offset`; undefined for floats. `alignment`: log2, as the instruction promises. */
export function load(opcode: number, address: Value, offset: number, alignment: number): Value | undefined {
  const [name, result, bytes] = LOADS[opcode] ?? [];
  if (name === undefined || bytes === undefined) return undefined;
  const type = opcode === Op.I32_LOAD || (opcode >= 0x2c && opcode <= 0x2f) ? I32 : I64;
  const call = `${name}${unaligned(bytes, alignment)}(${plain(address).text}, ${offset}u)`;
  if (result !== 'int32_t')
    return combine(type === I64 && bytes < 8 ? `(uint64_t)${call}` : call, PRECEDENCE.cast, type, [address], {
      fixed: true,
    });
  const value = opcode === 0x34 ? `(int32_t)${call}` : call;
  if (type === I32) return combine(`(uint32_t)${value}`, PRECEDENCE.cast, type, [address], { fixed: true });
  return combine(`(uint64_t)(int64_t)${value}`, PRECEDENCE.cast, type, [address], {
    fixed: true,
    narrow: value,
  });
}

const STORE_BYTES = [4, 8, 0, 0, 1, 2, 1, 2, 4];

/** The statement of a store; undefined for floats. */
export function store(
  opcode: number,
  address: Value,
  value: Value,
  offset: number,
  alignment: number,
): string | undefined {
  const bytes = STORE_BYTES[opcode - Op.I32_STORE];
  if (!bytes) return undefined;
  const text = value.type === I64 && bytes < 8 ? `(uint32_t)${unsigned(value)}` : plain(value).text;
  return `store${bytes * 8}${unaligned(bytes, alignment)}(${plain(address).text}, ${offset}u, ${text});`;
}

/** `test ? a : b`. */
export function choose(test: Value, a: Value, b: Value): Value {
  const text = `${operand(test, PRECEDENCE.add)} ? ${unsigned(a)} : ${unsigned(b)}`;
  return combine(text, PRECEDENCE.weak, a.type, [test, a, b]);
}
