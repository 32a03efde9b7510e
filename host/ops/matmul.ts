// The product of two activations: a convolution of 1 × 1 whose weights are an activation. No kernel of its own.
import { OP_INPUT, OP_WEIGHTS } from '../../assembly/layout.js';
import { type Conv2d, elementCount, type Matmul, type TensorSpec } from '../model/quantized-network.js';
import { lowerConv2d } from './conv2d.js';
import type { NetworkOp } from './op.js';
import { checkLength, checkRequantization, last, unsound } from './shared/check.js';
import type { LoweredOp, TileLimits } from './shared/lowering.js';

const ONE = [1, 1] as const;

function check(op: Matmul, [a, b]: readonly [TensorSpec, TensorSpec], output: TensorSpec): void {
  const [rows = 0, one, depth = 0] = a.shape;
  if (a.shape.length !== 3 || one !== 1)
    unsound(op, `a first input of shape [${a.shape}]`, '[rows, 1, depth]');
  if (a.zeroPoint !== 0 || b.zeroPoint !== 0)
    unsound(op, `zero points ${a.zeroPoint} and ${b.zeroPoint}`, '0 and 0');
  checkLength(op, 'elements of the second input', elementCount(b), last(output) * depth);
  checkLength(op, 'elements of the output', elementCount(output), rows * last(output));
  checkRequantization({ ...op, bias: new Int32Array(last(output)) }, last(output), false);
}

function lower(op: Matmul, a: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const outputs = last(output);
  const convolution: Conv2d = {
    ...op,
    kind: 'conv2d',
    method: 'direct',
    kernel: ONE,
    stride: ONE,
    dilation: ONE,
    padding: [0, 0],
    weights: new Int8Array(outputs * last(a)),
    bias: new Int32Array(outputs),
  };
  const lowered = lowerConv2d(convolution, a, output, limits);
  return {
    ...lowered,
    constants: lowered.constants.filter(({ field }) => field !== OP_WEIGHTS),
    inputs: [
      { field: OP_INPUT, input: 0 },
      { field: OP_WEIGHTS, input: 1 },
    ],
  };
}

export const matmul: NetworkOp<Matmul> = {
  inputs: () => 2,
  int16: false,
  check: (op, [a, b], output) => check(op, [a!, b!], output),
  lower: (op, [a], output, limits) => [lower(op, a!, output, limits)],
};
