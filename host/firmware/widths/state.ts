// What is known at a point of a program: of its locals, its operands, and the words of SRAM below the arena.
import { assume, opposite, type Test } from './compare.js';
import { ANY, equal, type Interval, join, meet, widen } from './interval.js';

/** An operand: what it may be, and where it comes from, so that a test of it tells something. */
export interface Operand {
  range: Interval;
  /** The local that it was read from, and how often that had been set. */
  local?: { index: number; version: number };
  test?: { test: Test; a: Operand; b: Operand };
}

export const operand = (range: Interval): Operand => ({ range });

/** Mutable; `copy` before a branch. */
export class State {
  constructor(
    public locals: Interval[],
    public versions: number[],
    public stack: Operand[],
    /** Words at addresses below the arena; never changed, but replaced. */
    public memory: ReadonlyMap<number, Interval>,
  ) {}

  copy(): State {
    return new State([...this.locals], [...this.versions], [...this.stack], this.memory);
  }

  get(index: number): Operand {
    return { range: this.locals[index]!, local: { index, version: this.versions[index]! } };
  }

  set(index: number, range: Interval): void {
    this.locals[index] = range;
    this.versions[index]!++;
  }

  /** What holds besides where `value` is `truth`. False where it never is. */
  suppose(value: Operand, truth: boolean): boolean {
    const zero = operand({ u0: 0, u1: 0, s0: 0, s1: 0 });
    const { test, a, b } = value.test ?? { test: 'ne' as Test, a: value, b: zero };
    const found = assume(truth ? test : opposite(test), a.range, b.range);
    if (!found) return false;
    return this.#narrow(a, found[0]) && this.#narrow(b, found[1]);
  }

  #narrow(value: Operand, range: Interval): boolean {
    const { local, test } = value;
    if (local && this.versions[local.index] === local.version) {
      const both = meet(this.locals[local.index]!, range);
      if (!both) return false;
      this.locals[local.index] = both;
    }
    // A flag that was compared with zero.
    if (test && range.u0 === range.u1) return this.suppose(value, range.u0 !== 0);
    return true;
  }
}

/** Combines by `how` whatever two ways to a point know; operands beyond the `height` first keep their ranges alone. */
function combined(a: State, b: State, how: (a: Interval, b: Interval) => Interval): State {
  const locals = a.locals.map((range, i) => how(range, b.locals[i]!));
  const versions = a.versions.map((version, i) => Math.max(version, b.versions[i]!) + 1);
  const stack = a.stack.map((value, i) => operand(how(value.range, b.stack[i]!.range)));
  return new State(locals, versions, stack, a.memory === b.memory ? a.memory : combinedWords(a, b, how));
}

function combinedWords(
  a: State,
  b: State,
  how: (a: Interval, b: Interval) => Interval,
): Map<number, Interval> {
  const memory = new Map<number, Interval>();
  for (const [address, range] of a.memory) {
    const other = b.memory.get(address);
    if (other) memory.set(address, how(range, other));
  }
  return memory;
}

/** What holds whichever way a point was reached. */
export const joined = (a: State | undefined, b: State): State => (a ? combined(a, b, join) : b);

/** The same for a loop: bounds that move go far. */
export const widened = (before: State, after: State): State =>
  combined(before, after, (a, b) => widen(a, join(a, b)));

/** Whether both know the same. */
export function isSame(a: State, b: State): boolean {
  if (a.memory !== b.memory) {
    if (a.memory.size !== b.memory.size) return false;
    for (const [address, range] of a.memory) if (!equal(range, b.memory.get(address) ?? ANY)) return false;
  }
  return a.locals.every((range, i) => equal(range, b.locals[i]!));
}
