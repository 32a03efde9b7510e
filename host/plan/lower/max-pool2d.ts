import { OP_CLAMP_MAX, OP_CLAMP_MIN, OP_KIND, OpKind } from '../../../assembly/layout.js';
import type { MaxPool2d, TensorSpec } from '../../model/quantized-network.js';
import { type TileLimits, type LoweredOp, arenaFor, placeAreas, tooLarge } from './lowering.js';
import { feature, placeWindow, rowSpan, columnChoices } from './window.js';
import { OpRecord } from '../record.js';

export function lowerMaxPool2d(
  op: MaxPool2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  const inputShape = feature(op, input);
  const outputShape = feature(op, output);
  const [, width, channels] = inputShape;
  const areasOf = (columns: number): number[] => [rowSpan(op, width, channels, columns), columns * channels];
  for (const columns of columnChoices(outputShape[1])) {
    if (arenaFor(areasOf(columns)) > limits.arenaBytes) continue;
    const record = new OpRecord();
    record.set(OP_KIND, OpKind.MAX_POOL_S8);
    record.set(OP_CLAMP_MIN, op.clampMin);
    record.set(OP_CLAMP_MAX, op.clampMax);
    placeWindow(op, inputShape, outputShape, columns, record);
    return { record, constants: [], arenaBytes: placeAreas(record, areasOf(columns)) };
  }
  tooLarge(op, arenaFor(areasOf(1)), limits);
}
