// What widths are proved by: intervals and tests of them, against numbers. Programs in C of such widths: emit-c.test.ts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import binaryen from 'binaryen';
import { assume, decide, opposite, TESTS } from '../host/firmware/widths/compare.js';
import { widelyUsed } from '../host/firmware/widths/demand.js';
import * as interval from '../host/firmware/widths/interval.js';
import type { Interval } from '../host/firmware/widths/interval.js';
import { Random } from '../host/math/random.js';
import { parseModule } from '../host/toolchain/wasm-binary.js';
import { readInterface } from '../host/toolchain/wasm-interface.js';

const random = new Random(7);
const EDGES = [
  0, 1, 2, 7, 127, 128, 255, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** A number of any size, often near an edge. */
function number(): number {
  const near = EDGES[random.integer(EDGES.length)]! + random.integer(5) - 2;
  return (random.integer(3) === 0 ? random.integer(2 ** 32) : near) >>> 0;
}

const has = ({ u0, u1, s0, s1 }: Interval, value: number): boolean =>
  u0 <= value >>> 0 && value >>> 0 <= u1 && s0 <= (value | 0) && (value | 0) <= s1;

/** Some numbers, and an interval that holds them. */
function some(): { values: number[]; range: Interval } {
  const values = Array.from({ length: 1 + random.integer(3) }, number);
  return { values, range: values.map(interval.constant).reduce(interval.join) };
}

type Operation = [(a: Interval, b: Interval) => Interval, (a: number, b: number) => number];
const operations: Record<string, Operation> = {
  add: [interval.add, (a, b) => a + b],
  subtract: [interval.subtract, (a, b) => a - b],
  multiply: [interval.multiply, Math.imul],
  and: [interval.and, (a, b) => a & b],
  or: [interval.or, (a, b) => a | b],
  xor: [interval.xor, (a, b) => a ^ b],
  shiftLeft: [interval.shiftLeft, (a, b) => a << b],
  shiftRight: [interval.shiftRight, (a, b) => a >>> b],
  shiftRightSigned: [interval.shiftRightSigned, (a, b) => a >> b],
  divide: [interval.divide, (a, b) => Math.trunc((a | 0) / (b | 0))],
  divideUnsigned: [interval.divide, (a, b) => Math.trunc(a / b)],
  remainder: [interval.remainder, (a, b) => (a | 0) % (b | 0)],
  remainderUnsigned: [interval.remainder, (a, b) => a % b],
};

test('an operation on intervals holds every result of its members', () => {
  for (const [name, [range, exact]] of Object.entries(operations)) {
    for (let i = 0; i < 3000; i++) {
      const [a, b] = [some(), some()];
      const found = range(a.range, b.range);
      for (const x of a.values) {
        for (const y of b.values) {
          if (y === 0 && /divide|remainder/.test(name)) continue;
          assert.ok(has(found, exact(x, y) >>> 0), `${name} ${x} ${y}: ${JSON.stringify(found)}`);
        }
      }
    }
  }
});

const holds: Record<string, (a: number, b: number) => boolean> = {
  ...{ eq: (a, b) => a === b, ne: (a, b) => a !== b },
  ...{ lt_s: (a, b) => (a | 0) < (b | 0), lt_u: (a, b) => a < b, gt_s: (a, b) => (a | 0) > (b | 0) },
  ...{ gt_u: (a, b) => a > b, le_s: (a, b) => (a | 0) <= (b | 0), le_u: (a, b) => a <= b },
  ...{ ge_s: (a, b) => (a | 0) >= (b | 0), ge_u: (a, b) => a >= b },
};

test('a test keeps the operands that it holds for, and decides nothing else', () => {
  for (const name of TESTS) {
    let decided = 0;
    for (let i = 0; i < 3000; i++) {
      const [a, b] = [some(), some()];
      const both = assume(name, a.range, b.range);
      const answer = decide(name, a.range, b.range);
      if (interval.only(answer) !== undefined) decided++;
      for (const x of a.values) {
        for (const y of b.values) {
          const is = holds[name]!(x, y);
          assert.is(holds[opposite(name)]!(x, y), !is);
          if (is) assert.ok(both && has(both[0], x) && has(both[1], y), `${name} ${x} ${y}`);
          assert.ok(has(answer, Number(is)), `${name} ${x} ${y}`);
        }
      }
    }
    assert.ok(decided > 300, `${name}: ${decided}`);
  }
});

test('joined, met and widened intervals hold what they are of', () => {
  for (let i = 0; i < 3000; i++) {
    const [a, b] = [some(), some()];
    const wide = interval.widen(a.range, interval.join(a.range, b.range));
    for (const x of [...a.values, ...b.values]) assert.ok(has(wide, x));
    const both = interval.meet(a.range, b.range);
    for (const x of a.values) if (has(b.range, x)) assert.ok(both && has(both, x));
  }
});

test('a local that is compared matters in all its bits, however much is known of it where it is read', () => {
  const wat = `(module (memory 1) (func (param i32) (result i32) (local i32)
    (local.set 1 (i32.load (local.get 0)))
    (i32.lt_s (local.get 1) (i32.const 100))))`;
  const built = binaryen.parseText(wat);
  const module = parseModule(built.emitBinary());
  built.dispose();
  const known = { local: () => false, returns: () => false, result: () => true };
  const isWide = widelyUsed(module, readInterface(module), known);
  const { index } = module.bodies[0]!;
  assert.ok(isWide(index, 1));
  // The address is one of 16 bits.
  assert.not(isWide(index, 0));
});

test.run();
