// `compile --weights`: rows of fewer bits against a search that knows nothing of how they are found, biases that take up the mean
// error, and `mixed` within its loss.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../host/import/import-model.js';
import { narrowWeights } from '../host/import/narrow-weights.js';
import { Random } from '../host/math/random.js';
import type { Conv2d, Dense, DepthwiseConv2d, QuantizedNetwork } from '../host/model/quantized-network.js';
import { circulantNetwork, convNetwork, denseNetwork, depthwiseNetwork, int8s } from '../samples/networks.js';
import { digitsTflite } from '../samples/digits-tflite.js';
import { digitsFrom, quantizeDigits } from '../samples/digits.js';
import { readNpy } from '../host/data/npy.js';
import { compileUnproved as compile } from './util/compile.js';
import { readImage } from '../host/model/image.js';
import { infer, makeDevice } from './util/devices.js';
import { failure } from './util/failure.js';
import { runOracle } from './util/oracle.js';

type Weighted = Conv2d | Dense | DepthwiseConv2d;
const CODES = { 4: [-7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7], 2: [-3, -1, 1, 3], 1: [-1, 1] };
const none = new Float64Array(0);

/** Each output's weights in reals: times what its multiplier says. */
function rows(op: Weighted): number[][] {
  const outputs = op.bias.length;
  return Array.from({ length: outputs }, (_, o) => {
    const at = op.multipliers.length === 1 ? 0 : o;
    const unit = op.multipliers[at]! * 2 ** (op.shifts[at]! - 31);
    const own = Array.from(op.weights).filter((_, i) =>
      op.kind === 'depthwiseConv2d' ? i % outputs === o : Math.floor(i / (op.weights.length / outputs)) === o,
    );
    return own.map((w) => w * unit);
  });
}

const squares = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0);

/** The least squared error of a row in some codes times any of 2,000 scales. */
function leastError(row: readonly number[], codes: readonly number[]): number {
  const largest = Math.max(...row.map(Math.abs));
  let least = Infinity;
  for (let step = 1; step <= 2000; step++) {
    const scale = (largest * step) / 1000 / Math.max(...codes);
    const nearest = row.map((w) =>
      codes.reduce((best, q) => (Math.abs(w - q * scale) < Math.abs(w - best * scale) ? q : best), codes[0]!),
    );
    least = Math.min(
      least,
      squares(
        row,
        nearest.map((q) => q * scale),
      ),
    );
  }
  return least;
}

for (const bits of [4, 2, 1] as const) {
  test(`rows of ${bits} bits: no scale does much better`, () => {
    for (let seed = 1; seed <= 6; seed++) {
      for (const make of [convNetwork, depthwiseNetwork, (random: Random) => denseNetwork(random, 60)]) {
        const network = make(new Random(seed));
        const { network: narrow } = narrowWeights(network, `${bits}`, [], 0);
        const [before, after] = [network.ops[0], narrow.ops[0]] as [Weighted, Weighted];
        assert.is(after.weightType, `int${bits}`);
        const found = rows(after);
        rows(before).forEach((row, o) => {
          const error = squares(row, found[o]!);
          const total = squares(
            row,
            row.map(() => 0),
          );
          assert.ok(
            error <= leastError(row, CODES[bits]) * 1.05 + total * 1e-3,
            `${before.kind} seed ${seed} row ${o}`,
          );
        });
        // It is a network like any other: the device computes what the oracle says.
        const image = readImage(compile(narrow));
        const input = int8s(new Random(seed), image.input.bytes);
        assert.equal(infer(makeDevice(image), image, input), runOracle(narrow, input)[narrow.output]!);
      }
    }
  });
}

test('a row of zeros stays next to nothing', () => {
  const network = denseNetwork(new Random(3), 40);
  const op = network.ops[0] as Dense;
  op.weights.fill(0);
  for (const bits of ['4', '2', '1'] as const) {
    const narrow = narrowWeights(network, bits, [], 0).network;
    const input = int8s(new Random(1), op.weights.length / op.bias.length);
    const [found, expected] = [runOracle(narrow, input)[1]!, runOracle(network, input)[1]!];
    found.forEach((y, i) => assert.ok(Math.abs(y - expected[i]!) <= 1, `${bits} bits`));
  }
});

/** Inputs in reals. */
function samplesOf({ tensors, input }: QuantizedNetwork, count: number): Float64Array[] {
  const { shape, scale, zeroPoint } = tensors[input]!;
  const size = shape.reduce((product, n) => product * n, 1);
  const random = new Random(9);
  return Array.from({ length: count }, () =>
    Float64Array.from(int8s(random, size, 0, 127), (q) => (q - zeroPoint) * scale),
  );
}

test('with samples, biases take up the mean error of rounding', () => {
  const network = denseNetwork(new Random(5), 60);
  const op = network.ops[0] as Dense;
  Object.assign(op, { clampMin: -128, clampMax: 127 });
  const samples = samplesOf(network, 40);
  const errors = [samples, []].map((given) => narrowWeights(network, '2', given, 0).network.ops[0] as Dense);
  const mean = (layer: Dense): number => {
    const [before, after] = [rows(op), rows(layer)];
    const units = (one: Dense, o: number): number => {
      const at = one.multipliers.length === 1 ? 0 : o;
      return Number(one.bias[o]!) * one.multipliers[at]! * 2 ** (one.shifts[at]! - 31);
    };
    const { scale } = network.tensors[0]!;
    const used = Array.from({ length: 40 }, (_, i) => samples[i]!);
    return before.reduce((sum, row, o) => {
      const lost = used.reduce(
        (total, x) => total + row.reduce((s, w, i) => s + (w - after[o]![i]!) * (x[i]! / scale), 0),
        0,
      );
      return sum + Math.abs(lost / used.length + units(op, o) - units(layer, o));
    }, 0);
  };
  const [corrected, plain] = errors.map(mean) as [number, number];
  assert.ok(corrected < plain / 20, `${corrected} of ${plain}`);
});

const weightsOf = readNpy(readFileSync(new URL('../../checkpoints/digits-float.npy', import.meta.url)));
const model = digitsTflite(quantizeDigits(digitsFrom(weightsOf.data as Float32Array)));

test('mixed: within its loss, more lost where more may be, fewer bytes', () => {
  const { network } = importModel(model);
  const samples = samplesOf(network, 12);
  const bytes = ({ ops }: QuantizedNetwork): number =>
    ops.reduce((sum, op) => {
      if (!('weights' in op)) return sum;
      const bits = { int8: 8, int4: 4, int2: 2, int1: 1 }[('weightType' in op && op.weightType) || 'int8'];
      return sum + (op.weights.length * bits) / 8;
    }, 0);
  let last = bytes(network);
  for (const loss of [0.001, 0.02, 0.3]) {
    const { network: narrow, error } = narrowWeights(network, 'mixed', samples, loss);
    assert.ok(error! <= loss, `${error} of ${loss}`);
    assert.ok(bytes(narrow) <= last, `${bytes(narrow)} bytes after ${last}`);
    last = bytes(narrow);
  }
  assert.ok(last < bytes(network) / 2, `${last} of ${bytes(network)} bytes`);
});

test('mixed without samples is refused; what has no type of few bits stays and is named', () => {
  const { code, hint } = failure(() => importModel(model, { weights: 'mixed' }));
  assert.is(code, 'E_CALIBRATION');
  assert.match(hint, 'data');
  const shape = { blockSize: 8, inputs: 16, outputs: 16, method: 'direct' } as const;
  const network = circulantNetwork(new Random(1), shape);
  const { network: same, others, bits } = narrowWeights(network, '2', [none], 0);
  assert.equal([same.ops, others, bits], [network.ops, [network.ops[0]!.name], []]);
});

test('the note says that nothing was trained for it, and what is lost where that is known', () => {
  const { notes } = importModel(model, { weights: '2' });
  assert.match(
    notes.at(-1)!,
    /^weights rounded, not trained for it: 2 bits in \d+ layers.*not known.*--data/,
  );
  assert.equal(importModel(model, { weights: '8' }).network, importModel(model).network);
});

test.run();
