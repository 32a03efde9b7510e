// Runs a strategy's program on a power model: units of work, cuts between and within them, and its way to recover.
import type { MeteredSupply } from '../../power/harvested-supply.js';
import { PowerCut } from '../../simulator/device.js';
import type { DeviceProfile } from '../../profiles/profile.js';
import type { Program, Step } from './programs.js';

/** What one inference took. Null where it never ends. */
export interface ProgramRun {
  /** From the first boot on, off times included. */
  timeMs: number;
  energyUj: number;
  cuts: number;
  /** Energy of units begun and lost, over that of all. */
  lostPercent: number;
}

/** Boots without a unit done after which there is no progress; restarts after which there will be none. */
const VAIN_BOOTS = 100;

class Runner {
  #step = 0;
  #unit = 0;
  #entered = false;
  #vain = 0;
  #lostNj = 0;
  /** Where a boot goes on, on demand; units done since, and their energy. */
  #saved = { step: 0, unit: 0 };
  #unsaved = 0;
  #unsavedNj = 0;

  constructor(
    readonly program: Program,
    readonly supply: MeteredSupply,
    readonly profile: DeviceProfile,
  ) {}

  /** Works; returns whether the power held. */
  #work({ cycles, nj }: { cycles: number; nj: number }): boolean {
    return !this.supply.work(cycles, nj - cycles * this.profile.activeNjPerCycle.value).ended;
  }

  /** As many of `most` units of `step` as the power holds for; whether it ended, and units done. */
  #units(step: Step, most: number): { done: number; ended: boolean } {
    const cycles = step.unit.cycles + step.commit.cycles;
    const nj = step.unit.nj + step.commit.nj;
    const extra = nj - cycles * this.profile.activeNjPerCycle.value;
    const until = this.program.recovery === 'demand' ? 'warning' : 'turnOff';
    const { done, ended } = this.supply.work(cycles * most, extra * most, until);
    const units = Math.min(most, done / cycles + 1e-9);
    const whole = Math.floor(units);
    if (!ended || until === 'warning') return { done: ended ? units : most, ended };
    this.#lostNj += (units - whole) * nj;
    return { done: whole, ended };
  }

  /** Units done, not yet durable. */
  #add(step: Step, units: number): void {
    this.#unit += units;
    this.#unsaved += units;
    this.#unsavedNj += units * step.unit.nj;
  }

  /** Makes the state durable; whether the power held. */
  #save(): boolean {
    if (!this.#work(this.program.save)) return false;
    this.#saved = { step: this.#step, unit: this.#unit };
    if (this.#unsaved > 0) this.#vain = 0;
    [this.#unsaved, this.#unsavedNj] = [0, 0];
    return true;
  }

  /**
   * A warning: the unit at hand is finished, the state saved, and the device sleeps; not where it commits by itself there, as the
   * engine does not ask the monitor then. Whether the power held.
   */
  #demand(step: Step, units: number): boolean {
    const whole = Math.max(1, Math.ceil(units - 1e-9));
    const { cycles, nj } = step.unit;
    const rest = (whole - units) * cycles;
    const extra = nj / cycles - this.profile.activeNjPerCycle.value;
    const { done, ended } = this.supply.work(rest, extra * rest);
    if (ended) {
      this.#unsavedNj += (units + done / cycles) * nj;
      return false;
    }
    this.#add(step, whole);
    const asked = this.program.every === 0 || this.#unsaved < this.program.every;
    if (!this.#save()) return false;
    if (!asked) return true;
    try {
      this.supply.sleep();
      return true;
    } catch (error) {
      if (error instanceof PowerCut) return false;
      throw error;
    }
  }

  /** Units of `step` up to its end, or to where the program commits by itself. Whether the power held. */
  #some(step: Step): boolean {
    const left = step.units - this.#unit;
    const { recovery, every } = this.program;
    const onDemand = recovery === 'demand';
    const most = onDemand && every > 0 ? Math.min(left, every - this.#unsaved) : left;
    const { done, ended } = this.#units(step, most);
    if (!onDemand) {
      this.#unit += done;
      if (done > 0 && recovery === 'unit') this.#vain = 0;
      return !ended;
    }
    if (ended) return this.#demand(step, done);
    this.#add(step, done);
    return every === 0 || this.#unsaved < every || this.#save();
  }

  /** From a boot to a cut; whether the program ended. */
  #life(): boolean {
    this.#entered = false;
    const { start, restore } = this.program;
    const first = this.supply.statistics.boots === 1;
    if (!this.#work(first ? start : restore)) return false;
    while (this.#step < this.program.steps.length) {
      const step = this.program.steps[this.#step]!;
      if (!this.#entered && !this.#work(step.enter)) return false;
      this.#entered = true;
      if (!this.#some(step)) return false;
      if (this.#unit < step.units) continue;
      this.#unit = 0;
      this.#step++;
      this.#entered = false;
    }
    return true;
  }

  /** What a cut leaves. */
  #back(): void {
    const { recovery } = this.program;
    if (recovery === 'restart') [this.#step, this.#unit] = [0, 0];
    if (recovery !== 'demand') return;
    this.#lostNj += this.#unsavedNj;
    [this.#unsaved, this.#unsavedNj] = [0, 0];
    [this.#step, this.#unit] = [this.#saved.step, this.#saved.unit];
  }

  run(): ProgramRun | null {
    const { supply } = this;
    supply.boot(undefined);
    const startUs = supply.timeUs;
    while (!this.#life()) {
      if (++this.#vain > VAIN_BOOTS) return null;
      this.#back();
      supply.boot(undefined);
    }
    const { compute, nvm, boot, sleep } = supply.statistics.energyUj;
    const energyUj = compute + nvm + boot + sleep;
    const lostPercent = this.#lostNj / 10 / energyUj;
    return { timeMs: (supply.timeUs - startUs) / 1000, energyUj, cuts: supply.statistics.cuts, lostPercent };
  }
}

/** One inference of `program` from a full capacitor on; null where it makes no progress. */
export function runProgram(
  program: Program,
  supply: MeteredSupply,
  profile: DeviceProfile,
): ProgramRun | null {
  return new Runner(program, supply, profile).run();
}
