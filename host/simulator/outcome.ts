import type { Random } from '../math/random.js';
import type { CutOutcome } from './nvm.js';

/** A cut that keeps, drops, tears and reorders unsynced writes as the seed says. */
export function randomOutcome(random: Random): CutOutcome {
  const keep = random.integer(5);
  const salt = random.uint32();
  return {
    order: (count) => random.shuffle(Array.from({ length: count }, (_, i) => i)),
    // One fate a unit, whatever the order: a hash of (write, unit) against 0, 1/4, 1/2, 3/4 or 1.
    keeps: (write, unit) => {
      let h = Math.imul(
        salt ^ Math.imul(write + 1, 0x9e3779b1) ^ Math.imul(unit + 1, 0x85ebca77),
        0xc2b2ae3d,
      );
      h ^= h >>> 15;
      return ((h >>> 8) & 3) < keep;
    },
  };
}
