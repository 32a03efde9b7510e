// What a learning image learns, and how: derived from the network once (derive.ts), and from there on the same numbers for
// the compiler (host/plan/learning) and the oracle (mirror.ts). docs/LEARNING.md has the arithmetic.

/** Options of learning, as `compile` takes them. */
export interface LearnOptions {
  /**
   * What learns: `sums` (a head by sums, docs/LEARNING.md §10); by gradients `last`, `bias` (the biases of all), `head:N` (the
   * last N layers with weights), `all`, or names with what of them: `fc2,conv1:bias,fc1:0-15` (rows); or `auto`: which of them
   * memory, energy and samples speak for (docs/LEARNING.md §10, "Choosing").
   */
  layers: string;
  loss?: 'cross-entropy' | 'mse';
  /** Of float SGD on real weights; default 1/64. */
  learningRate?: number;
  /** Ring samples learnt along with each labelled one; default 1. */
  replay?: number;
  /** Entries of the sample ring, 4 to 64; default 16, of a head by sums 10. */
  ring?: number;
  /** Whether inferences are kept for a late label; default true. */
  late?: boolean;
  /** Whether ring entries that give way are written over with zeros at once, by the job that frees them; default false. */
  wipeEvicted?: boolean;
  /** Labelled samples between two guards, 0 for none; default 32, without a guard below 8 ring entries. */
  guardEvery?: number;
  /** Every n-th labelled sample is held out for the guard, 0 for none; default 8 if there is a guard. */
  holdOut?: number;
  /** Most validation entries; default a quarter of the ring, at least 4. */
  validations?: number;
  /** Validation samples that the newer weights may get wrong more than the good ones; default half of them. */
  margin?: number;
  /** A sample right with a loss of at most this many bits is not learnt; below 0 all are; default 0.05. */
  sure?: number;
  /** Most that a weight may change in one update, in steps of int8; default 16. */
  clip?: number;
  /** Of weights: 0 (default), 0.5, 0.75, 0.875, … (1 − 2^−n); takes two bytes more a weight in each bank. */
  momentum?: number;
  seed?: number;
  /** Of a head by sums: directions that samples are projected to, 2 to 64; default 64, or 48 where that outlasts an inference. */
  rank?: number;
  /** How many samples of each class the factory's data counts for: more keep the old, fewer take on the new; default 3. */
  prior?: number;
  /** What is added to the variances within classes, as a share of their mean; default 800/4096. */
  ridge?: number;
  /** Labelled samples that wait before the head is made anew; default two less than the ring has entries. */
  fold?: number;
  /** Each fold takes 2^−decay off the sums that were there; 0 (default): nothing. */
  decay?: number;
  /** Of a head by sums: classes beyond the network's; none of them wins until it has a sample; default 0. */
  reserve?: number;
  /** Of a head by sums: whether the device can forget what it learnt of a class; default false. */
  forget?: boolean;
  /** Labelled samples of the factory's data, as the network takes them: what a head by sums begins with. */
  data?: readonly { input: Int8Array; label: number }[];
}

/** How a layer's parameters change. */
export interface LearnedLayer {
  /** Number among the learned layers, from the input. */
  layer: number;
  /** Weights and biases; or biases alone. */
  weights: boolean;
  /** Output rows that learn, [first, end). */
  rows: readonly [number, number];
  /** {m, s, mb, sb} of each output row, learning or not; of a circulant layer one for all (docs/LEARNING.md §7, §8). */
  pairs: Int32Array;
  /** Most an update may change W by, times 2^16. */
  clip: number;
  /** n of momentum 1 − 2^−n; 0: none, as where biases alone learn. */
  momentum: number;
  /** Of a dense layer whose weights learn: a sample moves the running means of inputs by 2^−n at the least; 0: there are none. */
  means: number;
}

/** One op with a gradient that errors reach, from the logits down. */
export interface BackwardStep {
  /** Index into the network's ops; never one that passes errors as they are. */
  op: number;
  learned: LearnedLayer | undefined;
  /** The error of the op's output, an index into the spec's errors. */
  error: number;
  /** Whether the error of its input is needed. */
  propagates: boolean;
  /** Each output channel's scale over the largest, times 32768, at most 32768; undefined if all are equal, or there are none. */
  ratios: Int32Array | undefined;
}

/** What comes back to a tensor from one of its readers. */
export interface ErrorTerm {
  /** Through a backward step, an index into the spec's steps; or the error of what the reader makes, an index into the errors. */
  from: { step: number } | { error: number };
  /** σ of it over that of the first term, the largest: multiplier · 2^(shift − 14), the multiplier from 2^13 to 2^14, or 0. */
  multiplier: number;
  shift: number;
}

/** The error of a tensor. Tensors whose error is that of what reads them share it. */
export interface ErrorSpec {
  tensor: number;
  /** int16 of so many bits. */
  bits: number;
  /** A ReLU made the tensor: errors of values at or below the zero point are 0. */
  masked: boolean;
  /** What it is the sum of, of one reader each; of the logits' error, which the loss makes, none. */
  terms: readonly ErrorTerm[];
}

export interface LossSpec {
  kind: 'cross-entropy' | 'mse';
  /** Tensor of the logits. */
  tensor: number;
  classes: number;
  /** Cross-entropy: c. Squared error: M. */
  scale: number;
  /** Squared error: what the right class should have, zero point taken off. */
  target: number;
  shift: number;
  /** Loss up to which a right sample is not learnt; −1: all are. */
  sure: number;
}

export interface LearningSpec {
  loss: LossSpec;
  /** Ops with gradients, from the logits down to the earliest learned one. */
  steps: BackwardStep[];
  /** In the order in which they are made: the logits' first. */
  errors: ErrorSpec[];
  /** Tensor that the ring keeps of a sample: all that learns, and all that comes after it, hangs on the input by this alone. */
  kept: number;
  /** Indices of the ops from there up to the logits, in their order; what lies below them never changes. */
  forward: number[];
  lanes: number;
  ringEntries: number;
  late: boolean;
  /** Entries that give way are written over with zeros. */
  wipes: boolean;
  guardEvery: number;
  holdOut: number;
  validations: number;
  margin: number;
  seed: number;
  learningRate: number;
  /** Of docs/LEARNING.md §8. */
  layers: string;
}
