import { OP_BYTES } from '../../assembly/layout.js';

/** Writes and reads the 32-bit fields of an op record, by the offsets of assembly/layout.ts. */
export class OpRecord {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array = new Uint8Array(OP_BYTES)) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get(offset: number): number {
    return this.#view.getInt32(offset, true);
  }

  set(offset: number, value: number): void {
    this.#view.setInt32(offset, value, true);
  }

  /** A pair of 16-bit fields: the first in the low half. */
  getPair(offset: number): [number, number] {
    return [this.#view.getUint16(offset, true), this.#view.getUint16(offset + 2, true)];
  }

  setPair(offset: number, [first, second]: readonly [number, number]): void {
    this.#view.setUint16(offset, first, true);
    this.#view.setUint16(offset + 2, second, true);
  }
}
