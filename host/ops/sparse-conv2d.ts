// Convolutions most of whose blocks of weights are zero: pruned to patterns (Niu et al., "PatDNN", ASPLOS 2020), by blocks of
// channels, or grouped. A block is some channels under one tap of the kernel; outputs that read the same blocks are a set.
import {
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_INPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_WEIGHTS,
  OpKind,
  WIN_DILATION,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_PART,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import { SPARSE_BLOCK, SPARSE_OUTPUTS } from '../../assembly/sparse-layout.js';
import type { Conv2d, TensorSpec } from '../model/quantized-network.js';
import type { OpRecord } from '../model/record.js';
import { littleEndian } from '../model/values.js';
import type { Bounds, RecordOp } from './op.js';
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
import { last } from './shared/check.js';
import { convTileCycles } from './shared/cycles.js';
import { gemmCounts } from './shared/gemm-work.js';
import {
  align,
  arenaFor,
  biasBytes,
  cheapest,
  foldBias,
  largestPart,
  leanWindows,
  lineValues,
  type LoweredOp,
  packWeights,
  placeAreas,
  recordOf,
  requantBytes,
  requantization,
  rowSums,
  type TileLimits,
  weightBytes,
} from './shared/lowering.js';
import {
  isInt8Weights,
  isKept,
  lookedUpByTile,
  lookedUpOnce,
  weightRowBytes,
} from './shared/record-bytes.js';
import { PACKED, packedCounts } from './shared/packed-work.js';
import { pixelBytes, windowWork } from './shared/window-work.js';
import {
  columnChoices,
  feature,
  placeWindow,
  rowSpan,
  staysInside,
  tapsOf,
  windowShapes,
} from './shared/window.js';
import { both, type Counts, cut, ofKernel, part, total, type Work } from './shared/work.js';

/** Channels that a block may have: words of four. */
const BLOCK_SIZES = [32, 16, 8, 4];
/** Outputs that a set may have, besides all. */
const SET_SIZES = [32, 16, 8, 4];
/** Share of the blocks that a set may read for this to be tried. */
const MOST_KEPT = 0.8;
const MOST_LISTED = 0xffff;

/** Which blocks each set of outputs reads: of a window [tap][block of channels]; as many in each. */
interface Lists {
  /** Channels of a block. */
  block: number;
  /** Outputs of a set; the last may have fewer. */
  set: number;
  /** Blocks that a set reads. */
  kept: number;
  /** [set][kept] */
  places: Uint16Array;
}

/** The blocks that are not zero, and as many that are as make all lists as long as the longest; undefined: hardly any is zero. */
function listsOf(op: Conv2d, channels: number, block: number, set: number): Lists | undefined {
  const outputs = op.bias.length;
  const blocks = op.weights.length / outputs / block;
  const sets = Math.ceil(outputs / set);
  const used = new Uint8Array(sets * blocks);
  const patch = blocks * block;
  for (let i = 0; i < op.weights.length; i++)
    if (op.weights[i] !== 0) used[Math.floor(i / patch / set) * blocks + Math.floor((i % patch) / block)] = 1;
  const rows = Array.from({ length: sets }, (_, s) => used.subarray(s * blocks, (s + 1) * blocks));
  const counts = rows.map((row) => row.reduce((sum, one) => sum + one, 0));
  const kept = Math.max(1, ...counts);
  if (kept > MOST_KEPT * blocks || blocks > MOST_LISTED || channels % block !== 0) return undefined;
  const places = rows.flatMap((row, s) => {
    let spare = kept - counts[s]!;
    return [...row.keys()].filter((at) => row[at] === 1 || spare-- > 0);
  });
  return { block, set, kept, places: Uint16Array.from(places) };
}

/** Weights [out][kept][channels of a block]. */
function compacted({ weights, bias }: Conv2d, { block, set, kept, places }: Lists): Int8Array {
  const patch = weights.length / bias.length;
  return Int8Array.from({ length: bias.length * kept * block }, (_, i) => {
    const output = Math.floor(i / (kept * block));
    const at = Math.floor(output / set) * kept + (Math.floor(i / block) % kept);
    return weights[output * patch + places[at]! * block + (i % block)]!;
  });
}

/** Bytes of the input rows of a tile, laid out so that windows overlap. */
const laidOutBytes = (
  [height, width]: readonly [number, number],
  stride: number,
  columns: number,
  channels: number,
): number => height * ((columns - 1) * stride + width) * channels;

/** The cut into tiles of `columns`, `group` outputs at a time. */
interface Choice {
  record: OpRecord;
  end: number;
  lists: Lists;
}

/** The ways to cut it, by every block and set that leave enough out. */
function* choices(
  op: Conv2d,
  bias: Int32Array | BigInt64Array,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): Generator<Choice> {
  const withScales = leanWindows(op, bias, output, limits);
  const [inputShape, outputShape] = [feature(op, input), feature(op, output)];
  const [[, inputWidth, channels], [, width, outputs]] = [inputShape, outputShape];
  for (const block of BLOCK_SIZES.filter((one) => channels % one === 0)) {
    for (const set of new Set([outputs, ...SET_SIZES.filter((one) => one < outputs)])) {
      const lists = listsOf(op, channels, block, set);
      if (!lists) continue;
      const patch = lists.kept * block;
      const areasOf = (columns: number, group: number): number[] => [
        rowSpan(op, inputWidth, channels, columns),
        columns * patch,
        Math.max(weightBytes(op.weightType, patch, group).sram, 2 * lists.kept),
        biasBytes(output, group),
        requantBytes(op, group),
        align(columns * outputs) + laidOutBytes(op.kernel, op.stride[1], columns, channels),
      ];
      for (const columns of columnChoices(width, lineValues(limits, output, outputs))) {
        const group = largestPart(
          Math.min(set, outputs),
          (part) => arenaFor(areasOf(columns, part)) <= limits.arenaBytes,
        );
        if (group === 0) continue;
        const record = recordOf(OpKind.CONV2D_SPARSE, input);
        record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
        record.set(OP_REQUANT_STRIDE, op.multipliers.length === 1 ? 0 : 8);
        packWeights(new Int8Array(0), 1, op.weightType, record);
        placeWindow(op, inputShape, outputShape, columns, record);
        record.set(WIN_GROUP, group);
        record.setPair(SPARSE_OUTPUTS, [Math.min(set, outputs), 0]);
        record.setPair(SPARSE_BLOCK, [block, lists.kept]);
        const areas = withScales(record, areasOf(columns, group));
        // Cores that widen two windows do so where the input rows were: room for them, if there is any.
        const widened = areas.with(0, Math.max(areas[0]!, 4 * patch));
        const roomy = columns > 1 && arenaFor(widened) <= limits.arenaBytes;
        yield { record, lists, end: placeAreas(record, roomy ? widened : areas) };
      }
    }
  }
}

function isSparse(op: Conv2d, input: TensorSpec): boolean {
  const wide = (input.dtype ?? 'int8') !== 'int8' || op.bias instanceof BigInt64Array;
  const blocks = (op.blockSize ?? 1) > 1 || last(input) % 4 !== 0;
  const apart = op.dilation.some((n) => n !== 1) || op.stride[1] > op.kernel[1];
  return !wide && !blocks && !apart;
}

/** Lowers `op` by its blocks that are not zero; undefined where hardly any is, or where it does not fit. */
export function lowerSparse(
  op: Conv2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp | undefined {
  if (!isSparse(op, input)) return undefined;
  const bias = foldBias(op.bias, rowSums(op.weights, last(output)), input.zeroPoint);
  const choice = cheapest(choices(op, bias, input, output, limits), limits);
  if (!choice) return undefined;
  const { record, lists, end } = choice;
  const rows = packWeights(compacted(op, lists), lists.kept * lists.block, op.weightType, record);
  const weights = new Uint8Array(rows.length + lists.places.byteLength);
  weights.set(rows);
  weights.set(littleEndian(new Int16Array(lists.places.buffer)), rows.length);
  const constants = [{ field: OP_WEIGHTS, bytes: weights }, ...requantization(op, bias, output, record)];
  return { record, constants, arenaBytes: end };
}

/** What a record says of its blocks: channels of one, how many an output reads, outputs of a set. */
function blocksOf(op: OpRecord): { block: number; kept: number; set: number; patch: number } {
  const [block, kept] = op.getPair(SPARSE_BLOCK);
  return { block, kept, set: op.getPair(SPARSE_OUTPUTS)[0], patch: block * kept };
}

function groupCounts(op: OpRecord, vectors: number, rows: number): Counts {
  const { patch } = blocksOf(op);
  return isInt8Weights(op)
    ? gemmCounts(vectors, rows, patch, hasRoom(op))
    : packedCounts(op, { vectors, rows, length: patch, room: hasRoom(op) });
}

/** Whether a core has room to widen two windows. */
const hasRoom = (op: OpRecord): boolean =>
  op.get(OP_SCRATCH1) - op.get(OP_SCRATCH0) >= 4 * blocksOf(op).patch;

function sparseWork(op: OpRecord): Work {
  const { kept, set, patch } = blocksOf(op);
  const [kernelHeight] = op.getPair(WIN_KERNEL);
  const stored = weightRowBytes(op, patch);
  const tiles = windowWork(op, ({ columns, rows: seen, span }, channels) => {
    const sets = cut(channels, set, (outputs) => {
      const groups = cut(outputs, op.get(WIN_GROUP), (rows) =>
        both(
          ofKernel(
            isInt8Weights(op) ? 'conv2d' : PACKED,
            part(
              { group: 1, ...groupCounts(op, columns, rows) },
              { constantViews: 1, constantBytes: rows * stored },
            ),
          ),
          lookedUpByTile(op, rows),
        ),
      ).all;
      const gathered = part(
        { set: 1, word: (columns * patch) / 4, block: kept, run: columns * kept },
        { constantViews: 1, constantBytes: 2 * kept },
      );
      return both(gathered, groups);
    }).all;
    const rows = part(
      { tile: 1, line: kernelHeight, copied: kernelHeight * pixelBytes(op, span) },
      { stateViews: seen, stateBytes: seen * pixelBytes(op, span) },
    );
    const output = part({}, { writes: 1, writtenBytes: columns * channels });
    return total([sets, rows, output].map((one) => [1, one] as const));
  });
  return { kernel: 'conv2d_sparse', enter: lookedUpOnce(op), ...tiles };
}

function sparseBounds(op: OpRecord): Bounds {
  const window = windowBounds(op);
  const { channels, outputs, columns, taps } = window;
  const { block, kept, set, patch } = blocksOf(op);
  const group = size(op, WIN_GROUP);
  const held = isKept(op) ? outputs : group;
  const [, stride] = op.getPair(WIN_STRIDE);
  const kernel = op.getPair(WIN_KERNEL);
  const lists = 2 * kept * Math.ceil(outputs / set);
  return {
    scratch: [
      window.rowBytes,
      columns * patch,
      Math.max(unpackedBytes(op, patch, group), 2 * kept),
      biasBytesOf(op, held),
      pairBytes(op, held),
      alignUp(columns * outputs) + laidOutBytes(kernel, stride, columns, channels),
    ],
    reads: [
      ...window.reads,
      [OP_WEIGHTS, outputs * packedBytes(op, patch) + lists],
      ...requantizing(op, outputs),
    ],
    writes: window.writes,
    demands: [
      ...window.demands,
      atLeast('outputs of a set', 1, set),
      atLeast('channels of a block', 4, block),
      atLeast('blocks of a set', 1, kept),
      atLeast('channels at a time', 1, group),
      ['channels of a block beyond a multiple of 4', block % 4, 0],
      ['channels beyond whole blocks', channels % block, 0],
      ['blocks of a set', kept, (taps * channels) / block],
      ['columns between windows', stride, kernel[1]],
      ['channels of a part', size(op, WIN_PART), 0],
      ['dilation', Math.max(...op.getPair(WIN_DILATION)), 1],
      ['bytes of packed weights beyond pairs', (outputs * packedBytes(op, patch)) % 2, 0],
    ],
  };
}

/** The row of the table of ops (index.ts). */
export const sparseRecord: RecordOp = {
  family: 'convolution',
  shapes: (op) => windowShapes(op, blocksOf(op).patch),
  work: sparseWork,
  cycles: (op) => {
    const outputs = op.get(WIN_OUTPUT_CHANNELS);
    return { enter: 0, tile: convTileCycles(op.get(WIN_TILE_COLUMNS), outputs, blocksOf(op).patch) };
  },
  bounds: sparseBounds,
  isPlain: staysInside,
  features: () => 0,
  detail(op) {
    const { kept, block } = blocksOf(op);
    return ` ${kept} of ${(tapsOf(op) * op.get(WIN_INPUT_CHANNELS)) / block} blocks`;
  },
  accelerated: () => true,
  signed: () => false,
  weights: () => undefined,
};
