// Run with a planner that has a small change: networks compiled with room and without, each proved and held to its oracle.
import { Random } from '../../host/math/random.js';
import { type Image, readImage } from '../../host/model/image.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { Device } from '../../host/simulator/device.js';
import { provision } from '../../host/simulator/provision.js';
import { moduleBytes } from '../../host/toolchain/modules.js';
import { verify } from '../../host/verify/verify.js';
import {
  depthwiseNetwork,
  layered,
  padNetwork,
  sliceNetwork,
  concatNetwork,
  convNetwork,
  deepConvNetwork,
  dsCnn,
  valuesFor,
} from '../../samples/networks.js';
import { compileUnproved as compile } from '../util/compile.js';
import { infer } from '../util/devices.js';
import { learnable } from '../util/learnable.js';
import { runOracle } from '../util/oracle.js';

/** NVM that is so many bytes short: plans for it are proved; those for what lies between are made, and held to the memory rule. */
const PROVED = [16, 48, 96, 208, 512];

const device = new WebAssembly.Module(moduleBytes('device'));

function check(network: QuantizedNetwork, image: Image): void {
  const result = verify(image, { search: false });
  if (result.violations > 0) throw new Error(`the proof: ${result.counterexample!.obligation}`);
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const input = valuesFor(new Random(4), network.tensors[network.input]!);
  const answer = infer(new Device(device, { image, nvm, sramBytes: 60_000 }), image, input);
  const expected = runOracle(network, input)[network.output]!;
  if (answer.some((value, i) => value !== expected[i])) throw new Error('the oracle: a wrong answer');
}

try {
  for (const network of [
    layered(new Random(3)),
    convNetwork(new Random(2)),
    deepConvNetwork(new Random(5)),
    concatNetwork(new Random(5)),
    sliceNetwork(new Random(5)),
    padNetwork(new Random(5)),
    depthwiseNetwork(new Random(5)),
    dsCnn(new Random(5)),
    // Buffers of many sizes, one after the other.
    learnable(
      new Random(6),
      [16],
      ['dense:100', 'dense:40', 'dense:150', 'dense:30', 'dense:60', 'dense:120', 'dense:10'],
    ),
  ]) {
    const roomy = readImage(compile(network, { arenaBytes: 8000 }));
    check(network, roomy);
    for (let less = 16; less < Math.min(roomy.nvmBytes, 560); less += 16) {
      let tight: Image;
      try {
        tight = readImage(compile(network, { arenaBytes: 8000, nvmBytes: roomy.nvmBytes - less }));
      } catch (error) {
        if ((error as { code?: string }).code === 'E_PLAN') continue;
        throw error;
      }
      if (PROVED.includes(less)) check(network, tight);
    }
  }
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  console.log(code ? `compile: ${code}` : message);
}
