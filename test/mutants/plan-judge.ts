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
import { runOracle } from '../util/oracle.js';

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
  ]) {
    const roomy = readImage(compile(network, { arenaBytes: 8000 }));
    check(network, roomy);
    for (const less of [16, 48, 96, 200, 512]) {
      let tight: Image;
      try {
        tight = readImage(compile(network, { arenaBytes: 8000, nvmBytes: roomy.nvmBytes - less }));
      } catch (error) {
        if ((error as { code?: string }).code === 'E_PLAN') continue;
        throw error;
      }
      check(network, tight);
    }
  }
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  console.log(code ? `compile: ${code}` : message);
}
