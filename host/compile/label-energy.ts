// What a label takes of a device's energy, beside its inference: simulated.
import { Status } from '../../assembly/error.js';
import { Random } from '../math/random.js';
import type { Image } from '../model/image.js';
import { valuesFrom } from '../model/values.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import { paceOf } from '../power/pace.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { expectSuccess } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { meteredModule, moduleFor } from '../toolchain/modules.js';

/** Rounds before the one that counts: until then heads are made anew sooner, and little is there to replay. */
const WARM_ROUNDS = 4;

/**
 * Mean energy of a label in the long run, in µJ, on noise, all classes in turn. `late`: after an inference, which is not
 * counted; else the learn job takes the input in. `round`: labels until a head is made anew.
 */
export function energyOfLabel(
  image: Image,
  profile: DeviceProfile,
  { late, round }: { late: boolean; round: number },
): number {
  const supply = new MeteredSupply(profile).paced(paceOf(image, profile));
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = meteredModule(moduleFor(image), profile.instructionCycles.value);
  const device = new Device(module, { image, nvm, sramBytes: profile.sramBytes.value, supply });
  expectSuccess(device.boot(), 'boot');
  const random = new Random(1);
  const { learning, input, metadata } = image;
  const takenUj = (call: () => void): number => {
    const { energyUj } = supply.statistics;
    supply.finish();
    const before = energyUj.compute + energyUj.nvm;
    call();
    supply.finish();
    return energyUj.compute + energyUj.nvm - before;
  };
  const finish = (ticket: number): void => {
    while (device.status() === Status.RUN) expectSuccess(device.run(), 'run');
    expectSuccess(device.ack(ticket), 'ack');
  };
  const warm = WARM_ROUNDS * round;
  const jobs = Array.from({ length: warm + round }, (_, i): number => {
    const label = i % learning!.classes;
    const bytes = Uint8Array.from({ length: input.bytes }, () => random.integer(256));
    expectSuccess(device.feed(valuesFrom(bytes, metadata.input.dtype)), 'feed');
    if (!late)
      return takenUj(() => {
        expectSuccess(device.learn(i + 1, label), 'learn');
        finish(i + 1);
      });
    expectSuccess(device.submit(i + 1), 'submit');
    finish(i + 1);
    return takenUj(() => {
      expectSuccess(device.label(i + 1, label), 'label');
      finish(i + 1);
    });
  });
  return jobs.slice(warm).reduce((a, b) => a + b, 0) / round;
}
