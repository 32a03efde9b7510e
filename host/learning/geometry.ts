// Sizes of the ops that learn or pass errors, as learning counts them.
import {
  elementCount,
  type Add,
  type AveragePool2d,
  type Circulant,
  type Conv2d,
  type Dense,
  type DepthwiseConv2d,
  type MaxPool2d,
  type Mean,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantize,
  type TensorSpec,
} from '../model/quantized-network.js';

/** Ops with weights that learning knows. */
export type WeightedOp = Dense | Conv2d | DepthwiseConv2d | Circulant;
/** Ops with a gradient. */
export type PassableOp = WeightedOp | MaxPool2d | AveragePool2d | Mean;

export const isWeighted = (op: QuantizedOp): op is WeightedOp =>
  op.kind === 'dense' || op.kind === 'conv2d' || op.kind === 'depthwiseConv2d' || op.kind === 'circulant';

export const isPassable = (op: QuantizedOp): op is PassableOp =>
  isWeighted(op) || op.kind === 'maxPool2d' || op.kind === 'averagePool2d' || op.kind === 'mean';

/** Ops whose inputs have the error of their output: errors are of real values, whatever scales these are kept in. */
export const passesAsItIs = (op: QuantizedOp): op is Add | Requantize =>
  op.kind === 'add' || op.kind === 'requantize';

/** Of each tensor the one that it is but for its shape. */
export function rootsOf({ tensors, ops }: QuantizedNetwork): number[] {
  const roots = tensors.map((_, index) => index);
  for (const op of ops) if (op.kind === 'reshape') roots[op.output] = roots[op.inputs[0]!]!;
  return roots;
}

/** Indices of the ops that tensor `of` needs, in their order; of what is needed for a tensor of `given`, none. */
export function opsFor({ ops }: QuantizedNetwork, of: number, given: readonly number[] = []): number[] {
  const needed = new Set([of]);
  const found: number[] = [];
  for (let index = ops.length - 1; index >= 0; index--) {
    const { output, inputs } = ops[index]!;
    if (!needed.has(output) || given.includes(output)) continue;
    found.unshift(index);
    for (const input of inputs) needed.add(input);
  }
  return found;
}

export const inputOf = (network: QuantizedNetwork, op: QuantizedOp): TensorSpec =>
  network.tensors[op.inputs[0]!]!;
export const outputOf = (network: QuantizedNetwork, op: QuantizedOp): TensorSpec =>
  network.tensors[op.output]!;

/** Height, width, channels; a vector is one pixel. */
export function mapShape({ shape }: TensorSpec): readonly [number, number, number] {
  return shape.length === 3 ? (shape as [number, number, number]) : [1, 1, elementCount({ shape })];
}

/** Channels of a map, elements of a vector: what has a bias each. */
export const outputRows = (network: QuantizedNetwork, op: WeightedOp): number => {
  const output = outputOf(network, op);
  return op.kind === 'dense' || op.kind === 'circulant' ? elementCount(output) : output.shape.at(-1)!;
};

/** Output pixels that share an output row's weights. */
export const outputPixels = (network: QuantizedNetwork, op: WeightedOp): number =>
  elementCount(outputOf(network, op)) / outputRows(network, op);
