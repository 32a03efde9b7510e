import {
  WIN_DILATION,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OpKind,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import {
  type AveragePool2d,
  elementBytes,
  type MaxPool2d,
  type TensorSpec,
} from '../model/quantized-network.js';
import {
  arenaFor,
  lineValues,
  type LoweredOp,
  placeAreas,
  recordOf,
  refuse,
  type TileLimits,
  tooLarge,
} from './shared/lowering.js';
import {
  columnChoices,
  feature,
  placeWindow,
  rowSpan,
  patchOf,
  staysInside,
  windowShapes,
} from './shared/window.js';
import { MAC, TILE } from './shared/cycles.js';
import type { OpRecord } from '../model/record.js';
import { pixelBytes, windowWork } from './shared/window-work.js';
import { NOTHING, part, type Work } from './shared/work.js';
import { checkLength, last } from './shared/check.js';
import { windowBounds } from './shared/bounds.js';
import { type Bounds, type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';

function lowerPool2d(
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
  for (const columns of columnChoices(outputShape[1], lineValues(limits, output, channels))) {
    if (arenaFor(areasOf(columns)) > limits.arenaBytes) continue;
    const record = recordOf(average ? OpKind.AVG_POOL : OpKind.MAX_POOL, input);
    record.set(OP_CLAMP_MIN, op.clampMin);
    record.set(OP_CLAMP_MAX, op.clampMax);
    placeWindow(op, inputShape, outputShape, columns, record);
    return { record, constants: [], arenaBytes: placeAreas(record, areasOf(columns)) };
  }
  tooLarge(op, arenaFor(areasOf(1)), limits);
}

const pool: NetworkOp<MaxPool2d | AveragePool2d> = {
  inputs: one,
  int16: true,
  check: (op, [input], output) => checkLength(op, 'output channels', last(output), last(input!)),
  lower: (op, [input], output, limits) => [lowerPool2d(op, input!, output, limits)],
};

export const maxPool2d: NetworkOp<MaxPool2d> = pool;
export const averagePool2d: NetworkOp<AveragePool2d> = pool;

function poolWork(op: OpRecord, name: string): Work {
  const [channels, bytes] = [op.get(WIN_INPUT_CHANNELS), op.valueBytes];
  const [, kernelWidth] = op.getPair(WIN_KERNEL);
  const tiles = windowWork(op, ({ columns, rows, span }) =>
    part(
      {
        tile: 1,
        row: rows,
        pixel: columns * rows * kernelWidth,
        value: columns * rows * kernelWidth * channels,
        output: columns * channels,
      },
      {
        stateViews: rows,
        stateBytes: rows * pixelBytes(op, span),
        writes: 1,
        writtenBytes: columns * channels * bytes,
      },
    ),
  );
  return { kernel: op.isInt8 ? name : `${name}_s16`, enter: NOTHING, ...tiles };
}

const poolRecord = {
  ...SIMPLE,
  shapes: (op) => windowShapes(op, 0),
  isPlain: staysInside,
} as const satisfies Partial<RecordOp>;

/** Bounds of a pool that keeps `kept` bytes for each value of a tile, beside the row under it and its outputs. */
function poolBounds(op: OpRecord, kept: number): Bounds {
  const { rowBytes, columns, channels, outputs, width, reads, writes, demands } = windowBounds(op);
  const values = columns * channels;
  return {
    scratch: [rowBytes, ...(kept > 0 ? [values * kept] : []), values * width],
    reads,
    writes,
    demands: [...demands, ['channels', channels, outputs]],
  };
}

export const maxPoolRecord: RecordOp = {
  ...poolRecord,
  work: (op) => poolWork(op, 'max_pool'),
  bounds: (op) => poolBounds(op, 0),
  cycles: (op) => ({ enter: 0, tile: TILE + op.get(WIN_TILE_COLUMNS) * patchOf(op) * MAC }),
};

export const averagePoolRecord: RecordOp = {
  ...poolRecord,
  work: (op) => poolWork(op, 'avg_pool'),
  bounds(op) {
    const bounds = poolBounds(op, 4);
    const dilated = op.getPair(WIN_DILATION).some((n) => n !== 1);
    return { ...bounds, demands: [...bounds.demands, ['dilation', dilated ? 1 : 0, 0]] };
  },
  cycles: (op) => {
    const column = patchOf(op) * MAC + op.get(WIN_INPUT_CHANNELS) * 20;
    return { enter: 0, tile: TILE + op.get(WIN_TILE_COLUMNS) * column };
  },
};
