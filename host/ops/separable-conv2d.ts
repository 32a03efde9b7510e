// A depthwise convolution and the pointwise one after it as one op (a depthwise separable convolution; Howard et al., 2017):
// tiles make a few rows of the map between in SRAM, and outputs of them, so that NVM holds only what goes in and comes out.
import {
  OP_BYTES,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_TILES,
  OP_WEIGHTS,
  OP_WEIGHT_TYPE,
  OpKind,
  SEP_CHANNELS,
  SEP_ROWS,
  SEP_ZERO_POINT,
  WIN_DILATION,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PADDING,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import type { Conv2d, DepthwiseConv2d, Requantization, TensorSpec } from '../model/quantized-network.js';
import { OpRecord } from '../model/record.js';
import { gemmCounts } from './shared/gemm-work.js';
import { depthwiseCounts, packGroups } from './depthwise-conv2d.js';
import type { Bounds, RecordOp } from './op.js';
import { alignUp, atLeast, requantizing, size, windowBounds } from './shared/bounds.js';
import { last } from './shared/check.js';
import { convTileCycles, depthwiseTileCycles } from './shared/cycles.js';
import {
  align,
  arenaFor,
  cheapest,
  foldBias,
  largestPart,
  lineValues,
  type LoweredOp,
  placeAreas,
  recordOf,
  requantization,
  rowSums,
  type TileLimits,
} from './shared/lowering.js';
import { requantizationBytes } from './shared/record-bytes.js';
import { columnChoices, feature, placeWindow, rowSpan, tapsOf } from './shared/window.js';
import { pixelBytes } from './shared/window-work.js';
import { cut, NOTHING, ofKernel, type Part, part, total, type Work } from './shared/work.js';

/** Two ops of which the second reads what the first makes, and nothing else does. */
export interface SeparablePair {
  depthwise: DepthwiseConv2d;
  pointwise: Conv2d;
  input: TensorSpec;
  between: TensorSpec;
  output: TensorSpec;
}

/** Fields of 16 bits. */
const MOST = 0xffff;

const isInt8 = ({ dtype = 'int8' }: TensorSpec): boolean => dtype === 'int8';
const asInt8 = (value: number): number => (value << 24) >> 24;

/** Whether there is a kernel for both as one: int8, windows whose rows overlap or touch, weights of a byte. */
function isSeparable({ depthwise, pointwise, input, between, output }: SeparablePair): boolean {
  const { kernel, stride, dilation } = depthwise;
  return (
    [input, between, output].every((tensor) => isInt8(tensor) && tensor.shape.length === 3) &&
    [...between.shape, ...output.shape].every((length) => length <= MOST) &&
    dilation.every((n) => n === 1) &&
    stride.every((n, axis) => n <= kernel[axis]!) &&
    pointwise.kernel.every((n) => n === 1) &&
    pointwise.stride.every((n) => n === 1) &&
    pointwise.padding.every((n) => n === 0) &&
    (pointwise.blockSize ?? 1) === 1 &&
    [depthwise, pointwise].every(
      ({ bias, weightType = 'int8' }) => bias instanceof Int32Array && weightType === 'int8',
    ) &&
    [depthwise.clampMin, depthwise.clampMax].every((n) => asInt8(n) === n)
  );
}

/** With a multiplier and a shift for each of its channels. */
function perChannel<Op extends Requantization>(op: Op): Op {
  if (op.multipliers.length > 1) return op;
  const times = (values: Int32Array): Int32Array => new Int32Array(op.bias.length).fill(values[0]!);
  return { ...op, multipliers: times(op.multipliers), shifts: times(op.shifts) };
}

/** How it is cut: columns and rows of a tile, channels between and output channels whose weights are in SRAM at a time. */
interface Sizes {
  columns: number;
  rows: number;
  channels: number;
  group: number;
}

/** What sizes of areas follow from. */
interface Shape {
  /** Bytes of an input row under a tile's windows, inside the map and laid out. */
  row: number;
  across: number;
  kernelHeight: number;
  taps: number;
  between: number;
  outputs: number;
}

/** Bytes of SRAM of each area. `room`: for widening two pixels between, where input rows are looked up. */
function areas(
  { row, across, kernelHeight, taps, between, outputs }: Shape,
  sizes: Sizes,
  room = 0,
): number[] {
  const { columns, rows, channels, group } = sizes;
  const most = Math.max(channels, group);
  return [
    Math.max(row, room),
    kernelHeight * across,
    Math.max(channels * taps, group * between),
    4 * most,
    8 * most,
    OP_BYTES + align(rows * columns * between) + rows * columns * outputs,
  ];
}

/** A cut, its record, and where its areas end. */
interface Cut {
  sizes: Sizes;
  record: OpRecord;
  end: number;
}

/** All that an inference may be cut into with tiles of `columns`, few rows first: those that fit into SRAM. */
function* cutsOf(pair: SeparablePair, columns: number, limits: TileLimits): Generator<Cut> {
  const { depthwise, pointwise, input } = pair;
  const [inputShape, outputShape] = [feature(depthwise, input), feature(pointwise, pair.output)];
  const [, width, channels] = inputShape;
  const [height, outputWidth, outputs] = outputShape;
  const [kernelHeight, kernelWidth] = depthwise.kernel;
  const between = last(pair.between);
  const taps = kernelHeight * kernelWidth;
  const across = ((columns - 1) * depthwise.stride[1] + kernelWidth) * channels;
  const shape: Shape = {
    row: rowSpan(depthwise, width, channels, columns),
    ...{ across, kernelHeight, taps, between, outputs },
  };
  const fits = (sizes: Sizes, room = 0): boolean => arenaFor(areas(shape, sizes, room)) <= limits.arenaBytes;
  for (const rows of [...columnChoices(height)].reverse()) {
    const cutting = { columns, rows };
    const group = largestPart(outputs, (size) => fits({ ...cutting, group: size, channels: 1 }), 4);
    // Channels go in pairs: not one at a time only so that a tile is high.
    if (group === 0 || (rows > 1 && group < Math.min(2, outputs))) return;
    const sizes = {
      ...{ ...cutting, group },
      channels: largestPart(between, (size) => fits({ ...cutting, group, channels: size }), 4),
    };
    const record = recordOf(OpKind.SEPARABLE_CONV2D, input);
    record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
    record.set(OP_REQUANT_STRIDE, 8);
    placeWindow(depthwise, inputShape, outputShape, columns, record);
    record.set(WIN_GROUP, group);
    record.setPair(SEP_CHANNELS, [sizes.channels, between]);
    record.setPair(SEP_ROWS, [rows, height]);
    record.set(OP_TILES, Math.ceil(outputWidth / columns) * Math.ceil(height / rows));
    // Cores that widen two pixels do so where input rows were: room for them, if there is any.
    const roomy = rows * columns > 1 && between % 4 === 0 && fits(sizes, 4 * between);
    yield { sizes, record, end: placeAreas(record, areas(shape, sizes, roomy ? 4 * between : 0)) };
  }
}

/** The widest strips that tiles of are within their share of a charge; failing that, what comes nearest. */
function choose(pair: SeparablePair, limits: TileLimits): Cut | undefined {
  const { pointwise, output } = pair;
  const [, width, outputs] = feature(pointwise, output);
  const best: Cut[] = [];
  for (const columns of columnChoices(width, lineValues(limits, output, outputs))) {
    const found = cheapest(cutsOf(pair, columns, limits), limits);
    if (!found) continue;
    if (limits.cost(found.record).share <= 1) return found;
    best.push(found);
  }
  return cheapest(best, limits);
}

/** Weights of both, the pointwise ones first: what the kernel takes for the other's begins at a multiple of 16. */
function join(first: Uint8Array, second: Uint8Array, unit = 1): Uint8Array {
  const start = Math.ceil(first.length / unit) * unit;
  const bytes = new Uint8Array(start + second.length);
  bytes.set(first);
  bytes.set(second, start);
  return bytes;
}

/** Lowers both ops to one record; undefined where there is no kernel for them as one, or SRAM is too little. */
export function lowerSeparable(pair: SeparablePair, limits: TileLimits): LoweredOp | undefined {
  if (!isSeparable(pair)) return undefined;
  const choice = choose(pair, limits);
  if (!choice) return undefined;
  const { record, end, sizes } = choice;
  // Its record has no room to say that constants are lean.
  const depthwise = { ...perChannel(pair.depthwise), lean: false };
  const pointwise = { ...perChannel(pair.pointwise), lean: false };
  const [channels, outputs] = [last(pair.between), last(pair.output)];
  const sums = new Float64Array(channels);
  depthwise.weights.forEach((w, i) => {
    sums[i % channels]! += w;
  });
  const own = new OpRecord();
  const first = requantization(
    depthwise,
    foldBias(depthwise.bias, sums, pair.input.zeroPoint),
    pair.between,
    own,
  );
  const bias = foldBias(pointwise.bias, rowSums(pointwise.weights, outputs), pair.between.zeroPoint);
  const second = requantization(pointwise, bias, pair.output, record);
  // Even if there is but one output channel.
  record.set(OP_REQUANT_STRIDE, 8);
  const [zero, low, high] = [OP_OUTPUT_ZERO_POINT, OP_CLAMP_MIN, OP_CLAMP_MAX].map(
    (field) => own.get(field) & 0xff,
  ) as [number, number, number];
  record.set(SEP_ZERO_POINT, zero | (low << 8) | (high << 16));
  const weights = pointwise.weights;
  const stored = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  const constants = [
    { field: OP_WEIGHTS, bytes: join(stored, packGroups(depthwise, channels, sizes.channels, own), 16) },
    ...second.map(({ field, bytes }, i) => ({ field, bytes: join(bytes, first[i]!.bytes) })),
  ];
  return { record, constants, arenaBytes: end };
}

/** The depthwise convolution of a record, as the kernel makes it. */
function depthwiseOf(op: OpRecord): OpRecord {
  const record = new OpRecord(op.bytes.slice());
  const [group, channels] = op.getPair(SEP_CHANNELS);
  record.set(WIN_OUTPUT_CHANNELS, channels);
  record.set(WIN_GROUP, group);
  return record;
}

/** Inputs inside a map of `size` under windows from `from` on, `count` of them wide. */
const inside = (from: number, count: number, size: number): number =>
  Math.max(Math.min(from + count, size) - Math.max(from, 0), 0);

/** The work of one row of the map between: `fresh` rows of its windows are laid out, `seen` of them looked up in NVM. */
function rowPart(op: OpRecord, columns: number, span: number, fresh: number, seen: number): Part {
  const depthwise = depthwiseOf(op);
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const [, stride] = op.getPair(WIN_STRIDE);
  const [group, channels] = op.getPair(SEP_CHANNELS);
  const groups = cut(channels, group, (size) =>
    part(
      { group: 1, ...depthwiseCounts(depthwise, columns, size) },
      { constantViews: 3, constantBytes: size * tapsOf(op) + requantizationBytes(op, size) },
    ),
  ).all;
  // Rows that are kept are moved.
  const laidOut = pixelBytes(op, kernelHeight * ((columns - 1) * stride + kernelWidth));
  const windows = part(
    { tile: 1, line: fresh, laidOut },
    { stateViews: seen, stateBytes: seen * pixelBytes(op, span) },
  );
  return total([groups, windows].map((one) => [1, one] as const));
}

/** The work of what a tile does of `pixels` between: `writes` to NVM. */
function pointwisePart(op: OpRecord, pixels: number, writes: number): Part {
  const outputs = op.get(WIN_OUTPUT_CHANNELS);
  const [, channels] = op.getPair(SEP_CHANNELS);
  const room = op.get(OP_SCRATCH1) - op.get(OP_SCRATCH0) >= 4 * channels;
  const groups = cut(outputs, op.get(WIN_GROUP), (size) =>
    part(
      { group: 1, ...gemmCounts(pixels, size, channels, room) },
      { constantViews: 3, constantBytes: size * channels + requantizationBytes(op, size) },
    ),
  ).all;
  const tile = part({ tile: 1 }, { writes, writtenBytes: pixels * outputs });
  return ofKernel('conv2d', total([groups, tile].map((one) => [1, one] as const)));
}

function separableWork(op: OpRecord): Work {
  const [rows, height] = op.getPair(SEP_ROWS);
  const [width, columns] = [op.get(WIN_OUTPUT_WIDTH), op.get(WIN_TILE_COLUMNS)];
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const [down, right] = op.getPair(WIN_STRIDE);
  const [above, left] = op.getPair(WIN_PADDING);
  const [inputHeight, inputWidth] = [op.get(WIN_INPUT_HEIGHT), op.get(WIN_INPUT_WIDTH)];
  const [, channels] = op.getPair(SEP_CHANNELS);
  const known = new Map<string, Part>();
  const rowOf = (count: number, span: number, fresh: number, seen: number): Part => {
    const key = `${count} ${span} ${fresh} ${seen}`;
    const found = known.get(key) ?? rowPart(op, count, span, fresh, seen);
    known.set(key, found);
    return found;
  };
  /** The row of outputs `row`, of whose windows the last `fresh` rows are not in SRAM. */
  const rowAt = (count: number, span: number, row: number, fresh: number): Part => {
    const from = row * down - above + kernelHeight - fresh;
    return rowOf(count, span, fresh, span > 0 ? inside(from, fresh, inputHeight) : 0);
  };
  const parts: (readonly [number, Part])[] = [];
  let dearest: Part | undefined;
  for (let column = 0; column < width; column += columns) {
    const count = Math.min(columns, width - column);
    const span = inside(column * right - left, (count - 1) * right + kernelWidth, inputWidth);
    for (let from = 0; from < height; from += rows) {
      const made = Math.min(rows, height - from);
      const rest = pointwisePart(op, made * count, count === width ? 1 : made);
      const others = Array.from(
        { length: made - 1 },
        (_, i) => [1, rowAt(count, span, from + i + 1, down)] as const,
      );
      parts.push([1, rowAt(count, span, from, from === 0 ? kernelHeight : down)], ...others, [1, rest]);
      // After a boot its first row is read whole; in the middle of the map no window hangs over.
      if (column === 0 && (from === 0 || from <= height / 2))
        dearest = total([[1, rowAt(count, span, from, kernelHeight)], ...others, [1, rest]]);
    }
  }
  const kernel = op.get(WIN_INPUT_CHANNELS) === channels ? 'depthwise_conv2d' : 'depthwise_conv2d_multiplied';
  return { kernel, enter: NOTHING, tile: dearest!, all: total(parts) };
}

function separableBounds(op: OpRecord): Bounds {
  const [rows, height] = op.getPair(SEP_ROWS);
  const [channels, between] = op.getPair(SEP_CHANNELS);
  const width = size(op, WIN_OUTPUT_WIDTH);
  const window = windowBounds(op, 1, height);
  const { columns, taps, outputs } = window;
  const group = size(op, WIN_GROUP);
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const [down, right] = op.getPair(WIN_STRIDE);
  const across = ((columns - 1) * right + kernelWidth) * window.channels;
  const shape = { row: window.rowBytes, across, kernelHeight, taps, between, outputs };
  const weights = alignUp(outputs * between) + Math.ceil(between / channels) * channels * taps;
  const tiles = Math.ceil(width / columns) * Math.ceil(height / rows);
  const scratch = areas(shape, { columns, rows, channels, group });
  // The last area holds a record, which nothing may write over.
  const apart = scratch.slice(0, -1).map((bytes, i): Bounds['demands'][number] => {
    const [from, next] = [OP_SCRATCH0 + 4 * i, OP_SCRATCH0 + 4 * (i + 1)];
    return ['an area of SRAM that ends at', size(op, from) + bytes, size(op, next)];
  });
  return {
    scratch,
    reads: [...window.reads, [OP_WEIGHTS, weights], ...requantizing(op, outputs + between)],
    writes: window.writes,
    demands: [
      ...window.demands,
      ...apart,
      atLeast('rows', 1, rows),
      ['rows of a tile', rows, height],
      ['tiles that are not those of the rows', Math.abs(size(op, OP_TILES) - tiles), 0],
      atLeast('channels at a time', 1, group),
      atLeast('channels between', 1, between),
      atLeast('channels between at a time', 1, channels),
      ['channels at a time', group, outputs],
      ['channels between at a time', channels, between],
      ['channels between beyond a multiple of the inputs', between % window.channels, 0],
      ['stride down', down, kernelHeight],
      ['stride', right, kernelWidth],
      ['dilation', Math.max(...op.getPair(WIN_DILATION)), 1],
      ['packed weights', op.get(OP_WEIGHT_TYPE), 0],
      ['channels that share a scale', 8 - size(op, OP_REQUANT_STRIDE), 0],
    ],
  };
}

export const separableRecord: RecordOp = {
  family: 'convolution',
  work: separableWork,
  shapes(op) {
    const inputShape = [WIN_INPUT_HEIGHT, WIN_INPUT_WIDTH, WIN_INPUT_CHANNELS].map((field) => op.get(field));
    const [, height] = op.getPair(SEP_ROWS);
    const [, between] = op.getPair(SEP_CHANNELS);
    const [width, outputs] = [op.get(WIN_OUTPUT_WIDTH), op.get(WIN_OUTPUT_CHANNELS)];
    const macs = height * width * between * (tapsOf(op) + outputs);
    return { inputShape, outputShape: [height, width, outputs], macs };
  },
  cycles(op) {
    const [rows] = op.getPair(SEP_ROWS);
    const [, between] = op.getPair(SEP_CHANNELS);
    const columns = op.get(WIN_TILE_COLUMNS);
    const depthwise = rows * depthwiseTileCycles(columns, between, tapsOf(op));
    return {
      enter: 0,
      tile: depthwise + convTileCycles(rows * columns, op.get(WIN_OUTPUT_CHANNELS), between),
    };
  },
  bounds: separableBounds,
  isPlain(op) {
    const [, height] = op.getPair(SEP_ROWS);
    const [down, right] = op.getPair(WIN_STRIDE);
    const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
    return (
      op.getPair(WIN_PADDING).every((padding) => padding === 0) &&
      (height - 1) * down + kernelHeight <= op.get(WIN_INPUT_HEIGHT) &&
      (op.get(WIN_OUTPUT_WIDTH) - 1) * right + kernelWidth <= op.get(WIN_INPUT_WIDTH)
    );
  },
  features: () => 0,
  detail: (op) => ` ${op.getPair(WIN_KERNEL).join('×')}, ${op.getPair(SEP_CHANNELS)[1]} between`,
  accelerated: () => true,
  signed: () => false,
  weights: () => undefined,
};
