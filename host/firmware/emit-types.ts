// What C of a function is made with: its module, and the types of C that its values have.
import { hex, ValueType } from '../toolchain/wasm-bytes.js';
import type { FunctionType, WasmModule } from '../toolchain/wasm-binary.js';
import { cType } from './expression.js';
import type { Narrow, Widths } from './widths/widths.js';

/** What a function sees of its module. */
export interface EmitContext {
  module: WasmModule;
  /** C names and types by index, imports included. */
  functions: { name: string; type: FunctionType }[];
  globals: { name: string; type: number; mutable: boolean; value: bigint }[];
  pages: number;
  /** Functions that other C calls, with the types of WASM. */
  exported: ReadonlySet<number>;
  /** What fits 16 bits, for parts that compute with so many. */
  widths: Widths | undefined;
}

/** How a parameter, or at -1 the result, of a function is in C if not as it is in WASM. */
export function narrowPlace(
  { exported, widths }: EmitContext,
  of: number,
  index: number,
): Narrow | undefined {
  return exported.has(of) ? undefined : widths?.local(of, index);
}

/** A parameter that other C gives in 32 bits, and that is kept in 16, has another name. */
export const isGivenWide = ({ exported, widths }: EmitContext, of: number, index: number): boolean =>
  exported.has(of) && widths?.local(of, index) !== undefined;

/** The C signature of a function. */
export function signature(context: EmitContext, index: number): string {
  const { name, type } = context.functions[index]!;
  const param = (t: number, i: number): string =>
    `${narrowPlace(context, index, i) ?? cType(t)} ${t === ValueType.I32 && isGivenWide(context, index, i) ? 'p' : 'l'}${i}`;
  const [result] = type.results;
  const returned = result === undefined ? 'void' : (narrowPlace(context, index, -1) ?? cType(result));
  return `${returned} ${name}(${type.params.map(param).join(', ') || 'void'})`;
}

/** Throws an Error for types that C of integers has not. */
export function requireInteger(type: number): void {
  if (type !== ValueType.I32 && type !== ValueType.I64)
    throw new Error(`unsupported in C: values of type ${hex(type)}`);
}
