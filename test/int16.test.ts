// Int16 activations from the network to the answer: what is refused, files in and out, ends of the range.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_FLAG_INT32, OP_FLAGS } from '../assembly/layout.js';
import { analyze } from '../host/analyze/analyze.js';
import { compile } from '../host/compile/compile.js';
import { modelInputs } from '../host/data/model-input.js';
import { readNpy, writeNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { inspectDump } from '../host/inspect/inspect.js';
import { readImage } from '../host/model/image.js';
import type { Dense, QuantizedNetwork, QuantizedOp, TensorSpec } from '../host/model/quantized-network.js';
import type { Values } from '../host/model/values.js';
import { softmaxTables } from '../host/model/fixed-point.js';
import { run } from '../host/run/run.js';
import { completeJob } from '../host/simulator/app.js';
import { randomOutcome } from '../host/simulator/outcome.js';
import { CutBench } from './util/cut-bench.js';
import { infer, makeDevice } from './util/devices.js';
import { tableOracle } from './util/fixed-point-oracle.js';
import { denseNetwork, layered, logisticNetwork, valuesFor, withInt16 } from '../samples/networks.js';
import { runOracle } from './util/oracle.js';

const wide = (shape: number[]): TensorSpec => ({ shape, scale: 1, zeroPoint: 0, dtype: 'int16' });

/** A dense layer of int16 with one multiplier; `bias` decides what its accumulators are. */
function denseOf(
  inputs: number,
  weight: number,
  bias: Int32Array | BigInt64Array,
  { multiplier = 2 ** 30, shift = -20 } = {},
): QuantizedNetwork {
  const op: Dense = {
    kind: 'dense',
    name: 'dense',
    inputs: [0],
    output: 1,
    weights: new Int8Array(inputs * bias.length).fill(weight),
    bias,
    multipliers: Int32Array.of(multiplier),
    shifts: Int32Array.of(shift),
    clampMin: -32768,
    clampMax: 32767,
  };
  return { name: 'dense', tensors: [wide([inputs]), wide([bias.length])], ops: [op], input: 0, output: 1 };
}

function answersOf(network: QuantizedNetwork, input: Values): Values[] {
  const image = readImage(compile(network));
  const builds = ['scalar', 'simd', 'checked', 'in-place'] as const;
  return builds.map((build) => infer(makeDevice(image, build), image, input));
}

const codeOf = (work: () => void): string => {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
};

test('what int16 does not go with is refused by name', () => {
  const random = new Random(1);
  const narrow = denseNetwork(random, 20);
  const [op] = narrow.ops as [Dense];
  const sixteen = withInt16(new Random(2), narrow);
  const edited = (change: Partial<Dense>, network = sixteen): QuantizedNetwork => {
    return { ...network, ops: [{ ...(network.ops[0] as Dense), ...change }] };
  };
  const retyped = (network: QuantizedNetwork, index: number, change: object): QuantizedNetwork => {
    return { ...network, tensors: network.tensors.map((t, i) => (i === index ? { ...t, ...change } : t)) };
  };
  const int64 = BigInt64Array.from(op.bias as Int32Array, BigInt);
  const refused: Record<string, QuantizedNetwork> = {
    'a zero point': retyped(sixteen, 0, { zeroPoint: 1 }),
    'another type': retyped(narrow, 0, { dtype: 'int32' }),
    'two types': retyped(sixteen, 1, { dtype: 'int8' }),
    'a clamp beyond int16': edited({ clampMax: 32768 }),
    'a clamp beyond int8': edited({ clampMax: 128, clampMin: -128 }, narrow),
    'int64 biases of int8': edited({ bias: int64 }, narrow),
    'a shift that leaves no bit to round by': edited({
      bias: int64,
      shifts: new Int32Array((sixteen.ops[0] as Dense).shifts.length).fill(15),
    }),
    'a weight zero point beyond int8': edited({ weightZeroPoint: 128 }),
    logistic: withInt16(random, logisticNetwork(random)),
  };
  for (const [name, network] of Object.entries(refused))
    assert.is(
      codeOf(() => compile(network)),
      'E_NETWORK',
      name,
    );
});

test('an image of int16 carries its type and its sample, takes .npy of it, and reports it', () => {
  const network = withInt16(new Random(3), layered(new Random(3)));
  const sample = valuesFor(new Random(4), network.tensors[0]!);
  const file = compile(network, { sample, preprocessing: { minimum: -2, maximum: 2 } });
  const image = readImage(file);
  assert.equal(image.sample, sample);
  assert.equal([image.metadata.input.dtype, image.input.bytes], ['int16', 72]);
  const expected = [...runOracle(network, sample)[network.output]!];
  const npy = readNpy(writeNpy({ dtype: 'int16', shape: [1, 6, 6, 1], data: sample }));
  for (const result of [run(image), run(image, { input: npy })])
    assert.equal([result.dtype, result.outputs], ['int16', [expected]]);
  const [op] = analyze(image).ops;
  assert.equal([op!.kind, op!.inputShape], ['conv2d_s16', [6, 6, 1]]);
  const device = makeDevice(image);
  device.boot();
  device.feed(sample);
  device.submit(1);
  while (device.run() === 1);
  assert.equal(inspectDump(device.nvm.present, image).job?.answer, expected);
  device.ack(1);
  assert.equal([...completeJob(device, image, { ticket: 2, input: sample }, {}, true).answer], expected);
  // Floats are quantized, and so are integers of another type, unless they are said to be codes.
  const floats = Float32Array.from({ length: 36 }, (_, i) => (i - 18) / 9);
  const quantized = modelInputs({ dtype: 'float32', shape: [6, 6, 1], data: floats }, image)[0]!;
  const { scale } = image.metadata.input;
  assert.equal(
    quantized,
    Int16Array.from(floats, (x) => Math.round(x / scale)),
  );
  const bytes = { dtype: 'int8' as const, shape: [6, 6, 1], data: new Int8Array(36).fill(1) };
  assert.equal(modelInputs(bytes, image)[0], new Int16Array(36).fill(Math.round(1 / scale)));
  assert.equal(modelInputs({ ...bytes, as: 'codes' }, image)[0], new Int16Array(36).fill(1));
  const words = { dtype: 'int32' as const, shape: [6, 6, 1], data: new Int32Array(36).fill(32_768) };
  assert.is(
    codeOf(() => modelInputs({ ...words, as: 'codes' }, image)),
    'E_INPUT_TYPE',
  );
  assert.is(
    codeOf(() => modelInputs(words, image)),
    'E_INPUT_RANGE',
  );
  assert.is(
    codeOf(() => compile(network, { sample: new Int8Array(36) })),
    'E_INPUT_SIZE',
  );
});

test('two cuts anywhere change nothing, with buffers apart and with buffers shared', () => {
  const network = withInt16(new Random(5), layered(new Random(5)));
  const sample = valuesFor(new Random(6), network.tensors[0]!);
  const apart = readImage(compile(network, { sample, policy: 'every 1' }));
  let nvmBytes = apart.nvmBytes;
  while (codeOf(() => compile(network, { nvmBytes: nvmBytes - 16 })) === 'none') nvmBytes -= 16;
  assert.ok(nvmBytes < apart.nvmBytes, 'nothing to share');
  const shared = readImage(compile(network, { sample, policy: 'low', nvmBytes }));
  for (const image of [apart, shared]) {
    const bench = new CutBench(image, { tearUnit: 2 });
    const random = new Random(7);
    bench.power.lowAnswer = () => random.integer(4) === 0;
    for (let left = 0; left <= bench.units; left += 3) {
      const at = bench.run([left, random.integer(bench.units)], () => randomOutcome(random));
      if (at >= 0) assert.unreachable(`cut after ${left} units changes byte ${at}`);
    }
  }
});

test('sums of the largest products are exact in int64, and wrap in int32 as TFLite has it', () => {
  const inputs = 1500;
  const lowest = new Int16Array(inputs).fill(-32768);
  // 1500 · 2²² = 1.46 · 2³²: beyond int32.
  const int64 = denseOf(inputs, -128, BigInt64Array.of(0n, -(2n ** 40n), 2n ** 40n), { shift: -19 });
  const expected = [1500 * 4, 32767, 32767].map((_, i) => runOracle(int64, lowest)[1]![i]!);
  assert.is(expected[0], Math.min((1500 * 2 ** 22) / 2 ** 20, 32767));
  for (const answer of answersOf(int64, lowest)) assert.equal([...answer], expected);
  const int32 = denseOf(inputs, -128, Int32Array.of(0, 1), { shift: -17 });
  const wrapped = ((1500 * 2 ** 22) | 0) / 2 ** 18;
  assert.equal([...runOracle(int32, lowest)[1]!], [Math.round(wrapped), Math.round(wrapped)]);
  for (const answer of answersOf(int32, lowest)) assert.equal(answer, runOracle(int32, lowest)[1]);
  const flag = (network: QuantizedNetwork): number =>
    readImage(compile(network)).ops[0]!.get(OP_FLAGS) & OP_FLAG_INT32;
  assert.equal([flag(int64), flag(int32)], [0, OP_FLAG_INT32]);
});

test('int64 accumulators take 16 bits of the multiplier, none above 0x7fff', () => {
  for (const multiplier of [0, 2 ** 30, 0x7ffeffff, 0x7fff0000, 2 ** 31 - 1]) {
    for (const shift of [-31, -20, -1, 0, 7, 14]) {
      const network = denseOf(3, 127, BigInt64Array.of(0n, 5n, -40000n), { multiplier, shift });
      for (const x of [-1, 3, 255]) {
        const input = Int16Array.of(x, -x, 2);
        const expected = runOracle(network, input)[1];
        for (const answer of answersOf(network, input))
          assert.equal(answer, expected, `${multiplier} ${shift}`);
      }
    }
  }
});

/** Two int16 inputs side by side, to `op`. */
function pairwise(op: QuantizedOp, count: number): QuantizedNetwork {
  const half = (output: number): QuantizedOp => {
    return { kind: 'slice', name: 'half', inputs: [0], output, axis: 0, start: (output - 1) * count };
  };
  const tensors = [wide([2 * count]), wide([count]), wide([count]), wide([count])];
  return { name: op.kind, tensors, ops: [half(1), half(2), op], input: 0, output: 3 };
}

const ENDS = [-32768, -32767, -3, -1, 0, 1, 2, 5, 16384, 32767];
const PAIRS = ENDS.flatMap((a) => ENDS.map((b) => [a, b] as const));
const ends = Int16Array.from([...PAIRS.map(([a]) => a), ...PAIRS.map(([, b]) => b)]);
const place = { name: 'op', inputs: [1, 2], output: 3, clampMin: -32768, clampMax: 32767 };

test('products at the ends of the range', () => {
  const op: QuantizedOp = { kind: 'mul', ...place, outputScaling: { multiplier: 2 ** 30, shift: -14 } };
  const network = pairwise(op, PAIRS.length);
  const expected = PAIRS.map(([a, b]) => {
    const magnitude = Math.floor((Math.abs(a * b) + 2 ** 14) / 2 ** 15);
    return Math.min(Math.max(a * b < 0 ? -magnitude : magnitude, -32768), 32767);
  });
  const oracle = [...runOracle(network, ends)[3]!];
  // Two roundings may differ from one by a step; the oracle has both.
  oracle.forEach((y, i) => assert.ok(Math.abs(y - expected[i]!) <= 1, `${PAIRS[i]}: ${y}`));
  for (const answer of answersOf(network, ends)) assert.equal([...answer], oracle);
});

test('sums with scales that are powers of two, as TFLite adds them: shift one, round, saturate', () => {
  for (let shift = 0; shift <= 15; shift++) {
    const one = { multiplier: 2 ** 30, shift: 0 };
    const op: QuantizedOp = {
      kind: 'add',
      ...place,
      leftShift: 1,
      inputScalings: [one, { ...one, shift: -shift }],
      outputScaling: { ...one, shift: 1 },
    };
    const expected = PAIRS.map(([a, b]) => {
      const magnitude = Math.floor(Math.abs(b) / 2 ** shift + 0.5);
      return Math.min(Math.max(a + (b < 0 ? -magnitude : magnitude), -32768), 32767);
    });
    for (const answer of answersOf(pairwise(op, PAIRS.length), ends))
      assert.equal([...answer], expected, `shift ${shift}`);
  }
});

test('the tables of softmax are TFLite’s, made without the standard library’s exponential', () => {
  const tables = [...softmaxTables()];
  assert.is(tables.length, 1026);
  assert.equal(tables.slice(0, 513), tableOracle(Math.exp, -10, 0));
  assert.equal(
    tables.slice(513),
    tableOracle((x) => 1 / (1 + x), 0, 1),
  );
  assert.equal([tables[0], tables[511], tables[512]], [2, 32133, 32767]);
  assert.equal([tables[513], tables[514], tables[1025]], [32767, 32704, 16384]);
});

test.run();
