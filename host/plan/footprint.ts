// What each tile reads and writes in NVM, from its op record alone: the planner's judge, written apart from it.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  CIRC_PART,
  CIRC_SPECTRA,
  CONSTANT,
  DENSE_GROUP,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  ELT_COUNT,
  ELT_GROUP,
  ELT_INPUT2,
  GROUP_SHIFT,
  Group,
  MAP_COUNT,
  MAP_GROUP,
  MAP_INPUT_STRIDE,
  MAP_LENGTH,
  MAP_OUTPUT_STRIDE,
  MEAN_CHANNELS,
  MEAN_GROUP,
  MEAN_PIXELS,
  OP_BIAS,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_WEIGHTS,
  OpKind,
  SEP_ROWS,
  SOFTMAX_DEPTH,
  WIN_DILATION,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PADDING,
  WIN_PART,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
  WINO_OUTPUT_HEIGHT,
} from '../../assembly/layout.js';
import { LOOKUP_COUNT, LOOKUP_GROUP } from '../../assembly/lookup-layout.js';
import { resolveAddress } from '../model/learning-header.js';
import type { InferenceKind, OpRecord } from '../model/record.js';
import type { Footprint, Interval } from './interval.js';
import { learningFootprint } from './learning/footprint.js';
import type { Place } from './learning/place.js';

/** Bytes of `count` values, `first` values behind the address in `field`. */
function values(op: OpRecord, field: number, first: number, count: number): Interval {
  const start = op.get(field) + first * op.valueBytes;
  return [start, start + count * op.valueBytes];
}

function windowFootprint(op: OpRecord, tile: number): Footprint {
  const [height, width, channels] = [WIN_INPUT_HEIGHT, WIN_INPUT_WIDTH, WIN_INPUT_CHANNELS].map((f) =>
    op.get(f),
  ) as [number, number, number];
  const outputWidth = op.get(WIN_OUTPUT_WIDTH);
  const columns = op.get(WIN_TILE_COLUMNS);
  const perRow = Math.ceil(outputWidth / columns);
  const channelCount = op.get(WIN_OUTPUT_CHANNELS);
  const part = op.get(WIN_PART) || channelCount;
  const parts = Math.ceil(channelCount / part);
  const segment = Math.floor(tile / parts);
  const row = Math.floor(segment / perRow);
  const first = (segment % perRow) * columns;
  const last = Math.min(first + columns, outputWidth) - 1;
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const [strideY, strideX] = op.getPair(WIN_STRIDE);
  const [dilationY, dilationX] = op.getPair(WIN_DILATION);
  const [top, leftPadding] = op.getPair(WIN_PADDING);
  const left = Math.max(first * strideX - leftPadding, 0);
  const to = Math.min(last * strideX - leftPadding + (kernelWidth - 1) * dilationX + 1, width);
  const reads: Interval[] = [];
  for (let ky = 0; ky < kernelHeight; ky++) {
    const y = row * strideY + ky * dilationY - top;
    if (y < 0 || y >= height || to <= left) continue;
    reads.push(values(op, OP_INPUT, (y * width + left) * channels, (to - left) * channels));
  }
  const from = (tile % parts) * part;
  // Weights that are an activation: those of the part.
  const weights = op.kind === OpKind.CONV2D ? op.get(OP_WEIGHTS) : 0;
  if (weights > 0 && weights < 1 << GROUP_SHIFT) {
    const patch = kernelHeight * kernelWidth * channels;
    const end = Math.min(from + part, channelCount);
    reads.push([weights + from * patch, weights + end * patch]);
  }
  const start = (row * outputWidth + first) * channelCount + from;
  const count = last - first + 1;
  if (parts === 1) return { reads, writes: [values(op, OP_OUTPUT, start, count * channelCount)] };
  const size = Math.min(part, channelCount - from);
  const writes = Array.from({ length: count }, (_, i) =>
    values(op, OP_OUTPUT, start + i * channelCount, size),
  );
  return { reads, writes };
}

/** All rows under the window, whichever of their blocks are multiplied; tiles make all channels. */
const sparseFootprint: Judge = (op, tile) => windowFootprint(op, tile);

/** Two rows of outputs; of the inputs under them as many columns as whole pairs of blocks of 2 × 2 see. */
function winogradFootprint(op: OpRecord, tile: number): Footprint {
  const [height, width, inputs] = [WIN_INPUT_HEIGHT, WIN_INPUT_WIDTH, WIN_INPUT_CHANNELS].map((f) =>
    op.get(f),
  ) as [number, number, number];
  const [outputHeight, outputWidth, outputs] = [
    WINO_OUTPUT_HEIGHT,
    WIN_OUTPUT_WIDTH,
    WIN_OUTPUT_CHANNELS,
  ].map((f) => op.get(f)) as [number, number, number];
  const columns = op.get(WIN_TILE_COLUMNS);
  const perRow = Math.ceil(outputWidth / columns);
  const [top, before] = op.getPair(WIN_PADDING);
  const row = Math.floor(tile / perRow) * 2;
  const first = (tile % perRow) * columns;
  const count = Math.min(columns, outputWidth - first);
  const left = Math.max(first - before, 0);
  const to = Math.min(first - before + Math.ceil(count / 4) * 4 + 2, width);
  const reads: Interval[] = [];
  for (let y = Math.max(row - top, 0); y < Math.min(row - top + 4, height) && to > left; y++)
    reads.push(values(op, OP_INPUT, (y * width + left) * inputs, (to - left) * inputs));
  const writes: Interval[] = [];
  for (let y = row; y < Math.min(row + 2, outputHeight); y++)
    writes.push(values(op, OP_OUTPUT, (y * outputWidth + first) * outputs, count * outputs));
  return { reads, writes };
}

/** Rows of outputs in a strip of columns, and the input rows under their windows: the map between is in SRAM. */
function separableFootprint(op: OpRecord, tile: number): Footprint {
  const [inputHeight, inputWidth, inputs] = [WIN_INPUT_HEIGHT, WIN_INPUT_WIDTH, WIN_INPUT_CHANNELS].map((f) =>
    op.get(f),
  ) as [number, number, number];
  const [width, outputs, columns] = [WIN_OUTPUT_WIDTH, WIN_OUTPUT_CHANNELS, WIN_TILE_COLUMNS].map((f) =>
    op.get(f),
  ) as [number, number, number];
  const [rows, height] = op.getPair(SEP_ROWS);
  const perStrip = Math.ceil(height / rows);
  const [column, row] = [Math.floor(tile / perStrip) * columns, (tile % perStrip) * rows];
  const [lastColumn, lastRow] = [Math.min(column + columns, width) - 1, Math.min(row + rows, height) - 1];
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const [down, across] = op.getPair(WIN_STRIDE);
  const [top, before] = op.getPair(WIN_PADDING);
  const left = Math.max(column * across - before, 0);
  const right = Math.min(lastColumn * across - before + kernelWidth, inputWidth);
  const reads: Interval[] = [];
  const bottom = Math.min(lastRow * down - top + kernelHeight, inputHeight);
  for (let y = Math.max(row * down - top, 0); y < bottom && right > left; y++)
    reads.push(values(op, OP_INPUT, (y * inputWidth + left) * inputs, (right - left) * inputs));
  const writes: Interval[] = [];
  for (let y = row; y <= lastRow; y++)
    writes.push(values(op, OP_OUTPUT, (y * width + column) * outputs, (lastColumn - column + 1) * outputs));
  return { reads, writes };
}

function vectorFootprint(
  op: OpRecord,
  tile: number,
  inputs: number,
  outputs: number,
  group: number,
): Footprint {
  const first = tile * group;
  return {
    reads: [values(op, OP_INPUT, 0, inputs)],
    writes: [values(op, OP_OUTPUT, first, Math.min(group, outputs - first))],
  };
}

function elementwiseFootprint(op: OpRecord, tile: number): Footprint {
  const group = op.get(ELT_GROUP);
  const from = tile * group;
  const count = Math.min(group, op.get(ELT_COUNT) - from);
  const part = (field: number): Interval => values(op, field, from, count);
  // A second input among the constants is immutable.
  const reads = op.get(OP_WEIGHTS) === 0 ? [part(OP_INPUT), part(ELT_INPUT2)] : [part(OP_INPUT)];
  return { reads, writes: [part(OP_OUTPUT)] };
}

function meanFootprint(op: OpRecord, tile: number): Footprint {
  const channels = op.get(MEAN_CHANNELS);
  const from = tile * op.get(MEAN_GROUP);
  const count = Math.min(op.get(MEAN_GROUP), channels - from);
  const reads = Array.from({ length: op.get(MEAN_PIXELS) }, (_, pixel) =>
    values(op, OP_INPUT, pixel * channels + from, count),
  );
  return { reads, writes: [values(op, OP_OUTPUT, from, count)] };
}

function mapFootprint(op: OpRecord, tile: number): Footprint {
  const reads: Interval[] = [];
  const writes: Interval[] = [];
  const [length, total] = [op.get(MAP_LENGTH), op.get(MAP_COUNT)];
  for (
    let row = tile * op.get(MAP_GROUP);
    row < (tile + 1) * op.get(MAP_GROUP) && row * length < total;
    row++
  ) {
    const count = Math.min(length, total - row * length);
    reads.push(values(op, OP_INPUT, row * op.get(MAP_INPUT_STRIDE), count));
    writes.push(values(op, OP_OUTPUT, row * op.get(MAP_OUTPUT_STRIDE), count));
  }
  return { reads, writes };
}

/** The same values of the output as of the input. */
function lookupFootprint(op: OpRecord, tile: number): Footprint {
  const group = op.get(LOOKUP_GROUP);
  const count = Math.min(group, op.get(LOOKUP_COUNT) - tile * group);
  const part = (field: number): Interval => values(op, field, tile * group, count);
  return { reads: [part(OP_INPUT)], writes: [part(OP_OUTPUT)] };
}

/** A row of outputs reads one row of inputs: softmax. */
function rowFootprint(op: OpRecord, tile: number, length: number): Footprint {
  const row = (field: number): Interval => values(op, field, tile * length, length);
  return { reads: [row(OP_INPUT)], writes: [row(OP_OUTPUT)] };
}

type Judge = (op: OpRecord, tile: number) => Footprint;

const denseFootprint: Judge = (op, tile) =>
  vectorFootprint(op, tile, op.get(DENSE_INPUTS), op.get(DENSE_OUTPUTS), op.get(DENSE_GROUP));

const circulantFootprint: Judge = (op, tile) => {
  const part = op.kind === OpKind.CIRCULANT_DIRECT ? op.get(CIRC_PART) : 0;
  const group = part || op.get(CIRC_GROUP) * op.get(CIRC_BLOCK);
  const spectra = op.get(CIRC_BLOCKS) * op.get(CIRC_BLOCK) * 4;
  const inputs =
    op.kind === OpKind.CIRCULANT_NTT && op.get(CIRC_SPECTRA) !== 0 ? spectra : op.get(CIRC_INPUTS);
  return vectorFootprint(op, tile, inputs, op.get(CIRC_OUTPUTS), group);
};

/** Blocks of inputs, and of each of their values an int32. */
const spectraFootprint: Judge = (op, tile) => {
  const k = op.get(CIRC_BLOCK);
  const first = tile * op.get(CIRC_GROUP) * k;
  const end = Math.min(first + op.get(CIRC_GROUP) * k, op.get(CIRC_BLOCKS) * k);
  const [input, output] = [op.get(OP_INPUT), op.get(OP_OUTPUT)];
  return {
    reads: [[input + first, input + Math.min(end, op.get(CIRC_INPUTS))]],
    writes: [[output + first * 4, output + end * 4]],
  };
};

/** Footprints of ops of inference: apart from host/ops, whose plans they judge. */
const FOOTPRINTS = {
  [OpKind.CONV2D]: windowFootprint,
  [OpKind.MAX_POOL]: windowFootprint,
  [OpKind.DENSE]: denseFootprint,
  [OpKind.CIRCULANT_DIRECT]: circulantFootprint,
  [OpKind.CIRCULANT_NTT]: circulantFootprint,
  [OpKind.CIRCULANT_SPECTRA]: spectraFootprint,
  [OpKind.DEPTHWISE_CONV2D]: windowFootprint,
  [OpKind.AVG_POOL]: windowFootprint,
  [OpKind.ADD]: elementwiseFootprint,
  [OpKind.MUL]: elementwiseFootprint,
  [OpKind.SOFTMAX]: (op, tile) => rowFootprint(op, tile, op.get(SOFTMAX_DEPTH)),
  [OpKind.MEAN]: meanFootprint,
  [OpKind.PAD]: windowFootprint,
  [OpKind.MAP]: mapFootprint,
  [OpKind.CIRCULANT_KARATSUBA]: circulantFootprint,
  [OpKind.CONV2D_WINOGRAD]: winogradFootprint,
  [OpKind.SEPARABLE_CONV2D]: separableFootprint,
  [OpKind.LOOKUP]: lookupFootprint,
  [OpKind.CONV2D_SPARSE]: sparseFootprint,
  [OpKind.CONV2D_XNOR]: windowFootprint,
  [OpKind.CONV2D_NTT]: windowFootprint,
} as const satisfies Record<InferenceKind, Judge>;

const inferenceFootprint: Judge = (op, tile) => FOOTPRINTS[op.inference](op, tile);

/** Parameters in a weight bank that an op of inference reads: all of them, whatever the tile. */
export function bankReads(op: OpRecord): Interval[] {
  const inBank = (field: number): boolean => op.get(field) >>> GROUP_SHIFT === Group.WEIGHTS;
  const reads: Interval[] = [];
  const { weights, biases } = PARAMETERS[op.inference](op);
  if (inBank(OP_WEIGHTS)) reads.push([op.get(OP_WEIGHTS), op.get(OP_WEIGHTS) + weights]);
  if (inBank(OP_BIAS)) reads.push([op.get(OP_BIAS), op.get(OP_BIAS) + 4 * biases]);
  const scales = op.get(OP_REQUANT_STRIDE) === 0 ? 8 : 8 * biases;
  if (biases > 0 && inBank(OP_REQUANT)) reads.push([op.get(OP_REQUANT), op.get(OP_REQUANT) + scales]);
  return reads;
}

/** Bytes of weights, and how many biases, that a record reads from a weight bank where they learn. */
interface Parameters {
  weights: number;
  biases: number;
}

const NONE = (): Parameters => ({ weights: 0, biases: 0 });

function columnParameters(op: OpRecord): Parameters {
  const k = op.get(CIRC_BLOCK);
  const rows = Math.ceil(op.get(CIRC_OUTPUTS) / k);
  return { weights: rows * op.get(CIRC_BLOCKS) * k, biases: op.get(CIRC_OUTPUTS) };
}

const tapsOf = (op: OpRecord): number => op.getPair(WIN_KERNEL).reduce((product, size) => product * size, 1);

const PARAMETERS = {
  [OpKind.CONV2D]: (op) => {
    const outputs = op.get(WIN_OUTPUT_CHANNELS);
    return { weights: outputs * tapsOf(op) * op.get(WIN_INPUT_CHANNELS), biases: outputs };
  },
  [OpKind.DEPTHWISE_CONV2D]: (op) => {
    const [outputs, group] = [op.get(WIN_OUTPUT_CHANNELS), op.get(WIN_GROUP)];
    return { weights: Math.ceil(outputs / group) * group * tapsOf(op), biases: outputs };
  },
  [OpKind.DENSE]: (op) => {
    return { weights: op.get(DENSE_INPUTS) * op.get(DENSE_OUTPUTS), biases: op.get(DENSE_OUTPUTS) };
  },
  [OpKind.CIRCULANT_DIRECT]: columnParameters,
  [OpKind.CIRCULANT_NTT]: columnParameters,
  [OpKind.CIRCULANT_SPECTRA]: NONE,
  // Its matrices cannot learn (host/ops/circulant).
  [OpKind.CIRCULANT_KARATSUBA]: NONE,
  // Nor are images that learn computed so (host/plan/learning/plan.ts).
  [OpKind.CONV2D_WINOGRAD]: NONE,
  [OpKind.SEPARABLE_CONV2D]: NONE,
  [OpKind.MAX_POOL]: NONE,
  [OpKind.AVG_POOL]: NONE,
  [OpKind.ADD]: NONE,
  [OpKind.MUL]: NONE,
  [OpKind.SOFTMAX]: NONE,
  [OpKind.MEAN]: NONE,
  [OpKind.PAD]: NONE,
  [OpKind.MAP]: NONE,
  [OpKind.LOOKUP]: NONE,
  [OpKind.CONV2D_SPARSE]: NONE,
  [OpKind.CONV2D_XNOR]: NONE,
  [OpKind.CONV2D_NTT]: NONE,
} as const satisfies Record<InferenceKind, (op: OpRecord) => Parameters>;

/**
 * The footprint of tile `tile` of `op`. Constants are immutable and left out. `place`: of images that learn, where the
 * record stands.
 */
export function footprint(op: OpRecord, tile: number, place?: Place): Footprint {
  if (!place) return inferenceFootprint(op, tile);
  const { header, cursor } = place;
  const { reads, writes } = op.isLearning ? learningFootprint(op, tile, place) : inferenceFootprint(op, tile);
  const resolve = ([start, end]: Interval): Interval => {
    const at = resolveAddress(header, cursor, start);
    return [at, at + end - start];
  };
  return {
    // A bank may be the factory's, among the constants.
    reads: [...reads, ...(op.isLearning ? [] : bankReads(op))]
      .map(resolve)
      .filter(([start]) => start < CONSTANT),
    writes: writes.map(resolve),
  };
}
