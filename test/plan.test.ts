// The planner keeps the memory rule: footprints say what tiles do, and the checker agrees with the rule's definition.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import {
  CIRC_FACTOR,
  DENSE_GROUP,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  OP_FLAG_COMMIT,
  OP_INPUT,
  OP_KIND,
  OP_OUTPUT,
  OP_TILES,
  OpKind,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_DILATION,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../assembly/layout.js';
import { compileTightest, compileUnproved as compile } from './util/compile.js';
import type { CompileOptions } from '../host/compile/options.js';
import { Random } from '../host/math/random.js';
import { BrownoutError } from '../host/error.js';
import { type Image, readImage } from '../host/model/image.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { footprint } from '../host/plan/footprint.js';
import type { Interval } from '../host/plan/interval.js';
import { checkMemoryRule, type MemoryRuleInput } from '../host/plan/memory-rule.js';
import { OpRecord } from '../host/model/record.js';
import { type Build, makeDevice } from './util/devices.js';
import {
  between,
  circulantNetwork,
  convNetwork,
  denseNetwork,
  int8s,
  layered,
  lenet,
  maxPoolNetwork,
} from '../samples/networks.js';

/** A set of bytes, as sorted intervals that do not touch. */
function bytesOf(intervals: readonly Interval[]): string {
  const merged: [number, number][] = [];
  for (const [start, end] of [...intervals].filter(([s, e]) => s < e).sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return JSON.stringify(merged);
}

const contains = (outer: readonly Interval[], inner: readonly Interval[]): boolean =>
  bytesOf([...outer, ...inner]) === bytesOf(outer);

/** Runs a job a tile at a time and compares what the module does with what footprint.ts declares. */
function checkFootprints(image: Image, input: Int8Array, build: Build, what: string): number {
  let reads: Interval[] = [];
  let writes: Interval[] = [];
  const device = makeDevice(image, build, {
    observe: (access, address, length) => {
      if (access === 'view') reads.push([address, address + length]);
      else if (access === 'write') writes.push([address, address + length]);
    },
  });
  assert.is(device.boot(), Status.IDLE);
  assert.is(device.feed(input), input.length);
  assert.is(device.submit(1), Status.RUN);
  const mutable = image.input.offset;
  const bookkeeping: Interval[] = [image.slots, image.diagnostics].map((r) => [r.offset, r.offset + r.bytes]);
  let tiles = 0;
  image.ops.forEach((op, index) => {
    for (let tile = 0; tile < op.get(OP_TILES); tile++) {
      const where = `${what}, ${build}, op ${index}, tile ${tile}`;
      const declared = footprint(op, tile);
      const observe = (): { reads: Interval[]; writes: Interval[] } => {
        [reads, writes] = [[], []];
        assert.ok(device.run(1) >= 0);
        const immutable = reads.filter(([, end]) => end <= mutable);
        const outside = reads.filter(([start, end]) => start < mutable && end > mutable);
        assert.is(outside.length, 0, `${where} reads across the border of the image`);
        assert.ok(contains([[0, mutable]], immutable));
        const own = writes.filter(([start]) => start >= mutable);
        assert.ok(
          contains(
            bookkeeping,
            writes.filter(([start]) => start < mutable),
          ),
          `${where} writes the image`,
        );
        return { reads: reads.filter(([start]) => start >= mutable), writes: own };
      };
      // As the job goes on: `enter` only where the op starts.
      const before = device.nvm.present.slice();
      const going = observe();
      const after = device.nvm.present.slice();
      assert.ok(contains(declared.reads, going.reads), `${where} reads ${bytesOf(going.reads)}`);
      assert.is(bytesOf(going.writes), bytesOf(declared.writes), `${where} writes`);
      // The same tile as the first after a boot: `enter` and tile. The next one then goes on from here.
      device.nvm.load(before);
      assert.is(device.boot(), Status.RUN);
      const booted = observe();
      assert.is(bytesOf(booted.reads), bytesOf(declared.reads), `${where} reads after a boot`);
      assert.is(bytesOf(booted.writes), bytesOf(declared.writes), `${where} writes after a boot`);
      assert.equal(device.nvm.present.subarray(mutable), after.subarray(mutable), `${where}: other bytes`);
      tiles++;
    }
  });
  assert.is(device.status(), Status.DONE);
  return tiles;
}

test('footprints equal what the module reads and writes, tile by tile', () => {
  let tiles = 0;
  const check = (name: string, seed: number, network: QuantizedNetwork, arenaBytes: number): void => {
    const image = readImage(compile(network, { arenaBytes, policy: 'every 1' }));
    const input = int8s(new Random(seed), elementCount(network.tensors[network.input]!));
    tiles += checkFootprints(image, input, seed % 3 ? 'scalar' : 'in-place', `${name} seed ${seed}`);
  };
  for (let seed = 1; seed <= 150; seed++) {
    const random = new Random(seed);
    const arenaBytes = seed % 2 ? 3840 : between(random, 1200, 2200);
    check('conv', seed, convNetwork(random), arenaBytes);
    check('pool', seed, maxPoolNetwork(random), seed % 2 ? 3840 : between(random, 192, 260));
    check('dense', seed, denseNetwork(random, seed % 5 ? 80 : 1500), arenaBytes);
    for (const method of ['direct', 'ntt', 'karatsuba'] as const) {
      const blockSize = 2 ** between(random, 2, 5);
      const [inputs, outputs] = [between(random, 1, 3 * blockSize), between(random, 1, 5 * blockSize)];
      check(method, seed, circulantNetwork(random, { blockSize, inputs, outputs, method }), 1700);
    }
  }
  check('layered', 1, layered(new Random(1)), 400);
  check('lenet', 1, lenet(new Random(1)), 4096);
  assert.ok(tiles > 2000, `${tiles} tiles`);
});

const isMandatory = (op: OpRecord): boolean => op.has(OP_FLAG_COMMIT);

/** The verdict of `check`: what E_MEMORY_RULE found, or nothing. */
function violationOf(input: MemoryRuleInput): string | undefined {
  try {
    checkMemoryRule(input);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof BrownoutError, String(error));
    assert.is(error.code, 'E_MEMORY_RULE');
    return error.found;
  }
}

test('sabotaged plans are refused, with op, tile and byte named', () => {
  const network = layered(new Random(8));
  const image = compileTightest(network, { policy: 'every 1' });
  const rule = (edit: (ops: OpRecord[]) => void): string | undefined => {
    const ops = image.ops.map((op) => new OpRecord(op.bytes.slice()));
    edit(ops);
    return violationOf({
      ops,
      nvmBytes: image.nvmBytes,
      mutable: [image.input.offset, image.nvmBytes],
      retained: [[image.input.offset, image.input.offset + image.input.bytes]],
      nameOf: (op) => image.metadata.ops[op]!,
    });
  };
  assert.is(
    rule(() => {}),
    undefined,
  );
  const refused = (pattern: RegExp, edit: (ops: OpRecord[]) => void): void => {
    assert.match(rule(edit) ?? 'accepted', pattern);
  };
  // In place.
  for (let i = 1; i < image.ops.length; i++) {
    refused(new RegExp(`op ${i} .*tile 0 writing byte \\d+, read`), (ops) =>
      ops[i]!.set(OP_OUTPUT, ops[i]!.get(OP_INPUT)),
    );
  }
  // Each mandatory commit is needed.
  image.ops.forEach((op, i) => {
    if (!isMandatory(op)) return;
    refused(/writing byte \d+, read since/, (ops) => ops[i]!.unmark(OP_FLAG_COMMIT));
  });
  const last = image.ops.length - 1;
  refused(/writing the job's input/, (ops) => ops[last]!.set(OP_OUTPUT, image.input.offset));
  refused(/writing the job's input/, (ops) =>
    ops[last]!.set(OP_OUTPUT, image.input.offset + image.input.bytes - 1),
  );
  for (const address of [
    0,
    image.slots.offset,
    image.input.offset - 1,
    image.nvmBytes - 4,
    image.nvmBytes,
    0x7fffff00,
  ]) {
    refused(/writing bytes .* outside/, (ops) => ops[last]!.set(OP_OUTPUT, address));
  }
  for (const address of [0, image.diagnostics.offset, image.nvmBytes - 3, -4]) {
    refused(/reading bytes .* outside/, (ops) => ops[0]!.set(OP_INPUT, address));
  }
});

/** A small op at random addresses: dense, or pooling of a 1-channel map (whose tiles read only some rows). */
function randomOp(random: Random): OpRecord {
  const op = new OpRecord();
  if (random.integer(2)) {
    const outputs = 1 + random.integer(5);
    const group = 1 + random.integer(outputs);
    op.set(OP_KIND, OpKind.DENSE);
    op.set(DENSE_INPUTS, 1 + random.integer(6));
    op.set(DENSE_OUTPUTS, outputs);
    op.set(DENSE_GROUP, group);
    op.set(OP_TILES, Math.ceil(outputs / group));
  } else {
    const [height, width, kernel] = [1 + random.integer(3), 1 + random.integer(3), 1];
    const columns = 1 + random.integer(width);
    op.set(OP_KIND, OpKind.MAX_POOL);
    op.set(WIN_INPUT_HEIGHT, height);
    op.set(WIN_INPUT_WIDTH, width);
    op.set(WIN_INPUT_CHANNELS, 1);
    op.set(WIN_OUTPUT_WIDTH, width);
    op.set(WIN_OUTPUT_CHANNELS, 1);
    op.setPair(WIN_KERNEL, [kernel, kernel]);
    op.setPair(WIN_STRIDE, [1, 1]);
    op.setPair(WIN_DILATION, [1, 1]);
    op.set(WIN_TILE_COLUMNS, columns);
    op.set(OP_TILES, height * Math.ceil(width / columns));
  }
  op.set(OP_INPUT, 6 + random.integer(54));
  op.set(OP_OUTPUT, 10 + random.integer(50));
  if (random.integer(2)) op.mark(OP_FLAG_COMMIT);
  return op;
}

/** The rule from its definition: W(j) is disjoint from LiveIn(c) for every recoverable c. */
function keepsRule({ ops, mutable, retained }: MemoryRuleInput): boolean {
  const tiles: { reads: Set<number>; writes: Set<number> }[] = [];
  /** For each tile, the first cursor that is recoverable while it runs. */
  const oldest: number[] = [];
  const expand = (intervals: readonly Interval[]): Set<number> => {
    const bytes = new Set<number>();
    for (const [start, end] of intervals) for (let at = start; at < end; at++) bytes.add(at);
    return bytes;
  };
  let committed = 0;
  for (const op of ops) {
    for (let tile = 0; tile < op.get(OP_TILES); tile++) {
      const { reads, writes } = footprint(op, tile);
      tiles.push({ reads: expand(reads), writes: expand(writes) });
      oldest.push(committed);
    }
    if (isMandatory(op)) committed = tiles.length;
  }
  const liveIn = (cursor: number): Set<number> => {
    const live = new Set<number>();
    const written = new Set<number>();
    for (const { reads, writes } of tiles.slice(cursor)) {
      for (const byte of reads) if (!written.has(byte)) live.add(byte);
      for (const byte of writes) written.add(byte);
    }
    return live;
  };
  const kept = expand(retained);
  const lives = tiles.map((_, cursor) => liveIn(cursor));
  return tiles.every(({ reads, writes }, j) => {
    for (const byte of [...reads, ...writes]) if (byte < mutable[0] || byte >= mutable[1]) return false;
    for (const byte of writes) {
      if (kept.has(byte)) return false;
      for (let cursor = oldest[j]!; cursor <= j; cursor++) if (lives[cursor]!.has(byte)) return false;
    }
    return true;
  });
}

test('the checker agrees with the definition of the rule on random plans', () => {
  const verdicts = { kept: 0, broken: 0, overlapping: 0 };
  for (let seed = 0; seed < 8000; seed++) {
    const random = new Random(seed);
    const ops = Array.from({ length: 1 + random.integer(4) }, () => randomOp(random));
    const input: MemoryRuleInput = {
      ops,
      nvmBytes: 72,
      mutable: [6, seed % 3 ? 72 : 62],
      retained: seed % 2 ? [] : [[6, 12]],
      nameOf: (op) => `op${op}`,
    };
    const keeps = keepsRule(input);
    const violation = violationOf(input);
    if (keeps !== (violation === undefined))
      assert.unreachable(`seed ${seed}: the checker says ${violation}`);
    verdicts[keeps ? 'kept' : 'broken']++;
    // Plans that are right only because of their mandatory commits.
    if (keeps) {
      const bare = ops.map((op) => new OpRecord(op.bytes.slice()));
      for (const op of bare) op.unmark(OP_FLAG_COMMIT);
      const without = violationOf({ ...input, ops: bare });
      assert.is(keepsRule({ ...input, ops: bare }), without === undefined, `seed ${seed} without commits`);
      if (without !== undefined) verdicts.overlapping++;
    }
  }
  assert.ok(verdicts.kept > 1500 && verdicts.broken > 1500, JSON.stringify(verdicts));
  assert.ok(verdicts.overlapping > 100, JSON.stringify(verdicts));
});

test('a charge that holds no tile of an op is refused by name, at the very capacitor where it begins', () => {
  const network = denseNetwork(new Random(2), 60_000);
  let named = '';
  const works = (capacitorUf: number): boolean => {
    try {
      compile(network, { capacitorUf });
      return true;
    } catch (error) {
      assert.ok(error instanceof BrownoutError && error.code === 'E_CHARGE', String(error));
      assert.match(error.found, '"dense"');
      named = /`capacitorUf` of ([\d.]+)uF/.exec(error.hint)![1]!;
      return false;
    }
  };
  let [low, high] = [1, 10_000];
  assert.not(works(low));
  assert.ok(works(high));
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (works(middle)) high = middle;
    else low = middle;
  }
  assert.ok(
    Number(named) >= high && works(Number(named)),
    `the capacitor that was named: ${named} for ${high}`,
  );
  // One row of the layer: what the smallest tile has to do.
  const macs = elementCount(network.tensors[0]!);
  assert.ok(high > macs / 2000 && high < macs, `${high} µF for ${macs} MACs`);
  for (const capacitorUf of [0, -1, Number.NaN, Infinity]) {
    assert.throws(
      () => compile(network, { capacitorUf }),
      (error: Error) => error.message.startsWith('E_OPTION'),
    );
  }
});

test('spectra are stored, or computed from a quarter of the constants', () => {
  const shape = { blockSize: 64, inputs: 256, outputs: 256, method: 'ntt' } as const;
  const network = circulantNetwork(new Random(7), shape);
  const factor = (image: Image): number => image.ops[0]!.get(CIRC_FACTOR);
  const stored = readImage(compile(network, { arenaBytes: 8192 }));
  const computed = readImage(compile(network, { arenaBytes: 8192, spectra: 'computed' }));
  assert.is(factor(stored), 0);
  assert.is.not(factor(computed), 0);
  // 256·256/64 weights, at four bytes and at one.
  assert.is(stored.imageBytes - computed.imageBytes, 3 * 1024);
  assert.is(stored.nvmBytes, computed.nvmBytes);
  const wrong = { spectra: 'none' } as unknown as CompileOptions;
  assert.throws(
    () => compile(network, wrong),
    (error: unknown) => (error as BrownoutError).code === 'E_OPTION',
  );
});

test.run();
