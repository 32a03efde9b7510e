// What a learn job does besides arithmetic: the ring, replay, hold-out, the guard, drift; what is refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../host/math/random.js';
import type { BrownoutError } from '../host/error.js';
import { deriveLearning } from '../host/learning/derive.js';
import { LearningMirror } from '../host/learning/mirror.js';
import { EntryKind, LearningState } from '../host/learning/sample-ring.js';
import type { LearnOptions } from '../host/learning/spec.js';
import { tuneLearningRate } from '../host/learning/tune.js';
import { between } from '../samples/networks.js';
import { learnable } from './util/learnable.js';

const CLASSES = 4;
const network = learnable(new Random(3), [8], ['dense:16', 'dense:4']);
const prototypes = Array.from({ length: CLASSES }, (_, label) => {
  const random = new Random(100 + label);
  return Array.from({ length: 8 }, () => between(random, -60, 46));
});

/** Samples about the classes' prototypes, labels in turn; `turned`: the prototypes of the other classes. */
function samples(random: Random, count: number, turned = 0): { input: Int8Array; label: number }[] {
  return Array.from({ length: count }, (_, i) => {
    const label = i % CLASSES;
    const prototype = prototypes[(label + turned) % CLASSES]!;
    return { input: Int8Array.from(prototype, (q) => q + between(random, -8, 8)), label };
  });
}

const mirrorOf = (options: Partial<LearnOptions> = {}): LearningMirror => {
  const all = { layers: 'all', learningRate: 1 / 16, ...options };
  return new LearningMirror(network, deriveLearning(network, all));
};

const kindsOf = ({ summary }: LearningMirror): Record<EntryKind, number> => {
  const counts = { 0: 0, 1: 0, 2: 0, 3: 0 };
  for (const { kind } of summary.entries) counts[kind]++;
  return counts;
};

const accuracy = (mirror: LearningMirror, all: { input: Int8Array; label: number }[]): number =>
  all.filter(({ input, label }) => mirror.classify(input) === label).length / all.length;

test('it learns', () => {
  const mirror = mirrorOf({ late: false });
  const unseen = samples(new Random(9), 200);
  const before = accuracy(mirror, unseen);
  samples(new Random(1), 160).forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
  assert.ok(before < 0.6, `${before} before`);
  assert.ok(accuracy(mirror, unseen) > 0.95, `${accuracy(mirror, unseen)} after`);
  assert.is(mirror.summary.labelled, 160);
  assert.ok(mirror.summary.skipped > 0 && mirror.step < 160, `${mirror.summary.skipped} passed over`);
  assert.is(mirror.summary.window, 0xffffffff);
});

test('one job after the other gives the same bytes', () => {
  const [a, b] = [mirrorOf(), mirrorOf()];
  for (const mirror of [a, b])
    samples(new Random(1), 50).forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
  assert.equal(a.weightBank(), b.weightBank());
  assert.equal(a.stateBytes(), b.stateBytes());
  const other = mirrorOf({ seed: 2 });
  samples(new Random(1), 50).forEach(({ input, label }, ticket) => other.learn(input, label, ticket));
  assert.not.equal(a.weightBank(), other.weightBank());
});

test('banks: the current and the good one are never written', () => {
  const mirror = mirrorOf({ guardEvery: 8, holdOut: 4, sure: -1 });
  let good = mirror.weightBank('good');
  for (const [ticket, { input, label }] of samples(new Random(1), 120).entries()) {
    const [before, bank] = [mirror.cursor(), mirror.weightBank()];
    mirror.learn(input, label, ticket);
    const after = mirror.cursor();
    const fields = (word: number): [number, number, number] => [word & 15, (word >> 4) & 15, word >> 8];
    const [current, kept, state] = fields(after.banks);
    assert.ok(current <= 3 && kept <= 3 && (state === 1 || state === 2));
    assert.is.not(state, before.banks >> 8);
    if (after.step > before.step) assert.ok(current !== fields(before.banks)[0] && current > 0);
    if (kept === fields(before.banks)[1]) assert.equal(mirror.weightBank('good'), good);
    else assert.equal(mirror.weightBank('good'), bank);
    good = mirror.weightBank('good');
  }
});

test('the ring: validation first, then unlabelled, then the label with most entries, oldest first', () => {
  const state = new LearningState(6);
  const fill = (kinds: [EntryKind, number][]): void =>
    kinds.forEach(([kind, label], i) => {
      state.take(i, 10 + i, label, kind);
    });
  const { UNLABELLED, LEARN, VALIDATION } = EntryKind;
  fill([
    [LEARN, 1],
    [VALIDATION, 0],
    [LEARN, 2],
    [VALIDATION, 3],
    [LEARN, 2],
    [UNLABELLED, 0],
  ]);
  assert.is(state.evict(1), 1, 'an oldest validation entry');
  assert.is(state.evict(1), 1, 'free now');
  state.take(1, 20, 0, UNLABELLED);
  assert.is(state.evict(1), 2, 'of label 2, the older');
  state.take(2, 21, 1, LEARN);
  // Label 1 at 0 and 2, label 2 at 4: label 1 has most, 0 is older.
  assert.is(state.evict(1), 0);
  state.take(0, 22, 0, UNLABELLED);
  // Labels 1 and 2 have one each: the lesser.
  assert.is(state.evict(1), 2);
  state.take(2, 23, 0, UNLABELLED);
  assert.is(state.evict(1), 5, 'four of six are unlabelled: their oldest');
  assert.equal(state.entries[5], { ticket: 0, stamp: 0, label: 0, kind: EntryKind.FREE });
});

test('replay is balanced whatever the stream is', () => {
  const mirror = mirrorOf({ replay: 3, ring: 32, late: false, sure: -1 });
  const random = new Random(4);
  const counts = new Int32Array(CLASSES);
  for (let ticket = 0; ticket < 400; ticket++) {
    // Nine of ten are of class 0.
    const label = random.integer(10) > 0 ? 0 : 1 + random.integer(3);
    const { input } = samples(random, CLASSES)[label]!;
    const replayed = mirror.learn(input, label, ticket).slice(1);
    if (ticket >= 100) for (const sample of replayed) counts[sample.label]!++;
  }
  const all = counts.reduce((a, b) => a + b);
  assert.ok(
    counts.every((count) => count > 0.18 * all && count < 0.32 * all),
    `${counts}`,
  );
});

test('held out samples are not learnt', () => {
  const mirror = mirrorOf({ holdOut: 4, sure: -1, late: false });
  samples(new Random(1), 40).forEach(({ input, label }, ticket) => {
    const before = mirror.weightBank();
    const batch = mirror.learn(input, label, ticket);
    assert.is(batch.length === 0, ticket % 4 === 3, `${ticket}`);
    if (batch.length === 0) assert.equal(mirror.weightBank(), before);
  });
  assert.is(mirror.step, 30);
  assert.is(kindsOf(mirror)[EntryKind.VALIDATION], 4);
  assert.is(mirror.summary.skipped, 0);
});

test('the guard takes weights back that got worse', () => {
  const options = { guardEvery: 16, holdOut: 4, late: false, margin: 0, ring: 32 };
  const mirror = mirrorOf(options);
  const unseen = samples(new Random(9), 100);
  const stream = samples(new Random(1), 160);
  // In turn, all that are held out would be of one class.
  const shuffled = new Random(2).shuffle(stream);
  shuffled.forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
  const learnt = accuracy(mirror, unseen);
  assert.ok(learnt > 0.9, `${learnt}`);
  assert.is(mirror.summary.rollbacks, 0);
  // From here on all labels are wrong, except those that are held out.
  const wrong = samples(new Random(5), 48);
  new Random(6).shuffle(wrong).forEach(({ input, label }, i) => {
    const held = mirror.summary.labelled % 4 === 3;
    mirror.learn(input, held ? label : (label + 1) % CLASSES, 1000 + i);
  });
  assert.ok(mirror.summary.rollbacks >= 1, 'rolled back');
  assert.is(
    mirror.cursor().banks & 15,
    (mirror.cursor().banks >> 4) & 15,
    'the last guard gave back the good bank',
  );
  assert.ok(accuracy(mirror, unseen) > 0.7, `${accuracy(mirror, unseen)} after the guard`);
});

test('a learning rate that diverges is caught, too', () => {
  const guard = { guardEvery: 16, holdOut: 4, margin: 0, ring: 32 };
  const mirror = mirrorOf({ ...guard, learningRate: 64, clip: 127, late: false });
  const stream = new Random(2).shuffle(samples(new Random(1), 400));
  stream.forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
  assert.ok(mirror.summary.rollbacks > 0, `${mirror.summary.rollbacks}`);
});

test('drift begins when the world changes, and not before', () => {
  const mirror = mirrorOf({ late: false, learningRate: 1 / 64 });
  samples(new Random(1), 400).forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
  assert.is(mirror.summary.drifts, 0);
  samples(new Random(2), 24, 1).forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
  assert.is(mirror.summary.drifts, 1);
  assert.is(mirror.summary.flags, 1);
});

test('no drift where nothing is learnt and the loss stays', () => {
  const state = new LearningState(4);
  for (let i = 0; i < 1000; i++) state.record(500, false, false);
  assert.is(state.drifts, 0);
});

test('late labels', () => {
  const mirror = mirrorOf({ ring: 8, holdOut: 0, guardEvery: 0 });
  const [first, second] = samples(new Random(1), 2);
  mirror.infer(first!.input, 71);
  mirror.infer(second!.input, 72);
  assert.is(kindsOf(mirror)[EntryKind.UNLABELLED], 2);
  assert.is(mirror.cursor().sample, 2 << 16);
  const stamp = mirror.summary.stamp;
  const batch = mirror.label(71, 3);
  assert.is(batch[0]!.input, first!.input);
  assert.is(mirror.summary.stamp, stamp, 'the sample was in the ring before');
  assert.equal(mirror.summary.entries[0], { ticket: 71, stamp: 1, label: 3, kind: EntryKind.LEARN });
  assert.is(mirror.step, 1);
  const failure = (act: () => unknown): string => {
    try {
      act();
      return 'no error';
    } catch (error) {
      return (error as BrownoutError).code;
    }
  };
  assert.is(
    failure(() => mirror.label(71, 3)),
    'E_TICKET',
    'labelled already',
  );
  assert.is(
    failure(() => mirror.label(99, 3)),
    'E_TICKET',
  );
  assert.is(
    failure(() => mirror.label(72, 4)),
    'E_LABEL',
  );
  assert.is(
    failure(() => mirror.learn(first!.input, -1, 1)),
    'E_LABEL',
  );
  assert.is(
    failure(() => mirror.learn(first!.input, 1.5, 1)),
    'E_LABEL',
  );
  assert.is(
    failure(() => mirror.learn(new Int8Array(7), 1, 1)),
    'E_SHAPE',
  );
  for (let ticket = 200; ticket < 220; ticket++)
    mirror.infer(samples(new Random(ticket), 1)[0]!.input, ticket);
  assert.is(
    failure(() => mirror.label(72, 1)),
    'E_TICKET',
    'no longer kept',
  );
});

test('inputs are not kept where labels are never late', () => {
  const mirror = mirrorOf({ late: false });
  mirror.infer(samples(new Random(1), 1)[0]!.input, 1);
  assert.equal(mirror.cursor(), { step: 0, banks: 0, sample: 0 });
});

test('a learning rate tuned at the desk learns, and is the same again', () => {
  const options = { layers: 'all', late: false };
  const given = samples(new Random(1), 60);
  const { learningRate, trials } = tuneLearningRate(network, options, [given]);
  assert.equal(tuneLearningRate(network, options, [given]).trials, trials);
  const best = Math.max(...trials.map((trial) => trial.accuracy));
  const chosen = trials.find((trial) => trial.learningRate === learningRate)!;
  assert.ok(best > 0.9 && chosen.accuracy > best - 0.05, JSON.stringify(trials));
  // The slowest rate has not learnt by then: that there is something to choose.
  assert.ok(trials[0]!.accuracy < best - 0.1, JSON.stringify(trials));
  assert.throws(() => tuneLearningRate(network, options, [given.slice(0, 5)]), /5 samples to tune/);
});

test('back to the factory', () => {
  const mirror = mirrorOf({ late: false });
  const factory = mirror.weightBank();
  samples(new Random(1), 20).forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
  assert.not.equal(mirror.weightBank(), factory);
  mirror.restore();
  assert.equal(mirror.weightBank(), factory);
  assert.is(mirror.cursor().banks & 255, 0);
  assert.is(mirror.summary.labelled, 20);
  assert.is(mirror.step, mirror.cursor().step);
});

test('only what is asked for changes', () => {
  const bytes = (layers: string): Uint8Array => {
    const mirror = mirrorOf({ layers, late: false, sure: -1 });
    samples(new Random(1), 20).forEach(({ input, label }, ticket) => mirror.learn(input, label, ticket));
    return mirror.weightBank();
  };
  assert.is(bytes('bias').length, 16 * 4 + 4 * 4);
  // Weights of 16 inputs, their running means, biases.
  assert.is(bytes('last').length, 2 * 64 + 2 * 16 + 16);
  const factory = mirrorOf({ layers: 'dense1:1-2', late: false }).weightBank();
  const found = bytes('dense1:1-2');
  const means = [2 * 64, 2 * 64 + 2 * 16] as const;
  assert.not.equal(found.slice(...means), factory.slice(...means));
  const parameters = (bank: Uint8Array): number[] => [...bank.slice(0, means[0]), ...bank.slice(means[1])];
  parameters(found).forEach((byte, i) => {
    const row = i < 128 ? Math.floor((i % 64) / 16) : Math.floor((i - 128) / 4);
    if (row !== 1 && row !== 2) assert.is(byte, parameters(factory)[i], `byte ${i}`);
  });
  assert.not.equal(found, factory);
});

test.run();
