import { OP_INPUT_ZERO_POINT, OpKind, WIN_OUTPUT_CHANNELS, WIN_TILE_COLUMNS } from '../../assembly/layout.js';
import { elementBytes, type Pad, type TensorSpec } from '../model/quantized-network.js';
import {
  arenaFor,
  largestPart,
  type LoweredOp,
  placeAreas,
  recordOf,
  type TileLimits,
  tooLarge,
} from './shared/lowering.js';
import { feature, placeWindow, staysInside, windowShapes } from './shared/window.js';
import { TILE } from './shared/cycles.js';
import type { OpRecord } from '../model/record.js';
import { windowWork } from './shared/window-work.js';
import { NOTHING, part, type Work } from './shared/work.js';
import { checkLength } from './shared/check.js';
import { windowBounds } from './shared/bounds.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';

function lowerPad(op: Pad, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
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

export const pad: NetworkOp<Pad> = {
  inputs: one,
  int16: true,
  check(op, [input], output) {
    const [rows, columns] = input!.shape;
    checkLength(op, 'output rows', output.shape[0]!, rows! + op.rows[0] + op.rows[1]);
    checkLength(op, 'output columns', output.shape[1]!, columns! + op.columns[0] + op.columns[1]);
  },
  lower: (op, [input], output, limits) => [lowerPad(op, input!, output, limits)],
};

function padWork(op: OpRecord): Work {
  const channels = op.get(WIN_OUTPUT_CHANNELS) * op.valueBytes;
  const tiles = windowWork(op, ({ columns, rows, span }) => {
    const inside = rows > 0 && span > 0 ? 1 : 0;
    return part(
      {
        tile: 1,
        filled: columns * channels,
        rest: (columns * channels) % 4,
        inside,
        copied: inside * span * channels,
      },
      {
        stateViews: inside,
        stateBytes: inside * span * channels,
        writes: 1,
        writtenBytes: columns * channels,
      },
    );
  });
  return { kernel: 'pad', enter: NOTHING, ...tiles };
}

export const padRecord: RecordOp = {
  ...SIMPLE,
  work: padWork,
  bounds(op) {
    const { columns, channels, outputs, width, reads, writes, demands } = windowBounds(op);
    const scratch = [columns * outputs * width];
    return { scratch, reads, writes, demands: [...demands, ['channels', channels, outputs]] };
  },
  shapes: (op) => windowShapes(op, 0),
  cycles: (op) => ({ enter: 0, tile: TILE + op.get(WIN_TILE_COLUMNS) * op.get(WIN_OUTPUT_CHANNELS) * 5 }),
  isPlain: staysInside,
};
