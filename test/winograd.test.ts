// conv2d_winograd_s8: which layers are computed so, extremes, transformed weights, and the proof. Random shapes: kernels.test.ts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_TILES, OP_WEIGHTS, OpKind, WINO_COMPUTED } from '../assembly/layout.js';
import { Random } from '../host/math/random.js';
import { deviceProfile } from '../host/profiles/index.js';
import type { DeviceProfile } from '../host/profiles/profile.js';
import { readImage } from '../host/model/image.js';
import { constantOffset } from '../host/model/learning-header.js';
import type { Conv2d, QuantizedNetwork } from '../host/model/quantized-network.js';
import { compile as compileProved } from '../host/compile/compile.js';
import type { CompileOptions } from '../host/compile/options.js';
import { int8s, requantization, tensor } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { runOracle } from './util/oracle.js';

const roomy: CompileOptions = { arenaBytes: 32768, nvmBytes: 1 << 22, capacitorUf: 1e5 };

function layer(
  shape: [height: number, width: number, channels: number, outputs: number],
  changes: Partial<Conv2d> = {},
): QuantizedNetwork {
  const random = new Random(1);
  const [height, width, channels, outputs] = shape;
  const op: Conv2d = {
    ...{ kind: 'conv2d', name: 'conv', inputs: [0], output: 1 },
    ...{ kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [1, 1] },
    weights: int8s(random, outputs * 9 * channels),
    ...requantization(random, outputs, 6000 * Math.sqrt(9 * channels)),
    ...changes,
  };
  const size = (n: number, axis: 0 | 1): number =>
    Math.floor((n + 2 * op.padding[axis] - 2 * op.dilation[axis] - 1) / op.stride[axis]) + 1;
  const output = [size(height, 0), size(width, 1), outputs];
  const tensors = [tensor(random, [height, width, channels]), tensor(random, output)];
  return { name: 'conv', tensors, ops: [op], input: 0, output: 1 };
}

const withFlash = (bytes: number): DeviceProfile => ({
  ...deviceProfile('cortex-m4-generic'),
  flashBytes: { value: bytes, provenance: 'estimated', source: 'this test' },
});

const kindOf = (network: QuantizedNetwork, options: CompileOptions = {}): OpKind =>
  readImage(compile(network, { ...roomy, ...options })).ops[0]!.kind;

test('3 × 3 of stride 1 whose channels 4 divides are computed so, others directly', () => {
  assert.is(kindOf(layer([16, 16, 16, 16])), OpKind.CONV2D_WINOGRAD);
  assert.is(kindOf(layer([16, 16, 16, 16]), { convolution: 'direct' }), OpKind.CONV2D);
  assert.is(kindOf(layer([16, 16, 16, 16]), { arenaBytes: 2048 }), OpKind.CONV2D, 'little SRAM');
  const others: Partial<Conv2d>[] = [
    { stride: [2, 2] },
    { stride: [1, 2] },
    { dilation: [2, 2] },
    { dilation: [2, 1] },
    { weightType: 'int4', weights: int8s(new Random(1), 16 * 9 * 16).map((w) => w >> 4) },
  ];
  for (const changes of others)
    assert.is(
      kindOf(layer([16, 16, 16, 16], changes), { convolution: 'winograd' }),
      OpKind.CONV2D,
      JSON.stringify(changes),
    );
  assert.is(kindOf(layer([16, 16, 6, 16]), { convolution: 'winograd' }), OpKind.CONV2D, '6 channels');
});

test('a layer so long that four times its sum could pass int32 is computed directly', () => {
  // 512 · 128 · 9 · channels is below 2³¹ up to 3,640 channels.
  const kind = (channels: number): OpKind => {
    const weights = new Int8Array(9 * channels).fill(-128);
    const options = { convolution: 'winograd', transformed: 'computed', arenaBytes: 1 << 20 } as const;
    return kindOf(layer([3, 3, channels, 1], { padding: [0, 0], weights }), options);
  };
  assert.is(kind(3640), OpKind.CONV2D_WINOGRAD);
  assert.is(kind(3644), OpKind.CONV2D);
});

test('the largest and the smallest of everything: every build as the oracle', () => {
  for (const weight of [-128, 127])
    for (const [i, transformed] of (['stored', 'computed'] as const).entries()) {
      const network = layer([7, 5, 8, 5], { weights: new Int8Array(5 * 72).fill(weight) });
      const image = readImage(compile(network, { ...roomy, convolution: 'winograd', transformed }));
      assert.is(image.ops[0]!.get(WINO_COMPUTED), i);
      for (const x of [-128, 127]) {
        const input = new Int8Array(7 * 5 * 8).fill(x);
        for (const build of ['scalar', 'fast', 'accelerated', 'simd', 'checked', 'in-place'] as const)
          assert.equal(infer(makeDevice(image, build), image, input), runOracle(network, input)[1], build);
      }
    }
});

test('transformed weights are those of the definition', () => {
  const network = layer([8, 8, 4, 2]);
  const { weights } = network.ops[0] as Conv2d;
  const image = readImage(compile(network, { ...roomy, convolution: 'winograd', transformed: 'stored' }));
  const at = constantOffset(image.ops[0]!.get(OP_WEIGHTS));
  const stored = new Int16Array(image.device.slice(at, at + 2 * 16 * 4 * 2).buffer);
  const tap = (output: number, y: number, x: number, channel: number): number =>
    weights[(output * 9 + y * 3 + x) * 4 + channel]!;
  [0, 2, 1, 3].forEach((channel, place) => {
    for (const output of [0, 1]) {
      const value = (position: number): number => stored[position * 8 + output * 4 + place]!;
      assert.is(value(0), 4 * tap(output, 0, 0, channel));
      assert.is(value(15), 4 * tap(output, 2, 2, channel));
      assert.is(
        value(1),
        2 * (tap(output, 0, 0, channel) + tap(output, 0, 1, channel) + tap(output, 0, 2, channel)),
      );
      const all = [0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => tap(output, y, x, channel)));
      assert.is(
        value(5),
        all.reduce((a, b) => a + b, 0),
      );
    }
  });
});

test('auto stores transformed weights of the largest maps within a quarter of program flash, and computes the others', () => {
  const [first, second] = [layer([16, 16, 16, 16]), layer([8, 8, 16, 16])];
  const network: QuantizedNetwork = {
    ...{ name: 'two', input: 0, output: 2 },
    tensors: [
      first.tensors[0]!,
      { ...first.tensors[1]!, shape: [16, 16, 16] },
      { ...first.tensors[1]!, shape: [16, 16, 16] },
    ],
    ops: [first.ops[0]!, { ...(second.ops[0] as Conv2d), inputs: [1], output: 2, name: 'second' }],
  };
  const found = (flashBytes: number, options: CompileOptions = {}): number[] =>
    readImage(
      compile(network, { ...roomy, device: withFlash(flashBytes), convolution: 'winograd', ...options }),
    ).ops.map((op) => op.get(WINO_COMPUTED));
  assert.equal(found(1 << 20), [0, 0]);
  assert.equal(found(40000), [0, 1]);
  assert.equal(found(30000), [1, 1]);
  assert.equal(found(1 << 20, { transformed: 'computed' }), [1, 1]);
  assert.equal(found(1 << 20, { transformed: 'stored' }), [0, 0]);
});

test('several tiles, little SRAM: proved', () => {
  for (const transformed of ['stored', 'computed'] as const) {
    const options = { arenaBytes: 3000, convolution: 'winograd', transformed, capacitorUf: 1000 } as const;
    const image = readImage(compileProved(layer([9, 14, 8, 6]), options));
    assert.is(image.ops[0]!.kind, OpKind.CONV2D_WINOGRAD);
    assert.ok(image.ops[0]!.get(OP_TILES) > 5);
    assert.ok(image.metadata.proof);
  }
});

test.run();
