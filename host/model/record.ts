import {
  ActivationType,
  KIND_LEARNING,
  OP_ACTIVATION_TYPE,
  OP_BIAS_SHIFT,
  OP_BYTES,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_FLAGS,
  OP_GRAIN,
  OP_INPUT_ZERO_POINT,
  OP_KIND,
  OP_OUTPUT_ZERO_POINT,
  OP_SCALE_FORMAT,
  OP_SCALE_SHIFT,
  OP_WEIGHT_TYPE,
  OpKind,
  ScaleFormat,
} from '../../assembly/layout.js';
import { refuseRecord } from './image-error.js';

/** Kinds of ops of a head by sums. */
export type SumsKind =
  OpKind.DUE | OpKind.FOLD | OpKind.FORGET | OpKind.FACTOR | OpKind.SOLVE | OpKind.REQUANTIZE | OpKind.SETTLE;

/** Kinds of ops of learning alone. */
export type LearningKind =
  | SumsKind
  | OpKind.TURN
  | OpKind.LOSS
  | OpKind.LOOP
  | OpKind.CONV2D_GRAD
  | OpKind.DEPTHWISE_GRAD
  | OpKind.CIRCULANT_GRAD
  | OpKind.MAX_POOL_GRAD
  | OpKind.AVG_POOL_GRAD
  | OpKind.RESCALE
  | OpKind.ADD_GRAD
  | OpKind.UPDATE_CONV2D
  | OpKind.UPDATE_DEPTHWISE
  | OpKind.UPDATE_CIRCULANT
  | OpKind.FINISH
  | OpKind.WIPE
  | OpKind.FLIP;

/** Kinds of ops of inference. */
export type InferenceKind = Exclude<OpKind, LearningKind>;

/** Bytes of the fields that are not of 32 bits. */
const NARROW: Readonly<Record<number, 1 | 2>> = {
  [OP_KIND]: 1,
  [OP_ACTIVATION_TYPE]: 1,
  [OP_WEIGHT_TYPE]: 1,
  [OP_SCALE_FORMAT]: 1,
  [OP_BIAS_SHIFT]: 1,
  [OP_SCALE_SHIFT]: 1,
  [OP_FLAGS]: 2,
  [OP_GRAIN]: 2,
  [OP_INPUT_ZERO_POINT]: 2,
  [OP_OUTPUT_ZERO_POINT]: 2,
  [OP_CLAMP_MIN]: 2,
  [OP_CLAMP_MAX]: 2,
};

/** Writes and reads the fields of an op record, by the offsets of assembly/layout.ts. */
export class OpRecord {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array = new Uint8Array(OP_BYTES)) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The field at `offset`, signed but for those of a byte. */
  get(offset: number): number {
    const bytes = NARROW[offset];
    if (bytes === 1) return this.#view.getUint8(offset);
    return bytes === 2 ? this.#view.getInt16(offset, true) : this.#view.getInt32(offset, true);
  }

  set(offset: number, value: number): void {
    const bytes = NARROW[offset];
    if (bytes === 1) this.#view.setUint8(offset, value);
    else if (bytes === 2) this.#view.setInt16(offset, value, true);
    else this.#view.setInt32(offset, value, true);
  }

  /** The op's kind. */
  get kind(): OpKind {
    return this.get(OP_KIND);
  }

  /** The op's kind, one of inference. Throws where it is not. */
  get inference(): InferenceKind {
    const { kind } = this;
    if (!isInference(kind)) refuseRecord(`an op of kind ${kind} that infers`, 'a kind of inference');
    return kind;
  }

  /** Whether the op is one of learning alone. */
  get isLearning(): boolean {
    return this.kind >= KIND_LEARNING;
  }

  /** Whether all of `flags` (OP_FLAG_*) are set. */
  has(flags: number): boolean {
    return (this.get(OP_FLAGS) & flags) === flags;
  }

  /** Sets `flags`. */
  mark(flags: number): void {
    this.set(OP_FLAGS, this.get(OP_FLAGS) | flags);
  }

  /** Clears `flags`. */
  unmark(flags: number): void {
    this.set(OP_FLAGS, this.get(OP_FLAGS) & ~flags);
  }

  /** Bytes of an activation. */
  get valueBytes(): number {
    return 1 << this.get(OP_ACTIVATION_TYPE);
  }

  /** Whether biases and scales take 4 bytes an output. */
  get isLean(): boolean {
    return this.get(OP_SCALE_FORMAT) === ScaleFormat.LEAN;
  }

  /** Whether activations are int8. */
  get isInt8(): boolean {
    return this.get(OP_ACTIVATION_TYPE) === ActivationType.INT8;
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

/** Whether `kind` is one of inference. */
export const isInference = (kind: OpKind): kind is InferenceKind => kind < KIND_LEARNING;

/** The kernel of `kind` for activations of `type`, as docs/FORMAT.md names it: `conv2d_s8`. */
export function kernelName(kind: OpKind, type: ActivationType): string {
  const name = (OpKind[kind] ?? `op ${kind}`).toLowerCase();
  return isInference(kind) ? `${name}_s${8 << type}` : name;
}
