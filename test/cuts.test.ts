// A power cut at any point, any number of times, changes no result.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../host/math/random.js';
import { shippedImage } from '../host/demo/demo.js';
import { compileUnproved as compile } from './util/compile.js';
import { type Image, readImage, withPolicy } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import {
  averagePoolNetwork,
  circulantConvNetwork,
  circulantNetwork,
  concatNetwork,
  convertNetwork,
  convNetwork,
  denseNetwork,
  depthwiseNetwork,
  elementwiseInt16Network,
  elementwiseNetwork,
  logisticNetwork,
  lookupNetwork,
  matmulNetwork,
  maxPoolNetwork,
  meanNetwork,
  padNetwork,
  sliceNetwork,
  softmaxInt16Network,
  softmaxNetwork,
  valuesFor,
  withInt16,
  withInt4,
  withWeightZeroPoint,
} from '../samples/networks.js';
import { randomOutcome } from '../host/simulator/outcome.js';
import { CutBench } from './util/cut-bench.js';
import { builtModule } from './util/devices.js';

const NETWORKS: Record<string, (random: Random) => QuantizedNetwork> = {
  conv2d: convNetwork,
  depthwise: depthwiseNetwork,
  maxPool: maxPoolNetwork,
  averagePool: averagePoolNetwork,
  dense: denseNetwork,
  matmul: matmulNetwork,
  circulantConv: circulantConvNetwork,
  int4: (random) => withInt4(random, convNetwork(random)),
  direct: (random) => circulantNetwork(random, { blockSize: 8, inputs: 30, outputs: 21, method: 'direct' }),
  ntt: (random) => circulantNetwork(random, { blockSize: 16, inputs: 40, outputs: 50, method: 'ntt' }),
  karatsuba: (random) =>
    circulantNetwork(random, { blockSize: 8, inputs: 20, outputs: 26, method: 'karatsuba' }),
  add: (random) => elementwiseNetwork(random, 'add'),
  mul: (random) => elementwiseNetwork(random, 'mul'),
  softmax: softmaxNetwork,
  logistic: logisticNetwork,
  mean: meanNetwork,
  pad: padNetwork,
  concat: concatNetwork,
  slice: sliceNetwork,
  weightZeroPoint: (random) => withWeightZeroPoint(random, denseNetwork(random)),
  'conv2d int16': (random) => withInt16(random, convNetwork(random)),
  'depthwise int16': (random) => withInt16(random, depthwiseNetwork(random)),
  'maxPool int16': (random) => withInt16(random, maxPoolNetwork(random)),
  'averagePool int16': (random) => withInt16(random, averagePoolNetwork(random)),
  'dense int16': (random) => withInt16(random, denseNetwork(random)),
  'add int16': (random) => elementwiseInt16Network(random, 'add'),
  'mul int16': (random) => elementwiseInt16Network(random, 'mul'),
  'softmax int16': softmaxInt16Network,
  lookup: lookupNetwork,
  convert: convertNetwork,
  'pad int16': (random) => withInt16(random, padNetwork(random)),
};

const SCHEDULES = 10_000;

const POLICIES: Record<string, { every: number; low: boolean } | undefined> = {
  'every 1': { every: 1, low: false },
  'every 8': { every: 8, low: false },
  low: { every: 0, low: true },
  auto: undefined,
  never: { every: 0, low: false },
};

function underPolicy(name: string): Image {
  const image = shippedImage();
  const policy = POLICIES[name];
  return policy ? withPolicy(image, policy, name) : image;
}

for (const name of Object.keys(POLICIES)) {
  const stride = name === 'low' || name === 'never' ? 16 : 1;
  test(`${name}: a cut after every ${stride === 1 ? '' : '16th '}byte of a whole inference changes nothing`, () => {
    const bench = new CutBench(underPolicy(name));
    const random = new Random(1);
    bench.power.lowAnswer = () => random.integer(8) === 0;
    for (let left = 0; left <= bench.units; left += stride) {
      const at = bench.run([left]);
      if (at >= 0) assert.unreachable(`${name}: cut after ${left} units changes byte ${at}`);
    }
  });
}

test('every kernel: two cuts, the first after every byte, change nothing', () => {
  for (const [name, make] of Object.entries(NETWORKS)) {
    for (let seed = 1; seed <= 4; seed++) {
      const random = new Random(seed);
      const network = make(random);
      const sample = valuesFor(random, network.tensors[network.input]!);
      const image = readImage(compile(network, { policy: `every ${seed}`, arenaBytes: 3000, sample }));
      const bench = new CutBench(image, { tearUnit: 2 ** (seed - 1), sequence: 0xfffffffe });
      const stride = Math.ceil(bench.units / 300);
      for (let left = 0; left <= bench.units; left += stride) {
        const second = random.integer(bench.units);
        const at = bench.run([left, second], () => randomOutcome(random));
        if (at >= 0)
          assert.unreachable(
            `${name} seed ${seed}: cuts after ${left} and ${second} units change byte ${at}`,
          );
      }
    }
  }
});

test(`${SCHEDULES} schedules of many cuts that drop, tear and reorder unsynced writes change nothing`, () => {
  const names = Object.keys(POLICIES);
  const benches = names.flatMap((name) => [
    new CutBench(underPolicy(name), { tearUnit: 1 }),
    new CutBench(underPolicy(name), { tearUnit: 2, sequence: 0x7ffffff0, module: builtModule('digits') }),
    new CutBench(underPolicy(name), { tearUnit: 4, sequence: 0xfffffff0 }),
    new CutBench(underPolicy(name), { tearUnit: 8, module: builtModule('digits') }),
  ]);
  let cuts = 0;
  for (let seed = 0; seed < SCHEDULES; seed++) {
    const random = new Random(seed);
    const bench = benches[seed % benches.length]!;
    bench.power.lowAnswer = () => random.integer(8) === 0;
    const count = 1 + random.integer(6);
    const lefts = Array.from({ length: count }, () => random.integer(random.integer(2) ? bench.units : 200));
    const at = bench.run(lefts, () => {
      cuts++;
      return randomOutcome(random);
    });
    const policy = names[Math.floor((seed % benches.length) / 4)];
    if (at >= 0) assert.unreachable(`schedule ${seed} (${policy}, cuts ${lefts}) changes byte ${at}`);
  }
  assert.ok(cuts > 2 * SCHEDULES, `only ${cuts} cuts`);
});

test.run();
