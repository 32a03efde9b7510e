import { OP_INPUT_ZERO_POINT, OpKind } from '../../../assembly/layout.js';
import { elementBytes, type Pad, type TensorSpec } from '../../model/quantized-network.js';
import {
  arenaFor,
  largestPart,
  type LoweredOp,
  placeAreas,
  recordOf,
  type TileLimits,
  tooLarge,
} from './lowering.js';
import { feature, placeWindow } from './window.js';

export function lowerPad(op: Pad, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const inputShape = feature(op, input);
  const outputShape = feature(op, output);
  const areasOf = (columns: number): number[] => [columns * outputShape[2] * elementBytes(input)];
  const columns = largestPart(outputShape[1], (part) => arenaFor(areasOf(part)) <= limits.arenaBytes);
  if (columns === 0) tooLarge(op, arenaFor(areasOf(1)), limits);
  const one = [1, 1] as const;
  const record = recordOf(OpKind.PAD, input);
  record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
  const window = { kernel: one, stride: one, dilation: one, padding: [op.rows[0], op.columns[0]] as const };
  placeWindow(window, inputShape, outputShape, columns, record);
  return { record, constants: [], arenaBytes: placeAreas(record, areasOf(columns)) };
}
