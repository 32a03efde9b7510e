// The obligations on commits: under the image's own policy, and when the write of a cursor is torn.
import { ErrorCode, Status } from '../../assembly/error.js';
import { CURSOR_BYTES, C_CRC, JobKind, OP_FLAG_COMMIT, OP_TILES } from '../../assembly/layout.js';
import { Random } from '../math/random.js';
import { crc32 } from '../model/crc32.js';
import { type Image, withPolicy } from '../model/image.js';
import { stateRecord } from '../model/state-record.js';
import {
  cursorBytes,
  type CursorFields,
  cursorFields,
  idleFields,
  numbered,
  sequenceOf,
  slotAddress,
} from '../model/cursor.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import { checkBootWrites, splitCommit } from './commit-form.js';
import { Fault, Probe, type Write } from './probe.js';
import { bringUp, type Subject, type Tally } from './subject.js';
import { deviceAt, request } from './job.js';
import { refute } from './violation.js';

/** A job under a policy, as far as `run` decides: after how many tiles it committed. */
function runUnderPolicy(subject: Subject, image: Image, low: () => boolean): number[] {
  const { job } = subject;
  // On the module that counts: one that never commits would run without end.
  const { metered, sramBytes, profile } = subject;
  const supply = new MeteredSupply(profile);
  const probe = new Probe(metered, { image, sramBytes, supply });
  let asked = 0;
  let warned = false;
  probe.low = () => {
    asked++;
    warned = low();
    return warned;
  };
  const sequence = 0xffffffff - (job.steps.length >> 1);
  probe.nvm.set(deviceAt(image, sequence, job.start));
  probe.boot((arena) => arena.fill(0x3c));
  if (!job.begins) probe.feed(job.input);
  probe.call(() => request(probe, job));
  const commits: number[] = [];
  for (let done = 0; done < job.steps.length;) {
    asked = 0;
    warned = false;
    const code = probe.call(() => probe.device.run(0));
    const parts = splitCommit(probe.trace, image);
    if (typeof parts === 'string') refute('commit', parts, done);
    if (code < 0 || !parts.commit) refute('policy', `run returns ${code}, without a commit`, done);
    const from = done;
    const number = (sequence + commits.length + 2) >>> 0;
    const { bytes } = parts.commit;
    const isCommitted = (cursor: CursorFields): boolean =>
      Buffer.compare(bytes, cursorBytes(cursor, number)) === 0;
    done++;
    while (done < job.cursors.length && !isCommitted(job.cursors[done]!)) done++;
    if (done === job.cursors.length)
      refute('policy', 'the cursor committed is none of those behind the tiles that ran', from);
    if (
      !sameBytes(
        parts.data,
        job.steps.slice(from, done).flatMap(({ writes }) => writes),
      )
    )
      refute('policy', 'tiles in one run write other bytes than one at a time', from);
    // After each tile, or grain, that does not commit anyway; images whose policy has no use for it leave the monitor alone.
    const tiles = done - from;
    if (!dueAt(subject, image, from, done, warned))
      refute('policy', `a commit after ${tiles} tiles, where the policy has none`, from);
    if (warned !== (code === Status.LOW))
      refute('policy', `run returns ${code} where the monitor ${warned ? 'warns' : 'does not warn'}`, from);
    const due = !image.policy.low ? 0 : code === Status.LOW ? tiles : tiles - 1;
    if (asked !== due)
      refute(
        'policy',
        `the voltage monitor is asked ${asked} times in ${tiles} tiles instead of ${due}`,
        from,
      );
    commits.push(done);
  }
  return commits;
}

/** Whether the policy, the plan or the monitor asks for a commit at cursor `done`, after the one at `from`. */
function dueAt(
  { job }: Subject,
  { ops, policy, learning }: Image,
  from: number,
  done: number,
  warned: boolean,
): boolean {
  const { op, tile } = job.steps[done - 1]!.tiles.at(-1)!;
  const record = ops[op]!;
  const ends = tile + 1 === record.get(OP_TILES) && (record.has(OP_FLAG_COMMIT) || done === job.steps.length);
  const tiles = (to: number): number =>
    job.steps.slice(from, to).reduce((sum, step) => sum + step.tiles.length, 0);
  const counted = policy.every > 0 && tiles(done) >= policy.every;
  const late = policy.every > 0 && tiles(done - 1) >= policy.every;
  // Where learning turns, and what it finds there, says the sample: such ops commit.
  const turns = learning !== undefined && record.isLearning && tile + 1 === record.get(OP_TILES);
  return !late && (ends || counted || warned || turns);
}

const sameBytes = (found: readonly Write[], golden: readonly Write[]): boolean =>
  found.length === golden.length &&
  found.every((write, i) => {
    return write.address === golden[i]!.address && Buffer.compare(write.bytes, golden[i]!.bytes) === 0;
  });

/**
 * Whole jobs under the image's policy with a monitor that never and one that always warns,
 * and with no optional commit at all. Returns the cursors after a mandatory commit, as that last run shows them.
 */
export function policies(subject: Subject): Set<number> {
  const { image } = subject;
  try {
    runUnderPolicy(subject, image, () => false);
    runUnderPolicy(subject, image, () => true);
    return new Set(runUnderPolicy(subject, withPolicy(image, { every: 0, low: false }, 'none'), () => false));
  } catch (error) {
    if (error instanceof Fault) refute('policy', error.message);
    throw error;
  }
}

/** A cursor that is being written: what is newest, what the slot holds, and what it is to hold. */
interface Commit {
  cursor: number;
  newest: Uint8Array;
  old: Uint8Array;
  next: Uint8Array;
}

function* commitsOf({ image, job }: Subject): Generator<Commit> {
  const [from, last] = [job.cursors[0]!, job.cursors[job.cursors.length - 1]!];
  const idle = cursorBytes(job.start?.fields ?? idleFields(image.imageId), 0);
  const settled = { ...last, state: Status.IDLE };
  for (const base of [0, 0xfffffffe]) {
    const at = (cursor: Uint8Array, ahead: number): Uint8Array => numbered(cursor, (base + ahead) >>> 0);
    const bytes = job.cursors.map((fields) => cursorBytes(fields, 0));
    // Submit, on a slot never written and on one of the job before.
    yield { cursor: 0, newest: at(idle, 1), old: new Uint8Array(CURSOR_BYTES), next: at(bytes[0]!, 2) };
    const before = cursorBytes({ ...last, ticket: last.ticket + 1 }, 0);
    yield {
      cursor: 0,
      newest: at(cursorBytes({ ...settled, ticket: last.ticket + 1 }, 0), 1),
      old: at(before, 0),
      next: at(bytes[0]!, 2),
    };
    for (let i = 0; i + 1 < bytes.length; i++) {
      // Tiles in turn; and cancelling there.
      const old = at(i > 0 ? bytes[i - 1]! : idle, 0);
      yield { cursor: i, newest: at(bytes[i]!, 1), old, next: at(bytes[i + 1]!, 2) };
      if (i > 0 && i < bytes.length - 2) continue;
      const cancelled = cursorBytes({ ...job.cursors[i]!, state: Status.IDLE, kind: JobKind.INFER }, 0);
      yield { cursor: i, newest: at(bytes[i]!, 1), old, next: at(cancelled, 2) };
    }
    const [done, running] = [bytes[bytes.length - 1]!, bytes[bytes.length - 2] ?? cursorBytes(from, 0)];
    yield {
      cursor: bytes.length - 1,
      newest: at(done, 1),
      old: at(running, 0),
      next: at(cursorBytes(settled, 0), 2),
    };
  }
}

/** Most units of a slot that may differ for every subset of them to be enumerated. */
const MOST_UNITS = 22;

/**
 * Subsets of the units in which `old` and `next` differ, by the linearity of CRC-32: a mixture of the two is whole only
 * if the checksums of the differences it takes cancel. Returns how many there are, and mixtures that are whole.
 */
function wholeMixtures(
  old: Uint8Array,
  next: Uint8Array,
  tear: number,
): { count: number; whole: number[][] } {
  const zeros = new Uint8Array(CURSOR_BYTES);
  const syndrome = (bytes: Uint8Array): number => {
    const [a, b, c, d] = bytes.subarray(C_CRC) as unknown as [number, number, number, number];
    return (crc32(bytes.subarray(0, C_CRC)) ^ (a | (b << 8) | (c << 16) | (d << 24))) >>> 0;
  };
  const none = syndrome(zeros);
  const units: { index: number; change: number }[] = [];
  for (let at = 0; at < CURSOR_BYTES; at += tear) {
    if (isSame(old, next, at, at + tear)) continue;
    const difference = zeros.slice();
    for (let i = at; i < at + tear; i++) difference[i] = old[i]! ^ next[i]!;
    units.push({ index: at / tear, change: (syndrome(difference) ^ none) >>> 0 });
  }
  const known = units.slice(0, MOST_UNITS);
  const count = 2 ** known.length;
  const whole: number[][] = [];
  let state = syndrome(old);
  // Gray code: one unit changes from each subset to the next.
  for (let i = 1; i < count; i++) {
    const flipped = 31 - Math.clz32(i & -i);
    state = (state ^ known[flipped]!.change) >>> 0;
    const gray = i ^ (i >>> 1);
    if (state === 0) whole.push(known.filter((_, bit) => (gray >>> bit) & 1).map(({ index }) => index));
  }
  return { count, whole };
}

/** Bits of a cursor wrong: each alone, and each two of the checksum, so that no part of one can stand for all of it. */
function* wrongBits(): Generator<readonly number[]> {
  const bits = 8 * CURSOR_BYTES;
  for (let bit = 0; bit < bits; bit++) {
    yield [bit];
    for (let other = 8 * C_CRC; other < bit; other++) yield [bit, other];
  }
}

/** Every torn pair of slots recovers to the old cursor or the new one, and writes nothing but diagnostics. */
export function recovery(subject: Subject, tally: Tally): void {
  const { image, tear } = subject;
  contradictions(subject);
  const probe = new Probe(subject.module, { image, sramBytes: subject.sramBytes });
  probe.nvm.fill(0xff);
  probe.nvm.set(stateRecord(image.imageId));
  const random = new Random(tear);
  // What is said of mixtures below holds of a module that looks at the whole checksum of the whole cursor.
  const [submit] = commitsOf(subject);
  for (const bits of wrongBits()) {
    const torn = submit!.next.slice();
    for (const bit of bits) torn[bit >> 3]! ^= 1 << (bit & 7);
    recovers(probe, image, submit!, torn);
  }
  for (const commit of commitsOf(subject)) {
    const { old, next } = commit;
    for (let kept = 0; kept <= CURSOR_BYTES; kept += tear) {
      // One more unit that is the same in both gives the mixtures of before.
      if (kept > 0 && isSame(old, next, kept - tear, kept)) continue;
      for (const first of [true, false])
        recovers(
          probe,
          image,
          commit,
          mixture(old, next, (byte) => byte < kept === first),
        );
    }
    const { count, whole } = wholeMixtures(old, next, tear);
    for (const units of whole)
      recovers(
        probe,
        image,
        commit,
        mixture(old, next, (byte) => units.includes(Math.floor(byte / tear))),
      );
    const salt = random.uint32();
    recovers(
      probe,
      image,
      commit,
      mixture(old, next, (byte) => ((salt >>> (Math.floor(byte / tear) & 31)) & 1) === 1),
    );
    tally.recoveryPairs += count;
    subject.tick();
  }
}

const mixture = (old: Uint8Array, next: Uint8Array, takes: (byte: number) => boolean): Uint8Array =>
  old.map((byte, at) => (takes(at) ? next[at]! : byte));

/** What memories of any kind write or check together: the two slots must not share one. */
const LINE_BYTES = 64;

/**
 * What no cut can leave, but a wrong image or a memory that fails: boot says so, and writes nothing.
 */
function contradictions({ image, job, module, sramBytes }: Subject): void {
  if (image.slots.offset % LINE_BYTES || image.slotStride % LINE_BYTES)
    refute('recovery', `slots at ${image.slots.offset} and ${image.slotStride} on, which may share a line`);
  const probe = new Probe(module, { image, sramBytes });
  const fields = job.cursors[0]!;
  const at = (sequence: number): Uint8Array => cursorBytes(fields, sequence);
  const none = new Uint8Array(CURSOR_BYTES);
  const others = cursorBytes({ ...fields, imageId: (fields.imageId ^ 1) >>> 0 }, 8);
  const of = (changes: Partial<CursorFields>): Uint8Array => cursorBytes({ ...fields, ...changes }, 8);
  const nowhere = image.jobs[fields.kind]!.first + image.jobs[fields.kind]!.count;
  const pairs: [Uint8Array, Uint8Array, ErrorCode][] = [
    [none, none, ErrorCode.E_CURSOR],
    [at(8), at(8), ErrorCode.E_CURSOR],
    [at(8), at(10), ErrorCode.E_CURSOR],
    [at(0xffffffff), at(1), ErrorCode.E_CURSOR],
    [at(0), at(0x80000000), ErrorCode.E_CURSOR],
    [others, none, ErrorCode.E_CURSOR_IMAGE],
    [others, at(9), ErrorCode.E_CURSOR_IMAGE],
    [of({ state: Status.DONE + 1 }), none, ErrorCode.E_CURSOR],
    [of({ kind: image.jobs.length }), none, ErrorCode.E_CURSOR],
    [of({ op: nowhere }), none, ErrorCode.E_CURSOR],
    [of({ op: 0xffffffff }), none, ErrorCode.E_CURSOR],
    [of({ tile: image.ops[fields.op]!.get(OP_TILES) }), none, ErrorCode.E_CURSOR],
    [of({ tile: 0xffffffff }), none, ErrorCode.E_CURSOR],
  ];
  const { learning } = image;
  if (learning) {
    const { entries, laneCount, validations } = learning;
    const foreign: Partial<CursorFields>[] = [
      ...[4, 0x40, 0x300, 0x1000, 0x80000000].map((banks) => ({ banks })),
      ...[entries + 1, (entries + 1) << 8, entries << 16, 1 << 24].map((sample) => ({ sample })),
      { turn: laneCount + 2 * validations + 3 },
    ];
    pairs.push(
      ...foreign.map(
        (changes) => [of(changes), none, ErrorCode.E_CURSOR] as [Uint8Array, Uint8Array, ErrorCode],
      ),
    );
  }
  for (const [index, [one, two, expected]] of pairs.entries()) {
    for (const slots of [
      [one, two],
      [two, one],
    ] as const) {
      probe.nvm.fill(0);
      probe.nvm.set(stateRecord(image.imageId));
      slots.forEach((bytes, slot) => probe.nvm.set(bytes, slotAddress(image, slot)));
      const code = faultless(() => probe.boot((arena) => arena.fill(0x33)));
      if (code !== expected)
        refute('recovery', `boot returns ${code} instead of ${expected} on slots that contradict (${index})`);
      if (probe.trace.steps.length > 0) refute('recovery', `boot writes after ${code}`);
      if (probe.call(() => probe.device.status()) !== ErrorCode.E_NOT_BOOTED)
        refute('recovery', `calls go on after a boot that returns ${code}`);
    }
  }
}

/** A fault refutes `recovery`. */
function faultless<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof Fault) refute('recovery', error.message);
    throw error;
  }
}

const isSame = (a: Uint8Array, b: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (a[at] !== b[at]) return false;
  return true;
};

function recovers(probe: Probe, image: Image, { cursor, newest, next }: Commit, torn: Uint8Array): void {
  const slot = sequenceOf(newest) & 1;
  bringUp(probe, [], (from, to) => probe.nvm.fill(0xff, from, to));
  probe.place(slotAddress(image, slot), newest);
  probe.place(slotAddress(image, slot ^ 1), torn);
  const complete = Buffer.compare(torn, next) === 0;
  const expected = complete ? next : newest;
  let code: number;
  try {
    code = probe.boot((arena) => arena.fill(0xff));
  } catch (error) {
    if (error instanceof Fault) refute('recovery', error.message, cursor);
    throw error;
  }
  const { state } = cursorFields(expected);
  if (code !== state) {
    const what = complete ? 'the new cursor whole' : 'the new cursor torn';
    refute('recovery', `boot returns ${code} instead of ${state} with ${what}`, cursor);
  }
  if (Buffer.compare(probe.cursor, expected) !== 0)
    refute('recovery', `boot does not take the ${complete ? 'new' : 'old'} cursor`, cursor);
  const wrong = checkBootWrites(probe.trace, image, expected);
  if (wrong) refute('recovery', wrong, cursor);
  const [settled] = probe.trace.steps as [Write];
  if (image.unstable && settled.address !== slotAddress(image, sequenceOf(expected) & 1))
    refute('recovery', 'boot settles the cursor in the slot of the other', cursor);
}
