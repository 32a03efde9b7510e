import { OP_CLAMP_MAX, OP_CLAMP_MIN, OP_KIND, OpKind } from '../../../assembly/layout.js';
import type { AveragePool2d, TensorSpec } from '../../model/quantized-network.js';
import { OpRecord } from '../record.js';
import { arenaFor, type LoweredOp, placeAreas, refuse, type TileLimits, tooLarge } from './lowering.js';
import { columnChoices, feature, placeWindow, rowSpan } from './window.js';

export function lowerAveragePool2d(
  op: AveragePool2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  if (op.dilation[0] !== 1 || op.dilation[1] !== 1)
    refuse(op, `with dilation ${op.dilation}`, '1, 1', 'TFLite has none.');
  const inputShape = feature(op, input);
  const outputShape = feature(op, output);
  const [, width, channels] = inputShape;
  const areasOf = (columns: number): number[] => [
    rowSpan(op, width, channels, columns),
    columns * channels * 4,
    columns * channels,
  ];
  for (const columns of columnChoices(outputShape[1])) {
    if (arenaFor(areasOf(columns)) > limits.arenaBytes) continue;
    const record = new OpRecord();
    record.set(OP_KIND, OpKind.AVG_POOL_S8);
    record.set(OP_CLAMP_MIN, op.clampMin);
    record.set(OP_CLAMP_MAX, op.clampMax);
    placeWindow(op, inputShape, outputShape, columns, record);
    return { record, constants: [], arenaBytes: placeAreas(record, areasOf(columns)) };
  }
  tooLarge(op, arenaFor(areasOf(1)), limits);
}
