// What a tensor inside a network holds, of inputs at the desk: the ops that it needs, as an image of their own, on the
// simulated device. So it is there of every network that compiles.
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { readImage } from '../model/image.js';
import { completeJob } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';

/** Far more than any part asks for. */
const SRAM_BYTES = 1 << 20;

/** The network whose answer is `tensor`: without the ops and states that it does not need. */
function cutAt(network: QuantizedNetwork, tensor: number): QuantizedNetwork {
  const needed = new Set([tensor]);
  for (const { output, inputs } of [...network.ops].reverse())
    if (needed.has(output)) for (const input of inputs) needed.add(input);
  const { outputs: _, ...part } = network;
  return { ...part, output: tensor, ops: network.ops.filter(({ output }) => needed.has(output)) };
}

/** `compile`: the image of a part of the network. What is returned remembers the features of each array. */
export function featuresOf(
  network: QuantizedNetwork,
  tensor: number,
  compile: (part: QuantizedNetwork) => Uint8Array,
): (input: Int8Array) => Int8Array {
  if (tensor === network.input) return (input) => input;
  const image = readImage(compile(cutAt(network, tensor)));
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
  const device = new Device(module, { image, nvm, sramBytes: SRAM_BYTES });
  const known = new WeakMap<Int8Array, Int8Array>();
  let ticket = 0;
  return (input) => {
    const remembered = known.get(input);
    if (remembered) return remembered;
    ticket++;
    const { answer } = completeJob(device, image, { ticket, input }, {}, ticket > 1);
    const features = Int8Array.from(answer as Int8Array);
    known.set(input, features);
    return features;
  };
}
