// Ways that jobs of an image that learns take through its ops, for the memory rule: one that goes everywhere.
import { LOOP_TURN, OpKind, TURN_FLAG_GOOD, TURN_UPDATE } from '../../../assembly/layout.js';
import type { LearningCursor, LearningHeader } from '../../model/learning-header.js';
import type { LearningSpec } from '../../learning/spec.js';
import type { Interval } from '../interval.js';
import type { OpRecord } from '../../model/record.js';
import type { Place } from './footprint.js';

interface Job {
  first: number;
  count: number;
}

/** Current and good weights apart, a state, entry 0 spare: no two groups coincide. */
const CURSOR: LearningCursor = { step: 1, banks: 0x121, sample: 0, turn: 0 };
/** A sample that is not the spare entry. */
const ENTRY = 2;

const region = (offset: number, bytes: number): Interval => [offset, offset + bytes];

/** What a job must leave alone: label, current and good weights, the state in force, all entries but the spare one. */
export function keptRegions(header: LearningHeader): Interval[] {
  const { label, banks, bankBytes, states, stateBytes, ring, entryBytes, entries } = header;
  return [
    region(label, 4),
    region(banks, 2 * bankBytes),
    region(states, stateBytes),
    region(ring + entryBytes, (entries - 1) * entryBytes),
  ];
}

const range = ({ first, count }: Job): number[] => Array.from({ length: count }, (_, i) => first + i);

export const inferencePath = (header: LearningHeader, job: Job): { op: number; place: Place }[] =>
  range(job).map((op) => ({ op, place: { header, cursor: CURSOR } }));

/** Every lane learnt, two samples judged by either weights, the update. */
export function learnPath(
  header: LearningHeader,
  spec: LearningSpec,
  ops: readonly OpRecord[],
  job: Job,
): { op: number; place: Place }[] {
  const all = range(job);
  const kindAt = (op: number): OpKind => ops[op]!.kind;
  const turn = all.find((op) => kindAt(op) === OpKind.TURN)!;
  const loss = all.find((op) => kindAt(op) === OpKind.LOSS)!;
  const loop = all.find((op) => kindAt(op) === OpKind.LOOP)!;
  if (ops[loop]!.get(LOOP_TURN) !== turn) throw new RangeError('a loop that does not lead to its turn');
  const at = (op: number, turnOf: number, sample: number): { op: number; place: Place } => {
    return { op, place: { header, cursor: { ...CURSOR, turn: turnOf, sample } } };
  };
  const path = [at(all[0]!, 0, 0)];
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
    path.push(at(op, spec.lanes, ENTRY));
  return path;
}
