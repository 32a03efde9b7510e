// conv2d_xnor_s8: which layers become it, what a step's bounds do, records that lie, the proof, and what it takes on emulated cores.
// Random shapes: kernels.test.ts; its body in C: accel.test.ts.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { H_PLAN_CRC, OP_BYTES, OP_CRC, OpKind, WIN_BLOCK } from '../assembly/layout.js';
import { XNOR_HIGH, XNOR_LOW } from '../assembly/xnor-layout.js';
import { countLowBits, levelNetwork, lowBitImage, lowBitNetwork } from '../bench/low-bits.js';
import { analyze } from '../host/analyze/analyze.js';
import { evaluate } from '../host/import/float-graph.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { quantizeGraph } from '../host/import/quantize-graph.js';
import { quantizeValues } from '../host/model/affine.js';
import { compile as compileProved } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { Conv2d, MapTable, QuantizedNetwork } from '../host/model/quantized-network.js';
import { imageOf } from '../host/ops/given-image.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { verify } from '../host/verify/verify.js';
import { denseLevelsNetwork, levelsNetwork, valuesFor } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { failure } from './util/failure.js';
import { crc, resealed, setField } from './util/image-bytes.js';
import { onnxModel, type TestConstant, type TestNode } from './util/models.js';
import { boardPackages, hasPrograms } from './util/native.js';
import { runOracle } from './util/oracle.js';

const roomy = { arenaBytes: 16_384, nvmBytes: 1 << 22, capacitorUf: 1e5 };
const kindsOf = (network: QuantizedNetwork): OpKind[] =>
  readImage(compile(network, roomy)).ops.map(({ kind }) => kind);

/** A step to levels and a convolution, and the same with some of both changed. */
const pair = (map: Partial<MapTable> = {}, conv: Partial<Conv2d> = {}): QuantizedNetwork => {
  const network = levelsNetwork(new Random(4));
  const [step, layer] = network.ops as [MapTable, Conv2d];
  return {
    ...network,
    ops: [
      { ...step, ...map },
      { ...layer, ...conv },
    ],
  };
};
const tableOf = (f: (q: number) => number): Int8Array =>
  Int8Array.from({ length: 256 }, (_, i) => f(i - 128));

test('a step to two or three levels and the layer of signs that alone reads it are one record, and nothing else', () => {
  const { tensors, ops } = pair();
  const zero = tensors[1]!.zeroPoint;
  const { weights } = ops[1] as Conv2d;
  const step = (f: (q: number) => number): Partial<MapTable> => ({ table: tableOf((q) => zero + f(q)) });
  assert.equal(kindsOf(pair()), [OpKind.CONV2D_XNOR]);
  assert.equal(kindsOf(pair(step((q) => Math.sign(q)))), [OpKind.CONV2D_XNOR]);
  const apart = [OpKind.MAP, OpKind.CONV2D];
  assert.equal(kindsOf(pair(step((q) => (q < 0 ? 1 : -1)))), apart, 'a step down');
  assert.equal(kindsOf(pair(step((q) => (Math.abs(q) > 9 ? 1 : -1)))), apart, 'two steps');
  assert.equal(kindsOf(pair(step((q) => (q < -9 || (q > 0 && q < 9) ? -1 : 1)))), apart, 'up, down and up');
  assert.equal(kindsOf(pair(step((q) => (q < 0 ? 0 : 1)))), apart, 'no -1');
  assert.equal(kindsOf(pair(step((q) => (q < 0 ? -1 : 2)))), apart, 'a level of 2');
  assert.equal(kindsOf(pair({}, { weights: weights.with(3, 0) })), apart, 'a weight of 0');
  const both: QuantizedNetwork = { ...pair(), output: 1 };
  assert.equal(kindsOf(both)[0], OpKind.MAP, 'levels are the answer');
  const read: QuantizedNetwork = {
    ...pair(),
    tensors: [...tensors, tensors[1]!],
    ops: [...ops, { ...(pair().ops[0] as MapTable), inputs: [1], output: 3 }],
  };
  assert.equal(kindsOf(read).slice(0, 2), apart, 'levels are read twice');
  assert.equal(kindsOf(denseLevelsNetwork(new Random(1))), [OpKind.CONV2D_XNOR]);
});

test('a record of other weights, or whose bounds are in no order, is refused', () => {
  const image = readImage(compile(pair(), roomy));
  for (const [field, value, said] of [
    [XNOR_LOW, 127, /first bound of levels/],
    [2, 0, /weights of another type/],
    [WIN_BLOCK, 1, /circulant blocks/],
  ] as const) {
    const edit = (file: Uint8Array): void => {
      const at = image.plan.offset;
      file[at + field] = value;
      if (field === XNOR_LOW) file[at + XNOR_HIGH] = 128;
      file.fill(0, at + OP_CRC, at + OP_BYTES);
      setField(file, H_PLAN_CRC, crc(file.subarray(at, at + image.plan.bytes)));
    };
    const { code, found } = failure(() => imageOf(resealed(image, edit)));
    assert.is(code, 'E_IMAGE_RECORD', `field ${field}`);
    assert.match(found, said);
  }
});

test('images of levels are proved, on the module that firmware is made from too', () => {
  for (const make of [levelsNetwork, denseLevelsNetwork]) {
    const image = readImage(compileProved(make(new Random(7)), { arenaBytes: 6000, policy: 'every 1' }));
    assert.is(image.ops[0]!.kind, OpKind.CONV2D_XNOR);
    assert.ok(verify(image, { module: moduleBytes('device.accelerated') }).proved, make.name);
  }
});

const CONV = 'conv 16×16×32→32, 3×3';

test('in little room and in much: the same bytes, and analyze names what is done', () => {
  const network = levelNetwork('conv 25×5×64→64, 1×1');
  const input = valuesFor(new Random(1), network.tensors[0]!);
  const expected = runOracle(network, input)[network.output]!;
  for (const [arenaBytes, body] of [
    [30000, 'signs'],
    [700, 'scalar'],
  ] as const) {
    const image: Image = readImage(compile(network, { arenaBytes, capacitorUf: 1e5 }));
    assert.is(analyze(image).ops[0]!.body, body, `${arenaBytes} bytes`);
    for (const build of ['scalar', 'fast', 'accelerated'] as const)
      assert.equal(infer(makeDevice(image, build), image, input), expected, `${build} ${arenaBytes}`);
  }
});

test('a few shapes, bounds of either sign: the same bytes in every build that has words of levels', () => {
  for (let seed = 1; seed <= 24; seed++) {
    const network = levelsNetwork(new Random(seed));
    const input = valuesFor(new Random(seed), network.tensors[0]!);
    const expected = runOracle(network, input)[network.output]!;
    const image = readImage(compile(network, { arenaBytes: seed % 2 ? 16_384 : 3400, capacitorUf: 1e5 }));
    for (const build of ['scalar', 'fast', 'accelerated'] as const)
      assert.equal(infer(makeDevice(image, build), image, input), expected, `${build}, seed ${seed}`);
  }
});

/** A binarized network as QONNX has it, with batch normalization, a pool and a scale a channel: its nodes and constants. */
function binarized(random: Random): [TestNode[], Record<string, TestConstant>] {
  const constants: Record<string, TestConstant> = { one: { shape: [1], values: Float32Array.of(1) } };
  const nodes: TestNode[] = [];
  const reals = (name: string, shape: number[], low: number, high: number): string => {
    const count = shape.reduce((a, b) => a * b, 1);
    constants[name] = {
      shape,
      values: Float32Array.from({ length: count }, () => random.uniform(low, high)),
    };
    return name;
  };
  const node = (op: string, inputs: string[], more: Partial<TestNode> = {}): string => {
    const output = `t${nodes.length}`;
    nodes.push({ op, inputs, outputs: [output], ...more });
    return output;
  };
  const bipolar = (x: string): string => node('qonnx.custom_op.general.BipolarQuant', [x, 'one']);
  const normalized = (x: string, at: number): string => {
    const channel = (what: string, low: number, high: number): string =>
      reals(`${what}${at}`, [12], low, high);
    const scales = [
      channel('gamma', -1, 1),
      channel('beta', -3, 3),
      channel('mean', -4, 4),
      channel('variance', 20, 90),
    ];
    return node('BatchNormalization', [x, ...scales]);
  };
  let x = bipolar('x');
  for (const [at, pads] of [1, 0].entries()) {
    const weights = bipolar(reals(`w${at}`, [12, at ? 12 : 5, 3, 3], -1, 1));
    x = node('Conv', [x, weights], { integers: { pads: [pads, pads, pads, pads], kernel_shape: [3, 3] } });
    x = normalized(x, at);
    if (at === 0) x = node('MaxPool', [x], { integers: { kernel_shape: [2, 2], strides: [2, 2] } });
    x = bipolar(x);
  }
  const signs = reals('last', [7, 48], -1, 1);
  const last = constants[signs]! as { values: Float32Array };
  last.values.forEach((w, i) => {
    last.values[i] = (w < 0 ? -1 : 1) * (1 + Math.floor(i / 48)) * 0.25;
  });
  node('Gemm', [node('Flatten', [x]), signs, reals('bias', [7], -2, 2)], { integers: { transB: 1 } });
  return [nodes, constants];
}

test('a binarized network of QONNX: every layer of signs is one record, and its answers are the float graph’s, rounded', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const random = new Random(seed);
    const [nodes, constants] = binarized(random);
    const { graph } = importOnnx(onnxModel([1, 5, 8, 8], nodes, constants));
    // Inputs whose signs int8 keeps.
    const sample = (): Float64Array =>
      Float64Array.from(
        { length: 320 },
        () => (random.integer(2) ? 1 : -1) * (0.25 + 0.75 * random.uniform(0, 1)),
      );
    const samples = Array.from({ length: 12 }, sample);
    const network = quantizeGraph(graph, { name: 'binarized', samples, ranges: 'max' });
    const image = readImage(compile(network, roomy));
    assert.equal(
      image.ops.map(({ kind }) => kind),
      [OpKind.CONV2D_XNOR, OpKind.MAX_POOL, OpKind.CONV2D_XNOR, OpKind.CONV2D_XNOR],
    );
    const [input, output] = [network.tensors[network.input]!, network.tensors[network.output]!];
    for (const x of samples) {
      const expected = evaluate(graph, x)[graph.output]!;
      const found = infer(makeDevice(image), image, quantizeValues(x, input) as Int8Array);
      expected.forEach((y, i) => {
        // Half a step, and half of a sum's, which biases are whole in.
        const off = Math.abs((found[i]! - output.zeroPoint) * output.scale - y);
        assert.ok(off <= output.scale * 0.51 + 0.125 * (1 + i), `seed ${seed}, ${i}: ${off}`);
      });
    }
  }
});

/** Sign → Conv → Sign → Gemm, weights ±0.5, ±0.25 and so on; `offset`: what biases are beside whole numbers of weights. */
function signed(
  random: Random,
  channels: number,
  offset: number,
): [TestNode[], Record<string, TestConstant>] {
  const signs = (shape: number[], row: number): TestConstant => {
    const count = shape.reduce((a, b) => a * b, 1);
    const of = (i: number): number => (random.integer(2) ? 1 : -1) * 2 ** -(1 + (Math.floor(i / row) % 3));
    return { shape, values: Float32Array.from({ length: count }, (_, i) => of(i)) };
  };
  const bias = (count: number): TestConstant => {
    const of = (i: number): number => (random.integer(5) - 2 + offset) * 2 ** -(1 + (i % 3));
    return { shape: [count], values: Float32Array.from({ length: count }, (_, i) => of(i)) };
  };
  const constants = {
    w: signs([6, channels, 3, 3], channels * 9),
    b: bias(6),
    v: signs([5, 96], 96),
    c: bias(5),
  };
  const nodes: TestNode[] = [
    { op: 'Sign', inputs: ['x'], outputs: ['s'] },
    { op: 'Conv', inputs: ['s', 'w', 'b'], outputs: ['y'], integers: { kernel_shape: [3, 3] } },
    { op: 'Sign', inputs: ['y'], outputs: ['t'] },
    { op: 'Flatten', inputs: ['t'], outputs: ['f'] },
    { op: 'Gemm', inputs: ['f', 'v', 'c'], outputs: ['out'], integers: { transB: 1 } },
  ];
  return [nodes, constants];
}

test('ONNX’s Sign, of 0 that is 0: layers behind it are of signs, and it is one op with them where no sum is 0', () => {
  for (const [channels, offset] of [
    [64, 0.4],
    // Sums may be 0, and are few enough for int8 to tell it.
    [4, 0],
  ] as const) {
    const random = new Random(11);
    const { graph } = importOnnx(onnxModel([1, channels, 6, 6], ...signed(random, channels, offset)));
    // Zeros, and values whose signs int8 keeps.
    const sample = (): Float64Array =>
      Float64Array.from(
        { length: channels * 36 },
        () => (random.integer(3) - 1) * (0.25 + 0.75 * random.uniform(0, 1)),
      );
    const samples = Array.from({ length: 12 }, sample);
    const network = quantizeGraph(graph, { name: 'signed', samples, ranges: 'max' });
    const image = readImage(compile(network, roomy));
    assert.equal(
      image.ops.map(({ kind }) => kind),
      [OpKind.CONV2D_XNOR, OpKind.CONV2D_XNOR],
    );
    const [input, output] = [network.tensors[network.input]!, network.tensors[network.output]!];
    for (const x of samples) {
      const expected = evaluate(graph, x)[graph.output]!;
      const answer = infer(makeDevice(image), image, quantizeValues(x, input) as Int8Array);
      expected.forEach((y, i) => {
        const off = Math.abs((answer[i]! - output.zeroPoint) * output.scale - y);
        assert.ok(off <= output.scale * 0.51 + 0.26, `offset ${offset}, ${i}: ${off}`);
      });
    }
  }
});

const { levels } = JSON.parse(readFileSync(new URL('../../bench/budget.json', import.meta.url), 'utf8')) as {
  levels: Record<string, { aMac: number; timesInt8: number }>;
};
for (const [board, { aMac: most, timesInt8 }] of Object.entries(levels)) {
  const run = hasPrograms(`levels on ${board}`, boardPackages(board)) ? test : test.skip;
  run(`${board}: instructions a MAC, rounding and laying out included, and the same bytes`, async () => {
    const network = levelNetwork(CONV);
    const { image, sample } = lowBitImage(network);
    const { aMac, instructions, output } = await countLowBits(image, board);
    assert.equal(output, runOracle(network, sample)[network.output]!);
    assert.ok(aMac <= most && aMac > most * 0.85, `${aMac.toFixed(3)} instructions a MAC`);
    const bytes = await countLowBits(lowBitImage(lowBitNetwork(CONV, 'int8')).image, board);
    const times = bytes.instructions / instructions;
    assert.ok(times >= timesInt8, `${times.toFixed(2)} times fewer than with int8`);
  });
}

test.run();
