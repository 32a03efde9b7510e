// Convolutions of circulant blocks over channels by number-theoretic transform: a pixel's blocks are transformed once for all
// windows of a tile, and a window of taps × blocks is to a block row of outputs what a circulant layer's inputs are.
import { CONV_NTT_CHUNK, CONV_NTT_ROOT } from '../../assembly/conv-ntt-layout.js';
import {
  OP_INPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_WEIGHTS,
  OP_WEIGHT_TYPE,
  OpKind,
  WIN_BLOCK,
  WIN_DILATION,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_PART,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import type { Conv2d, TensorSpec } from '../model/quantized-network.js';
import type { OpRecord } from '../model/record.js';
import { littleEndian } from '../model/values.js';
import { blockSpectrum, transformRoot } from './circulant/field.js';
import { LEAST_BLOCK, planNtt } from './circulant/ntt-bounds.js';
import { LARGEST_FAST, transformCounts } from './circulant/transforms.js';
import type { Bounds, RecordOp } from './op.js';
import {
  alignUp,
  atLeast,
  biasBytes as biasBytesOf,
  pairBytes,
  requantizing,
  size,
  windowBounds,
} from './shared/bounds.js';
import { circulantCycles, TILE } from './shared/cycles.js';
import {
  arenaFor,
  biasBytes,
  cheapest,
  foldBias,
  leanWindows,
  lineValues,
  type LoweredOp,
  placeAreas,
  recordOf,
  requantBytes,
  requantization,
  type TileLimits,
} from './shared/lowering.js';
import { last } from './shared/check.js';
import { isKept, lookedUpByTile, lookedUpOnce } from './shared/record-bytes.js';
import {
  columnChoices,
  feature,
  patchOf,
  placeWindow,
  rowSpan,
  staysInside,
  tapsOf,
  windowShapes,
} from './shared/window.js';
import { pixelBytes, windowWork } from './shared/window-work.js';
import { both, type Counts, cut, ofKernel, part, total, type Work } from './shared/work.js';

/** Sizes of a tile that its areas of SRAM follow from. */
interface Sizes {
  columns: number;
  channels: number;
  outputs: number;
  kernel: readonly [height: number, width: number];
  /** Of windows along a row. */
  stride: number;
  k: number;
  /** Frequencies whose spectra of weights are in SRAM at a time. */
  chunk: number;
}

/** Bytes of SRAM of each area; `biases`, `pairs`: those of a block row. */
function areas(sizes: Sizes, rowBytes: number, biases: number, pairs: number): number[] {
  const { columns, channels, outputs, kernel, stride, k, chunk } = sizes;
  const [height, width] = kernel;
  const span = (columns - 1) * stride + width;
  // Behind the output twiddles; behind them rows of inputs, which sums take the place of.
  const room = Math.max(height * span * channels, columns * 4 * k);
  return [
    rowBytes,
    4 * height * span * channels,
    Math.max(4 * chunk * ((height * width * channels) / k), 4 * k),
    biases,
    pairs,
    alignUp(columns * outputs) + alignUp(2 * k) + room,
  ];
}

/** Spectra as the kernel reads them: [block row][frequency / 4][tap, down before across][block][frequency mod 4]. */
function spectraOf(op: Conv2d, k: number, blocks: number): Int32Array {
  const [height, width] = op.kernel;
  const taps = height * width;
  const all = new Int32Array(op.weights.length);
  for (let at = 0; at < op.weights.length; at += k) {
    const block = (at / k) % blocks;
    const tap = Math.floor(at / k / blocks) % taps;
    const row = Math.floor(at / k / blocks / taps);
    const place = ((tap % width) * height + Math.floor(tap / width)) * blocks + block;
    blockSpectrum(op.weights.slice(at, at + k) as Int8Array).forEach((value, frequency) => {
      all[(row * k + (frequency & ~3)) * taps * blocks + place * 4 + (frequency & 3)] = value;
    });
  }
  return all;
}

/** Whether the field holds all sums of `rows`, weights of an output each, with no step reduced on the way. */
function isFeasible(rows: Int8Array, outputs: number, k: number, units: number): boolean {
  const sums = new Float64Array(outputs);
  const length = rows.length / outputs;
  rows.forEach((w, i) => {
    sums[Math.floor(i / length)]! += 128 * Math.abs(w);
  });
  const { feasible, centre } = planNtt(k, units, Math.max(...sums));
  return feasible && !centre;
}

/** Whether the kernel computes such a layer: of int8, of blocks that its input channels fill, and windows that touch. */
function isSuited(op: Conv2d, input: TensorSpec, k: number): boolean {
  const wide = (input.dtype ?? 'int8') !== 'int8' || op.bias instanceof BigInt64Array;
  const apart = op.dilation.some((n) => n !== 1) || op.stride[1] > op.kernel[1];
  return !wide && !apart && k >= LEAST_BLOCK && k <= LARGEST_FAST && last(input) % k === 0;
}

/**
 * Lowers `op`, whose weights of each output without circulant blocks are `rows`, [output][tap][channel], by transform; undefined
 * where the kernel does not compute such a layer, or where it does not fit.
 */
export function lowerConvNtt(
  op: Conv2d,
  rows: Int8Array,
  rowSums: Float64Array,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp | undefined {
  const k = op.blockSize ?? 1;
  const [inputShape, outputShape] = [feature(op, input), feature(op, output)];
  const [[, inputWidth, channels], [, width, outputs]] = [inputShape, outputShape];
  const units = op.kernel[0] * op.kernel[1] * (channels / k);
  if (!isSuited(op, input, k) || !isFeasible(rows, outputs, k, units)) return undefined;
  const bias = foldBias(op.bias, rowSums, input.zeroPoint);
  const withScales = leanWindows(op, bias, output, limits);
  function* choices(): Generator<{ record: OpRecord; end: number }> {
    for (const columns of columnChoices(width, lineValues(limits, output, outputs))) {
      for (let chunk = k; chunk >= 4; chunk >>= 1) {
        const sizes = { columns, channels, outputs, kernel: op.kernel, stride: op.stride[1], k, chunk };
        const size = Math.min(k, outputs);
        const scratch = areas(
          sizes,
          rowSpan(op, inputWidth, channels, columns),
          biasBytes(output, size),
          requantBytes(op, size),
        );
        if (arenaFor(scratch) > limits.arenaBytes) continue;
        const record = recordOf(OpKind.CONV2D_NTT, input);
        record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
        record.set(OP_REQUANT_STRIDE, op.multipliers.length === 1 ? 0 : 8);
        placeWindow(op, inputShape, outputShape, columns, record);
        record.set(WIN_BLOCK, k);
        record.setPair(CONV_NTT_CHUNK, [chunk, 0]);
        record.set(CONV_NTT_ROOT, transformRoot(k));
        yield { record, end: placeAreas(record, withScales(record, scratch)) };
        break;
      }
    }
  }
  const choice = cheapest(choices(), limits);
  if (!choice) return undefined;
  const { record, end } = choice;
  const spectra = spectraOf(op, k, channels / k);
  const constants = [
    { field: OP_WEIGHTS, bytes: littleEndian(spectra) },
    ...requantization(op, bias, output, record),
  ];
  return { record, constants, arenaBytes: end };
}

/** What a record says of its blocks: their size, those of a window, rows of them. */
function blocksOf(op: OpRecord): { k: number; blocks: number; units: number; chunk: number } {
  const k = Math.max(size(op, WIN_BLOCK), 1);
  const blocks = size(op, WIN_INPUT_CHANNELS) / k;
  return { k, blocks, units: tapsOf(op) * blocks, chunk: op.getPair(CONV_NTT_CHUNK)[0] };
}

/** Transforms and products are those of a circulant layer; rows are laid out as of a convolution without all of its blocks. */
function convNttWork(op: OpRecord): Work {
  const { k, blocks, units, chunk } = blocksOf(op);
  const [height, kernelWidth] = op.getPair(WIN_KERNEL);
  const [, stride] = op.getPair(WIN_STRIDE);
  const paired = (outputs: number): Counts => (op.get(OP_REQUANT_STRIDE) === 0 ? {} : { paired: outputs });
  const tiles = windowWork(op, ({ columns, rows: seen, span }, outputs) => {
    const pixels = height * ((columns - 1) * stride + kernelWidth);
    const laidOut = part(
      { tile: 1, line: height, copied: pixels * op.get(WIN_INPUT_CHANNELS) },
      { stateViews: seen, stateBytes: seen * pixelBytes(op, span) },
    );
    const transformed = part({ block: pixels * blocks, ...transformCounts('forward', k, pixels * blocks) });
    const rows = cut(outputs, k, (count) =>
      both(
        part(
          {
            row: columns,
            product: columns * units * k,
            sum: columns * k,
            ...transformCounts('inverse', k, columns),
            output: columns * count,
            ...paired(columns * count),
          },
          { constantViews: k / chunk, constantBytes: 4 * units * k },
        ),
        lookedUpByTile(op, count),
      ),
    ).all;
    const written = part({ tile: 1 }, { writes: 1, writtenBytes: columns * outputs });
    const parts = [ofKernel('conv2d_sparse', laidOut), transformed, rows, written];
    return total(parts.map((one) => [1, one] as const));
  });
  const entered = part({ entered: 1, twiddle: k / 2 });
  return { kernel: 'circulant_ntt', enter: both(entered, lookedUpOnce(op)), ...tiles };
}

function convNttBounds(op: OpRecord): Bounds {
  const window = windowBounds(op);
  const { channels, outputs, columns } = window;
  const { k, units, chunk } = blocksOf(op);
  const kernel = op.getPair(WIN_KERNEL);
  const [, stride] = op.getPair(WIN_STRIDE);
  const held = isKept(op) ? outputs : Math.min(k, outputs);
  const sizes = { columns, channels, outputs, kernel, stride, k, chunk };
  return {
    scratch: areas(sizes, window.rowBytes, biasBytesOf(op, held), pairBytes(op, held)),
    reads: [
      ...window.reads,
      [OP_WEIGHTS, 4 * units * k * Math.ceil(outputs / k)],
      ...requantizing(op, outputs),
    ],
    writes: window.writes,
    demands: [
      ...window.demands,
      atLeast('in a block', LEAST_BLOCK, k),
      ['in a block', k, 4096],
      ['in a block that is no power of two', k & (k - 1), 0],
      ['channels beyond whole blocks', channels % k, 0],
      ['frequencies at a time', chunk, k],
      ['frequencies that are no whole parts of a block', chunk < 4 ? 1 : (k % chunk) + (chunk % 4), 0],
      ['columns between windows', stride, kernel[1]],
      ['channels of a part', size(op, WIN_PART), 0],
      ['dilation', Math.max(...op.getPair(WIN_DILATION)), 1],
      ['packed spectra', op.get(OP_WEIGHT_TYPE), 0],
    ],
  };
}

/** The row of the table of ops (index.ts). */
export const convNttRecord: RecordOp = {
  family: 'convolution',
  shapes: (op) => windowShapes(op, patchOf(op)),
  work: convNttWork,
  cycles(op) {
    const { k, units } = blocksOf(op);
    const { enter, row } = circulantCycles(k, units, 'stored').ntt;
    const rows = Math.ceil(op.get(WIN_OUTPUT_CHANNELS) / k);
    return { enter: 0, tile: TILE + op.get(WIN_TILE_COLUMNS) * (enter + rows * row) };
  },
  bounds: convNttBounds,
  isPlain: staysInside,
  features: () => 0,
  detail: (op) => ` blocks of ${blocksOf(op).k}`,
  accelerated: () => true,
  signed: () => false,
  weights: () => undefined,
};
