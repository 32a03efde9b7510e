// The simulated NVM against a model of single bytes: what a cut may keep, drop, tear and reorder, and what it may not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../host/math/random.js';
import { SimulatedNvm, writtenThrough } from '../host/simulator/nvm.js';
import { randomOutcome } from '../host/simulator/outcome.js';

const TEAR_UNITS = [1, 2, 4, 8];
const BYTES = 48;

type Write = { address: number; bytes: number[] };

/** Values no two writes share. */
const fill = (address: number, length: number, first: number): Write => ({
  address,
  bytes: Array.from({ length }, (_, i) => first + i),
});

const permutations = (items: number[]): number[][] =>
  items.length < 2
    ? [items]
    : items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((p) => [item, ...p]));

/** A fresh NVM whose cells hold 200, 201, …. */
function oldNvm(tearUnit: number): SimulatedNvm {
  const nvm = new SimulatedNvm(BYTES, { tearUnit });
  nvm.load(Uint8Array.from({ length: BYTES }, (_, i) => 200 + i));
  return nvm;
}

/** Byte by byte: the last write in `order` that holds the byte and whose unit is kept. */
function expectedCells(
  writes: Write[],
  order: number[],
  tearUnit: number,
  keeps: (write: number, unit: number) => boolean,
): number[] {
  return Array.from({ length: BYTES }, (_, byte) => {
    let value = (200 + byte) & 255;
    for (const index of order) {
      const { address, bytes } = writes[index]!;
      const inside = byte >= address && byte < address + bytes.length;
      if (inside && keeps(index, Math.floor(byte / tearUnit))) value = bytes[byte - address]!;
    }
    return value;
  });
}

const put = (nvm: SimulatedNvm, { address, bytes }: Write): void =>
  nvm.write(address, Uint8Array.from(bytes));

test('unsynced writes are visible at once, durable only after the barrier, and copied', () => {
  for (const tearUnit of TEAR_UNITS) {
    const nvm = oldNvm(tearUnit);
    const source = Uint8Array.of(1, 2, 3, 4, 5);
    nvm.write(3, source);
    source.fill(99);
    assert.equal([...nvm.present.subarray(2, 9)], [202, 1, 2, 3, 4, 5, 208]);
    assert.equal([...nvm.cells.subarray(2, 9)], [202, 203, 204, 205, 206, 207, 208]);
    put(nvm, fill(5, 2, 50));
    assert.is(nvm.pendingBytes, 7);
    assert.equal([...nvm.present.subarray(3, 8)], [1, 2, 50, 51, 5], 'the later write over the earlier');
    nvm.sync();
    assert.is(nvm.pendingBytes, 0);
    assert.equal([...nvm.cells], [...nvm.present]);
  }
});

test('every order and every subset of tear units of overlapping writes reaches the cells as told', () => {
  for (const tearUnit of TEAR_UNITS) {
    const writes = [
      fill(tearUnit + 1, 2 * tearUnit, 1),
      fill(2 * tearUnit, tearUnit + 1, 60),
      fill(30, 2, 120),
    ];
    const units = writes.flatMap(({ address, bytes }, write) => {
      const first = Math.floor(address / tearUnit);
      const last = Math.floor((address + bytes.length - 1) / tearUnit);
      return Array.from({ length: last - first + 1 }, (_, i) => `${write}:${first + i}`);
    });
    const results = new Set<string>();
    for (const order of permutations([0, 1, 2])) {
      for (let mask = 0; mask < 2 ** units.length; mask++) {
        const kept = new Set(units.filter((_, bit) => (mask >> bit) & 1));
        const keeps = (write: number, unit: number): boolean => kept.has(`${write}:${unit}`);
        const nvm = oldNvm(tearUnit);
        for (const write of writes) put(nvm, write);
        nvm.cut({ order: () => order, keeps });
        const expected = expectedCells(writes, order, tearUnit, keeps);
        assert.equal([...nvm.cells], expected, `tear unit ${tearUnit}, order ${order}, kept ${[...kept]}`);
        assert.equal([...nvm.present], expected, 'the next boot reads the cells');
        assert.is(nvm.pendingBytes, 0);
        results.add(expected.join());
      }
    }
    assert.ok(results.size > 2 ** (units.length - 1), `only ${results.size} different outcomes`);
  }
});

test('a unit is torn whole: no cut splits an aligned group of its bytes', () => {
  for (const tearUnit of TEAR_UNITS) {
    let torn = 0;
    for (let seed = 0; seed < 2000; seed++) {
      const random = new Random(seed);
      const nvm = oldNvm(tearUnit);
      put(nvm, fill(8, 24, 1));
      nvm.cut(randomOutcome(random));
      const isNew = Array.from(nvm.cells.subarray(8, 32), (value, i) => value === 1 + i);
      for (let at = 0; at < 24; at += tearUnit) {
        const group = isNew.slice(at, at + tearUnit);
        assert.ok(
          group.every((yes) => yes === group[0]),
          `seed ${seed}, tear unit ${tearUnit}`,
        );
      }
      if (new Set(isNew).size === 2) torn++;
    }
    assert.ok(torn > 200, `only ${torn} torn writes`);
  }
});

test('what is behind a barrier is never lost, whatever happens to the writes after it', () => {
  for (let seed = 0; seed < 4000; seed++) {
    const random = new Random(seed);
    const nvm = oldNvm(TEAR_UNITS[seed % 4]!);
    const durable = [...nvm.cells];
    for (let round = 0; round < 4; round++) {
      const allowed = durable.map((value) => new Set([value]));
      const pending = Array.from({ length: random.integer(4) }, () => {
        const address = random.integer(BYTES - 8);
        return fill(address, 1 + random.integer(8), random.integer(190));
      });
      for (const write of pending) {
        put(nvm, write);
        write.bytes.forEach((value, i) => allowed[write.address + i]!.add(value));
      }
      if (random.integer(2)) {
        nvm.sync();
        for (const { address, bytes } of pending) durable.splice(address, bytes.length, ...bytes);
        nvm.cut(randomOutcome(random));
        assert.equal([...nvm.cells], durable, `seed ${seed}: a synced write was lost`);
      } else {
        nvm.cut(randomOutcome(random));
        nvm.cells.forEach((value, byte) =>
          assert.ok(allowed[byte]!.has(value), `seed ${seed}, byte ${byte}`),
        );
        durable.splice(0, BYTES, ...nvm.cells);
      }
      assert.equal([...nvm.present], durable);
    }
  }
});

test('a cut without further say lets everything through, in order', () => {
  const nvm = oldNvm(4);
  const writes = [fill(1, 9, 1), fill(6, 3, 70)];
  for (const write of writes) put(nvm, write);
  nvm.cut();
  assert.equal(
    [...nvm.cells],
    expectedCells(writes, [0, 1], 4, () => true),
  );
  assert.equal(writtenThrough.order(3), [0, 1, 2]);
});

test('mapTo: the device sees its NVM in place, and cuts still restore it', () => {
  for (const tearUnit of TEAR_UNITS) {
    const nvm = oldNvm(tearUnit);
    put(nvm, fill(16, 4, 1));
    const space = new Uint8Array(100).fill(7);
    nvm.mapTo(space.subarray(20, 20 + BYTES));
    assert.equal([...space.subarray(35, 41)], [215, 1, 2, 3, 4, 220], 'pending writes come along');
    put(nvm, fill(0, 2, 30));
    assert.equal([...space.subarray(18, 23)], [7, 7, 30, 31, 202]);
    nvm.cut({ order: writtenThrough.order, keeps: (write) => write === 1 });
    assert.equal([...space.subarray(20, 23)], [30, 31, 202]);
    assert.equal([...space.subarray(36, 40)], [216, 217, 218, 219], 'dropped');
    nvm.load(new Uint8Array(BYTES));
    assert.ok(space.subarray(20, 20 + BYTES).every((value) => value === 0));
    assert.ok(space.subarray(20 + BYTES).every((value) => value === 7) && space[19] === 7);
  }
});

test.run();
