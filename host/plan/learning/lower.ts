// Lowers the ops that only learning has: how they are cut into tiles, and what SRAM they take.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  ERROR_BYTES,
  OP_BIAS,
  OP_INPUT_ZERO_POINT,
  OP_KIND,
  OP_REQUANT,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
  S_ENTRIES,
  ENTRY_BYTES,
  VERDICT_BYTES,
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
} from '../../../assembly/layout.js';
import {
  ADD_GRAD_MULTIPLIER,
  ADD_GRAD_SHIFT,
  FINISH_LEARN,
  GRAD_OUTPUT_HEIGHT,
  LOSS_CLASSES,
  LOSS_KIND,
  LOSS_ROUND,
  LOSS_SCALE,
  LOSS_SURE,
  LOSS_TARGET,
  RESCALE_BITS,
  RESCALE_COUNT,
  RESCALE_GROUP,
  UPDATE_CHANNELS,
  UPDATE_CLIP,
  UPDATE_GROUP,
  UPDATE_HEIGHT,
  UPDATE_LAYER,
  UPDATE_LOW,
  UPDATE_PART,
  UPDATE_ROWS,
} from '../../../assembly/learning-layout.js';
import { elementCount, type QuantizedNetwork, type Window } from '../../model/quantized-network.js';
import { littleEndian } from '../../model/values.js';
import { inputOf, mapShape, outputOf, type PassableOp, type WeightedOp } from '../../learning/geometry.js';
import type { BackwardStep, LearnedLayer, LearningSpec } from '../../learning/spec.js';
import {
  arenaFor,
  largestPart,
  type LoweredOp,
  placeAreas,
  type TileLimits,
  tooLarge,
} from '../../ops/shared/lowering.js';
import { columnChoices } from '../../ops/shared/window.js';
import { OpRecord } from '../../model/record.js';
import { biasCycles, learningCycles } from '../../ops/learning.js';

const ONE: Window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] };
/** Errors that `rescale` takes at a time. */
const RESCALE_RUN = 128;

function recordOf(kind: OpKind, tiles = 1): OpRecord {
  const record = new OpRecord();
  record.set(OP_KIND, kind);
  record.set(OP_TILES, tiles);
  return record;
}

const finished = (
  record: OpRecord,
  areas: readonly number[],
  constants: LoweredOp['constants'] = [],
): LoweredOp => ({
  record,
  constants,
  arenaBytes: placeAreas(record, areas),
});

/** Most turns of a job. */
export const mostTurns = ({ lanes, validations }: Pick<LearningSpec, 'lanes' | 'validations'>): number =>
  lanes + 2 * validations + 2;

const stateBytes = ({ ringEntries }: LearningSpec): number => S_ENTRIES + ringEntries * ENTRY_BYTES;

export const lowerTurn = (spec: LearningSpec): LoweredOp =>
  finished(recordOf(OpKind.TURN), [stateBytes(spec), mostTurns(spec) * VERDICT_BYTES]);

export const lowerLoop = (): LoweredOp => finished(recordOf(OpKind.LOOP), []);

export function lowerFinish(spec: LearningSpec, learn: boolean): LoweredOp {
  const record = recordOf(OpKind.FINISH);
  record.set(FINISH_LEARN, learn ? 1 : 0);
  return finished(record, [stateBytes(spec), mostTurns(spec) * VERDICT_BYTES]);
}

/** 2^(15 − j/32), j = 0 … 32. */
const exponentials = (): Int16Array =>
  Int16Array.from({ length: 33 }, (_, j) => Math.round(2 ** (15 - j / 32)));

export function lowerLoss({ loss }: LearningSpec, network: QuantizedNetwork): LoweredOp {
  const record = recordOf(OpKind.LOSS);
  record.set(LOSS_CLASSES, loss.classes);
  record.set(LOSS_KIND, loss.kind === 'mse' ? 1 : 0);
  record.set(LOSS_SCALE, loss.scale);
  record.set(LOSS_TARGET, loss.target);
  record.set(LOSS_ROUND, loss.shift);
  record.set(LOSS_SURE, loss.sure);
  record.set(OP_INPUT_ZERO_POINT, network.tensors[loss.tensor]!.zeroPoint);
  const constants = loss.kind === 'mse' ? [] : [{ field: OP_WEIGHTS, bytes: littleEndian(exponentials()) }];
  const areas = [loss.classes, Math.max(loss.classes * 4, 8), errorBytes(loss.classes), 68];
  return finished(record, areas, constants);
}

/** Bytes of an error tensor. */
export const errorBytes = (count: number): number => ERROR_BYTES + 2 * count;

/** The geometry of an op as a sliding window: a dense layer is one tap over one pixel, a mean one window. */
function windowOf(network: QuantizedNetwork, op: Exclude<PassableOp, { kind: 'circulant' }>): Window {
  if (op.kind === 'dense') return ONE;
  const [height, width] = mapShape(inputOf(network, op));
  return op.kind === 'mean' ? { ...ONE, kernel: [height, width] } : op;
}

/** Input and output maps of an op; a vector is one pixel. */
function mapsOf(
  network: QuantizedNetwork,
  op: PassableOp,
): [input: readonly number[], output: readonly number[]] {
  const [input, output] = [inputOf(network, op), outputOf(network, op)];
  if (op.kind === 'dense')
    return [
      [1, 1, elementCount(input)],
      [1, 1, elementCount(output)],
    ];
  if (op.kind === 'mean') return [mapShape(input), [1, 1, elementCount(output)]];
  return [mapShape(input), mapShape(output)];
}

/** A windowed record without its tiles; returns the output's height, too. */
function windowRecord(
  kind: OpKind,
  network: QuantizedNetwork,
  op: Exclude<PassableOp, { kind: 'circulant' }>,
): { record: OpRecord; input: readonly number[]; output: readonly number[]; taps: number } {
  const window = windowOf(network, op);
  const [input, output] = mapsOf(network, op);
  const record = recordOf(kind);
  record.set(WIN_INPUT_HEIGHT, input[0]!);
  record.set(WIN_INPUT_WIDTH, input[1]!);
  record.set(WIN_INPUT_CHANNELS, input[2]!);
  record.set(WIN_OUTPUT_WIDTH, output[1]!);
  record.set(WIN_OUTPUT_CHANNELS, output[2]!);
  record.setPair(WIN_KERNEL, window.kernel);
  record.setPair(WIN_STRIDE, window.stride);
  record.setPair(WIN_DILATION, window.dilation);
  record.setPair(WIN_PADDING, window.padding);
  return { record, input, output, taps: window.kernel[0] * window.kernel[1] };
}

const GRADS = {
  dense: OpKind.CONV2D_GRAD,
  conv2d: OpKind.CONV2D_GRAD,
  depthwiseConv2d: OpKind.DEPTHWISE_GRAD,
  maxPool2d: OpKind.MAX_POOL_GRAD,
  averagePool2d: OpKind.AVG_POOL_GRAD,
  mean: OpKind.AVG_POOL_GRAD,
} as const;

/** The input gradient of `op`. `group`: channels of a group of depthwise weights. */
export function lowerGrad(
  network: QuantizedNetwork,
  op: PassableOp,
  { ratios }: BackwardStep,
  group: number,
  limits: TileLimits,
): LoweredOp {
  const constants = ratios ? [{ field: OP_BIAS, bytes: littleEndian(ratios) }] : [];
  if (op.kind === 'circulant') {
    const inputs = elementCount(inputOf(network, op));
    const k = op.blockSize;
    const record = recordOf(OpKind.CIRCULANT_GRAD);
    placeCirculant(record, k, inputs, elementCount(outputOf(network, op)));
    const fits = (part: number): boolean => {
      record.set(CIRC_GROUP, part);
      return learningCycles(record).tile <= limits.tileCycles;
    };
    const part = largestPart(k, fits) || 1;
    record.set(CIRC_GROUP, part);
    record.set(OP_TILES, Math.ceil(inputs / k) * Math.ceil(k / part));
    return finished(record, [4 * part, 2 * k, k], constants);
  }
  const { record, input, output } = windowRecord(GRADS[op.kind], network, op);
  record.set(GRAD_OUTPUT_HEIGHT, output[0]!);
  if (op.kind === 'depthwiseConv2d') record.set(WIN_GROUP, group);
  const channels = input[2]!;
  const whole = op.kind === 'dense' || op.kind === 'conv2d';
  const areasOf = (columns: number, part: number): number[] => {
    const outputs = whole ? output[2]! : Math.ceil((part * output[2]!) / channels);
    return [columns * part * 4, outputs * 2, whole ? part : Math.max(outputs, 4), ratios ? outputs * 4 : 0];
  };
  const fits = (columns: number, part: number): boolean => {
    record.set(WIN_TILE_COLUMNS, columns);
    record.set(WIN_PART, part < channels ? part : 0);
    return (
      arenaFor(areasOf(columns, part)) <= limits.arenaBytes &&
      learningCycles(record).tile <= limits.tileCycles
    );
  };
  let columns = 1;
  let part = channels;
  const choice = [...columnChoices(input[1]!)].find((count) => fits(count, channels));
  if (choice) columns = choice;
  else {
    part =
      largestPart(channels, (size) => fits(1, size)) ||
      largestPart(channels, (size) => arenaFor(areasOf(1, size)) <= limits.arenaBytes);
  }
  if (part === 0) tooLarge(op, arenaFor(areasOf(1, 1)), limits);
  fits(columns, part);
  record.set(OP_TILES, input[0]! * Math.ceil(input[1]! / columns) * Math.ceil(channels / part));
  return finished(record, areasOf(columns, part), constants);
}

function placeCirculant(record: OpRecord, k: number, inputs: number, outputs: number): void {
  record.set(CIRC_INPUTS, inputs);
  record.set(CIRC_OUTPUTS, outputs);
  record.set(CIRC_BLOCK, k);
  record.set(CIRC_BLOCKS, Math.ceil(inputs / k));
}

/** The error of `count` values, from their sums. */
export function lowerRescale(count: number, zeroPoint: number, bits: number): LoweredOp {
  const record = recordOf(OpKind.RESCALE);
  const group = Math.min(count, RESCALE_RUN);
  record.set(OP_TILES, Math.ceil(count / group));
  record.set(RESCALE_COUNT, count);
  record.set(RESCALE_GROUP, group);
  record.set(RESCALE_BITS, bits);
  record.set(OP_INPUT_ZERO_POINT, zeroPoint);
  return finished(record, [4, group * 4, Math.max(group, 4), errorBytes(group)]);
}

/** The sums of an error of `count` values, and of another that has `ratio` times its σ, if there is one. */
export function lowerAddGrad(
  count: number,
  ratio: { multiplier: number; shift: number } | undefined,
): LoweredOp {
  const record = recordOf(OpKind.ADD_GRAD);
  const group = Math.min(count, RESCALE_RUN);
  record.set(OP_TILES, Math.ceil(count / group));
  record.set(RESCALE_COUNT, count);
  record.set(RESCALE_GROUP, group);
  record.set(ADD_GRAD_MULTIPLIER, ratio?.multiplier ?? 0);
  record.set(ADD_GRAD_SHIFT, ratio?.shift ?? 0);
  return finished(record, [ERROR_BYTES + 4 * group, Math.max(2 * group, 4), Math.max(2 * group, 4)]);
}

function placeUpdate(
  record: OpRecord,
  op: WeightedOp,
  learned: LearnedLayer,
  low: number,
  network: QuantizedNetwork,
): void {
  record.set(OP_INPUT_ZERO_POINT, inputOf(network, op).zeroPoint);
  record.setPair(UPDATE_ROWS, learned.rows);
  record.set(
    UPDATE_LAYER,
    (learned.weights ? 1 : 0) | (learned.layer << 8) | (learned.momentum << 16) | (learned.means << 24),
  );
  record.set(UPDATE_CLIP, learned.clip);
  record.set(UPDATE_LOW, low);
}

/** Where even the errors of one row take more than a tenth of a charge, tiles may take so many tenths. */
const AT_MOST_TENTHS = 4;

/** Weights of a tile of an update: as many as SRAM and a tenth of a charge allow, of `most`; 0 if SRAM allows none. */
function partOf(
  record: OpRecord,
  most: number,
  areasOf: (part: number) => number[],
  limits: TileLimits,
): number {
  const within = (tenths: number): number =>
    largestPart(most, (part) => {
      record.set(UPDATE_PART, part);
      const { tile } = learningCycles(record);
      return arenaFor(areasOf(part)) <= limits.arenaBytes && tile <= tenths * limits.tileCycles;
    });
  const least = arenaFor(areasOf(1)) <= limits.arenaBytes ? 1 : 0;
  const part = within(1) || within(AT_MOST_TENTHS) || least;
  record.set(UPDATE_PART, part);
  return part;
}

/** The update of a learned layer. `low`: from W8 to the low bytes. `group`: channels of a group of depthwise weights. */
export function lowerUpdate(
  network: QuantizedNetwork,
  op: WeightedOp,
  learned: LearnedLayer,
  { low, group, lanes }: { low: number; group: number; lanes: number },
  limits: TileLimits,
): LoweredOp {
  const constants = [{ field: OP_REQUANT, bytes: littleEndian(learned.pairs) }];
  const laneArea = 4 + 4 * lanes + 8;
  /** High bytes, low ones, velocities. */
  const weightBytes = learned.momentum > 0 ? 4 : 2;
  if (op.kind === 'circulant') {
    const [inputs, outputs] = [elementCount(inputOf(network, op)), elementCount(outputOf(network, op))];
    const k = op.blockSize;
    const [rows, blocks] = [Math.ceil(outputs / k), Math.ceil(inputs / k)];
    const record = recordOf(OpKind.UPDATE_CIRCULANT);
    placeCirculant(record, k, inputs, outputs);
    placeUpdate(record, op, learned, low, network);
    const areasOf = (part: number): number[] => [laneArea, 4 * part, k, weightBytes * part, 2 * k + 4, 16];
    const part = partOf(record, k, areasOf, limits);
    if (part === 0) tooLarge(op, arenaFor(areasOf(1)), limits);
    record.set(OP_TILES, rows + (learned.weights ? rows * blocks * Math.ceil(k / part) : 0));
    return finished(record, areasOf(part), constants);
  }
  const depthwise = op.kind === 'depthwiseConv2d';
  const kind = depthwise ? OpKind.UPDATE_DEPTHWISE : OpKind.UPDATE_CONV2D;
  const { record, input, output, taps } = windowRecord(kind, network, op);
  placeUpdate(record, op, learned, low, network);
  record.set(UPDATE_HEIGHT, output[0]!);
  if (depthwise) record.set(UPDATE_CHANNELS, group);
  const rows = output[2]!;
  const most = depthwise ? Math.min(group, rows) : taps * input[2]!;
  const areasOf = (part: number): number[] => {
    const sums = depthwise ? part * taps : part;
    return [
      laneArea,
      4 * sums,
      Math.max(Math.min(input[2]!, part), 4),
      Math.max(weightBytes * part, 4),
      16,
      16,
    ];
  };
  const part = partOf(record, most, areasOf, limits);
  if (part === 0) tooLarge(op, arenaFor(areasOf(1)), limits);
  const biases = largestPart(rows, (count) => biasCycles(record, count) <= limits.tileCycles) || 1;
  record.set(UPDATE_GROUP, biases);
  const groups = depthwise
    ? Math.ceil(rows / group) * Math.ceil(group / part)
    : rows * Math.ceil(most / part);
  const means = learned.means > 0 ? Math.ceil(most / part) : 0;
  record.set(OP_TILES, Math.ceil(rows / biases) + (learned.weights ? groups : 0) + means);
  return finished(record, areasOf(part), constants);
}
