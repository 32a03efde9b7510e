// The obligation on a memory that is not up yet: one bad read at power-up loses nothing.
import { CURSOR_BYTES } from '../../assembly/layout.js';
import { cursorBytes, idleFields, slotAddress } from '../model/cursor.js';
import type { Build } from './builds.js';
import { SETTLING_STEPS } from './commit-form.js';
import { deviceAt } from './job.js';
import { Fault, Probe } from './probe.js';
import type { Subject } from './subject.js';
import { refute } from './violation.js';

/** How a read may go wrong: as zeros, as ones, with a bit flipped. */
const BAD_READS: readonly ((bytes: Uint8Array) => void)[] = [
  (bytes) => bytes.fill(0),
  (bytes) => bytes.fill(0xff),
  (bytes) => {
    bytes[bytes.length >> 1]! ^= 0x10;
  },
];

/** A device amid a job that is booted again and again, one of its reads spoilt. */
class BadReads {
  readonly #probe: Probe;
  readonly #cursor: number;
  /** Of the boot under way. */
  #reads = 0;
  #bad = -1;
  #spoil = BAD_READS[0]!;
  /** Puts back what a bad load found: the cells hold what they held. */
  #restore: (() => void) | undefined;

  /** `build`: one with views that are copies, whose copies are spoilt, or one whose loads are watched. */
  constructor(
    readonly subject: Subject,
    build: Build,
  ) {
    const { image, sramBytes, job } = subject;
    const read = (at: number, length: number): boolean => this.#read(at, length);
    const load = (at: number, length: number): void => {
      this.#putBack();
      const before = this.#probe.memory.slice(at, at + length);
      if (this.#read(at, length)) this.#restore = () => this.#probe.memory.set(before, at);
    };
    this.#probe = new Probe(
      build,
      build.mapping
        ? { image, sramBytes, onLoad: load }
        : { image, sramBytes, onView: (_, length, at) => void read(at, length), onConstant: read },
    );
    this.#cursor = job.steps.length >> 1;
  }

  /** One more read. Returns whether it is the bad one, and spoilt. */
  #read(at: number, length: number): boolean {
    if (this.#reads++ !== this.#bad) return false;
    this.#spoil(this.#probe.memory.subarray(at, at + length));
    return true;
  }

  #putBack(): void {
    this.#restore?.();
    this.#restore = undefined;
  }

  /** Boots with `newest` in `slot`. Returns the code. */
  #boot(slot: number, newest: Uint8Array): number {
    const { image, job } = this.subject;
    const probe = this.#probe;
    probe.nvm.set(deviceAt(image, 0, job.start));
    probe.nvm.set(newest, slotAddress(image, slot));
    const older = cursorBytes(job.cursors[Math.max(this.#cursor - 1, 0)]!, 7);
    probe.nvm.set(older, slotAddress(image, slot ^ 1));
    this.#reads = 0;
    try {
      return probe.boot((arena) => arena.fill(0x33));
    } catch (error) {
      if (error instanceof Fault) refute('recovery', error.message, this.#cursor);
      throw error;
    } finally {
      this.#putBack();
    }
  }

  get #statics(): Uint8Array {
    return this.#probe.memory.slice(0, this.#probe.arena);
  }

  check(): void {
    const { image, job } = this.subject;
    const probe = this.#probe;
    const newest = cursorBytes(job.cursors[this.#cursor]!, 8);
    const idle = cursorBytes({ ...idleFields(image.imageId), banks: job.cursors[0]!.banks }, 8);
    for (const slot of [0, 1]) {
      this.#bad = -1;
      this.#boot(slot, idle);
      const waiting = this.#statics;
      this.#boot(slot, newest);
      const [right, reads] = [this.#statics, this.#reads];
      const at = probe.device.cursor.value as number;
      // How the device has booted: at a job under way records are checked one by one.
      const isHow = (byte: number): boolean =>
        right[byte] !== waiting[byte] && (byte < at || byte >= at + CURSOR_BYTES);
      for (this.#bad = 0; this.#bad < reads; this.#bad++)
        for (const way of BAD_READS) {
          this.#spoil = way;
          const code = this.#boot(slot, newest);
          const where = `where read ${this.#bad} of a boot has gone wrong`;
          // Slots that are settled hold afterwards what they held.
          if (code < 0 && probe.trace.steps.length > (image.unstable ? SETTLING_STEPS : 0))
            refute('recovery', `boot writes after ${code}, ${where}`, this.#cursor);
          if (code < 0) continue;
          const found = this.#statics;
          const wrong = right.findIndex((byte, i) => byte !== found[i] && !isHow(i));
          if (wrong >= 0)
            refute('recovery', `boot goes on with another SRAM byte ${wrong}, ${where}`, this.#cursor);
        }
    }
  }
}

/**
 * One bad read at power-up: boot finds the newest cursor all the same, or says that something is wrong and writes nothing. It
 * never takes the older cursor.
 */
export function badReads(subject: Subject): void {
  const builds = subject.module.mapping ? [] : [subject.module];
  for (const build of [...builds, subject.loads()]) new BadReads(subject, build).check();
}
