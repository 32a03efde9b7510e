// Where buffers lie in NVM, and where they overlap at the price of a commit.
import { ALIGNMENT, OP_FLAG_COMMIT } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import type { Buffer, Step } from './step.js';

const align = (address: number): number => Math.ceil(address / ALIGNMENT) * ALIGNMENT;

/** How much NVM there is, and whether buffers may overlap in it. */
export interface NvmLimits {
  nvmBytes: number;
  overlap: boolean;
  /** Mandatory commits that overlapping may ask for where NVM would hold all buffers side by side; default 0. */
  commits?: number;
}

/** A way to lay buffers out: their addresses, and where the last of them ends. */
interface Layout {
  addresses: Map<Buffer, number>;
  end: number;
}

/** From the first to the last step in which a buffer's bytes are its own. */
type Lives = (buffer: Buffer) => readonly [first: number, last: number];

/** Places `buffers` one after the other, each as low as those leave room that live at the same time. */
function firstFit(buffers: readonly Buffer[], start: number, lives: Lives): Layout {
  const addresses = new Map<Buffer, number>();
  const placed: { from: number; to: number; first: number; last: number }[] = [];
  let end = start;
  for (const buffer of buffers) {
    const [first, last] = lives(buffer);
    let from = start;
    // They are in order of address.
    for (const other of placed) {
      if (other.last < first || last < other.first) continue;
      if (from + buffer.bytes <= other.from) break;
      from = Math.max(from, other.to);
    }
    const to = align(from + buffer.bytes);
    addresses.set(buffer, from);
    const index = placed.findIndex((other) => other.from > from);
    placed.splice(index < 0 ? placed.length : index, 0, { from, to, first, last });
    end = Math.max(end, to);
  }
  return { addresses, end };
}

const sideBySide: Lives = () => [0, Number.POSITIVE_INFINITY];

/**
 * Lives of buffers where a commit may be mandatory behind each of the steps `commits`: what was read since the last of them is
 * not written over, so a buffer's bytes are free from the first of them on that is not before its last reader.
 */
function livesWith(commits: ReadonlySet<number>): Lives {
  const inOrder = [...commits].sort((a, b) => a - b);
  return ({ born, dies }) => [born, inOrder.find((step) => step >= dies) ?? Number.POSITIVE_INFINITY];
}

/** Bytes that live at the same time at most, and their sum over all steps. */
function demand(buffers: readonly Buffer[], steps: number, lives: Lives): [most: number, sum: number] {
  const change = new Array<number>(steps + 1).fill(0);
  for (const buffer of buffers) {
    const [first, last] = lives(buffer);
    change[Math.max(first, 0)]! += align(buffer.bytes);
    if (last + 1 < steps) change[last + 1]! -= align(buffer.bytes);
  }
  let [alive, most, sum] = [0, 0, 0];
  for (let step = 0; step < steps; step++) {
    alive += change[step]!;
    most = Math.max(most, alive);
    sum += alive;
  }
  return [most, sum];
}

/** Commits that are looked for one by one: more are not worth the time that takes. */
const MOST_CHOSEN = 32;

/** The steps behind which `count` commits save most: one after the other, each where it saves most beside those before. */
function bestCommits(buffers: readonly Buffer[], count: number): Set<number> {
  const steps = Math.max(...buffers.map(({ dies }) => dies)) + 1;
  if (count >= steps) return new Set(Array(steps).keys());
  const chosen = new Set<number>();
  while (chosen.size < Math.min(count, MOST_CHOSEN)) {
    let best: { step: number; most: number; sum: number } | undefined;
    for (let step = 0; step < steps; step++) {
      if (chosen.has(step)) continue;
      const [most, sum] = demand(buffers, steps, livesWith(new Set([...chosen, step])));
      if (!best || most < best.most || (most === best.most && sum < best.sum)) best = { step, most, sum };
    }
    chosen.add(best!.step);
  }
  return chosen;
}

/** The smaller of two layouts: in the order of their making, and the largest first. */
function overlapping(buffers: readonly Buffer[], start: number, commits: number): Layout {
  const lives = livesWith(bestCommits(buffers, commits));
  const inTime = firstFit(buffers, start, lives);
  const bySize = firstFit(
    [...buffers].sort((a, b) => b.bytes - a.bytes || a.born - b.born),
    start,
    lives,
  );
  return bySize.end < inTime.end ? bySize : inTime;
}

/** Marks the ops after which a commit is mandatory: where the next output lies over bytes read since the last one. */
export function markCommits(steps: readonly Step[]): void {
  let read: Buffer[] = [];
  steps.forEach(({ reads, writes }, index) => {
    const clash = read.some(
      (b) => b.address < writes.address + writes.bytes && writes.address < b.address + b.bytes,
    );
    if (clash) {
      const { record } = steps[index - 1]!.lowered;
      record.mark(OP_FLAG_COMMIT);
      read = [];
    }
    read.push(...reads.map(({ buffer }) => buffer));
  });
}

/**
 * Gives activations their addresses behind `start`; returns where NVM ends. They share bytes as far as `commits` allow, and as
 * far as they can where NVM holds them no other way.
 */
export function layActivations(
  activations: readonly Buffer[],
  start: number,
  { nvmBytes, overlap, commits = 0 }: NvmLimits,
): number {
  let layout = firstFit(activations, start, sideBySide);
  const tryCommits = (count: number): void => {
    const shared = overlapping(activations, start, count);
    if (shared.end < layout.end) layout = shared;
  };
  if (overlap && activations.length > 0) {
    if (commits > 0) tryCommits(commits);
    if (layout.end > nvmBytes) tryCommits(Number.POSITIVE_INFINITY);
  }
  for (const [buffer, address] of layout.addresses) buffer.address = address;
  if (layout.end <= nvmBytes) return layout.end;
  throw new BrownoutError({
    code: 'E_PLAN',
    found: `${layout.end} bytes of NVM needed`,
    expected: `at most ${nvmBytes}`,
    hint: overlap
      ? 'Take a part with more NVM, or compress the network further.'
      : 'The policy "never" cannot share buffers: choose another policy, or a part with more NVM.',
  });
}
