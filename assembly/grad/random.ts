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

/** 32 random bits, number `pair` of a key's: two draws. */
export function drawPair(key: u32, pair: u32): u32 {
  return mix(key + pair * 0x9e3779b1);
}

/** 16 of the 32 bits of a pair: those of draw `index`. */
// @ts-ignore: decorator
@inline
export function halfOf(pair: u32, index: u32): i32 {
  return index & 1 ? pair >>> 16 : pair & 0xffff;
}

/** 16 random bits, the `index`-th of a key's. */
export function draw(key: u32, index: u32): i32 {
  return halfOf(drawPair(key, index >>> 1), index);
}
