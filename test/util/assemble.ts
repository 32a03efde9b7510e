import { ByteWriter } from '../../host/toolchain/wasm-bytes.js';

/** A function to assemble: `code` without its final `end`. */
export interface AssembledFunction {
  params: number[];
  results: number[];
  locals?: number[];
  code: ByteWriter;
}

/** A module by hand: types 0, 1, … are those of imports, then functions; functions are exported as f0, f1, … */
export interface Assembly {
  /** All from module `env`, named i0, i1, … */
  imports?: { params: number[]; results: number[] }[];
  functions: AssembledFunction[];
  /** Pages, initial = maximum; exported as `memory`. */
  pages?: number;
  /** Function indices in a table of their number. */
  table?: number[];
}

export const i32 = 0x7f;
export const i64 = 0x7e;
export const f32 = 0x7d;
export const f64 = 0x7c;
export const v128 = 0x7b;

/** Encodes a module; what it declares is up to the caller. */
export function assemble(assembly: Assembly): Uint8Array<ArrayBuffer> {
  const { imports = [], functions, pages, table } = assembly;
  const out = new ByteWriter().u8(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const section = (id: number, items: ByteWriter[]) => {
    const payload = new ByteWriter().u32(items.length);
    for (const item of items) payload.raw(item.bytes());
    out.u8(id).u32(payload.size).raw(payload.bytes());
  };
  const item = () => new ByteWriter();
  section(
    1,
    [...imports, ...functions].map(({ params, results }) =>
      item().u8(0x60, params.length, ...params, results.length, ...results),
    ),
  );
  if (imports.length)
    section(
      2,
      imports.map((_, i) => item().name('env').name(`i${i}`).u8(0).u32(i)),
    );
  section(
    3,
    functions.map((_, i) => item().u32(imports.length + i)),
  );
  if (table) section(4, [item().u8(0x70, 1, table.length, table.length)]);
  if (pages !== undefined) section(5, [item().u8(1).u32(pages).u32(pages)]);
  const exports = functions.map((_, i) =>
    item()
      .name(`f${i}`)
      .u8(0)
      .u32(imports.length + i),
  );
  if (pages !== undefined) exports.push(item().name('memory').u8(2, 0));
  section(7, exports);
  if (table) section(9, [item().u8(0, 0x41, 0, 0x0b, table.length, ...table)]);
  section(
    10,
    functions.map(({ locals = [], code }) => {
      const body = item().u32(locals.length);
      for (const type of locals) body.u8(1, type);
      body.raw(code.bytes()).u8(0x0b);
      return item().u32(body.size).raw(body.bytes());
    }),
  );
  // A name section, so that passes have a custom section to keep.
  const custom = item().name('producers').u8(0);
  out.u8(0).u32(custom.size).raw(custom.bytes());
  return out.bytes().slice();
}

/** Instantiates synchronously and types the exports as asked. */
export function instantiate<T>(wasm: Uint8Array<ArrayBuffer>, env: WebAssembly.ModuleImports = {}): T {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env });
  return instance.exports as T;
}
