// separable_conv2d_s8: which ops become one, that answers stay the same, what of NVM it spares, extremes, and the proof. Random
// shapes: kernels.test.ts. Keywords are read in place through BROWNOUT_DATA.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
  SEP_CHANNELS,
  SEP_ROWS,
  WIN_TILE_COLUMNS,
} from '../assembly/layout.js';
import { compile as compileProved } from '../host/compile/compile.js';
import type { CompileOptions } from '../host/compile/options.js';
import { readNpy } from '../host/data/npy.js';
import { importModel } from '../host/import/import-model.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type {
  Conv2d,
  DepthwiseConv2d,
  FuseChoice,
  QuantizedNetwork,
} from '../host/model/quantized-network.js';
import type { OpRecord } from '../host/model/record.js';
import { countJob } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { recordOp } from '../host/ops/record.js';
import { energyOf } from '../host/plan/cost.js';
import { deviceProfile } from '../host/profiles/index.js';
import { runDevice } from '../host/xray/device-run.js';
import { dsCnn, int8s, requantization, tensor, valuesFor } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { boardPackages, hasPrograms } from './util/native.js';
import { infer, makeDevice } from './util/devices.js';
import { runOracle } from './util/oracle.js';

interface Changes {
  depthwise?: Partial<DepthwiseConv2d>;
  pointwise?: Partial<Conv2d>;
  multiplier?: number;
}

/** height × width × channels to outputs, by windows of 3 × 3 with padding. */
function pair(
  [height, width, channels, outputs]: readonly [number, number, number, number],
  changes: Changes = {},
): QuantizedNetwork {
  const random = new Random(1);
  const between = channels * (changes.multiplier ?? 1);
  const depthwise: DepthwiseConv2d = {
    ...{ kind: 'depthwiseConv2d', name: 'deep', inputs: [0], output: 1 },
    ...{ kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [1, 1] },
    weights: int8s(random, 9 * between),
    ...requantization(random, between, 20000),
    ...changes.depthwise,
  };
  const pointwise: Conv2d = {
    ...{ kind: 'conv2d', name: 'point', inputs: [1], output: 2 },
    ...{ kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] },
    weights: int8s(random, outputs * between),
    ...requantization(random, outputs, 6000 * Math.sqrt(between)),
    ...changes.pointwise,
  };
  type Size = (op: DepthwiseConv2d | Conv2d, n: number, axis: 0 | 1) => number;
  const size: Size = ({ kernel, stride, dilation, padding }, n, axis) =>
    Math.floor((n + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  const [rows, columns] = [size(depthwise, height, 0), size(depthwise, width, 1)];
  const tensors = [
    tensor(random, [height, width, channels]),
    tensor(random, [rows, columns, between]),
    tensor(random, [size(pointwise, rows, 0), size(pointwise, columns, 1), outputs]),
  ];
  return { name: 'pair', tensors, ops: [depthwise, pointwise], input: 0, output: 2 };
}

const roomy: CompileOptions = {
  arenaBytes: 32768,
  nvmBytes: 1 << 22,
  capacitorUf: 1e5,
  fuse: 'on',
  convolution: 'direct',
};
const compiled = (network: QuantizedNetwork, options: CompileOptions = {}): Image =>
  readImage(compile(network, { ...roomy, ...options }));
const kindsOf = (network: QuantizedNetwork, options: CompileOptions = {}): OpKind[] =>
  compiled(network, options).ops.map(({ kind }) => kind);

const ONE = [OpKind.SEPARABLE_CONV2D];
const TWO = [OpKind.DEPTHWISE_CONV2D, OpKind.CONV2D];

test('a depthwise convolution and the 1 × 1 that alone reads its map become one op, others stay two', () => {
  const shape = [8, 8, 8, 8] as const;
  assert.equal(kindsOf(pair(shape)), ONE);
  assert.equal(kindsOf(pair(shape, { multiplier: 3 })), ONE);
  assert.equal(kindsOf(pair(shape, { depthwise: { stride: [3, 2], padding: [0, 2] } })), ONE);
  assert.equal(kindsOf(pair(shape), { fuse: 'off' }), TWO);
  assert.equal(kindsOf(pair(shape, { depthwise: { fuse: 'off' } })), TWO, 'the op says so itself');
  assert.equal(kindsOf(pair(shape), { arenaBytes: 420 }), TWO, 'little SRAM');
  const nibbles = (count: number): Int8Array => int8s(new Random(1), count, -8, 7);
  const others: Record<string, Changes> = {
    'holes in windows': { depthwise: { dilation: [2, 1] } },
    'windows apart': { depthwise: { stride: [4, 1] } },
    '3 × 3 after it': { pointwise: { kernel: [3, 3], weights: int8s(new Random(1), 8 * 72) } },
    'every other pixel': { pointwise: { stride: [2, 1] } },
    'a border of its own': { pointwise: { padding: [1, 0] } },
    'int4 weights': { depthwise: { weightType: 'int4', weights: nibbles(72) } },
    'int4 weights after it': { pointwise: { weightType: 'int4', weights: nibbles(64) } },
    'circulant blocks': { pointwise: { blockSize: 2, weights: int8s(new Random(1), 32) } },
  };
  for (const [what, changes] of Object.entries(others))
    assert.equal(kindsOf(pair(shape, changes)), TWO, what);
});

test('a map that somebody else sees stays in NVM', () => {
  const network = pair([6, 6, 4, 4]);
  const [, between] = network.tensors;
  const add = {
    kind: 'requantize',
    name: 'also',
    inputs: [1],
    output: 3,
    scaling: { multiplier: 2 ** 30, shift: 1 },
  } as const;
  const both = { ...network, tensors: [...network.tensors, between!], ops: [...network.ops, add], output: 3 };
  assert.equal(kindsOf(both).slice(0, 2), TWO, 'another op reads it');
  const states = [{ name: 'kept', input: 3, output: 1, initial: [0] }];
  const stream = { ...network, tensors: [...network.tensors, between!], states };
  assert.equal(kindsOf(stream).slice(0, 2), TWO, 'it is kept to the next inference');
});

test('an image that learns by gradients keeps them apart', () => {
  const network = dsCnn(new Random(5));
  const kinds = (options: CompileOptions): Set<OpKind> => new Set(kindsOf(network, options));
  assert.ok(kinds({}).has(OpKind.SEPARABLE_CONV2D));
  assert.not(kinds({ learn: { layers: 'head:1' } }).has(OpKind.SEPARABLE_CONV2D));
});

test('the largest and the smallest of everything: every build as the oracle', () => {
  for (const weight of [-128, 127])
    for (const x of [-128, 127]) {
      const network = pair([7, 5, 8, 5], {
        depthwise: { weights: new Int8Array(72).fill(weight) },
        pointwise: { weights: new Int8Array(40).fill(weight) },
      });
      const image = compiled(network);
      const input = new Int8Array(7 * 5 * 8).fill(x);
      for (const build of ['scalar', 'fast', 'accelerated', 'simd', 'checked', 'in-place'] as const)
        assert.equal(infer(makeDevice(image, build), image, input), runOracle(network, input)[2], build);
    }
});

/** Bytes of the activations that an op reads and writes in one boot, and at most in one of its tiles. */
const traffic = (op: OpRecord): { read: number; written: number } => {
  const { access } = recordOp(op).work(op).all;
  return { read: access.stateBytes, written: access.writtenBytes };
};

test('each input byte is read once in a boot, each output written once, and nothing between', () => {
  for (const arenaBytes of [4000, 8000, 32768]) {
    const [op] = compiled(pair([20, 10, 16, 24]), { arenaBytes, capacitorUf: 100 }).ops;
    assert.ok(op!.get(OP_TILES) > 1);
    assert.is(op!.get(WIN_TILE_COLUMNS), 10);
    assert.equal(traffic(op!), { read: 20 * 10 * 16, written: 20 * 10 * 24 });
  }
  const [deep] = compiled(pair([20, 10, 16, 24]), { fuse: 'off' }).ops;
  assert.ok(
    traffic(deep!).read > 2.8 * 20 * 10 * 16,
    'a depthwise convolution alone reads each row for each row of its windows',
  );
});

test('auto takes one op where that is clearly the cheaper on the device, and two where it is not', () => {
  const network = pair([25, 5, 64, 64]);
  let saved = 0;
  for (const device of ['nrf52840', 'stm32u5', 'apollo4', 'cortex-m4-generic', 'msp430fr5994', 'rp2040']) {
    const profile = deviceProfile(device);
    const planned = (fuse: FuseChoice): { kinds: OpKind[]; uj: number } => {
      const image = compiled(network, { device, fuse, arenaBytes: 8192, capacitorUf: 1000 });
      const ops = image.ops.map((record, i) => ({ record, name: `${i}`, op: i, constantBytes: 0 }));
      return { kinds: image.ops.map(({ kind }) => kind), uj: energyOf(ops, profile) };
    };
    const [on, off, auto] = [planned('on'), planned('off'), planned('auto')];
    assert.equal([on.kinds, off.kinds], [ONE, TWO]);
    if (on.uj < 0.9 * off.uj) assert.equal(auto.kinds, ONE, device);
    if (on.uj > 1.02 * off.uj) assert.equal(auto.kinds, TWO, device);
    saved = Math.max(saved, 1 - on.uj / off.uj);
    console.log(`${device}: ${on.uj.toFixed(0)} µJ as one op, ${off.uj.toFixed(0)} as two (simulated)`);
  }
  assert.ok(saved > 0.3, `${saved}`);
});

test('strips of columns, several rows a tile, lines of 16 bytes: as the oracle, and proved', () => {
  const cases: [QuantizedNetwork, CompileOptions, (op: OpRecord) => boolean][] = [
    [
      pair([6, 30, 8, 8]),
      { arenaBytes: 1600 },
      (op) => op.get(WIN_TILE_COLUMNS) < 30 && op.getPair(SEP_ROWS)[0] === 2,
    ],
    [pair([9, 7, 4, 6], { depthwise: { stride: [2, 1] } }), {}, (op) => op.getPair(SEP_ROWS)[0] > 1],
    [pair([9, 7, 6, 5], { multiplier: 2 }), { line: 16 }, () => true],
    [pair([8, 8, 20, 12]), { arenaBytes: 1400 }, (op) => op.getPair(SEP_CHANNELS)[0] < 20],
  ];
  for (const [i, [network, options, holds]] of cases.entries()) {
    const image = readImage(
      compileProved(network, { ...roomy, capacitorUf: 300, arenaBytes: 4000, ...options }),
    );
    const [op] = image.ops;
    assert.is(op!.kind, OpKind.SEPARABLE_CONV2D, `${i}`);
    assert.ok(holds(op!) && image.metadata.proof, `${i}`);
    const input = valuesFor(new Random(i), network.tensors[0]!);
    for (const build of ['scalar', 'fast', 'accelerated', 'simd'] as const)
      assert.equal(
        infer(makeDevice(image, build), image, input),
        runOracle(network, input)[2],
        `${i}, ${build}`,
      );
  }
});

test('x-ray sees the output of both, under both names', () => {
  const network = pair([8, 8, 8, 8]);
  const image = compiled(network);
  const input = valuesFor(new Random(5), network.tensors[0]!);
  const { layers } = runDevice(image, [input]).run;
  assert.equal(
    layers.map(({ name }) => name),
    ['deep + point'],
  );
  assert.equal(layers[0]!.values[0], runOracle(network, input)[2]);
  assert.is(image.ops[0]!.get(OP_WEIGHTS) > 0, true);
});

const BOARD = 'qemu-mps2-an386';
const boardTest = hasPrograms('the stack of one op of two', boardPackages(BOARD)) ? test : test.skip;

boardTest('firmware: a tile of two ops keeps to the stack that is linked for it', async () => {
  const image = readImage(compile(dsCnn(new Random(5)), { fuse: 'on' }));
  assert.ok(image.ops.some(({ kind }) => kind === OpKind.SEPARABLE_CONV2D));
  const { run, stackBytes, size } = await countJob(image, boardCalled(BOARD));
  assert.ok(stackBytes + 256 <= size.stackBytes, `${stackBytes} of ${size.stackBytes} bytes of stack`);
  const plain = readImage(compile(dsCnn(new Random(5)), { fuse: 'off' }));
  const beside = await countJob(plain, boardCalled(BOARD));
  assert.ok(
    beside.stackBytes + 64 <= beside.size.stackBytes,
    `${beside.stackBytes} of ${beside.size.stackBytes}`,
  );
  assert.ok(run < 2 * beside.run, `${run} instructions, ${beside.run} of two ops`);
});

const folder = process.env['BROWNOUT_DATA'];
if (folder && existsSync(`${folder}/models`)) {
  const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(`${folder}/${path}`));

  test('keywords: one op or two, the same answers, and those of TFLite', () => {
    const { network, preprocessing } = importModel(bytesOf('models/kws_ref_model.tflite'));
    const all = readNpy(new Uint8Array(gunzipSync(bytesOf('kws/mfcc_i8_500x49x10.npy.gz'))))
      .data as Int8Array;
    const golden = readNpy(bytesOf('kws/golden_i8_500x12.npy')).data;
    const images = (['on', 'off'] as const).map((fuse) =>
      readImage(compile(network, { preprocessing, fuse })),
    );
    assert.is(images[0]!.ops.filter(({ kind }) => kind === OpKind.SEPARABLE_CONV2D).length, 4);
    assert.is(images[1]!.ops.filter(({ kind }) => kind === OpKind.SEPARABLE_CONV2D).length, 0);
    for (let i = 0; i < 4; i++)
      for (const image of images) {
        const answer = infer(makeDevice(image, 'simd'), image, all.slice(i * 490, i * 490 + 490));
        assert.equal([...answer], [...golden.slice(i * 12, i * 12 + 12)]);
      }
  });
} else {
  console.log('skipped: keywords as one op or two: set BROWNOUT_DATA to the folder that holds models/');
  test.skip('keywords as one op or two', () => {});
}

test.run();
