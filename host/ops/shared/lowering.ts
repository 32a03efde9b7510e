// What every kernel's lowering shares: SRAM areas, constants, refusals.
import {
  ALIGNMENT,
  OP_BIAS,
  OP_BIAS_SHIFT,
  OP_BYTES,
  OP_FLAG_INT32,
  OP_ACTIVATION_TYPE,
  OP_KIND,
  OP_WEIGHT_TYPE,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_SCALE_FORMAT,
  OP_SCALE_SHIFT,
  OP_SCRATCH0,
  ScaleFormat,
} from '../../../assembly/layout.js';
import { BrownoutError } from '../../error.js';
import {
  type ComputingOp,
  elementBytes,
  type Requantization,
  type Scaling,
  type TensorSpec,
} from '../../model/quantized-network.js';
import { type LeanConstants, leanConstants } from '../../model/lean.js';
import { packRows, WEIGHT_TYPES, type WeightType } from '../../model/weight-types.js';
import { ACTIVATION_TYPES, littleEndian } from '../../model/values.js';
import { type InferenceKind, OpRecord } from '../../model/record.js';

/** What an op may use. */
export interface TileLimits {
  /** Bytes of SRAM from `arena` on, the op record included. */
  arenaBytes: number;
  /** Cycles that entering the op and running one tile may take (a tenth of a charge), where they can be cut smaller. */
  tileCycles: number;
  /** Entering a record and a tile (with lines a grain), over what they may take; and all of an inference, in µJ. */
  cost(record: OpRecord): { share: number; inferenceUj: number };
  /** Whether each op must be one record, or records side by side: of images that learn; default false. */
  oneRecord?: boolean;
  /** Whether firmware has a vector unit multiply windows where rows lie; default false. */
  unit?: boolean;
  /** Bytes that a cut amid a write spoils together: tiles hold whole ones where they can; default 1. */
  line?: number;
}

/** How an op becomes records and constants. */
export type Lower = (
  op: ComputingOp,
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  limits: TileLimits,
) => LoweredOp[];

/** Values of `output` of which a tile that holds whole lines has a multiple, if its parts have `values` each. */
export function lineValues({ line = 1 }: TileLimits, output: TensorSpec, values = 1): number {
  const bytes = values * elementBytes(output);
  let unit = 1;
  while ((unit * bytes) % line !== 0) unit++;
  return unit;
}

/** A constant, and the record field (or two) that takes its address. */
interface Constant {
  field: number;
  also?: number;
  bytes: Uint8Array;
  /** What its address is a multiple of; default 4 bytes, or 8 with int16 activations. */
  unit?: number;
}

export interface LoweredOp {
  record: OpRecord;
  /**
   * Record fields that take the address of an input (and bytes to add), and which, or `own`: what the record before made;
   * default OP_INPUT, the first.
   */
  inputs?: readonly { field: number; input: number | 'own'; offset?: number }[];
  /** Bytes of a buffer of its own that it writes, in place of the output's, for the op's next record to read. */
  ownBytes?: number;
  /** Bytes from the start of the output's buffer to where this record writes; default 0. */
  outputOffset?: number;
  constants: Constant[];
  arenaBytes: number;
}

export const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** A record of `kind` for activations as those of a tensor. */
export function recordOf(kind: InferenceKind, { dtype = 'int8' }: TensorSpec): OpRecord {
  const record = new OpRecord();
  record.set(OP_KIND, kind);
  record.set(OP_ACTIVATION_TYPE, ACTIVATION_TYPES[dtype]);
  return record;
}

/** Bytes of SRAM an op takes whose areas have these sizes. */
export const arenaFor = (areas: readonly number[]): number =>
  areas.reduce((sum, bytes) => sum + align(bytes), OP_BYTES);

/** Gives the record its areas, one behind the other; returns the bytes they end at. */
export function placeAreas(record: OpRecord, areas: readonly number[]): number {
  let at = OP_BYTES;
  areas.forEach((bytes, i) => {
    record.set(OP_SCRATCH0 + i * 4, at);
    at += align(bytes);
  });
  return at;
}

export function refuse(
  op: { name: string; kind: string },
  found: string,
  expected: string,
  hint: string,
): never {
  throw new BrownoutError({ code: 'E_PLAN', found: `${op.kind} "${op.name}" ${found}`, expected, hint });
}

export function tooLarge(op: { name: string; kind: string }, need: number, limits: TileLimits): never {
  refuse(
    op,
    `needing ${need} bytes of SRAM for its smallest tile`,
    `at most ${limits.arenaBytes}`,
    'Raise the SRAM limit, or make the layer smaller.',
  );
}

/** Bias with the input zero point folded in: Σ w·(x − z) = Σ w·x − z·Σ w. */
export function foldBias<Bias extends Int32Array | BigInt64Array>(
  bias: Bias,
  weightSums: Float64Array,
  zeroPoint: number,
): Bias {
  // The zero point of int16 activations is 0.
  if (bias instanceof BigInt64Array || zeroPoint === 0) return bias;
  return bias.map((b, channel) => b - zeroPoint * weightSums[channel]!) as Bias;
}

export function rowSums(weights: Int8Array, rows: number): Float64Array {
  const length = weights.length / rows;
  const sums = new Float64Array(rows);
  for (let i = 0; i < weights.length; i++) sums[Math.floor(i / length)]! += weights[i]!;
  return sums;
}

/** What int64 accumulators are scaled by: x · multiplier / 2^right, from a pair of 32 bits. As TFLite reduces it. */
function reduce({ multiplier, shift }: Scaling): [multiplier: number, right: number] {
  return [multiplier < 0x7fff0000 ? (multiplier + (1 << 15)) >> 16 : 0x7fff, 15 - shift];
}

/** Biases and scales of `op` as lean ones, if it is to have them and they hold it exactly. */
const leanOf = (
  op: Requantization,
  bias: Int32Array | BigInt64Array,
  { dtype = 'int8' }: TensorSpec,
): LeanConstants | undefined =>
  op.lean && dtype === 'int8' && bias instanceof Int32Array ? leanConstants({ ...op, bias }) : undefined;

/** Whether biases and scales of `op` are lean. `bias`: folded. */
export const isLean = (op: Requantization, bias: Int32Array | BigInt64Array, output: TensorSpec): boolean =>
  leanOf(op, bias, output) !== undefined;

/**
 * A function that makes room in areas 3 and 4 of an op of windows for lean biases and scales of all channels, if there is room,
 * so that they are widened once; and says in the record that they are lean. `bias`: folded.
 */
export function leanWindows(
  op: Requantization,
  bias: Int32Array | BigInt64Array,
  output: TensorSpec,
  { arenaBytes }: TileLimits,
): (record: OpRecord, areas: number[]) => number[] {
  if (!isLean(op, bias, output)) return (_, areas) => areas;
  const all = [biasBytes(output, bias.length), requantBytes(op, bias.length)] as const;
  return (record, areas) => {
    record.set(OP_SCALE_FORMAT, ScaleFormat.LEAN);
    const grown = areas.with(3, all[0]).with(4, all[1]);
    return arenaFor(grown) <= arenaBytes ? grown : areas;
  };
}

/** Fields and constants of the requantization, shared by all ops with accumulators. */
export function requantization(
  op: Requantization & { name: string; kind: string },
  bias: Int32Array | BigInt64Array,
  output: TensorSpec,
  record: OpRecord,
): LoweredOp['constants'] {
  const channels = op.multipliers.length;
  if (channels !== 1 && channels !== bias.length) {
    refuse(op, `with ${channels} multipliers`, `1 or ${bias.length}`, 'Give one a channel, or one for all.');
  }
  const int64 = bias instanceof BigInt64Array;
  const wide = output.dtype === 'int16';
  const lean = leanOf(op, bias, output);
  if (wide && !int64) record.mark(OP_FLAG_INT32);
  record.set(OP_REQUANT_STRIDE, channels === 1 ? 0 : 8);
  record.set(OP_OUTPUT_ZERO_POINT, output.zeroPoint);
  record.set(OP_CLAMP_MIN, op.clampMin);
  record.set(OP_CLAMP_MAX, op.clampMax);
  if (lean) {
    record.set(OP_SCALE_FORMAT, ScaleFormat.LEAN);
    record.set(OP_BIAS_SHIFT, lean.biasShift);
    record.set(OP_SCALE_SHIFT, lean.scaleShift);
    return [
      { field: OP_BIAS, bytes: littleEndian(lean.biases), unit: 2 },
      { field: OP_REQUANT, bytes: littleEndian(new Int16Array(lean.scales.buffer)), unit: 2 },
    ];
  }
  const pairs = new Int32Array(channels * 2);
  for (let i = 0; i < channels; i++) {
    const [multiplier, shift] = [op.multipliers[i]!, op.shifts[i]!];
    pairs.set(int64 ? reduce({ multiplier, shift }) : [multiplier, shift], i * 2);
  }
  const biases = wide && !int64 ? BigInt64Array.from(bias, BigInt) : bias;
  return [
    { field: OP_BIAS, bytes: littleEndian(biases) },
    { field: OP_REQUANT, bytes: littleEndian(pairs) },
  ];
}

/** An op that takes more than its share of a charge, and is dearer in smaller tiles, takes at most this many shares if it can. */
const MOST_SHARES = 4;

/** How much of a charge a tile takes: its share or less; a few shares; more, the less the better. */
const rankOf = (share: number): number => (share <= 1 ? 0 : share <= MOST_SHARES ? 1 : share);

/** Of ways to make an op of records the one that an inference takes least with, as `cheapest` of ways to cut one. */
export function cheapestWay<Cut extends { record: OpRecord }>(
  ways: Iterable<Cut[]>,
  limits: TileLimits,
): Cut[] | undefined {
  let best: { way: Cut[]; rank: number; inferenceUj: number } | undefined;
  for (const way of ways) {
    const costs = way.map(({ record }) => limits.cost(record));
    const rank = rankOf(Math.max(...costs.map(({ share }) => share)));
    const inferenceUj = costs.reduce((sum, cost) => sum + cost.inferenceUj, 0);
    if (best && (rank > best.rank || (rank === best.rank && inferenceUj >= best.inferenceUj))) continue;
    best = { way, rank, inferenceUj };
  }
  return best?.way;
}

/** Of ways to cut an op the one that an inference takes least with: of those within their share of a charge, if there are any. */
export const cheapest = <Cut extends { record: OpRecord }>(
  cuts: Iterable<Cut>,
  limits: TileLimits,
): Cut | undefined => cheapestWay(oneByOne(cuts), limits)?.[0];

function* oneByOne<Cut>(cuts: Iterable<Cut>): Generator<Cut[]> {
  for (const cut of cuts) yield [cut];
}

/** Sizes of equal parts of `total`, the largest first. */
export const equalParts = (total: number): number[] => [
  ...new Set(Array.from({ length: total }, (_, parts) => Math.ceil(total / (parts + 1)))),
];

/** Bytes of the biases of `channels` channels. */
export const biasBytes = (output: TensorSpec, channels: number): number =>
  channels * 4 * elementBytes(output);

export const requantBytes = (op: Requantization, channels: number): number =>
  op.multipliers.length === 1 ? 8 : channels * 8;

/** Bytes of a row of weights in NVM, and of SRAM for `rows` of them: packed ones are unpacked behind, one at a time. */
export function weightBytes(
  type: WeightType = 'int8',
  length: number,
  rows: number,
): { row: number; sram: number } {
  const row = WEIGHT_TYPES[type].rowBytes(length);
  return { row, sram: type === 'int8' ? row * rows : align(row * rows) + length };
}

/** Rows of `length` weights as NVM holds them, and the type that says so. */
export function packWeights(
  weights: Int8Array,
  length: number,
  type: WeightType = 'int8',
  record: OpRecord,
): Uint8Array {
  record.set(OP_WEIGHT_TYPE, WEIGHT_TYPES[type].code);
  return packRows(type, weights, length);
}

/** {multiplier, shift} in two fields of a record. */
export function placeScaling(record: OpRecord, field: number, { multiplier, shift }: Scaling): void {
  record.set(field, multiplier);
  record.set(field + 4, shift);
}

/** A part of `total` brought down to a multiple of `unit`, or to a divisor, so that few make it up; all there is stays. */
export function wholeUnits(part: number, total: number, unit: number): number {
  if (part >= total) return part;
  if (part >= unit) return part - (part % unit);
  while (unit % part !== 0) part--;
  return part;
}

/** The largest of `total`, or equal parts of it, that `fits`; 0 if not even 1 does. Multiples of `unit` where they can be. */
export function largestPart(total: number, fits: (part: number) => boolean, unit = 1): number {
  for (let parts = 1; parts <= total; parts++) {
    const part = Math.ceil(total / parts);
    if (fits(part)) return wholeUnits(part, total, unit);
  }
  return 0;
}
