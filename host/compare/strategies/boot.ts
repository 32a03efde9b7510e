// What our boots take: metered on the module, with no job and in the midst of one.
import type { Image } from '../../model/image.js';
import { tensorBytes } from '../../model/quantized-network.js';
import { MeteredSupply } from '../../power/harvested-supply.js';
import { paceOf } from '../../power/pace.js';
import type { DeviceProfile } from '../../profiles/profile.js';
import { Device } from '../../simulator/device.js';
import { SimulatedNvm } from '../../simulator/nvm.js';
import { provision } from '../../simulator/provision.js';
import { meteredModule } from '../../toolchain/modules.js';

/** Cycles and energy of a boot's checks and recovery, without what the hardware takes to come up. */
export interface BootCost {
  cycles: number;
  nj: number;
}

/** The first boot, and one that finds a job under way. */
export function meteredBoots(image: Image, profile: DeviceProfile): { first: BootCost; later: BootCost } {
  const supply = new MeteredSupply(profile).paced(paceOf(image, profile));
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = meteredModule('device', profile.instructionCycles.value);
  const device = new Device(module, { image, nvm, sramBytes: profile.sramBytes.value, supply });
  const { statistics } = supply;
  const boot = (): BootCost => {
    supply.finish();
    const { cycles, energyUj } = statistics;
    const spentUj = energyUj.compute + energyUj.nvm;
    device.boot();
    supply.finish();
    return { cycles: statistics.cycles - cycles, nj: (energyUj.compute + energyUj.nvm - spentUj) * 1000 };
  };
  const first = boot();
  device.feed(new Int8Array(tensorBytes(image.metadata.input)));
  device.submit(1);
  return { first, later: boot() };
}
