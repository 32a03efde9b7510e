// The cut tests bite: a device runtime, or a plan, with one safeguard taken out must give a wrong result somewhere.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CONSTANT,
  GROUP_SHIFT,
  Group,
  OP_BIAS,
  OP_FLAG_COMMIT,
  OP_INPUT,
  OP_OUTPUT,
  OP_WEIGHTS,
  OpKind,
} from '../assembly/layout.js';
import type { OpRecord } from '../host/model/record.js';
import { analyze } from '../host/analyze/analyze.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage, resealImage, withPolicy } from '../host/model/image.js';
import { deviceProfile } from '../host/profiles/index.js';
import { chargeCycles, type DeviceProfile } from '../host/profiles/profile.js';
import { randomOutcome } from '../host/simulator/outcome.js';
import { replayCuts } from '../host/verify/replay.js';
import { playerOf } from '../host/verify/counterexample.js';
import { setUp, verify } from '../host/verify/verify.js';
import { int8s, layered } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { CutBench } from './util/cut-bench.js';
import { learnable } from './util/learnable.js';
import { LEARNING_MUTANTS, MUTANTS, sabotaged } from './util/sabotage.js';

/** A network of several ops in so little NVM that its buffers overlap, with mandatory commits between. */
function overlappingImage(arenaBytes?: number): Image {
  const random = new Random(3);
  const network = layered(random);
  const sample = int8s(random, 36);
  const arena = arenaBytes === undefined ? {} : { arenaBytes };
  const roomy = readImage(compile(network, { policy: 'every 3', sample, ...arena }));
  const tight = readImage(
    compile(network, { policy: 'every 3', sample, ...arena, nvmBytes: roomy.nvmBytes - 32 }),
  );
  assert.ok(tight.ops.some((op) => op.has(OP_FLAG_COMMIT)));
  return tight;
}

/** A device that spends its charge on NVM; and cycles of the image's dearest tile there, its op entered. */
function dearNvm(): { profile: DeviceProfile; cycles: number } {
  const generic = deviceProfile('cortex-m4-generic');
  const dear = { value: 20_000, provenance: 'estimated', source: 'of a test' } as const;
  const profile = { ...generic, nvmReadNjPerWord: dear, nvmWriteNjPerWord: dear };
  const { ops } = analyze(tiled, { device: profile });
  return { profile, cycles: Math.max(...ops.map(({ largestTileCycles }) => largestTileCycles)) };
}

/** Tiles between periodic commits; 0: none but the mandatory ones. */
const SPACINGS = [0, 1, 2, 3, 5];
/** Numbers of the first cursor: every early commit gets to be the one at the wrap-around. */
const SEQUENCES = [0xffffffff, 0xfffffffe, 0xfffffffd, 0xfffffffc];

/** Whether any of many schedules goes wrong: another final NVM, or an error on the way. */
function isCaught(image: Image, module?: WebAssembly.Module): boolean {
  const random = new Random(1);
  try {
    for (const every of SPACINGS) {
      for (const [index, sequence] of SEQUENCES.entries()) {
        const options = { tearUnit: 2 ** index, sequence, ...(module ? { module } : {}) };
        const bench = new CutBench(withPolicy(image, { every, low: false }, 'test'), options);
        for (let left = 0; left <= bench.units; left++) {
          const lefts = [left, random.integer(2) ? random.integer(40) : random.integer(bench.units)];
          if (bench.run(lefts, () => randomOutcome(random)) >= 0) return true;
        }
      }
    }
  } catch {
    return true;
  }
  return false;
}

const image = overlappingImage();
/** The same with ops of several tiles, also those that keep their input in SRAM. */
const tiled = overlappingImage(320);

test('nothing goes wrong without sabotage', () => {
  assert.not(isCaught(image));
});

test('the proof holds without sabotage', () => {
  for (const every of [1, 0]) {
    const result = verify(withPolicy(tiled, { every, low: every === 0 }, 'test'), {
      tear: 2,
      enumerate: every === 1,
    });
    assert.is(result.counterexample, null);
    assert.ok(result.proved && result.closed);
    assert.ok(result.mandatoryCommits > 1);
  }
});

/** The proof fails, and `replay` confirms its counterexample as a wrong answer, or a job lost or done twice. */
function refutes(broken: Image, module?: Uint8Array): void {
  const options = module ? { module } : {};
  const { proved, counterexample } = verify(broken, options);
  assert.not(proved);
  assert.ok(counterexample?.id, `${counterexample?.obligation}: ${counterexample?.found}, but no schedule`);
  assert.ok(counterexample!.cuts > 0);
  const replayed = replayCuts(broken, counterexample!.id!, options);
  assert.not(replayed.identical);
  assert.is(replayed.verdict, counterexample!.verdict);
}

for (const mutant of MUTANTS) {
  test(`caught: ${mutant.name}`, async () => {
    const wasm = await sabotaged(mutant, tiled);
    refutes(tiled, wasm);
    if (mutant.cuts)
      assert.ok(isCaught(image, new WebAssembly.Module(wasm)), 'every schedule gave the right result');
  });
}

/** The pooling op writes over what it reads; resealed, so that only the cuts can tell. */
const inPlace = (whole: Image): Image =>
  resealImage(whole, (ops) => {
    ops[1]!.set(OP_OUTPUT, ops[1]!.get(OP_INPUT));
    ops[2]!.set(OP_INPUT, ops[1]!.get(OP_INPUT));
  });

const withoutCommits = (whole: Image): Image =>
  resealImage(whole, (ops) => {
    for (const op of ops) op.unmark(OP_FLAG_COMMIT);
  });

test('caught: a plan that works in place', () => {
  assert.ok(isCaught(inPlace(image)));
  refutes(inPlace(tiled));
});

test('caught: overlapping buffers without their mandatory commits', () => {
  assert.ok(isCaught(withoutCommits(image)));
  refutes(withoutCommits(tiled));
});

test('what the search takes from a journal, and what it has seen, ends as a device of its own does', () => {
  const random = new Random(4);
  const setup = setUp(withoutCommits(tiled), {});
  const player = playerOf(setup);
  const seen = new Set<string>();
  const verdicts = new Set<string>();
  let known = 0;
  for (const commits of ['every', [1]] as const) {
    const steady = player.steady({ tear: 2, sequence: 0, commits });
    for (let i = 0; i < 400; i++) {
      const cuts = Array.from({ length: 1 + (i % 2) }, (_, boot) => ({
        after: random.integer(boot === 0 ? steady.units : 90),
        unsynced: (['written', 'dropped', 1, 2] as const)[random.integer(4)]!,
      }));
      const schedule = { tear: 2, sequence: 0, commits, cuts };
      const found = player.play(schedule, steady, seen);
      const { verdict } = playerOf(setup).play(schedule);
      if (found) assert.is(found.verdict, verdict, JSON.stringify(schedule));
      else known++;
      verdicts.add(verdict);
    }
  }
  assert.ok(known > 0 && verdicts.has('identical') && verdicts.has('wrong answer'), [...verdicts].join());
});

test('caught: a write to constants, by a plan and by a module', async () => {
  const plan = resealImage(tiled, (ops) => ops[0]!.set(OP_OUTPUT, ops[0]!.get(OP_WEIGHTS)));
  const written = {
    name: 'weights written',
    file: 'assembly/kernels/max_pool.ts',
    edits: [['put(outputAddress(op, row, column)', 'put(0x40000400']],
  } as const;
  const module = await sabotaged(written, tiled);
  assert.throws(() => verify(plan), /E_IMAGE_RECORD/);
  const { proved, counterexample } = verify(tiled, { module });
  assert.not(proved);
  assert.match(counterexample!.found, /writing \d+ bytes of the image at \d+/);
});

test('caught: a constant in state', () => {
  const broken = resealImage(tiled, (ops) => {
    for (const field of [OP_WEIGHTS, OP_BIAS]) ops[0]!.set(field, ops[0]!.get(field) & ~CONSTANT);
  });
  assert.throws(() => verify(broken), /E_IMAGE_RECORD/);
});

test('caught: progress counted without what NVM takes', () => {
  // As much energy a word as makes the dearest tile a charge: the cycles stay what they are.
  const { profile, cycles } = dearNvm();
  assert.ok(cycles < chargeCycles(profile), 'the core alone would get past every tile');
  const { proved, stuck, largestTilePercent } = verify(tiled, { device: profile });
  assert.ok(!proved && stuck > 0 && largestTilePercent > 100);
});

/** An image that learns all its layers, with a guard and a ring. */
const learner = readImage(
  compile(learnable(new Random(1), [8], ['dense:6', 'dense:3']), {
    learn: { layers: 'all', ring: 10, guardEvery: 8, holdOut: 4 },
  }),
);

test('the proof of learning holds without sabotage', () => {
  const result = verify(learner, { job: 'learn' });
  assert.is(result.counterexample, null);
  assert.ok(result.proved && result.closed);
  assert.is(result.scenarios.length, 10);
});

/** By the proof alone: a search for a schedule that shows it takes seconds, and finds none of so few cuts. */
for (const mutant of LEARNING_MUTANTS) {
  test(`caught: ${mutant.name}`, async () => {
    const module = await sabotaged(mutant, learner);
    const { proved, counterexample } = verify(learner, { job: 'learn', module, search: false });
    assert.not(proved);
    assert.is(counterexample?.obligation, mutant.obligation, counterexample?.found);
  });
}

test('caught: what the ring keeps of a sample in an entry that is taken', () => {
  const upper = readImage(
    compile(learnable(new Random(1), [8], ['dense:9', 'dense:6', 'dense:3']), {
      learn: { layers: 'head:2' },
    }),
  );
  const { ring, entryBytes } = upper.learning!;
  const spare = Group.SPARE << GROUP_SHIFT;
  const broken = resealImage(upper, (ops) => {
    for (const op of ops) if (op.get(OP_OUTPUT) === spare) op.set(OP_OUTPUT, ring + entryBytes);
  });
  for (const job of ['infer', 'learn'] as const) {
    assert.ok(verify(upper, { job }).proved);
    assert.not(verify(broken, { job, search: false }).proved, job);
  }
});

test('caught: a sum of errors in the place of one of them', () => {
  const block = ['dense:40', 'dense:40', 'dense:40!', 'add:0', 'dense:3'];
  const residual = readImage(
    compile(learnable(new Random(1), [8], block), { learn: { layers: 'all', ring: 6 } }),
  );
  const broken = resealImage(residual, (ops) => {
    const index = ops.findIndex((op) => op.kind === OpKind.ADD_GRAD);
    const [sum, rescale] = ops.slice(index, index + 2) as [OpRecord, OpRecord];
    const by = sum.get(OP_WEIGHTS) - sum.get(OP_OUTPUT);
    sum.set(OP_OUTPUT, sum.get(OP_OUTPUT) + by);
    for (const field of [OP_INPUT, OP_BIAS]) rescale.set(field, rescale.get(field) + by);
  });
  assert.ok(verify(residual, { job: 'learn' }).proved);
  const { proved, counterexample } = verify(broken, { job: 'learn', search: false });
  assert.not(proved);
  assert.is(counterexample?.obligation, 'memory rule', counterexample?.found);
});

test('caught: a turn that begins without a commit behind the last', () => {
  const broken = resealImage(learner, (ops) => {
    for (const op of ops) if (op.isLearning) op.unmark(OP_FLAG_COMMIT);
  });
  assert.not(verify(broken, { job: 'learn', search: false }).proved);
});

test.run();
