// Whether the device gets on at all: no charge may be too small for what lies between two commits.
import { Status } from '../../assembly/error.js';
import { JobKind, OP_TILES } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import { cursorBytes, idleFields, slotAddress } from '../model/cursor.js';
import { Random } from '../math/random.js';
import type { Image } from '../model/image.js';
import { commitCost, leastUj } from '../plan/cost.js';
import { profileStorage } from '../power/converter.js';
import { capacitorFor, type LifeEnergy, lifeEnergy, lifeUj, usableUj } from '../power/life.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';

/** Estimates are wrong by less than this: what takes a smaller share of what a boot leaves is not simulated. */
const SUSPECT = 0.6;

/** One charge does not hold what lies between two commits; `capacitorUf` would. */
export class ChargeError extends BrownoutError {
  /** Of what something takes of a charge. */
  constructor(
    private readonly what: string,
    private readonly neededUj: number,
    private readonly profile: DeviceProfile,
    readonly capacitorUf = capacitorFor(neededUj, profileStorage(profile), profile),
  ) {
    super({
      code: 'E_CHARGE',
      found: `${what} take ${Math.ceil(neededUj)} µJ (simulated)`,
      expected: `at most the ${Math.floor(usableUj(profileStorage(profile), profile))} µJ that a charge of ${profile.name} holds`,
      hint: `Make the layer smaller, or give a \`capacitorUf\` of ${capacitorUf}uF or more.`,
    });
  }

  /** The same, naming a capacitor that `compile` takes: with a larger one tiles become larger as well, so it is tried. */
  tried(compile: (capacitorUf: number) => unknown): ChargeError {
    try {
      compile(this.capacitorUf);
      return this;
    } catch (error) {
      if (!(error instanceof ChargeError) || error.capacitorUf <= this.capacitorUf) return this;
      return new ChargeError(this.what, this.neededUj, this.profile, error.capacitorUf);
    }
  }
}

/**
 * Throws `E_CHARGE` where a charge does not hold a boot with taking an input in, or with entering an op, one of its tiles and
 * a commit: there a device would stand for ever. Simulated, where estimates come near a charge.
 */
export function checkCharge(image: Image, profile: DeviceProfile): void {
  const storage = profileStorage(profile);
  const usable = usableUj(storage, profile);
  const nvm = new SimulatedNvm(image.nvmBytes);
  // What tiles take may hang on data a little: noise is no worse than most.
  const random = new Random(1);
  nvm.load(Uint8Array.from({ length: image.nvmBytes }, () => random.integer(256)));
  provision(nvm, image);
  let dearest = { what: '', uj: 0 };
  const check = (what: string): LifeEnergy => {
    const life = lifeEnergy(image, profile, nvm.cells);
    const uj = lifeUj(life);
    if (uj > dearest.uj) dearest = { what, uj };
    return life;
  };
  const { bootUj, recoverUj } = check('a boot, checking the plan, taking the input in and a commit');
  const left = usable - bootUj - recoverUj - commitCost(profile).energyUj;
  const { first, count } = image.jobs[JobKind.INFER]!;
  for (let op = first; op < first + count; op++) {
    const record = image.ops[op]!;
    if (leastUj(record, profile) < SUSPECT * left) continue;
    // In the middle, where no window hangs over an edge.
    const tile = record.get(OP_TILES) >> 1;
    const job = { state: Status.RUN, kind: JobKind.INFER, ticket: 1, op, tile };
    nvm.write(slotAddress(image, 0), cursorBytes({ ...idleFields(image.imageId), ...job }, 0));
    nvm.sync();
    check(`op "${image.metadata.ops[op]}": a boot, entering it, a tile and a commit`);
  }
  if (dearest.uj > usable) throw new ChargeError(dearest.what, dearest.uj, profile);
}
