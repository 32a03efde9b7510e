// NVM of a probe with snapshots that cost what differs: pages that nobody wrote are shared between them.
import type { Interval } from '../plan/interval.js';
import type { Probe } from './probe.js';

const PAGE_BYTES = 1024;

/** A snapshot of NVM, page by page. */
export type Pages = readonly Uint8Array[];

/** Takes and loads snapshots of a probe's NVM; writes from outside go through `Probe.place`. */
export class PagedNvm {
  /** What NVM held when it was last taken or loaded; undefined where it was written since, or never taken. */
  readonly #pages: (Uint8Array | undefined)[];

  constructor(readonly probe: Probe) {
    this.#pages = new Array(Math.ceil(probe.nvm.length / PAGE_BYTES)).fill(undefined);
  }

  take(): Pages {
    this.#forgetWritten();
    const { nvm } = this.probe;
    return this.#pages.map((page, i) => {
      const taken = page ?? nvm.slice(i * PAGE_BYTES, (i + 1) * PAGE_BYTES);
      this.#pages[i] = taken;
      return taken;
    });
  }

  load(pages: Pages): void {
    this.#forgetWritten();
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]!;
      if (this.#pages[i] === page) continue;
      this.probe.nvm.set(page, i * PAGE_BYTES);
      this.#pages[i] = page;
    }
  }

  /** Loads a snapshot and puts `intervals` of what NVM holds now over it. */
  loadUnder(pages: Pages, intervals: readonly Interval[]): void {
    const kept = intervals.map(([from, to]) => this.probe.nvm.slice(from, to));
    this.load(pages);
    intervals.forEach(([from], i) => this.probe.place(from, kept[i]!));
  }

  #forgetWritten(): void {
    for (const [from, to] of this.probe.wrote) {
      for (let i = Math.floor(from / PAGE_BYTES); i * PAGE_BYTES < to; i++) this.#pages[i] = undefined;
    }
    this.probe.wrote.length = 0;
  }
}
