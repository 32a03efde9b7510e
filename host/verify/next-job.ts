// The obligation on what a job leaves behind: after it is given up within any op, or is done, the next job finds static
// data as after a boot. With the arena unknown from there on, it computes what it computes after a boot.
import { Status } from '../../assembly/error.js';
import { CURSOR_BYTES } from '../../assembly/layout.js';
import { cursorBytes, cursorFields, idleFields, sequenceOf, slotAddress } from '../model/cursor.js';
import { stateRecord } from '../model/state-record.js';
import type { Build } from './builds.js';
import { splitCommit } from './commit-form.js';
import { request } from './job.js';
import { Fault, Probe } from './probe.js';
import type { Subject } from './subject.js';
import { refute } from './violation.js';

/** Submits the next job in the boot in which one ended, and compares with a boot at its first cursor. */
export class NextJob {
  readonly #subject: Subject;
  /** Boots at cursors that it is given. */
  readonly #anew: Probe;
  /** 1 for static bytes that say how the device booted: at a job under way records are checked one by one. */
  readonly #booted: Uint8Array;
  #ran = false;

  /** `build`: finds NVM as that of the probes does which it will follow. */
  constructor(subject: Subject, build: Build) {
    const { image, sramBytes } = subject;
    this.#subject = subject;
    this.#anew = new Probe(build, { image, sramBytes });
    const running = this.#staticsAfterBoot(cursorBytes(subject.job.cursors[0]!, 1));
    const idle = this.#staticsAfterBoot(
      cursorBytes(subject.job.start?.fields ?? idleFields(image.imageId), 1),
    );
    const cursor = this.#anew.device.cursor.value as number;
    this.#booted = running.map((byte, at) =>
      byte !== idle[at] && (at < cursor || at >= cursor + CURSOR_BYTES) ? 1 : 0,
    );
  }

  /** `probe` has just committed cursor `index`. Ends its job there, and starts the next. */
  follow(probe: Probe, index: number): void {
    const { image, job, other } = this.#subject;
    try {
      const { ticket } = job;
      const state = job.cursors[index]!.state;
      this.#expect(
        probe.call(() => (state === Status.DONE ? probe.device.ack(ticket) : probe.device.cancel(ticket))),
        Status.IDLE,
        index,
      );
      this.#expect(probe.feed(other.input), image.input.bytes, index);
      this.#expect(
        probe.call(() => request(probe, other)),
        Status.RUN,
        index,
      );
    } catch (error) {
      if (error instanceof Fault) refute('next job', error.message, index);
      throw error;
    }
    const begun = probe.memory.subarray(0, probe.arena);
    const anew = this.#staticsAfterBoot(probe.cursor);
    const at = anew.findIndex((byte, i) => this.#booted[i] === 0 && byte !== begun[i]);
    if (at >= 0) {
      const found = `SRAM byte ${at} ${begun[at]} instead of ${anew[at]}`;
      refute('next job', `after a job that ended here the next one finds ${found}`, index);
    }
    if (this.#ran || JSON.stringify(cursorFields(probe.cursor)) !== JSON.stringify(other.cursors[0])) return;
    this.#ran = true;
    this.#firstTile(probe);
  }

  /** The first tile of the next job, with nothing known in the arena, on a device that was up when it was submitted. */
  #firstTile(probe: Probe): void {
    const { image, other } = this.#subject;
    probe.arenaShadow.fill(1);
    probe.arenaBytes.fill(0x96);
    try {
      probe.call(() => probe.device.run(1));
    } catch (error) {
      if (error instanceof Fault) refute('next job', error.message, 0);
      throw error;
    }
    const parts = splitCommit(probe.trace, image);
    if (typeof parts === 'string') refute('next job', parts, 0);
    const golden = other.first;
    const same =
      parts.data.length === golden.length &&
      parts.data.every(({ address, bytes }, i) => {
        return address === golden[i]!.address && Buffer.compare(bytes, golden[i]!.bytes) === 0;
      });
    if (!same) refute('next job', 'its first tile writes other bytes than after a boot', 0);
  }

  #staticsAfterBoot(cursor: Uint8Array): Uint8Array {
    const { image } = this.#subject;
    const probe = this.#anew;
    probe.nvm.fill(0xff);
    probe.nvm.set(stateRecord(image.imageId));
    probe.nvm.set(cursor, slotAddress(image, sequenceOf(cursor) & 1));
    const code = probe.boot((arena) => arena.fill(0x69));
    const { state } = cursorFields(cursor);
    if (code !== state) refute('next job', `boot returns ${code} instead of ${state}`);
    return probe.memory.slice(0, probe.arena);
  }

  #expect(code: number, wanted: number, index: number): void {
    if (code !== wanted) refute('next job', `a call returns ${code} instead of ${wanted}`, index);
  }
}
