// A WASM module as C99: one static memory of the size that is asked for, no floats, no allocation, no library but
// memmove and memset. What the text stands on is firmware/brownout_wasm.h.
import { parseModule, type WasmModule } from '../toolchain/wasm-binary.js';
import { readInterface, type WasmInterface } from '../toolchain/wasm-interface.js';
import { emitFunction } from './emit-function.js';
import { type EmitContext, signature } from './emit-types.js';
import type { Widths } from './widths/widths.js';

export interface EmitOptions {
  /** What the names of exports begin with in C. */
  prefix: string;
  /** What fits 16 bits, for parts that compute with so many (widths/widths.ts). */
  widths?: Widths | undefined;
}

/** `assembly/kernels/conv2d_s8/tile` → `conv2d_s8_tile`. */
function readable(name: string): string {
  return name.split('/').slice(-2).join('_').replace(/\W+/g, '_');
}

/** C names of all functions: exports by their names, others by the name section, numbers where there is none. */
function functionNames(module: WasmModule, shown: WasmInterface, prefix: string): string[] {
  const count = shown.imports.length + module.bodies.length;
  const taken = new Set<string>();
  return Array.from({ length: count }, (_, index) => {
    const imported = shown.imports[index];
    const exported = shown.exports.find((item) => item.kind === 'function' && item.index === index);
    const known = shown.functionNames.get(index);
    const base = imported
      ? `${prefix}import_${imported.module}_${imported.name}`
      : !exported && known
        ? readable(known)
        : `${prefix}${exported ? exported.name : `f${index}`}`;
    const name = taken.has(base) ? `${base}_${index}` : base;
    taken.add(name);
    return name;
  });
}

function makeContext(module: WasmModule, shown: WasmInterface, { prefix, widths }: EmitOptions): EmitContext {
  const names = functionNames(module, shown, prefix);
  const types = [...shown.imports.map(({ type }) => type), ...module.bodies.map(({ type }) => type)];
  return {
    module,
    functions: names.map((name, i) => ({ name, type: types[i]! })),
    globals: shown.globals.map((global, i) => ({ ...global, name: `${prefix}g${i}` })),
    pages: module.memories[0]?.initial ?? 0,
    exported: new Set(shown.exports.filter(({ kind }) => kind === 'function').map(({ index }) => index)),
    widths,
  };
}

/** Functions whose contract memmove and memset keep: on a part of 16 bits they are the faster ones. */
const STANDARD: Record<string, string> = {
  'assembly/accel/bytes/copyBytes': '  memory_copy((uint32_t)l0, (uint32_t)l1, (uint32_t)l2);',
  'assembly/accel/bytes/fillBytes': '  memory_fill((uint32_t)l0, (uint32_t)l1, (uint32_t)l2);',
};

/** Bytes as rows of C numbers. */
export function cBytes(bytes: ArrayLike<number>): string[] {
  const rows: string[] = [];
  const all = Array.from(bytes);
  for (let at = 0; at < all.length; at += 24) rows.push(`  ${all.slice(at, at + 24).join(', ')},`);
  return rows;
}

/** `prefix`start(): what start-up code does on a part. */
function startFunction(shown: WasmInterface, context: EmitContext, prefix: string): string[] {
  const arrays = shown.segments.flatMap(({ bytes }, i) => [
    `static const uint8_t ${prefix}data${i}[${bytes.length}] = {`,
    ...cBytes(bytes),
    '};',
  ]);
  const copies = shown.segments.map(
    ({ offset, bytes }, i) => `  memcpy(wasm_memory.bytes + ${offset}, ${prefix}data${i}, ${bytes.length});`,
  );
  const variables = context.globals.filter(({ mutable }) => mutable);
  const end = Math.max(0, ...shown.segments.map(({ offset, bytes }) => offset + bytes.length));
  return [
    ...arrays,
    '',
    '/* Static data as it is before the first call. */',
    `void ${prefix}start(void) {`,
    ...(end > 0 ? [`  memset(wasm_memory.bytes, 0, ${end});`] : []),
    ...copies,
    ...variables.map(({ name, value }) => `  ${name} = (uint32_t)(${value}ll);`),
    '}',
  ];
}

/** The module's functions and `prefix`start, without the head that makes them a file. */
export function emitFunctions(wasm: Uint8Array, options: EmitOptions): string {
  const module = parseModule(wasm);
  const shown = readInterface(module);
  const context = makeContext(module, shown, options);
  const scope = (index: number): string => (context.exported.has(index) ? '' : 'static ');
  const prototypes = module.bodies.map(({ index }) => `${scope(index)}${signature(context, index)};`);
  const bodies = module.bodies.flatMap((body) => {
    const standard = options.widths && STANDARD[shown.functionNames.get(body.index) ?? ''];
    const [head, ...rest] = standard
      ? [`${signature(context, body.index)} {`, standard, '}']
      : emitFunction(context, body);
    return ['', `${scope(body.index)}${head}`, ...rest];
  });
  const globals = context.globals.filter(({ mutable }) => mutable);
  return [
    ...globals.map(({ name, type }) => `static ${type === 0x7f ? 'uint32_t' : 'uint64_t'} ${name};`),
    ...prototypes,
    '',
    ...startFunction(shown, context, options.prefix),
    ...bodies,
    '',
  ].join('\n');
}
