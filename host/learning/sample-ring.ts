// The state bank: counters, the loss' means and the table of the sample ring (docs/LEARNING.md §2, §9).

export enum EntryKind {
  FREE = 0,
  UNLABELLED = 1,
  LEARN = 2,
  VALIDATION = 3,
}

export interface RingEntry {
  ticket: number;
  stamp: number;
  label: number;
  kind: EntryKind;
}

const FREE: Readonly<RingEntry> = { ticket: 0, stamp: 0, label: 0, kind: EntryKind.FREE };

const ENTRIES_AT = 64;
const ENTRY_BYTES = 8;
/** Stamps go round. */
const STAMPS = 2 ** 22;
/** Labelled samples before drift is looked for: until then the slow mean lags behind its start at 0. */
const DRIFT_FROM = 128;

/** The oldest entry, the first of equals: stamps go round, so that one up to half way round before another is older. */
export function oldestOf(entries: readonly RingEntry[]): RingEntry {
  return entries.reduce((a, b) => {
    const before = (a.stamp - b.stamp + STAMPS) % STAMPS;
    return before > 0 && before <= STAMPS / 2 ? b : a;
  });
}

export class LearningState {
  labelled = 0;
  stamp = 0;
  window = 0;
  lossFast = 0;
  lossSlow = 0;
  drifts = 0;
  rollbacks = 0;
  goodRight = 0;
  flags = 0;
  skipped = 0;
  lastLoss = 0;
  readonly entries: RingEntry[];

  constructor(entries: number) {
    this.entries = Array.from({ length: entries }, () => ({ ...FREE }));
  }

  of(kind: EntryKind): RingEntry[] {
    return this.entries.filter((entry) => entry.kind === kind);
  }

  /** A sample taken into entry `index`. */
  take(index: number, ticket: number, label: number, kind: EntryKind): void {
    this.stamp = (this.stamp + 1) >>> 0;
    this.entries[index] = { ticket, stamp: this.stamp, label, kind };
  }

  /** What a finished learn job leaves: its loss, whether it was right, whether it was passed over. */
  record(loss: number, right: boolean, skipped: boolean): void {
    this.labelled = (this.labelled + 1) >>> 0;
    this.window = ((this.window << 1) | (right ? 1 : 0)) >>> 0;
    this.lossFast += (loss - this.lossFast + 4) >> 3;
    this.lossSlow += (loss - this.lossSlow + 32) >> 6;
    const drift = this.labelled >= DRIFT_FROM && this.lossFast > this.lossSlow + (this.lossSlow >> 1) + 64;
    if (drift && (this.flags & 1) === 0) this.drifts++;
    this.flags = drift ? 1 : 0;
    this.lastLoss = loss;
    if (skipped) this.skipped++;
  }

  /** The entry that becomes spare: a free one, or one that is freed for it. */
  evict(validations: number): number {
    const free = this.entries.findIndex(({ kind }) => kind === EntryKind.FREE);
    if (free >= 0) return free;
    const oldest = oldestOf(this.victims(validations));
    const index = this.entries.indexOf(oldest);
    this.entries[index] = { ...FREE };
    return index;
  }

  private victims(validations: number): RingEntry[] {
    const held = this.of(EntryKind.VALIDATION);
    if (held.length > validations) return held;
    const unlabelled = this.of(EntryKind.UNLABELLED);
    if (2 * unlabelled.length > this.entries.length) return unlabelled;
    const learn = this.of(EntryKind.LEARN);
    if (learn.length === 0) return unlabelled.length > 0 ? unlabelled : held;
    const counts = new Map<number, number>();
    for (const { label } of learn) counts.set(label, (counts.get(label) ?? 0) + 1);
    const [label] = [...counts].reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a));
    return learn.filter((entry) => entry.label === label);
  }

  /** As a state bank has it. */
  bytes(): Uint8Array {
    const size = Math.ceil((ENTRIES_AT + ENTRY_BYTES * this.entries.length) / 16) * 16;
    const view = new DataView(new ArrayBuffer(size));
    const head = [this.labelled, this.stamp, this.window, this.lossFast, this.lossSlow, this.drifts];
    head.push(this.rollbacks, this.goodRight, this.flags, this.skipped, this.lastLoss);
    head.forEach((value, i) => {
      view.setUint32(4 * i, value, true);
    });
    this.entries.forEach(({ ticket, stamp, label, kind }, i) => {
      const at = ENTRIES_AT + ENTRY_BYTES * i;
      view.setUint32(at, ticket, true);
      view.setUint32(at + 4, (stamp % STAMPS) * 1024 + label * 4 + kind, true);
    });
    return new Uint8Array(view.buffer);
  }
}
