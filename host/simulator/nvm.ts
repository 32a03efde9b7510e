// Simulated non-volatile memory: bytes that outlive power, and writes that are only durable after a barrier.
import { Random } from '../math/random.js';

interface PendingWrite {
  address: number;
  bytes: Uint8Array;
}

/** How a cut treats the writes since the last barrier. */
export interface CutOutcome {
  /** Order in which they reach the cells: a permutation of 0…count−1. */
  order(count: number): number[];
  /** Whether tear unit `unit` of write `write` reaches the cells. */
  keeps(write: number, unit: number): boolean;
}

/** Everything written reaches the cells, up to the byte where the power failed. */
export const writtenThrough: CutOutcome = {
  order: (count) => Array.from({ length: count }, (_, i) => i),
  keeps: () => true,
};

/** What a line reads as that a cut has spoilt. */
const SPOILT = 0x5c;

/**
 * NVM of a device that tears writes at `tearUnit` bytes and, between two barriers, may keep, drop, tear or reorder each.
 * `cells` is what survives a cut; `present` what this boot reads: its own unsynced writes included.
 */
export class SimulatedNvm {
  readonly cells: Uint8Array;
  readonly tearUnit: number;
  readonly lineBytes: number;
  #present: Uint8Array;
  #pending: PendingWrite[] = [];
  /** 1 for each byte of a line that a cut has spoilt until it is written again: memory with ECC answers a read with an error. */
  readonly #faulty: Uint8Array;
  /** What torn units may read as, by address; undefined where they read the same every time. */
  readonly #torn: Map<number, Uint8Array[]> | undefined;
  #random = new Random(0x7042);

  /**
   * `lineBytes`: what memory writes or checks as one (ECC): a cut spoils each line that an unsynced write falls in; until
   * its bytes are written again, reading them is an error (`readsAsError`).
   * `unstable`: what a cut has torn reads as before or as it was to be, anew after every cut, until it is written again.
   */
  constructor(bytes: number, { tearUnit = 1, lineBytes = 1, unstable = false } = {}) {
    this.#torn = unstable ? new Map() : undefined;
    this.#faulty = new Uint8Array(lineBytes > 1 ? bytes : 0);
    this.cells = new Uint8Array(bytes);
    this.#present = new Uint8Array(bytes);
    this.tearUnit = tearUnit;
    this.lineBytes = lineBytes;
  }

  get present(): Uint8Array {
    return this.#present;
  }

  /** Moves `present` to `place`: into the address space of a device that maps its NVM. */
  mapTo(place: Uint8Array): void {
    place.set(this.#present);
    this.#present = place;
  }

  /** Loads a snapshot: all cells at once, nothing pending. */
  load(snapshot: Uint8Array): void {
    this.cells.set(snapshot);
    this.present.set(snapshot);
    this.#pending = [];
    this.#faulty.fill(0);
    this.#torn?.clear();
    this.#random = new Random(0x7042);
  }

  /** Whether memory with ECC answers a read of these bytes with an error: a cut has spoilt some, not written since. */
  readsAsError(address: number, length: number): boolean {
    return this.#faulty.subarray(address, address + length).includes(1);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#faulty.fill(0, address, address + bytes.length);
    this.present.set(bytes, address);
    this.#pending.push({ address, bytes: bytes.slice() });
  }

  /** Barrier: what was written before is durable. */
  sync(): void {
    for (const { address, bytes } of this.#pending) {
      this.cells.set(bytes, address);
      for (const { unit } of this.#units(address, bytes.length)) this.#torn?.delete(unit);
    }
    this.#pending = [];
  }

  /** Tear units that a write falls in: the number of each, and its part of the write. */
  *#units(address: number, length: number): Generator<{ unit: number; from: number; to: number }> {
    for (let from = 0; from < length;) {
      const unit = Math.floor((address + from) / this.tearUnit);
      const to = Math.min((unit + 1) * this.tearUnit - address, length);
      yield { unit, from, to };
      from = to;
    }
  }

  /** Power is down: torn units settle on one of what they may read as, until the next cut. */
  #flicker(pending: readonly PendingWrite[], before: Uint8Array): void {
    const torn = this.#torn;
    if (!torn) return;
    const at = (unit: number): [number, number] => [unit * this.tearUnit, (unit + 1) * this.tearUnit];
    for (const { address, bytes } of pending)
      for (const { unit, from, to } of this.#units(address, bytes.length)) {
        const known = torn.get(unit) ?? [before.slice(...at(unit))];
        const next = known.at(-1)!.slice();
        next.set(bytes.subarray(from, to), address + from - unit * this.tearUnit);
        torn.set(unit, [...known, next]);
      }
    for (const [unit, values] of torn) {
      const value = values[this.#random.integer(values.length)]!;
      this.cells.set(value, unit * this.tearUnit);
      this.present.set(value, unit * this.tearUnit);
    }
  }

  /** Bytes of writes not yet behind a barrier. */
  get pendingBytes(): number {
    return this.#pending.reduce((sum, write) => sum + write.bytes.length, 0);
  }

  /** The bytes of whole lines that a write falls in. */
  #lines(address: number, bytes: number): [from: number, to: number] {
    const line = this.lineBytes;
    const to = Math.ceil((address + bytes) / line) * line;
    return [Math.floor(address / line) * line, Math.min(to, this.cells.length)];
  }

  /** Power fails: `outcome` decides what of the pending writes reached the cells. */
  cut(outcome: CutOutcome = writtenThrough): void {
    const pending = this.#pending;
    const before = this.#torn ? this.cells.slice() : this.cells;
    this.#pending = [];
    for (const index of outcome.order(pending.length)) {
      const { address, bytes } = pending[index]!;
      for (const { unit, from, to } of this.#units(address, bytes.length))
        if (outcome.keeps(index, unit)) this.cells.set(bytes.subarray(from, to), address + from);
    }
    for (const { address, bytes } of pending) {
      const [from, to] = this.#lines(address, bytes.length);
      if (this.lineBytes > 1) {
        this.cells.fill(SPOILT, from, to);
        this.#faulty.fill(1, from, to);
      }
      this.present.set(this.cells.subarray(from, to), from);
    }
    this.#flicker(pending, before);
  }
}
