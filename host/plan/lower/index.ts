// Lowers one op of a quantized network to its records and constants: how it is cut into tiles, and what SRAM it takes.
import type { ComputingOp, TensorSpec } from '../../model/quantized-network.js';
import { lowerCirculant } from './circulant.js';
import { lowerConv2d } from './conv2d.js';
import { lowerDense } from './dense.js';
import { lowerDepthwiseConv2d } from './depthwise-conv2d.js';
import { lowerElementwise } from './elementwise.js';
import type { LoweredOp, TileLimits } from './lowering.js';
import {
  lowerConcat,
  lowerLogistic,
  lowerMap,
  lowerRepeat,
  lowerRequantize,
  lowerSlice,
  lowerTranspose,
} from './map.js';
import { lowerMean } from './mean.js';
import { lowerPad } from './pad.js';
import { lowerPool2d } from './pool2d.js';
import { lowerSoftmax } from './softmax.js';

/** Lowers `op`, in most cases to one record; the planner fills in the NVM addresses. */
export function lower(
  op: ComputingOp,
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp[] {
  const input = inputs[0]!;
  switch (op.kind) {
    case 'conv2d':
      return [lowerConv2d(op, input, output, limits)];
    case 'depthwiseConv2d':
      return [lowerDepthwiseConv2d(op, input, output, limits)];
    case 'maxPool2d':
    case 'averagePool2d':
      return [lowerPool2d(op, input, output, limits)];
    case 'dense':
      return [lowerDense(op, input, output, limits)];
    case 'circulant':
      return [lowerCirculant(op, input, output, limits)];
    case 'add':
    case 'mul':
      return [lowerElementwise(op, inputs, output, limits)];
    case 'softmax':
      return [lowerSoftmax(op, input, limits)];
    case 'mean':
      return [lowerMean(op, input, output, limits)];
    case 'pad':
      return [lowerPad(op, input, output, limits)];
    case 'logistic':
      return [lowerLogistic(op, input, output, limits)];
    case 'requantize':
      return [lowerRequantize(op, input, output, limits)];
    case 'map':
      return [lowerMap(op, input, limits)];
    case 'repeat':
      return [lowerRepeat(op, input, output, limits)];
    case 'transpose':
      return lowerTranspose(input, limits);
    case 'slice':
      return [lowerSlice(op, input, output, limits)];
    case 'concat':
      return lowerConcat(op, inputs, output, limits);
  }
}
