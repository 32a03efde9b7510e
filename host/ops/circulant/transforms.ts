import type { Counts } from '../shared/work.js';

/** Transforms of larger blocks are plain C everywhere. */
export const LARGEST_FAST = 512;

/** `count` transforms of `k` values. Those of a size are counted one by one; larger ones grow as k · log k. */
export const transformCounts = (name: 'forward' | 'inverse', k: number, count: number): Counts =>
  k <= LARGEST_FAST
    ? { [`${name}${k}`]: count }
    : { [`${name}Point`]: count * k, [`${name}Fly`]: count * k * (31 - Math.clz32(k)) };
