// What rewriting passes share that look at every access to memory.
import { Op, ValueType } from './wasm-bytes.js';
import type { FunctionBody } from './wasm-binary.js';

const { I32, I64, F32, F64, V128 } = ValueType;

// i32.load … i64.load32_u, in opcode order: bytes read.
const loadBytes = [4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4];
// v128.load, six that widen 8 bytes, four that splat.
const vectorLoadBytes = [16, 8, 8, 8, 8, 8, 8, 1, 2, 4, 8];

/** Bytes that a load reads, SIMD included; undefined for other instructions and for loads of one lane. */
export function loadOf(opcode: number): number | undefined {
  if (opcode >= Op.V128_LOAD && opcode <= Op.V128_LOAD64_SPLAT) return vectorLoadBytes[opcode - Op.V128_LOAD];
  if (opcode === Op.V128_LOAD64_ZERO) return 8;
  if (opcode === Op.V128_LOAD64_ZERO - 1) return 4;
  return loadBytes[opcode - Op.I32_LOAD];
}

// i32.store … i64.store32, in opcode order: bytes written and the type of the value.
const scalarStores = [
  [4, I32],
  [8, I64],
  [4, F32],
  [8, F64],
  [1, I32],
  [2, I32],
  [1, I64],
  [2, I64],
  [4, I64],
] as const;

/** Bytes that a store writes and the type of its value, SIMD and its lanes included; undefined for others. */
export function storeOf(opcode: number): readonly [size: number, type: number] | undefined {
  if (opcode === Op.V128_STORE) return [16, V128];
  if (opcode >= Op.V128_STORE8_LANE && opcode <= Op.V128_STORE64_LANE)
    return [1 << (opcode - Op.V128_STORE8_LANE), V128];
  return scalarStores[opcode - Op.I32_STORE];
}

/** Locals that a pass adds to a function. */
export class AddedLocals {
  /** Their types, in the order of their indices. */
  readonly types: number[] = [];
  readonly #indices = new Map<string, number>();

  constructor(private readonly body: FunctionBody) {}

  /** The index of a temporary local; different roles in one guard need different names. */
  temporary(role: string, type: number): number {
    const key = `${role} ${type}`;
    let index = this.#indices.get(key);
    if (index === undefined) {
      index = this.body.localCount + this.types.length;
      this.types.push(type);
      this.#indices.set(key, index);
    }
    return index;
  }
}
