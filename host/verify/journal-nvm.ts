// NVM that keeps a journal, so that what a cut leaves behind can be had without a boot.
import { Random } from '../math/random.js';
import { type CutOutcome, SimulatedNvm, writtenThrough } from '../simulator/nvm.js';
import { randomOutcome } from '../simulator/outcome.js';
import type { Cut } from './schedule.js';

/** A write, or a barrier. */
export type Access = { address: number; bytes: Uint8Array } | 'sync';

/** Bytes of a journal above which a first boot is played instead. */
const MOST_JOURNAL = 1 << 17;

const dropped: CutOutcome = { order: () => [], keeps: () => false };

/** What becomes of writes not behind a barrier. */
export const outcomeOf = (unsynced: Cut['unsynced']): CutOutcome => {
  if (typeof unsynced === 'number') return randomOutcome(new Random(unsynced));
  return unsynced === 'written' ? writtenThrough : dropped;
};

/** NVM that writes down what is done to it, where asked, until that is too much. */
export class JournalNvm extends SimulatedNvm {
  journal: Access[] | undefined;
  #bytes = 0;

  begin(keeps: boolean): void {
    this.journal = keeps ? [] : undefined;
    this.#bytes = 0;
  }

  override write(address: number, bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes > MOST_JOURNAL) this.journal = undefined;
    this.journal?.push({ address, bytes: bytes.slice() });
    super.write(address, bytes);
  }

  override sync(): void {
    this.journal?.push('sync');
    super.sync();
  }
}
