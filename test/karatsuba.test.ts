// Circulant layers by Karatsuba's trick are exact: at extreme weights and inputs, up to what int16 and int32 hold, and no further.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CIRC_CHUNK, CIRC_GROUP, CIRC_LEAVES, OP_KIND, OP_TILES, OpKind } from '../assembly/layout.js';
import { compile as compileProved } from '../host/compile/compile.js';
import { digitsFrom, quantizeDigits } from '../samples/digits.js';
import { readNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { shippedImage } from '../host/demo/demo.js';
import { BrownoutError } from '../host/error.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { leafCount, leafMatrices } from '../host/ops/circulant/karatsuba.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { int8s } from '../samples/networks.js';

interface Layer {
  k: number;
  inputs: number;
  outputs: number;
  weights: Int8Array;
  bias?: Int32Array;
  zeroPoint?: number;
}

/** A layer whose answer is bias plus sum itself: requantization by 1. */
function network({ k, inputs, outputs, weights, bias, zeroPoint = 0 }: Layer): QuantizedNetwork {
  return {
    name: 'extreme',
    tensors: [
      { shape: [inputs], scale: 1, zeroPoint },
      { shape: [outputs], scale: 1, zeroPoint: 0 },
    ],
    ops: [
      {
        ...{
          kind: 'circulant',
          name: 'circulant',
          inputs: [0],
          output: 1,
          blockSize: k,
          method: 'karatsuba',
        },
        ...{ weights, bias: bias ?? new Int32Array(outputs) },
        ...{ multipliers: Int32Array.of(2 ** 30), shifts: Int32Array.of(1), clampMin: -128, clampMax: 127 },
      },
    ],
    input: 0,
    output: 1,
  };
}

/** Σ w·(x − zero point) of every output, by definition. */
function sums({ k, inputs, outputs, weights, zeroPoint = 0 }: Layer, x: Int8Array): number[] {
  const blocks = Math.ceil(inputs / k);
  return Array.from({ length: outputs }, (_, o) => {
    const row = Math.floor(o / k) * blocks * k;
    let sum = 0;
    for (let c = 0; c < inputs; c++) {
      const at = row + Math.floor(c / k) * k + (((((o % k) - (c % k)) % k) + k) % k);
      sum += weights[at]! * (x[c]! - zeroPoint);
    }
    return sum;
  });
}

const roomy = { arenaBytes: 60_000, nvmBytes: 1 << 24, policy: 'never', capacitorUf: 1e6 };

test('whole layers at their extremes equal the definition, in every bit of the accumulator', () => {
  for (let k = 4; k <= 512; k *= 2) {
    const random = new Random(k);
    const blocks = k <= 64 ? 5 : 1;
    const [inputs, outputs] = [blocks * k - 1, 2 * k + 1];
    const count = 3 * blocks * k;
    const patterns = [
      new Int8Array(count).fill(-127),
      Int8Array.from({ length: count }, () => (random.integer(2) ? 127 : -127)),
      // What is negacyclic at its largest: the halves of each block have opposite signs.
      Int8Array.from({ length: count }, (_, i) => (i % k < k / 2 ? 127 : -127)),
      int8s(random, count, -127),
    ];
    patterns.forEach((weights, pattern) => {
      const layer = { k, inputs, outputs, weights, zeroPoint: [0, -128, 127, 5][pattern]! };
      const inputsToTry = [
        new Int8Array(inputs).fill(-128),
        Int8Array.from({ length: inputs }, (_, i) => (i % k < k / 2 ? -128 : 127)),
        int8s(random, inputs),
      ];
      for (const x of inputsToTry) {
        const expected = Int8Array.from({ length: outputs }, (_, r) => ((r * 7) % 201) - 100);
        // The bias that makes sum r come out as expected[r]: any wrong bit of a sum shows, or saturates.
        const bias = Int32Array.from(sums(layer, x), (sum, r) => expected[r]! - sum);
        const image = readImage(compile(network({ ...layer, bias }), roomy));
        assert.is(image.ops[0]!.get(OP_KIND) & 0xff, OpKind.CIRCULANT_KARATSUBA);
        assert.is(image.ops[0]!.get(CIRC_LEAVES), leafCount(k));
        for (const build of ['scalar', 'simd'] as const) {
          assert.equal(
            infer(makeDevice(image, build), image, x),
            expected,
            `k ${k}, pattern ${pattern}, ${build}`,
          );
        }
      }
    });
  }
});

test('a block takes (3^(log₂k − 2) + 1)/2 products, whose entries are those of the definition', () => {
  assert.equal([4, 8, 16, 32, 64, 128].map(leafCount), [1, 2, 5, 14, 41, 122]);
  for (const k of [4, 8, 16, 64]) assert.is(leafMatrices(int8s(new Random(k), k)).length, leafCount(k));
  // k = 8 by hand: x⁴ + 1 of w[i] − w[i + 4], x⁴ − 1 of w[i] + w[i + 4].
  const [minus, plus] = leafMatrices([1, 2, 3, 4, 10, 20, 30, 40]);
  assert.equal([...minus!], [18, 27, 36, -9, -18, -27, -36]);
  assert.equal([...plus!], [22, 33, 44, 11, 22, 33, 44]);
});

test('little SRAM: leaves in chunks, two block rows a tile', () => {
  const [k, inputs, outputs] = [32, 90, 150];
  const random = new Random(3);
  const layer = { k, inputs, outputs, weights: int8s(random, 3 * 5 * k, -127) };
  const x = int8s(random, inputs);
  const bias = Int32Array.from(sums(layer, x), (sum, r) => (r % 100) - sum);
  const image = readImage(compile(network({ ...layer, bias }), { ...roomy, arenaBytes: 1300 }));
  const op = image.ops[0]!;
  assert.ok(op.get(CIRC_CHUNK) < 14, `${op.get(CIRC_CHUNK)} leaves at a time`);
  assert.is(op.get(CIRC_GROUP), 2);
  assert.is(op.get(OP_TILES), 3);
  for (const build of ['scalar', 'simd', 'checked'] as const) {
    const found = infer(makeDevice(image, build), image, x);
    assert.equal(
      found,
      Int8Array.from({ length: outputs }, (_, r) => r % 100),
      build,
    );
  }
});

test('digits compiled so are proved, and answer as the shipped image does', () => {
  const file = readFileSync(new URL('../../checkpoints/digits-float.npy', import.meta.url));
  const quantized = quantizeDigits(digitsFrom(readNpy(file).data as Float32Array));
  const image = readImage(compileProved(quantized, { circulant: 'karatsuba' }));
  assert.ok(image.ops.some((op) => op.kind === OpKind.CIRCULANT_KARATSUBA));
  assert.ok(image.metadata.proof);
  const shipped = shippedImage();
  const random = new Random(9);
  for (let i = 0; i < 5; i++) {
    const x = int8s(random, image.input.bytes);
    assert.equal(infer(makeDevice(image), image, x), infer(makeDevice(shipped), shipped, x));
  }
  try {
    compileProved(quantized, { circulant: 'fft' as 'ntt' });
    assert.unreachable('compiled');
  } catch (error) {
    assert.ok(error instanceof BrownoutError && error.code === 'E_OPTION', String(error));
  }
});

test('what does not fit is refused, not rounded', () => {
  const refused = (layer: Layer, expected: RegExp): void => {
    try {
      compile(network(layer), roomy);
      assert.unreachable('compiled');
    } catch (error) {
      assert.ok(error instanceof BrownoutError && error.code === 'E_PLAN', String(error));
      assert.match(`${error.found} ${error.expected}`, expected);
    }
  };
  const weights = (count: number): Int8Array => new Int8Array(count).fill(127);
  refused({ k: 2, inputs: 4, outputs: 4, weights: weights(8) }, /4 to 512/);
  refused({ k: 1024, inputs: 1024, outputs: 1024, weights: weights(1024) }, /4 to 512/);
  // 127·128·512·4 outputs' sum, 128 of them together.
  refused({ k: 512, inputs: 2048, outputs: 512, weights: weights(2048) }, /fit int32/);
});

test.run();
