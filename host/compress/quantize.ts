// Post-training quantization of a float network to int8: per-channel weights for convolutions and dense layers, one
// scale for a circulant layer, affine activations with ranges seen on calibration inputs (Jacob et al. 2018).
import {
  elementCount,
  quantizeMultiplier,
  type Quantization,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
} from '../model/quantized-network.js';
import type { ActivationType, Values } from '../model/values.js';
import { type Activation, type FloatLayer, type FloatNetwork, forward } from './float-network.js';

export interface QuantizeOptions {
  name: string;
  /** Float inputs [count][height·width·channels] whose activations set the ranges. */
  calibration: Float32Array;
  count: number;
  /** Range of the float input. */
  minimum: number;
  maximum: number;
}

/** Scale and zero point of int8 over [minimum, maximum], zero included and exact. */
export function affine(minimum: number, maximum: number): Quantization {
  const low = Math.min(0, minimum);
  const high = Math.max(0, maximum);
  const scale = high > low ? (high - low) / 255 : 1;
  return { scale, zeroPoint: Math.max(-128, Math.min(127, Math.round(-128 - low / scale))) };
}

/** Float values to int8 or int16, rounded half away from zero and clamped. */
export function quantizeValues(
  values: ArrayLike<number>,
  { scale, zeroPoint, dtype }: Quantization & { dtype?: ActivationType },
): Values {
  const most = dtype === 'int16' ? 32767 : 127;
  const quantize = (value: number): number => {
    const q = value / scale;
    return Math.max(-most - 1, Math.min(most, Math.sign(q) * Math.round(Math.abs(q)) + zeroPoint));
  };
  return dtype === 'int16' ? Int16Array.from(values, quantize) : Int8Array.from(values, quantize);
}

function range(values: Float32Array): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

interface Weighted {
  weights: Int8Array;
  requantization: Requantization;
}

/** Weights in `groups` equal runs, one scale each, and the requantization that goes with them. */
function quantizeWeights(
  layer: { weights: Float32Array; bias: Float32Array; activation: Activation },
  groups: number,
  input: Quantization,
  output: Quantization,
): Weighted {
  const length = layer.weights.length / groups;
  const weights = new Int8Array(layer.weights.length);
  const multipliers = new Int32Array(groups);
  const shifts = new Int32Array(groups);
  const scales = new Float64Array(groups);
  for (let group = 0; group < groups; group++) {
    const values = layer.weights.subarray(group * length, (group + 1) * length);
    const [low, high] = range(values);
    const scale = Math.max(-low, high) / 127 || 1;
    scales[group] = scale;
    weights.set(quantizeValues(values, { scale, zeroPoint: 0 }), group * length);
    const { multiplier, shift } = quantizeMultiplier((input.scale * scale) / output.scale);
    multipliers[group] = multiplier;
    shifts[group] = shift;
  }
  const bias = Int32Array.from(layer.bias, (b, i) =>
    Math.round(b / (input.scale * scales[groups === 1 ? 0 : i]!)),
  );
  const clampMin = layer.activation === 'relu' ? output.zeroPoint : -128;
  return { weights, requantization: { bias, multipliers, shifts, clampMin, clampMax: 127 } };
}

/** Padding above or left that TFLite's SAME gives; 0 for VALID. */
function paddingBefore(padding: 'valid' | 'same', size: number, kernel: number, stride: number): number {
  if (padding === 'valid') return 0;
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return Math.floor(total / 2);
}

function outputShape(layer: FloatLayer, shape: readonly number[]): number[] {
  switch (layer.kind) {
    case 'conv2d': {
      const span = (size: number, kernel: number, stride: number): number =>
        layer.padding === 'same' ? Math.ceil(size / stride) : Math.floor((size - kernel) / stride) + 1;
      return [
        span(shape[0]!, layer.kernelHeight, layer.strideHeight),
        span(shape[1]!, layer.kernelWidth, layer.strideWidth),
        layer.outChannels,
      ];
    }
    case 'maxPool2d':
      return [
        Math.floor((shape[0]! - layer.poolHeight) / layer.strideHeight) + 1,
        Math.floor((shape[1]! - layer.poolWidth) / layer.strideWidth) + 1,
        shape[2]!,
      ];
    default:
      return [layer.outputs];
  }
}

/** Quantizes `network`: int8 throughout, ready for `compile`. */
export function quantize(network: FloatNetwork, options: QuantizeOptions): QuantizedNetwork {
  const { activations } = forward(network, options.calibration, options.count);
  const tensors: TensorSpec[] = [{ shape: network.inputShape, ...affine(options.minimum, options.maximum) }];
  const ops: QuantizedOp[] = [];
  network.layers.forEach((layer, index) => {
    let from = tensors.length - 1;
    const flat = layer.kind === 'dense' || layer.kind === 'circulant';
    if (flat && tensors[from]!.shape.length > 1) {
      tensors.push({ ...tensors[from]!, shape: [elementCount(tensors[from]!)] });
      ops.push({ kind: 'reshape', name: 'flatten', inputs: [from], output: ++from });
    }
    const input = tensors[from]!;
    const scaling = layer.kind === 'maxPool2d' ? input : affine(...range(activations[index]!));
    const output: TensorSpec = {
      shape: outputShape(layer, input.shape),
      scale: scaling.scale,
      zeroPoint: scaling.zeroPoint,
    };
    tensors.push(output);
    const base = { name: layer.name, inputs: [from], output: from + 1 };
    switch (layer.kind) {
      case 'conv2d': {
        const { weights, requantization } = quantizeWeights(layer, layer.outChannels, input, output);
        ops.push({
          kind: 'conv2d',
          ...base,
          weights,
          ...requantization,
          kernel: [layer.kernelHeight, layer.kernelWidth],
          stride: [layer.strideHeight, layer.strideWidth],
          dilation: [1, 1],
          padding: [
            paddingBefore(layer.padding, input.shape[0]!, layer.kernelHeight, layer.strideHeight),
            paddingBefore(layer.padding, input.shape[1]!, layer.kernelWidth, layer.strideWidth),
          ],
        });
        break;
      }
      case 'maxPool2d':
        ops.push({
          kind: 'maxPool2d',
          ...base,
          kernel: [layer.poolHeight, layer.poolWidth],
          stride: [layer.strideHeight, layer.strideWidth],
          dilation: [1, 1],
          padding: [0, 0],
          clampMin: -128,
          clampMax: 127,
        });
        break;
      case 'circulant': {
        const { weights, requantization } = quantizeWeights(layer, 1, input, output);
        ops.push({
          kind: 'circulant',
          ...base,
          weights,
          ...requantization,
          blockSize: layer.blockSize,
          method: 'auto',
        });
        break;
      }
      case 'dense': {
        const { weights, requantization } = quantizeWeights(layer, layer.outputs, input, output);
        ops.push({ kind: 'dense', ...base, weights, ...requantization });
      }
    }
  });
  return { name: options.name, tensors, ops, input: 0, output: tensors.length - 1 };
}
