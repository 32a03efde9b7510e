// docs/LEARNING.md §6 and the sums of §7: errors through an op, and the gradients of its weights; integers, or reals for the
// float reference.
import {
  elementCount,
  type Conv2d,
  type DepthwiseConv2d,
  type QuantizedNetwork,
} from '../model/quantized-network.js';
import { forWindow } from './forward.js';
import { inputOf, mapShape, outputOf, outputRows, type PassableOp, type WeightedOp } from './geometry.js';
import { bitLength, clampTo, roundShift } from './integer.js';

/** Sums: int32, or reals. */
type Sums = Int32Array | Float64Array;
type Weights = Int8Array | Float64Array;

/** Calls `visit` for every tap inside the map: output pixel, tap, input pixel. */
export function forTaps(
  network: QuantizedNetwork,
  op: Conv2d | DepthwiseConv2d,
  visit: (pixel: number, tap: number, from: number) => void,
): void {
  const [height, width] = mapShape(inputOf(network, op));
  const [rows, columns] = mapShape(outputOf(network, op));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let ky = 0; ky < op.kernel[0]; ky++) {
        const iy = row * op.stride[0] + ky * op.dilation[0] - op.padding[0];
        if (iy < 0 || iy >= height) continue;
        for (let kx = 0; kx < op.kernel[1]; kx++) {
          const ix = column * op.stride[1] + kx * op.dilation[1] - op.padding[1];
          if (ix < 0 || ix >= width) continue;
          visit(row * columns + column, ky * op.kernel[1] + kx, iy * width + ix);
        }
      }
    }
  }
}

function denseDown(weights: Weights, d: Sums, acc: Sums): void {
  for (let o = 0; o < d.length; o++) {
    const error = d[o]!;
    if (error === 0) continue;
    const row = o * acc.length;
    for (let i = 0; i < acc.length; i++) acc[i]! += weights[row + i]! * error;
  }
}

function circulantDown(k: number, weights: Weights, d: Sums, acc: Sums): void {
  const blocks = Math.ceil(acc.length / k);
  for (let o = 0; o < d.length; o++) {
    const error = d[o]!;
    if (error === 0) continue;
    const r = o & (k - 1);
    const row = (o - r) * blocks;
    // k is a power of two.
    for (let i = 0; i < acc.length; i++) {
      const c = i & (k - 1);
      acc[i]! += weights[row + i - c + ((r - c) & (k - 1))]! * error;
    }
  }
}

function convDown(network: QuantizedNetwork, op: Conv2d, weights: Weights, d: Sums, acc: Sums): void {
  const channels = mapShape(inputOf(network, op))[2];
  const outputs = mapShape(outputOf(network, op))[2];
  const taps = op.kernel[0] * op.kernel[1];
  forTaps(network, op, (pixel, tap, from) => {
    for (let o = 0; o < outputs; o++) {
      const error = d[pixel * outputs + o]!;
      if (error === 0) continue;
      const w = (o * taps + tap) * channels;
      for (let c = 0; c < channels; c++) acc[from * channels + c]! += weights[w + c]! * error;
    }
  });
}

function depthwiseDown(
  network: QuantizedNetwork,
  op: DepthwiseConv2d,
  weights: Weights,
  d: Sums,
  acc: Sums,
): void {
  const channels = mapShape(inputOf(network, op))[2];
  const outputs = mapShape(outputOf(network, op))[2];
  forTaps(network, op, (pixel, tap, from) => {
    for (let o = 0; o < outputs; o++) {
      const c = Math.floor((o * channels) / outputs);
      acc[from * channels + c]! += weights[tap * outputs + o]! * d[pixel * outputs + o]!;
    }
  });
}

function poolDown(
  network: QuantizedNetwork,
  op: PassableOp & { kind: 'maxPool2d' | 'averagePool2d' },
  x: Int8Array | Float64Array,
  d: Sums,
  acc: Sums,
): void {
  const shape = mapShape(inputOf(network, op));
  const columns = mapShape(outputOf(network, op))[1];
  for (let at = 0; at < d.length; at++) {
    const error = d[at]!;
    let largest = -1;
    forWindow(op, shape, columns, at, (index) => {
      if (op.kind === 'averagePool2d') acc[index]! += error;
      else if (largest < 0 || x[index]! > x[largest]!) largest = index;
    });
    if (largest >= 0) acc[largest]! += error;
  }
}

/** Adds what errors d of the op's output come to for its input x; a pool's or mean's are not divided by its area. */
export function addErrorsDown(
  network: QuantizedNetwork,
  op: PassableOp,
  weights: Weights,
  x: Int8Array | Float64Array,
  d: Sums,
  acc: Sums,
): void {
  switch (op.kind) {
    case 'dense':
      denseDown(weights, d, acc);
      break;
    case 'circulant':
      circulantDown(op.blockSize, weights, d, acc);
      break;
    case 'conv2d':
      convDown(network, op, weights, d, acc);
      break;
    case 'depthwiseConv2d':
      depthwiseDown(network, op, weights, d, acc);
      break;
    case 'mean':
      for (let i = 0; i < acc.length; i++) acc[i] = d[i % d.length]!;
      break;
    default:
      poolDown(network, op, x, d, acc);
  }
}

/** Errors in units of the largest of the outputs' scales. */
export const inOneUnit = (delta: Int32Array, ratios: Int32Array | undefined): Int32Array =>
  ratios ? delta.map((error, i) => roundShift(error * ratios[i % ratios.length]!, 15)) : delta;

/** Sums to errors of so many bits; returns how far they were shifted. Masked: 0 where y is at most its zero point. */
export function rescale(acc: Int32Array, bits: number, y: Int8Array, maskedAt: number | undefined): number {
  let most = 0;
  for (let i = 0; i < acc.length; i++) {
    if (maskedAt !== undefined && y[i]! <= maskedAt) acc[i] = 0;
    most = Math.max(most, Math.abs(acc[i]!));
  }
  const shift = Math.max(0, bitLength(most) - (bits - 1));
  const limit = 2 ** (bits - 1) - 1;
  for (let i = 0; i < acc.length; i++) acc[i] = clampTo(roundShift(acc[i]!, shift), -limit, limit);
  return shift;
}

/** An error, or sums before they are one: integers times 2^exponent. */
export interface ErrorValues {
  delta: Int32Array;
  exponent: number;
}

/** Bits that a sum of errors has beside theirs. */
const GUARD_BITS = 14;

/** The sums of an error and, if there is one, another whose σ is multiplier · 2^(shift − 14) times its own. */
export function addErrors(
  a: ErrorValues,
  b: ErrorValues | undefined,
  { multiplier, shift }: { multiplier: number; shift: number },
): ErrorValues {
  const from = b && b.exponent + shift;
  const most = from === undefined ? a.exponent : Math.max(a.exponent, from);
  const delta = a.delta.map((value, i) => {
    const own = (value << GUARD_BITS) >> Math.min(most - a.exponent, 31);
    return b ? own + ((b.delta[i]! * multiplier) >> Math.min(most - from!, 31)) : own;
  });
  return { delta, exponent: most - GUARD_BITS };
}

function circulantAside(
  k: number,
  [first, end]: readonly [number, number],
  x: Sums,
  delta: Sums,
  sums: Sums,
): void {
  const blocks = x.length / k;
  for (let o = first; o < end; o++) {
    const error = delta[o]!;
    if (error === 0) continue;
    const r = o & (k - 1);
    const row = (o - r) * blocks;
    for (let i = 0; i < x.length; i++) {
      const c = i & (k - 1);
      sums[row + i - c + ((r - c) & (k - 1))]! += error * x[i]!;
    }
  }
}

/** Adds Σ δ · (x − z) for every weight of rows [first, end), in W8's order. centred: x − z. */
export function weightGradients(
  network: QuantizedNetwork,
  op: WeightedOp,
  rows: readonly [number, number],
  centred: Sums,
  delta: Sums,
  sums: Sums,
): void {
  const outputs = outputRows(network, op);
  if (op.kind === 'circulant') {
    circulantAside(op.blockSize, rows, centred, delta, sums);
  } else if (op.kind === 'dense') {
    for (let o = rows[0]; o < rows[1]; o++) {
      const error = delta[o]!;
      if (error === 0) continue;
      for (let i = 0; i < centred.length; i++) sums[o * centred.length + i]! += error * centred[i]!;
    }
  } else {
    const channels = mapShape(inputOf(network, op))[2];
    const taps = op.kernel[0] * op.kernel[1];
    forTaps(network, op, (pixel, tap, from) => {
      for (let o = rows[0]; o < rows[1]; o++) {
        const error = delta[pixel * outputs + o]!;
        if (error === 0) continue;
        if (op.kind === 'depthwiseConv2d') {
          const c = Math.floor((o * channels) / outputs);
          sums[tap * outputs + o]! += error * centred[from * channels + c]!;
        } else {
          const w = (o * taps + tap) * channels;
          for (let c = 0; c < channels; c++) sums[w + c]! += error * centred[from * channels + c]!;
        }
      }
    });
  }
}

/** Adds Σ δ over an output row's pixels. */
export function biasGradients(network: QuantizedNetwork, op: WeightedOp, delta: Sums, sums: Sums): void {
  const outputs = outputRows(network, op);
  for (let i = 0; i < elementCount(outputOf(network, op)); i++) sums[i % outputs]! += delta[i]!;
}
