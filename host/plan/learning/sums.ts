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
  DUE_SETTLE,
  EXPAND_INPUTS,
  EXPAND_PART,
  FACTOR_RIDGE,
  FOLD_DECAY,
  REQUANTIZE_REACH,
  REQUANTIZE_STRIDE,
  SETTLE_CLASSES,
  SETTLE_LEARN,
  SETTLE_LOGITS,
  SUMS_AT,
  SUMS_SHAPE,
} from '../../../assembly/learning-layout.js';
import { type SumsSpec, sumsBytes } from '../../learning/sums/spec.js';
import type { Dense, QuantizedNetwork } from '../../model/quantized-network.js';
import { OpRecord } from '../../model/record.js';
import { littleEndian } from '../../model/values.js';
import { lower } from '../../ops/index.js';
import { learningCycles } from '../../ops/learning.js';
import { lowerCopy } from '../../ops/map.js';
import {
  align,
  arenaFor,
  largestPart,
  type LoweredOp,
  placeAreas,
  type TileLimits,
  tooLarge,
} from '../../ops/shared/lowering.js';
import type { Schedule } from '../schedule.js';
import type { Buffer, Step } from '../step.js';

const nowhere: Buffer = { bytes: 0, born: -1, dies: -1, address: 0 };
const inGroup = (group: Group, offset: number, bytes: number): Buffer => ({
  ...nowhere,
  bytes,
  address: (group << GROUP_SHIFT) | offset,
});

/** Where a ring entry has the sample's logits, behind the projected sample. */
const logitsAt = ({ projection }: SumsSpec): number => align(projection.rank);
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

const stateBytes = ({ ringEntries }: SumsSpec): number => S_ENTRIES + ringEntries * ENTRY_BYTES;

/** The projection as a dense op, its outputs int8 about 0. */
function projectionOp({ projection }: SumsSpec, zeroPoint: number): Dense {
  const { rank, inputs, weights, offsets, shifts } = projection;
  const bias = offsets.map((offset, i) => {
    let sum = 0;
    for (let j = 0; j < inputs; j++) sum += weights[i * inputs + j]!;
    return offset + zeroPoint * sum;
  });
  return {
    kind: 'dense',
    name: 'project',
    inputs: [0],
    output: 1,
    weights,
    bias,
    multipliers: new Int32Array(rank).fill(2 ** 30),
    shifts: Int32Array.from(shifts, (shift) => 1 - shift),
    clampMin: -128,
    clampMax: 127,
  };
}

/** Bytes of SRAM areas, by inputs of a part. */
type Areas = (part: number) => number[];

/** The largest equal parts of a row of inputs that SRAM and a tenth of a charge allow. */
function partOf(name: string, record: OpRecord, inputs: number, areasOf: Areas, limits: TileLimits): number {
  const fitting = (cycles: number): number => {
    const fits = (size: number): boolean => {
      record.set(EXPAND_PART, size);
      return arenaFor(areasOf(size)) <= limits.arenaBytes && learningCycles(record).tile <= cycles;
    };
    return largestPart(inputs, fits);
  };
  const part = fitting(limits.tileCycles) || fitting(Infinity);
  if (part === 0) tooLarge({ name, kind: 'head by sums' }, arenaFor(areasOf(1)), limits);
  record.set(EXPAND_PART, part);
  return part;
}

function lowerFold(spec: SumsSpec): LoweredOp {
  const { classes, ringEntries, decay, projection } = spec;
  const { rank } = projection;
  const record = recordOf(OpKind.FOLD, classes + rank, spec);
  record.set(FOLD_DECAY, decay);
  return finished(record, [stateBytes(spec), 8 + 8 * ringEntries, 4 * rank, 2 * rank, 16]);
}

function lowerFactor(spec: SumsSpec): LoweredOp {
  const { rank } = spec.projection;
  const record = recordOf(OpKind.FACTOR, rank, spec);
  record.set(FACTOR_RIDGE, spec.ridge);
  return finished(record, [16, 8 * rank, 4 * rank, 4 * rank, 4 * rank, 2 * rank]);
}

const lowerSolve = (spec: SumsSpec): LoweredOp => {
  const { rank } = spec.projection;
  return finished(recordOf(OpKind.SOLVE, 2 * spec.classes, spec), [
    4 * rank + 8,
    4 * rank,
    Math.max(2 * rank, 4),
  ]);
};

function lowerExpand(spec: SumsSpec, limits: TileLimits): LoweredOp {
  const { rank, inputs } = spec.projection;
  const record = recordOf(OpKind.EXPAND, 1, spec);
  record.set(EXPAND_INPUTS, inputs);
  const solution = 4 * rank + 8;
  // Weights four at a time: those of directions that are not there are 0.
  const row = 8 + 16 * Math.ceil(rank / 4);
  const areasOf: Areas = (part) => [
    16 + rank,
    8 * rank,
    solution,
    row,
    Math.max(16 * Math.ceil(part / 4), 8),
    4 * part,
  ];
  const part = partOf('expand', record, inputs, areasOf, limits);
  record.set(OP_TILES, spec.classes * Math.ceil(inputs / part));
  return finished(record, areasOf(part));
}

/** `part`: of inputs, as `expand` has them. */
function lowerRequantize(spec: SumsSpec, stride: number, part: number): LoweredOp {
  const { inputs, centre } = spec.projection;
  const record = recordOf(OpKind.REQUANTIZE, spec.classes + 1, spec);
  record.set(EXPAND_INPUTS, inputs);
  record.set(REQUANTIZE_REACH, spec.reach);
  record.set(REQUANTIZE_STRIDE, stride);
  record.set(EXPAND_PART, part);
  const constants = [{ field: OP_WEIGHTS, bytes: littleEndian(centre) }];
  // Weights, or what is looked up of a class; what comes of them; the centre, or a constant.
  return finished(record, [24, Math.max(4 * part, 16), Math.max(part, 4), Math.max(part, 16)], constants);
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
  /** Fills in where `due` leads; `base`: index of the first of `steps`. Returns the op that a late label begins at. */
  link: (base: number) => number;
}

export interface SumsProgramInput {
  network: QuantizedNetwork;
  spec: SumsSpec;
  bank: SumsBank;
  inference: Schedule;
  limits: TileLimits;
}

/** The sample projected, and its logits, into the spare entry. */
function keepSteps({ network, spec, inference, limits }: SumsProgramInput): Step[] {
  const head = network.ops[spec.op]!;
  const features = network.tensors[head.inputs[0]!]!;
  const { rank, inputs } = spec.projection;
  const op = projectionOp(spec, features.zeroPoint);
  const output = { shape: [rank], scale: 1, zeroPoint: 0 };
  const [project] = lower(op, [{ ...features, shape: [inputs] }], output, limits);
  const read = (tensor: number): Step['reads'] => {
    const buffer = inference.bufferFor(tensor);
    // It is needed to the very end.
    buffer.dies = Math.max(buffer.dies, inference.steps.length + 1);
    return [{ field: OP_INPUT, buffer, offset: 0 }];
  };
  return [
    {
      name: 'project',
      lowered: project!,
      reads: read(head.inputs[0]!),
      writes: inGroup(Group.SPARE, 0, rank),
    },
    {
      name: 'keep logits',
      lowered: lowerCopy(network.tensors[spec.logits]!, limits),
      reads: read(spec.logits),
      writes: inGroup(Group.SPARE, logitsAt(spec), spec.classes),
    },
  ];
}

/** The steps that make the head anew: from sums in the free bank to the head beside them. */
function updateSteps(
  { network, spec, bank, limits }: SumsProgramInput,
  project: Step,
): Pick<SumsProgram, 'turn' | 'scratch'> {
  const { classes, projection } = spec;
  const { rank, inputs } = projection;
  const head = network.ops[spec.op] as Dense;
  const stride = head.multipliers.length === 1 ? 0 : 8;
  const buffer = (bytes: number): Buffer => ({ ...nowhere, bytes });
  const factors = buffer(2 * rank * (rank + 1));
  // Halfway, then solved.
  const solved = classes * (4 * rank + 8);
  const solutions = buffer(2 * solved);
  const size = sumsBytes(spec.prior).length;
  const current = inGroup(Group.WEIGHTS, bank.sums, size);
  const next = inGroup(Group.NEXT, bank.sums, size);
  const at = (field: number, from: Buffer): Step['reads'][number] => ({ field, buffer: from, offset: 0 });
  const inNext = (offset: number, bytes: number): Buffer => inGroup(Group.NEXT, offset, bytes);
  const expand = lowerExpand(spec, limits);
  const parts = Math.ceil(inputs / expand.record.get(EXPAND_PART));
  const expanded = buffer(classes * (4 * (inputs + parts) + 16));
  const requantize = lowerRequantize(spec, stride, expand.record.get(EXPAND_PART));
  const turn: Step[] = [
    { name: 'fold', lowered: lowerFold(spec), reads: [at(SUMS_AT, current)], writes: next, commits: true },
    { name: 'factor', lowered: lowerFactor(spec), reads: [at(SUMS_AT, next)], writes: factors },
    {
      name: 'solve',
      lowered: lowerSolve(spec),
      reads: [at(SUMS_AT, next), at(OP_INPUT, factors)],
      writes: solutions,
    },
    {
      name: 'expand',
      lowered: expand,
      reads: [at(SUMS_AT, next), { field: OP_INPUT, buffer: solutions, offset: solved }],
      writes: expanded,
      twin: project,
    },
    {
      name: 'requantize',
      lowered: requantize,
      reads: [
        at(SUMS_AT, next),
        at(OP_INPUT, expanded),
        at(OP_BIAS, inNext(bank.bias, 4 * classes)),
        at(OP_REQUANT, inNext(bank.scales, stride === 0 ? 8 : 8 * classes)),
      ],
      writes: inNext(bank.weights, classes * inputs),
    },
  ];
  return { turn, scratch: [factors, solutions, expanded] };
}

/** The steps that a head by sums adds. */
export function sumsProgram(given: SumsProgramInput): SumsProgram {
  const { spec } = given;
  const kept = keepSteps(given);
  const { turn, scratch } = updateSteps(given, kept[0]!);
  const due: Step = { name: 'due', lowered: lowerDue(spec), reads: [], writes: nowhere };
  const settle: Step = { name: 'settle', lowered: lowerSettle(spec, true), reads: [], writes: nowhere };
  const wait: Step = { name: 'wait', lowered: lowerSettle(spec, false), reads: [], writes: nowhere };
  const steps = [...(spec.late ? [] : kept), due, ...turn, settle];
  const link = (base: number): number => {
    due.lowered.record.set(DUE_SETTLE, base + steps.indexOf(settle));
    return base + steps.indexOf(due);
  };
  return { tail: spec.late ? [...kept, wait] : [], steps, turn, scratch, laneBytes: 0, link };
}
