// conv2d_sparse_s8: which layers are computed so, in lanes, lists that lie, the proof, and what it takes on an emulated core. Random
// shapes: kernels.test.ts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_WEIGHTS, OpKind, STATIC_BYTES, WIN_KERNEL } from '../assembly/layout.js';
import { SPARSE_BLOCK, SPARSE_OUTPUTS } from '../assembly/sparse-layout.js';
import { countSparse, patternCase, type SparseCase } from '../bench/sparse.js';
import { compile as compileProved } from '../host/compile/compile.js';
import type { CompileOptions } from '../host/compile/options.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { constantOffset } from '../host/model/learning-header.js';
import type { Conv2d, QuantizedNetwork } from '../host/model/quantized-network.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { int8s, sparseNetwork, valuesFor } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { resealed } from './util/image-bytes.js';
import { boardPackages, hasPrograms } from './util/native.js';
import { runOracle } from './util/oracle.js';

const LAYER: SparseCase = { size: 9, inputs: 16, outputs: 16, kernel: 3, block: 8, set: 16, kept: 8 };
const roomy: CompileOptions = { arenaBytes: 16_384, nvmBytes: 1 << 22, capacitorUf: 1e5 };

const imageOf = (one: SparseCase, options: CompileOptions = {}): Image =>
  readImage(compile(patternCase(new Random(1), one), { ...roomy, ...options }));

test('layers whose blocks are zero are computed without them, where that is cheaper', () => {
  const kindOf = (one: SparseCase, options: CompileOptions = {}): OpKind =>
    imageOf(one, options).ops[0]!.kind;
  assert.is(kindOf(LAYER, { convolution: 'sparse' }), OpKind.CONV2D_SPARSE);
  assert.is(kindOf(LAYER, { convolution: 'direct' }), OpKind.CONV2D);
  assert.is(kindOf({ ...LAYER, kept: 18 }, { convolution: 'sparse' }), OpKind.CONV2D, 'no block is zero');
  assert.is(
    kindOf({ ...LAYER, inputs: 18, block: 6 }, { convolution: 'sparse' }),
    OpKind.CONV2D,
    '6 channels',
  );
  // Winograd's way has no stride of 2, nor kernels of 1 × 1.
  const wide = { ...LAYER, kernel: 1, inputs: 64, outputs: 64, block: 16, set: 32, kept: 1 };
  assert.is(kindOf(wide), OpKind.CONV2D_SPARSE);
  assert.is(kindOf({ ...wide, kept: 4 }), OpKind.CONV2D);
});

test('groups of channels that do not meet are blocks of zeros: each set reads those of its group', () => {
  const network = patternCase(new Random(1), { ...LAYER, kept: 18 });
  const op = network.ops[0] as Conv2d;
  const weights = op.weights.map((w, i) => (Math.floor(i / 144 / 8) === Math.floor((i % 16) / 8) ? w : 0));
  const grouped = { ...network, ops: [{ ...op, weights }] };
  const [record] = readImage(compile(grouped, { ...roomy, convolution: 'sparse' })).ops;
  const [block, kept] = record!.getPair(SPARSE_BLOCK);
  assert.equal([block * kept, record!.getPair(SPARSE_OUTPUTS)[0]], [72, 8]);
});

async function inLanes(image: Image): Promise<Device> {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = new WebAssembly.Module(await buildDevice(image, { target: 'simd' }));
  return new Device(module, { image, nvm, sramBytes: STATIC_BYTES + image.arenaBytes });
}

test('in lanes it equals the oracle', async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const network = sparseNetwork(new Random(seed));
    const image = readImage(compile(network));
    const input = valuesFor(new Random(seed), network.tensors[0]!);
    assert.equal(infer(await inLanes(image), image, input), runOracle(network, input)[1], `seed ${seed}`);
  }
});

test('a list that names what is outside the window reads its last block', () => {
  const image = imageOf(LAYER, { convolution: 'sparse' });
  const [op] = image.ops;
  const [block, kept] = op!.getPair(SPARSE_BLOCK);
  const [height, width] = op!.getPair(WIN_KERNEL);
  const lists = constantOffset(op!.get(OP_WEIGHTS)) + LAYER.outputs * block * kept;
  const last = (height * width * LAYER.inputs) / block - 1;
  const answers = [last, last + 1, 0xffff].map((place) => {
    const edited = readImage(
      resealed(image, (file) => new DataView(file.buffer, file.byteOffset).setUint16(lists, place, true)),
    );
    const input = int8s(new Random(3), image.input.bytes);
    return infer(makeDevice(edited), edited, input);
  });
  assert.equal(answers[1], answers[0]);
  assert.equal(answers[2], answers[0]);
});

test('a network of them is proved, whatever is cut', () => {
  const network: QuantizedNetwork = patternCase(new Random(2), { ...LAYER, size: 5, set: 8 });
  const image = readImage(
    compileProved(network, { convolution: 'sparse', policy: 'every 1', arenaBytes: 3000 }),
  );
  assert.is(image.ops[0]!.kind, OpKind.CONV2D_SPARSE);
});

const BOARD = 'qemu-mps2-an386';
const run = hasPrograms('sparse convolutions on a Cortex-M4', boardPackages(BOARD)) ? test : test.skip;
run(
  '4 of 9 taps of a 3 × 3 layer take 1.7 times fewer instructions on a Cortex-M4, to the same bytes',
  async () => {
    const network = patternCase(new Random(1), { ...LAYER, size: 14 });
    const [direct, sparse] = [
      await countSparse(network, 'direct', BOARD),
      await countSparse(network, 'sparse', BOARD),
    ];
    assert.equal(sparse.output, direct.output);
    const ratio = direct.instructions / sparse.instructions;
    assert.ok(ratio >= 1.7, `${ratio.toFixed(2)} times`);
  },
);

test.run();
