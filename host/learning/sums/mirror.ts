// A head by sums again, in plain TypeScript from docs/LEARNING.md §10: the oracle that a device's banks, states, ring and
// cursor are compared with, byte by byte.
import { BrownoutError } from '../../error.js';
import { type Dense, elementCount } from '../../model/quantized-network.js';
import { FrozenPart } from '../frozen.js';
import { kernelOf, shippedParameters } from '../forward.js';
import type { LearningCursor } from '../mirror.js';
import { EntryKind, LearningState, oldestOf } from '../sample-ring.js';
import { fold, forget, type Head, type Projected, rebuild } from './arithmetic.js';
import { type Sums, sumsBytes, type SumsSpec } from './spec.js';

/** Loss of a sample that was wrong. */
const WRONG = 256;

const padded = (bytes: number): number => Math.ceil(bytes / 16) * 16;

interface Kept {
  /** The projected sample, then the factory's logits. */
  joined: Int8Array;
  logits: Int8Array;
}

/** What a weight bank holds: a head with its scale, and sums. */
interface Bank {
  weights: Int8Array;
  bias: Int32Array;
  multipliers: Int32Array;
  shifts: Int32Array;
  sums: Sums;
}

function fail(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

export class SumsMirror {
  step = 0;
  #bank = 0;
  #stateBank = 0;
  #spare = 0;
  #state: LearningState;
  readonly #banks: Bank[];
  readonly #ring: Kept[];
  readonly #head: Dense;
  readonly #frozen: FrozenPart;

  /** `frozen`: what mirrors of one network may share, up to what the head reads (`joined`). */
  constructor(
    readonly spec: SumsSpec,
    frozen?: FrozenPart,
  ) {
    const { network } = spec;
    this.#head = network.ops[spec.op] as Dense;
    this.#frozen = frozen ?? new FrozenPart(network, spec.joined);
    const { weights, folded } = shippedParameters(network, this.#head);
    const { multipliers, shifts } = this.#head;
    const factory = { weights, bias: folded, multipliers, shifts, sums: spec.prior };
    this.#banks = [factory, factory, factory];
    this.#state = new LearningState(spec.ringEntries);
    const none = { joined: new Int8Array(spec.projection.rank), logits: new Int8Array(spec.classes) };
    this.#ring = Array.from({ length: spec.ringEntries }, () => none);
  }

  /** Logits; the sample is kept, projected, for a late label if the image keeps samples. */
  infer(input: Int8Array, ticket: number): Int8Array {
    const kept = this.#keep(input);
    if (this.spec.late) {
      const state = this.#nextState();
      state.take(this.#spare, ticket, 0, EntryKind.UNLABELLED);
      this.#settle(state);
    }
    return kept.logits;
  }

  /** One labelled sample: a learn job from start to end. */
  learn(input: Int8Array, label: number, ticket: number): void {
    this.#checkLabel(label);
    this.#keep(input);
    this.#job(this.#spare, label, ticket);
  }

  /** The truth about an input that `infer` kept. Errors: E_TICKET if it is not, or no longer, kept. */
  label(ticket: number, label: number): void {
    this.#checkLabel(label);
    const { entries } = this.#state;
    const index = entries.findIndex(
      (entry) => entry.kind === EntryKind.UNLABELLED && entry.ticket === ticket,
    );
    if (index < 0)
      fail(
        'E_TICKET',
        `ticket ${ticket}`,
        'one of a kept sample without a label',
        'Label earlier, or keep more.',
      );
    this.#job(index, label, ticket);
  }

  /** Class `label` becomes what it was at the factory; samples of it that wait are dropped. */
  forget(label: number): void {
    this.#checkLabel(label);
    const state = this.#nextState();
    state.entries.forEach((entry, i) => {
      if (entry.kind === EntryKind.LEARN && entry.label === label)
        state.entries[i] = { ticket: 0, stamp: 0, label: 0, kind: EntryKind.FREE };
    });
    this.#makeHead(forget(this.sums, this.spec.prior, label));
    this.#settle(state);
  }

  /** Logits with the head in force; nothing is kept. */
  logits(input: Int8Array): Int8Array {
    const { weights, bias, multipliers, shifts } = this.#banks[this.#bank]!;
    const run = kernelOf(this.spec.network, { ...this.#head, multipliers, shifts });
    return run(this.#frozen.features(input), { weights, folded: bias }).slice();
  }

  /** The first of the largest logits. */
  classify(input: Int8Array): number {
    const logits = this.logits(input);
    return logits.indexOf(logits.reduce((a, b) => Math.max(a, b), -128));
  }

  /** Back to the head and the sums that the image shipped with. */
  restore(): void {
    this.#bank = 0;
  }

  /** The sums in force. */
  get sums(): Sums {
    return this.#banks[this.#bank]!.sums;
  }

  /** Counters and the ring's table, to read. */
  get summary(): Readonly<LearningState> {
    return this.#state;
  }

  /** The weight bank in force, as NVM has it. */
  weightBank(): Uint8Array {
    const { weights, bias, multipliers, shifts, sums } = this.#banks[this.#bank]!;
    const pairs = Int32Array.from({ length: 2 * multipliers.length }, (_, i) =>
      i % 2 === 0 ? multipliers[i >> 1]! : shifts[i >> 1]!,
    );
    const words = (values: Int32Array): Uint8Array => {
      const view = new DataView(new ArrayBuffer(4 * values.length));
      values.forEach((value, i) => {
        view.setInt32(4 * i, value, true);
      });
      return new Uint8Array(view.buffer);
    };
    const parts = [new Uint8Array(weights), words(bias), words(pairs), sumsBytes(sums)];
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + padded(part.length), 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += padded(part.length);
    }
    return bytes;
  }

  /** The state bank in force, as NVM has it. */
  stateBytes(): Uint8Array {
    return this.#state.bytes();
  }

  /** An entry of the ring: the projected sample and the factory's logits, padded to 16, then its logits. */
  ringEntry(index: number): Uint8Array {
    const { joined, logits } = this.#ring[index]!;
    const bytes = new Uint8Array(padded(padded(joined.length) + logits.length));
    bytes.set(new Uint8Array(joined));
    bytes.set(new Uint8Array(logits), padded(joined.length));
    return bytes;
  }

  /** The cursor's words between two jobs. */
  cursor(): LearningCursor {
    return { step: this.step, banks: this.#bank | (this.#stateBank << 8), sample: this.#spare << 16 };
  }

  #checkLabel(label: number): void {
    if (!(Number.isInteger(label) && label >= 0 && label < this.spec.classes))
      fail(
        'E_LABEL',
        `label ${label}`,
        `a whole number from 0 to ${this.spec.classes - 1}`,
        'Labels count from 0.',
      );
  }

  /** Into the spare entry, what the ring keeps of a sample. */
  #keep(input: Int8Array): Kept {
    const { network } = this.spec;
    const bytes = elementCount(network.tensors[network.input]!);
    if (input.length !== bytes)
      fail(
        'E_INPUT_SIZE',
        `an input of ${input.length} values`,
        `${bytes}`,
        'Give one input, already quantized.',
      );
    const kept = { joined: this.#frozen.features(input), logits: this.logits(input) };
    this.#ring[this.#spare] = kept;
    return kept;
  }

  #nextState(): LearningState {
    const next = new LearningState(0);
    Object.assign(next, this.#state, { entries: this.#state.entries.map((entry) => ({ ...entry })) });
    return next;
  }

  /** The state becomes the one in force; what is next to be kept has a place. */
  #settle(state: LearningState): void {
    if (state.entries[this.#spare]!.kind !== EntryKind.FREE) this.#spare = freed(state);
    this.#state = state;
    this.#stateBank = this.#stateBank === 1 ? 2 : 1;
  }

  #job(index: number, label: number, ticket: number): void {
    const state = this.#nextState();
    const waiting = state.entries.flatMap((entry, i) =>
      entry.kind === EntryKind.LEARN ? [this.#sample(i, entry.label)] : [],
    );
    const due = waiting.length + 1 >= Math.min(this.spec.every, (state.labelled >>> 2) + 1);
    const { logits } = this.#ring[index]!;
    const right = logits.indexOf(logits.reduce((a, b) => Math.max(a, b), -128)) === label;
    state.record(right ? 0 : WRONG, right, false);
    if (due) {
      this.#update([this.#sample(index, label), ...waiting]);
      const late = state.entries[index]!.kind === EntryKind.UNLABELLED;
      state.entries.forEach((entry, i) => {
        if (entry.kind === EntryKind.LEARN || (late && i === index))
          state.entries[i] = { ticket: 0, stamp: 0, label: 0, kind: EntryKind.FREE };
      });
    } else if (index === this.#spare) state.take(index, ticket, label, EntryKind.LEARN);
    else Object.assign(state.entries[index]!, { ticket, label, kind: EntryKind.LEARN });
    this.#settle(state);
  }

  /** What is added up of an entry. */
  #sample(index: number, label: number): Projected {
    return { p: this.#ring[index]!.joined.subarray(0, this.spec.projection.rank), label };
  }

  /** Samples into the sums. */
  #update(samples: readonly Projected[]): void {
    this.#makeHead(fold(this.sums, samples, this.spec.decay));
  }

  /** The free bank has `sums`, and the head that they make, from now on. */
  #makeHead(sums: Sums): void {
    const { weights, bias, multiplier, shift }: Head = rebuild(sums, this.spec);
    this.#bank = this.#bank === 1 ? 2 : 1;
    this.step++;
    this.#banks[this.#bank] = {
      weights,
      bias,
      multipliers: Int32Array.of(multiplier),
      shifts: Int32Array.of(shift),
      sums,
    };
  }
}

/** The next spare entry: a free one, or the oldest without a label, which is dropped. */
function freed(state: LearningState): number {
  const free = state.entries.findIndex(({ kind }) => kind === EntryKind.FREE);
  if (free >= 0) return free;
  const oldest = oldestOf(state.of(EntryKind.UNLABELLED));
  const index = state.entries.indexOf(oldest);
  state.entries[index] = { ticket: 0, stamp: 0, label: 0, kind: EntryKind.FREE };
  return index;
}
