import { OP_INPUT_ZERO_POINT, OP_KIND, OP_WEIGHTS, OpKind, WIN_GROUP } from '../../../assembly/layout.js';
import type { Conv2d, TensorSpec } from '../../model/quantized-network.js';
import {
  type TileLimits,
  type LoweredOp,
  packWeights,
  weightBytes,
  arenaFor,
  placeAreas,
  tooLarge,
  foldBias,
  rowSums,
  requantization,
  requantBytes,
} from './lowering.js';
import { feature, placeWindow, rowSpan, columnChoices } from './window.js';
import { convTileCycles } from '../cost.js';
import { OpRecord } from '../record.js';

export function lowerConv2d(
  op: Conv2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  const inputShape = feature(op, input);
  const outputShape = feature(op, output);
  const [, width, channels] = inputShape;
  const outputs = outputShape[2];
  const patch = op.kernel[0] * op.kernel[1] * channels;
  const areasOf = (columns: number, group: number): number[] => [
    rowSpan(op, width, channels, columns),
    columns * patch,
    weightBytes(op.weightBits, patch, group).sram,
    group * 4,
    requantBytes(op, group),
    columns * outputs,
  ];
  let choice: { columns: number; group: number; within: boolean } | undefined;
  for (const columns of columnChoices(outputShape[1])) {
    let group = outputs;
    for (let parts = 1; arenaFor(areasOf(columns, group)) > limits.arenaBytes && group > 1;) {
      group = Math.ceil(outputs / ++parts);
    }
    if (arenaFor(areasOf(columns, group)) > limits.arenaBytes) continue;
    const within = convTileCycles(columns, outputs, patch) <= limits.tileCycles;
    // The widest tile within a tenth of a charge; failing that, the narrowest there is.
    choice = { columns, group, within };
    if (within) break;
  }
  if (!choice) tooLarge(op, arenaFor(areasOf(1, 1)), limits);
  const record = new OpRecord();
  record.set(OP_KIND, OpKind.CONV2D_S8);
  record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
  record.set(WIN_GROUP, choice.group);
  placeWindow(op, inputShape, outputShape, choice.columns, record);
  const bias = foldBias(op.bias, rowSums(op.weights, outputs), input.zeroPoint);
  const constants = [
    { field: OP_WEIGHTS, bytes: packWeights(op.weights, patch, op.weightBits, record) },
    ...requantization(op, bias, output, record),
  ];
  return { record, constants, arenaBytes: placeAreas(record, areasOf(choice.columns, choice.group)) };
}
