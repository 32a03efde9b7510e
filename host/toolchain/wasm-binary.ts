// WebAssembly's types live in the DOM library; Node's own typings have none.

// The WASM binary format, as far as rewriting needs it: sections and a linear instruction decoder.
// Rewriting copies the bytes of every instruction it keeps, so nothing that is not understood is re-encoded.
import { Section, Op, hex, ByteReader, ByteWriter } from './wasm-bytes.js';

/** Parameters and results, as value types. */
export interface FunctionType {
  params: number[];
  results: number[];
}

/** One function of the code section. */
export interface FunctionBody {
  /** Index in the module's function space, imports first. */
  index: number;
  type: FunctionType;
  /** Parameters and declared locals together: the index of the first local that a pass adds. */
  localCount: number;
  localGroups: number;
  /** Offset of the first local group, of the first instruction, and past the final `end`. */
  localsStart: number;
  codeStart: number;
  end: number;
}

/** What rewriting needs to know of a module; offsets are into `bytes`. */
export interface WasmModule {
  bytes: Uint8Array;
  /** In file order; `start` and `end` bound the payload. */
  sections: { id: number; start: number; end: number }[];
  types: FunctionType[];
  importedFunctions: number;
  /** Imported and defined ones together. */
  globalCount: number;
  exportNames: string[];
  memories: { imported: boolean; initial: number; maximum: number | undefined }[];
  bodies: FunctionBody[];
}

/**
 * Parses the sections of a module.
 * @throws Error naming the offset if the bytes are cut short, malformed, or use a feature beyond
 *   MVP + sign extension + saturating truncation + bulk copy and fill + multi-value + SIMD128.
 */
export function parseModule(bytes: Uint8Array): WasmModule {
  const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  if (header.some((byte, i) => bytes[i] !== byte)) throw new Error('not a WASM binary of version 1');
  const module: WasmModule = {
    bytes,
    sections: [],
    types: [],
    importedFunctions: 0,
    globalCount: 0,
    exportNames: [],
    memories: [],
    bodies: [],
  };
  const functionTypes: FunctionType[] = [];
  const reader = new ByteReader(bytes, 8);
  while (reader.offset < bytes.length) {
    const id = reader.u8();
    const size = reader.u32();
    const start = reader.offset;
    reader.skip(size);
    if (id > Section.DATA_COUNT) throw new Error(`unsupported section ${id} at offset ${start}`);
    module.sections.push({ id, start, end: reader.offset });
    parseSection(module, functionTypes, id, new ByteReader(bytes, start, reader.offset));
  }
  const defined = functionTypes.length - module.importedFunctions;
  if (module.bodies.length !== defined)
    throw new Error(`malformed WASM: ${defined} functions declared, ${module.bodies.length} bodies found`);
  return module;
}

function parseSection(module: WasmModule, functions: FunctionType[], id: number, reader: ByteReader): void {
  const repeat = (item: () => void) => {
    for (let count = reader.u32(); count > 0; count--) item();
    if (reader.offset !== reader.end) throw new Error(`malformed section ${id} at offset ${reader.offset}`);
  };
  const typeOf = (index: number) => {
    const type = module.types[index];
    if (!type) throw new Error(`unknown type ${index} at offset ${reader.offset}`);
    return type;
  };
  const valueTypes = () => {
    const types: number[] = [];
    for (let count = reader.u32(); count > 0; count--) types.push(reader.u8());
    return types;
  };
  const limits = () => {
    const flags = reader.u8();
    // 0, 1: with a maximum, 3: shared, too, which asks for one.
    if (flags === 2 || flags > 3)
      throw new Error(`unsupported limits ${hex(flags)} at offset ${reader.offset - 1}`);
    return { initial: reader.u32(), maximum: flags > 0 ? reader.u32() : undefined };
  };
  const importItem = () => {
    reader.name();
    reader.name();
    const kind = reader.u8();
    if (kind === 0) {
      functions.push(typeOf(reader.u32()));
      module.importedFunctions++;
    } else if (kind === 1) {
      reader.u8();
      limits();
    } else if (kind === 2) module.memories.push({ imported: true, ...limits() });
    else if (kind === 3) {
      reader.skip(2);
      module.globalCount++;
    } else throw new Error(`unsupported import kind ${kind} at offset ${reader.offset - 1}`);
  };
  const globalItem = () => {
    reader.skip(2);
    module.globalCount++;
    for (const { opcode } of decode(reader)) if (opcode === Op.END) break;
  };

  if (id === Section.TYPE)
    repeat(() => {
      const form = reader.u8();
      if (form !== 0x60) throw new Error(`unsupported type ${hex(form)} at offset ${reader.offset - 1}`);
      module.types.push({ params: valueTypes(), results: valueTypes() });
    });
  else if (id === Section.IMPORT) repeat(importItem);
  else if (id === Section.FUNCTION) repeat(() => functions.push(typeOf(reader.u32())));
  else if (id === Section.MEMORY) repeat(() => module.memories.push({ imported: false, ...limits() }));
  else if (id === Section.GLOBAL) repeat(globalItem);
  else if (id === Section.EXPORT)
    repeat(() => {
      module.exportNames.push(reader.name());
      reader.u8();
      reader.u32();
    });
  else if (id === Section.CODE) repeat(() => module.bodies.push(parseBody(module, functions, reader)));
}

function parseBody(module: WasmModule, functions: FunctionType[], reader: ByteReader): FunctionBody {
  const size = reader.u32();
  const end = reader.offset + size;
  const index = module.importedFunctions + module.bodies.length;
  const type = functions[index];
  if (!type) throw new Error(`function body ${index} has no declaration, at offset ${reader.offset}`);
  reader.skip(size);
  const locals = new ByteReader(reader.bytes, end - size, end);
  const localGroups = locals.u32();
  const localsStart = locals.offset;
  let localCount = type.params.length;
  for (let group = 0; group < localGroups; group++) {
    localCount += locals.u32();
    locals.u8();
  }
  return { index, type, localCount, localGroups, localsStart, codeStart: locals.offset, end };
}

/** The types of a function's locals, parameters first. */
export function localTypesOf(module: WasmModule, body: FunctionBody): number[] {
  const reader = new ByteReader(module.bytes, body.localsStart, body.codeStart);
  const types = [...body.type.params];
  for (let group = 0; group < body.localGroups; group++) {
    const count = reader.u32();
    const type = reader.u8();
    for (let i = 0; i < count; i++) types.push(type);
  }
  return types;
}

/** One instruction: its opcode, its bytes [start, end), and the immediates that the passes look at. */
export interface Instruction {
  opcode: number;
  start: number;
  end: number;
  /** Index of a local, global, function or type, or the depth of a label; 0 where there is none. */
  index: number;
  /** The static offset of a memory access. */
  memoryOffset: number;
  /** All labels of a `br_table`, the default last. */
  labels: number[];
}

// Numbers in the 0xfd space that SIMD128 leaves unused.
const simdHoles = new Set([
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4,
  0xe2, 0xee,
]);

/** Decodes instructions one after another until the reader's end; the caller stops earlier if it wants to. */
export function* decode(reader: ByteReader): Generator<Instruction, void> {
  while (reader.offset < reader.end) {
    const start = reader.offset;
    let opcode = reader.u8();
    if (opcode === 0xfc || opcode === 0xfd) {
      const number = reader.u32();
      if (number > 0xff) throw unsupported(`${hex(opcode)} ${hex(number)}`, start);
      opcode = (opcode << 8) | number;
    }
    const instruction: Instruction = { opcode, start, end: start, index: 0, memoryOffset: 0, labels: [] };
    readImmediates(reader, instruction);
    instruction.end = reader.offset;
    yield instruction;
  }
}

function unsupported(what: string, offset: number): Error {
  return new Error(
    `unsupported opcode ${what} at offset ${offset}: supported are MVP, sign extension, ` +
      'saturating truncation, memory.copy, memory.fill and SIMD128',
  );
}

function readImmediates(reader: ByteReader, instruction: Instruction): void {
  const { opcode } = instruction;
  const memoryArgument = () => {
    const alignment = reader.u32();
    if (alignment > 4) throw new Error(`unsupported alignment ${alignment} at offset ${instruction.start}`);
    instruction.memoryOffset = reader.u32();
  };
  const onlyMemoryZero = () => {
    if (reader.u8() !== 0) throw new Error(`more than one memory, at offset ${instruction.start}`);
  };

  if (opcode >= 0x45 && opcode <= 0xc4) return;
  if (opcode >= 0xfd0e && opcode <= 0xfdff) {
    const number = opcode & 0xff;
    if (simdHoles.has(number)) throw unsupported(hex(opcode), instruction.start);
    if (number >= 0x54 && number <= 0x5d) memoryArgument();
    if ((number >= 0x15 && number <= 0x22) || (number >= 0x54 && number <= 0x5b)) reader.u8(); // the lane
  } else if (opcode >= Op.V128_LOAD && opcode <= Op.V128_STORE) memoryArgument();
  else if (opcode === Op.V128_CONST || opcode === Op.I8X16_SHUFFLE) reader.skip(16);
  else if (opcode >= Op.I32_LOAD && opcode <= Op.I64_STORE32) memoryArgument();
  else if (opcode >= Op.LOCAL_GET && opcode <= Op.GLOBAL_SET) instruction.index = reader.u32();
  else if (opcode >= 0xfc00 && opcode <= 0xfc07) return;
  else
    switch (opcode) {
      case Op.UNREACHABLE:
      case Op.NOP:
      case Op.ELSE:
      case Op.END:
      case Op.RETURN:
      case Op.DROP:
      case Op.SELECT:
        return;
      case Op.BLOCK:
      case Op.LOOP:
      case Op.IF:
        reader.skipSigned(33);
        return;
      case Op.BR:
      case Op.BR_IF:
      case Op.CALL:
        instruction.index = reader.u32();
        return;
      case Op.BR_TABLE:
        for (let count = reader.u32(); count >= 0; count--) instruction.labels.push(reader.u32());
        return;
      case Op.CALL_INDIRECT:
        instruction.index = reader.u32();
        reader.u32();
        return;
      case Op.MEMORY_SIZE:
      case Op.MEMORY_GROW:
      case Op.MEMORY_FILL:
        onlyMemoryZero();
        return;
      case Op.MEMORY_COPY:
        onlyMemoryZero();
        onlyMemoryZero();
        return;
      case Op.I32_CONST:
        reader.skipSigned(32);
        return;
      case Op.I64_CONST:
        reader.skipSigned(64);
        return;
      case Op.F32_CONST:
        reader.skip(4);
        return;
      case Op.F64_CONST:
        reader.skip(8);
        return;
      default:
        throw unsupported(hex(opcode), instruction.start);
    }
}

/** The instructions of one function, its final `end` included. Throws if blocks and `end`s do not match. */
export function* instructionsOf(module: WasmModule, body: FunctionBody): Generator<Instruction, void> {
  let depth = 1;
  for (const instruction of decode(new ByteReader(module.bytes, body.codeStart, body.end))) {
    const { opcode } = instruction;
    if (depth === 0)
      throw new Error(`instructions after the end of a function, at offset ${instruction.start}`);
    if (opcode === Op.BLOCK || opcode === Op.LOOP || opcode === Op.IF) depth++;
    else if (opcode === Op.END) depth--;
    yield instruction;
  }
  if (depth !== 0) throw new Error(`function without its end, at offset ${body.end}`);
}

/**
 * The code section with every function rewritten: `rewrite` writes a function's instructions, with the final
 * `end`, and returns the types of the locals it adds; the first of them has the index `body.localCount`.
 */
export function rewriteCode(
  module: WasmModule,
  rewrite: (body: FunctionBody, out: ByteWriter) => number[],
): Uint8Array {
  const section = new ByteWriter().u32(module.bodies.length);
  for (const body of module.bodies) {
    const code = new ByteWriter();
    const added = rewrite(body, code);
    const locals = new ByteWriter().u32(body.localGroups + added.length);
    locals.raw(module.bytes.subarray(body.localsStart, body.codeStart));
    for (const type of added) locals.u8(1, type);
    section
      .u32(locals.size + code.size)
      .raw(locals.bytes())
      .raw(code.bytes());
  }
  return section.bytes();
}

/** The payload of a section that is a vector, with `items` (encoded) appended; the section may be absent. */
export function appendItems(module: WasmModule, id: number, items: Uint8Array[]): Uint8Array {
  const section = module.sections.find((candidate) => candidate.id === id);
  const reader = section && new ByteReader(module.bytes, section.start, section.end);
  const out = new ByteWriter().u32((reader?.u32() ?? 0) + items.length);
  if (reader) out.raw(module.bytes.subarray(reader.offset, reader.end));
  for (const item of items) out.raw(item);
  return out.bytes();
}

// Where a section stands in a file: by id, but the data count stands before the code.
const rank = (id: number) => (id === Section.DATA_COUNT ? Section.ELEMENT + 0.5 : id);

/** The module's bytes, with the payloads in `replaced` in place of, or in addition to, its own sections. */
export function encodeModule(
  module: WasmModule,
  replaced: ReadonlyMap<number, Uint8Array>,
): Uint8Array<ArrayBuffer> {
  const sections = module.sections.map(({ id, start, end }) => ({
    id,
    payload: replaced.get(id) ?? module.bytes.subarray(start, end),
  }));
  for (const [id, payload] of replaced) {
    if (module.sections.some((section) => section.id === id)) continue;
    const next = sections.findIndex(
      (section) => section.id !== Section.CUSTOM && rank(section.id) > rank(id),
    );
    sections.splice(next < 0 ? sections.length : next, 0, { id, payload });
  }
  const out = new ByteWriter().raw(module.bytes.subarray(0, 8));
  for (const { id, payload } of sections) out.u8(id).u32(payload.length).raw(payload);
  return out.bytes().slice();
}

/**
 * Throws unless the engine accepts the module, so that a pass never turns an invalid module into a valid one.
 * @throws Error with the engine's reason.
 */
export function requireValid(wasm: Uint8Array<ArrayBuffer>): void {
  // Compiling is the only way to hear the reason; validating first keeps the good case cheap.
  if (!WebAssembly.validate(wasm)) new WebAssembly.Module(wasm);
}
