// Sets of NVM bytes as sorted, disjoint intervals.
import type { Interval } from '../plan/interval.js';

/** Sorted and joined where they touch. */
export function merge(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].filter(([start, end]) => end > start).sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [start, end] of sorted) {
    const last = merged[merged.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** The part of `intervals` in [from, to). */
export function within(intervals: readonly Interval[], from: number, to: number): Interval[] {
  return intervals
    .map(([start, end]): Interval => [Math.max(start, from), Math.min(end, to)])
    .filter(([start, end]) => end > start);
}

/** Bytes in all. */
export const size = (intervals: readonly Interval[]): number =>
  intervals.reduce((sum, [start, end]) => sum + end - start, 0);

/** Runs of bytes of `map` in `intervals` for which `map` is not `value`, as intervals; they become `value`. */
export function assign(map: Uint8Array, intervals: readonly Interval[], value: number): Interval[] {
  const changed: [number, number][] = [];
  for (const [start, end] of intervals) {
    for (let at = start; at < end; at++) {
      if (map[at] === value) continue;
      map[at] = value;
      const last = changed[changed.length - 1];
      if (last && last[1] === at) last[1] = at + 1;
      else changed.push([at, at + 1]);
    }
  }
  return changed;
}
