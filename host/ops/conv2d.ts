import {
  CONSTANT,
  GROUP_SHIFT,
  OP_FLAG_PLAIN,
  OP_FLAG_ROWS,
  OP_WEIGHT_TYPE,
  OP_INPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
  WIN_BLOCK,
  WIN_INPUT_CHANNELS,
  WIN_DILATION,
  WIN_KERNEL,
  WIN_PADDING,
  WIN_STRIDE,
  WIN_GROUP,
  WIN_PART,
  FEATURE_BLOCKS,
  FEATURE_ROWS,
  WIN_OUTPUT_CHANNELS,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import {
  type Conv2d,
  type ConvolutionMethod,
  elementBytes,
  type TensorSpec,
} from '../model/quantized-network.js';
import { littleEndian } from '../model/values.js';
import { WEIGHT_TYPES } from '../model/weight-types.js';
import {
  type TileLimits,
  type LoweredOp,
  align,
  biasBytes,
  cheapest,
  equalParts,
  largestPart,
  isLean,
  leanWindows,
  lineValues,
  packWeights,
  arenaFor,
  placeAreas,
  recordOf,
  tooLarge,
  foldBias,
  rowSums,
  requantization,
  requantBytes,
} from './shared/lowering.js';
import {
  feature,
  placeWindow,
  rowSpan,
  columnChoices,
  patchOf,
  staysInside,
  tapsOf,
  windowShapes,
} from './shared/window.js';
import { pixelBytes, windowWork } from './shared/window-work.js';
import { both, type Counts, cut, part, total, type Work } from './shared/work.js';
import {
  isInt8Weights,
  isKept,
  lookedUpByTile,
  lookedUpOnce,
  outputTerm,
  weightRowBytes,
} from './shared/record-bytes.js';
import type { OpRecord } from '../model/record.js';
import { convTileCycles } from './shared/cycles.js';
import { inRows, partsOf, rowsCounts, withRows } from './conv-rows.js';
import { gemmCounts } from './shared/gemm-work.js';
import { isFewBits, PACKED, packedCounts } from './shared/packed-work.js';
import { areSigns, growTables, hasTables, runsOf, TABLES, weightRoom } from './shared/sign-tables.js';
import { checkLength, checkRequantization, last, unsound } from './shared/check.js';
import {
  alignUp,
  atLeast,
  biasBytes as biasBytesOf,
  packedBytes,
  pairBytes,
  requantizing,
  size,
  unpackedBytes,
  windowBounds,
} from './shared/bounds.js';
import { type Bounds, type NetworkOp, one, type RecordOp } from './op.js';
import { lowerConvNtt } from './conv-ntt.js';
import { lowerSparse } from './sparse-conv2d.js';
import { lowerWinograd } from './winograd.js';

/** Weights [out][height][width][in] of a convolution of circulant blocks. */
export function unwindBlocks(op: Conv2d, k: number, inputs: number, outputs: number): Int8Array {
  const taps = op.kernel[0] * op.kernel[1];
  const blocks = Math.ceil(inputs / k);
  return Int8Array.from({ length: outputs * taps * inputs }, (_, i) => {
    const channel = i % inputs;
    const tap = Math.floor(i / inputs) % taps;
    const output = Math.floor(i / (inputs * taps));
    const block = (Math.floor(output / k) * taps + tap) * blocks + Math.floor(channel / k);
    return op.weights[block * k + (((output % k) - (channel % k) + k) % k)]!;
  });
}

/** Σ w of each output. */
function weightSums(op: Conv2d, inputs: number, outputs: number): Float64Array {
  const k = op.blockSize ?? 1;
  return rowSums(k === 1 ? op.weights : unwindBlocks(op, k, inputs, outputs), outputs);
}

/** By transform, where it is of circulant blocks; undefined where it is not, or cannot be. */
function lowerByTransform(
  op: Conv2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp | undefined {
  const [k, outputs] = [op.blockSize ?? 1, last(output)];
  if (k === 1) return undefined;
  const rows = unwindBlocks(op, k, last(input), outputs);
  return lowerConvNtt(op, rows, rowSums(rows, outputs), input, output, limits);
}

type Shape = [height: number, width: number, channels: number];

/** A map of `channels` as one row: windows of one pixel do not know rows. */
function inOneRow(op: Conv2d, input: Shape, output: Shape): [Shape, Shape] {
  const single = [op.kernel, op.stride].every(([y, x]) => y === 1 && x === 1);
  if (!single || op.padding.some((n) => n > 0)) return [input, output];
  const flat = ([height, width, channels]: Shape): Shape => [1, height * width, channels];
  return [flat(input), flat(output)];
}

function constantsOf(
  op: Conv2d,
  [, , channels]: Shape,
  bias: Int32Array | BigInt64Array,
  output: TensorSpec,
  record: OpRecord,
): LoweredOp['constants'] {
  const k = op.blockSize ?? 1;
  const patch = op.kernel[0] * op.kernel[1] * channels;
  const bytes = k === 1 ? packWeights(op.weights, patch, op.weightType, record) : littleEndian(op.weights);
  return [{ field: OP_WEIGHTS, bytes }, ...requantization(op, bias, output, record)];
}

/** A kind of records that are cut so, and what fills in its own fields. */
interface ConvolutionRecord {
  kind: OpKind.CONV2D | OpKind.CONV2D_XNOR;
  complete?: (record: OpRecord) => void;
}

/** A cut into tiles: columns of each, channels at a time, tables of weights. */
interface Cut {
  columns: number;
  group: number;
  fours: number;
}

/** A cut, whether its tiles are within their share of a charge, and what an inference takes. */
type Choice = Cut & { within: boolean; inferenceUj: number };

/** With room for cores to widen two windows where the input rows were, if there is any. */
function widened(areas: number[], patch: number, { arenaBytes }: TileLimits): number[] {
  const wide = areas.with(0, Math.max(areas[0]!, 4 * patch));
  return patch % 4 === 0 && arenaFor(wide) <= arenaBytes ? wide : areas;
}

/** Columns that tiles may have, channels in all and of a block, areas of SRAM, and records. */
interface Wholes {
  sizes: readonly number[];
  outputs: number;
  k: number;
  /** Whether tables may be made for its weights. */
  hasSigns: boolean;
  /** Whether a group smaller than SRAM holds may take less. */
  inParts: boolean;
  areasOf(columns: number, group: number, fours: number): number[];
  cutInto(cut: Cut): { record: OpRecord };
}

/** Whether a choice is better than one of as many columns or more. */
function isBetter(next: Choice, best: Choice): boolean {
  if (next.within !== best.within) return next.within;
  return (!next.within && next.columns < best.columns) || next.inferenceUj < best.inferenceUj;
}

/**
 * Of tiles of all channels within a tenth of a charge those that an inference takes least with; failing that, the narrowest. A
 * group of channels smaller than SRAM holds may leave room for constants that are then widened once; tables are worth their
 * making for many channels alone.
 */
function cheapestWhole(
  { sizes, outputs, k, hasSigns, inParts, areasOf, cutInto }: Wholes,
  limits: TileLimits,
): Choice | undefined {
  let choice: Choice | undefined;
  for (const columns of sizes) {
    for (const fours of hasSigns ? TABLES : [0]) {
      const fits = (part: number): boolean =>
        arenaFor(areasOf(columns, Math.min(part * k, outputs), fours)) <= limits.arenaBytes;
      // Whole block rows, or all outputs.
      const parts = equalParts(Math.ceil(outputs / k)).filter(fits);
      for (const rows of inParts ? parts : parts.slice(0, 1)) {
        // Channels go in pairs: not one at a time only so that a tile is wide.
        if (columns > 1 && rows * k < Math.min(2, outputs)) continue;
        const found = { columns, group: Math.min(rows * k, outputs), fours };
        const { share, inferenceUj } = limits.cost(cutInto(found).record);
        const next = { ...found, within: share <= 1, inferenceUj };
        if (!choice || isBetter(next, choice)) choice = next;
      }
    }
  }
  return choice;
}

/** As sums of products; as records of `kind`, whose own fields `complete` fills in. */
export function lowerConv2d(
  op: Conv2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
  { kind, complete }: ConvolutionRecord = { kind: OpKind.CONV2D },
): LoweredOp {
  const [inputShape, outputShape] = inOneRow(op, feature(op, input), feature(op, output));
  const [, width, channels] = inputShape;
  const outputs = outputShape[2];
  const patch = op.kernel[0] * op.kernel[1] * channels;
  const bytes = elementBytes(input);
  const k = op.blockSize ?? 1;
  const bias = foldBias(op.bias, weightSums(op, channels, outputs), input.zeroPoint);
  const withScales = leanWindows(op, bias, output, limits);
  const runs = kind === OpKind.CONV2D_XNOR ? runsOf(op, channels) : undefined;
  const of = { type: op.weightType, length: patch, runs };
  const shapeOf = (vectors: number, rows: number) => ({ ...of, rows, vectors });
  /** Bytes looked up for a group, and one unpacked row behind them. */
  const groupBytes = (columns: number, group: number, fours: number): number => {
    if (k === 1) return weightRoom(shapeOf(columns, group), fours);
    const row = op.kernel[0] * op.kernel[1] * Math.ceil(channels / k) * k;
    return align(Math.ceil(group / k) * row) + patch;
  };
  const rows = inRows(op, input, channels, limits);
  const areasOf = (columns: number, group: number, fours: number, part = outputs): number[] => {
    const areas = [
      rowSpan(op, width, channels, columns) * bytes,
      columns * patch * bytes,
      groupBytes(columns, group, fours),
      biasBytes(output, group),
      requantBytes(op, group),
      columns * part * bytes,
    ];
    return rows ? withRows(areas, op, columns, channels, limits) : areas;
  };
  /** The record of tiles of `columns`, in parts of their channels, and where its areas end. */
  const cutInto = ({ columns, group, fours }: Cut, part = outputs): { record: OpRecord; end: number } => {
    const record = recordOf(kind, input);
    complete?.(record);
    record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
    record.set(OP_REQUANT_STRIDE, op.multipliers.length === 1 ? 0 : 8);
    record.set(OP_WEIGHT_TYPE, WEIGHT_TYPES[op.weightType ?? 'int8'].code);
    record.set(WIN_GROUP, Math.min(group, part));
    if (k > 1) record.set(WIN_BLOCK, k);
    if (rows) record.mark(OP_FLAG_ROWS);
    placeWindow(op, inputShape, outputShape, columns, record);
    if (part < outputs) {
      record.set(WIN_PART, part);
      record.set(OP_TILES, record.get(OP_TILES) * Math.ceil(outputs / part));
    }
    const areas = withScales(record, areasOf(columns, Math.min(group, part), fours, part));
    if (fours > 0) growTables(areas, 2, shapeOf(columns, Math.min(group, part)), limits);
    return {
      record,
      end: placeAreas(record, bytes === 1 && columns > 1 && !runs ? widened(areas, patch, limits) : areas),
    };
  };
  const lowered = ({ record, end }: { record: OpRecord; end: number }): LoweredOp => ({
    record,
    constants: constantsOf(op, inputShape, bias, output, record),
    arenaBytes: end,
  });
  if (rows) {
    const cutRows = (columns: number, part: number) => cutInto({ columns, group: part, fours: 0 }, part);
    const cut = cheapest(partsOf(outputShape[1], outputs, cutRows, limits), limits);
    if (cut) return lowered(cut);
  }
  const sizes = [...columnChoices(outputShape[1], lineValues(limits, output, outputs))];
  const hasSigns = areSigns(op.weightType);
  const inParts = hasSigns || isLean(op, bias, output);
  const choice = cheapestWhole({ sizes, outputs, k, hasSigns, inParts, areasOf, cutInto }, limits);
  if (!choice) tooLarge(op, arenaFor(areasOf(1, Math.min(k, outputs), 0)), limits);
  // A column that is too much is cut into parts of its channels; blocks stay whole.
  const fitsPart = (size: number): boolean => limits.cost(cutInto(choice, size).record).share <= 1;
  const isWhole = choice.columns > 1 || choice.within || k > 1;
  const part = isWhole ? outputs : largestPart(outputs, fitsPart, lineValues(limits, output)) || 1;
  return lowered(cutInto(choice, part));
}

function check(op: Conv2d, input: TensorSpec, output: TensorSpec, wide: boolean): void {
  checkRequantization(op, last(output), wide);
  const k = op.blockSize ?? 1;
  if (!Number.isInteger(k) || k < 1 || k > 4096 || (k & (k - 1)) !== 0)
    unsound(op, `blocks of ${k}`, 'a power of two');
  if (k > 1 && (op.weightType ?? 'int8') !== 'int8')
    unsound(op, `circulant blocks of ${op.weightType}`, 'int8 weights, or no blocks');
  const blocks = (tensor: TensorSpec): number => Math.ceil(last(tensor) / k);
  const weights = blocks(output) * blocks(input) * k;
  checkLength(op, 'weights', op.weights.length, weights * op.kernel[0] * op.kernel[1]);
}

/** By the cheapest way, or that which the op names, if it is one. */
function lowerAny(op: Conv2d, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const { method = 'auto' } = op;
  const asked = (one: ConvolutionMethod): boolean => method === 'auto' || method === one;
  const others = [
    asked('sparse') ? lowerSparse(op, input, output, limits) : undefined,
    asked('winograd') ? lowerWinograd(op, input, output, limits) : undefined,
    asked('ntt') ? lowerByTransform(op, input, output, limits) : undefined,
  ].filter((way) => way !== undefined);
  if (method !== 'auto' && others.length > 0) return others[0]!;
  return cheapest([lowerConv2d(op, input, output, limits), ...others], limits)!;
}

export const conv2d: NetworkOp<Conv2d> = {
  inputs: one,
  int16: true,
  weightSums: (op, [input], output) => weightSums(op, last(input!), last(output)),
  check: (op, [input], output, wide) => check(op, input!, output, wide),
  lower: (op, [input], output, limits) => [lowerAny(op, input!, output, limits)],
};

/** Whether the weights are an activation (matmul.ts). */
const hasActivationWeights = (op: OpRecord): boolean => {
  const address = op.get(OP_WEIGHTS);
  return address !== 0 && (address & CONSTANT) === 0 && address >>> GROUP_SHIFT === 0;
};

/** One group of channels: those multiplied as they are, or rows that are made of what is stored first. */
function groupCounts(op: OpRecord, vectors: number, rows: number, room: boolean): Counts {
  const patch = patchOf(op);
  const isPlain = op.get(WIN_BLOCK) <= 1 && isInt8Weights(op);
  if (op.has(OP_FLAG_ROWS)) return rowsCounts(op, vectors, rows, room);
  if (isPlain && op.isInt8) return gemmCounts(vectors, rows, patch, room);
  if (isFewBits(op)) return packedCounts(op, { vectors, rows, length: patch, room });
  const k = op.get(WIN_BLOCK);
  const [taps, inputs] = [tapsOf(op), op.get(WIN_INPUT_CHANNELS)];
  return {
    mac: vectors * rows * patch,
    [outputTerm(op)]: vectors * rows,
    row: rows,
    made: isPlain ? 0 : rows * patch,
    run: k > 1 ? rows * taps * Math.ceil(inputs / k) : 0,
  };
}

function kernelOf(op: OpRecord): string {
  // With int16 activations rows that are made first are priced as those that are stored.
  if (!op.isInt8) return 'conv2d_s16';
  if (op.get(WIN_BLOCK) > 1) return 'conv2d_blocks';
  if (op.has(OP_FLAG_ROWS)) return 'conv2d_rows';
  return isInt8Weights(op) ? 'conv2d' : PACKED;
}

/** Windows are laid out, unless they are pixels as they lie. */
function conv2dWork(op: OpRecord): Work {
  const [taps, patch, bytes] = [tapsOf(op), patchOf(op), op.valueBytes];
  const [kernelHeight] = op.getPair(WIN_KERNEL);
  const isPointwise =
    taps === 1 &&
    op.getPair(WIN_STRIDE).every((n) => n === 1) &&
    op.getPair(WIN_PADDING).every((n) => n === 0);
  const group = op.get(WIN_GROUP);
  const k = Math.max(op.get(WIN_BLOCK), 1);
  const stored = k > 1 ? taps * Math.ceil(op.get(WIN_INPUT_CHANNELS) / k) * k : weightRowBytes(op, patch);
  const room = op.get(OP_SCRATCH1) - op.get(OP_SCRATCH0) >= 4 * patch;
  const viewsOf = (weights: number): Parameters<typeof part>[1] =>
    hasActivationWeights(op)
      ? { stateViews: 1, stateBytes: weights }
      : { constantViews: 1, constantBytes: weights };
  const tiles = windowWork(op, ({ columns, rows: seen, span }, rows) => {
    const groups = cut(rows, group, (size) =>
      both(
        part({ group: 1, ...groupCounts(op, columns, size, room) }, viewsOf(Math.ceil(size / k) * stored)),
        lookedUpByTile(op, size),
      ),
    ).all;
    const laidOut = columns * patch * bytes;
    const windows = isPointwise
      ? part({ tile: 1 }, { stateViews: 1, stateBytes: laidOut })
      : part(
          { tile: 1, line: kernelHeight, window: columns * kernelHeight, laidOut },
          { stateViews: seen, stateBytes: seen * pixelBytes(op, span) },
        );
    const writes = op.get(WIN_PART) === 0 ? 1 : columns;
    const output = part({}, { writes, writtenBytes: columns * rows * bytes });
    return total([groups, windows, output].map((one) => [1, one] as const));
  });
  return { kernel: kernelOf(op), enter: lookedUpOnce(op), ...tiles };
}

export function convBounds(op: OpRecord): Bounds {
  const outputs = size(op, WIN_OUTPUT_CHANNELS);
  const part = size(op, WIN_PART) || outputs;
  const window = windowBounds(op, Math.ceil(outputs / part));
  const { columns, taps, channels, width, pixels, inputPixels } = window;
  const group = size(op, WIN_GROUP);
  const block = Math.max(1, size(op, WIN_BLOCK));
  const patch = taps * channels;
  const blockRow = taps * Math.ceil(channels / block) * block;
  const row = block > 1 ? blockRow : packedBytes(op, patch);
  const kept = Math.ceil(group / block) * row;
  const rows = op.has(OP_FLAG_ROWS) ? 1 : 0;
  const [[down, across], [, right], [tall, wide]] = [WIN_KERNEL, WIN_STRIDE, WIN_DILATION].map((field) =>
    op.getPair(field),
  ) as [...[[number, number], [number, number], [number, number]]];
  // Taps that lie apart, and windows.
  const apart = tall - 1 + wide - 1 + Math.max(0, right - across);
  const pointwise = taps === 1 && op.get(WIN_STRIDE) === 0x10001 && op.get(WIN_PADDING) === 0;
  return {
    scratch: [
      window.rowBytes,
      rows === 0
        ? columns * patch * width
        : Math.max(patch, down * ((columns - 1) * right + across) * channels),
      block > 1 ? alignUp(kept) + patch : unpackedBytes(op, patch, group),
      biasBytesOf(op, isKept(op) ? outputs : group),
      pairBytes(op, isKept(op) ? outputs : group),
      columns * part * width,
    ],
    reads: [...window.reads, [OP_WEIGHTS, Math.ceil(outputs / block) * row], ...requantizing(op, outputs)],
    writes: window.writes,
    demands: [
      ...window.demands,
      atLeast('channels at a time', 1, group),
      ['channels of a part', part, outputs],
      ['part of a plain op', op.has(OP_FLAG_PLAIN) ? size(op, WIN_PART) : 0, 0],
      ['columns of a part', part < outputs && rows === 0 ? columns : 1, 1],
      ['what rows cannot be of', rows * (width - 1 + block - 1 + op.get(OP_WEIGHT_TYPE) + apart), 0],
      ['packed weights of blocks', op.get(OP_WEIGHT_TYPE) * (block - 1), 0],
      ['block', block, 4096],
      ['pixels of a pointwise op', pointwise ? pixels : 0, inputPixels],
    ],
  };
}

export const conv2dRecord: RecordOp = {
  family: 'convolution',
  shapes: (op) => windowShapes(op, patchOf(op)),
  work: conv2dWork,
  cycles: (op) => {
    const channels = op.get(WIN_PART) || op.get(WIN_OUTPUT_CHANNELS);
    return { enter: 0, tile: convTileCycles(op.get(WIN_TILE_COLUMNS), channels, patchOf(op)) };
  },
  bounds: convBounds,
  isPlain: (op) => op.get(WIN_PART) === 0 && staysInside(op),
  features: (op) => (op.get(WIN_BLOCK) > 1 ? FEATURE_BLOCKS : 0) | (op.has(OP_FLAG_ROWS) ? FEATURE_ROWS : 0),
  detail: () => '',
  accelerated: (op) => op.get(WIN_BLOCK) <= 1,
  signed: (op) =>
    op.get(WIN_BLOCK) <= 1 && hasTables(op, patchOf(op), op.get(WIN_GROUP), op.get(WIN_TILE_COLUMNS)),
  weights(op) {
    if (op.get(WIN_BLOCK) !== 0 || hasActivationWeights(op)) return undefined;
    const outputs = op.get(WIN_OUTPUT_CHANNELS);
    const order = (stored: Int8Array): Int8Array => stored;
    return { rows: outputs, length: patchOf(op), outputs, zeroPoint: 0, order, interleaved: false };
  },
};
