// The proof: that it holds for what ships, that its parts are right, and what it says to wrong questions. That it fails
// where it must: sabotage.test.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ELT_ZERO_POINT2, OpKind, WIN_OUTPUT_CHANNELS } from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { BrownoutError } from '../host/error.js';
import { readImage, resealImage, withPolicy } from '../host/model/image.js';
import { fixedPolicy } from '../host/plan/policy.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { CutsPlayer } from '../host/verify/replay-cuts.js';
import { replayCuts } from '../host/verify/replay.js';
import { parseSchedule, scheduleId, type Schedule } from '../host/verify/schedule.js';
import { LiveIn } from '../host/verify/live-in.js';
import { setUp, verify } from '../host/verify/verify.js';
import { compileUnproved } from './util/compile.js';
import { circulantNetwork, dsCnn, int8s, layered } from '../samples/networks.js';

const checkpoints = new URL('../../checkpoints/', import.meta.url);
const digits = readImage(new Uint8Array(readFileSync(new URL('digits.brn', checkpoints))));
const POLICIES = ['every 1', 'every 8', 'low', 'never'];

function refusal(action: () => unknown): BrownoutError {
  try {
    action();
  } catch (error) {
    assert.instance(error, BrownoutError);
    return error as BrownoutError;
  }
  return assert.unreachable('no error') as never;
}

for (const name of readdirSync(checkpoints).filter((file) => file.endsWith('.brn'))) {
  test(`${name} is proved, and says so`, () => {
    const image = readImage(new Uint8Array(readFileSync(new URL(name, checkpoints))));
    const result = verify(image);
    assert.is(result.counterexample, null);
    assert.ok(result.proved && result.closed);
    assert.ok(image.metadata.proof);
    // Of images that learn: learn.test.ts.
    if (image.learning) return;
    assert.is(result.cursors, result.tiles + 1);
    assert.is(result.garbageFills, 4 * result.tiles);
    for (const [count, value] of Object.entries(image.metadata.proof!))
      assert.is(result[count as keyof typeof result], value, count);
  });
}

test('the digits image is proved under every policy, on both of its modules', () => {
  for (const policy of POLICIES) assert.ok(verify(digits, { policy }).proved, policy);
  assert.ok(verify(digits, { module: moduleBytes('digits') }).proved);
  assert.ok(verify(digits, { module: moduleBytes('device.simd') }).proved);
});

test('a charge that does not hold a tile is an error when the image is made', () => {
  // A transform, which was asked for, cannot be cut.
  const shape = { blockSize: 256, inputs: 256, outputs: 256, method: 'ntt' as const };
  const network = circulantNetwork(new Random(1), shape);
  const { code, found, expected } = refusal(() =>
    compile(network, { device: 'msp430fr5994', capacitorUf: 100 }),
  );
  assert.is(code, 'E_CHARGE');
  const [, takes] = /op "circulant".* (\d+) µJ \(simulated\)/.exec(found) ?? [];
  assert.ok(Number(takes) > 118, found);
  assert.match(expected, /118 µJ .* msp430fr5994/);
  const roomy = readImage(compile(network, { device: 'msp430fr5994', capacitorUf: 1000 }));
  assert.ok(verify(roomy).proved);
  const result = verify(roomy, { capacitorUf: 100 });
  assert.ok(!result.proved && result.stuck > 0 && result.violations === 0);
  assert.is(result.largestTileOp, 'circulant');
});

test('tear units, inputs and steps of progress', () => {
  const input = { dtype: 'int8' as const, shape: [28, 28, 1], data: int8s(new Random(4), 784) };
  let [last, all] = [0, 0];
  const onProgress = (done: number, total: number): void => {
    assert.ok(done >= last && done <= total);
    [last, all] = [done, total];
  };
  for (const tear of [2, 4, 8])
    assert.ok(verify(digits, { tear, input, onProgress: tear === 2 ? onProgress : () => {} }).proved);
  assert.is(last, all);
});

test('plain states of the digits image under `every 1`, to closure', () => {
  const { closed, states, transitions, proved } = verify(digits, { policy: 'every 1', enumerate: true });
  assert.ok(proved && closed);
  assert.ok(states > 10_000 && transitions > 100_000);
});

test('with no time, enumeration is not closed, and says so', () => {
  const { closed, proved } = verify(digits, { policy: 'low', enumerate: true, budgetMs: 0 });
  assert.ok(proved);
  assert.not(closed);
});

test('a small network under free answers of the monitor, to closure', () => {
  const image = readImage(compileUnproved(layered(new Random(8)), { arenaBytes: 2000 }));
  const both = withPolicy(image, { every: 3, low: true }, 'every 3 and low');
  const { closed, proved, states, tiles } = verify(both, { enumerate: true, tear: 4 });
  assert.ok(proved && closed);
  assert.ok(states > 500, `${states} states of ${tiles} tiles`);
});

test('a network that writes 75 KB of activations is proved', () => {
  const image = readImage(compileUnproved(dsCnn(new Random(5)), { arenaBytes: 8000 }));
  const { proved, counterexample, bytesChecked } = verify(image);
  assert.is(counterexample, null);
  assert.ok(proved);
  assert.ok(bytesChecked > 4 * 72_000, `${bytesChecked}`);
});

test('`compile` proves by default, and a changed image is not proved any more', () => {
  const network = layered(new Random(2));
  const image = readImage(compile(network));
  assert.is(image.metadata.proof?.tiles, verify(image).tiles);
  assert.is(readImage(compileUnproved(network)).metadata.proof, undefined);
  assert.is(withPolicy(image, { every: 3, low: false }, 'every 3').metadata.proof, undefined);
  assert.is(resealImage(image, () => {}).metadata.proof, undefined);
});

test('a plan whose footprint is not what the module does is refuted', () => {
  const image = readImage(compileUnproved(layered(new Random(2)), { arenaBytes: 320 }));
  const broken = resealImage(image, (ops) => {
    const pool = ops.find((op) => op.kind === OpKind.MAX_POOL)!;
    pool.set(WIN_OUTPUT_CHANNELS, pool.get(WIN_OUTPUT_CHANNELS) + 1);
  });
  assert.not(verify(broken, { search: false }).proved);
  // A field no tile of this kind looks at changes nothing.
  const same = resealImage(image, (ops) => {
    ops.find((op) => op.kind === OpKind.CONV2D)!.set(ELT_ZERO_POINT2 + 40, 1);
  });
  assert.ok(verify(same).proved);
});

test('a charge that does not hold a tile is stuck', () => {
  const shape = { blockSize: 256, inputs: 4096, outputs: 256, method: 'direct' as const };
  const network = circulantNetwork(new Random(5), shape);
  const image = readImage(compileUnproved(network, { arenaBytes: 60_000, capacitorUf: 1e5 }));
  const { stuck, proved, counterexample } = verify(image, { capacitorUf: 100 });
  assert.ok(stuck > 0);
  assert.not(proved);
  assert.is(counterexample, null);
});

test('LiveIn, step by step, is LiveIn by its definition', () => {
  const random = new Random(9);
  const size = 40;
  for (let round = 0; round < 200; round++) {
    const interval = (): [number, number] => {
      const start = random.integer(size);
      return [start, start + random.integer(size - start + 1)];
    };
    const tiles = Array.from({ length: 1 + random.integer(6) }, () => ({
      reads: [interval()],
      writes: [interval()],
    }));
    const [final, kept] = [interval(), interval()];
    const settled = 1 + random.integer(tiles.length);
    const live = new LiveIn(tiles, { final: [final], kept: [kept], settled }, size);
    // What a cancelled job must leave is asked for as if the last tile before it is settled read it.
    tiles[settled - 1]!.reads.push(kept);
    for (let cursor = 0; cursor <= tiles.length; cursor++) {
      for (let byte = 0; byte < size; byte++) {
        const holds = ([start, end]: readonly [number, number]): boolean => byte >= start && byte < end;
        const next = tiles.slice(cursor).find(({ reads, writes }) => reads.some(holds) || holds(writes[0]!));
        const expected = next ? next.reads.some(holds) : holds(final);
        assert.is(live.map[byte] === 1, expected);
      }
      if (cursor < tiles.length) live.advance();
    }
  }
});

test('schedules by their ids', () => {
  const random = new Random(3);
  for (let round = 0; round < 500; round++) {
    const schedule: Schedule = {
      cuts: Array.from({ length: random.integer(4) }, () => ({
        after: random.integer(100_000),
        unsynced: ([`written`, 'dropped', random.integer(1000)] as const)[random.integer(3)]!,
      })),
      tear: 2 ** random.integer(4),
      sequence: random.integer(2) ? 0 : random.uint32(),
    };
    const commits = ([undefined, 'every', [], [random.integer(9), 20 + random.integer(99)]] as const)[
      random.integer(4)
    ];
    if (commits !== undefined) schedule.commits = commits;
    assert.equal(parseSchedule(scheduleId(schedule)), schedule);
  }
  for (const id of [
    '',
    'x',
    '1,',
    '1~',
    '1--',
    '1@t3',
    '1@c1.',
    '1@s4294967296',
    '1@',
    '-1',
    '1e3',
    '9999999999',
  ])
    assert.is(refusal(() => parseSchedule(id)).code, 'E_CUTS_ID', id);
});

test('seeded schedules of many cuts leave what steady power leaves', () => {
  const random = new Random(6);
  const image = readImage(compileUnproved(layered(random), { policy: 'every 2', arenaBytes: 320 }));
  for (const policy of ['every 2', ...POLICIES]) {
    const {
      image: played,
      metered,
      sramBytes,
      jobs,
    } = setUp(withPolicy(image, fixedPolicy(policy), policy), {});
    const player = new CutsPlayer(played, metered.module, sramBytes, jobs);
    for (let round = 0; round < 300; round++) {
      const schedule: Schedule = {
        cuts: Array.from({ length: 1 + random.integer(6) }, () => ({
          after: random.integer(400),
          unsynced: random.integer(99),
        })),
        tear: 2 ** random.integer(4),
        sequence: 0xfffffff0 + random.integer(16),
      };
      const { verdict } = player.play(schedule);
      assert.is(verdict, 'identical', scheduleId(schedule));
    }
  }
});

test('a replay tells its story', () => {
  const { identical, story, cuts } = replayCuts(digits, '1500,300-@t4');
  assert.ok(identical);
  assert.is(cuts, 2);
  assert.is(story.filter((line) => line.startsWith('boot')).length, 3);
  assert.is(story.filter((line) => line.includes('power fails')).length, 2);
});

test('wrong questions', () => {
  assert.is(refusal(() => verify(digits, { job: 'learn' })).code, 'E_KIND');
  assert.is(refusal(() => verify(digits, { job: 'dance' as 'infer' })).code, 'E_OPTION');
  assert.is(refusal(() => verify(digits, { tear: 3 })).code, 'E_OPTION');
  assert.is(refusal(() => verify(digits, { policy: 'sometimes' })).code, 'E_POLICY');
  assert.is(refusal(() => verify(digits, { device: 'toaster' })).code, 'E_DEVICE');
  for (const module of [new Uint8Array(4), moduleBytes('desk'), moduleBytes('bare')])
    assert.is(refusal(() => verify(digits, { module })).code, 'E_MODULE');
  assert.is(refusal(() => replayCuts(digits, 'soon')).code, 'E_CUTS_ID');
});

test.run();
