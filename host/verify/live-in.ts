// LiveIn(c): the bytes that finishing a job from cursor c reads before it writes them (docs/VERIFY.md).
import type { Interval } from '../plan/interval.js';
import { assign, merge } from './interval.js';

/** What booting at a tile and finishing it reads, and what it writes. */
export interface Accesses {
  reads: readonly Interval[];
  writes: readonly Interval[];
}

/** Walks LiveIn from the first cursor to the last; linear in the bytes that tiles touch. */
export class LiveIn {
  /** 1 where the byte is in LiveIn of the present cursor. */
  readonly map: Uint8Array;
  /** For each tile what joins and what leaves LiveIn when it is done. */
  readonly #steps: { joins: Interval[]; leaves: Interval[] }[];
  #position = 0;
  /** Bytes that joined or left with the last `advance`. */
  changed: readonly Interval[] = [];

  /**
   * `final`: what must be right when the job is done, the answer. `kept`: what must stay right before cursor `settled`, should
   * the app cancel the job.
   */
  constructor(
    tiles: readonly Accesses[],
    { final, kept, settled }: { final: readonly Interval[]; kept: readonly Interval[]; settled: number },
    nvmBytes: number,
  ) {
    this.map = new Uint8Array(nvmBytes);
    assign(this.map, final, 1);
    this.#steps = new Array(tiles.length);
    for (let i = tiles.length - 1; i >= 0; i--) {
      const { reads, writes } = tiles[i]!;
      const joins = assign(this.map, writes, 0);
      const leaves = assign(this.map, i === settled - 1 ? merge([...reads, ...kept]) : reads, 1);
      this.#steps[i] = { joins, leaves };
    }
  }

  /** On to the next cursor. Returns what joined. */
  advance(): Interval[] {
    const { joins, leaves } = this.#steps[this.#position++]!;
    this.changed = [...leaves, ...joins];
    assign(this.map, leaves, 0);
    return assign(this.map, joins, 1);
  }
}
