// Bodies that only a module for speed in lanes has, against the naive oracle, bit for bit.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OpKind, STATIC_BYTES } from '../assembly/layout.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { buildParts } from '../host/toolchain/build-device.js';
import { EVERYTHING } from '../host/toolchain/parts.js';
import { between, depthwiseNetwork, elementwiseNetwork, valuesFor } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer } from './util/devices.js';
import { runOracle } from './util/oracle.js';

const module = new WebAssembly.Module(
  await buildParts(
    { ...EVERYTHING, int8: [OpKind.ADD, OpKind.DEPTHWISE_CONV2D, OpKind.MAP], int16: [], weights: ['int8'] },
    { target: 'simd', optimize: 'speed' },
  ),
);

const MANY = Number(process.env['BROWNOUT_SHAPES'] ?? 0);

function sweep(name: string, few: number, make: (random: Random) => QuantizedNetwork): void {
  const count = MANY || few;
  test(`${name}: ${count} random shapes equal the oracle`, () => {
    for (let seed = 1; seed <= count; seed++) {
      const random = new Random(seed);
      const network = make(random);
      const image = readImage(compile(network, { arenaBytes: between(random, 1200, 3840) }));
      const input = valuesFor(random, network.tensors[network.input]!);
      const nvm = new SimulatedNvm(image.nvmBytes);
      provision(nvm, image);
      const device = new Device(module, { image, nvm, sramBytes: STATIC_BYTES + image.arenaBytes });
      assert.equal(
        infer(device, image, input),
        runOracle(network, input)[network.output]!,
        `${name} seed ${seed}`,
      );
    }
  });
}

/** Scales that shift by nothing, and by so much that nothing is left, beside those that a converter makes. */
function addition(random: Random): QuantizedNetwork {
  const network = elementwiseNetwork(random, 'add');
  const ops = network.ops.map((op) => {
    if (op.kind !== 'add' || random.integer(2)) return op;
    const shift = (least: number): number => between(random, least, 1);
    const [a, b] = op.inputScalings;
    const inputScalings = [
      { ...a, shift: shift(-30) },
      { ...b, shift: shift(-3) },
    ] as const;
    return { ...op, inputScalings, leftShift: between(random, 0, 21) } as typeof op;
  });
  return { ...network, ops };
}

sweep('add_s8', 150, addition);
sweep('depthwise_conv2d_s8', 60, depthwiseNetwork);
sweep('depthwise_conv2d_s8, eight outputs and more of an input', 100, (random) =>
  depthwiseNetwork(random, 8 * between(random, 1, 3)),
);

test.run();
