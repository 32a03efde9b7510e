// The bytes of the WASM binary format: numbers of sections, types and instructions, and LEB128 in and out.
// Section and opcode numbers: WebAssembly Core Specification 2.0, chapter 5 (binary format).

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
