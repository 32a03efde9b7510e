// Compression: transformations that keep what they should, runs that go on where they were.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../host/compile/compile.js';
import { layerOptions, type Structure } from '../host/compress/candidates.js';
import { compressOptions, type CompressOptions, settingsOf } from '../host/compress/compress-options.js';
import { compress, type CompressResult } from '../host/compress/compress.js';
import { type Constraint, project } from '../host/compress/constraint.js';
import { type Architecture, type FloatNetwork, parameterCount } from '../host/compress/float-network.js';
import { accuracy, forward } from '../host/compress/forward.js';
import { initialise } from '../host/compress/initialise.js';
import { IntegerNetwork } from '../host/compress/integer-network.js';
import type { FloatLayer, WeightedLayer } from '../host/compress/layers.js';
import { compressHtml } from '../host/compress/page.js';
import { quantize } from '../host/compress/quantize.js';
import { compressText } from '../host/compress/report.js';
import { train, Training, type TrainingOptions } from '../host/compress/train.js';
import { applyChoices } from '../host/compress/transform.js';
import { Random } from '../host/math/random.js';
import { quantizeValues } from '../host/model/affine.js';
import type { WeightBits } from '../host/model/weight-types.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import { verify } from '../host/verify/verify.js';
import { one, uniform, lively, farthest, deviceAnswers, recipe } from './util/float-networks.js';

const folder = mkdtempSync(join(tmpdir(), 'brownout-compress-'));
test.after(() => rmSync(folder, { recursive: true }));

/** Three layers to change, and two classes of stripes to tell apart. */
const small: Architecture = {
  inputShape: [8, 8, 1],
  layers: [
    {
      kind: 'conv2d',
      name: 'conv',
      kernelHeight: 5,
      kernelWidth: 5,
      ...one,
      inChannels: 1,
      outChannels: 8,
      padding: 'same',
      activation: 'relu',
    },
    { kind: 'maxPool2d', name: 'pool', poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 },
    { kind: 'dense', name: 'fc1', inputs: 128, outputs: 64, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 64, outputs: 4, activation: 'none' },
  ],
};

function gratings(count: number, seed: number): { inputs: Float32Array; labels: Uint8Array } {
  const random = new Random(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(4));
  const inputs = Float32Array.from({ length: count * 64 }, (_, index) => {
    const [y, x] = [Math.floor(index / 8) % 8, index % 8];
    const phase = [x, y, x + y, x - y + 8][labels[Math.floor(index / 64)]!]!;
    return (phase % 4 < 2 ? 1 : 0) + random.uniform(-0.6, 0.6);
  });
  return { inputs, labels };
}

test('choices change weights and nothing else: pruning is zeroing, cutting a kernel is zeroing its rim', () => {
  const network = lively(small, 4);
  const inputs = uniform(new Random(6), 3 * 64, 0, 1);
  const outputs = (net: FloatNetwork): Float32Array => forward(net, inputs, 3).outputs;
  const conv = network.layers[0] as WeightedLayer & { kind: 'conv2d' };
  const zeroed = (constraint: Constraint, clearBias: boolean): FloatNetwork => {
    const weights = project(conv, conv.weights, constraint);
    const bias = conv.bias.map((value, o) => {
      const gone = clearBias && weights.subarray(o * 25, (o + 1) * 25).every((weight) => weight === 0);
      return gone ? 0 : value;
    });
    return { ...network, layers: [{ ...conv, weights, bias }, ...network.layers.slice(1)] };
  };
  const pruned = applyChoices(network, { conv: { keep: 3 } });
  assert.is((pruned.layers[2] as FloatLayer & { kind: 'dense' }).inputs, 48);
  assert.ok(farthest(outputs(pruned), outputs(zeroed({ kind: 'channels', keep: 3 }, true))) < 1e-5);
  const cut = applyChoices(network, { conv: { kernel: [3, 3] } });
  const window = { kind: 'kernel', height: 3, width: 3, mostTop: 2, mostLeft: 2 } as const;
  assert.ok(farthest(outputs(cut), outputs(zeroed(window, false))) < 1e-5);
  // Without padding rows and columns go at the bottom and right, and windows end before the map does; on the device too.
  const [first, ...others] = network.layers as [WeightedLayer & { kind: 'conv2d' }, ...FloatLayer[]];
  const unpadded = {
    ...network,
    inputShape: [12, 12, 1],
    layers: [{ ...first, padding: 'valid' as const }, ...others],
  };
  const trimmed = applyChoices(unpadded, { conv: { kernel: [3, 3] } });
  const wide = uniform(new Random(8), 3 * 144, 0, 1);
  assert.is(forward(trimmed, wide, 3).outputs.length, 12);
  const quantized = quantize(trimmed, { name: 'cut', calibration: wide, count: 3, minimum: 0, maximum: 1 });
  const integers = quantizeValues(wide, quantized.tensors[0]!) as Int8Array;
  assert.equal([...new IntegerNetwork(quantized).run(integers, 3)], deviceAnswers(quantized, integers, 3));
  const circulant = applyChoices(network, { fc1: { blockSize: 16 }, conv: { keep: 4 } });
  const fc1 = circulant.layers[2] as FloatLayer & { kind: 'circulant' };
  assert.equal([fc1.kind, fc1.inputs, fc1.weights.length], ['circulant', 64, 4 * 4 * 16]);
});

test('ADMM brings weights within reach of a constraint, and so does better than projecting once', () => {
  const data = gratings(300, 1);
  const held = gratings(300, 2);
  const choices = { fc1: { blockSize: 16 } };
  const longer = { ...recipe, batchSize: 8, epochs: 12 };
  const residuals: number[] = [];
  const admm = train(initialise(small, 1), data, {
    ...longer,
    admm: { constraints: { fc1: { kind: 'circulant', blockSize: 16 } }, rho: 0.03, growth: 1.6, mostRho: 6 },
    onEpoch: (report) => residuals.push(report.residuals!.primal),
  });
  assert.ok(residuals.at(-1)! < residuals[0]! / 20, `${residuals}`);
  const once = train(initialise(small, 1), data, longer);
  const [ours, theirs] = [admm, once].map((network) => accuracy(applyChoices(network, choices), held));
  assert.ok(ours! > theirs! + 0.1, `${ours} and ${theirs}`);
});

test('training goes on from a saved state to the same bytes', () => {
  const data = gratings(120, 1);
  const options: TrainingOptions = {
    ...recipe,
    epochs: 5,
    mixup: 0.3,
    augmentation: { shiftPixels: 1, noise: 0.1, gain: 0.1 },
    teacher: { network: initialise(small, 9), weight: 0.3, temperature: 2 },
    admm: { constraints: { fc1: { kind: 'circulant', blockSize: 8 } }, rho: 0.2, growth: 2, mostRho: 1 },
    rounding: { bits: { conv: 4 }, inputRange: [-1, 2] },
  };
  for (const variant of [
    options,
    { ...options, optimizer: { kind: 'momentum', momentum: 0.9 }, learningRate: 0.02 } as const,
  ]) {
    const whole = new Training(initialise(small, 1), data, variant);
    while (!whole.finished) whole.runEpoch();
    const first = new Training(initialise(small, 1), data, variant);
    first.runEpoch();
    first.runEpoch();
    const state = first.save();
    first.runEpoch();
    const second = new Training(initialise(small, 1), data, variant);
    second.restore(state);
    while (!second.finished) second.runEpoch();
    assert.equal(second.result(), whole.result());
    assert.equal(second.scheme(), whole.scheme());
  }
});

const parent = train(initialise(small, 1), gratings(400, 1), { ...recipe, epochs: 6 });
const compression: CompressOptions = {
  data: gratings(400, 1),
  test: gratings(150, 3),
  name: 'stripes',
  device: 'msp430fr5994',
  flashBytes: 3000,
  sramBytes: 4096,
  epochs: 4,
  batchSize: 16,
  bits: [8, 2],
};

test('what is held back of data in groups is whole groups, in order; nothing is lost', () => {
  const groups = Array.from({ length: 400 }, (_, i) => 7 * Math.floor(i / 37));
  const {
    learning,
    training,
    validation,
    test: held,
  } = settingsOf(parent, {
    ...{ data: { ...gratings(400, 1), groups } },
  });
  const kinds = [held, validation, training].map(({ groups: of }) => [...new Set(Array.from(of!))]);
  assert.equal(kinds, [[28, 63], [35], [0, 7, 14, 21, 42, 49, 56, 70]]);
  assert.equal(learning.labels.length + held.labels.length, 400);
  assert.equal(
    [...held.labels],
    [...gratings(400, 1).labels].filter((_, i) => [28, 63].includes(groups[i]!)),
  );
  // Without groups: of every class alike.
  const { validation: plain } = settingsOf(parent, { data: gratings(400, 1), test: gratings(9, 2) });
  assert.ok([0, 1, 2, 3].every((label) => plain.labels.filter((other) => other === label).length > 15));
});

test('--structure leaves the other changes out, --bits the other widths; dense layers become circulant with any', () => {
  const kinds = (bits: WeightBits[], structure: Structure): string[] => {
    const all = layerOptions(parent, bits, structure).flatMap(({ structures }) => structures);
    const found = all.flatMap(({ blockSize, keep, kernel }) => [
      ...(blockSize === undefined ? [] : ['circulant']),
      ...(keep === undefined ? [] : ['channels']),
      ...(kernel === undefined ? [] : ['kernel']),
    ]);
    return [...new Set(found)].sort();
  };
  assert.equal(kinds([8, 4], 'any'), ['channels', 'circulant', 'kernel']);
  assert.equal(kinds([4], 'any'), ['channels', 'circulant', 'kernel']);
  const inBlocks = (bits: WeightBits[]): string[] =>
    layerOptions(parent, bits, 'circulant').flatMap(({ name, structures }) =>
      structures.length > 1 ? [name] : [],
    );
  assert.equal([inBlocks([8, 2]), inBlocks([4, 2])], [['fc1'], ['fc1']]);
  for (const structure of ['circulant', 'channels', 'kernel'] as const)
    assert.equal(kinds([8], structure), [structure]);
  assert.equal(kinds([8], 'none'), []);
  assert.equal(
    layerOptions(parent, [4, 2], 'none').map(({ bits, structures }) => [bits, structures]),
    [1, 2, 3].map(() => [[4, 2], [{}]]),
  );
  const widths = (written: string): WeightBits[] | undefined => compressOptions.bits.kind.parse!(written);
  assert.equal(
    [widths('1..8'), widths('2,4'), widths('1..3')],
    [
      [8, 4, 2, 1],
      [4, 2],
      [2, 1],
    ],
  );
  assert.equal(
    ['3', '5..7', '', '1..9', '0..4'].map(widths),
    Array.from({ length: 5 }, () => undefined),
  );
});

/** Compresses, dying at the n-th report of a training epoch or trial. */
function compressUntil(journal: string, reports: number): CompressResult | undefined {
  let seen = 0;
  try {
    return compress(parent, {
      ...compression,
      journal,
      onProgress(event) {
        if (event.stage !== 'search' && ++seen === reports) throw new Error('Ctrl-C');
      },
    });
  } catch (error) {
    if ((error as Error).message !== 'Ctrl-C') throw error;
    return undefined;
  }
}

/** The gain's levels begin with the parent and end with the image; the two between are held against networks made here. */
function checkLevels({ report, quantized }: CompressResult): void {
  const { before, after, candidates, levels } = report;
  const [own, model, arithmetic, implementation] = levels;
  assert.equal(
    levels.map(({ level }) => level),
    ['parent', 'model', 'arithmetic', 'implementation'],
  );
  assert.equal([own!.weightBytes, own!.untrained], [before.weightBytes, before.quality]);
  const { choices } = candidates.find(({ chosen }) => chosen)!;
  const shaped = applyChoices(parent, choices);
  assert.equal([model!.weightBytes, 4 * after.parameters], [4 * parameterCount(shaped), model!.weightBytes]);
  const held = gratings(150, 3);
  assert.is(model!.untrained, accuracy(shaped, held));
  assert.ok(model!.trained! > 0.9, JSON.stringify(levels));
  const plain = readImage(compile(quantized, { convolution: 'direct', lean: 'off', verify: false }));
  assert.is(arithmetic!.weightBytes, plain.constants.bytes);
  assert.is(implementation!.weightBytes, after.weightBytes);
  assert.ok(implementation!.weightBytes < arithmetic!.weightBytes && model!.weightBytes < own!.weightBytes);
  assert.is(implementation!.energyUj, after.cost!.energyUj);
  assert.ok([own, model, arithmetic].every((level) => level!.energyUj! > 0));
  assert.equal([arithmetic!.untrained, arithmetic!.trained], [implementation!.untrained, after.quality]);
  assert.ok(arithmetic!.untrained < after.quality);
}

test('compress keeps to its budget, proves what it made, says why, and goes on from its journal to the same bytes', () => {
  const whole = compress(parent, compression);
  const { report } = whole;
  assert.ok(report.after.cost!.flashBytes <= 3000, `${report.after.cost!.flashBytes}`);
  assert.ok(report.before.cost!.flashBytes > 8000);
  assert.ok(report.after.accuracy > 0.93, `${report.after.accuracy} after ${report.before.accuracy}`);
  assert.is(report.compared, 100);
  assert.ok(verify(whole.image).proved);
  assert.equal(
    report.layers.map(({ layer, why }) => [layer, why.length > 10]),
    [
      ['conv', true],
      ['fc1', true],
      ['fc2', true],
    ],
  );
  assert.equal(
    report.methods.map(({ method }) => method),
    ['one-shot', 'projected', 'direct', 'admm'],
  );
  assert.ok(report.methods.find(({ method }) => method === 'admm')!.residuals!.primal > 0);
  assert.is(report.candidates.filter(({ chosen }) => chosen).length, 1);
  const page = compressHtml(whole, 'brownout compress <x>');
  assert.match(page, /brownout compress &lt;x&gt;/);
  assert.is(page.match(/<svg class="chart"/g)!.length, 3);
  assert.not.match(page, /https?:|<script/);
  // Each point of the front, and its name in the table, saves the image whose accuracy they state.
  const held = gratings(150, 3);
  for (const [i, image] of whole.images.entries()) {
    const { chosen, test: found, cost } = report.candidates[i]!;
    assert.is(Buffer.from(image).equals(Buffer.from(whole.image)), chosen);
    assert.is(readImage(image).imageBytes, cost.flashBytes);
    assert.ok(verify(image).proved);
    const input = { dtype: 'float32' as const, shape: [150, 8, 8, 1], data: held.inputs };
    assert.is(run(image, { input, labels: [...held.labels] }).score!.accuracy, found!.accuracy);
    assert.is(page.split(Buffer.from(image).toString('base64')).length, 3, 'a point and a name');
  }
  assert.is(whole.images.length, report.candidates.filter(({ loss }) => loss !== undefined).length);
  assert.not.match(page, /NaN|undefined/);
  assert.match(compressText(report), /before → after/);
  checkLevels(whole);
  assert.match(compressText(report), /implementation +[\d,]+ \([\d.]+ ×\)/);
  assert.match(page, /Where the gain comes from/);

  const journal = join(folder, 'run.progress');
  let resumed: CompressResult | undefined;
  let deaths = 0;
  while (!resumed) {
    // Steps that are done are reported again.
    resumed = compressUntil(journal, 12 * (deaths + 1));
    if (!resumed) deaths++;
    assert.ok(deaths < 30, 'no progress');
  }
  assert.ok(deaths >= 2, `${deaths} deaths`);
  assert.ok(Buffer.from(resumed.image).equals(Buffer.from(whole.image)));
  assert.equal(JSON.stringify(resumed.report), JSON.stringify(report));
  assert.throws(() => readFileSync(journal), /ENOENT/);
});

test('a journal of another run, or a damaged one, is refused', () => {
  const journal = join(folder, 'other.progress');
  assert.is(compressUntil(journal, 24), undefined);
  assert.throws(() => compress(parent, { ...compression, seed: 2, journal }), /another run/);
  const bytes = readFileSync(journal);
  bytes[bytes.length - 9]! ^= 1;
  writeFileSync(journal, bytes);
  assert.throws(() => compress(parent, { ...compression, journal }), /damaged/);
  // What else a file may say: journal.test.ts.
  writeFileSync(journal, 'short');
  assert.throws(() => compress(parent, { ...compression, journal }), /no journal/);
});

test('wrong options and budgets that nothing meets are errors by name', () => {
  const wrong = (options: object, reason: RegExp): void => {
    assert.throws(() => compress(parent, { ...compression, ...options } as CompressOptions), reason);
  };
  wrong({ flash: 3 }, /option "flash"/);
  wrong({ epochs: 0 }, /`epochs` 0/);
  wrong({ energyUj: -1 }, /`energyUj` -1/);
  wrong({ device: 'z80' }, /z80/);
  wrong({ methods: ['magic'] }, /magic/);
  wrong({ bits: [3] }, /3; expected bits of weights, of 8, 4, 2, 1|`bits`/);
  wrong({ bits: [] }, /`bits`/);
  wrong({ data: { inputs: new Float32Array(64), labels: Uint8Array.of(4) } }, /label 4/);
  wrong({ data: { ...gratings(400, 1), groups: [1, 2] } }, /2 groups for 400 inputs/);
  wrong({ data: { ...gratings(400, 1), groups: new Uint8Array(400) } }, /at least two groups/);
  wrong({ data: { inputs: new Float32Array(63), labels: Uint8Array.of(1) } }, /63 training values/);
  wrong({ data: { inputs: new Float32Array(64).fill(Number.NaN), labels: Uint8Array.of(1) } }, /NaN/);
  const journal = join(folder, 'vain.progress');
  wrong({ flashBytes: 300, epochs: 1, journal }, /bytes of flash/);
  // The next command is another one: nothing is in its way.
  assert.throws(() => readFileSync(journal), /ENOENT/);
  // What no image could have is said before the training.
  let reported = 0;
  const early = { journal, onProgress: () => reported++ };
  wrong({ sramBytes: 200, ...early }, /200 bytes of SRAM; expected more than the 288/);
  wrong({ classes: ['a', 'b'], ...early }, /2 names of classes; expected 4/);
  const data = gratings(400, 1);
  const scaled = (factor: number) => ({ data: { ...data, inputs: data.inputs.map((x) => x * factor) } });
  wrong({ ...scaled(0), ...early }, /0 in all of the inputs/);
  wrong({ ...scaled(1e12), ...early }, /inputs from .* of at most 1000000000/);
  assert.is(reported, 0);
  const targets = new Float32Array(400 * 4).fill(3e38);
  wrong({ data: { ...data, targets }, test: { ...data, targets } }, /E_DIVERGED.*epoch 1/);
});

test.run();
