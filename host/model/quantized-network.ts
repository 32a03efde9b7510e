// The quantized network: what importers and the trainer produce and the planner lays out. Tensors are int8 or int16, NHWC
// without the batch dimension; ops run in order and name their tensors by index. All tensors of an op have one type.
import type { ActivationType, Values } from './values.js';
import type { WeightType } from './weight-types.js';

/** real = scale · (q − zeroPoint) */
export interface Quantization {
  scale: number;
  zeroPoint: number;
}

/** Shape and quantization of a tensor: real = scale · (integer − zero point). */
export interface TensorSpec extends Quantization {
  shape: readonly number[];
  /** Default int8. The zero point of int16 is 0. */
  dtype?: ActivationType;
  /** The model's file has them as uint8: they are stored less 128, and so is their zero point. */
  unsigned?: boolean;
}

/** One input or output of several. */
export interface Port {
  /** As the model's file has it. */
  name: string;
  tensor: TensorSpec;
  /** Of inputs: the range of reals that it takes, and whether its channels come first. */
  preprocessing?: { minimum: number; maximum: number; channelsFirst?: boolean };
}

/**
 * Accumulators to activations: y = clamp(zeroPoint + round(acc · multiplier · 2^(shift − 31))), one pair a channel or
 * one for all. Jacob et al. 2018, eq. 5; rounding as gemmlowp.
 */
export interface Requantization {
  /**
   * One a channel, without the input zero point's share. With int16 activations its type is the accumulators': int64
   * ones take 16 bits of the multiplier and are rounded once (TFLite's MultiplyByQuantizedMultiplier for int64).
   */
  bias: Int32Array | BigInt64Array;
  multipliers: Int32Array;
  shifts: Int32Array;
  clampMin: number;
  clampMax: number;
  /** Biases and scales in 4 bytes an output where that holds them exactly (docs/FORMAT.md); default 12 bytes. */
  lean?: boolean;
}

interface OpBase {
  name: string;
  inputs: readonly number[];
  output: number;
}

/** The geometry of a sliding window; every pair is [height, width], padding is [top, left]. */
export interface Window {
  kernel: readonly [number, number];
  stride: readonly [number, number];
  dilation: readonly [number, number];
  padding: readonly [number, number];
}

/** A convolution over height and width. */
export interface Conv2d extends OpBase, Window, Requantization {
  kind: 'conv2d';
  /** [out][height][width][in]; with blocks [block row][height][width][block][k], first columns. */
  weights: Int8Array;
  /** Default int8. */
  weightType?: WeightType;
  /** Size k of circulant blocks over channels, a power of two (CirCNN); default 1: none. */
  blockSize?: number;
  /** How to evaluate it; `auto` (default) leaves it to the planner's cost model. Where the way that it names is none, direct. */
  method?: ConvolutionMethod;
  /**
   * By Winograd's way: `stored` (default), weights are kept transformed, 3.6 times the bytes; `computed`: as they are, and
   * every tile transforms them again.
   */
  transformed?: WeightTransform;
}

/**
 * `direct`: as sums of products; `winograd`: 3 × 3 of stride 1 in fewer products; `sparse`: without blocks of weights that are
 * all zero; `ntt`: of circulant blocks, by number-theoretic transform. The results are the same.
 */
export type ConvolutionMethod = 'auto' | 'direct' | 'winograd' | 'sparse' | 'ntt';

/** What Winograd's way keeps of weights: transformed ones, or as they are. */
export type WeightTransform = 'stored' | 'computed';

/**
 * Whether a depthwise convolution and the pointwise one after it become one op: `auto`, where an inference takes less energy so;
 * `on`, wherever there is a kernel for both; `off`.
 */
export type FuseChoice = 'auto' | 'on' | 'off';

/** The greatest over a window; padding does not count. */
export interface MaxPool2d extends OpBase, Window {
  kind: 'maxPool2d';
  clampMin: number;
  clampMax: number;
}

/** A dense op: every output sees every input. */
export interface Dense extends OpBase, Requantization {
  kind: 'dense';
  /** [out][in] */
  weights: Int8Array;
  /** Default int8. */
  weightType?: WeightType;
  /** Zero point of the weights, an int8; default 0. */
  weightZeroPoint?: number;
}

/** A dense op of circulant blocks; equals the dense op that the blocks unfold to, bit for bit. */
export interface Circulant extends OpBase, Requantization {
  kind: 'circulant';
  /** A power of two. */
  blockSize: number;
  /** [block row][block][k]: each block's first column, y[r] = Σ w[(r − c) mod k]·x[c]; excess rows and columns unused. */
  weights: Int8Array;
  /** Of first columns that the image keeps, where they fill whole bytes (spectra are int32); default int8. */
  weightType?: WeightType;
  /** How to evaluate it; `auto` leaves it to the planner's cost model. */
  method: 'auto' | CirculantMethod;
  /**
   * By `ntt`: `stored` (default), weights are kept as spectra, 4 bytes each; `computed`: as they are, a byte each or less, and
   * every block row transforms its own again.
   */
  spectra?: SpectraChoice;
  /**
   * By `ntt`: spectra of the inputs are made by an op of their own wherever; default: where a charge asks for it. `direct`:
   * blocks of a row one by one, not together, which accelerators take; default: where there is no room for more.
   */
  apart?: true;
  /** Weights change on the device: bounds hold for any. */
  learns?: boolean;
}

/**
 * `direct`: in the time domain; `ntt`: by number-theoretic transform; `karatsuba`: by Chinese remainders and Karatsuba's trick,
 * for blocks of 4 … 512. The results are the same.
 */
export type CirculantMethod = 'direct' | 'ntt' | 'karatsuba';

/** Whether spectra of circulant weights lie in the image, or are computed when an op is entered. */
export type SpectraChoice = 'stored' | 'computed';

/** A convolution of each channel by itself. */
export interface DepthwiseConv2d extends OpBase, Window, Requantization {
  kind: 'depthwiseConv2d';
  /** [height][width][out]; output channel o sees input channel o / (out / in). */
  weights: Int8Array;
  /** Default int8. */
  weightType?: WeightType;
  /** Default auto. */
  fuse?: FuseChoice;
}

/** The mean over a window, rounded as TensorFlow Lite’s reference does; padding does not count. */
export interface AveragePool2d extends OpBase, Window {
  kind: 'averagePool2d';
  clampMin: number;
  clampMax: number;
}

/** multiplier · 2^(shift − 31) */
export interface Scaling {
  multiplier: number;
  shift: number;
}

/** As many values as the op's output has. */
export interface ConstantTensor {
  values: Values;
  zeroPoint: number;
}

/**
 * Element-wise sum: both inputs, shifted up, are scaled to one scale, added, and scaled to the output's. TFLite shifts
 * int8 up by 20 and int16 by 15; its sum of int16 whose scales are powers of two, one of them 2^s times the output's, is
 * leftShift 1 with the input scalings {2³⁰, 0} and {2³⁰, s}, and {2³⁰, 1} of the output.
 */
export interface Add extends OpBase {
  kind: 'add';
  /** In place of the second input. */
  constant?: ConstantTensor;
  leftShift: number;
  inputScalings: readonly [Scaling, Scaling];
  outputScaling: Scaling;
  clampMin: number;
  clampMax: number;
}

/** Element-wise product. */
export interface Mul extends OpBase {
  kind: 'mul';
  /** In place of the second input. */
  constant?: ConstantTensor;
  outputScaling: Scaling;
  clampMin: number;
  clampMax: number;
}

/** Softmax over the last dimension; the output's scale is 1/256, its zero point −128. Of int16: 1/32768 and 0. */
export interface Softmax extends OpBase {
  kind: 'softmax';
  /** Scale of the input times beta, with 5 integer bits; of int16, over 10/65535. */
  inputScaling: Scaling;
  /** Of int8: lesser differences to the row's maximum give 0. */
  diffMin: number;
}

/** The logistic function; the output's scale is 1/256, its zero point −128. */
export interface Logistic extends OpBase {
  kind: 'logistic';
}

/** Another scale and zero point. */
export interface Requantize extends OpBase {
  kind: 'requantize';
  scaling: Scaling;
}

/** Any function of one int8: output = table[input + 128]. */
export interface MapTable extends OpBase {
  kind: 'map';
  table: Int8Array;
}

/**
 * A function of one int16, by a table that is interpolated. With t = (x · multiplier, rounded) >> shift, n = t >> fraction and
 * f = t less n · 2^fraction: (table[n + 256] · 2^fraction + (table[n + 257] − table[n + 256]) · f + rounding) >> resultShift, and
 * `below` more in the brackets where t is below 0. From t = limit on n is 256, from −limit on −256, and f is 0.
 */
export interface Lookup extends OpBase {
  kind: 'lookup';
  /** 514 entries, of −256 … 257. */
  table: Int16Array;
  multiplier: number;
  shift: number;
  limit: number;
  fraction: number;
  rounding: number;
  below: number;
  resultShift: number;
}

/**
 * The same numbers in the other type: of int8 less its zero point, so that int16 holds them; of int16, which lie within int8
 * once the output's zero point is added (of others the low byte is left).
 */
export interface Convert extends OpBase {
  kind: 'convert';
}

/** Dimensions in another order. */
export interface Transpose extends OpBase {
  kind: 'transpose';
  /** Which dimension of the input each one of the output is; default the two of a matrix exchanged. */
  permutation?: readonly number[];
}

/** The input again and again, one behind the other. */
export interface Repeat extends OpBase {
  kind: 'repeat';
}

/** Mean over height and width. */
export interface Mean extends OpBase {
  kind: 'mean';
  /** Input scale over output scale. */
  scaling: Scaling;
  /** The sum instead. */
  total?: boolean;
}

/** Rows above and below, columns left and right, of the zero point. */
export interface Pad extends OpBase {
  kind: 'pad';
  rows: readonly [number, number];
  columns: readonly [number, number];
}

/** Joins tensors along `axis`; inputs of other scales than the output's are requantized. */
export interface Concat extends OpBase {
  kind: 'concat';
  axis: number;
}

/** The part of a tensor from `start` on along `axis`; how much is the output's shape. */
export interface Slice extends OpBase {
  kind: 'slice';
  axis: number;
  start: number;
}

/** The same integers under another shape: takes no time on the device. */
export interface Reshape extends OpBase {
  kind: 'reshape';
}

/**
 * The product of two activations of int8 whose zero points are 0: y[m][n] = Σ a[m][k] · b[n][k]; a is [M, 1, K], b has N · K
 * elements, the output is [M, 1, N]. Sums are of int32, brought to int8 as those of a convolution of 1 × 1.
 */
export interface Matmul extends OpBase, Omit<Requantization, 'bias'> {
  kind: 'matmul';
}

/** An op that computes: all but reshape, which only renames. */
export type ComputingOp =
  | Conv2d
  | Matmul
  | DepthwiseConv2d
  | MaxPool2d
  | AveragePool2d
  | Dense
  | Circulant
  | Add
  | Mul
  | Softmax
  | Logistic
  | Requantize
  | MapTable
  | Lookup
  | Convert
  | Transpose
  | Repeat
  | Mean
  | Pad
  | Concat
  | Slice;

/** An op of a quantized network; `kind` says which. */
export type QuantizedOp = ComputingOp | Reshape;

/** How a float network was quantized after training. */
export interface QuantizationChoices {
  ranges: 'max' | 'percentile' | 'mse';
  biasCorrection: boolean;
  /** Pairs of layers whose channels were brought to one size; 0: not asked for, or none that can be. */
  equalizedPairs: number;
}

/** What a network keeps from one inference to the next. */
export interface NetworkState {
  /** As the model's file has it. */
  name: string;
  /** Index of the tensor that ops read it by. */
  input: number;
  /** Index of the tensor that it is from the next inference on. */
  output: number;
  /** What it is before the first inference: one integer for all elements, or one each. */
  initial: readonly number[];
}

/** A network in integers, as `compile` takes it: ops over tensors by index, in the order they run. */
export interface QuantizedNetwork {
  /** Absent: quantized by whoever made the file. */
  quantization?: QuantizationChoices;
  name: string;
  tensors: readonly TensorSpec[];
  ops: readonly QuantizedOp[];
  /** Index of the input tensor. */
  input: number;
  /** Index of the answer. */
  output: number;
  /** Where the model has several inputs: what `input`, a vector of their integers side by side, consists of. */
  inputs?: readonly Port[];
  /** The same of several outputs. */
  outputs?: readonly Port[];
  /** What it keeps from one inference to the next, in banks that change places with the answer's cursor. */
  states?: readonly NetworkState[];
}

/** Elements of a tensor. */
export function elementCount(tensor: { shape: readonly number[] }): number {
  return tensor.shape.reduce((product, size) => product * size, 1);
}

/** Bytes of one element. */
export const elementBytes = ({ dtype }: { dtype?: ActivationType }): number => (dtype === 'int16' ? 2 : 1);

/** Bytes of a tensor. */
export const tensorBytes = (tensor: TensorSpec): number => elementCount(tensor) * elementBytes(tensor);

/**
 * A positive real factor as {multiplier, shift}: factor ≈ multiplier · 2^(shift − 31), multiplier in [2³⁰, 2³¹).
 * TFLite's QuantizeMultiplier.
 */
export function quantizeMultiplier(factor: number): { multiplier: number; shift: number } {
  if (factor === 0) return { multiplier: 0, shift: 0 };
  // `validateNetwork` refuses it.
  if (!(factor > 0 && factor < Infinity)) return { multiplier: Number.NaN, shift: 0 };
  let shift = 0;
  let fraction = factor;
  while (fraction < 0.5) {
    fraction *= 2;
    shift--;
  }
  while (fraction >= 1) {
    fraction /= 2;
    shift++;
  }
  let multiplier = Math.round(fraction * 2 ** 31);
  if (multiplier === 2 ** 31) {
    multiplier /= 2;
    shift++;
  }
  return shift < -31 ? { multiplier: 0, shift: 0 } : { multiplier, shift };
}
