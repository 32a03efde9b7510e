// The power model: harvester → capacitor with thresholds and leakage → device. It grants the metered module cycles up
// to the very one at which the capacitor would reach turn-off, and takes what NVM costs at the imports.
import { BrownoutError } from '../error.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { PowerCut, type Supply } from '../simulator/device.js';
import { MAX_BUDGET_CYCLES, readMeter, setBudget } from '../toolchain/meter.js';
import type { Harvester, PowerSegment } from './harvester.js';

/** Where the energy went, in µJ. */
export interface EnergyUse {
  compute: number;
  nvm: number;
  boot: number;
}

/** What a run cost. All figures are simulated. */
export interface RunStatistics {
  boots: number;
  cuts: number;
  /** Executed WASM instructions, re-execution included. */
  instructions: number;
  cycles: number;
  nvmBytesRead: number;
  nvmBytesWritten: number;
  onUs: number;
  offUs: number;
  energyUj: EnergyUse;
}

const WORD_BYTES = 4;
/** A capacitor that does not fill in this time never will: a day. */
const DARK_US = 86_400e6;

/** A metered device on harvested energy; with no harvester, on steady power that only counts. */
export class MeteredSupply implements Supply {
  readonly statistics: RunStatistics = {
    boots: 0,
    cuts: 0,
    instructions: 0,
    cycles: 0,
    nvmBytesRead: 0,
    nvmBytesWritten: 0,
    onUs: 0,
    offUs: 0,
    energyUj: { compute: 0, nvm: 0, boot: 0 },
  };
  readonly #profile: DeviceProfile;
  readonly #harvester: Harvester | undefined;
  readonly #turnOnUj: number;
  readonly #warningUj: number;
  readonly #turnOffUj: number;
  #storedUj: number;
  /** The trace from now on, as far as anyone has looked. */
  readonly #ahead: PowerSegment[] = [];
  #meter: WebAssembly.Global | undefined;
  #offSinceUs = 0;
  /** Cycles granted since the last account. */
  #granted = 0;

  constructor(profile: DeviceProfile, harvester?: Harvester) {
    const energy = (volts: number): number => (profile.capacitorUf.value * volts * volts) / 2;
    this.#profile = profile;
    this.#harvester = harvester;
    this.#turnOnUj = energy(profile.turnOnV.value);
    this.#warningUj = energy(profile.warningV.value);
    this.#turnOffUj = energy(profile.turnOffV.value);
    this.#storedUj = this.#turnOffUj;
  }

  boot(meter: WebAssembly.Global | undefined): void {
    this.#meter = meter;
    this.statistics.boots++;
    this.#charge();
    this.#storedUj -= this.#profile.bootUj.value;
    this.statistics.energyUj.boot += this.#profile.bootUj.value;
    this.#pass(this.#profile.bootUs.value);
    this.statistics.onUs += this.#profile.bootUs.value;
    this.#grant();
  }

  view(bytes: number): void {
    const { nvmReadCyclesPerWord, nvmReadNjPerWord } = this.#profile;
    this.#settle();
    this.statistics.nvmBytesRead += bytes;
    this.#access(Math.ceil(bytes / WORD_BYTES), nvmReadCyclesPerWord.value, nvmReadNjPerWord.value);
    this.#grant();
  }

  write(bytes: number): number {
    const { nvmWriteCyclesPerWord, nvmWriteNjPerWord, activeNjPerCycle } = this.#profile;
    this.#settle();
    const words = Math.ceil(bytes / WORD_BYTES);
    const wordUj = (nvmWriteCyclesPerWord.value * activeNjPerCycle.value + nvmWriteNjPerWord.value) / 1000;
    const affordable = this.#harvester ? Math.floor((this.#storedUj - this.#turnOffUj) / wordUj) : Infinity;
    const written = affordable < words ? Math.max(0, affordable) * WORD_BYTES : bytes;
    this.#access(
      Math.ceil(written / WORD_BYTES),
      nvmWriteCyclesPerWord.value,
      nvmWriteNjPerWord.value,
      written < bytes,
    );
    this.statistics.nvmBytesWritten += written;
    if (written === bytes) this.#grant();
    else this.#fail();
    return written;
  }

  sync(): void {
    this.#settle();
    this.#access(0, 0, 0);
    this.#grant();
  }

  low(): boolean {
    this.#settle();
    this.#run(this.#profile.monitorCycles.value);
    this.#grant();
    return this.#harvester !== undefined && this.#storedUj < this.#warningUj;
  }

  /** Takes what ran since the last import: call it once the device is idle, before reading the statistics. */
  finish(): void {
    this.#settle();
    this.#grant();
  }

  spent(): void {
    this.#settle();
    this.#fail();
  }

  /** The capacitor is at turn-off. */
  #fail(): void {
    this.statistics.cuts++;
    this.#storedUj = Math.min(this.#storedUj, this.#turnOffUj);
    this.#granted = 0;
    this.#meter = undefined;
  }

  /** Accounts for the cycles executed since the last grant. */
  #settle(): void {
    if (!this.#meter) return;
    const { cyclesLeft, instructions } = readMeter(this.#meter as { value: bigint });
    this.statistics.instructions += instructions;
    const cycles = this.#granted - cyclesLeft;
    this.#granted = 0;
    this.#run(cycles);
  }

  /** Setting an NVM access up, then `words` words. A cut on the way throws, unless the caller handles it. */
  #access(words: number, cyclesPerWord: number, njPerWord: number, torn = false): void {
    const energyUj = (words * njPerWord) / 1000;
    this.statistics.energyUj.nvm += energyUj;
    this.#storedUj -= energyUj;
    this.#run(this.#profile.nvmSetupCycles.value + words * cyclesPerWord);
    if (!torn) this.#cutIfEmpty();
  }

  #cutIfEmpty(): void {
    if (!this.#harvester || this.#storedUj > this.#turnOffUj) return;
    this.#fail();
    throw new PowerCut();
  }

  /** The core runs: energy goes, time passes, the harvester gives. */
  #run(cycles: number): void {
    const { activeNjPerCycle, clockHz } = this.#profile;
    const energyUj = (cycles * activeNjPerCycle.value) / 1000;
    const timeUs = (cycles / clockHz.value) * 1e6;
    this.statistics.cycles += cycles;
    this.statistics.onUs += timeUs;
    this.statistics.energyUj.compute += energyUj;
    this.#storedUj -= energyUj;
    this.#pass(timeUs);
  }

  /** The piece of the trace `index` pieces from now. */
  #segment(harvester: Harvester, index: number): PowerSegment {
    while (this.#ahead.length <= index) this.#ahead.push({ ...harvester.next() });
    return this.#ahead[index]!;
  }

  /** Time passes: harvest comes in, leakage goes out, up to a full capacitor. */
  #pass(timeUs: number): void {
    if (!this.#harvester) return;
    for (let left = timeUs; left > 0;) {
      const segment = this.#segment(this.#harvester, 0);
      const step = Math.min(left, segment.durationUs);
      const gainUj = ((segment.powerUw - this.#profile.leakageUw.value) * step) / 1e6;
      this.#storedUj = Math.max(0, Math.min(this.#storedUj + gainUj, this.#turnOnUj));
      segment.durationUs -= step;
      left -= step;
      if (segment.durationUs <= 0) this.#ahead.shift();
    }
  }

  /** Off until the capacitor is full. */
  #charge(): void {
    if (!this.#harvester) return;
    while (this.#storedUj < this.#turnOnUj) {
      const segment = this.#segment(this.#harvester, 0);
      const gainUw = segment.powerUw - this.#profile.leakageUw.value;
      const needUs = gainUw > 0 ? ((this.#turnOnUj - this.#storedUj) * 1e6) / gainUw : Infinity;
      const stepUs = Math.min(needUs, segment.durationUs);
      this.#pass(stepUs);
      this.statistics.offUs += stepUs;
      this.#offSinceUs += stepUs;
      if (stepUs === needUs) this.#storedUj = this.#turnOnUj;
      if (this.#offSinceUs > DARK_US) {
        throw new BrownoutError({
          code: 'E_TRACE_DARK',
          found: 'a day without enough power to turn on',
          expected: `a trace that fills the capacitor to ${this.#profile.turnOnV.value} V against leakage`,
          hint: 'Use a stronger trace or a smaller capacitor.',
        });
      }
    }
    this.#offSinceUs = 0;
  }

  /** Grants the cycles that the capacitor and the trace ahead will carry. */
  #grant(): void {
    if (!this.#meter) return;
    this.#granted = this.#harvester ? this.#cyclesAhead(this.#harvester) : MAX_BUDGET_CYCLES;
    setBudget(this.#meter as { value: bigint }, this.#granted);
  }

  /** Cycles until the capacitor is at turn-off, if nothing but the core drains it. */
  #cyclesAhead(harvester: Harvester): number {
    const { activeNjPerCycle, clockHz, leakageUw } = this.#profile;
    const cyclesPerUs = clockHz.value / 1e6;
    const loadUw = activeNjPerCycle.value * cyclesPerUs * 1000 + leakageUw.value;
    let leftUj = this.#storedUj - this.#turnOffUj;
    let timeUs = 0;
    for (let index = 0; leftUj > 0 && timeUs * cyclesPerUs < MAX_BUDGET_CYCLES; index++) {
      const { durationUs, powerUw } = this.#segment(harvester, index);
      const drainUw = loadUw - powerUw;
      const emptyUs = drainUw > 0 ? (leftUj * 1e6) / drainUw : Infinity;
      timeUs += Math.min(emptyUs, durationUs);
      if (emptyUs <= durationUs) break;
      leftUj = Math.min(leftUj - (drainUw * durationUs) / 1e6, this.#turnOnUj - this.#turnOffUj);
    }
    return Math.min(Math.ceil(timeUs * cyclesPerUs), MAX_BUDGET_CYCLES);
  }
}
