import { KIND_S16, KIND_LEARNING, OP_BYTES, OP_KIND, type OpKind } from '../../assembly/layout.js';

/** Kinds of int8. */
export type Int8Kind = {
  [Name in keyof typeof OpKind]: Name extends `${string}_S8` ? (typeof OpKind)[Name] : never;
}[keyof typeof OpKind];

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

  /** The op's kind. */
  get kind(): OpKind {
    return this.#view.getUint8(OP_KIND);
  }

  /** Whether the op is one of learning jobs alone. */
  get isLearning(): boolean {
    return this.kind >= KIND_LEARNING;
  }

  /** The op's kind, or that of its int8 sibling, whose fields it shares. */
  get sibling(): Int8Kind {
    return this.kind & ~KIND_S16;
  }

  /** Bytes of an activation. */
  get valueBytes(): number {
    return this.kind & KIND_S16 ? 2 : 1;
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
