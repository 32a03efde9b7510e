// What is verified: an image on a module, and two jobs of it.
import { STATE_BYTES } from '../../assembly/layout.js';
import { Random } from '../math/random.js';
import type { Image } from '../model/image.js';
import { stateRecord } from '../model/state-record.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { cursorBytes, idleFields, numbered, slotAddress } from '../model/cursor.js';
import type { Interval } from '../plan/interval.js';
import type { Builds } from './builds.js';
import type { GoldenJob, JobRequest, StepwiseJob } from './job.js';
import type { Probe } from './probe.js';

export interface Setup extends Builds {
  image: Image;
  /** The module's bytes. */
  wasm: Uint8Array<ArrayBuffer>;
  /** With its capacitor. */
  profile: DeviceProfile;
  notes: string[];
  /** Which way through the job this is, by name and number. */
  scenario: string;
  way: number;
  /** Two jobs on different inputs. */
  jobs: [JobRequest, JobRequest];
}

/** What a cut does to a write under way. */
export interface Memory {
  /** Bytes that are written together or not at all. */
  tear: number;
  /** Bytes that a cut amid a write spoils together, neighbours included. */
  line: number;
}

/** The same with its jobs run on steady power. */
export interface Subject extends Setup, Memory {
  job: StepwiseJob;
  /** That on the other input. */
  other: GoldenJob;
  /** The first tile of which the two do not touch the same bytes. */
  unlike: number | undefined;
  garbage: Garbage;
  /** One more unit of work is done. */
  tick: () => void;
}

/** What the passes count. */
export interface Tally {
  bytesChecked: number;
  garbageFills: number;
  recoveryPairs: number;
}

/** Golden NVM of a job, cursor by cursor. */
export class GoldenNvm {
  readonly bytes: Uint8Array;
  #position = 0;

  constructor(private readonly job: StepwiseJob) {
    this.bytes = job.initial.slice();
  }

  advance(): void {
    for (const { address, bytes } of this.job.steps[this.#position++]!.writes) this.bytes.set(bytes, address);
  }

  /** On to the end. */
  finish(): this {
    while (this.#position < this.job.steps.length) this.advance();
    return this;
  }
}

/** What fills NVM outside LiveIn and SRAM: zeros, ones, noise, and what an earlier job would have left. */
export class Garbage {
  readonly patterns: readonly Uint8Array[];

  constructor(image: Image, other: GoldenJob) {
    const random = new Random(0x6a5b);
    const words = Uint32Array.from({ length: Math.ceil(image.nvmBytes / 4) }, () => random.uint32());
    const noise = new Uint8Array(words.buffer, 0, image.nvmBytes);
    this.patterns = [
      new Uint8Array(image.nvmBytes),
      new Uint8Array(image.nvmBytes).fill(0xff),
      noise,
      other.atEnd,
    ];
  }

  get count(): number {
    return this.patterns.length;
  }

  /** Fills an arena; the last kind leaves what an earlier boot left. */
  arena(kind: number): (arena: Uint8Array) => void {
    return (arena) => {
      if (kind === this.count - 1) return;
      const pattern = this.patterns[kind]!;
      for (let at = 0; at < arena.length; at += pattern.length) {
        arena.set(pattern.subarray(0, Math.min(pattern.length, arena.length - at)), at);
      }
    };
  }

  /** Bytes [from, to) of NVM that is `golden` where `live` says so and in the record it begins with, else garbage. */
  patch(nvm: Uint8Array, kind: number, { image, golden, live }: Scene, from: number, to: number): void {
    nvm.set(this.patterns[kind]!.subarray(from, to), from);
    if (from < STATE_BYTES) nvm.set(stateRecord(image.imageId).subarray(from, to), from);
    for (let at = Math.max(from, STATE_BYTES); at < to; at++) if (live[at]) nvm[at] = golden[at]!;
  }
}

/** What NVM must hold: `golden` where `live` says so. */
export interface Scene {
  image: Image;
  golden: Uint8Array;
  live: Uint8Array;
}

/**
 * Brings a probe's NVM to the next cursor: `put` is called for what differs there, `changed`, and for what the probe's
 * runs have written since; so a step costs what it touches, not all of NVM.
 */
export function bringUp(
  probe: Probe,
  changed: readonly Interval[],
  put: (from: number, to: number) => void,
): void {
  for (const [from, to] of changed) put(from, to);
  for (const [from, to] of probe.wrote) put(from, to);
  probe.wrote.length = 0;
}

/** Puts cursor `index` of the job into `slot`; the other slot keeps what it has, or gets the cursor before. */
export function placeCursor(
  probe: Probe,
  { image, job }: Subject,
  index: number,
  { slot, sequence, predecessor }: { slot: number; sequence: number; predecessor: boolean },
): void {
  const cursor = cursorBytes(job.cursors[index]!, sequence);
  probe.place(slotAddress(image, slot), cursor);
  if (!predecessor) return;
  const start = job.start?.fields ?? idleFields(image.imageId);
  const before = cursorBytes(index > 0 ? job.cursors[index - 1]! : start, sequence);
  probe.place(slotAddress(image, slot ^ 1), numbered(before, sequence - 1));
}
