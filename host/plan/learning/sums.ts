// A head by sums in a plan (docs/LEARNING.md §10): what an inference keeps of its sample, the steps of the learn job, and what a
// weight bank holds.
import {
  GROUP_SHIFT,
  Group,
  OP_BIAS,
  OP_INPUT,
  OP_KIND,
  OP_REQUANT,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
  S_ENTRIES,
  ENTRY_BYTES,
} from '../../../assembly/layout.js';
import {
  DUE_EVERY,
  DUE_FOLD,
  DUE_SETTLE,
  FACTOR_RIDGE,
  FACTOR_ROWS,
  FOLD_DECAY,
  FORGET_FACTOR,
  FOUR,
  REQUANTIZE_INPUTS,
  REQUANTIZE_REACH,
  SETTLE_CLASSES,
  SETTLE_LEARN,
  SETTLE_LOGITS,
  SOLVE_CLASSES,
  SUMS_AT,
  SUMS_SHAPE,
  WIPE_AGAIN,
} from '../../../assembly/learning-layout.js';
import { type SumsSpec, sumsBytes } from '../../learning/sums/spec.js';
import { OpRecord } from '../../model/record.js';
import { learningCycles } from '../../ops/learning.js';
import { lowerCopy } from '../../ops/map.js';
import {
  align,
  arenaFor,
  type LoweredOp,
  placeAreas,
  type TileLimits,
  tooLarge,
} from '../../ops/shared/lowering.js';
import type { Schedule } from '../schedule.js';
import type { Buffer, Step } from '../step.js';
import { wipeEntries } from './wipe.js';

const nowhere: Buffer = { bytes: 0, born: -1, dies: -1, address: 0 };
const inGroup = (group: Group, offset: number, bytes: number): Buffer => ({
  ...nowhere,
  bytes,
  address: (group << GROUP_SHIFT) | offset,
});

/** Where a ring entry has the sample's logits, behind what the head reads. */
const logitsAt = ({ joinedInputs }: SumsSpec): number => align(joinedInputs);
export const entryBytes = (spec: SumsSpec): number => align(logitsAt(spec) + spec.classes);

/** What a weight bank holds: where, and at the factory. */
export interface SumsBank {
  bytes: number;
  factory: Uint8Array;
  weights: number;
  bias: number;
  scales: number;
  sums: number;
}

const constantOf = (step: Step, field: number): Uint8Array =>
  step.lowered.constants.find((constant) => constant.field === field)!.bytes;

/** Moves the head's parameters from its constants to the bank, sums behind them. */
export function sumsBank(spec: SumsSpec, head: Step): SumsBank {
  const fields = [OP_WEIGHTS, OP_BIAS, OP_REQUANT];
  const parts = [...fields.map((field) => constantOf(head, field)), sumsBytes(spec.prior)];
  const offsets: number[] = [];
  let bytes = 0;
  for (const part of parts) {
    offsets.push(bytes);
    bytes += align(part.length);
  }
  const factory = new Uint8Array(bytes);
  parts.forEach((part, i) => {
    factory.set(part, offsets[i]!);
  });
  const { lowered } = head;
  head.lowered = { ...lowered, constants: lowered.constants.filter(({ field }) => !fields.includes(field)) };
  head.reads.push(
    ...fields.map((field, i) => {
      return { field, buffer: inGroup(Group.WEIGHTS, offsets[i]!, parts[i]!.length), offset: 0 };
    }),
  );
  const [weights, bias, scales, sums] = offsets as [number, number, number, number];
  return { bytes, factory, weights, bias, scales, sums };
}

function recordOf(kind: OpKind, tiles: number, { classes, projection }: SumsSpec): OpRecord {
  const record = new OpRecord();
  record.set(OP_KIND, kind);
  record.set(OP_TILES, tiles);
  record.setPair(SUMS_SHAPE, [classes, projection.rank]);
  return record;
}

const finished = (
  record: OpRecord,
  areas: readonly number[],
  constants: LoweredOp['constants'] = [],
): LoweredOp => ({ record, constants, arenaBytes: placeAreas(record, areas) });

/** Bytes of what `solve` makes of a class: weights and a constant. */
const solutionBytes = (rank: number): number => 8 * (rank + 1);
const stateBytes = ({ ringEntries }: SumsSpec): number => S_ENTRIES + ringEntries * ENTRY_BYTES;

/** Four at a time where SRAM and a tenth of a charge allow, else one. */
function fourOrOne(
  record: OpRecord,
  field: number,
  areasOf: (count: number) => number[],
  limits: TileLimits,
): number {
  record.set(field, FOUR);
  if (arenaFor(areasOf(FOUR)) <= limits.arenaBytes && learningCycles(record).tile <= FOUR * limits.tileCycles)
    return FOUR;
  record.set(field, 1);
  if (arenaFor(areasOf(1)) > limits.arenaBytes)
    tooLarge({ name: 'head', kind: 'head by sums' }, arenaFor(areasOf(1)), limits);
  return 1;
}

function lowerFold(spec: SumsSpec): LoweredOp {
  const { classes, ringEntries, decay, projection } = spec;
  const { rank } = projection;
  const record = recordOf(OpKind.FOLD, classes + rank, spec);
  record.set(FOLD_DECAY, decay);
  return finished(record, [stateBytes(spec), 8 + 8 * ringEntries, 4 * rank, 2 * rank, 16]);
}

function lowerForget(spec: SumsSpec): LoweredOp {
  const { classes, projection } = spec;
  const { rank } = projection;
  return finished(recordOf(OpKind.FORGET, classes + rank, spec), [16, 4 * rank, 4 * rank]);
}

/** Entries, int64, then int32 with rows of L behind them; factors, or sums, of four; what is looked up. */
const factorAreas = (rank: number, rows: number): number[] => [16, 8 * rank * rows, 8 * FOUR, 4 * rank];

function lowerFactor(spec: SumsSpec, limits: TileLimits): LoweredOp {
  const { rank } = spec.projection;
  const record = recordOf(OpKind.FACTOR, rank, spec);
  record.set(FACTOR_RIDGE, spec.ridge);
  const rows = fourOrOne(record, FACTOR_ROWS, (count) => factorAreas(rank, count), limits);
  record.set(OP_TILES, Math.ceil(rank / rows) + Math.ceil(spec.classes / rows));
  return finished(record, factorAreas(rank, rows));
}

function solveAreas(rank: number, classes: number): number[] {
  return [8 * rank * classes, solutionBytes(rank), Math.max(2 * rank, 8 * FOUR)];
}

function lowerSolve(spec: SumsSpec, limits: TileLimits): LoweredOp {
  const { rank } = spec.projection;
  const record = recordOf(OpKind.SOLVE, 1, spec);
  const classes = fourOrOne(record, SOLVE_CLASSES, (count) => solveAreas(rank, count), limits);
  record.set(OP_TILES, Math.ceil(spec.classes / classes));
  return finished(record, solveAreas(rank, classes));
}

function lowerRequantize(spec: SumsSpec): LoweredOp {
  const { classes, projection } = spec;
  const { rank } = projection;
  const record = recordOf(OpKind.REQUANTIZE, classes + 1, spec);
  record.set(REQUANTIZE_INPUTS, spec.joinedInputs);
  record.set(REQUANTIZE_REACH, spec.reach);
  return finished(record, [
    24,
    solutionBytes(rank),
    solutionBytes(rank),
    Math.max(spec.joinedInputs, 2 * rank),
  ]);
}

function lowerSettle(spec: SumsSpec, learn: boolean): LoweredOp {
  const record = recordOf(OpKind.SETTLE, 1, spec);
  record.set(SETTLE_LEARN, learn ? 1 : 0);
  record.set(SETTLE_CLASSES, spec.classes);
  record.set(SETTLE_LOGITS, logitsAt(spec));
  return finished(record, [stateBytes(spec), Math.max(spec.classes, 8)]);
}

function lowerDue(spec: SumsSpec): LoweredOp {
  const record = recordOf(OpKind.DUE, 1, spec);
  record.set(DUE_EVERY, spec.every);
  return finished(record, [stateBytes(spec)]);
}

/** What an image with a head by sums has besides its inference. */
export interface SumsProgram {
  /** After an inference whose sample may get its label later. */
  tail: Step[];
  /** What follows in a learn job. */
  steps: Step[];
  /** Of those, the steps that use scratch. */
  turn: Step[];
  scratch: Buffer[];
  laneBytes: number;
  /** Fills in where ops lead; `base`: index of the first of `steps`. Returns the op that a late label begins at. */
  link: (base: number) => number;
}

export interface SumsProgramInput {
  spec: SumsSpec;
  bank: SumsBank;
  inference: Schedule;
  limits: TileLimits;
}

/** What the head reads lies in the spare entry from the start; returns the step that keeps the logits behind it. */
function keepStep({ spec, inference, limits }: SumsProgramInput): Step {
  const joined = inference.bufferFor(spec.joined);
  joined.address = Group.SPARE << GROUP_SHIFT;
  const logits = inference.bufferFor(spec.logits);
  // They are needed to the very end.
  logits.dies = Math.max(logits.dies, inference.steps.length + 1);
  return {
    name: 'keep logits',
    lowered: lowerCopy(spec.network.tensors[spec.logits]!, limits),
    reads: [{ field: OP_INPUT, buffer: logits, offset: 0 }],
    writes: inGroup(Group.SPARE, logitsAt(spec), spec.classes),
  };
}

/** The steps that make the head anew: from sums in the free bank to the head beside them. */
function updateSteps({ spec, bank, limits }: SumsProgramInput): Pick<SumsProgram, 'turn' | 'scratch'> {
  const { classes, projection } = spec;
  const { rank } = projection;
  const buffer = (bytes: number): Buffer => ({ ...nowhere, bytes });
  // Rows of L, then of classes.
  const factors = buffer(2 * rank * (rank + 1) + 4 * rank * classes);
  const solutions = buffer(classes * solutionBytes(rank));
  const size = sumsBytes(spec.prior).length;
  const current = inGroup(Group.WEIGHTS, bank.sums, size);
  const next = inGroup(Group.NEXT, bank.sums, size);
  const at = (field: number, from: Buffer): Step['reads'][number] => ({ field, buffer: from, offset: 0 });
  const inNext = (offset: number, bytes: number): Buffer => inGroup(Group.NEXT, offset, bytes);
  const forget: Step = {
    name: 'forget',
    lowered: lowerForget(spec),
    reads: [at(SUMS_AT, current)],
    writes: next,
    commits: true,
  };
  const turn: Step[] = [
    ...(spec.forget ? [forget] : []),
    { name: 'fold', lowered: lowerFold(spec), reads: [at(SUMS_AT, current)], writes: next, commits: true },
    { name: 'factor', lowered: lowerFactor(spec, limits), reads: [at(SUMS_AT, next)], writes: factors },
    {
      name: 'solve',
      lowered: lowerSolve(spec, limits),
      reads: [at(SUMS_AT, next), at(OP_INPUT, factors)],
      writes: solutions,
    },
    {
      name: 'requantize',
      lowered: lowerRequantize(spec),
      reads: [
        at(SUMS_AT, next),
        at(OP_INPUT, solutions),
        at(OP_BIAS, inNext(bank.bias, 4 * classes)),
        at(OP_REQUANT, inNext(bank.scales, 8)),
      ],
      writes: inNext(bank.weights, classes * spec.joinedInputs),
    },
  ];
  return { turn, scratch: [factors, solutions] };
}

/** The steps that a head by sums adds. */
export function sumsProgram(given: SumsProgramInput): SumsProgram {
  const { spec } = given;
  const kept = keepStep(given);
  const { turn, scratch } = updateSteps(given);
  const due: Step = { name: 'due', lowered: lowerDue(spec), reads: [], writes: nowhere };
  const { late, wipes: commits, ringEntries } = spec;
  const settled = (name: string, learn: boolean): Step => {
    return { name, lowered: lowerSettle(spec, learn), reads: [], writes: nowhere, commits };
  };
  const [settle, wait] = [settled('settle', true), settled('wait', false)];
  const wipe = (learn: boolean): Step[] =>
    commits
      ? [
          wipeEntries(
            { bytes: entryBytes(spec), learn, ...(learn && { entries: ringEntries }) },
            given.limits,
          ),
        ]
      : [];
  const wiped = wipe(true);
  const steps = [...(late ? [] : [kept]), due, ...turn, settle, ...wiped];
  const link = (base: number): number => {
    const indexOf = (kind: OpKind): number =>
      base + steps.findIndex(({ lowered }) => lowered.record.kind === kind);
    due.lowered.record.set(DUE_SETTLE, indexOf(OpKind.SETTLE));
    const forget = steps.find(({ lowered }) => lowered.record.kind === OpKind.FORGET);
    if (forget) {
      due.lowered.record.set(DUE_FOLD, indexOf(OpKind.FOLD));
      forget.lowered.record.set(FORGET_FACTOR, indexOf(OpKind.FACTOR));
    }
    for (const step of wiped) step.lowered.record.set(WIPE_AGAIN, base + steps.indexOf(step));
    return base + steps.indexOf(due);
  };
  return { tail: late ? [kept, wait, ...wipe(false)] : [], steps, turn, scratch, laneBytes: 0, link };
}
