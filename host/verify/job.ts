// A job as the module does it on power that does not fail: what every tile writes, and the cursor at every tile.
import { Status } from '../../assembly/error.js';
import { EntryKind, JobKind, OP_TILES, OpKind, STATE_BYTES } from '../../assembly/layout.js';
import { groupsOf, type Image } from '../model/image.js';
import { stateRecord } from '../model/state-record.js';
import { learningOp } from '../ops/learning.js';
import { grainFrom, type Tile } from '../plan/grain.js';
import type { Interval } from '../plan/interval.js';
import type { Place } from '../plan/learning/place.js';
import { cursorBytes, type CursorFields, cursorFields, idleFields, slotAddress } from '../model/cursor.js';
import {
  banksOf,
  persistent,
  persistentStream,
  ringEntries,
  type LearningHeader,
} from '../model/learning-header.js';
import type { Build } from './builds.js';
import { dataWrites } from './commit-form.js';
import type { DeviceExports } from '../simulator/device.js';
import { merge } from './interval.js';
import { Probe, type ProbeOptions, type Write } from './probe.js';
import { refute } from './violation.js';

/** A tile, or the tiles of a grain, and the cursor before it. */
export interface Step extends Tile {
  tiles: Tile[];
  writes: Write[];
  written: Interval[];
  /** Views within mutable NVM, in order, as address and length. */
  views: number[];
}

/** What an app asks for. */
export interface JobRequest {
  /** Never 0; another for each job. */
  ticket: number;
  kind: JobKind;
  input: Uint8Array;
  /** Of a learn job: the class. */
  label?: number;
  /** The call that begins it where no input is fed: `label` for one that the ring holds, or `forget`; else `submit`. */
  begins?: 'label' | 'forget';
  /** What NVM holds before it; default: what provisioning leaves. */
  start?: Start;
}

/** A device between two jobs: NVM without cursors, and the cursor. */
export interface Start {
  nvm: Uint8Array;
  fields: CursorFields;
}

/** A job that has been run to its end. */
export interface GoldenJob extends JobRequest {
  /** What its first tile writes. */
  first: Write[];
  /** Cursor before tile i, without number and checksum; the last one is DONE. */
  cursors: CursorFields[];
  answer: Uint8Array;
  /** NVM when the job begins, cursors and diagnostics left out. */
  initial: Uint8Array;
  /** The same before its last tile, and when it is done. */
  beforeLast: Uint8Array;
  atEnd: Uint8Array;
  /** Mutable bytes that must be right when it ends. */
  final: Interval[];
  /**
   * What outlives jobs, as it was before this one: if the app cancels, it must still be there. From cursor `settled` on, as a
   * rule the last one, what this job has made of it must.
   */
  kept: Interval[];
  keptAfter: Interval[];
  settled: number;
}

/** The same with all that its tiles do. */
export interface StepwiseJob extends GoldenJob {
  steps: Step[];
}

/** NVM of a device between two jobs; by default as provisioning leaves it. */
export function deviceAt(image: Image, sequence: number, start?: Start): Uint8Array {
  const nvm = start ? start.nvm.slice() : new Uint8Array(image.nvmBytes);
  nvm.set(stateRecord(image.imageId));
  const fields = start?.fields ?? idleFields(image.imageId);
  nvm.set(cursorBytes(fields, sequence), slotAddress(image, 0));
  return nvm;
}

/** Where a record stands, if addresses may name groups. */
export function placeOf(image: Pick<Image, 'learning' | 'stream'>, cursor: CursorFields): Place | undefined {
  const header = groupsOf(image);
  return header && { header, cursor };
}

/** Asks for the job on a device that is up, its input fed if it needs one. Returns the code. */
export function request(
  { device }: { device: Pick<DeviceExports, 'submit' | 'label' | 'forget'> },
  job: JobRequest,
): number {
  if (job.begins === 'label') return device.label(job.ticket, job.label!);
  if (job.begins === 'forget') return device.forget!(job.ticket, job.label!);
  return device.submit(job.ticket, job.kind | ((job.label ?? 0) << 8));
}

/** Where tiles may read and write. */
export const mutable = (image: Image): Interval => [image.input.offset, image.nvmBytes];

/** Views within mutable NVM; one outside anything the image owns is refuted. */
export function mutableViews(image: Image, views: readonly number[]): number[] {
  const [from, to] = mutable(image);
  const kept: number[] = [];
  for (let i = 0; i < views.length; i += 2) {
    const [address, length] = [views[i]!, views[i + 1]!];
    if (address >= from && address + length <= to) kept.push(address, length);
    else if (!isOwn(image, address, length))
      refute('reads', `reading ${length} bytes at ${address}, which belong to no region`);
  }
  return kept;
}

function isOwn(image: Image, address: number, length: number): boolean {
  return [{ offset: 0, bytes: STATE_BYTES }, image.slots, image.diagnostics].some(
    ({ offset, bytes }) => address >= offset && address + length <= offset + bytes,
  );
}

/** Flat views as intervals. */
export const asIntervals = (views: readonly number[]): Interval[] =>
  merge(
    Array.from({ length: views.length / 2 }, (_, i): Interval => {
      return [views[2 * i]!, views[2 * i]! + views[2 * i + 1]!];
    }),
  );

const writtenIntervals = (writes: readonly Write[]): Interval[] =>
  merge(writes.map(({ address, bytes }): Interval => [address, address + bytes.length]));

const zeros = (arena: Uint8Array): void => {
  arena.fill(0);
};

/**
 * Runs a whole job, committing after every tile, each of which `onStep` hears of. Throws `Refuted` where the module fails
 * even so, `Fault`.
 */
export function goldenJob(
  image: Image,
  module: Build,
  options: Omit<ProbeOptions, 'image'>,
  job: JobRequest,
  onStep: (step: Step, index: number) => void,
): GoldenJob {
  const probe = new Probe(module, { ...options, image });
  probe.nvm.set(deviceAt(image, 0, job.start));
  const expect = (code: number, wanted: number, doing: string): void => {
    if (code !== wanted) refute('job', `${doing} returns ${code} instead of ${wanted} on steady power`);
  };
  expect(probe.boot(zeros), Status.IDLE, 'boot');
  if (!job.begins) expect(probe.feed(job.input), job.input.length, 'feed');
  expect(
    probe.call(() => request(probe, job)),
    Status.RUN,
    'submit',
  );
  const initial = withoutCursors(image, probe.nvm);
  const beforeLast = initial.slice();
  const cursors = [cursorFields(probe.cursor)];
  let first: Write[] = [];
  let previous: Step | undefined;
  for (let before = cursors[0]!; before.state === Status.RUN; before = cursors[cursors.length - 1]!) {
    const { op, tile } = before;
    checkOrder(image, job, previous, before);
    if (cursors.length > MOST_TILES) refute('job', `the job does not end within ${MOST_TILES} tiles`);
    const code = probe.call(() => probe.device.run(1));
    if (code < 0) refute('job', `run returns ${code} at op ${op}, tile ${tile}`);
    const writes = dataWrites(probe.trace, image);
    const views = mutableViews(image, probe.trace.views);
    const tiles = grainFrom(image.ops, { op, tile });
    const step = { op, tile, tiles, writes, written: writtenIntervals(writes), views };
    onStep(step, cursors.length - 1);
    if (!previous) first = writes;
    else for (const { address, bytes } of previous.writes) beforeLast.set(bytes, address);
    previous = step;
    cursors.push(cursorFields(probe.cursor));
  }
  const last = cursors[cursors.length - 1]!;
  if (image.learning) checkSpare(image.learning, last, probe.nvm);
  const settled = settledAt(image, cursors);
  if (last.state !== Status.DONE) refute('job', `the job ends in state ${last.state}`);
  const { offset, bytes } = image.output;
  const kept = keptBy(image, cursors[0]!, initial);
  const keptAfter = keptBy(image, last, probe.nvm);
  const answer: Interval[] = job.kind === JobKind.INFER ? [[offset, offset + bytes]] : [];
  const final = merge([...answer, ...keptAfter]);
  const atEnd = withoutCursors(image, probe.nvm);
  const golden = atEnd.slice(offset, offset + bytes);
  return {
    ...job,
    first,
    cursors,
    answer: golden,
    initial,
    beforeLast,
    atEnd,
    final,
    kept,
    keptAfter,
    settled,
  };
}

/**
 * The cursor from which on what the job has made is in force. Banks flip once in a job: with its last cursor, or with that behind
 * which only entries of the ring are wiped.
 */
function settledAt(image: Image, cursors: readonly CursorFields[]): number {
  const last = cursors.length - 1;
  if (!groupsOf(image)) return last;
  const wipes = cursors.findLastIndex(({ op }, i) => i < last && image.ops[op]!.kind !== OpKind.WIPE);
  const settled = wipes + 1;
  const [first, end] = [cursors[0]!.banks, cursors[last]!.banks];
  const wrong = cursors.findIndex(({ banks }, i) => banks !== (i < settled ? first : end));
  if (wrong >= 0)
    refute('job', `the banks in force are ${cursors[wrong]!.banks}, before the job ${first}`, wrong);
  const { state } = banksOf(cursors[0]!);
  if (image.stream && banksOf(cursors[last]!).state !== (state === 1 ? 2 : 1))
    refute('job', `the state in force is that of bank ${banksOf(cursors[last]!).state} at the end`, last);
  return settled;
}

/** What outlives jobs in NVM `nvm` under a cursor. */
export function keptBy(
  { learning, stream, tensors }: Image,
  cursor: CursorFields,
  nvm: Uint8Array,
): Interval[] {
  if (learning) return persistent(learning, cursor, nvm);
  return stream ? persistentStream(stream, tensors.states, cursor) : [];
}

/** The next job keeps its sample in the spare entry: it must be free. */
function checkSpare(header: LearningHeader, cursor: CursorFields, nvm: Uint8Array): void {
  const spare = (cursor.sample >>> 16) & 0xff;
  const entry = ringEntries(header, cursor, nvm)[spare];
  if (entry?.kind !== EntryKind.FREE)
    refute('job', `the job ends with entry ${spare} spare, which is not free`);
}

/** NVM with cursors and diagnostics taken out. */
function withoutCursors({ slots, diagnostics }: Image, nvm: Uint8Array): Uint8Array {
  const copy = nvm.slice();
  for (const { offset, bytes } of [slots, diagnostics]) copy.fill(0, offset, offset + bytes);
  return copy;
}

/** Tiles of a job before anybody doubts that it ends. */
const MOST_TILES = 1 << 20;

/** A job goes through the tiles of its ops in order; only ops of learning may lead elsewhere, within the job. */
function checkOrder(
  image: Image,
  { kind }: JobRequest,
  previous: Step | undefined,
  { op, tile }: CursorFields,
): void {
  const { first, count } = image.jobs[kind]!;
  if (op < first || op >= first + count) refute('job', `the cursor says op ${op}, which is not of the job`);
  if (!previous) return;
  const done = previous.tiles.at(-1)!;
  const more = done.tile + 1 < image.ops[done.op]!.get(OP_TILES);
  const [nextOp, nextTile] = more ? [done.op, done.tile + 1] : [done.op + 1, 0];
  const jumps = !more && learningOp(image.ops[done.op]!)?.steers === true;
  if ((op === nextOp || jumps) && tile === nextTile) return;
  const next = `op ${nextOp}, tile ${nextTile} is next`;
  refute('job', `the cursor says op ${op}, tile ${tile}, where ${next}`);
}
