/**
 * A seeded generator of 32-bit integers: xoshiro128** (Blackman and Vigna, 2021), its state filled by splitmix32.
 * Integer operations only, so one seed gives one sequence on every machine.
 */
export class Random {
  private readonly state = new Uint32Array(4);

  constructor(seed: number) {
    for (let i = 0; i < 4; i++) {
      const z = (seed + Math.imul(i + 1, 0x9e3779b9)) | 0;
      const mixed = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      const again = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      this.state[i] = again ^ (again >>> 16);
    }
  }

  /** Where the sequence stands, to go on from with `restore`. */
  snapshot(): Uint32Array {
    return this.state.slice();
  }

  restore(snapshot: Uint32Array): void {
    this.state.set(snapshot);
  }

  /** The next integer in [0, 2³²). */
  uint32(): number {
    const s = this.state as unknown as [number, number, number, number];
    const scrambled = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 11);
    return scrambled;
  }

  /** A number in [low, high), uniform over 2²⁴ steps. */
  uniform(low: number, high: number): number {
    return low + ((high - low) * (this.uint32() >>> 8)) / 0x1000000;
  }

  /** An integer in [0, count), without bias. */
  integer(count: number): number {
    const limit = 0x100000000 - (0x100000000 % count);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % count;
    }
  }

  /** Shuffles in place (Fisher and Yates) and returns its argument. */
  shuffle<T extends Uint32Array | unknown[]>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const item = items[i];
      items[i] = items[j];
      items[j] = item;
    }
    return items;
  }
}

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
