// Integer inference in plain TypeScript, from docs/FORMAT.md: the ops that learn or pass errors. Accumulators take the
// folded biases, as a weight bank holds them.
import {
  elementCount,
  type AveragePool2d,
  type Conv2d,
  type DepthwiseConv2d,
  type MaxPool2d,
  type Mean,
  type QuantizedNetwork,
  type Requantization,
} from '../model/quantized-network.js';
import { inputOf, mapShape, outputOf, outputRows, type PassableOp, type WeightedOp } from './geometry.js';
import { clampTo, scaleInt32 } from './integer.js';

/** What a layer computes with. */
export interface Parameters {
  weights: Int8Array;
  /** b − z · Σ w, one an output row. */
  folded: Int32Array;
}

type Kernel = (x: Int8Array, parameters: Parameters) => Int8Array;

function requantize(op: Requantization, acc: number, channel: number, zeroPoint: number): number {
  const at = op.multipliers.length === 1 ? 0 : channel;
  return clampTo(scaleInt32(acc, op.multipliers[at]!, op.shifts[at]!) + zeroPoint, op.clampMin, op.clampMax);
}

/** Indices of output row o's weights; of a convolution's among `count` without blocks. */
function* weightsOf(network: QuantizedNetwork, op: WeightedOp, o: number, count: number): Generator<number> {
  const rows = outputRows(network, op);
  if (op.kind === 'depthwiseConv2d') {
    for (let i = o; i < op.weights.length; i += rows) yield i;
  } else if (op.kind === 'circulant') {
    const inputs = elementCount(inputOf(network, op));
    const k = op.blockSize;
    const blocks = Math.ceil(inputs / k);
    const r = o % k;
    for (let i = 0; i < inputs; i++) {
      const block = ((o - r) / k) * blocks + Math.floor(i / k);
      yield block * k + ((r - (i % k) + k) % k);
    }
  } else {
    const length = count / rows;
    for (let i = o * length; i < (o + 1) * length; i++) yield i;
  }
}

/** The parameters a network ships with. */
export function shippedParameters(network: QuantizedNetwork, op: WeightedOp): Parameters {
  const { zeroPoint } = inputOf(network, op);
  const offset = op.kind === 'dense' ? (op.weightZeroPoint ?? 0) : 0;
  const all = op.kind === 'conv2d' ? unfolded(network, op, op.weights) : op.weights;
  const folded = Int32Array.from(op.bias as Int32Array, (bias, o) => {
    let sum = 0;
    for (const i of weightsOf(network, op, o, all.length)) sum += all[i]! - offset;
    return bias - zeroPoint * sum;
  });
  return { weights: op.weights, folded };
}

function dot(a: Int8Array, from: number, b: Int8Array, to: number, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += a[from + i]! * b[to + i]!;
  return sum;
}

function dense(network: QuantizedNetwork, op: WeightedOp & { kind: 'dense' }): Kernel {
  const { zeroPoint } = outputOf(network, op);
  const y = new Int8Array(elementCount(outputOf(network, op)));
  const offset = op.weightZeroPoint ?? 0;
  return (x, { weights, folded }) => {
    const shared = offset === 0 ? 0 : offset * x.reduce((a, b) => a + b, 0);
    for (let o = 0; o < y.length; o++) {
      const acc = (dot(weights, o * x.length, x, 0, x.length) - shared + folded[o]!) | 0;
      y[o] = requantize(op, acc, o, zeroPoint);
    }
    return y;
  };
}

function circulant(network: QuantizedNetwork, op: WeightedOp & { kind: 'circulant' }): Kernel {
  const { zeroPoint } = outputOf(network, op);
  const y = new Int8Array(elementCount(outputOf(network, op)));
  const inputs = elementCount(inputOf(network, op));
  const k = op.blockSize;
  const blocks = Math.ceil(inputs / k);
  const reversed = new Int8Array(2 * k);
  const acc = new Int32Array(y.length);
  return (x, { weights, folded }) => {
    acc.set(folded);
    for (let block = 0; block * k < op.weights.length; block++) {
      // w[(r − c) mod k] is at k − r + c.
      for (let i = 0; i < 2 * k; i++) reversed[i] = weights[block * k + ((2 * k - i) % k)]!;
      const [row, column] = [Math.floor(block / blocks), block % blocks];
      const count = Math.min(k, inputs - column * k);
      const end = Math.min(k, y.length - row * k);
      for (let r = 0; r < end; r++) acc[row * k + r]! += dot(reversed, k - r, x, column * k, count);
    }
    for (let o = 0; o < y.length; o++) y[o] = requantize(op, acc[o]!, o, zeroPoint);
    return y;
  };
}

/** Weights [out][height][width][in] of circulant blocks, or as they are. */
function unfolded(network: QuantizedNetwork, op: Conv2d, weights: Int8Array): Int8Array {
  const k = op.blockSize ?? 1;
  if (k === 1) return weights;
  const inputs = inputOf(network, op).shape.at(-1)!;
  const outputs = outputOf(network, op).shape.at(-1)!;
  const taps = op.kernel[0] * op.kernel[1];
  const columns = Math.ceil(inputs / k);
  return Int8Array.from({ length: outputs * taps * inputs }, (_, i) => {
    const [c, tap, o] = [i % inputs, Math.floor(i / inputs) % taps, Math.floor(i / inputs / taps)];
    const block = (Math.floor(o / k) * taps + tap) * columns + Math.floor(c / k);
    return weights[block * k + (((o % k) - (c % k) + k) % k)]!;
  });
}

function conv2d(network: QuantizedNetwork, op: Conv2d): Kernel {
  const [input, output] = [inputOf(network, op), outputOf(network, op)];
  const [height, width, channels] = mapShape(input);
  const [rows, columns, outputs] = mapShape(output);
  const y = new Int8Array(rows * columns * outputs);
  const length = op.kernel[0] * op.kernel[1] * channels;
  const patch = new Int8Array(length);
  return (x, { weights, folded }) => {
    const all = unfolded(network, op, weights);
    for (let pixel = 0; pixel < rows * columns; pixel++) {
      const top = Math.floor(pixel / columns) * op.stride[0] - op.padding[0];
      const left = (pixel % columns) * op.stride[1] - op.padding[1];
      patch.fill(input.zeroPoint);
      for (let ky = 0, to = 0; ky < op.kernel[0]; ky++) {
        const iy = top + ky * op.dilation[0];
        for (let kx = 0; kx < op.kernel[1]; kx++, to += channels) {
          const ix = left + kx * op.dilation[1];
          if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
          const from = (iy * width + ix) * channels;
          for (let c = 0; c < channels; c++) patch[to + c] = x[from + c]!;
        }
      }
      for (let o = 0; o < outputs; o++) {
        const acc = (dot(all, o * length, patch, 0, length) + folded[o]!) | 0;
        y[pixel * outputs + o] = requantize(op, acc, o, output.zeroPoint);
      }
    }
    return y;
  };
}

function depthwiseConv2d(network: QuantizedNetwork, op: DepthwiseConv2d): Kernel {
  const [input, output] = [inputOf(network, op), outputOf(network, op)];
  const [height, width, channels] = mapShape(input);
  const [rows, columns, outputs] = mapShape(output);
  const y = new Int8Array(rows * columns * outputs);
  return (x, { weights, folded }) => {
    for (let at = 0; at < y.length; at++) {
      const o = at % outputs;
      const pixel = (at - o) / outputs;
      const c = Math.floor((o * channels) / outputs);
      let acc = folded[o]!;
      for (let ky = 0; ky < op.kernel[0]; ky++) {
        const iy = Math.floor(pixel / columns) * op.stride[0] + ky * op.dilation[0] - op.padding[0];
        for (let kx = 0; kx < op.kernel[1]; kx++) {
          const ix = (pixel % columns) * op.stride[1] + kx * op.dilation[1] - op.padding[1];
          const inside = iy >= 0 && iy < height && ix >= 0 && ix < width;
          const value = inside ? x[(iy * width + ix) * channels + c]! : input.zeroPoint;
          acc += weights[(ky * op.kernel[1] + kx) * outputs + o]! * value;
        }
      }
      y[at] = requantize(op, acc | 0, o, output.zeroPoint);
    }
    return y;
  };
}

/** Calls `visit` with the index of every input that an output's window holds, rows first. */
export function forWindow(
  op: MaxPool2d | AveragePool2d,
  [height, width, channels]: readonly [number, number, number],
  columns: number,
  at: number,
  visit: (index: number) => void,
): void {
  const c = at % channels;
  const pixel = (at - c) / channels;
  const top = Math.floor(pixel / columns) * op.stride[0] - op.padding[0];
  const left = (pixel % columns) * op.stride[1] - op.padding[1];
  for (let ky = 0; ky < op.kernel[0]; ky++) {
    const iy = top + ky * op.dilation[0];
    if (iy < 0 || iy >= height) continue;
    for (let kx = 0; kx < op.kernel[1]; kx++) {
      const ix = left + kx * op.dilation[1];
      if (ix >= 0 && ix < width) visit((iy * width + ix) * channels + c);
    }
  }
}

function pool2d(network: QuantizedNetwork, op: MaxPool2d | AveragePool2d): Kernel {
  const shape = mapShape(inputOf(network, op));
  const columns = mapShape(outputOf(network, op))[1];
  const y = new Int8Array(elementCount(outputOf(network, op)));
  return (x) => {
    for (let at = 0; at < y.length; at++) {
      let [most, sum, count] = [-128, 0, 0];
      forWindow(op, shape, columns, at, (index) => {
        most = Math.max(most, x[index]!);
        sum += x[index]!;
        count++;
      });
      const half = count >> 1;
      const mean = Math.trunc((sum < 0 ? sum - half : sum + half) / Math.max(count, 1));
      y[at] = clampTo(op.kind === 'maxPool2d' ? most : mean, op.clampMin, op.clampMax);
    }
    return y;
  };
}

function mean(network: QuantizedNetwork, op: Mean): Kernel {
  const [input, output] = [inputOf(network, op), outputOf(network, op)];
  const [height, width, channels] = mapShape(input);
  const pixels = height * width;
  const { multiplier, shift } = op.scaling;
  // TFLite's QuantizedMeanOrSum: the count divides the multiplier, brought up as far as it may be.
  const up = Math.min(31 - Math.clz32(pixels), 32, 31 + shift);
  const divided = Number((BigInt(multiplier) << BigInt(up)) / BigInt(pixels));
  const y = new Int8Array(channels);
  return (x) => {
    for (let c = 0; c < channels; c++) {
      let sum = -pixels * input.zeroPoint;
      for (let pixel = 0; pixel < pixels; pixel++) sum += x[pixel * channels + c]!;
      y[c] = clampTo(scaleInt32(sum, divided, shift - up) + output.zeroPoint, -128, 127);
    }
    return y;
  };
}

/** A function that computes `op`; its result is valid until it is called again. Pools and means take no parameters. */
export function kernelOf(network: QuantizedNetwork, op: PassableOp): Kernel {
  switch (op.kind) {
    case 'dense':
      return dense(network, op);
    case 'circulant':
      return circulant(network, op);
    case 'conv2d':
      return conv2d(network, op);
    case 'depthwiseConv2d':
      return depthwiseConv2d(network, op);
    case 'mean':
      return mean(network, op);
    default:
      return pool2d(network, op);
  }
}
