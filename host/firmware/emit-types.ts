// What C of a function is made with: its module, and the types of C that its values have.
import { hex, ValueType } from '../toolchain/wasm-bytes.js';
import type { FunctionType, WasmModule } from '../toolchain/wasm-binary.js';
import { cType } from './expression.js';
import type { Widths } from './widths/widths.js';

/** What a function sees of its module. */
export interface EmitContext {
  module: WasmModule;
  /** C names and types by index, imports included. */
  functions: { name: string; type: FunctionType }[];
  globals: { name: string; type: number; mutable: boolean; value: bigint }[];
  pages: number;
  /** What fits 16 bits, for parts that compute with so many. */
  widths: Widths | undefined;
}

/** The C signature of a function. */
export function signature({ functions, widths }: EmitContext, index: number): string {
  const { name, type } = functions[index]!;
  const list = type.params.map((t, i) => `${widths?.local(index, i) ?? cType(t)} l${i}`).join(', ') || 'void';
  const [result] = type.results;
  return `${result === undefined ? 'void' : (widths?.local(index, -1) ?? cType(result))} ${name}(${list})`;
}

/** Throws an Error for types that C of integers has not. */
export function requireInteger(type: number): void {
  if (type !== ValueType.I32 && type !== ValueType.I64)
    throw new Error(`unsupported in C: values of type ${hex(type)}`);
}
