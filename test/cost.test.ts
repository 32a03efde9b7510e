// The cost model against counts that QEMU and mspdebug made (bench/calibration.json, calibration-msp430.json) and against the simulated
// device.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fitted, readCalibration, readCalibrationMsp430, withOthers } from '../bench/calibration.js';
import { errorsOf, rms } from '../bench/calibration-fit.js';
import { OP_TILES } from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { roundToLean } from '../host/ops/lean.js';
import { coreUnitsOf, recordOp } from '../host/ops/record.js';
import { BODIES, KERNEL_COSTS } from '../host/ops/shared/cost.js';
import { PACKED } from '../host/ops/shared/packed-work.js';
import type { Access } from '../host/ops/shared/work.js';
import { BareKernels } from '../host/simulator/bare.js';
import { steadyPower } from '../host/simulator/device.js';
import { bareModuleFor, moduleBytes } from '../host/toolchain/modules.js';
import * as networks from '../samples/networks.js';

const fits = new Map(BODIES.map((body) => [body, fitted(body)]));

test('the table of costs is the fit to what was counted', () => {
  for (const body of BODIES)
    assert.equal(KERNEL_COSTS[body], fits.get(body)!.costs, `${body}: npm run calibrate -- fit`);
});

test('on shapes that the fit has not seen the model errs by 10 % at most, RMS, on every body', () => {
  for (const body of BODIES) {
    const { samples } = fits.get(body)!;
    const errors = errorsOf(samples, 'held-out', KERNEL_COSTS[body]).map(({ error }) => error);
    const [error, largest] = [rms(errors), Math.max(...errors.map(Math.abs))];
    const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
    console.log(`${body}: ${percent(error)} (RMS) of ${errors.length} ops, at most ${percent(largest)}`);
    assert.ok(errors.length > 100);
    assert.ok(error <= 0.1, `${body} ${error}`);
  }
});

test('fitted and held-out shapes are not the same', () => {
  const shape = (record: number[]): string => record.join();
  for (const { ops } of [readCalibration(), readCalibrationMsp430()]) {
    const seen = new Set(ops.filter(({ set }) => set === 'fit').map(({ record }) => shape(record)));
    const held = ops.filter(({ set }) => set === 'held-out');
    const same = held.filter(({ record }) => seen.has(shape(record)));
    assert.ok(same.length < held.length / 10, `${same.length} of ${held.length}`);
  }
});

test('what is counted anew of a family takes out that family alone, whatever kernels it shares', () => {
  const before = [
    { family: 'convolutions', count: 1 },
    { family: 'rows', count: 2 },
    { family: 'rows', count: 3 },
  ] as const;
  const counted = [{ family: 'rows', count: 4 }] as const;
  assert.equal(withOthers<(typeof before)[number] | (typeof counted)[number]>(counted, before, ['rows']), [
    before[0],
    counted[0],
  ]);
  assert.equal(withOthers<object & { family: 'rows' }>(counted, [], []), counted);
  // Families that share dense layers, as they are in the tables.
  for (const { ops } of [readCalibration(), readCalibrationMsp430()]) {
    const one = ops.find(({ family }) => family === 'rows')!;
    const merged = withOthers<{ family: (typeof ops)[number]['family'] }>([one], ops, ['rows']);
    const count = (family: string, of: readonly { family: string }[]): number =>
      of.filter((op) => op.family === family).length;
    for (const family of new Set(ops.map((op) => op.family)))
      assert.is(count(family, merged), family === 'rows' ? 1 : count(family, ops), family);
  }
});

test('nothing that a body does for weights of few bits, or of a sparse convolution, is free', () => {
  const done = new Set(fits.get('dsp')!.samples.map(({ kernel }) => kernel));
  for (const kernel of [PACKED, 'conv2d_sparse']) {
    assert.ok(done.has(kernel), kernel);
    for (const body of BODIES) {
      const { samples } = fits.get(body)!;
      const pieces = samples.filter((sample) => sample.kernel === kernel).flatMap((sample) => sample.pieces);
      const names = new Set(pieces.flatMap(({ counts }) => Object.keys(counts)));
      for (const name of [...names].filter((one) => !one.includes('.') && !one.startsWith('lean')))
        assert.ok(KERNEL_COSTS[body][kernel]![name]! > 0, `${body}, ${kernel}: ${name}`);
    }
  }
});

const makers: Record<string, (random: Random) => QuantizedNetwork> = {
  conv: networks.convNetwork,
  'deep conv': networks.deepConvNetwork,
  'conv int16': (random) => networks.withInt16(random, networks.convNetwork(random)),
  'conv int4': (random) => networks.withInt4(random, networks.convNetwork(random)),
  'conv int2': (random) => networks.withWeights(random, 'int2', networks.convNetwork(random)),
  'conv sparse': networks.sparseNetwork,
  'conv sparse int4': (random) => networks.sparseNetwork(random, 'int4'),
  'conv blocks': networks.circulantConvNetwork,
  'conv ntt': networks.convNttNetwork,
  'conv winograd': (random) => networks.winogradNetwork(random, 'stored'),
  'conv winograd, computed': (random) => networks.winogradNetwork(random, 'computed'),
  depthwise: networks.depthwiseNetwork,
  separable: networks.separableNetwork,
  'depthwise int4': (random) => networks.withInt4(random, networks.depthwiseNetwork(random)),
  dense: (random) => networks.denseNetwork(random, 400),
  'dense int1': (random) => networks.withWeights(random, 'int1', networks.denseNetwork(random)),
  'dense int4': (random) => networks.withInt4(random, networks.denseNetwork(random)),
  'dense zero point': (random) => networks.withWeightZeroPoint(random, networks.denseNetwork(random, 3000)),
  'circulant direct': (random) => circulant(random, 'direct'),
  'circulant ntt': (random) => circulant(random, 'ntt'),
  'circulant karatsuba': (random) => circulant(random, 'karatsuba'),
  matmul: networks.matmulNetwork,
  'max pool': networks.maxPoolNetwork,
  'average pool': networks.averagePoolNetwork,
  add: (random) => networks.elementwiseNetwork(random, 'add'),
  mul: (random) => networks.elementwiseNetwork(random, 'mul'),
  'add int16': (random) => networks.elementwiseInt16Network(random, 'add'),
  softmax: networks.softmaxNetwork,
  'softmax int16': networks.softmaxInt16Network,
  lookup: networks.lookupNetwork,
  mean: networks.meanNetwork,
  pad: networks.padNetwork,
  concat: networks.concatNetwork,
  slice: networks.sliceNetwork,
  logistic: networks.logisticNetwork,
  lenet: networks.lenet,
};
/** The same with lean constants, where they have any that may be. */
const leanMakers = Object.entries(makers).map(
  ([name, make]) => [`${name}, lean`, (random: Random) => roundToLean(make(random))] as const,
);

function circulant(random: Random, method: 'direct' | 'ntt' | 'karatsuba'): QuantizedNetwork {
  const blockSize = 2 ** networks.between(random, 3, 6);
  return networks.circulantNetwork(random, { blockSize, inputs: 100, outputs: 70, method });
}

/** What running an op accesses, by what the module asks for. */
function observed(image: Image, index: number): Access {
  const access = {
    constantViews: 0,
    constantBytes: 0,
    stateViews: 0,
    stateBytes: 0,
    writes: 0,
    writtenBytes: 0,
  };
  const supply = { ...steadyPower };
  const kernels = new BareKernels(
    new WebAssembly.Module(moduleBytes(bareModuleFor(image))),
    image,
    supply,
    (kind, address, bytes) => {
      // The record of an op is of the plan, not of the constants.
      if (kind === 'constant' && address >= image.constants.offset) {
        access.constantViews++;
        access.constantBytes += bytes;
      } else if (kind === 'view') {
        access.stateViews++;
        access.stateBytes += bytes;
      } else if (kind === 'write') {
        access.writes++;
        access.writtenBytes += bytes;
      }
    },
  );
  kernels.enter(index);
  for (let tile = 0; tile < image.ops[index]!.get(OP_TILES); tile++) kernels.tile(tile);
  return access;
}

test('the model knows what every kernel reads and writes', () => {
  for (const [name, make] of [...Object.entries(makers), ...leanMakers]) {
    for (let seed = 1; seed <= 4; seed++) {
      const network = make(new Random(seed));
      const image = readImage(compile(network, { arenaBytes: 5000 + seed * 3000, verify: false }));
      image.ops.forEach((op, index) => {
        const { enter, all } = recordOp(op).work(op);
        const found = observed(image, index);
        for (const what of Object.keys(found) as (keyof Access)[]) {
          const modelled = enter.access[what] + all.access[what];
          const near = Math.abs(modelled - found[what]) <= 0.02 * found[what] + 1;
          assert.ok(near, `${name} ${seed}, op ${index}: ${what} ${modelled}, observed ${found[what]}`);
        }
      });
    }
  }
});

test('the DSP extension saves where it computes, and nowhere else', () => {
  const image = readImage(compile(networks.lenet(new Random(5)), { verify: false }));
  for (const op of image.ops) {
    const saved = 1 - coreUnitsOf(op, 'dsp') / coreUnitsOf(op, 'armv7m');
    const accelerated = recordOp(op).accelerated(op);
    // Scales of a channel each, as the circulant layer here has, are rounded one by one on either core.
    assert.ok(accelerated ? saved > 0.08 : Math.abs(saved) < 0.1, `${recordOp(op).work(op).kernel} ${saved}`);
  }
});

test.run();
