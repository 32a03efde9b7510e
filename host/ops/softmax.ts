import {
  OP_INPUT,
  OP_OUTPUT,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
  SOFTMAX_DEPTH,
  SOFTMAX_DIFF_MIN,
  SOFTMAX_SCALE,
  SOFTMAX_TABLE_BYTES,
} from '../../assembly/layout.js';
import { elementBytes, elementCount, type Softmax, type TensorSpec } from '../model/quantized-network.js';
import { littleEndian } from '../model/values.js';
import { softmaxTables } from '../model/fixed-point.js';
import {
  arenaFor,
  type LoweredOp,
  placeAreas,
  placeScaling,
  recordOf,
  type TileLimits,
  tooLarge,
} from './shared/lowering.js';
import { SOFTMAX, TILE } from './shared/cycles.js';
import type { OpRecord } from '../model/record.js';
import { cut, NOTHING, part, type Work } from './shared/work.js';
import { checkLength, checkScaling } from './shared/check.js';
import { atLeast, size, widthOf } from './shared/bounds.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';

function lowerSoftmax(op: Softmax, input: TensorSpec, limits: TileLimits): LoweredOp {
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

export const softmax: NetworkOp<Softmax> = {
  inputs: one,
  int16: true,
  check(op, [input], output) {
    checkScaling(op, op.inputScaling);
    checkLength(op, 'output elements', elementCount(output), elementCount(input!));
  },
  lower: (op, [input], _, limits) => [lowerSoftmax(op, input!, limits)],
};

function softmaxWork(op: OpRecord): Work {
  const depth = op.get(SOFTMAX_DEPTH);
  const bytes = depth * op.valueBytes;
  const tables = 2 * SOFTMAX_TABLE_BYTES;
  const enter = op.isInt8 ? NOTHING : part({ copied: tables }, { constantViews: 1, constantBytes: tables });
  const tiles = cut(op.get(OP_TILES), 1, () =>
    part({ tile: 1, value: depth }, { stateViews: 1, stateBytes: bytes, writes: 1, writtenBytes: bytes }),
  );
  return { kernel: op.isInt8 ? 'softmax' : 'softmax_s16', enter, ...tiles };
}

export const softmaxRecord: RecordOp = {
  ...SIMPLE,
  work: softmaxWork,
  bounds(op) {
    const row = size(op, SOFTMAX_DEPTH) * widthOf(op);
    const all = size(op, OP_TILES) * row;
    const tables = op.isInt8 ? 0 : 2 * SOFTMAX_TABLE_BYTES;
    return {
      scratch: op.isInt8 ? [row, row] : [tables, row, row],
      reads: [
        [OP_INPUT, all],
        [OP_WEIGHTS, tables],
      ],
      writes: [[OP_OUTPUT, all]],
      demands: [atLeast('in a row', 1, row)],
    };
  },
  shapes(op) {
    const shape = [op.get(OP_TILES), op.get(SOFTMAX_DEPTH)];
    return { inputShape: shape, outputShape: shape, macs: 0 };
  },
  cycles: (op) => ({ enter: 0, tile: TILE + op.get(SOFTMAX_DEPTH) * SOFTMAX }),
};
