// Ways that jobs of an image that learns take through its ops, for the memory rule: one that goes everywhere.
import { JobKind, OpKind, TURN_FLAG_GOOD } from '../../../assembly/layout.js';
import { LOOP_TURN, TURN_UPDATE } from '../../../assembly/learning-layout.js';
import { type LearningCursor, type LearningHeader, weightBanks } from '../../model/learning-header.js';
import type { LearningSpec } from '../../learning/spec.js';
import type { Interval } from '../interval.js';
import type { OpRecord } from '../../model/record.js';
import type { Place } from './place.js';
import { refuseRecord } from '../../model/image-error.js';

export interface Job {
  first: number;
  count: number;
}

/** Current and good weights apart, a state, entry 0 spare: no two groups coincide. */
const CURSOR: LearningCursor = { step: 1, banks: 0x121, sample: 0, turn: 0 };
/** The same of a head by sums, whose good weights are the factory's. */
const SUMS_CURSOR: LearningCursor = { ...CURSOR, banks: 0x101 };
/** A sample that is not the spare entry. */
const ENTRY = 2;

const region = (offset: number, bytes: number): Interval => [offset, offset + bytes];

/** What a job must leave alone: label, current and good weights, the state in force, all entries but the spare one. */
export function keptRegions(header: LearningHeader): Interval[] {
  const { label, banks, bankBytes, states, stateBytes, ring, entryBytes, entries } = header;
  return [
    region(label, 4),
    region(banks, (weightBanks(header) - 1) * bankBytes),
    region(states, stateBytes),
    region(ring + entryBytes, (entries - 1) * entryBytes),
  ];
}

const range = ({ first, count }: Job): number[] => Array.from({ length: count }, (_, i) => first + i);

/** An op on a job's way, and where it stands. */
export interface LearnStep {
  op: number;
  place: Place;
}

export const inferencePath = (header: LearningHeader, job: Job): LearnStep[] =>
  range(job).map((op) => ({ op, place: { header, cursor: header.late > 0 ? SUMS_CURSOR : CURSOR } }));

/** Of a head by sums: on a new sample, and on one that the ring holds, where samples are folded in; and forgetting a class. */
export function sumsPath(header: LearningHeader, ops: readonly OpRecord[], job: Job): LearnStep[][] {
  const at = (given: number) => {
    return (op: number): LearnStep => {
      // What is wiped is no sample any more.
      const sample = ops[op]!.kind === OpKind.WIPE ? 0 : given;
      const cursor = { ...SUMS_CURSOR, kind: JobKind.LEARN, sample: sample | (sample << 8) };
      return { op, place: { header, cursor } };
    };
  };
  const all = range(job).filter((op) => ops[op]!.kind !== OpKind.FORGET);
  const late = all.filter((op) => op > header.late);
  const forget = range(job).find((op) => ops[op]!.kind === OpKind.FORGET);
  const factor = all.findIndex((op) => ops[op]!.kind === OpKind.FACTOR);
  const forgetting = forget === undefined ? [] : [[forget, ...all.slice(factor)].map(at(0))];
  return [all.map(at(0)), late.map(at(ENTRY)), ...forgetting];
}

/** Every lane learnt, two samples judged by either weights, the update. */
export function learnPath(
  header: LearningHeader,
  spec: LearningSpec,
  ops: readonly OpRecord[],
  job: Job,
): LearnStep[] {
  const all = range(job);
  const kindAt = (op: number): OpKind => ops[op]!.kind;
  const turn = all.find((op) => kindAt(op) === OpKind.TURN)!;
  const loss = all.find((op) => kindAt(op) === OpKind.LOSS)!;
  const loop = all.find((op) => kindAt(op) === OpKind.LOOP)!;
  if (ops[loop]!.get(LOOP_TURN) !== turn)
    refuseRecord('a loop that does not lead to its turn', 'the turn before it');
  const at = (op: number, turnOf: number, sample: number): LearnStep => {
    return { op, place: { header, cursor: { ...CURSOR, turn: turnOf, sample } } };
  };
  // What lies below the layers that learn, or what takes the input in.
  const path = all.filter((op) => op < turn).map((op) => at(op, 0, 0));
  for (let lane = 0; lane < spec.lanes; lane++) {
    const sample = lane === 0 ? 0 : ENTRY;
    for (let op = turn; op <= loop; op++) path.push(at(op, lane, sample));
  }
  if (spec.guardEvery > 0) {
    for (let judged = 0; judged < 4; judged++) {
      const flags = judged < 2 ? 0 : TURN_FLAG_GOOD << 8;
      for (let op = turn; op <= loss; op++) path.push(at(op, (spec.lanes + judged) | flags, ENTRY));
    }
  }
  path.push(at(turn, spec.lanes, ENTRY));
  for (let op = ops[turn]!.get(TURN_UPDATE); op < job.first + job.count; op++)
    path.push(kindAt(op) === OpKind.WIPE ? at(op, 0, 0) : at(op, spec.lanes, ENTRY));
  return path;
}
