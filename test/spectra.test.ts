// What entering a circulant layer computes as an op of its own, and rows in parts: the same answers on any charge.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CIRC_PART, OP_INPUT, OP_OUTPUT, OP_TILES, OpKind } from '../assembly/layout.js';
import { compile as proved } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { replay } from '../host/replay/replay.js';
import { circulantNetwork, int8s } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { bitReverse, evaluate, P, power, rootOf } from './util/field.js';
import { runOracle } from './util/oracle.js';

test('input spectra of an op of their own are the transform, centred, whatever the build and the tiles', () => {
  for (const k of [4, 8, 64, 256]) {
    const random = new Random(k + 3);
    const [blocks, inputs] = [3, 3 * k - 1];
    const network = circulantNetwork(random, {
      ...{ blockSize: k, inputs, outputs: k + 1, method: 'ntt', apart: true },
      spectra: k === 8 ? 'computed' : 'stored',
    });
    const x = int8s(random, inputs);
    const omega = rootOf(k);
    const expected = Array.from({ length: blocks * k }, (_, i) => {
      const block = x.subarray(i - (i % k), i - (i % k) + k);
      const value = evaluate(block, power(omega, BigInt(bitReverse(i % k, k))));
      return Number(value * 2n > P ? value - P : value);
    });
    for (const arenaBytes of [k * 14 + 700 + k * 12, 60_000]) {
      const image = readImage(compile(network, { arenaBytes, capacitorUf: 1e5 }));
      const [first, second] = image.ops;
      assert.equal(
        image.ops.map(({ kind }) => kind),
        [OpKind.CIRCULANT_SPECTRA, OpKind.CIRCULANT_NTT],
      );
      assert.is(first!.get(OP_OUTPUT), second!.get(OP_INPUT));
      for (const build of ['scalar', 'fast', 'simd', 'checked', 'in-place'] as const) {
        const device = makeDevice(image, build);
        assert.equal(infer(device, image, x), runOracle(network, x)[1], `k ${k}, ${build}`);
        const at = first!.get(OP_OUTPUT);
        const found = new Int32Array(device.nvm.present.slice(at, at + blocks * k * 4).buffer);
        assert.equal([...found], expected, `k ${k}, ${build}`);
      }
    }
  }
});

test('a charge that entering a layer exceeds has it done by an op; one that a transform exceeds has rows in parts', () => {
  const layer = (blockSize: number): QuantizedNetwork =>
    circulantNetwork(new Random(1), { blockSize, inputs: 256, outputs: 256, method: 'auto' });
  const kinds = (network: QuantizedNetwork, capacitorUf: number): { image: Image; kinds: OpKind[] } => {
    const image = readImage(proved(network, { device: 'msp430fr5994', capacitorUf }));
    return { image, kinds: image.ops.map(({ kind }) => kind) };
  };
  const { CIRCULANT_NTT: ntt, CIRCULANT_SPECTRA: spectra, CIRCULANT_DIRECT: direct } = OpKind;
  assert.equal(kinds(layer(128), 10_000).kinds, [ntt]);
  assert.equal(kinds(layer(128), 150).kinds, [spectra, ntt]);
  const apart = kinds(layer(256), 100);
  assert.equal(apart.kinds, [direct]);
  const [op] = apart.image.ops;
  const part = op!.get(CIRC_PART);
  assert.ok(part > 0 && part < 256 && op!.get(OP_TILES) === 256 / part);
  const made = kinds(layer(128), 150).image;
  assert.is(made.ops[0]!.get(OP_TILES), 2);
  const x = int8s(new Random(2), 256);
  for (const build of ['scalar', 'fast', 'simd', 'in-place'] as const)
    for (const [image, k] of [
      [apart.image, 256],
      [made, 128],
    ] as const)
      assert.equal(infer(makeDevice(image, build), image, x), runOracle(layer(k), x)[1], `${k}, ${build}`);
  const onLow = ['sleep', 'run'] as const;
  for (const one of [apart.image, made])
    for (const way of onLow) assert.ok(replay(one, { trace: 'rf', onLow: way, inferences: 2 }).identical);
});

test.run();
