// Random numbers as hashes of what they are for: computed again, they are the same (docs/LEARNING.md §3).
import { C_STEP, T_SEED } from '../layout';
import { CURSOR, LEARN } from '../sram';

/** The finalizer of MurmurHash3. */
function mix(h: u32): u32 {
  h ^= h >>> 16;
  h *= 0x85ebca6b;
  h ^= h >>> 13;
  h *= 0xc2b2ae35;
  return h ^ (h >>> 16);
}

/** A number for the present step and (a, b). */
export function key(a: u32, b: u32): u32 {
  return mix(
    load<u32>(LEARN, T_SEED) + load<u32>(CURSOR, C_STEP) * 0x9e3779b1 + a * 0x85ebca77 + b * 0xc2b2ae3d,
  );
}

/** 16 random bits, the `index`-th of a key's. */
export function draw(key: u32, index: u32): i32 {
  const h = mix(key + (index >>> 1) * 0x9e3779b1);
  return index & 1 ? h >>> 16 : h & 0xffff;
}
