import { OP_CLAMP_MAX, OP_CLAMP_MIN, OP_KIND, OpKind } from '../../../assembly/layout.js';
import type { AveragePool2d, MaxPool2d, TensorSpec } from '../../model/quantized-network.js';
import { OpRecord } from '../record.js';
import { arenaFor, type LoweredOp, placeAreas, refuse, type TileLimits, tooLarge } from './lowering.js';
import { columnChoices, feature, placeWindow, rowSpan } from './window.js';

export function lowerPool2d(
  op: MaxPool2d | AveragePool2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  const average = op.kind === 'averagePool2d';
  if (average && (op.dilation[0] !== 1 || op.dilation[1] !== 1)) {
    refuse(op, `with dilation ${op.dilation}`, '1, 1', 'TFLite has none.');
  }
  const inputShape = feature(op, input);
  const outputShape = feature(op, output);
  const [, width, channels] = inputShape;
  // A row of input, the int32 sums of an average, the output.
  const areasOf = (columns: number): number[] => [
    rowSpan(op, width, channels, columns),
    ...(average ? [columns * channels * 4] : []),
    columns * channels,
  ];
  for (const columns of columnChoices(outputShape[1])) {
    if (arenaFor(areasOf(columns)) > limits.arenaBytes) continue;
    const record = new OpRecord();
    record.set(OP_KIND, average ? OpKind.AVG_POOL_S8 : OpKind.MAX_POOL_S8);
    record.set(OP_CLAMP_MIN, op.clampMin);
    record.set(OP_CLAMP_MAX, op.clampMax);
    placeWindow(op, inputShape, outputShape, columns, record);
    return { record, constants: [], arenaBytes: placeAreas(record, areasOf(columns)) };
  }
  tooLarge(op, arenaFor(areasOf(1)), limits);
}
