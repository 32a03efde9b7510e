import {
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
  SOFTMAX_DEPTH,
  SOFTMAX_DIFF_MIN,
  SOFTMAX_SCALE,
  SOFTMAX_TABLE_BYTES,
} from '../../../assembly/layout.js';
import { elementBytes, elementCount, type Softmax, type TensorSpec } from '../../model/quantized-network.js';
import { littleEndian } from '../../model/values.js';
import { softmaxTables } from '../../model/fixed-point.js';
import {
  arenaFor,
  type LoweredOp,
  placeAreas,
  placeScaling,
  recordOf,
  type TileLimits,
  tooLarge,
} from './lowering.js';

export function lowerSoftmax(op: Softmax, input: TensorSpec, limits: TileLimits): LoweredOp {
  const depth = input.shape.at(-1)!;
  const wide = input.dtype === 'int16';
  const row = depth * elementBytes(input);
  const areas = [...(wide ? [2 * SOFTMAX_TABLE_BYTES] : []), row, row];
  if (arenaFor(areas) > limits.arenaBytes) tooLarge(op, arenaFor(areas), limits);
  const record = recordOf(OpKind.SOFTMAX, input);
  record.set(OP_TILES, elementCount(input) / depth);
  record.set(SOFTMAX_DEPTH, depth);
  if (!wide) record.set(SOFTMAX_DIFF_MIN, op.diffMin);
  placeScaling(record, SOFTMAX_SCALE, op.inputScaling);
  const constants = wide ? [{ field: OP_WEIGHTS, bytes: littleEndian(softmaxTables()) }] : [];
  return { record, constants, arenaBytes: placeAreas(record, areas) };
}
