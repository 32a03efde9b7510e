// What a head that learns by sums is, in numbers: docs/LEARNING.md §10. Derived from the network and samples of the factory once
// (derive.ts), and from there on the same for the compiler and the mirror.
import type { QuantizedNetwork } from '../../model/quantized-network.js';

/** Sums over samples, in sixteenths of a sample: all that is learnt. */
export interface Sums {
  /** Times that all were halved. */
  halvings: number;
  /** Samples folded in. */
  samples: number;
  /** Of those, samples of classes that were forgotten since: their scatter within stays. */
  forgotten: number;
  /** Of each class. */
  counts: Int32Array;
  /** [class][rank]: Σ p. */
  totals: Int32Array;
  /** Lower triangle, row after row: Σ p pᵀ. */
  products: Int32Array;
  /** [class][rank]: totals / counts, in 1/256. */
  means: Int16Array;
}

/** From what the head reads to the few numbers of a sample that are added up: p = (P · (x − centre)) / 2^shift, int8. */
export interface Projection {
  rank: number;
  inputs: number;
  /** [rank][inputs] */
  weights: Int8Array;
  /** −P · centre, one a row. */
  offsets: Int32Array;
  /** One a row, 1 … 22. */
  shifts: Uint8Array;
}

export interface SumsSpec {
  /** The network with a head that reads a projected sample and the factory's logits. */
  network: QuantizedNetwork;
  /** Index of that head, a dense op, in the network. */
  op: number;
  /** Tensors of what is projected, of the projected sample, of both that the head reads, and of the logits. */
  features: number;
  projected: number;
  joined: number;
  logits: number;
  /** The network's, and those reserved behind them. */
  classes: number;
  /** What the head reads: a projected sample, and the factory's logits. */
  joinedInputs: number;
  projection: Projection;
  prior: Sums;
  /** Ridge: the mean of the diagonal times so many 4096ths. */
  ridge: number;
  /** Logits of class means reach so far from the zero point. */
  reach: number;
  /** Samples that wait until they are folded in, and the head made anew. */
  every: number;
  /** Each fold takes 2^−decay off what was there; 0: nothing. */
  decay: number;
  /** Whether a class can be forgotten. */
  forget: boolean;
  ringEntries: number;
  late: boolean;
  /** Entries that give way are written over with zeros. */
  wipes: boolean;
}

export const triangle = (rank: number): number => (rank * (rank + 1)) / 2;

/** Bytes that sums take. */
export const sumsLength = (classes: number, rank: number): number =>
  16 + 4 * (classes * (1 + rank) + triangle(rank)) + 2 * classes * rank;

/** Sums as a weight bank has them. */
export function sumsBytes({
  halvings,
  samples,
  forgotten,
  counts,
  totals,
  products,
  means,
}: Sums): Uint8Array {
  const words = [halvings, samples, forgotten, 0, ...counts, ...totals, ...products];
  const bytes = new Uint8Array(4 * words.length + 2 * means.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setInt32(4 * i, word, true);
  });
  means.forEach((mean, i) => {
    view.setInt16(4 * words.length + 2 * i, mean, true);
  });
  return bytes;
}

/** Reads sums as a weight bank has them. */
export function readSums(bytes: Uint8Array, classes: number, rank: number): Sums {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 16;
  const words = (count: number): Int32Array => {
    const from = at;
    at += 4 * count;
    return Int32Array.from({ length: count }, (_, i) => view.getInt32(from + 4 * i, true));
  };
  const [counts, totals, products] = [words(classes), words(classes * rank), words(triangle(rank))];
  const means = Int16Array.from({ length: classes * rank }, (_, i) => view.getInt16(at + 2 * i, true));
  const [halvings, samples, forgotten] = [0, 4, 8].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  return { halvings, samples, forgotten, counts, totals, products, means };
}
