// The mirror against what it mirrors: inference by the naive oracles, gradients by finite differences in double precision.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../host/math/random.js';
import type { QuantizedNetwork, TensorSpec } from '../host/model/quantized-network.js';
import { deriveLearning } from '../host/learning/derive.js';
import { FloatSgd } from '../host/learning/float-sgd.js';
import { FrozenPart } from '../host/learning/frozen.js';
import { draw, multiplyShift, randomKey, scaleInt32 } from '../host/learning/integer.js';
import { lossOf } from '../host/learning/loss.js';
import { LearningMirror } from '../host/learning/mirror.js';
import type { LossSpec, LearningSpec, LearnOptions } from '../host/learning/spec.js';
import * as networks from '../samples/networks.js';
import { requantizeOracle, runOracle } from './util/oracle.js';
import { type LayerText, learnable } from './util/learnable.js';

test('inference is that of the oracles', () => {
  const kinds: ((random: Random) => QuantizedNetwork)[] = [
    networks.convNetwork,
    networks.circulantConvNetwork,
    networks.maxPoolNetwork,
    networks.denseNetwork,
    networks.depthwiseNetwork,
    networks.averagePoolNetwork,
    networks.meanNetwork,
    networks.padNetwork,
    networks.concatNetwork,
    networks.sliceNetwork,
    networks.logisticNetwork,
    (random) => networks.elementwiseNetwork(random, 'add'),
    (random) => networks.elementwiseNetwork(random, 'mul'),
    (random) => networks.withWeightZeroPoint(random, networks.denseNetwork(random)),
    (random) => {
      const [inputs, outputs] = [1 + random.integer(40), 1 + random.integer(40)];
      return networks.circulantNetwork(random, { blockSize: 8, inputs, outputs, method: 'direct' });
    },
  ];
  for (const make of kinds) {
    for (let seed = 0; seed < 25; seed++) {
      const random = new Random(seed);
      const network = make(random);
      const x = networks.valuesFor(random, network.tensors[network.input]!) as Int8Array;
      const found = new FrozenPart(network, network.output).features(x);
      assert.equal(
        found,
        runOracle(network, x)[network.output] as Int8Array,
        `${network.name}, seed ${seed}`,
      );
    }
  }
});

test('products of 64 bits', () => {
  const random = new Random(7);
  const big = (): number => (random.uint32() | 0) >> random.integer(31);
  for (let i = 0; i < 20000; i++) {
    const [value, multiplier] = [big(), 2 ** 30 + random.integer(2 ** 30)];
    const shift = random.integer(63);
    const exact = (BigInt(value) * BigInt(multiplier)) >> BigInt(shift);
    const found = multiplyShift(value, multiplier, shift);
    if (exact > -(2n ** 40n) && exact < 2n ** 40n)
      assert.is(found, Number(exact), `${value} · ${multiplier} >> ${shift}`);
    else assert.ok(Math.abs(found) > 2 ** 39 && found > 0 === exact > 0n);
    const scale = { bias: new Int32Array(1), clampMin: -Infinity, clampMax: Infinity };
    const exponent = random.integer(34) - 31;
    const op = { ...scale, multipliers: Int32Array.of(multiplier), shifts: Int32Array.of(exponent) };
    assert.is(scaleInt32(value, multiplier, exponent) + 0, requantizeOracle(value, op, 0, 0) + 0);
  }
});

test('random numbers are spread evenly', () => {
  const counts = new Int32Array(16);
  for (let i = 0; i < 16000; i++) counts[draw(randomKey(1, i % 7, 2, i % 3), i) >> 12]!++;
  // 1,000 expected each; a standard deviation is 31.
  assert.ok(
    counts.every((count) => count > 850 && count < 1150),
    `${counts}`,
  );
});

const ce = (scale: number): LossSpec => ({
  kind: 'cross-entropy',
  tensor: 0,
  classes: 5,
  scale: Math.round(scale * Math.LOG2E * 65536),
  target: 0,
  shift: 0,
  sure: -1,
});

test('cross-entropy', () => {
  const random = new Random(2);
  for (let i = 0; i < 500; i++) {
    const q = networks.int8s(random, 5);
    const label = random.integer(5);
    const powers = [...q].map((value) => Math.exp((value - Math.max(...q)) * 0.05));
    const sum = powers.reduce((a, b) => a + b, 0);
    const { errors, loss, right } = lossOf(ce(0.05), q, 3, label);
    const exact = powers.map((power, c) => (power / sum - (c === label ? 1 : 0)) * 32768);
    const least = Math.max(...exact.map(Math.abs)) / 8;
    exact.forEach((expected, c) => {
      const isSmall = errors[c] === 0 && Math.abs(expected) < least + 12;
      assert.ok(isSmall || Math.abs(errors[c]! - expected) < 12, `${errors[c]} ${expected}`);
      assert.ok(isSmall || Math.abs(expected) > least - 12, `${errors[c]} ${expected}`);
    });
    const bits = -Math.log2(powers[label]! / sum) * 256;
    // log₂ of the sum is linear between powers of two: at most 0.086 · 256 off; three roundings down.
    assert.ok(Math.abs(loss - bits) < 26, `${loss} ${bits}`);
    assert.is(right, q.indexOf(Math.max(...q)) === label);
  }
});

test('squared error', () => {
  const spec: LossSpec = { ...ce(1), kind: 'mse', scale: Math.round((256 * 65536 * 0.01) / 5), target: 10 };
  const q = Int8Array.of(13, 3, 3, 8, -2);
  const { errors, loss } = lossOf(spec, q, 3, 0);
  assert.equal([...errors], [0, 0, 0, 5 * 64, -5 * 64]);
  // Below an eighth of the largest an error is none.
  assert.equal([...lossOf(spec, Int8Array.of(13, 5, 4, 19, 3), 3, 0).errors], [0, 2 * 64, 0, 16 * 64, 0]);
  // Σ (0.5² + 0.5²) / 5 · 256
  assert.ok(Math.abs(loss - 25.6) < 1, `${loss}`);
  assert.equal([...lossOf({ ...spec, shift: 3 }, q, 3, 1).errors], [80, -80, 0, 40, -40]);
});

const inputFor = (random: Random, { shape }: TensorSpec): Int8Array =>
  networks.int8s(
    random,
    shape.reduce((a, b) => a * b),
    -70,
    56,
  );

function floatLoss(float: FloatSgd, input: Int8Array, label: number, kind: string): number {
  const y = float.logits(input);
  if (kind === 'mse') return y.reduce((sum, v, i) => sum + (v - (i === label ? 1 : 0)) ** 2, 0) / y.length;
  const most = Math.max(...y);
  return Math.log(y.reduce((sum, v) => sum + Math.exp(v - most), 0)) - (y[label]! - most);
}

const NETS: Record<string, [number[], LayerText[]]> = {
  dense: [[12], ['dense:16', 'dense:5']],
  conv: [
    [6, 6, 3],
    ['conv:6', 'conv:4', 'dense:5'],
  ],
  depthwise: [
    [6, 6, 2],
    ['conv:4', 'depthwise:8', 'dense:5'],
  ],
  circulant: [[16], ['dense:16', 'circulant:16:8', 'dense:5']],
  'max pool': [
    [6, 6, 2],
    ['conv:6', 'max', 'dense:5'],
  ],
  'average pool': [
    [6, 6, 2],
    ['conv:6', 'average', 'dense:5'],
  ],
  mean: [
    [6, 6, 2],
    ['conv:8', 'mean', 'dense:5'],
  ],
  'a sum past two layers': [
    [6, 6, 2],
    ['conv:6', 'conv:5', 'conv:6!', 'add:0', 'average', 'dense:5'],
  ],
  'a sum of two ways, one of a layer of its own': [
    [6, 6, 2],
    ['conv:4', 'conv:5', 'conv:6!', 'conv:6!@0', 'add:2', 'mean', 'dense:5'],
  ],
  'depthwise in a block, the sum without a ReLU': [
    [6, 6, 2],
    ['conv:4!', 'conv:8', 'depthwise:8', 'conv:4!', 'add:0!', 'mean', 'dense:5'],
  ],
  'three readers, steps of another size on the way, a value added to itself': [
    [12],
    ['dense:8', 'dense:8!', 'dense:8!@0', 'requantize', 'add:1!', 'add:4', 'add:0', 'dense:5'],
  ],
};

test('float gradients are those of finite differences', () => {
  for (const [name, [shape, layers]] of Object.entries(NETS)) {
    for (const loss of ['cross-entropy', 'mse'] as const) {
      const random = new Random(11);
      const network = learnable(random, shape, layers);
      const spec = deriveLearning(network, { layers: 'all', loss });
      const float = new FloatSgd(network, spec, LearningMirror.frozenPart(network, spec));
      const input = inputFor(random, network.tensors[0]!);
      const gradients = float.gradients([{ input, label: 2 }]);
      float.layers.forEach((layer, i) => {
        for (const part of ['weights', 'bias'] as const) {
          for (let n = 0; n < Math.min(layer[part].length, 12); n++) {
            const at = random.integer(layer[part].length);
            const before = layer[part][at]!;
            const [above, below] = [1e-6, -1e-6].map((step) => {
              layer[part][at] = before + step;
              return floatLoss(float, input, 2, loss);
            }) as [number, number];
            layer[part][at] = before;
            const expected = (above - below) / 2e-6;
            const found = gradients[i]![part][at]!;
            assert.ok(
              Math.abs(found - expected) < 1e-5 * (1 + Math.abs(expected)),
              `${name} ${loss} ${part}: ${found} ${expected}`,
            );
          }
        }
      });
    }
  }
});

interface LayerArrays {
  master: number[];
  folded: number[];
}

/** A weight bank's bytes as numbers: layers from the input. */
function parseBank(network: QuantizedNetwork, options: LearnOptions, bytes: Uint8Array): LayerArrays[] {
  const { steps } = deriveLearning(network, options);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const padded = (count: number): number => Math.ceil(count / 16) * 16;
  return [...steps].reverse().flatMap(({ op: index, learned }) => {
    const op = network.ops[index]!;
    if (!learned || !('bias' in op)) return [];
    const count = learned.weights ? op.weights.length : 0;
    const [w8, low] = [at, at + padded(count)];
    const means = learned.means > 0 ? padded(op.weights.length / op.bias.length) : 0;
    const folded = at + 2 * padded(count) + 2 * means;
    at = folded + padded(4 * op.bias.length);
    return [
      {
        master: Array.from({ length: count }, (_, i) => view.getInt8(w8 + i) * 256 + view.getUint8(low + i)),
        folded: Array.from({ length: op.bias.length }, (_, o) => view.getInt32(folded + 4 * o, true)),
      },
    ];
  });
}

function cosine(a: readonly number[], b: ArrayLike<number>): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
    Array.from(x).reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** What a change of master weights is in real numbers. */
function realChange(network: QuantizedNetwork, index: number, change: readonly number[]): number[] {
  const op = network.ops[index]!;
  if (!('bias' in op)) return [];
  const [x, y] = [network.tensors[op.inputs[0]!]!, network.tensors[op.output]!];
  const perRow = op.weights.length / op.bias.length;
  return change.map((w, at) => {
    const row = op.kind === 'depthwiseConv2d' ? at % op.bias.length : Math.floor(at / perRow);
    const o = op.multipliers.length === 1 ? 0 : row;
    return (((w / 256) * y.scale) / x.scale) * op.multipliers[o]! * 2 ** (op.shifts[o]! - 31);
  });
}

/** Real gradients at the activations that int8 inference has: what the oracles compute, dequantized. */
class FloatAtInt8 extends FloatSgd {
  constructor(
    private readonly of: QuantizedNetwork,
    spec: LearningSpec,
    frozen: FrozenPart,
  ) {
    super(of, spec, frozen);
  }

  protected override run(input: Int8Array): Map<number, Float64Array> {
    const values = runOracle(this.of, input);
    return new Map(
      this.of.tensors.map(({ scale, zeroPoint }, tensor) => [
        this.roots[tensor]!,
        Float64Array.from(values[tensor]!, (q) => (q - zeroPoint) * scale),
      ]),
    );
  }

  protected override lossErrors(logits: Float64Array, label: number): Float64Array {
    const errors = super.lossErrors(logits, label);
    const least = Math.max(...errors.map(Math.abs)) / 8;
    return errors.map((error) => (Math.abs(error) < least ? 0 : error));
  }
}

test('updates go the way of float gradients, as far', () => {
  for (const [name, [shape, layers]] of Object.entries(NETS)) {
    for (const loss of ['cross-entropy', 'mse'] as const) {
      const random = new Random(5);
      const network = learnable(random, shape, layers);
      const learning = { learningRate: 1 / 64, replay: 0, sure: -1, clip: 127, late: false };
      const options: LearnOptions = { layers: 'all', loss, ...learning };
      const spec = deriveLearning(network, options);
      const frozen = LearningMirror.frozenPart(network, spec);
      const factory = new LearningMirror(network, spec, frozen);
      const before = parseBank(network, options, factory.weightBank());
      const sums = before.map(({ master }) => master.map(() => 0));
      const samples = Array.from({ length: 16 }, () => inputFor(random, network.tensors[0]!)).map((input) => {
        const label = (factory.classify(input) + 1) % 5;
        const mirror = new LearningMirror(network, spec, frozen);
        mirror.learn(input, label, 1);
        parseBank(network, options, mirror.weightBank()).forEach(({ master }, layer) => {
          for (const [at, w] of master.entries()) sums[layer]![at]! += w - before[layer]!.master[at]!;
        });
        return { input, label };
      });
      const float = new FloatAtInt8(network, spec, frozen);
      const start = float.layers.map(({ weights }) => weights.slice());
      float.step(samples);
      float.layers.forEach(({ step: { op, learned }, weights }, i) => {
        if (!learned) return;
        const real = realChange(network, op, sums[learned.layer]!);
        const expected = weights.map((w, at) => w - start[i]![at]!);
        const where = `${name} ${loss} ${network.ops[op]!.name}`;
        const found = cosine(real, expected);
        assert.ok(found > 0.997, `${where}: cosine ${found.toFixed(4)}`);
        const ratio = Math.hypot(...real) / Math.hypot(...expected);
        assert.ok(ratio > 0.97 && ratio < 1.03, `${where}: ${ratio.toFixed(3)} as far`);
      });
    }
  }
});

test.run();
