// WebAssembly's types live in the DOM library; Node's own typings have none.

// The WASM binary format, as far as rewriting needs it: sections, LEB128 and a linear instruction decoder.
// Section and opcode numbers: WebAssembly Core Specification 2.0, chapter 5 (binary format).
// Rewriting copies the bytes of every instruction it keeps, so nothing that is not understood is re-encoded.

/** Section ids. */
export const Section = {
  CUSTOM: 0,
  TYPE: 1,
  IMPORT: 2,
  FUNCTION: 3,
  MEMORY: 5,
  GLOBAL: 6,
  EXPORT: 7,
  ELEMENT: 9,
  CODE: 10,
  DATA: 11,
  DATA_COUNT: 12,
} as const;

/** Value types, as they stand in the binary. */
export const ValueType = { I32: 0x7f, I64: 0x7e, F32: 0x7d, F64: 0x7c, V128: 0x7b } as const;

/** The block type of a block without parameters and results. */
export const EMPTY_BLOCK = 0x40;

/** Opcodes by name: those that the passes treat one by one. A prefixed opcode is prefix << 8 | number. */
export const Op = {
  UNREACHABLE: 0x00,
  NOP: 0x01,
  BLOCK: 0x02,
  LOOP: 0x03,
  IF: 0x04,
  ELSE: 0x05,
  END: 0x0b,
  BR: 0x0c,
  BR_IF: 0x0d,
  BR_TABLE: 0x0e,
  RETURN: 0x0f,
  CALL: 0x10,
  CALL_INDIRECT: 0x11,
  DROP: 0x1a,
  SELECT: 0x1b,
  LOCAL_GET: 0x20,
  LOCAL_SET: 0x21,
  LOCAL_TEE: 0x22,
  GLOBAL_GET: 0x23,
  GLOBAL_SET: 0x24,
  I32_LOAD: 0x28,
  I64_LOAD32_U: 0x35,
  I32_STORE: 0x36,
  I64_STORE32: 0x3e,
  MEMORY_SIZE: 0x3f,
  MEMORY_GROW: 0x40,
  I32_CONST: 0x41,
  I64_CONST: 0x42,
  F32_CONST: 0x43,
  F64_CONST: 0x44,
  I32_LT_U: 0x49,
  I32_GT_U: 0x4b,
  I64_GE_S: 0x59,
  I64_GT_U: 0x56,
  I64_ADD: 0x7c,
  I64_MUL: 0x7e,
  I64_EXTEND_I32_U: 0xad,
  MEMORY_COPY: 0xfc0a,
  MEMORY_FILL: 0xfc0b,
  V128_LOAD: 0xfd00,
  V128_LOAD64_SPLAT: 0xfd0a,
  V128_STORE: 0xfd0b,
  V128_CONST: 0xfd0c,
  I8X16_SHUFFLE: 0xfd0d,
  V128_LOAD8_LANE: 0xfd54,
  V128_STORE8_LANE: 0xfd58,
  V128_STORE64_LANE: 0xfd5b,
  V128_LOAD64_ZERO: 0xfd5d,
} as const;

export const hex = (value: number): string => `0x${value.toString(16)}`;

/** Reads bytes in order; reading past the end throws an Error that names the offset. */
export class ByteReader {
  constructor(
    readonly bytes: Uint8Array,
    public offset = 0,
    readonly end = bytes.length,
  ) {}

  u8(): number {
    if (this.offset >= this.end) throw new Error(`unexpected end of WASM at offset ${this.offset}`);
    return this.bytes[this.offset++]!;
  }

  skip(count: number): void {
    if (count > this.end - this.offset) throw new Error(`unexpected end of WASM at offset ${this.end}`);
    this.offset += count;
  }

  /** An unsigned LEB128 of at most 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      if (shift === 28 && byte > 15) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error(`LEB128 too long at offset ${this.offset}`);
  }

  /** Skips a signed LEB128 of at most `bits` bits: no pass needs the value of a constant. */
  skipSigned(bits: 33 | 32 | 64): void {
    for (let shift = 0; shift < bits; shift += 7) if (this.u8() < 0x80) return;
    throw new Error(`LEB128 too long at offset ${this.offset}`);
  }

  /** A signed LEB128 of at most 64 bits. */
  signed(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(Number(shift) + 7, value);
    }
    throw new Error(`LEB128 too long at offset ${this.offset}`);
  }

  name(): string {
    const size = this.u32();
    const start = this.offset;
    this.skip(size);
    return new TextDecoder().decode(this.bytes.subarray(start, this.offset));
  }
}

/** Writes bytes in order into a buffer that grows. All methods return `this`. */
export class ByteWriter {
  private buffer = new Uint8Array(256);
  size = 0;

  private reserve(count: number): void {
    if (this.size + count <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.size + count));
    grown.set(this.buffer.subarray(0, this.size));
    this.buffer = grown;
  }

  u8(...values: number[]): this {
    this.reserve(values.length);
    for (const value of values) this.buffer[this.size++] = value;
    return this;
  }

  u32(value: number): this {
    while (value > 0x7f) {
      this.u8((value & 0x7f) | 0x80);
      value = Math.floor(value / 128);
    }
    return this.u8(value);
  }

  /** A signed LEB128, for `i32.const`, `i64.const` and block types. */
  signed(value: number | bigint): this {
    let rest = BigInt(value);
    for (;;) {
      const byte = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && byte < 0x40) || (rest === -1n && byte >= 0x40)) return this.u8(byte);
      this.u8(byte | 0x80);
    }
  }

  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.size);
    this.size += bytes.length;
    return this;
  }

  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).raw(bytes);
  }

  /** An instruction with one index: `local.get`, `global.set`, `br`, … */
  op(opcode: number, index: number): this {
    return this.u8(opcode).u32(index);
  }

  /** The bytes written; a view that the next write invalidates. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.size);
  }
}

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
    if (flags > 1) throw new Error(`unsupported limits ${hex(flags)} at offset ${reader.offset - 1}`);
    return { initial: reader.u32(), maximum: flags === 1 ? reader.u32() : undefined };
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
