// Naive reference kernels, written from the definitions: float64 accumulators, one loop a dimension, BigInt rounding.
import {
  elementCount,
  type Circulant,
  type Conv2d,
  type Dense,
  type MaxPool2d,
  type QuantizedNetwork,
  type Requantization,
  type TensorSpec,
} from '../../host/model/quantized-network.js';

/** gemmlowp: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT, on unbounded integers. */
export function requantizeOracle(
  accumulator: number,
  op: Requantization,
  channel: number,
  zeroPoint: number,
): number {
  const at = op.multipliers.length === 1 ? 0 : channel;
  const shift = BigInt(op.shifts[at]!);
  const left = shift > 0n ? shift : 0n;
  const right = shift > 0n ? 0n : -shift;
  const x = BigInt.asIntN(32, BigInt(accumulator) << left);
  const product = x * BigInt(op.multipliers[at]!);
  // Truncating division after a nudge away from zero, as in gemmlowp's source.
  const high = (product + (product >= 0n ? 1n << 30n : 1n - (1n << 30n))) / (1n << 31n);
  const magnitude = high < 0n ? -high : high;
  const half = right > 0n ? 1n << (right - 1n) : 0n;
  const rounded = (magnitude + half) >> right;
  const y = Number(high < 0n ? -rounded : rounded) + zeroPoint;
  return Math.min(Math.max(y, op.clampMin), op.clampMax);
}

type Shape3 = readonly [number, number, number];

function convOracle(op: Conv2d, x: Int8Array, input: TensorSpec, output: TensorSpec): Int8Array {
  const [height, width, channels] = input.shape as Shape3;
  const [rows, columns, outputs] = output.shape as Shape3;
  const y = new Int8Array(elementCount(output));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < outputs; channel++) {
        let sum = op.bias[channel]!;
        for (let ky = 0; ky < op.kernel[0]; ky++) {
          for (let kx = 0; kx < op.kernel[1]; kx++) {
            const iy = row * op.stride[0] + ky * op.dilation[0] - op.padding[0];
            const ix = column * op.stride[1] + kx * op.dilation[1] - op.padding[1];
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
            for (let c = 0; c < channels; c++) {
              const w = op.weights[((channel * op.kernel[0] + ky) * op.kernel[1] + kx) * channels + c]!;
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

function maxPoolOracle(op: MaxPool2d, x: Int8Array, input: TensorSpec, output: TensorSpec): Int8Array {
  const [height, width, channels] = input.shape as Shape3;
  const [rows, columns] = output.shape as Shape3;
  const y = new Int8Array(elementCount(output));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let c = 0; c < channels; c++) {
        let most = -128;
        for (let iy = row * op.stride[0] - op.padding[0], ky = 0; ky < op.kernel[0]; ky++, iy++) {
          for (let ix = column * op.stride[1] - op.padding[1], kx = 0; kx < op.kernel[1]; kx++, ix++) {
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

function denseOracle(op: Dense, x: Int8Array, input: TensorSpec, output: TensorSpec): Int8Array {
  return Int8Array.from({ length: elementCount(output) }, (_, o) => {
    const sum = x.reduce(
      (s, value, i) => s + op.weights[o * x.length + i]! * (value - input.zeroPoint),
      op.bias[o]!,
    );
    return requantizeOracle(sum, op, o, output.zeroPoint);
  });
}

function circulantOracle(op: Circulant, x: Int8Array, input: TensorSpec, output: TensorSpec): Int8Array {
  const k = op.blockSize;
  const blocks = Math.ceil(x.length / k);
  return Int8Array.from({ length: elementCount(output) }, (_, o) => {
    let sum = op.bias[o]!;
    x.forEach((value, i) => {
      const block = Math.floor(o / k) * blocks + Math.floor(i / k);
      const offset = ((o % k) - (i % k) + k) % k;
      sum += op.weights[block * k + offset]! * (value - input.zeroPoint);
    });
    return requantizeOracle(sum, op, o, output.zeroPoint);
  });
}

/** Every tensor of `network` for input `x`. */
export function runOracle(network: QuantizedNetwork, x: Int8Array): Int8Array[] {
  const values: Int8Array[] = [];
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
      case 'reshape':
        values[op.output] = from;
    }
  }
  return values;
}
