// What tiles of learning kernels may read and write, from their records alone. Which of it they do read can depend on
// data: errors of 0 spare work. Of `turn` also what it writes.
import {
  ALIGNMENT,
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  ENTRY_BYTES,
  ERROR_BYTES,
  GROUP_MASK,
  GROUP_SHIFT,
  Group,
  OP_BIAS,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT,
  OP_WEIGHTS,
  OpKind,
  S_ENTRIES,
  VERDICT_BYTES,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PART,
  WIN_TILE_COLUMNS,
} from '../../../assembly/layout.js';
import {
  FINISH_LEARN,
  GRAD_OUTPUT_HEIGHT,
  LOSS_CLASSES,
  RESCALE_COUNT,
  RESCALE_GROUP,
  UPDATE_CHANNELS,
  UPDATE_GROUP,
  UPDATE_HEIGHT,
  UPDATE_LAYER,
  UPDATE_LOW,
  UPDATE_PART,
} from '../../../assembly/learning-layout.js';
import { laneAddress, type LearningHeader } from '../../model/learning-header.js';
import type { Footprint, Interval } from '../interval.js';
import type { LearningKind, OpRecord } from '../../model/record.js';
import { learningKind } from '../../ops/learning.js';
import type { Place } from './place.js';
import { SUMS_FOOTPRINTS } from './sums-footprint.js';
import { wipeFootprint } from './wipe.js';

const bytes = (start: number, count: number): Interval => [start, start + count];
/** An address in no group but NVM itself, or none. */
const grouped = (op: OpRecord, field: number): boolean => op.get(field) >>> GROUP_SHIFT !== 0;

function turnFootprint({ header, cursor }: Place): Footprint {
  const turn = cursor.turn & 0xff;
  const reads = [stateOf(header)];
  if (turn > 0) reads.push(bytes(header.verdicts, turn * VERDICT_BYTES));
  const absent = turn === 0 ? 0 : Math.max(0, header.laneCount - turn);
  return {
    reads,
    writes: absent > 0 ? [bytes(header.verdicts + turn * VERDICT_BYTES, absent * VERDICT_BYTES)] : [],
  };
}

const stateOf = ({ entries }: LearningHeader, group = Group.STATE): Interval =>
  bytes(group << GROUP_SHIFT, S_ENTRIES + entries * ENTRY_BYTES);

function lossFootprint(op: OpRecord, { header, cursor }: Place): Footprint {
  const turn = cursor.turn & 0xff;
  const classes = op.get(LOSS_CLASSES);
  const entry = S_ENTRIES + ((cursor.sample & 0xff) - 1) * ENTRY_BYTES;
  const label =
    turn === 0 ? bytes(header.label, 4) : bytes((Group.STATE << GROUP_SHIFT) + entry, ENTRY_BYTES);
  return {
    reads: [bytes(op.get(OP_INPUT), classes), label],
    writes: [
      bytes(op.get(OP_OUTPUT), ERROR_BYTES + 2 * classes),
      bytes(header.verdicts + turn * VERDICT_BYTES, VERDICT_BYTES),
    ],
  };
}

function finishFootprint(op: OpRecord, { header, cursor }: Place): Footprint {
  const reads = [stateOf(header)];
  if (op.get(FINISH_LEARN) !== 0) {
    reads.push(bytes(header.label, 4));
    const turn = cursor.turn & 0xff;
    if (turn > 0) reads.push(bytes(header.verdicts, turn * VERDICT_BYTES));
  }
  return { reads, writes: [stateOf(header, Group.STATE_NEXT)] };
}

const taps = (op: OpRecord): number => op.getPair(WIN_KERNEL).reduce((product, size) => product * size, 1);
const inputSize = (op: OpRecord): number =>
  op.get(WIN_INPUT_HEIGHT) * op.get(WIN_INPUT_WIDTH) * op.get(WIN_INPUT_CHANNELS);

/** Bytes of W8 of a depthwise convolution whose groups have `group` channels. */
function groupedWeights(op: OpRecord, group: number): number {
  return Math.ceil(op.get(WIN_OUTPUT_CHANNELS) / group) * group * taps(op);
}

/** A gradient that reads so many weights. */
function gradFootprint(op: OpRecord, tile: number, weights: number): Footprint {
  const circulant = op.kind === OpKind.CIRCULANT_GRAD;
  const outputs = circulant
    ? op.get(CIRC_OUTPUTS)
    : op.get(GRAD_OUTPUT_HEIGHT) * op.get(WIN_OUTPUT_WIDTH) * op.get(WIN_OUTPUT_CHANNELS);
  const reads = [bytes(op.get(OP_INPUT) + ERROR_BYTES, 2 * outputs)];
  if (grouped(op, OP_WEIGHTS)) reads.push(bytes(op.get(OP_WEIGHTS), weights));
  if (op.kind === OpKind.MAX_POOL_GRAD) reads.push(bytes(op.get(OP_REQUANT), inputSize(op)));
  if (circulant) {
    const [k, part] = [op.get(CIRC_BLOCK), op.get(CIRC_GROUP)];
    const parts = Math.ceil(k / part);
    const from = (tile % parts) * part;
    const input = Math.floor(tile / parts) * k + from;
    const count = Math.max(0, Math.min(part, k - from, op.get(CIRC_INPUTS) - input));
    return { reads, writes: [bytes(op.get(OP_OUTPUT) + input * 4, count * 4)] };
  }
  const [width, channels, columns] = [
    op.get(WIN_INPUT_WIDTH),
    op.get(WIN_INPUT_CHANNELS),
    op.get(WIN_TILE_COLUMNS),
  ];
  const part = op.get(WIN_PART) || channels;
  const parts = Math.ceil(channels / part);
  const perRow = Math.ceil(width / columns);
  const run = Math.floor(tile / parts);
  const first = (run % perRow) * columns;
  const from = (tile % parts) * part;
  const pixel = Math.floor(run / perRow) * width + first;
  const count = Math.min(columns, width - first) * Math.min(part, channels - from);
  return { reads, writes: [bytes(op.get(OP_OUTPUT) + (pixel * channels + from) * 4, count * 4)] };
}

function rescaleFootprint(op: OpRecord, tile: number): Footprint {
  const [count, group] = [op.get(RESCALE_COUNT), op.get(RESCALE_GROUP)];
  const reads = [bytes(op.get(OP_INPUT), 4 * count)];
  if (op.get(OP_WEIGHTS) !== 0) reads.push(bytes(op.get(OP_WEIGHTS), count));
  if (tile === 0) reads.push(bytes(op.get(OP_BIAS), 4));
  const size = 2 * Math.min(group, count - tile * group);
  const start = op.get(OP_OUTPUT) + (tile === 0 ? 0 : ERROR_BYTES + 2 * tile * group);
  return { reads, writes: [bytes(start, tile === 0 ? ERROR_BYTES + size : size)] };
}

function addGradFootprint(op: OpRecord, tile: number): Footprint {
  const [count, group, output] = [op.get(RESCALE_COUNT), op.get(RESCALE_GROUP), op.get(OP_OUTPUT)];
  const size = Math.min(group, count - tile * group);
  const fields = op.get(OP_WEIGHTS) === 0 ? [OP_INPUT] : [OP_INPUT, OP_WEIGHTS];
  const reads = fields.flatMap((field) => [
    bytes(op.get(field), 4),
    bytes(op.get(field) + ERROR_BYTES + 2 * tile * group, 2 * size),
  ]);
  const sums =
    tile === 0
      ? bytes(output, ERROR_BYTES + 4 * size)
      : bytes(output + ERROR_BYTES + 4 * tile * group, 4 * size);
  return { reads, writes: [sums] };
}

/** Of a tile of an update: its runs of weights, or its rows of biases and all their weights. */
interface UpdateTile {
  weights: Interval[];
  /** Rows of biases, [first, end); empty for a tile of weights. */
  rows: Interval;
  /** Running means: of inputs that are moved, [first, end), where it is a tile of those; or that are read. */
  moves?: Interval;
  means?: Interval;
}

const runs = (starts: readonly number[], count: number): Interval[] =>
  starts.map((start) => bytes(start, count));

function circulantTile(op: OpRecord, tile: number, learns: boolean): UpdateTile {
  const [k, blocks, outputs, part] = [CIRC_BLOCK, CIRC_BLOCKS, CIRC_OUTPUTS, UPDATE_PART].map((f) =>
    op.get(f),
  ) as [number, number, number, number];
  const parts = Math.ceil(k / part);
  const tiles = learns ? Math.ceil(outputs / k) * blocks * parts : 0;
  if (tile < tiles) {
    const from = (tile % parts) * part;
    return { weights: [bytes(Math.floor(tile / parts) * k + from, Math.min(part, k - from))], rows: [0, 0] };
  }
  const row = tile - tiles;
  return {
    weights: learns ? [bytes(row * blocks * k, blocks * k)] : [],
    rows: [row * k, Math.min(row * k + k, outputs)],
  };
}

function convTile(op: OpRecord, tile: number, learns: boolean): UpdateTile {
  const [outputs, part, group] = [op.get(WIN_OUTPUT_CHANNELS), op.get(UPDATE_PART), op.get(UPDATE_GROUP)];
  const patch = taps(op) * op.get(WIN_INPUT_CHANNELS);
  const parts = learns ? Math.ceil(patch / part) : 0;
  if (tile < outputs * parts) {
    const from = (tile % parts) * part;
    const start = Math.floor(tile / parts) * patch + from;
    const count = Math.min(part, patch - from);
    return { weights: [bytes(start, count)], rows: [0, 0], means: bytes(from, count) };
  }
  const first = (tile - outputs * parts) * group;
  if (first >= outputs) {
    const from = (tile - outputs * parts - Math.ceil(outputs / group)) * part;
    return { weights: [], rows: [0, 0], moves: bytes(from, Math.min(part, patch - from)) };
  }
  const end = Math.min(first + group, outputs);
  return {
    weights: learns ? [[first * patch, end * patch]] : [],
    rows: [first, end],
    means: [0, patch],
  };
}

function depthwiseTile(op: OpRecord, tile: number, learns: boolean): UpdateTile {
  const [outputs, part, group] = [op.get(WIN_OUTPUT_CHANNELS), op.get(UPDATE_PART), op.get(UPDATE_GROUP)];
  const channels = op.get(UPDATE_CHANNELS);
  const parts = Math.ceil(channels / part);
  const tiles = learns ? Math.ceil(outputs / channels) * parts : 0;
  /** Runs of a weight a tap for channels `first` … of one group. */
  const weightsOf = (first: number, end: number): Interval[] => {
    const start = first - (first % channels);
    const size = Math.min(channels, outputs - start);
    const starts = Array.from(
      { length: taps(op) },
      (_, tap) => start * taps(op) + tap * size + first - start,
    );
    return runs(starts, end - first);
  };
  if (tile < tiles) {
    const start = Math.floor(tile / parts) * channels;
    const first = start + (tile % parts) * part;
    const end = Math.min(first + part, start + channels, outputs);
    return { weights: first < end ? weightsOf(first, end) : [], rows: [0, 0] };
  }
  const first = (tile - tiles) * group;
  const end = Math.min(first + group, outputs);
  const each = Array.from({ length: end - first }, (_, i) => weightsOf(first + i, first + i + 1));
  return { weights: learns ? each.flat() : [], rows: [first, end] };
}

const TILES = {
  [OpKind.UPDATE_CONV2D]: convTile,
  [OpKind.UPDATE_DEPTHWISE]: depthwiseTile,
  [OpKind.UPDATE_CIRCULANT]: circulantTile,
};

function updateFootprint(op: OpRecord, tile: number, { header }: Place): Footprint {
  const learns = (op.get(UPDATE_LAYER) & 0xff) !== 0;
  const { weights, rows, moves, means } = TILES[op.kind as keyof typeof TILES](op, tile, learns);
  const circulant = op.kind === OpKind.UPDATE_CIRCULANT;
  const inputs = circulant ? op.get(CIRC_INPUTS) : inputSize(op);
  const outputs = circulant
    ? op.get(CIRC_OUTPUTS)
    : op.get(UPDATE_HEIGHT) * op.get(WIN_OUTPUT_WIDTH) * op.get(WIN_OUTPUT_CHANNELS);
  const behind = (address: number, intervals: readonly Interval[]): Interval[] =>
    intervals.map(([start, end]) => [address + start, address + end]);
  const inNext = ([start, end]: Interval): Interval => {
    const at = (start & GROUP_MASK) | (Group.NEXT << GROUP_SHIFT);
    return [at, at + end - start];
  };
  const high = op.get(OP_WEIGHTS);
  const reads = [bytes(header.verdicts, header.laneCount * VERDICT_BYTES)];
  for (let lane = 0; lane < header.laneCount; lane++) {
    reads.push(bytes(laneAddress(header, op.get(OP_OUTPUT), lane), ERROR_BYTES + 2 * outputs));
    if (learns) reads.push(bytes(laneAddress(header, op.get(OP_INPUT), lane), inputs));
  }
  // High bytes of the running means, then low ones, then biases.
  const padded = Math.ceil(inputs / ALIGNMENT) * ALIGNMENT;
  const meansAt = op.get(OP_BIAS) - 2 * padded;
  if (moves) {
    const all = [...behind(meansAt, [moves]), ...behind(meansAt + padded, [moves])];
    return { reads: [...reads, ...all], writes: all.map(inNext) };
  }
  if (op.get(UPDATE_LAYER) >>> 24 !== 0 && means) reads.push(...behind(meansAt, [means]));
  if (rows[1] === rows[0]) {
    const low = op.get(UPDATE_LOW);
    const hasVelocity = ((op.get(UPDATE_LAYER) >>> 16) & 0xff) !== 0;
    const velocities = weights.map(([start, end]): Interval => [2 * start, 2 * end]);
    const all = [
      ...behind(high, weights),
      ...behind(high + low, weights),
      ...(hasVelocity ? behind(high + 2 * low, velocities) : []),
    ];
    return { reads: [...reads, ...all], writes: all.map(inNext) };
  }
  const biases = bytes(op.get(OP_BIAS) + 4 * rows[0], 4 * (rows[1] - rows[0]));
  const sums = behind(high, weights);
  return { reads: [...reads, biases, ...sums, ...sums.map(inNext)], writes: [inNext(biases)] };
}

type Judge = (op: OpRecord, tile: number, place: Place) => Footprint;

const FOOTPRINTS = {
  ...SUMS_FOOTPRINTS,
  [OpKind.TURN]: (_, __, place) => turnFootprint(place),
  [OpKind.LOSS]: (op, _, place) => lossFootprint(op, place),
  [OpKind.LOOP]: () => ({ reads: [], writes: [] }),
  [OpKind.FINISH]: (op, _, place) => finishFootprint(op, place),
  [OpKind.FLIP]: () => ({ reads: [], writes: [] }),
  [OpKind.WIPE]: wipeFootprint,
  [OpKind.RESCALE]: rescaleFootprint,
  [OpKind.ADD_GRAD]: addGradFootprint,
  [OpKind.UPDATE_CONV2D]: updateFootprint,
  [OpKind.UPDATE_DEPTHWISE]: updateFootprint,
  [OpKind.UPDATE_CIRCULANT]: updateFootprint,
  [OpKind.CONV2D_GRAD]: (op, tile) =>
    gradFootprint(op, tile, op.get(WIN_OUTPUT_CHANNELS) * taps(op) * op.get(WIN_INPUT_CHANNELS)),
  [OpKind.DEPTHWISE_GRAD]: (op, tile) => gradFootprint(op, tile, groupedWeights(op, op.get(WIN_GROUP))),
  [OpKind.CIRCULANT_GRAD]: (op, tile) => {
    const [k, blocks] = [op.get(CIRC_BLOCK), op.get(CIRC_BLOCKS)];
    return gradFootprint(op, tile, Math.ceil(op.get(CIRC_OUTPUTS) / k) * blocks * k);
  },
  [OpKind.MAX_POOL_GRAD]: (op, tile) => gradFootprint(op, tile, 0),
  [OpKind.AVG_POOL_GRAD]: (op, tile) => gradFootprint(op, tile, 0),
} as const satisfies Record<LearningKind, Judge>;

/** Reads and writes of tile `tile`; addresses may name groups. */
export function learningFootprint(op: OpRecord, tile: number, place: Place): Footprint {
  return FOOTPRINTS[learningKind(op)](op, tile, place);
}
