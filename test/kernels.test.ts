// Every kernel against its naive oracle, in every build, bit for bit.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../host/compile.js';
import { Random } from '../host/data/random.js';
import { readImage } from '../host/model/image.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { infer, makeDevice, type Build } from './util/devices.js';
import {
  between,
  circulantNetwork,
  convNetwork,
  denseNetwork,
  int8s,
  maxPoolNetwork,
} from './util/networks.js';
import { runOracle } from './util/oracle.js';

const BUILDS: Build[] = ['scalar', 'simd', 'checked', 'in-place'];

function check(network: QuantizedNetwork, random: Random, arenaBytes: number, what: string): void {
  const image = readImage(compile(network, { arenaBytes }));
  const input = int8s(random, elementCount(network.tensors[network.input]!));
  const expected = runOracle(network, input)[network.output]!;
  for (const build of BUILDS)
    assert.equal(infer(makeDevice(image, build), image, input), expected, `${what}, ${build}`);
}

function sweep(name: string, count: number, make: (random: Random) => QuantizedNetwork, least = 1200): void {
  test(`${name}: ${count} random shapes equal the oracle`, () => {
    for (let seed = 1; seed <= count; seed++) {
      const random = new Random(seed);
      const network = make(random);
      // Little SRAM every other time, so that tiles split every way they can.
      check(network, random, seed % 2 ? 3840 : between(random, least, least + 1000), `${name} seed ${seed}`);
    }
  });
}

sweep('conv2d_s8', 150, convNetwork);
sweep('max_pool_s8', 100, maxPoolNetwork);
sweep('dense_s8', 100, (random) => denseNetwork(random, random.integer(4) ? 80 : 3000));
for (const method of ['direct', 'ntt'] as const) {
  const make = (random: Random): QuantizedNetwork => {
    const blockSize = 2 ** between(random, method === 'ntt' ? 2 : 1, 6);
    const [inputs, outputs] = [between(random, 1, 3 * blockSize), between(random, 1, 3 * blockSize)];
    return circulantNetwork(random, { blockSize, inputs, outputs, method });
  };
  sweep(`circulant_s8 by ${method}`, 100, make, 2800);
}

test('circulant_s8 by transform: every block size to 512', () => {
  for (let blockSize = 4; blockSize <= 512; blockSize *= 2) {
    const random = new Random(blockSize);
    const inputs = Math.min(512, blockSize * 5) - 1;
    check(
      circulantNetwork(random, { blockSize, inputs, outputs: blockSize + 3, method: 'ntt' }),
      random,
      16384,
      `k = ${blockSize}`,
    );
  }
});

test.run();
