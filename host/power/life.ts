// What one life of a device takes at the least: to come up, to find its place, and to get past one tile.
import { Status } from '../../assembly/error.js';
import { CURSOR_BYTES, C_OP, C_TILE } from '../../assembly/layout.js';
import { BrownoutError, ExitCode } from '../error.js';
import { isWhole, sequenceOf, slotAddress } from '../model/cursor.js';
import type { Image } from '../model/image.js';
import { valuesFrom } from '../model/values.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { meteredModule, moduleFor } from '../toolchain/modules.js';
import { type Storage, storageChargeUj } from './converter.js';
import { MeteredSupply } from './harvested-supply.js';
import { paceOf } from './pace.js';

/** In µJ, of core and memories (simulated). */
export interface LifeEnergy {
  /** From power-on to the first instruction. */
  bootUj: number;
  /** The module's checks, and reading the cursor. */
  recoverUj: number;
  /** Entering the op, one tile, its commit; where no job is under way, taking an input in and the commit that begins one. */
  stepUj: number;
  /** The tile; none where no job is under way. */
  at?: { op: number; tile: number };
}

/** What a device whose NVM holds `cells` takes to its next commit, where it runs jobs of `image`. */
export function lifeEnergy(image: Image, profile: DeviceProfile, cells: Uint8Array): LifeEnergy {
  const supply = new MeteredSupply(profile).paced(paceOf(image, profile));
  const nvm = new SimulatedNvm(cells.length);
  nvm.load(cells);
  const module = meteredModule(moduleFor(image), profile.instructionCycles.value);
  const device = new Device(module, { image, nvm, sramBytes: profile.sramBytes.value, supply });
  const taken = (call: () => void): number => {
    const { energyUj } = supply.statistics;
    const before = energyUj.compute + energyUj.nvm;
    call();
    supply.finish();
    return energyUj.compute + energyUj.nvm - before;
  };
  const recoverUj = taken(() => device.boot());
  const bootUj = profile.bootUj.value;
  if (device.status() === Status.RUN) {
    const at = { op: device.cursorField(C_OP), tile: device.cursorField(C_TILE) };
    return { bootUj, recoverUj, stepUj: taken(() => device.run(1)), at };
  }
  const input = valuesFrom(new Uint8Array(image.input.bytes), image.metadata.input.dtype);
  const stepUj = taken(() => {
    device.feed(input);
    device.submit(device.ticket + 1);
  });
  return { bootUj, recoverUj, stepUj };
}

/** The number of the newest whole cursor in a device's NVM: while it stands, so does the device. */
export function standingAt(cells: Uint8Array, image: Image): number | undefined {
  const slots = [0, 1]
    .map((slot) => slotAddress(image, slot))
    .map((at) => cells.subarray(at, at + CURSOR_BYTES));
  const sequences = slots.filter(isWhole).map(sequenceOf);
  return sequences.sort((a, b) => (b - a) | 0)[0];
}

/** All of it. */
export const lifeUj = ({ bootUj, recoverUj, stepUj }: LifeEnergy): number => bootUj + recoverUj + stepUj;

/** What the device gets of a charge with no harvest meanwhile, in µJ: losses behind the capacitor and leakage taken off. */
export function usableUj(storage: Storage, profile: DeviceProfile): number {
  const { leakageNa, leakageUw, turnOnV, drawFactor } = storage;
  const drawnUw = (profile.activeNjPerCycle.value * profile.clockHz.value * drawFactor) / 1000;
  const leakedUw = leakageUw + (leakageNa * turnOnV) / 1000;
  return (storageChargeUj(storage) / drawFactor) * (drawnUw / (drawnUw + leakedUw));
}

/** Other data take a little more, and on a larger charge tiles are larger. */
const MARGIN = 1.25;

/** A capacitor, in µF, whose charge gives a device `neededUj` and a quarter more: two digits, rounded up. */
export function capacitorFor(neededUj: number, storage: Storage, profile: DeviceProfile): number {
  const least = ((MARGIN * neededUj) / usableUj(storage, profile)) * storage.capacitorUf;
  let step = 1e-6;
  while (step * 100 <= least) step *= 10;
  return Number((Math.ceil(least / step) * step).toPrecision(2));
}

/** A device that no charge gets on from where it stands: what that takes, and what there is. `cells`: its NVM. */
export function noProgress(
  cuts: number,
  {
    image,
    profile,
    storage,
    cells,
  }: { image: Image; profile: DeviceProfile; storage: Storage; cells: Uint8Array },
): BrownoutError {
  const { at, ...life } = lifeEnergy(image, profile, cells);
  const enough = capacitorFor(lifeUj(life), storage, profile);
  const [boot, recover, step] = [life.bootUj, life.recoverUj, life.stepUj].map((uj) => uj.toFixed(1));
  const what = at
    ? `tile ${at.tile} of op "${image.metadata.ops[at.op] ?? at.op}", entering it and the commit included,`
    : 'taking the input in';
  const taken = `coming up takes ${boot} µJ, recovery ${recover}, ${what} ${step}`;
  return new BrownoutError(
    {
      code: 'E_NO_PROGRESS',
      found: `${cuts} power failures in a row without a commit: ${taken}`,
      expected: `together at most the ${usableUj(storage, profile).toFixed(1)} µJ that a charge gives`,
      hint: `Give a \`capacitorUf\` of ${enough}uF or more, or compile the image for this device and capacitor.`,
    },
    ExitCode.DEVICE,
  );
}
