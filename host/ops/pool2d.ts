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
  cheapest,
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

type Pool = MaxPool2d | AveragePool2d;
type Shape = readonly [height: number, width: number, channels: number];

/** A pool, and the maps that it goes from and to. */
interface View {
  op: Pool;
  input: Shape;
  output: Shape;
}

/**
 * The same pool with parts of the channels side by side, as columns, where its window takes whole rows: pixels are rows then,
 * each of `parts` columns. One that averages a whole map would else be one tile.
 */
function inParts({ op, input, output }: View, parts: number): View {
  const [height, width, channels] = input;
  const across = (channels: number): [number, number] => [parts, channels / parts];
  return {
    op: { ...op, kernel: [op.kernel[0] * width, 1], stride: [op.stride[0] * width, 1] },
    input: [height * width, ...across(channels)],
    output: [output[0], ...across(output[2])],
  };
}

/** Pixels of a window that is taken by rows: its height is a field of 16 bits. */
const MOST_PIXELS = 0xffff;

/** The ways to see a pool: as it is, and with its channels in ever more parts. */
function* viewsOf(view: View): Generator<View> {
  yield view;
  const { op, input, output } = view;
  const [, width, channels] = input;
  const { kernel, stride, dilation, padding } = op;
  const takesRows = kernel[1] === width && output[1] === 1 && dilation.every((n) => n === 1);
  const isSmall = Math.max(kernel[0], stride[0]) * width <= MOST_PIXELS;
  if (!takesRows || !isSmall || padding.some((n) => n !== 0)) return;
  for (let parts = 2; parts <= channels; parts++) if (channels % parts === 0) yield inParts(view, parts);
}

/** A record of tiles of `columns`, and where its areas end. */
function cutInto(
  { op, input, output }: View,
  columns: number,
  tensor: TensorSpec,
): { record: OpRecord; arenaBytes: number } {
  const average = op.kind === 'averagePool2d';
  const [, width, channels] = input;
  const bytes = elementBytes(tensor);
  // A row of input, the int32 sums of an average, the output.
  const areas = [
    rowSpan(op, width, channels, columns) * bytes,
    ...(average ? [columns * channels * 4] : []),
    columns * channels * bytes,
  ];
  const record = recordOf(average ? OpKind.AVG_POOL : OpKind.MAX_POOL, tensor);
  record.set(OP_CLAMP_MIN, op.clampMin);
  record.set(OP_CLAMP_MAX, op.clampMax);
  placeWindow(op, [...input], [...output], columns, record);
  return { record, arenaBytes: placeAreas(record, areas) };
}

function lowerPool2d(op: Pool, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const { dilation } = op;
  if (op.kind === 'averagePool2d' && dilation.some((n) => n !== 1))
    refuse(op, `with dilation ${dilation}`, '1, 1', 'TFLite has none.');
  let least = Infinity;
  function* cuts(): Generator<{ record: OpRecord; arenaBytes: number }> {
    for (const view of viewsOf({ op, input: feature(op, input), output: feature(op, output) })) {
      const unit = lineValues(limits, output, view.output[2]);
      const isWhole = view.op === op;
      // Several parts a tile would be one larger part, but for whole lines.
      for (const columns of isWhole
        ? columnChoices(view.output[1], unit)
        : [Math.min(unit, view.output[1])]) {
        const cut = cutInto(view, columns, input);
        least = Math.min(least, cut.arenaBytes);
        if (cut.arenaBytes <= limits.arenaBytes) yield cut;
      }
    }
  }
  const cut = cheapest(cuts(), limits);
  if (!cut) tooLarge(op, least, limits);
  return { ...cut, constants: [] };
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
