// A function of one int16, by a table that is interpolated.
import { OP_INPUT, OP_OUTPUT, OP_TILES, OP_WEIGHTS, OpKind } from '../../assembly/layout.js';
import {
  LOOKUP_COUNT,
  LOOKUP_GROUP,
  LOOKUP_MULTIPLIER,
  LOOKUP_SHIFT,
  LOOKUP_LIMIT,
  LOOKUP_FRACTION,
  LOOKUP_ROUNDING,
  LOOKUP_BELOW,
  LOOKUP_RESULT_SHIFT,
  LOOKUP_HALF,
  LOOKUP_TABLE_BYTES,
} from '../../assembly/lookup-layout.js';
import { elementCount, type Lookup, type TensorSpec } from '../model/quantized-network.js';
import { littleEndian } from '../model/values.js';
import type { OpRecord } from '../model/record.js';
import {
  arenaFor,
  cheapest,
  equalParts,
  lineValues,
  type LoweredOp,
  placeAreas,
  recordOf,
  type TileLimits,
  tooLarge,
  wholeUnits,
} from './shared/lowering.js';
import { OUTPUT, TILE } from './shared/cycles.js';
import { cut, part, type Work } from './shared/work.js';
import { checkLength, unsound } from './shared/check.js';
import { atLeast, inGroups, size } from './shared/bounds.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';

/** Values of a tile at most: more make no tile cheaper by much. */
const MOST_VALUES = 256;

function lowerLookup(op: Lookup, input: TensorSpec, limits: TileLimits): LoweredOp {
  const count = elementCount(input);
  const cutInto = (group: number): { record: OpRecord; arenaBytes: number } => {
    const record = recordOf(OpKind.LOOKUP, input);
    record.set(OP_TILES, Math.ceil(count / group));
    record.set(LOOKUP_COUNT, count);
    record.set(LOOKUP_GROUP, group);
    record.set(LOOKUP_MULTIPLIER, op.multiplier);
    record.set(LOOKUP_SHIFT, op.shift);
    record.set(LOOKUP_LIMIT, op.limit);
    record.set(LOOKUP_FRACTION, op.fraction);
    record.set(LOOKUP_ROUNDING, op.rounding);
    record.set(LOOKUP_BELOW, op.below);
    record.set(LOOKUP_RESULT_SHIFT, op.resultShift);
    return { record, arenaBytes: placeAreas(record, [LOOKUP_TABLE_BYTES, 2 * group]) };
  };
  const fits = (group: number): boolean => arenaFor([LOOKUP_TABLE_BYTES, 2 * group]) <= limits.arenaBytes;
  const unit = lineValues(limits, input);
  const groups = equalParts(Math.min(count, MOST_VALUES)).map((group) => wholeUnits(group, count, unit));
  const best = cheapest([...new Set(groups)].filter(fits).map(cutInto), limits);
  if (!best) tooLarge(op, arenaFor([LOOKUP_TABLE_BYTES, 2]), limits);
  return { ...best, constants: [{ field: OP_WEIGHTS, bytes: littleEndian(op.table) }] };
}

/** Whether every step of the sum, and its result, is an integer that the device holds. */
function holds(op: Lookup): boolean {
  const inside = (value: number, least: number, most: number): boolean =>
    Number.isInteger(value) && value >= least && value <= most;
  const argument = Math.abs(op.multiplier) * 32768 + (op.shift > 0 ? 2 ** (op.shift - 1) : 0);
  const extremes = [Math.min(...op.table), Math.max(...op.table)];
  const sums = extremes.map((entry) => entry * 2 ** op.fraction + op.rounding);
  return (
    inside(op.shift, 0, 30) &&
    inside(op.resultShift, 0, 30) &&
    inside(op.fraction, 0, 15) &&
    inside(op.limit, 1, LOOKUP_HALF * 2 ** op.fraction) &&
    inside(op.below, -1, 0) &&
    inside(op.multiplier, -32768, 32768) &&
    inside(argument, 0, 2 ** 31 - 1) &&
    inside(Math.min(...sums) - 1, -(2 ** 31), 2 ** 31 - 1) &&
    inside(Math.max(...sums), -(2 ** 31), 2 ** 31 - 1)
  );
}

export const lookup: NetworkOp<Lookup> = {
  inputs: one,
  int16: true,
  check(op, [input], output, wide) {
    if (!wide) unsound(op, 'activations of int8', 'int16: a map is what int8 has');
    checkLength(op, 'entries of its table', op.table.length, LOOKUP_TABLE_BYTES / 2);
    checkLength(op, 'output elements', elementCount(output), elementCount(input!));
    if (!holds(op)) unsound(op, 'numbers beyond 32 bits', 'shifts, a limit and a rounding that 32 bits hold');
  },
  lower: (op, [input], _, limits) => [lowerLookup(op, input!, limits)],
};

function lookupWork(op: OpRecord): Work {
  const tiles = cut(op.get(LOOKUP_COUNT), op.get(LOOKUP_GROUP), (values) =>
    // As softmax of int16, which looks up two values and divides.
    part(
      { tile: 1, value: values / 2 },
      { stateViews: 1, stateBytes: 2 * values, writes: 1, writtenBytes: 2 * values },
    ),
  );
  const enter = part({ copied: LOOKUP_TABLE_BYTES }, { constantViews: 1, constantBytes: LOOKUP_TABLE_BYTES });
  return { kernel: 'softmax_s16', enter, ...tiles };
}

export const lookupRecord: RecordOp = {
  ...SIMPLE,
  work: lookupWork,
  bounds(op) {
    const [count, group, fraction] = [LOOKUP_COUNT, LOOKUP_GROUP, LOOKUP_FRACTION].map((field) =>
      size(op, field),
    ) as [number, number, number];
    return {
      scratch: [LOOKUP_TABLE_BYTES, 2 * group],
      reads: [
        [OP_INPUT, 2 * count],
        [OP_WEIGHTS, LOOKUP_TABLE_BYTES],
      ],
      writes: [[OP_OUTPUT, 2 * count]],
      demands: [
        ...inGroups(op, count, group),
        ['bits of the fraction', fraction, 15],
        // What is looked up lies in the table.
        ['the limit', size(op, LOOKUP_LIMIT), LOOKUP_HALF * 2 ** Math.min(fraction, 15)],
        atLeast('as a limit', 1, size(op, LOOKUP_LIMIT)),
      ],
    };
  },
  shapes: (op) => ({ inputShape: [op.get(LOOKUP_COUNT)], outputShape: [op.get(LOOKUP_COUNT)], macs: 0 }),
  cycles: (op) => ({ enter: LOOKUP_TABLE_BYTES, tile: TILE + op.get(LOOKUP_GROUP) * OUTPUT }),
};
