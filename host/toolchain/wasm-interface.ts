// What a module shows and holds besides code: imports, exports, globals, data and the names of its functions.
import { ByteReader, hex, Op, Section, ValueType } from './wasm-bytes.js';
import type { FunctionType, WasmModule } from './wasm-binary.js';

export interface WasmInterface {
  /** Imported functions, in the order of their indices. */
  imports: { module: string; name: string; type: FunctionType }[];
  /** Exported functions and globals by name; memories and tables left out. */
  exports: { name: string; kind: 'function' | 'global'; index: number }[];
  globals: { type: number; mutable: boolean; value: bigint }[];
  segments: { offset: number; bytes: Uint8Array }[];
  /** From the name section, where there is one. */
  functionNames: Map<number, string>;
}

/** Sections of code that needs more than functions, one memory, globals and active data. */
const UNSUPPORTED: Record<number, string> = { 4: 'table', 8: 'start', 9: 'element' };

function readers(module: WasmModule, id: number): ByteReader[] {
  return module.sections
    .filter((section) => section.id === id)
    .map(({ start, end }) => new ByteReader(module.bytes, start, end));
}

/** Calls `item` for every element of the section's vector. */
function forEachItem(module: WasmModule, id: number, item: (reader: ByteReader) => void): void {
  for (const reader of readers(module, id)) {
    for (let count = reader.u32(); count > 0; count--) item(reader);
  }
}

/** A constant expression: one `const` and `end`. */
function constant(reader: ByteReader): bigint {
  const opcode = reader.u8();
  if (opcode !== Op.I32_CONST && opcode !== Op.I64_CONST)
    throw new Error(`unsupported constant expression ${hex(opcode)} at offset ${reader.offset - 1}`);
  const value = reader.signed();
  if (reader.u8() !== Op.END) throw new Error(`unsupported constant expression at offset ${reader.offset}`);
  return value;
}

function functionNames(module: WasmModule): Map<number, string> {
  const names = new Map<number, string>();
  for (const reader of readers(module, Section.CUSTOM)) {
    if (reader.name() !== 'name') continue;
    while (reader.offset < reader.end) {
      const id = reader.u8();
      const size = reader.u32();
      if (id !== 1) reader.skip(size);
      else for (let count = reader.u32(); count > 0; count--) names.set(reader.u32(), reader.name());
    }
  }
  return names;
}

/** Reads what `parseModule` passes over. Throws an Error that names what is not supported. */
export function readInterface(module: WasmModule): WasmInterface {
  const found: WasmInterface = {
    imports: [],
    exports: [],
    globals: [],
    segments: [],
    functionNames: functionNames(module),
  };
  for (const { id } of module.sections) {
    if (UNSUPPORTED[id]) throw new Error(`unsupported: a ${UNSUPPORTED[id]} section`);
  }
  forEachItem(module, Section.IMPORT, (reader) => {
    const [from, name] = [reader.name(), reader.name()];
    if (reader.u8() !== 0) throw new Error(`unsupported: the import ${from}.${name} is no function`);
    found.imports.push({ module: from, name, type: module.types[reader.u32()]! });
  });
  forEachItem(module, Section.GLOBAL, (reader) => {
    const type = reader.u8();
    if (type !== ValueType.I32 && type !== ValueType.I64)
      throw new Error(`unsupported global of type ${hex(type)}`);
    found.globals.push({ type, mutable: reader.u8() === 1, value: constant(reader) });
  });
  forEachItem(module, Section.EXPORT, (reader) => {
    const [name, kind, index] = [reader.name(), reader.u8(), reader.u32()];
    if (kind === 0 || kind === 3) found.exports.push({ name, kind: kind ? 'global' : 'function', index });
  });
  forEachItem(module, Section.DATA, (reader) => {
    if (reader.u8() !== 0) throw new Error(`unsupported data segment at offset ${reader.offset - 1}`);
    const offset = Number(constant(reader));
    const size = reader.u32();
    reader.skip(size);
    found.segments.push({ offset, bytes: module.bytes.slice(reader.offset - size, reader.offset) });
  });
  return found;
}
