// What kernels do, counted from their records: how often each thing that costs something, by names that are the kernel's
// own, and what they read and write. What one of each costs on a body is in kernel-costs.ts; both together are the cost
// model (cost.ts). `npm run calibrate` holds it to counts.

/** How often a kernel does what. */
export type Counts = Readonly<Record<string, number>>;

/** What a kernel asks of the memories. Constants: of the image; state: activations, and what learns. */
export interface Access {
  constantViews: number;
  constantBytes: number;
  stateViews: number;
  stateBytes: number;
  writes: number;
  writtenBytes: number;
}

/** A piece of work. */
export interface Part {
  counts: Counts;
  access: Access;
}

/** What a record asks of a device. */
export interface Work {
  /** The row of the table of costs. */
  kernel: string;
  enter: Part;
  /** The dearest tile. */
  tile: Part;
  /** All tiles. */
  all: Part;
}

const FREE: Access = {
  constantViews: 0,
  constantBytes: 0,
  stateViews: 0,
  stateBytes: 0,
  writes: 0,
  writtenBytes: 0,
};
/** Nothing. */
export const NOTHING: Part = { counts: {}, access: FREE };

/** A piece of work that does `counts`; accesses left out are none. */
export const part = (counts: Counts, access: Partial<Access> = {}): Part => ({
  counts,
  access: { ...FREE, ...access },
});

/** Σ count · part. */
export function total(parts: Iterable<readonly [count: number, part: Part]>): Part {
  const counts: Record<string, number> = {};
  const access = { ...FREE };
  for (const [count, one] of parts) {
    for (const name in one.counts) counts[name] = (counts[name] ?? 0) + count * one.counts[name]!;
    access.constantViews += count * one.access.constantViews;
    access.constantBytes += count * one.access.constantBytes;
    access.stateViews += count * one.access.stateViews;
    access.stateBytes += count * one.access.stateBytes;
    access.writes += count * one.access.writes;
    access.writtenBytes += count * one.access.writtenBytes;
  }
  return { counts, access };
}

/** `part` as another kernel's than the record's: its counts are priced by that one's row. */
export const ofKernel = (kernel: string, { counts, access }: Part): Part => ({
  counts: Object.fromEntries(Object.entries(counts).map(([name, n]) => [`${kernel}.${name}`, n])),
  access,
});

/** Two pieces of work, one after the other. */
export const both = (first: Part, second: Part): Part =>
  total([
    [1, first],
    [1, second],
  ]);

/** `count` things in tiles of `group`: the work of a full tile, and of all of them. */
export function cut(count: number, group: number, tile: (size: number) => Part): Pick<Work, 'tile' | 'all'> {
  const size = Math.min(group, count);
  const full = Math.floor(count / size);
  const rest = count - full * size;
  const whole = tile(size);
  return { tile: whole, all: total([[full, whole], ...(rest > 0 ? [[1, tile(rest)] as const] : [])]) };
}
