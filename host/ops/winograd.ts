// 3 × 3 convolutions by Winograd's F(2 × 2, 3 × 3) over the integers (Lavin and Gray, 2016): a block of 2 × 2 outputs from 16
// products instead of 36. G is taken twice on both sides, so that weights stay whole, and four times each sum comes out.
import {
  OP_FLAG_PLAIN,
  OP_REQUANT_STRIDE,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT,
  OP_TILES,
  OP_WEIGHTS,
  OP_WEIGHT_TYPE,
  OpKind,
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
  WINO_COMPUTED,
  WINO_OUTPUT_HEIGHT,
  WINO_POSITIONS,
  WINO_PRODUCT_BYTES,
  WINO_ROWS,
} from '../../assembly/layout.js';
import type { Conv2d, TensorSpec } from '../model/quantized-network.js';
import { littleEndian } from '../model/values.js';
import type { OpRecord } from '../model/record.js';
import type { Bounds, RecordOp } from './op.js';
import {
  atLeast,
  biasBytes as biasBytesOf,
  pairBytes as pairBytesOf,
  requantizing,
  size,
  windowBounds,
} from './shared/bounds.js';
import { winogradTileCycles } from './shared/cycles.js';
import {
  align,
  arenaFor,
  biasBytes,
  foldBias,
  largestPart,
  leanWindows,
  lineValues,
  type LoweredOp,
  placeAreas,
  recordOf,
  requantBytes,
  requantization,
  rowSums,
  type TileLimits,
} from './shared/lowering.js';
import { last } from './shared/check.js';
import { isKept, lookedUpByTile, lookedUpOnce } from './shared/record-bytes.js';
import { pixelBytes } from './shared/window-work.js';
import { columnChoices, feature, patchOf, placeWindow } from './shared/window.js';
import { both, cut, type Part, part, total, type Work } from './shared/work.js';

const TAPS = 9;
/** 2G. */
const DOUBLED = [
  [2, 0, 0],
  [1, 1, 1],
  [1, -1, 1],
  [0, 0, 2],
] as const;
/** Order of four channels in memory: two words of two int16, even channels and odd ones. */
const CHANNEL_ORDER = [0, 2, 1, 3];

/** Bytes that transformed weights of `outputs` rows of `channels` take: rows go in pairs. */
const pairBytes = (channels: number): number => 2 * WINO_POSITIONS * channels * 2;

/** Bytes that the weights of a convolution take transformed; 0 where Winograd's way is none. */
export function transformedBytes(op: Conv2d): number {
  const outputs = op.bias.length;
  const channels = op.weights.length / outputs / TAPS;
  return isWinograd(op, channels) ? Math.ceil(outputs / 2) * pairBytes(channels) : 0;
}

/** Whether four times every sum of the layer fits int32, which is all that its arithmetic modulo 2³² asks. */
function sumsFit({ weights }: Conv2d, outputs: number): boolean {
  const length = weights.length / outputs;
  const sums = new Float64Array(outputs);
  weights.forEach((w, i) => {
    sums[Math.floor(i / length)]! += Math.abs(w);
  });
  return sums.every((sum) => 4 * 128 * sum < 2 ** 31);
}

function isWinograd(op: Conv2d, channels: number): boolean {
  const isPair = ([a, b]: readonly [number, number], size: number): boolean => a === size && b === size;
  return (
    isPair(op.kernel, 3) &&
    isPair(op.stride, 1) &&
    isPair(op.dilation, 1) &&
    (op.blockSize ?? 1) === 1 &&
    (op.weightType ?? 'int8') === 'int8' &&
    !(op.bias instanceof BigInt64Array) &&
    channels % 4 === 0
  );
}

/** 4·GgGᵀ as int16 [pair of rows][position][four channels][row of the pair][channel]. */
function transform(weights: Int8Array, outputs: number, channels: number): Int16Array {
  const pair = pairBytes(channels) / 2;
  const result = new Int16Array(Math.ceil(outputs / 2) * pair);
  for (let row = 0; row < outputs; row++) {
    for (let channel = 0; channel < channels; channel++) {
      const tap = (y: number, x: number): number => weights[(row * TAPS + y * 3 + x) * channels + channel]!;
      const at = (row >> 1) * pair + (channel >> 2) * 8 + (row & 1) * 4 + CHANNEL_ORDER.indexOf(channel & 3);
      for (let position = 0; position < WINO_POSITIONS; position++) {
        const [vertical, horizontal] = [DOUBLED[position >> 2]!, DOUBLED[position & 3]!];
        let sum = 0;
        for (let y = 0; y < 3; y++)
          for (let x = 0; x < 3; x++) sum += vertical[y]! * horizontal[x]! * tap(y, x);
        result[at + position * channels * 2] = sum;
      }
    }
  }
  return result;
}

/** Bytes of SRAM of each area; `biases`, `pairs`: those of a group. */
function areas(
  tile: { columns: number; group: number; channels: number; outputs: number; computed: boolean },
  biases: number,
  pairs: number,
): number[] {
  const { columns, group, channels, outputs, computed } = tile;
  const whole = Math.ceil(columns / 4) * 4;
  const rows = WINO_ROWS * (whole + 2) * channels;
  const two = Math.ceil(group / 2);
  const weights = computed
    ? align(group * TAPS * channels) + Math.min(two, 2) * pairBytes(channels)
    : two * pairBytes(channels);
  return [
    (whole + 2) * channels,
    WINO_POSITIONS * whole * channels + Math.max(rows, WINO_PRODUCT_BYTES),
    weights,
    biases,
    pairs,
    2 * whole * outputs,
  ];
}

/** A record, where its areas end, and what an inference takes by it. */
interface Choice {
  record: OpRecord;
  end: number;
  inferenceUj: number;
}

/** Of tiles within the limits, with as many rows of weights in SRAM as fit, those that an inference takes least with. */
function choose(
  op: Conv2d,
  bias: Int32Array | BigInt64Array,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): Choice | undefined {
  const withScales = leanWindows(op, bias, output, limits);
  const [inputShape, outputShape] = [feature(op, input), feature(op, output)];
  const [[, , channels], [height, width, outputs]] = [inputShape, outputShape];
  const computed = op.transformed === 'computed';
  const areasOf = (columns: number, group: number): number[] =>
    areas({ columns, group, channels, outputs, computed }, biasBytes(output, group), requantBytes(op, group));
  let choice: Choice | undefined;
  for (const columns of columnChoices(width, lineValues(limits, output, outputs))) {
    const pairs = largestPart(
      Math.ceil(outputs / 2),
      (part) => arenaFor(areasOf(columns, Math.min(part * 2, outputs))) <= limits.arenaBytes,
    );
    if (pairs === 0) continue;
    const group = Math.min(pairs * 2, outputs);
    const record = recordOf(OpKind.CONV2D_WINOGRAD, input);
    record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
    record.set(OP_REQUANT_STRIDE, op.multipliers.length === 1 ? 0 : 8);
    placeWindow(op, inputShape, outputShape, columns, record);
    record.set(OP_TILES, Math.ceil(height / 2) * Math.ceil(width / columns));
    record.set(WIN_GROUP, group);
    record.set(WINO_OUTPUT_HEIGHT, height);
    record.set(WINO_COMPUTED, computed ? 1 : 0);
    const end = placeAreas(record, withScales(record, areasOf(columns, group)));
    const { share, inferenceUj } = limits.cost(record);
    if (share <= 1 && !(choice && choice.inferenceUj <= inferenceUj)) choice = { record, end, inferenceUj };
  }
  return choice;
}

/** Lowers `op` to Winograd's way; undefined where it is none, or does not fit. */
export function lowerWinograd(
  op: Conv2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp | undefined {
  const [channels, outputs] = [last(input), last(output)];
  if (!isWinograd(op, channels) || (input.dtype ?? 'int8') !== 'int8' || !sumsFit(op, outputs))
    return undefined;
  const bias = foldBias(op.bias, rowSums(op.weights, outputs), input.zeroPoint);
  const choice = choose(op, bias, input, output, limits);
  if (!choice) return undefined;
  const { record, end } = choice;
  const weights = record.get(WINO_COMPUTED) ? op.weights : transform(op.weights, outputs, channels);
  const constants = [
    { field: OP_WEIGHTS, bytes: littleEndian(weights) },
    ...requantization(op, bias, output, record),
  ];
  return { record, constants, arenaBytes: end };
}

/** A tile of `count` columns and `written` rows of outputs, from `span` pixels of each of `rows` rows inside the map. */
function tilePart(op: OpRecord, count: number, rows: number, span: number, written: number): Part {
  const [channels, outputs] = [op.get(WIN_INPUT_CHANNELS), op.get(WIN_OUTPUT_CHANNELS)];
  const computed = op.get(WINO_COMPUTED) !== 0;
  const [blocks, pairs] = [Math.ceil(count / 2), Math.ceil(count / 4)];
  const groups = cut(outputs, op.get(WIN_GROUP), (size) => {
    const two = Math.ceil(size / 2);
    const sums = part(
      {
        group: 1,
        row: two,
        made: computed ? size * channels : 0,
        product: two * pairs,
        mac: two * pairs * channels,
        pairBlock: (size - (size % 2)) * blocks,
        singleBlock: (size % 2) * blocks,
      },
      { constantViews: 1, constantBytes: computed ? size * TAPS * channels : two * pairBytes(channels) },
    );
    return both(sums, lookedUpByTile(op, size));
  }).all;
  const input = part(
    { tile: 1, laidOut: WINO_ROWS * (4 * pairs + 2) * channels, transformed: 2 * pairs * channels },
    { stateViews: rows, stateBytes: rows * pixelBytes(op, span) },
  );
  const output = part({}, { writes: written, writtenBytes: written * count * outputs });
  return total([groups, input, output].map((one) => [1, one] as const));
}

function winogradWork(op: OpRecord): Work {
  const [height, width] = [op.get(WIN_INPUT_HEIGHT), op.get(WIN_INPUT_WIDTH)];
  const [rows, columns] = [op.get(WINO_OUTPUT_HEIGHT), op.get(WIN_OUTPUT_WIDTH)];
  const [above, before] = op.getPair(WIN_PADDING);
  const step = op.get(WIN_TILE_COLUMNS);
  /** Inputs inside the map of `size` that `count` from `from` on see. */
  const inside = (from: number, count: number, size: number): number =>
    Math.max(Math.min(from + count, size) - Math.max(from, 0), 0);
  const tiles: [number, Part][] = [];
  for (let row = 0; row < rows; row += 2)
    for (let column = 0; column < columns; column += step) {
      const count = Math.min(step, columns - column);
      const seen = inside(row - above, WINO_ROWS, height);
      const span = inside(column - before, Math.ceil(count / 4) * 4 + 2, width);
      tiles.push([1, tilePart(op, count, span > 0 ? seen : 0, span, Math.min(rows - row, 2))]);
    }
  const full = tilePart(
    op,
    Math.min(step, columns),
    Math.min(WINO_ROWS, height),
    Math.min(step + 2, width),
    2,
  );
  return { kernel: 'conv2d_winograd', enter: lookedUpOnce(op), tile: full, all: total(tiles) };
}

function winogradBounds(op: OpRecord): Bounds {
  const window = windowBounds(op);
  const { channels, outputs, columns } = window;
  const [group, height, computed] = [WIN_GROUP, WINO_OUTPUT_HEIGHT, WINO_COMPUTED].map((f) =>
    size(op, f),
  ) as [number, number, number];
  const kept = isKept(op) ? outputs : group;
  const bands = size(op, OP_TILES) / Math.ceil(size(op, WIN_OUTPUT_WIDTH) / columns);
  const tile = { columns, group, channels, outputs, computed: computed !== 0 };
  const weights = computed ? outputs * TAPS * channels : Math.ceil(outputs / 2) * pairBytes(channels);
  const three = (field: number, expected: number): Bounds['demands'][number] => [
    'sizes of a 3 × 3 window of stride 1',
    Math.max(...op.getPair(field).map((n) => Math.abs(n - expected))),
    0,
  ];
  return {
    scratch: areas(tile, biasBytesOf(op, kept), pairBytesOf(op, kept)),
    reads: [...window.reads, [OP_WEIGHTS, weights], ...requantizing(op, outputs)],
    writes: [[OP_OUTPUT, height * size(op, WIN_OUTPUT_WIDTH) * outputs]],
    demands: [
      ...window.demands,
      three(WIN_KERNEL, 3),
      three(WIN_STRIDE, 1),
      three(WIN_DILATION, 1),
      ['rows of tiles that are not half the outputs', Math.abs(bands - Math.ceil(height / 2)), 0],
      ['rows of a plain op', op.has(OP_FLAG_PLAIN) ? 2 * bands + 2 : 0, size(op, WIN_INPUT_HEIGHT)],
      ['channels beyond a multiple of 4', channels % 4, 0],
      atLeast('channels at a time', 1, group),
      ['channels at a time', group, outputs],
      ['odd channels at a time', group === outputs ? 0 : group % 2, 0],
      ['packed weights', op.get(OP_WEIGHT_TYPE), 0],
      ['weights computed', computed, 1],
    ],
  };
}

export const winogradRecord: RecordOp = {
  bounds: winogradBounds,
  family: 'convolution',
  work: winogradWork,
  shapes(op) {
    const [height, width, channels] = [WIN_INPUT_HEIGHT, WIN_INPUT_WIDTH, WIN_INPUT_CHANNELS].map((field) =>
      op.get(field),
    ) as [number, number, number];
    const outputShape = [WINO_OUTPUT_HEIGHT, WIN_OUTPUT_WIDTH, WIN_OUTPUT_CHANNELS].map((f) => op.get(f));
    const macs = outputShape.reduce((a, b) => a * b, 1) * patchOf(op);
    return { inputShape: [height, width, channels], outputShape, macs };
  },
  cycles(op) {
    const [columns, outputs] = [op.get(WIN_TILE_COLUMNS), op.get(WIN_OUTPUT_CHANNELS)];
    const computed = op.get(WINO_COMPUTED) !== 0;
    return { enter: 0, tile: winogradTileCycles(columns, outputs, op.get(WIN_INPUT_CHANNELS), computed) };
  },
  isPlain(op) {
    const height = op.get(WINO_OUTPUT_HEIGHT);
    const inside =
      height + 2 <= op.get(WIN_INPUT_HEIGHT) && op.get(WIN_OUTPUT_WIDTH) + 2 <= op.get(WIN_INPUT_WIDTH);
    return inside && height % 2 === 0 && op.getPair(WIN_PADDING).every((padding) => padding === 0);
  },
  features: () => 0,
  detail: (op) => (op.get(WINO_COMPUTED) ? ', weights computed' : ''),
  accelerated: () => true,
  signed: () => false,
  weights(op) {
    if (!op.get(WINO_COMPUTED)) return undefined;
    const outputs = op.get(WIN_OUTPUT_CHANNELS);
    const order = (stored: Int8Array): Int8Array => stored;
    return { rows: outputs, length: patchOf(op), outputs, zeroPoint: 0, order, interleaved: false };
  },
};
