// What a label takes after its inference, of an inference's energy: digits, ways to learn beside one another; simulated.
import { compile } from '../../host/compile/compile.js';
import { energyOfLabel } from '../../host/compile/label-energy.js';
import type { LearnOptions } from '../../host/learning/spec.js';
import { Random } from '../../host/math/random.js';
import { type Image, readImage } from '../../host/model/image.js';
import { MeteredSupply } from '../../host/power/harvested-supply.js';
import { paceOf } from '../../host/power/pace.js';
import { targetOf } from '../../host/power/target.js';
import type { DeviceProfile } from '../../host/profiles/profile.js';
import { completeJob } from '../../host/simulator/app.js';
import { Device } from '../../host/simulator/device.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { meteredModule, moduleFor } from '../../host/toolchain/modules.js';
import { int8s } from '../../samples/networks.js';
import { digits, FACTORY, factorySamples } from './rotated-digits.js';

/** Layers, and ring samples learnt along. */
const WAYS: readonly (readonly [layers: string, replay: number])[] = [
  ['last', 1],
  ['last', 0],
  ['head:2', 1],
  ['head:2', 0],
  ['fc2,fc1:0-127', 1],
  ['fc2,fc1:0-127', 0],
  ['fc2,fc1:bias', 0],
];
/** Labels that are averaged over: in the long run a head by sums is made anew once in them. */
const ROUND = 8;

export interface LabelCost {
  name: string;
  /** An inference of the image, and a label after it, in inferences of an image that does not learn. */
  inference: number;
  label: number;
  labelUj: number;
}

/** Energy of an inference on steady power, in µJ; noise. */
function energyOfInference(image: Image, profile: DeviceProfile): number {
  const supply = new MeteredSupply(profile).paced(paceOf(image, profile));
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = meteredModule(moduleFor(image), profile.instructionCycles.value);
  const device = new Device(module, { image, nvm, sramBytes: profile.sramBytes.value, supply });
  const random = new Random(1);
  const spent = (): number => supply.statistics.energyUj.compute + supply.statistics.energyUj.nvm;
  device.boot();
  supply.finish();
  const before = spent();
  for (let ticket = 1; ticket <= ROUND; ticket++)
    completeJob(device, image, { ticket, input: int8s(random, image.input.bytes) }, {}, true);
  supply.finish();
  return (spent() - before) / ROUND;
}

export function benchLabelCost(): LabelCost[] {
  const network = digits();
  const { profile } = targetOf(readImage(compile(network, { verify: false })), {});
  const imageOf = (learn?: LearnOptions): Image =>
    readImage(compile(network, { verify: false, ...(learn && { learn }) }));
  const plainUj = energyOfInference(imageOf(), profile);
  const costOf = (name: string, learn: LearnOptions): LabelCost => {
    const image = imageOf(learn);
    const labelUj = energyOfLabel(image, profile, { late: true, round: ROUND });
    return {
      name,
      inference: energyOfInference(image, profile) / plainUj,
      label: labelUj / plainUj,
      labelUj,
    };
  };
  return [
    costOf('sums', { layers: 'sums', data: factorySamples(network, FACTORY) }),
    ...WAYS.map(([layers, replay]) => costOf(`${layers}, ${replay} replayed`, { layers, replay })),
  ];
}
