// First columns of circulant blocks in few bits: what the image keeps of them and of biases that block rows share, what records
// are refused, and batch normalisation of block rows. That they compute what the oracle does is in test/kernels.test.ts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CIRC_FACTOR,
  CIRC_SHARED,
  OP_BIAS,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_WEIGHT_TYPE,
  WeightType,
} from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { foldBatchNorm } from '../host/compress/fold.js';
import type { FloatNetwork } from '../host/compress/float-network.js';
import { forward } from '../host/compress/forward.js';
import { initialise } from '../host/compress/initialise.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { Circulant, QuantizedNetwork } from '../host/model/quantized-network.js';
import { checkRecords } from '../host/ops/bounds.js';
import { RECORD_OPS } from '../host/ops/index.js';
import { circulantNetwork, sharedCirculantNetwork, withWeights } from '../samples/networks.js';
import { failure } from './util/failure.js';

const SHAPE = { blockSize: 16, inputs: 64, outputs: 96, method: 'direct' } as const;
const COUNT = (64 * 96) / 16;

const imageOf = (network: QuantizedNetwork, spectra?: 'stored' | 'computed'): Image =>
  readImage(compile(network, { verify: false, lean: 'off', ...(spectra && { spectra }) }));

test('an image keeps columns packed, and spectra where it is told to', () => {
  for (const [type, bits] of [
    ['int8', 8],
    ['int4', 4],
    ['int2', 2],
    ['int1', 1],
  ] as const) {
    const make = (shape: Parameters<typeof circulantNetwork>[1]): QuantizedNetwork =>
      withWeights(new Random(1), type, circulantNetwork(new Random(1), shape));
    const scales = imageOf(make(SHAPE)).constants.bytes - (COUNT * bits) / 8;
    const ntt = { ...SHAPE, method: 'ntt' } as const;
    const kept = (image: Image): number => image.constants.bytes - scales;
    assert.is(kept(imageOf(make(ntt), 'stored')), 4 * COUNT, type);
    assert.is(kept(imageOf(make(ntt), 'computed')), (COUNT * bits) / 8, type);
    // Left to the compiler, spectra are kept of 8 bits alone.
    assert.is(kept(imageOf(make(ntt))), type === 'int8' ? 4 * COUNT : (COUNT * bits) / 8, type);
  }
  // Columns that fill no whole bytes, or no word, are a byte a weight.
  for (const [blockSize, type] of [
    [4, 'int1'],
    [2, 'int4'],
  ] as const) {
    const shape = { ...SHAPE, blockSize };
    const [op] = imageOf(withWeights(new Random(1), type, circulantNetwork(new Random(1), shape))).ops;
    assert.is(op!.get(OP_WEIGHT_TYPE), WeightType.INT8);
  }
});

test('a bias and a scale that all outputs of a block row have are kept once', () => {
  const readOf = ({ ops: [op] }: Image, field: number): number => {
    const { bounds } = RECORD_OPS[op!.inference];
    return bounds(op!).reads.find(([of]) => of === field)![1];
  };
  const both = (image: Image): number[] => [OP_BIAS, OP_REQUANT].map((field) => readOf(image, field));
  const each = imageOf(circulantNetwork(new Random(1), SHAPE));
  const shared = imageOf(sharedCirculantNetwork(new Random(1), SHAPE));
  assert.is(shared.ops[0]!.get(CIRC_SHARED), 1);
  assert.equal(both(shared), [4 * 6, 8 * 6]);
  assert.ok(each.constants.bytes - shared.constants.bytes >= 4 * (96 - 6) - 64, 'biases alone are fewer');
  // One bias that differs, and none is.
  const network = sharedCirculantNetwork(new Random(1), SHAPE);
  const [op] = network.ops as [Circulant];
  const bias = (op.bias as Int32Array).slice();
  bias[95]! += 1;
  const one = imageOf({ ...network, ops: [{ ...op, bias }] });
  assert.is(one.ops[0]!.get(CIRC_SHARED), 0);
});

test('records that would read weights for something else, or beyond them, are refused', () => {
  const refused = (image: Image, field: number, value: number, what: string): void => {
    checkRecords(image);
    image.ops[0]!.set(field, value);
    const { code } = failure(() => checkRecords(image));
    assert.is(code, 'E_IMAGE_RECORD', what);
  };
  const packed = (): QuantizedNetwork =>
    withWeights(new Random(1), 'int4', circulantNetwork(new Random(1), { ...SHAPE, method: 'ntt' }));
  refused(imageOf(packed(), 'stored'), OP_WEIGHT_TYPE, WeightType.INT4, 'spectra of 4 bits');
  refused(imageOf(packed()), CIRC_FACTOR, 0, 'columns as spectra');
  const shared = (): Image => imageOf(sharedCirculantNetwork(new Random(1), SHAPE));
  refused(shared(), CIRC_SHARED, 2, 'shared by what');
  refused(shared(), CIRC_SHARED, 0, 'a bias an output');
  refused(shared(), OP_REQUANT_STRIDE, 8, 'a scale an output');
  const karatsuba = (): Image => imageOf(circulantNetwork(new Random(1), { ...SHAPE, method: 'karatsuba' }));
  refused(karatsuba(), OP_WEIGHT_TYPE, WeightType.INT2, 'leaves of 2 bits');
  refused(karatsuba(), CIRC_SHARED, 1, 'karatsuba has no shared ones');
  const small = { ...SHAPE, blockSize: 2, inputs: 8 };
  refused(imageOf(circulantNetwork(new Random(1), small)), OP_WEIGHT_TYPE, WeightType.INT4, 'half a word');
});

test('a weight that its type has not is refused by name', () => {
  const network = circulantNetwork(new Random(1), SHAPE);
  const ops = [{ ...(network.ops[0] as Circulant), weightType: 'int2' as const }];
  const { code, message } = failure(() => compile({ ...network, ops }, { verify: false }));
  assert.is(code, 'E_NETWORK');
  assert.match(message, /circulant "circulant" with weight -?\d+ of int2/);
});

test('batch normalisation of block rows folds into a scale and a bias of each', () => {
  const random = new Random(3);
  const start = initialise(
    {
      inputShape: [24],
      layers: [
        {
          kind: 'circulant',
          name: 'fc',
          inputs: 24,
          outputs: 32,
          blockSize: 8,
          byRows: true,
          activation: 'none',
        },
        { kind: 'batchNorm', name: 'norm', channels: 4, block: 8, activation: 'relu' },
      ],
    },
    2,
  );
  const [fc, norm] = start.layers as [
    FloatNetwork['layers'][0],
    FloatNetwork['layers'][0] & { kind: 'batchNorm' },
  ];
  const draw = (low: number): Float32Array =>
    Float32Array.from({ length: 4 }, () => random.uniform(low, 1.5));
  const drawn = { ...norm, weights: draw(0.2), bias: draw(-1), mean: draw(-1), variance: draw(0.2) };
  const network = { ...start, layers: [fc, drawn] };
  const inputs = Float32Array.from({ length: 5 * 24 }, () => random.uniform(-1, 1));
  const folded = foldBatchNorm(network);
  const [before, after] = [network, folded].map((one) => forward(one, inputs, 5).outputs);
  const farthest = before!.reduce((most, value, i) => Math.max(most, Math.abs(value - after![i]!)), 0);
  assert.ok(farthest < 1e-5, `${farthest}`);
  const { bias } = folded.layers[0] as { bias: Float32Array };
  assert.ok(bias.every((value, o) => value === bias[o - (o % 8)]));
});

test.run();
