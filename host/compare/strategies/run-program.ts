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

  constructor(
    readonly program: Program,
    readonly supply: MeteredSupply,
    readonly profile: DeviceProfile,
  ) {}

  /** Works; returns whether the power held. */
  #work({ cycles, nj }: { cycles: number; nj: number }): boolean {
    return !this.supply.work(cycles, nj - cycles * this.profile.activeNjPerCycle.value).ended;
  }

  /** As many units of `step` as the power holds for, at most those left; whether it ended, and units done. */
  #units(step: Step): { done: number; ended: boolean } {
    const cycles = step.unit.cycles + step.commit.cycles;
    const nj = step.unit.nj + step.commit.nj;
    const left = step.units - this.#unit;
    const extra = nj - cycles * this.profile.activeNjPerCycle.value;
    const until = this.program.recovery === 'demand' ? 'warning' : 'turnOff';
    const { done, ended } = this.supply.work(cycles * left, extra * left, until);
    const units = Math.min(left, done / cycles + 1e-9);
    const whole = Math.floor(units);
    if (!ended || until === 'warning') return { done: ended ? units : left, ended };
    this.#lostNj += (units - whole) * nj;
    return { done: whole, ended };
  }

  /** A warning: the unit at hand is finished, the state saved, and the device sleeps. Whether the power held. */
  #demand(step: Step, units: number): boolean {
    const whole = Math.ceil(units - 1e-9);
    const rest = whole - units;
    if (!this.#work({ cycles: step.unit.cycles * rest, nj: step.unit.nj * rest })) {
      this.#lostNj += step.unit.nj * (units - Math.floor(units));
      this.#unit += Math.floor(units);
      return false;
    }
    if (!this.#work(this.program.save)) return false;
    this.#unit += whole;
    if (whole > 0) this.#vain = 0;
    try {
      this.supply.sleep();
      return true;
    } catch (error) {
      if (error instanceof PowerCut) return false;
      throw error;
    }
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
      const { done, ended } = this.#units(step);
      if (ended && this.program.recovery === 'demand') {
        if (!this.#demand(step, done)) return false;
      } else {
        this.#unit += done;
        if (done > 0 && this.program.recovery !== 'restart') this.#vain = 0;
        if (ended) return false;
      }
      if (this.#unit < step.units) continue;
      this.#unit = 0;
      this.#step++;
      this.#entered = false;
    }
    return true;
  }

  run(): ProgramRun | null {
    const { supply } = this;
    supply.boot(undefined);
    const startUs = supply.timeUs;
    while (!this.#life()) {
      if (++this.#vain > VAIN_BOOTS) return null;
      if (this.program.recovery === 'restart') [this.#step, this.#unit] = [0, 0];
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
