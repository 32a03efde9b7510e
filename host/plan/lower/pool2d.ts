import { OP_CLAMP_MAX, OP_CLAMP_MIN, OpKind } from '../../../assembly/layout.js';
import {
  type AveragePool2d,
  elementBytes,
  type MaxPool2d,
  type TensorSpec,
} from '../../model/quantized-network.js';
import {
  arenaFor,
  type LoweredOp,
  placeAreas,
  recordOf,
  refuse,
  type TileLimits,
  tooLarge,
} from './lowering.js';
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
  const bytes = elementBytes(input);
  // A row of input, the int32 sums of an average, the output.
  const areasOf = (columns: number): number[] => [
    rowSpan(op, width, channels, columns) * bytes,
    ...(average ? [columns * channels * 4] : []),
    columns * channels * bytes,
  ];
  for (const columns of columnChoices(outputShape[1])) {
    if (arenaFor(areasOf(columns)) > limits.arenaBytes) continue;
    const record = recordOf(average ? OpKind.AVG_POOL : OpKind.MAX_POOL, input);
    record.set(OP_CLAMP_MIN, op.clampMin);
    record.set(OP_CLAMP_MAX, op.clampMax);
    placeWindow(op, inputShape, outputShape, columns, record);
    return { record, constants: [], arenaBytes: placeAreas(record, areasOf(columns)) };
  }
  tooLarge(op, arenaFor(areasOf(1)), limits);
}
