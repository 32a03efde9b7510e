// Naive reference kernels, written from the definitions: float64 accumulators (exact below 2⁵³), one loop a dimension.
import type { Values } from '../../host/model/values.js';
import { logisticOracle, lookupOracle, softmaxInt16Oracle, softmaxInt8Oracle } from './fixed-point-oracle.js';
import {
  type AveragePool2d,
  type Concat,
  type DepthwiseConv2d,
  type Mean,
  type Pad,
  type Scaling,
  elementCount,
  quantizeMultiplier,
  type Circulant,
  type Conv2d,
  type Dense,
  type MaxPool2d,
  type QuantizedNetwork,
  type Requantization,
  type TensorSpec,
} from '../../host/model/quantized-network.js';

/** TFLite's reduction of the multiplier to 16 bits for int64 accumulators; one rounding, half up. */
function scaleInt64(accumulator: number, multiplier: number, shift: number): number {
  const sixteen = Math.min(Math.floor(multiplier / 65536 + 0.5), 32767);
  const divisor = 1n << BigInt(15 - shift);
  const product = 2n * BigInt(accumulator) * BigInt(sixteen) + divisor;
  const remainder = ((product % (2n * divisor)) + 2n * divisor) % (2n * divisor);
  return Number((product - remainder) / (2n * divisor));
}

/**
 * MultiplyByQuantizedMultiplier, gemmlowp's SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT, on integers that float64
 * holds; multipliers are not negative.
 */
function scaleOracle(accumulator: number, { multiplier, shift }: Scaling): number {
  const x = (accumulator * 2 ** Math.max(shift, 0)) | 0;
  const size = Math.abs(x);
  const isNegative = x < 0 && multiplier > 0;
  // Truncating division of the product by 2³¹ after a nudge away from zero, as in gemmlowp's source. Halves of the multiplier keep
  // products below 2⁵³, where float64 is exact.
  const lower = size * (multiplier % 65536) + 2 ** 30 - (isNegative ? 1 : 0);
  const high = Math.floor((size * Math.floor(multiplier / 65536) + Math.floor(lower / 65536)) / 32768);
  const unit = 2 ** Math.max(-shift, 0);
  const rounded = Math.floor((high + Math.floor(unit / 2)) / unit);
  return isNegative ? -rounded : rounded;
}

/** An accumulator as what `channel` of `op` makes of it. */
export function requantizeOracle(
  accumulator: number,
  op: Requantization,
  channel: number,
  zeroPoint: number,
): number {
  const at = op.multipliers.length === 1 ? 0 : channel;
  const [multiplier, shift] = [op.multipliers[at]!, op.shifts[at]!];
  const y =
    op.bias instanceof BigInt64Array
      ? scaleInt64(accumulator, multiplier, shift)
      : scaleOracle(accumulator, { multiplier, shift });
  return Math.min(Math.max(y + zeroPoint, op.clampMin), op.clampMax);
}

/** A tensor's values, zeros or of `make`. */
function valuesOf({ shape, dtype }: TensorSpec, make: (index: number) => number = () => 0): Values {
  const from = { length: elementCount({ shape }) };
  return dtype === 'int16'
    ? Int16Array.from(from, (_, i) => make(i))
    : Int8Array.from(from, (_, i) => make(i));
}

type Shape3 = readonly [number, number, number];

/** One weight of a convolution, by the definition of circulant blocks where it has any. */
function convWeight(
  op: Conv2d,
  output: number,
  ky: number,
  kx: number,
  input: number,
  inputs: number,
): number {
  const k = op.blockSize ?? 1;
  const tap = ky * op.kernel[1] + kx;
  const taps = op.kernel[0] * op.kernel[1];
  const columns = Math.ceil(inputs / k);
  const blockRow = Math.floor(output / k);
  const block = (blockRow * taps + tap) * columns + Math.floor(input / k);
  const distance = (output - blockRow * k - (input % k) + k) % k;
  return op.weights[block * k + distance]!;
}

function convOracle(op: Conv2d, x: Values, input: TensorSpec, output: TensorSpec): Values {
  const [height, width, channels] = input.shape as Shape3;
  const [rows, columns, outputs] = output.shape as Shape3;
  const y = valuesOf(output);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < outputs; channel++) {
        let sum = Number(op.bias[channel]!);
        for (let ky = 0; ky < op.kernel[0]; ky++) {
          for (let kx = 0; kx < op.kernel[1]; kx++) {
            const iy = row * op.stride[0] + ky * op.dilation[0] - op.padding[0];
            const ix = column * op.stride[1] + kx * op.dilation[1] - op.padding[1];
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
            for (let c = 0; c < channels; c++) {
              const w = convWeight(op, channel, ky, kx, c, channels);
              sum += w * (x[(iy * width + ix) * channels + c]! - input.zeroPoint);
            }
          }
        }
        y[(row * columns + column) * outputs + channel] = requantizeOracle(
          sum,
          op,
          channel,
          output.zeroPoint,
        );
      }
    }
  }
  return y;
}

function maxPoolOracle(op: MaxPool2d, x: Values, input: TensorSpec, output: TensorSpec): Values {
  const [height, width, channels] = input.shape as Shape3;
  const [rows, columns] = output.shape as Shape3;
  const y = valuesOf(output);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let c = 0; c < channels; c++) {
        let most = -32768;
        for (
          let iy = row * op.stride[0] - op.padding[0], ky = 0;
          ky < op.kernel[0];
          ky++, iy += op.dilation[0]
        ) {
          for (
            let ix = column * op.stride[1] - op.padding[1], kx = 0;
            kx < op.kernel[1];
            kx++, ix += op.dilation[1]
          ) {
            if (iy >= 0 && iy < height && ix >= 0 && ix < width)
              most = Math.max(most, x[(iy * width + ix) * channels + c]!);
          }
        }
        y[(row * columns + column) * channels + c] = Math.min(Math.max(most, op.clampMin), op.clampMax);
      }
    }
  }
  return y;
}

function denseOracle(op: Dense, x: Values, input: TensorSpec, output: TensorSpec): Values {
  return valuesOf(output, (o) => {
    let sum = Number(op.bias[o]!);
    x.forEach((value, i) => {
      sum += (op.weights[o * x.length + i]! - (op.weightZeroPoint ?? 0)) * (value - input.zeroPoint);
    });
    return requantizeOracle(sum, op, o, output.zeroPoint);
  });
}

function circulantOracle(op: Circulant, x: Values, input: TensorSpec, output: TensorSpec): Values {
  const k = op.blockSize;
  const blocks = Math.ceil(x.length / k);
  return valuesOf(output, (o) => {
    let sum = Number(op.bias[o]!);
    x.forEach((value, i) => {
      const block = Math.floor(o / k) * blocks + Math.floor(i / k);
      const offset = ((o % k) - (i % k) + k) % k;
      sum += op.weights[block * k + offset]! * (value - input.zeroPoint);
    });
    return requantizeOracle(sum, op, o, output.zeroPoint);
  });
}

const clamp = (x: number, low = -128, high = 127): number => Math.min(Math.max(x, low), high);

function depthwiseOracle(op: DepthwiseConv2d, x: Values, input: TensorSpec, output: TensorSpec): Values {
  const [height, width, channels] = input.shape as Shape3;
  const [rows, columns, outputs] = output.shape as Shape3;
  const y = valuesOf(output);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < outputs; channel++) {
        let sum = Number(op.bias[channel]!);
        for (let ky = 0; ky < op.kernel[0]; ky++) {
          for (let kx = 0; kx < op.kernel[1]; kx++) {
            const iy = row * op.stride[0] + ky * op.dilation[0] - op.padding[0];
            const ix = column * op.stride[1] + kx * op.dilation[1] - op.padding[1];
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
            const from = (iy * width + ix) * channels + Math.floor(channel / (outputs / channels));
            sum += op.weights[(ky * op.kernel[1] + kx) * outputs + channel]! * (x[from]! - input.zeroPoint);
          }
        }
        y[(row * columns + column) * outputs + channel] = requantizeOracle(
          sum,
          op,
          channel,
          output.zeroPoint,
        );
      }
    }
  }
  return y;
}

function averagePoolOracle(op: AveragePool2d, x: Values, input: TensorSpec, output: TensorSpec): Values {
  const [height, width, channels] = input.shape as Shape3;
  const [rows, columns] = output.shape as Shape3;
  const y = valuesOf(output);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let c = 0; c < channels; c++) {
        let [sum, count] = [0, 0];
        for (let iy = row * op.stride[0] - op.padding[0], ky = 0; ky < op.kernel[0]; ky++, iy++) {
          for (let ix = column * op.stride[1] - op.padding[1], kx = 0; kx < op.kernel[1]; kx++, ix++) {
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
            sum += x[(iy * width + ix) * channels + c]!;
            count++;
          }
        }
        const mean =
          Math.sign(sum) * Math.floor((Math.abs(sum) + Math.floor(count / 2)) / Math.max(count, 1));
        y[(row * columns + column) * channels + c] = clamp(mean, op.clampMin, op.clampMax);
      }
    }
  }
  return y;
}

/** Softmax in float64: the fixed-point kernel must be within one step of it. */
export function softmaxReal(x: readonly number[], scale: number): number[] {
  const most = Math.max(...x);
  const powers = x.map((q) => Math.exp((q - most) * scale));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

function concatOracle(
  op: Concat,
  values: readonly Values[],
  inputs: readonly TensorSpec[],
  output: TensorSpec,
): Values {
  const axis = (op.axis + output.shape.length) % output.shape.length;
  const y = valuesOf(output);
  let start = 0;
  inputs.forEach((tensor, which) => {
    const requantize = quantizeMultiplier(tensor.scale / output.scale);
    const same = tensor.scale === output.scale && tensor.zeroPoint === output.zeroPoint;
    values[which]!.forEach((q, index) => {
      let rest = index;
      const at = tensor.shape.map(() => 0);
      for (let d = tensor.shape.length - 1; d >= 0; d--) {
        at[d] = rest % tensor.shape[d]!;
        rest = Math.floor(rest / tensor.shape[d]!);
      }
      at[axis]! += start;
      const to = at.reduce((sum, position, d) => sum * output.shape[d]! + position, 0);
      y[to] = same ? q : clamp(scaleOracle(q - tensor.zeroPoint, requantize) + output.zeroPoint);
    });
    start += tensor.shape[axis]!;
  });
  return y;
}

/** TFLite's QuantizedMeanOrSum: the count divides the multiplier. */
function meanOracle(op: Mean, x: Values, input: TensorSpec, output: TensorSpec): Values {
  const [height, width, channels] = input.shape as Shape3;
  const pixels = height * width;
  const count = op.total ? 1 : pixels;
  const up = Math.min(31 - Math.clz32(count), 32, 31 + op.scaling.shift);
  const multiplier = Number((BigInt(op.scaling.multiplier) << BigInt(up)) / BigInt(count));
  return valuesOf(output, (c) => {
    let sum = 0;
    for (let pixel = 0; pixel < pixels; pixel++) sum += x[pixel * channels + c]!;
    const scaled = scaleOracle(sum - pixels * input.zeroPoint, { multiplier, shift: op.scaling.shift - up });
    return clamp(scaled + output.zeroPoint);
  });
}

function padOracle(op: Pad, x: Values, input: TensorSpec, output: TensorSpec): Values {
  const [height, width, channels] = input.shape as Shape3;
  const y = valuesOf(output, () => input.zeroPoint);
  for (let row = 0; row < height; row++) {
    const to = ((row + op.rows[0]) * output.shape[1]! + op.columns[0]) * channels;
    y.set(x.subarray(row * width * channels, (row + 1) * width * channels), to);
  }
  return y;
}

/** Every tensor of `network` for input `x`. */
export function runOracle(network: QuantizedNetwork, x: Values): Values[] {
  const values: Values[] = [];
  values[network.input] = x;
  for (const op of network.ops) {
    const [input, output] = [network.tensors[op.inputs[0]!]!, network.tensors[op.output]!];
    const from = values[op.inputs[0]!]!;
    switch (op.kind) {
      case 'conv2d':
        values[op.output] = convOracle(op, from, input, output);
        break;
      case 'maxPool2d':
        values[op.output] = maxPoolOracle(op, from, input, output);
        break;
      case 'dense':
        values[op.output] = denseOracle(op, from, input, output);
        break;
      case 'circulant':
        values[op.output] = circulantOracle(op, from, input, output);
        break;
      case 'depthwiseConv2d':
        values[op.output] = depthwiseOracle(op, from, input, output);
        break;
      case 'averagePool2d':
        values[op.output] = averagePoolOracle(op, from, input, output);
        break;
      case 'add':
      case 'mul': {
        const other = values[op.inputs[1]!]!;
        const zero = network.tensors[op.inputs[1]!]!.zeroPoint;
        values[op.output] = from.map((q, i) => {
          const [a, b] = [q - input.zeroPoint, other[i]! - zero];
          const raw =
            op.kind === 'mul'
              ? a * b
              : scaleOracle(a * 2 ** op.leftShift, op.inputScalings[0]) +
                scaleOracle(b * 2 ** op.leftShift, op.inputScalings[1]);
          return clamp(scaleOracle(raw, op.outputScaling) + output.zeroPoint, op.clampMin, op.clampMax);
        });
        break;
      }
      case 'requantize':
        values[op.output] = from.map((q) =>
          clamp(scaleOracle(q - input.zeroPoint, op.scaling) + output.zeroPoint),
        );
        break;
      case 'matmul': {
        const other = values[op.inputs[1]!]!;
        const [depth, outputs] = [input.shape[2]!, output.shape[2]!];
        const sums = { ...op, bias: new Int32Array(outputs) };
        values[op.output] = valuesOf(output, (i) => {
          const [m, n] = [Math.floor(i / outputs), i % outputs];
          let sum = 0;
          for (let k = 0; k < depth; k++) sum += from[m * depth + k]! * other[n * depth + k]!;
          return requantizeOracle(sum, sums, n, output.zeroPoint);
        });
        break;
      }
      case 'mean':
        values[op.output] = meanOracle(op, from, input, output);
        break;
      case 'pad':
        values[op.output] = padOracle(op, from, input, output);
        break;
      case 'concat':
        values[op.output] = concatOracle(
          op,
          op.inputs.map((t) => values[t]!),
          op.inputs.map((t) => network.tensors[t]!),
          output,
        );
        break;
      case 'slice': {
        const axis = (op.axis + output.shape.length) % output.shape.length;
        const inner = output.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
        const row = output.shape[axis]! * inner;
        values[op.output] = valuesOf(output, (i) => {
          return from[Math.floor(i / row) * input.shape[axis]! * inner + op.start * inner + (i % row)]!;
        });
        break;
      }
      case 'softmax': {
        const oracle = input.dtype === 'int16' ? softmaxInt16Oracle : softmaxInt8Oracle;
        const depth = input.shape.at(-1)!;
        const rows = Array.from({ length: from.length / depth }, (_, row) =>
          oracle([...from.subarray(row * depth, (row + 1) * depth)], op),
        );
        const all = rows.flat();
        values[op.output] = valuesOf(output, (i) => all[i]!);
        break;
      }
      case 'logistic':
        values[op.output] = from.map((q) => logisticOracle(q - input.zeroPoint, input.scale));
        break;
      case 'convert': {
        const zero = output.zeroPoint - input.zeroPoint;
        values[op.output] = valuesOf(output, (i) => from[i]! + zero);
        break;
      }
      case 'lookup':
        values[op.output] = from.map((q) => lookupOracle(op, q));
        break;
      case 'map':
        values[op.output] = from.map((q) => op.table[q + 128]!);
        break;
      case 'reshape':
        values[op.output] = from;
    }
  }
  return values;
}
