// Every kernel against its naive oracle, in every build, bit for bit.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode } from '../assembly/error.js';
import { FEATURE_WEIGHT_ZERO, OP_FLAG_PLAIN, STATIC_BYTES } from '../assembly/layout.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { Values } from '../host/model/values.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { buildParts } from '../host/toolchain/build-device.js';
import { EVERYTHING } from '../host/toolchain/parts.js';
import {
  averagePoolNetwork,
  between,
  circulantConvNetwork,
  convNttNetwork,
  circulantNetwork,
  concatInt16Network,
  concatNetwork,
  convertNetwork,
  convNetwork,
  deepConvNetwork,
  denseLevelsNetwork,
  denseNetwork,
  depthwiseNetwork,
  elementwiseInt16Network,
  elementwiseNetwork,
  levelsNetwork,
  logisticNetwork,
  lookupNetwork,
  matmulNetwork,
  maxPoolNetwork,
  meanNetwork,
  padNetwork,
  separableNetwork,
  sharedCirculantNetwork,
  sliceNetwork,
  softmaxInt16Network,
  softmaxNetwork,
  sparseNetwork,
  valuesFor,
  winogradNetwork,
  withInt4,
  withInt16,
  withWeights,
  withWeightZeroPoint,
} from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { type Build, hasBuild, infer, makeDevice } from './util/devices.js';
import { runOracle, softmaxReal } from './util/oracle.js';
import { acceleratedInPlace, SHIPPED, sweep as sweepShapes, testBeside } from './util/sweep.js';

const BUILDS: Build[] = ['scalar', 'fast', 'accelerated', 'simd', 'checked', 'in-place'];

function check(network: QuantizedNetwork, random: Random, arenaBytes: number, what: string): void {
  const image = readImage(compile(network, { arenaBytes }));
  const input = valuesFor(random, network.tensors[network.input]!);
  const expected = runOracle(network, input)[network.output]!;
  for (const build of BUILDS.filter((one) => hasBuild(image, one)))
    assert.equal(infer(makeDevice(image, build), image, input), expected, `${what}, ${build}`);
}

function sweep(name: string, few: number, make: (random: Random) => QuantizedNetwork, least = 1200): void {
  // Little SRAM every other time, so that tiles split every way they can.
  const arenaBytes = (random: Random, seed: number): number =>
    seed % 2 ? Math.max(3840, least + 1000) : between(random, least, least + 1000);
  sweepShapes({ name, few, make, arenaBytes, bodies: SHIPPED });
}

const anyDense = (random: Random): QuantizedNetwork => denseNetwork(random, random.integer(4) ? 80 : 3000);

sweep('conv2d_s8', 150, convNetwork);
sweep('conv2d_winograd_s8', 150, (random) => winogradNetwork(random, 'stored'), 4400);
sweep('conv2d_winograd_s8, weights computed', 100, (random) => winogradNetwork(random, 'computed'), 4400);
sweep('conv2d_sparse_s8', 150, (random) => sparseNetwork(random), 2600);
sweep('conv2d_sparse_s8, int4 weights', 50, (random) => sparseNetwork(random, 'int4'), 2600);
sweep('conv2d_xnor_s8', 150, levelsNetwork, 3400);
sweep('conv2d_xnor_s8 of dense layers', 80, denseLevelsNetwork, 1600);
sweep('conv2d_s8, channels in parts', 40, deepConvNetwork, 2600);
sweep('conv2d_s16, channels in parts', 20, (random) => withInt16(random, deepConvNetwork(random)), 4400);
// Where rows lie, for a vector unit, in tiles of a few channels of a few columns and in large ones.
for (const [capacitorUf, few] of [
  [12, 120],
  [1000, 60],
] as const) {
  sweepShapes({
    ...{
      name: `conv2d_s8 by rows, ${capacitorUf} µF`,
      few,
      bodies: [...SHIPPED, acceleratedInPlace()],
      capacitorUf,
    },
    device: 'msp430fr5994-lea',
    make: (random) => {
      const network = random.integer(4) ? convNetwork(random) : deepConvNetwork(random);
      const ops = network.ops.map((op) => (op.kind === 'conv2d' ? { ...op, method: 'direct' as const } : op));
      return { ...network, ops };
    },
    arenaBytes: (random) => between(random, 1600, 4000),
  });
}
sweep('max_pool_s8', 100, maxPoolNetwork);
sweep('dense_s8', 100, (random) => anyDense(random));
/** A circulant layer whose input spectra are made by an op of their own. */
function spectraNetwork(random: Random): QuantizedNetwork {
  const blockSize = 2 ** between(random, 2, 6);
  const [inputs, outputs] = [between(random, 1, 5 * blockSize), between(random, 1, 3 * blockSize)];
  const spectra = random.integer(2) ? ('computed' as const) : undefined;
  return circulantNetwork(random, { blockSize, inputs, outputs, method: 'ntt', spectra, apart: true });
}

const LEAST = { direct: 2800, ntt: 2800, computed: 4400, karatsuba: 4000 };
const CIRCULANT = [['direct'], ['ntt'], ['ntt', 'computed'], ['karatsuba']] as const;
for (const [method, spectra] of CIRCULANT) {
  const make = (random: Random, network = circulantNetwork): QuantizedNetwork => {
    const blockSize = 2 ** between(random, method === 'direct' ? 1 : 2, 6);
    const [inputs, outputs] = [between(random, 1, 3 * blockSize), between(random, 1, 3 * blockSize)];
    return network(random, { blockSize, inputs, outputs, method, spectra });
  };
  const name = `circulant_s8 by ${method}${spectra ? ', spectra computed' : ''}`;
  sweep(name, 100, (random) => make(random), LEAST[spectra ?? method]);
  // Where first columns are kept, they are packed; elsewhere they are few values alone.
  const types = ['int4', 'int2', 'int1'] as const;
  sweep(
    `${name}, columns of few bits`,
    method === 'direct' || spectra ? 150 : 30,
    (random) => withWeights(random, types[random.integer(3)]!, make(random)),
    LEAST[spectra ?? method],
  );
  sweep(
    `${name}, a bias and a scale a block row`,
    60,
    (random) => withWeights(random, types[random.integer(3)]!, make(random, sharedCirculantNetwork)),
    LEAST[spectra ?? method],
  );
}

sweep('circulant_spectra_s8', 60, spectraNetwork, 4400);
sweep('depthwise_conv2d_s8', 150, depthwiseNetwork);
sweep('separable_conv2d_s8', 200, separableNetwork, 1600);
sweep('conv2d_s8, circulant blocks over channels', 150, circulantConvNetwork);
sweep('conv2d_ntt_s8', 120, convNttNetwork, 9000);
sweep('conv2d_s8, int4 weights', 100, (random) => withInt4(random, convNetwork(random)));
sweep('depthwise_conv2d_s8, int4 weights', 100, (random) => withInt4(random, depthwiseNetwork(random)));
sweep('dense_s8, int4 weights', 100, (random) => {
  return withInt4(random, anyDense(random));
});
for (const type of ['int2', 'int1'] as const) {
  sweep(`conv2d_s8, ${type} weights`, 120, (random) => withWeights(random, type, convNetwork(random)));
  sweep(
    `conv2d_s8, ${type} weights of many channels`,
    60,
    (random) => {
      return withWeights(random, type, deepConvNetwork(random));
    },
    3400,
  );
  sweep(`depthwise_conv2d_s8, ${type} weights`, 60, (random) => {
    return withWeights(random, type, depthwiseNetwork(random));
  });
  sweep(`dense_s8, ${type} weights`, 120, (random) => withWeights(random, type, anyDense(random)));
}
sweep('avg_pool_s8', 100, averagePoolNetwork);
sweep('conv2d_s8, weights an activation', 60, matmulNetwork, 2600);
sweep('add_s8', 60, (random) => elementwiseNetwork(random, 'add'));
sweep('mul_s8', 60, (random) => elementwiseNetwork(random, 'mul'));
sweep('mean_s8', 60, meanNetwork);
sweep('pad_s8', 60, padNetwork);
sweep('concat_s8', 100, concatNetwork);
sweep('slice', 60, sliceNetwork);
sweep('softmax_s8', 60, softmaxNetwork);
sweep('logistic_s8', 60, logisticNetwork);

/** Weights as they are, of int4, or of circulant blocks. */
const anyConv = (random: Random): QuantizedNetwork => {
  const kind = random.integer(4);
  if (kind === 0) return circulantConvNetwork(random);
  return kind === 1 ? withInt4(random, convNetwork(random)) : convNetwork(random);
};
const LEAST_S16 = 2400;
sweep('dense_s8, weights with a zero point', 60, (random) => withWeightZeroPoint(random, anyDense(random)));
sweep('dense_s16', 100, (random) => withInt16(random, anyDense(random)), LEAST_S16);
sweep(
  'dense_s16, weights with a zero point',
  60,
  (random) => withWeightZeroPoint(random, withInt16(random, anyDense(random))),
  LEAST_S16,
);
sweep('conv2d_s16', 150, (random) => withInt16(random, anyConv(random)), LEAST_S16);
const anyDepthwise = (random: Random): QuantizedNetwork => {
  return random.integer(4) ? depthwiseNetwork(random) : withInt4(random, depthwiseNetwork(random));
};
sweep('depthwise_conv2d_s16', 150, (random) => withInt16(random, anyDepthwise(random)), LEAST_S16);
sweep('max_pool_s16', 100, (random) => withInt16(random, maxPoolNetwork(random)), LEAST_S16);
sweep('avg_pool_s16', 100, (random) => withInt16(random, averagePoolNetwork(random)), LEAST_S16);
sweep('add_s16', 60, (random) => elementwiseInt16Network(random, 'add'));
sweep('mul_s16', 60, (random) => elementwiseInt16Network(random, 'mul'));
sweep('softmax_s16', 60, softmaxInt16Network, 2700);
sweep('lookup_s16', 100, lookupNetwork, 1400);
sweep('map_s8: between int8 and int16', 60, convertNetwork);
sweep('pad_s16', 60, (random) => withInt16(random, padNetwork(random)));
sweep('map_s16: slice', 60, (random) => withInt16(random, sliceNetwork(random)));
sweep('map_s16: concat', 60, concatInt16Network);

/** Runs a one-op network whose oracle is real arithmetic; calls `judge` with every input and output. */
function compareReal(network: QuantizedNetwork, random: Random, judge: (x: Values, y: Values) => void): void {
  const image = readImage(compile(network));
  const input = valuesFor(random, network.tensors[0]!);
  const [first, ...others] = BUILDS.map((build) => infer(makeDevice(image, build), image, input));
  for (const other of others) assert.equal(other, first);
  judge(input, first!);
}

testBeside('softmax_s8: within a step of real softmax, and sums to one', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const network = softmaxNetwork(random);
    const { shape, scale } = network.tensors[0]!;
    const depth = shape[1]!;
    compareReal(network, random, (x, y) => {
      for (let row = 0; row < shape[0]!; row++) {
        const real = softmaxReal([...x.subarray(row * depth, (row + 1) * depth)], scale);
        real.forEach((p, i) => {
          const q = y[row * depth + i]!;
          const exact = Math.min(p * 256 - 128, 127);
          assert.ok(Math.abs(q - exact) <= 1, `seed ${seed}: ${q} for ${exact}`);
        });
      }
    });
  }
});

testBeside('logistic_s8: within a step of the real function for every input', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const network = logisticNetwork(random);
    const { scale, zeroPoint } = network.tensors[0]!;
    compareReal(network, random, (x, y) => {
      x.forEach((q, i) => {
        const exact = Math.min(256 / (1 + Math.exp(-(q - zeroPoint) * scale)) - 128, 127);
        assert.ok(Math.abs(y[i]! - exact) <= 1, `seed ${seed}: ${y[i]} for ${exact}`);
      });
    });
  }
});

testBeside(
  'a build without the special paths equals the oracle where every op is plain, and refuses the rest',
  async () => {
    const module = new WebAssembly.Module(
      await buildParts({ ...EVERYTHING, int16: [], features: FEATURE_WEIGHT_ZERO }),
    );
    const wideDense = (random: Random): QuantizedNetwork =>
      denseNetwork(random, random.integer(2) ? 80 : 3000);
    const generators = [convNetwork, depthwiseNetwork, maxPoolNetwork, averagePoolNetwork, wideDense];
    for (const [which, make] of generators.entries()) {
      let plain = 0;
      for (let seed = 1; seed <= 120; seed++) {
        const random = new Random(seed);
        const network = make(random);
        const image = readImage(
          compile(network, { arenaBytes: seed % 2 ? 3840 : between(random, 1200, 2200) }),
        );
        const nvm = new SimulatedNvm(image.nvmBytes);
        provision(nvm, image);
        const device = new Device(module, { image, nvm, sramBytes: STATIC_BYTES + image.arenaBytes });
        if (image.ops.every((op) => op.has(OP_FLAG_PLAIN))) {
          const input = valuesFor(random, network.tensors[network.input]!);
          assert.equal(
            infer(device, image, input),
            runOracle(network, input)[network.output]!,
            `seed ${seed}`,
          );
          plain++;
        } else assert.is(device.boot(), ErrorCode.E_OP, `seed ${seed}`);
      }
      assert.ok(plain >= 5 && plain <= 119, `generator ${which}: ${plain} of 120 plain`);
    }
  },
);

testBeside('circulant_s8 by transform: every block size to 512', () => {
  for (let blockSize = 4; blockSize <= 512; blockSize *= 2) {
    const random = new Random(blockSize);
    const inputs = Math.min(512, blockSize * 5) - 1;
    for (const spectra of ['stored', 'computed'] as const) {
      const shape = { blockSize, inputs, outputs: blockSize + 3, method: 'ntt', spectra } as const;
      check(circulantNetwork(random, shape), random, 16384, `k = ${blockSize}, spectra ${spectra}`);
    }
    for (const type of ['int4', 'int2', 'int1'] as const) {
      const shape = {
        blockSize,
        inputs,
        outputs: blockSize + 3,
        method: 'ntt',
        spectra: 'computed',
      } as const;
      const network = withWeights(random, type, circulantNetwork(random, shape));
      check(network, random, 16384, `k = ${blockSize}, columns of ${type}`);
    }
  }
});

test.run();
