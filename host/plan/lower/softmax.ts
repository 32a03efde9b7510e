import {
  OP_KIND,
  OP_TILES,
  OpKind,
  SOFTMAX_DEPTH,
  SOFTMAX_DIFF_MIN,
  SOFTMAX_SCALE,
} from '../../../assembly/layout.js';
import { elementCount, type Softmax, type TensorSpec } from '../../model/quantized-network.js';
import { OpRecord } from '../record.js';
import { arenaFor, type LoweredOp, placeAreas, placeScaling, type TileLimits, tooLarge } from './lowering.js';

export function lowerSoftmax(op: Softmax, input: TensorSpec, limits: TileLimits): LoweredOp {
  const depth = input.shape.at(-1)!;
  const areas = [depth, depth];
  if (arenaFor(areas) > limits.arenaBytes) tooLarge(op, arenaFor(areas), limits);
  const record = new OpRecord();
  record.set(OP_KIND, OpKind.SOFTMAX_S8);
  record.set(OP_TILES, elementCount(input) / depth);
  record.set(SOFTMAX_DEPTH, depth);
  record.set(SOFTMAX_DIFF_MIN, op.diffMin);
  placeScaling(record, SOFTMAX_SCALE, op.inputScaling);
  return { record, constants: [], arenaBytes: placeAreas(record, areas) };
}
