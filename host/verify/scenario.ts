// What a device that learns may hold between two jobs: states that lead a learn job down every way it can take.
import {
  ENTRY_BYTES,
  E_TICKET_OF,
  E_WORD,
  EntryKind,
  GROUP_MASK,
  GUARD_LEAST,
  JobKind,
  OP_BIAS,
  OP_OUTPUT,
  OP_WEIGHTS,
  OpKind,
  S_ENTRIES,
  S_LABELLED,
  S_LOSS_FAST,
  S_LOSS_SLOW,
  S_STAMP,
} from '../../assembly/layout.js';
import {
  DUE_EVERY,
  LABEL_SHIFT,
  LOSS_CLASSES,
  MOST_SUM,
  STAMP_SHIFT,
  SUMS_AT,
  SUMS_COUNTS,
  UPDATE_LAYER,
  UPDATE_LOW,
} from '../../assembly/learning-layout.js';
import { Random } from '../math/random.js';
import { idleFields } from '../model/cursor.js';
import { learningOp } from '../ops/learning.js';
import type { Image } from '../model/image.js';
import { stateRecord } from '../model/state-record.js';
import { factoryWeights } from '../learning/learned.js';
import { bankAddress, type LearningHeader } from '../model/learning-header.js';
import type { JobRequest, Start } from './job.js';

/** Two jobs that begin at one state. */
export interface Scenario {
  name: string;
  jobs: [JobRequest, JobRequest];
}

/** How a state is made. */
interface Maker {
  /** Labelled samples so far. */
  labelled: number;
  /** Kinds of the ring's entries, in order; the spare one is free, and the rest stay free. */
  kinds: readonly EntryKind[];
  spare: number;
  /** Classes that the biases of current and good weights make the answer, if the last layer learns. */
  current?: number;
  good?: number;
  banks: number;
  /** Of a head by sums: one is so large that the next sample has all of them halved. */
  full?: boolean;
}

/** More than any bias a network has: the class wins, whatever the input. */
const SURE_BIAS = 1 << 24;
const TICKET = 0x1234;
/** Tickets of entries, from here on. */
export const KEPT_TICKET = 0x5000;

class StateMaker {
  readonly #random = new Random(0x7a13);
  readonly #header: LearningHeader;

  constructor(readonly image: Image) {
    this.#header = image.learning!;
  }

  make({ labelled, kinds, spare, current, good, banks, full }: Maker): Start {
    const { image } = this;
    const nvm = new Uint8Array(image.nvmBytes);
    nvm.set(stateRecord(image.imageId));
    const [currentBank, goodBank] = [banks & 15, (banks >> 4) & 15];
    this.#fillBank(nvm, currentBank, current);
    if (goodBank !== currentBank) this.#fillBank(nvm, goodBank, good);
    if (full) this.#fillSums(nvm, currentBank);
    this.#fillState(nvm, (banks >> 8) & 15, labelled, kinds);
    for (let entry = 0; entry < kinds.length; entry++) this.#fillEntry(nvm, entry);
    const fields = { ...idleFields(image.imageId), step: labelled, banks, sample: spare << 16 };
    return { nvm, fields };
  }

  /** The factory's weights, each a little changed; and a class that wins. */
  #fillBank(nvm: Uint8Array, bank: number, winner: number | undefined): void {
    const { banks, bankBytes } = this.#header;
    if (bank === 0) return;
    const at = banks + (bank - 1) * bankBytes;
    nvm.set(factoryWeights(this.image), at);
    for (const op of this.#updates()) {
      if ((op.get(UPDATE_LAYER) & 0xff) === 0) continue;
      const weights = new Int8Array(nvm.buffer, at + (op.get(OP_WEIGHTS) & GROUP_MASK), op.get(UPDATE_LOW));
      weights.forEach((w, i) => {
        weights[i] = Math.max(-127, Math.min(127, w + this.#random.integer(3) - 1));
      });
    }
    const bias = this.#lastBias();
    if (winner === undefined || !bias) return;
    const view = new DataView(nvm.buffer, at + bias.offset, 4 * bias.count);
    for (let o = 0; o < bias.count; o++) view.setInt32(4 * o, o === winner ? SURE_BIAS : -SURE_BIAS, true);
  }

  /** The count of class 0 is so large that sums are halved. */
  #fillSums(nvm: Uint8Array, bank: number): void {
    const fold = this.image.ops.find(({ kind }) => kind === OpKind.FOLD)!;
    const at = bankAddress(this.#header, bank) + (fold.get(SUMS_AT) & GROUP_MASK) + SUMS_COUNTS;
    new DataView(nvm.buffer).setInt32(at, MOST_SUM, true);
  }

  #updates(): Image['ops'] {
    return this.image.ops.filter((op) => learningOp(op)?.updates);
  }

  /** The biases of the layer that makes the logits, if they learn. */
  #lastBias(): { offset: number; count: number } | undefined {
    const loss = this.image.ops.find(({ kind }) => kind === OpKind.LOSS);
    if (!loss) return undefined;
    const last = this.#updates().find((op) => op.get(OP_OUTPUT) === loss.get(OP_OUTPUT));
    return last && { offset: last.get(OP_BIAS) & GROUP_MASK, count: loss.get(LOSS_CLASSES) };
  }

  #fillState(nvm: Uint8Array, bank: number, labelled: number, kinds: readonly EntryKind[]): void {
    const { states, stateBytes, classes } = this.#header;
    if (bank === 0) return;
    const at = states + (bank - 1) * stateBytes;
    const view = new DataView(nvm.buffer, at, stateBytes);
    view.setUint32(S_LABELLED, labelled, true);
    view.setUint32(S_STAMP, labelled + kinds.length, true);
    view.setInt32(S_LOSS_FAST, 200, true);
    view.setInt32(S_LOSS_SLOW, 100, true);
    kinds.forEach((kind, entry) => {
      const offset = S_ENTRIES + entry * ENTRY_BYTES;
      if (kind === EntryKind.FREE) return;
      view.setUint32(offset + E_TICKET_OF, KEPT_TICKET + entry, true);
      // Validation entries are of class 1: what the good weights answer in the scenarios of the guard.
      const label = kind === EntryKind.VALIDATION ? 1 : entry;
      const own = kind === EntryKind.UNLABELLED ? 0 : label % classes;
      const word = ((labelled + entry) << STAMP_SHIFT) | (own << LABEL_SHIFT) | kind;
      view.setUint32(offset + E_WORD, word, true);
    });
  }

  #fillEntry(nvm: Uint8Array, entry: number): void {
    const { ring, entryBytes } = this.#header;
    for (let i = 0; i < entryBytes; i++) nvm[ring + entry * entryBytes + i] = this.#random.uint32() >>> 24;
  }
}

/** Kinds of a ring's entries with entry 0 spare: validation, unlabelled, then learn. */
function ringOf({ entries, validations }: LearningHeader, held: number, free = 0): EntryKind[] {
  return Array.from({ length: entries - free }, (_, entry) => {
    if (entry === 0) return EntryKind.FREE;
    if (entry <= Math.min(held, validations)) return EntryKind.VALIDATION;
    return entry === entries - 1 - free ? EntryKind.UNLABELLED : EntryKind.LEARN;
  });
}

/** The least number of labelled samples ≥ `least` for which the guard is due or not, and the next sample held out or not. */
function labelledFor(
  { guardEvery, holdOut }: LearningHeader,
  due: boolean,
  held: boolean,
): number | undefined {
  for (let labelled = 3; labelled < 70_000; labelled++) {
    const isDue = guardEvery > 0 && (labelled + 1) % guardEvery === 0;
    const isHeld = holdOut > 0 && labelled % holdOut === holdOut - 1;
    if (isDue === due && isHeld === held) return labelled;
  }
  return undefined;
}

/** `begins`: the first of the two jobs begins with a late label of that entry, or forgets the class. */
type Add = (name: string, start: Start | undefined, label: number, begins?: number | 'forget') => void;

/** Adds scenarios of two learn jobs each, on `input` and on `noise`. */
function adder(scenarios: Scenario[], classes: number, input: Uint8Array, noise: Uint8Array): Add {
  return (name, start, label, begins) => {
    const common = { kind: JobKind.LEARN, ...(start ? { start } : {}) };
    const jobs: [JobRequest, JobRequest] = [
      { ...common, ticket: TICKET, input, label },
      { ...common, ticket: TICKET + 1, input: noise, label: (label + 1) % classes },
    ];
    if (begins === 'forget') jobs[0] = { ...jobs[0], begins };
    else if (begins !== undefined) jobs[0] = { ...jobs[0], begins: 'label', ticket: KEPT_TICKET + begins };
    scenarios.push({ name, jobs });
  };
}

/** Ways a learn job of a head by sums can take. */
function sumsScenarios(image: Image, add: Add): void {
  const maker = new StateMaker(image);
  learningScenarios(image, maker, add);
  if (!image.ops.some(({ kind }) => kind === OpKind.FORGET)) return;
  const { classes, entries } = image.learning!;
  const kinds = Array.from({ length: entries }, (_, i) => (i === 0 ? EntryKind.FREE : EntryKind.LEARN));
  const waits = maker.make({ labelled: 4 * entries, kinds, spare: 0, banks: 0x202 });
  add('a class is forgotten, samples wait', waits, 1 % classes, 'forget');
  add('nothing to forget', undefined, 0, 'forget');
}

/** Of those, the ways of one that learns. */
function learningScenarios(image: Image, maker: StateMaker, add: Add): void {
  const { classes, entries } = image.learning!;
  const every = image.ops.find(({ kind }) => kind === OpKind.DUE)!.get(DUE_EVERY);
  const hasLate = image.jobs[JobKind.INFER]!.count > image.learning!.late;
  /** Entry 0 spare, so many samples that wait, and the others without a label. */
  const ring = (waiting: number, free = 0): EntryKind[] =>
    Array.from({ length: entries - free }, (_, entry) => {
      if (entry === 0) return EntryKind.FREE;
      return entry <= waiting ? EntryKind.LEARN : EntryKind.UNLABELLED;
    });
  const labelled = 4 * every;
  const waits = { labelled, kinds: ring(every > 1 ? every - 2 : 0), spare: 0, banks: 0x101 };
  const folds = { ...waits, kinds: ring(every - 1) };
  const last = entries - 1;
  add('first sample', undefined, 0);
  add(every > 1 ? 'waits, ring full' : 'folds, ring full', maker.make(waits), 0);
  if (!hasLate) {
    add('samples are folded in', maker.make({ ...folds, banks: 0x202 }), classes - 1);
    add('sums are halved', maker.make({ ...folds, full: true }), 0);
    return;
  }
  if (every > 1) add('late label waits', maker.make({ ...waits, banks: 0x200 }), 1 % classes, last);
  add('late label is folded in', maker.make({ ...folds, banks: 0x202 }), classes - 1, last);
  add('sums are halved', maker.make({ ...folds, full: true }), 0, last);
}

/** Ways a learn job can take, as the image's options allow. `input`, `noise`: of two jobs. */
export function learnScenarios(image: Image, input: Uint8Array, noise: Uint8Array): Scenario[] {
  const header = image.learning!;
  const { classes } = header;
  const scenarios: Scenario[] = [];
  const add = adder(scenarios, classes, input, noise);
  if (header.late > 0) {
    sumsScenarios(image, add);
    return scenarios;
  }
  const maker = new StateMaker(image);
  const plain = labelledFor(header, false, false)!;
  const ring = ringOf(header, GUARD_LEAST);
  const state = { labelled: plain, kinds: ring, spare: 0, banks: 0x121 };
  add('first sample', undefined, 0);
  add('with replay, ring full', maker.make(state), 0);
  add('banks 2 and 3', maker.make({ ...state, kinds: ringOf(header, 0, 1), banks: 0x232 }), classes - 1);
  add('banks 3 and factory', maker.make({ ...state, banks: 0x203 }), 1 % classes);
  add('right and sure', maker.make({ ...state, current: 0 }), 0);
  add('right and sure, nothing to replay', maker.make({ ...state, kinds: [], current: 0 }), 0);
  if (ring.includes(EntryKind.UNLABELLED))
    add('late label', maker.make(state), 0, ring.indexOf(EntryKind.UNLABELLED));
  const held = labelledFor(header, false, true);
  if (held !== undefined) add('held out', maker.make({ ...state, labelled: held }), 0);
  const due = labelledFor(header, true, false) ?? labelledFor(header, true, true);
  if (due !== undefined) {
    const guarded = { ...state, labelled: due };
    add('guard finds better weights', maker.make({ ...guarded, current: 1 % classes, good: 0 }), 0);
    add('guard rolls back', maker.make({ ...guarded, current: 0, good: 1 % classes }), 0);
  }
  return scenarios;
}

/** A device amid a stream: any state in the bank in force. */
function streaming(image: Image, bank: number): Start {
  const { states, stateBytes } = image.stream!;
  const random = new Random(0x57a7 + bank);
  const nvm = new Uint8Array(image.nvmBytes);
  nvm.set(stateRecord(image.imageId));
  const at = states + (bank - 1) * stateBytes;
  for (let i = 0; i < stateBytes; i++) nvm[at + i] = random.uint32() >>> 24;
  return { nvm, fields: { ...idleFields(image.imageId), banks: bank << 8 } };
}

/**
 * Inferences of an image that keeps state, from either bank; of one that learns: with the factory's weights, and with others and
 * a ring that is full.
 */
export function inferenceScenarios(image: Image, input: Uint8Array, noise: Uint8Array): Scenario[] {
  const kind = JobKind.INFER;
  const at = (start?: Start): [JobRequest, JobRequest] => [
    { ticket: TICKET, kind, input, ...(start ? { start } : {}) },
    { ticket: TICKET + 1, kind, input: noise, ...(start ? { start } : {}) },
  ];
  const header = image.learning;
  if (image.stream)
    return [
      { name: 'first step', jobs: at() },
      ...[1, 2].map((bank) => ({ name: `state in bank ${bank}`, jobs: at(streaming(image, bank)) })),
    ];
  if (!header) return [{ name: 'inference', jobs: at() }];
  const maker = new StateMaker(image);
  const kinds = ringOf(header, header.late > 0 ? 0 : GUARD_LEAST);
  const learnt = maker.make({ labelled: 3, kinds, spare: 0, banks: header.late > 0 ? 0x101 : 0x121 });
  return [
    { name: 'factory weights', jobs: at() },
    { name: 'learnt weights', jobs: at(learnt) },
  ];
}
