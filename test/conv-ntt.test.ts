// conv2d_ntt_s8: which layers are computed so, lean constants, the proof, and what it takes on an emulated core. Random shapes:
// kernels.test.ts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONV_NTT_CHUNK } from '../assembly/conv-ntt-layout.js';
import { OpKind } from '../assembly/layout.js';
import { blocksCase, countBlocks } from '../bench/circulant-conv.js';
import { compile as compileProved } from '../host/compile/compile.js';
import type { CompileOptions } from '../host/compile/options.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { Conv2d, QuantizedNetwork } from '../host/model/quantized-network.js';
import { roundToLean } from '../host/ops/lean.js';
import { int8s } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { boardPackages, hasPrograms } from './util/native.js';
import { runOracle } from './util/oracle.js';

const roomy: CompileOptions = { arenaBytes: 24_576, nvmBytes: 1 << 22, capacitorUf: 1e5 };
const imageOf = (network: QuantizedNetwork, options: CompileOptions = {}): Image =>
  readImage(compile(network, { ...roomy, ...options }));

/** The network of one convolution with some of its fields changed. */
const changed = (network: QuantizedNetwork, fields: Partial<Conv2d>): QuantizedNetwork => ({
  ...network,
  ops: [{ ...(network.ops[0] as Conv2d), ...fields }],
});

test('layers of circulant blocks are computed so where that is cheaper', () => {
  const kindOf = (network: QuantizedNetwork, options?: CompileOptions): OpKind =>
    imageOf(network, options).ops[0]!.kind;
  for (const k of [4, 8, 16, 32]) assert.is(kindOf(blocksCase(k)), OpKind.CONV2D_NTT, `k = ${k}`);
  assert.is(kindOf(blocksCase(8), { convolution: 'direct' }), OpKind.CONV2D);
  assert.is(kindOf(blocksCase(2), { convolution: 'ntt' }), OpKind.CONV2D, 'blocks of 2');
  assert.is(kindOf(blocksCase(1), { convolution: 'ntt' }), OpKind.CONV2D, 'no blocks');
  const apart = changed(blocksCase(8), { dilation: [2, 2], padding: [2, 2] });
  assert.is(kindOf(apart, { convolution: 'ntt' }), OpKind.CONV2D, 'windows with holes');
  // Sums beyond half the field: 9 · 2,048 weights of 127.
  const large = blocksCase(32, 3, 2048);
  const [op] = large.ops as [Conv2d];
  const extreme = changed(large, { weights: op.weights.map(() => 127) });
  assert.is(kindOf(extreme, { convolution: 'ntt', arenaBytes: 1 << 20 }), OpKind.CONV2D, 'large sums');
});

test('with little SRAM some frequencies of the weights are looked up at a time, to the same bytes', () => {
  const network = blocksCase(16, 5);
  const input = int8s(new Random(3), 5 * 5 * 32);
  const expected = runOracle(network, input)[1];
  const chunks = [24_576, 2900, 2400].map((arenaBytes) => {
    const image = imageOf(network, { arenaBytes, convolution: 'ntt' });
    assert.is(image.ops[0]!.kind, OpKind.CONV2D_NTT);
    assert.equal(infer(makeDevice(image), image, input), expected, `${arenaBytes} B`);
    return image.ops[0]!.getPair(CONV_NTT_CHUNK)[0];
  });
  assert.is(chunks[0], 16);
  assert.ok(Math.min(...chunks) < 16, `${chunks}`);
});

test('lean biases and scales are kept for all channels, or looked up for each row of blocks', () => {
  const network = roundToLean(blocksCase(16, 4));
  const input = int8s(new Random(4), 4 * 4 * 32);
  for (const lean of ['auto', 'off'] as const) {
    const image = imageOf(network, { lean });
    assert.is(image.ops[0]!.isLean, lean === 'auto');
    assert.equal(infer(makeDevice(image), image, input), runOracle(network, input)[1], lean);
  }
});

test('a network of them is proved, whatever is cut', () => {
  const image = readImage(compileProved(blocksCase(8, 5, 16), { policy: 'every 1', arenaBytes: 8000 }));
  assert.is(image.ops[0]!.kind, OpKind.CONV2D_NTT);
});

const BOARD = 'qemu-mps2-an386';
const run = hasPrograms('circulant convolutions on a Cortex-M4', boardPackages(BOARD)) ? test : test.skip;
run('blocks of 32 take ten times fewer instructions than sums of products on a Cortex-M4', async () => {
  const [direct, ntt] = [
    await countBlocks(blocksCase(32, 8), 'direct', BOARD),
    await countBlocks(blocksCase(32, 8), 'ntt', BOARD),
  ];
  assert.equal(ntt.output, direct.output);
  const ratio = direct.instructions / ntt.instructions;
  assert.ok(ratio >= 10, `${ratio.toFixed(2)} times`);
});

test.run();
