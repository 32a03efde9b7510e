// What the tables of ops say of each. An op is a file or folder here, with one entry in each table of `index.ts`
// (docs/CONTRIBUTING.md). What its tiles read and write stands apart, in host/plan/footprint.ts: that one is the judge.
import type { OpRecord } from '../model/record.js';
import type { QuantizedOp, TensorSpec } from '../model/quantized-network.js';
import type { LoweredOp, TileLimits } from './shared/lowering.js';
import type { Work } from './shared/work.js';

/** Cycles of entering an op, and of one of its tiles, estimated. */
export interface Cycles {
  enter: number;
  tile: number;
}

/** Shapes that a record has, and its multiply-adds. */
export interface Shapes {
  inputShape: number[];
  outputShape: number[];
  /** For a circulant layer those of its dense equivalent. */
  macs: number;
}

/** How weights lie in NVM: rows of one length, and which value of the layer's weights each stored one is. */
export interface WeightLayout {
  rows: number;
  length: number;
  outputs: number;
  /** The zero point of the weights. */
  zeroPoint: number;
  /** Stored values in the order of the network's op. */
  order(stored: Int8Array): Int8Array;
  /** Whether outputs change fastest in that order, as of depthwise convolutions. */
  interleaved: boolean;
}

/**
 * What a record's kernel touches at most, by its fields, whatever they say: fields are taken without sign, so that a size below
 * zero is one that nothing holds.
 */
export interface Bounds {
  /** Bytes of each area of SRAM; 0: not used. */
  scratch: number[];
  /** Bytes read from the address in a field on. */
  reads: [field: number, bytes: number][];
  writes: [field: number, bytes: number][];
  /** What must be at most what, for the sizes above to hold, and for its loops to end. */
  demands: [name: string, found: number, most: number][];
}

/** An op of the device: what its record says. One for each kind. */
export interface RecordOp {
  /** What kind of layer people take it for, where several ops make one kind. */
  family: 'convolution' | 'dense' | 'circulant' | 'other';
  shapes(op: OpRecord): Shapes;
  cycles(op: OpRecord): Cycles;
  /** What its kernel does, to be priced by a device's body. */
  work(op: OpRecord): Work;
  bounds(op: OpRecord): Bounds;
  /** Whether `OP_FLAG_PLAIN` holds. */
  isPlain(op: OpRecord): boolean;
  /** FEATURE_* that the kernel must have for this record, beside those that flags say. */
  features(op: OpRecord): number;
  /** What the kind does not say, for people: ` 2×2·128`. */
  detail(op: OpRecord): string;
  /** Whether a core's DSP extension computes it where activations and weights are int8, or weights of 4 bits (docs/ACCEL.md). */
  accelerated(op: OpRecord): boolean;
  /** Whether any core computes it by tables of signs: weights are of 1 or 2 bits, and there is room (docs/ACCEL.md). */
  signed(op: OpRecord): boolean;
  /** Where its weights are, to compare them with a model's; undefined: it has none, or not one by one. */
  weights(op: OpRecord): WeightLayout | undefined;
}

/** What most ops are: plain, without weights, computed by plain code. */
export const SIMPLE = {
  family: 'other',
  isPlain: () => true,
  features: () => 0,
  detail: () => '',
  accelerated: () => false,
  signed: () => false,
  weights: () => undefined,
} as const satisfies Partial<RecordOp>;

/** An op of a network. One for each kind. */
export interface NetworkOp<Op extends QuantizedOp> {
  /** How many inputs it takes. */
  inputs(op: Op): number;
  /** Whether there are kernels for int16 activations. */
  int16: boolean;
  /** Throws `E_NETWORK` where shapes and arrays do not fit each other. */
  check(op: Op, inputs: readonly TensorSpec[], output: TensorSpec, wide: boolean): void;
  /** Σ w of each output, less the weights' zero point: what a bias takes of the input's zero point. Of ops with biases. */
  weightSums?(op: Op, inputs: readonly TensorSpec[], output: TensorSpec): Float64Array;
  /** Its records, in most cases one; the planner fills in the NVM addresses. Throws `E_PLAN` where it does not fit. */
  lower(op: Op, inputs: readonly TensorSpec[], output: TensorSpec, limits: TileLimits): LoweredOp[];
}

export const one = (): number => 1;
