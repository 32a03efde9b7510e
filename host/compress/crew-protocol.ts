// What a crew's threads agree on: how the parts of a job are written down, and who takes which.
import type { MessagePort } from 'node:worker_threads';

/** A kernel of the desk module and its arguments. */
export type Call = readonly [kernel: string, ...values: number[]];

/** What one thread does without waiting for another. */
export type Part = readonly Call[];

/** Tells a thread of a desk's memory, or that it is not needed any more. */
export interface Attachment {
  desk: number;
  memory?: WebAssembly.Memory;
}

/** What a thread of a crew starts with. */
export interface CrewData {
  control: Int32Array;
  commands: Float64Array;
  module: WebAssembly.Module;
  port: MessagePort;
}

/** Parts of one job at most; what is written of a job takes so many numbers at most. */
const MOST_PARTS = 255;
const COMMAND_VALUES = 1 << 16;

/** Looks at a word before a thread goes to sleep: some tens of microseconds, what lies between two jobs of a batch. */
const PATIENCE = 20_000;

/** Words of `control`. */
enum Word {
  /** The job's number (from bit 16), its parts (8 bits) and the next one to take (8 bits): one word, so a claim is one step. */
  CLAIMS,
  FINISHED,
  FAILED,
  DESK,
  COUNT,
}

/** Memory that a crew's threads share. */
export const newCrewMemory = (): Pick<CrewData, 'control' | 'commands'> => ({
  control: new Int32Array(new SharedArrayBuffer(4 * Word.COUNT)),
  commands: new Float64Array(new SharedArrayBuffer(8 * COMMAND_VALUES)),
});

/** A desk's kernels, by name and by number. */
export class KernelTable {
  private readonly kernels: ((...values: number[]) => unknown)[] = [];
  private readonly numbers = new Map<string, number>();

  constructor(exports: WebAssembly.Exports) {
    for (const [name, value] of Object.entries(exports)) {
      if (typeof value !== 'function') continue;
      this.numbers.set(name, this.kernels.length);
      this.kernels.push(value as (...values: number[]) => unknown);
    }
  }

  run(part: Part): void {
    for (const [kernel, ...values] of part) this.kernels[this.numbers.get(kernel)!]!(...values);
  }

  /** Writes parts down: where each begins, then its calls. Returns false where there is no room. */
  write(parts: readonly Part[], to: Float64Array): boolean {
    const calls = parts.flat();
    const size = calls.reduce((sum, call) => sum + call.length + 1, 2 * parts.length);
    if (parts.length > MOST_PARTS || size > to.length) return false;
    let at = parts.length;
    parts.forEach((part, index) => {
      to[index] = at;
      to[at++] = part.length;
      for (const [kernel, ...values] of part) {
        to[at++] = this.numbers.get(kernel)!;
        to[at++] = values.length;
        to.set(values, at);
        at += values.length;
      }
    });
    return true;
  }

  runWritten(from: Float64Array, index: number): void {
    let at = from[index]!;
    for (let left = from[at++]!; left > 0; left--) {
      const kernel = this.kernels[from[at]!]!;
      const count = from[at + 1]!;
      at += 2 + count;
      kernel(...from.subarray(at - count, at));
    }
  }
}

/** Who takes which part of a job. */
export class Claims {
  constructor(private readonly control: Int32Array) {}

  /** The desk of the open job. */
  get desk(): number {
    return Atomics.load(this.control, Word.DESK);
  }

  /** Opens a job whose parts are written down, the last one being done, and wakes who sleeps. */
  open(desk: number, parts: number): void {
    const { control } = this;
    const job = (Atomics.load(control, Word.CLAIMS) >>> 16) + 1;
    Atomics.store(control, Word.DESK, desk);
    Atomics.store(control, Word.FINISHED, 0);
    Atomics.store(control, Word.FAILED, 0);
    Atomics.store(control, Word.CLAIMS, (job << 16) | (parts << 8));
    Atomics.notify(control, Word.CLAIMS);
  }

  /** The number of a part that is now the caller's; undefined where none is left. */
  take(): number | undefined {
    for (;;) {
      const claims = Atomics.load(this.control, Word.CLAIMS);
      const next = claims & 255;
      if (next >= ((claims >> 8) & 255)) return undefined;
      // Fails where another was quicker, or the job is another.
      if (Atomics.compareExchange(this.control, Word.CLAIMS, claims, claims + 1) === claims) return next;
    }
  }

  /** A part is done, or, with `failed`, will never be. */
  finish(failed = false): void {
    if (failed) Atomics.store(this.control, Word.FAILED, 1);
    Atomics.add(this.control, Word.FINISHED, 1);
    Atomics.notify(this.control, Word.FINISHED);
  }

  /** Returns when there may be a part to take. */
  awaitJob(): void {
    const claims = Atomics.load(this.control, Word.CLAIMS);
    if ((claims & 255) < ((claims >> 8) & 255)) return;
    this.awaitChange(Word.CLAIMS, claims);
  }

  areAllDone(parts: number): boolean {
    return Atomics.load(this.control, Word.FINISHED) === parts;
  }

  /** Whether a part of this job failed. */
  get failed(): boolean {
    return Atomics.load(this.control, Word.FAILED) !== 0;
  }

  /** Returns when so many parts are done: whether it took patience only, and no sleep. */
  awaitAll(parts: number): boolean {
    let soon = true;
    while (!this.areAllDone(parts)) {
      const finished = Atomics.load(this.control, Word.FINISHED);
      if (finished < parts) soon = this.awaitChange(Word.FINISHED, finished) && soon;
    }
    return soon;
  }

  private awaitChange(word: Word, value: number): boolean {
    for (let looks = 0; looks < PATIENCE; looks++)
      if (Atomics.load(this.control, word) !== value) return true;
    Atomics.wait(this.control, word, value);
    return false;
  }
}
