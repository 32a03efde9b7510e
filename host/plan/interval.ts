// What the memory rule speaks of.

/** NVM bytes [start, end). */
export type Interval = readonly [start: number, end: number];

/** Mutable NVM that booting at a tile and finishing it may read (`enter` included), and may write. */
export interface Footprint {
  reads: Interval[];
  writes: Interval[];
}
