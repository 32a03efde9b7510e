// Layers of binarized networks (Courbariaux et al. 2016; Rastegari et al., "XNOR-Net", 2016): a step to −1 and 1, or to −1, 0
// and 1, and the convolution or dense layer of weights −1 and 1 that alone reads what it makes, as one record.
import {
  OP_WEIGHT_TYPE,
  OpKind,
  WeightType,
  WIN_BLOCK,
  WIN_GROUP,
  WIN_KERNEL,
} from '../../assembly/layout.js';
import { XNOR_HIGH, XNOR_LOW } from '../../assembly/xnor-layout.js';
import {
  type Conv2d,
  type Dense,
  elementCount,
  type MapTable,
  type TensorSpec,
} from '../model/quantized-network.js';
import type { OpRecord } from '../model/record.js';
import { conv2dRecord, convBounds, lowerConv2d } from './conv2d.js';
import type { RecordOp } from './op.js';
import type { LoweredOp, TileLimits } from './shared/lowering.js';
import { lookedUpByTile, lookedUpOnce, weightRowBytes } from './shared/record-bytes.js';
import {
  bitBytes,
  LEAST_WINDOWS,
  planeBytes,
  roomOfTables,
  runsOfRecord,
  tablesAtATime,
  WINDOWS,
} from './shared/sign-tables.js';
import { patchOf, tapsOf } from './shared/window.js';
import { pixelBytes, windowWork } from './shared/window-work.js';
import { both, type Counts, cut, part, total, type Work } from './shared/work.js';

/** A step and the layer that alone reads what it makes. */
export interface LevelPair {
  step: MapTable;
  layer: Conv2d | Dense;
  input: TensorSpec;
  between: TensorSpec;
  output: TensorSpec;
}

/** The bounds of a step: −1 below the first, 1 from the second on, 0 between. Undefined: it is none, or never −1 or 1. */
function boundsOf({ table }: MapTable, zeroPoint: number): [low: number, high: number] | undefined {
  const levels = Array.from(table, (value) => value - zeroPoint);
  const rises = levels.every((level, i) => [-1, 0, 1].includes(level) && level >= (levels[i - 1] ?? -1));
  if (!rises || levels[0] !== -1 || levels[255] !== 1) return undefined;
  return [levels.findIndex((level) => level >= 0) - 128, levels.indexOf(1) - 128];
}

const ONE = [1, 1] as const;

/** A dense layer as a convolution of a map of one pixel. */
function asConvolution(layer: Conv2d | Dense): Conv2d {
  if (layer.kind === 'conv2d') return layer;
  const { kind: _, weightZeroPoint: __, ...rest } = layer;
  return { ...rest, kind: 'conv2d', kernel: ONE, stride: ONE, dilation: ONE, padding: [0, 0] };
}

const isInt8 = ({ dtype = 'int8' }: TensorSpec): boolean => dtype === 'int8';

/** Both as one record; undefined where the step is none to levels, or weights are others than −1 and 1. */
export function lowerLevels(
  { step, layer, input, between, output }: LevelPair,
  limits: TileLimits,
): LoweredOp | undefined {
  const bounds = boundsOf(step, between.zeroPoint);
  const isPlain = layer.kind === 'conv2d' ? (layer.blockSize ?? 1) === 1 : (layer.weightZeroPoint ?? 0) === 0;
  const narrow = layer.bias instanceof Int32Array && [input, between, output].every(isInt8);
  if (!bounds || !isPlain || !narrow || !layer.weights.every((w) => w === 1 || w === -1)) return undefined;
  const flat = (tensor: TensorSpec): TensorSpec =>
    layer.kind === 'conv2d' ? tensor : { ...tensor, shape: [1, 1, elementCount(tensor)] };
  // Levels are counted from −1, so that their zero is 1.
  const levels = { ...flat(layer.kind === 'conv2d' ? between : input), zeroPoint: 1 };
  return lowerConv2d({ ...asConvolution(layer), weightType: 'int1' }, levels, flat(output), limits, {
    kind: OpKind.CONV2D_XNOR,
    complete(record) {
      const [low, high] = bounds;
      record.bytes[XNOR_LOW] = low;
      record.bytes[XNOR_HIGH] = high;
    },
  });
}

/** What the sums of `rows` rows on `windows` windows take. */
function levelCounts(op: OpRecord, windows: number, rows: number): Counts {
  const length = patchOf(op);
  const runs = runsOfRecord(op);
  const fours = Math.ceil(length / 4);
  const chunk = tablesAtATime(op, { type: 'int1', length, rows, vectors: windows });
  const left = windows % WINDOWS;
  const together = chunk === 0 ? 0 : windows - (left < LEAST_WINDOWS ? left : 0);
  const blocks = Math.ceil(together / WINDOWS);
  const single = windows - together;
  const hasBits = roomOfTables(op, 'int1', length, rows) >= bitBytes(length);
  const words = Math.ceil(length / 32);
  return {
    plane: blocks * planeBytes(runs),
    table: blocks * fours,
    look: blocks * rows * fours,
    row: blocks * rows * (chunk ? Math.ceil(fours / chunk) : 0),
    output: together * rows,
    packed: hasBits ? single * length : 0,
    alone: hasBits ? single * rows : 0,
    word: hasBits ? single * rows * words : 0,
    dot: hasBits ? 0 : single * rows,
    dotMac: hasBits ? 0 : single * rows * length,
  };
}

/** Rows are laid out, or windows where they lie apart, as levels. */
function xnorWork(op: OpRecord): Work {
  const patch = patchOf(op);
  const [kernelHeight] = op.getPair(WIN_KERNEL);
  const { span } = runsOfRecord(op);
  const inRows = span < patch || tapsOf(op) === 1;
  const stored = weightRowBytes(op, patch);
  const tiles = windowWork(op, ({ columns, rows: seen, span: wide }, channels) => {
    const groups = cut(channels, op.get(WIN_GROUP), (rows) =>
      both(
        part(
          { group: 1, ...levelCounts(op, columns, rows) },
          { constantViews: 1, constantBytes: rows * stored },
        ),
        lookedUpByTile(op, rows),
      ),
    ).all;
    const bytes = pixelBytes(op, wide) * seen;
    const windows = part(
      {
        tile: 1,
        line: kernelHeight,
        window: inRows ? 0 : columns * kernelHeight,
        level: inRows ? bytes : columns * patch,
      },
      { stateViews: seen, stateBytes: bytes },
    );
    const output = part({}, { writes: 1, writtenBytes: columns * channels });
    return total([groups, windows, output].map((one) => [1, one] as const));
  });
  return { kernel: 'conv2d_xnor', enter: lookedUpOnce(op), ...tiles };
}

/** The row of the table of ops (index.ts). */
export const xnorRecord: RecordOp = {
  ...conv2dRecord,
  work: xnorWork,
  bounds(op) {
    const bounds = convBounds(op);
    return {
      ...bounds,
      demands: [
        ...bounds.demands,
        ['weights of another type than a bit', Math.abs(op.get(OP_WEIGHT_TYPE) - WeightType.INT1), 0],
        ['circulant blocks', op.get(WIN_BLOCK), 0],
        [
          'the first bound of levels, from -128 on',
          (op.bytes[XNOR_LOW]! + 128) % 256,
          (op.bytes[XNOR_HIGH]! + 128) % 256,
        ],
      ],
    };
  },
  features: () => 0,
  accelerated: () => false,
  weights: () => undefined,
};
