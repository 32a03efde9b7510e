// A flatbuffer, every access checked against the file: what it says of itself may be wrong.
import { BrownoutError } from '../../error.js';

/** Throws `E_TFLITE`: the file is not what a converter writes. */
export function damaged(found: string, expected: string): never {
  throw new BrownoutError({
    code: 'E_TFLITE',
    found,
    expected,
    hint: 'The file is damaged, or no TensorFlow Lite model: convert or copy it again.',
  });
}

/** A table: fields by their number in the schema. */
export class FlatTable {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #at: number;
  readonly #fields: number;
  readonly #fieldBytes: number;

  /** The table at byte `at`. */
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
    this.#check(at, 4);
    this.#fields = at - this.#view.getInt32(at, true);
    this.#check(this.#fields, 4);
    this.#fieldBytes = this.#view.getUint16(this.#fields, true);
    this.#check(this.#fields, this.#fieldBytes);
  }

  /** The root table of a file. */
  static root(bytes: Uint8Array): FlatTable {
    if (bytes.length < 8) damaged(`a file of ${bytes.length} bytes`, 'a flatbuffer');
    return new FlatTable(bytes, new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true));
  }

  #check(at: number, bytes: number): void {
    if (at >= 0 && at + bytes <= this.#bytes.length) return;
    damaged(`${bytes} bytes at ${at}, in a file of ${this.#bytes.length}`, 'offsets inside the file');
  }

  /** Where field `field` is; 0 if it is left out. */
  #find(field: number, bytes: number): number {
    const entry = 4 + field * 2;
    if (entry + 2 > this.#fieldBytes) return 0;
    const offset = this.#view.getUint16(this.#fields + entry, true);
    if (offset === 0) return 0;
    this.#check(this.#at + offset, bytes);
    return this.#at + offset;
  }

  /** What an offset at `at` points to. */
  #follow(at: number): number {
    return at + this.#view.getUint32(at, true);
  }

  has(field: number): boolean {
    return this.#find(field, 1) !== 0;
  }

  int8(field: number, absent = 0): number {
    const at = this.#find(field, 1);
    return at === 0 ? absent : this.#view.getInt8(at);
  }

  int32(field: number, absent = 0): number {
    const at = this.#find(field, 4);
    return at === 0 ? absent : this.#view.getInt32(at, true);
  }

  uint32(field: number): number {
    return this.int32(field) >>> 0;
  }

  float32(field: number, absent: number): number {
    const at = this.#find(field, 4);
    return at === 0 ? absent : this.#view.getFloat32(at, true);
  }

  table(field: number): FlatTable | undefined {
    const at = this.#find(field, 4);
    return at === 0 ? undefined : new FlatTable(this.#bytes, this.#follow(at));
  }

  /** First byte and length of a vector of elements of `size` bytes. */
  #vector(field: number, size: number): { start: number; length: number } {
    const at = this.#find(field, 4);
    if (at === 0) return { start: 0, length: 0 };
    const vector = this.#follow(at);
    this.#check(vector, 4);
    const length = this.#view.getUint32(vector, true);
    this.#check(vector + 4, length * size);
    return { start: vector + 4, length };
  }

  tables(field: number): FlatTable[] {
    const { start, length } = this.#vector(field, 4);
    return Array.from({ length }, (_, i) => new FlatTable(this.#bytes, this.#follow(start + i * 4)));
  }

  bytes(field: number): Uint8Array {
    const { start, length } = this.#vector(field, 1);
    return this.#bytes.subarray(start, start + length);
  }

  int32s(field: number): number[] {
    const { start, length } = this.#vector(field, 4);
    return Array.from({ length }, (_, i) => this.#view.getInt32(start + i * 4, true));
  }

  float32s(field: number): number[] {
    const { start, length } = this.#vector(field, 4);
    return Array.from({ length }, (_, i) => this.#view.getFloat32(start + i * 4, true));
  }

  int64s(field: number): bigint[] {
    const { start, length } = this.#vector(field, 8);
    return Array.from({ length }, (_, i) => this.#view.getBigInt64(start + i * 8, true));
  }

  text(field: number): string {
    return new TextDecoder().decode(this.bytes(field).subarray(0, 200));
  }
}
