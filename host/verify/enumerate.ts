// Plain enumeration, the cross-check of the proof: every state that cuts can lead to, one after another, until no new
// one turns up (docs/VERIFY.md says when two are the same).
import { Status } from '../../assembly/error.js';
import { CURSOR_BYTES, C_CRC, C_SEQUENCE, STATE_BYTES } from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import { cursorBytes, cursorFields, isWhole, numbered, sequenceOf, slotAddress } from '../model/cursor.js';
import { Fault, Probe, type Trace, type Write } from './probe.js';
import { GoldenNvm, type Subject } from './subject.js';
import { refute } from './violation.js';

export interface Enumeration {
  states: number;
  transitions: number;
  /** No state is left unexplored. */
  closed: boolean;
}

/** A power-down state: what NVM holds. */
interface Down {
  nvm: Uint8Array;
}

/** A state in which `run` has returned, or `boot`: what NVM and memory hold. */
interface Up extends Down {
  memory: Uint8Array;
}

/** A hash of NVM of 64 bits that changes byte by byte: each (address, value) has a number of its own, and they are XORed. */
class NvmHash {
  low = 0;
  high = 0;

  flip(address: number, value: number): void {
    let h = Math.imul((address << 8) ^ value ^ 0x2545f491, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    this.low ^= h ^ (h >>> 13);
    h = Math.imul((address << 8) ^ value ^ 0x7f4a7c15, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 16), 0x27d4eb2f);
    this.high ^= h ^ (h >>> 15);
  }

  copy(): NvmHash {
    const copy = new NvmHash();
    [copy.low, copy.high] = [this.low, this.high];
    return copy;
  }

  toString(): string {
    return `${this.low >>> 0}.${this.high >>> 0}`;
  }
}

export interface EnumerateOptions {
  /** When to give up; never by default. */
  isOver?: () => boolean;
}

/** Explores the job from its first cursor on. Throws `Refuted` where a path goes wrong. */
export function enumerate(subject: Subject, options: EnumerateOptions = {}): Enumeration {
  return new Enumerator(subject, options).run();
}

class Enumerator {
  readonly #subject: Subject;
  readonly #probe: Probe;
  readonly #seen = new Set<string>();
  readonly #stack: (Down | Up)[] = [];
  readonly #isOver: () => boolean;
  readonly #final: Uint8Array;
  #transitions = 0;

  constructor(subject: Subject, { isOver = () => false }: EnumerateOptions) {
    this.#subject = subject;
    this.#isOver = isOver;
    const { image, job, module, sramBytes } = subject;
    this.#probe = new Probe(module, { image, sramBytes });
    this.#final = new GoldenNvm(job).finish().bytes;
  }

  run(): Enumeration {
    const { image, job } = this.#subject;
    const nvm = new GoldenNvm(job).bytes;
    nvm.set(cursorBytes(job.cursors[0]!, 0xffffff00), slotAddress(image, 0));
    this.#down(nvm, this.#hash(nvm));
    while (this.#stack.length > 0) {
      if (this.#isOver()) return this.#result(false);
      const state = this.#stack.pop()!;
      if ('memory' in state) this.#goOn(state);
      else this.#boot(state);
    }
    return this.#result(true);
  }

  #result(closed: boolean): Enumeration {
    return { states: this.#seen.size, transitions: this.#transitions, closed };
  }

  /** Hash of what counts in NVM: neither slots nor diagnostics. */
  #hash(nvm: Uint8Array): NvmHash {
    const hash = new NvmHash();
    const { image } = this.#subject;
    for (let at = STATE_BYTES; at < nvm.length; at++) if (counts(image, at)) hash.flip(at, nvm[at]!);
    return hash;
  }

  /** A power-down state: kept if it is new. */
  #down(nvm: Uint8Array, hash: NvmHash): void {
    this.#transitions++;
    const key = `${hash} ${newestKey(nvm, this.#subject.image)}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#stack.push({ nvm: nvm.slice() });
  }

  #boot({ nvm }: Down): void {
    const probe = this.#probe;
    probe.nvm.set(nvm);
    const newest = newestCursor(nvm, this.#subject.image);
    if (!newest) refute('enumeration', 'a state without a whole cursor');
    const { state } = cursorFields(newest);
    const code = this.#guard(() => probe.boot((arena) => arena.fill(0x5a)));
    if (code !== state) refute('enumeration', `boot returns ${code} instead of ${state}`);
    this.#cuts(nvm, this.#hash(nvm), probe.trace);
    this.#up();
  }

  /** The probe's present state, after a call has returned. */
  #up(): void {
    const { image } = this.#subject;
    const probe = this.#probe;
    const cursor = cursorFields(probe.cursor);
    this.#transitions++;
    if (cursor.state === Status.DONE) {
      this.#finish();
      return;
    }
    const memory = probe.memory.slice(0, probe.sramBytes);
    const blanked = memory.slice();
    const at = probe.device.cursor.value as number;
    for (const offset of [C_SEQUENCE, C_CRC]) blanked.fill(0, at + offset, at + offset + 4);
    const parity = sequenceOf(probe.cursor) & 1;
    const key = `${this.#hash(probe.nvm)} ${parity} ${Buffer.from(blanked).toString('latin1')}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const nvm = probe.nvm.slice();
    nvm.fill(0, image.diagnostics.offset, image.diagnostics.offset + image.diagnostics.bytes);
    this.#stack.push({ nvm, memory });
  }

  /** From a state with power: `run`, for every answer of the voltage monitor; each cut on the way. */
  #goOn(state: Up): void {
    const probe = this.#probe;
    const hash = this.#hash(state.nvm);
    for (let warned = 0; ; warned++) {
      probe.nvm.set(state.nvm);
      probe.memory.set(state.memory);
      let asked = 0;
      probe.low = () => asked++ === warned;
      const code = this.#guard(() => probe.call(() => probe.device.run(0)));
      if (code < 0) refute('enumeration', `run returns ${code}`);
      this.#cuts(state.nvm, hash, probe.trace);
      this.#up();
      // The monitor was not asked often enough to warn: `run` committed by itself.
      if (asked <= warned) return;
    }
  }

  /** What a cut at each unit of a call leaves. */
  #cuts(start: Uint8Array, hashAtStart: NvmHash, { steps }: Trace): void {
    const { tear } = this.#subject;
    const nvm = start.slice();
    let hash = hashAtStart.copy();
    let durable = nvm.slice();
    let durableHash = hash.copy();
    let pending = 0;
    for (const step of steps) {
      if (step === 'sync') {
        durable = nvm.slice();
        durableHash = hash.copy();
        pending = 0;
        continue;
      }
      // The writes before it dropped, this one in part: it came first.
      if (pending > 0) this.#prefixes(durable.slice(), durableHash.copy(), step, tear);
      hash = this.#prefixes(nvm, hash, step, tear);
      pending++;
    }
  }

  /** Every prefix of one write. `nvm` holds all of it afterwards; returns its hash. */
  #prefixes(nvm: Uint8Array, hash: NvmHash, { address, bytes }: Write, tear: number): NvmHash {
    const { image } = this.#subject;
    for (let at = 0; at < bytes.length; at += tear) {
      this.#down(nvm, hash);
      for (let i = at; i < Math.min(at + tear, bytes.length); i++) {
        if (counts(image, address + i)) {
          hash.flip(address + i, nvm[address + i]!);
          hash.flip(address + i, bytes[i]!);
        }
        nvm[address + i] = bytes[i]!;
      }
    }
    this.#down(nvm, hash);
    return hash;
  }

  #finish(): void {
    const { image, job } = this.#subject;
    const nvm = this.#probe.nvm;
    const { offset, bytes } = image.output;
    if (Buffer.compare(nvm.subarray(offset, offset + bytes), job.answer) !== 0)
      refute('enumeration', 'a path ends with a wrong answer');
    for (let at = STATE_BYTES; at < nvm.length; at++) {
      if (counts(image, at) && nvm[at] !== this.#final[at])
        refute('enumeration', `a path leaves byte ${at} other than steady power does`);
    }
  }

  #guard(action: () => number): number {
    try {
      return action();
    } catch (error) {
      if (error instanceof Fault) refute('enumeration', error.message);
      throw error;
    }
  }
}

/** Whether a byte of NVM counts when two states are compared. */
function counts({ slots, diagnostics }: Image, at: number): boolean {
  return (
    (at < slots.offset || at >= slots.offset + slots.bytes) &&
    (at < diagnostics.offset || at >= diagnostics.offset + diagnostics.bytes)
  );
}

/** The cursor that recovery must take. */
function newestCursor(nvm: Uint8Array, image: Image): Uint8Array | undefined {
  const whole = [0, 1]
    .map((slot) => nvm.subarray(slotAddress(image, slot), slotAddress(image, slot) + CURSOR_BYTES))
    .filter(isWhole);
  return whole.sort((a, b) => (sequenceOf(b) - sequenceOf(a)) | 0)[0];
}

/** The newest cursor without its number, as text. */
function newestKey(nvm: Uint8Array, image: Image): string {
  const newest = newestCursor(nvm, image);
  return newest ? Buffer.from(numbered(newest, 0)).toString('latin1') : 'none';
}
