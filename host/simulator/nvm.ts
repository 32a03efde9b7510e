// Simulated non-volatile memory: bytes that outlive power, and writes that are only durable after a barrier.

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

  /** `lineBytes`: what memory writes or checks as one (ECC): a cut spoils each line that an unsynced write falls in. */
  constructor(bytes: number, { tearUnit = 1, lineBytes = 1 } = {}) {
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
  }

  write(address: number, bytes: Uint8Array): void {
    this.present.set(bytes, address);
    this.#pending.push({ address, bytes: bytes.slice() });
  }

  /** Barrier: what was written before is durable. */
  sync(): void {
    for (const { address, bytes } of this.#pending) this.cells.set(bytes, address);
    this.#pending = [];
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
    this.#pending = [];
    for (const index of outcome.order(pending.length)) {
      const { address, bytes } = pending[index]!;
      for (let at = 0; at < bytes.length;) {
        const unit = Math.floor((address + at) / this.tearUnit);
        const next = Math.min((unit + 1) * this.tearUnit - address, bytes.length);
        if (outcome.keeps(index, unit)) this.cells.set(bytes.subarray(at, next), address + at);
        at = next;
      }
    }
    for (const { address, bytes } of pending) {
      const [from, to] = this.#lines(address, bytes.length);
      if (this.lineBytes > 1) this.cells.fill(SPOILT, from, to);
      this.present.set(this.cells.subarray(from, to), from);
    }
  }
}
