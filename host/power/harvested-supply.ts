// The power model: harvester → capacitor with thresholds and leakage → device. It grants the metered module cycles up
// to the very one at which the capacitor would reach turn-off, and takes what NVM costs at the imports.
import { darkTrace, ratesAt, refuseDark } from './dark.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { PowerCut, type Supply } from '../simulator/device.js';
import { MAX_BUDGET_CYCLES, readMeter, setBudget } from '../toolchain/meter.js';
import type { EnergyLedger, Pace, RunStatistics } from './statistics.js';
import { profileStorage, type Storage } from './converter.js';
import type { Harvester, PowerSegment } from './harvester.js';

const METERED: Pace = { engine: 1, ops: [] };

const WORD_BYTES = 4;
/** A capacitor that does not fill in this time never will: a day. */
const DARK_US = 86_400e6;
/** Loops of a trace that a charge may take before several are taken at once. */
const LOOPS_PLAYED = 64;
/** Steps in which rates that depend on the voltage are followed through a charge. */
const STEPS_PER_CHARGE = 64;

/** What is to come of a trace. */
interface Ahead extends PowerSegment {
  /** The first after the trace began anew. */
  startsLoop?: true;
}

/** A metered device on harvested energy; with no harvester, on steady power that only counts. */
export class MeteredSupply implements Supply {
  readonly statistics: RunStatistics = {
    boots: 0,
    cuts: 0,
    instructions: 0,
    cycles: 0,
    imageBytesRead: 0,
    nvmBytesRead: 0,
    nvmBytesWritten: 0,
    onUs: 0,
    offUs: 0,
    sleepUs: 0,
    energyUj: { compute: 0, nvm: 0, boot: 0, sleep: 0 },
    ledgerUj: { harvested: 0, leaked: 0, conversion: 0, spilled: 0, storedAtStart: 0, stored: 0 },
  };
  /** Called as time passes with the device off or asleep. */
  onWait: (() => void) | undefined;
  /** Called with every step of the trace that is played. */
  onHarvest: ((fromUs: number, durationUs: number, powerUw: number) => void) | undefined;
  readonly #profile: DeviceProfile;
  readonly #harvester: Harvester | undefined;
  readonly #storage: Storage;
  readonly #fullUj: number;
  /** Energy that may come or go before rates that depend on the voltage are looked at again. */
  readonly #stepUj: number;
  readonly #turnOnUj: number;
  readonly #warningUj: number;
  readonly #turnOffUj: number;
  #storedUj: number;
  /** The trace from now on, as far as anyone has looked. */
  readonly #ahead: Ahead[] = [];
  /** The books when the trace last began anew, off since; and how often it has, in this charge. */
  #atLoop: { ledgerUj: EnergyLedger; offUs: number } | undefined;
  #loopsOff = 0;
  /** How far the trace has been played. */
  #playedUs = 0;
  #meter: WebAssembly.Global | undefined;
  #waitedUs = 0;
  /** Metered cycles granted since the last account. */
  #granted = 0;
  #pace = METERED;
  /** The op that a job is at. */
  #op: () => number | undefined = () => undefined;
  /** Cycles that a metered one stands for, now, and the energy of each. */
  #ratio = 1;
  #njPerCycle: number;

  /** `storage`: the converter and capacitor; default: the profile's own capacitor, without loss. */
  constructor(profile: DeviceProfile, harvester?: Harvester, storage: Storage = profileStorage(profile)) {
    const energy = (volts: number): number => (storage.capacitorUf * volts * volts) / 2;
    this.#profile = profile;
    this.#njPerCycle = profile.activeNjPerCycle.value;
    this.#harvester = harvester;
    this.#storage = storage;
    this.#turnOnUj = energy(storage.turnOnV);
    this.#warningUj = energy(storage.warningV);
    this.#turnOffUj = energy(storage.turnOffV);
    this.#fullUj = energy(storage.fullV);
    this.#storedUj = this.#turnOffUj;
    this.#stepUj = (this.#turnOnUj - this.#turnOffUj) / STEPS_PER_CHARGE;
    this.statistics.ledgerUj.storedAtStart = this.#storedUj;
    this.statistics.ledgerUj.stored = this.#storedUj;
  }

  /** Cycles are from now on those that `pace` says of the metered ones. */
  paced(pace: Pace): this {
    this.#pace = pace;
    this.#goAs(undefined);
    return this;
  }

  /** Time since the start. */
  get timeUs(): number {
    return this.statistics.onUs + this.statistics.offUs;
  }

  /** Voltage of the capacitor. */
  get volts(): number {
    return Math.sqrt((2 * this.#storedUj) / this.#storage.capacitorUf);
  }

  boot(meter: WebAssembly.Global | undefined, op: () => number | undefined = () => undefined): void {
    this.#meter = meter;
    this.#op = op;
    this.#goAs(undefined);
    this.statistics.boots++;
    this.#charge();
    this.#draw(this.#profile.bootUj.value);
    this.statistics.energyUj.boot += this.#profile.bootUj.value;
    this.#pass(this.#profile.bootUs.value);
    this.statistics.onUs += this.#profile.bootUs.value;
    this.#grant();
  }

  view(bytes: number): void {
    const { nvmSetupCycles, nvmReadCyclesPerWord, nvmReadNjPerWord } = this.#profile;
    this.#settle();
    this.#kernel();
    this.statistics.nvmBytesRead += bytes;
    const words = Math.ceil(bytes / WORD_BYTES);
    this.#access(nvmSetupCycles.value, words, nvmReadCyclesPerWord.value, nvmReadNjPerWord.value);
    this.#grant();
  }

  viewImage(bytes: number): void {
    const { imageSetupCycles, imageReadBytes, imageReadCycles, imageReadNj } = this.#profile;
    this.#settle();
    this.#kernel();
    this.statistics.imageBytesRead += bytes;
    const reads = Math.ceil(bytes / imageReadBytes.value);
    this.#access(imageSetupCycles.value, reads, imageReadCycles.value, imageReadNj.value);
    this.#grant();
  }

  write(bytes: number): number {
    const { nvmWriteCyclesPerWord, nvmWriteNjPerWord, activeNjPerCycle } = this.#profile;
    this.#settle();
    const words = Math.ceil(bytes / WORD_BYTES);
    const wordUj = (nvmWriteCyclesPerWord.value * activeNjPerCycle.value + nvmWriteNjPerWord.value) / 1000;
    const drawnUj = wordUj * this.#storage.drawFactor;
    const affordable = this.#harvester ? Math.floor((this.#storedUj - this.#turnOffUj) / drawnUj) : Infinity;
    const written = affordable < words ? Math.max(0, affordable) * WORD_BYTES : bytes;
    this.#access(
      this.#profile.nvmSetupCycles.value,
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
    this.#engine();
    this.#access(this.#profile.nvmSetupCycles.value, 0, 0, 0);
    this.#grant();
  }

  low(): boolean {
    this.#engine();
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
    this.#granted = 0;
    this.#meter = undefined;
  }

  /** Accounts for the cycles executed since the last grant. */
  #settle(): void {
    if (!this.#meter) return;
    const { cyclesLeft, instructions } = readMeter(this.#meter as { value: bigint });
    this.statistics.instructions += instructions;
    const cycles = (this.#granted - cyclesLeft) * this.#ratio;
    this.#granted = 0;
    this.#run(cycles, this.#njPerCycle);
  }

  /** At the pace of an op, or of the engine. */
  #goAs(op: number | undefined): void {
    const core = { ratio: this.#pace.engine, njPerCycle: this.#profile.activeNjPerCycle.value };
    const { ratio, njPerCycle } = (op === undefined ? undefined : this.#pace.ops[op]) ?? core;
    this.#ratio = ratio;
    this.#njPerCycle = njPerCycle;
  }

  /** What ran since a kernel's last access is the engine: on its way to a barrier, or to ask the monitor. */
  #engine(): void {
    this.#goAs(undefined);
    this.#settle();
  }

  /** A kernel looks at memory when it begins. */
  #kernel(): void {
    this.#goAs(this.#op());
  }

  /** Setting an access to a memory up, then so many of it. A cut on the way throws, unless the caller handles it. */
  #access(setupCycles: number, words: number, cyclesPerWord: number, njPerWord: number, torn = false): void {
    const energyUj = (words * njPerWord) / 1000;
    this.statistics.energyUj.nvm += energyUj;
    this.#draw(energyUj);
    this.#run(setupCycles + words * cyclesPerWord);
    if (!torn) this.#cutIfEmpty();
  }

  #cutIfEmpty(): void {
    if (!this.#harvester || this.#storedUj > this.#turnOffUj) return;
    this.#fail();
    throw new PowerCut();
  }

  /** The core runs, or waits for its vector unit: energy goes, time passes, the harvester gives. */
  #run(cycles: number, njPerCycle = this.#profile.activeNjPerCycle.value): void {
    const { clockHz } = this.#profile;
    const energyUj = (cycles * njPerCycle) / 1000;
    const timeUs = (cycles / clockHz.value) * 1e6;
    this.statistics.cycles += cycles;
    this.statistics.onUs += timeUs;
    this.statistics.energyUj.compute += energyUj;
    this.#draw(energyUj);
    this.#pass(timeUs);
  }

  /** The piece of the trace `index` pieces from now. */
  #segment(harvester: Harvester, index: number): Ahead {
    while (this.#ahead.length <= index) {
      const { loops } = harvester;
      const segment: Ahead = { ...harvester.next() };
      if (harvester.loops !== loops) segment.startsLoop = true;
      this.#ahead.push(segment);
    }
    return this.#ahead[index]!;
  }

  /** The device uses energy; what is behind the capacitor takes its share. */
  #draw(energyUj: number): void {
    const { ledgerUj } = this.statistics;
    const drawnUj = energyUj * this.#storage.drawFactor;
    ledgerUj.conversion += drawnUj - energyUj;
    if (!this.#harvester) return;
    this.#storedUj -= drawnUj;
    ledgerUj.stored = this.#storedUj;
  }

  /** What comes in of a piece of the trace, and what leaks, in µW at the present voltage. */
  #rates(segment: PowerSegment): { inUw: number; leakUw: number } {
    return ratesAt(this.#storage, segment, this.volts);
  }

  /**
   * The trace begins anew. A capacitor that a whole loop leaves no fuller, off all the time, is never fuller: what comes
   * and goes depends on its voltage alone, so the next loop begins where this one did, or lower.
   */
  #loop(first: Ahead): void {
    delete first.startsLoop;
    if (this.#atLoop) {
      const gainUj = this.#storedUj - this.#atLoop.ledgerUj.stored;
      const { turnOnV } = this.#storage;
      if (gainUj <= 0)
        throw darkTrace('a trace of which a whole loop leaves the capacitor no fuller', turnOnV);
      if (this.#loopsOff++ > LOOPS_PLAYED) this.#leap(this.#atLoop, gainUj);
    }
    this.#atLoop = { ledgerUj: { ...this.statistics.ledgerUj }, offUs: this.statistics.offUs };
  }

  /**
   * A charge that takes many loops of a short trace is not played to its end: as many loops as leave rates as they are come and
   * go at once, each like the last.
   */
  #leap(before: { ledgerUj: EnergyLedger; offUs: number }, gainUj: number): void {
    const { statistics } = this;
    const { ledgerUj } = statistics;
    const loops = Math.floor(Math.min(this.#stepUj, this.#turnOnUj - this.#storedUj) / gainUj) - 1;
    if (loops < 1) return;
    const us = loops * (statistics.offUs - before.offUs);
    const harvestedUj = loops * (ledgerUj.harvested - before.ledgerUj.harvested);
    for (const book of ['harvested', 'leaked', 'conversion', 'spilled'] as const)
      ledgerUj[book] += loops * (ledgerUj[book] - before.ledgerUj[book]);
    this.#storedUj += loops * gainUj;
    ledgerUj.stored = this.#storedUj;
    statistics.offUs += us;
    this.onHarvest?.(this.#playedUs, us, (harvestedUj / us) * 1e6);
    this.#playedUs += us;
    this.#waited(us);
  }

  /** Time passes: harvest comes in, leakage goes out, up to a full capacitor. */
  #pass(timeUs: number): void {
    if (!this.#harvester) return;
    for (let left = timeUs; left > 0;) {
      const segment = this.#segment(this.#harvester, 0);
      const { inUw, leakUw } = this.#rates(segment);
      const steadyUs = (this.#stepUj * 1e6) / Math.max(inUw, leakUw, 1e-9);
      const step = Math.min(left, segment.durationUs, steadyUs);
      this.#gain((segment.powerUw * step) / 1e6, (inUw * step) / 1e6, (leakUw * step) / 1e6);
      segment.durationUs -= step;
      left -= step;
      this.onHarvest?.(this.#playedUs, step, segment.powerUw);
      this.#playedUs += step;
      if (segment.durationUs <= 0) this.#ahead.shift();
    }
  }

  /** Books what was harvested, what of it got in, and what leaked. */
  #gain(harvestedUj: number, inUj: number, leakUj: number): void {
    const { ledgerUj } = this.statistics;
    const leakedUj = Math.min(leakUj, Math.max(0, this.#storedUj + inUj));
    const sumUj = this.#storedUj + inUj - leakedUj;
    // A device that turned on above "full", as by rounding, keeps what it has.
    const spilledUj = Math.max(0, Math.min(inUj, sumUj - this.#fullUj));
    this.#storedUj = sumUj - spilledUj;
    ledgerUj.harvested += harvestedUj;
    ledgerUj.conversion += harvestedUj - inUj;
    ledgerUj.leaked += leakedUj;
    ledgerUj.spilled += spilledUj;
    ledgerUj.stored = this.#storedUj;
  }

  /** Time until the capacitor has `targetUj`, at the present rates less `loadUw`; at most one step of them. */
  #stepTowards(harvester: Harvester, targetUj: number, loadUw: number): number {
    const segment = this.#segment(harvester, 0);
    const { inUw, leakUw } = this.#rates(segment);
    const netUw = inUw - leakUw - loadUw;
    const needUs = netUw > 0 ? ((targetUj - this.#storedUj) * 1e6) / netUw : Infinity;
    const steadyUs = (this.#stepUj * 1e6) / Math.max(inUw, leakUw + loadUw, 1e-9);
    // A hair more, so that rounding does not leave it short of the target again and again.
    return Math.min(needUs * (1 + 1e-12) + 1e-9, segment.durationUs, steadyUs, DARK_US);
  }

  /** Off until the capacitor is at turn-on. */
  #charge(): void {
    if (!this.#harvester) return;
    if (this.statistics.boots === 1) refuseDark(this.#harvester, this.#storage);
    this.#atLoop = undefined;
    this.#loopsOff = 0;
    while (this.#storedUj < this.#turnOnUj) {
      const segment = this.#segment(this.#harvester, 0);
      if (segment.startsLoop) this.#loop(segment);
      const stepUs = this.#stepTowards(this.#harvester, this.#turnOnUj, 0);
      this.#pass(stepUs);
      this.statistics.offUs += stepUs;
      this.#waited(stepUs);
    }
    this.#waitedUs = 0;
  }

  /**
   * Sleeps, SRAM kept, until the capacitor is at turn-on again: what an app does that is told LOW and has nothing to
   * lose. Throws `PowerCut` where it falls to turn-off first.
   */
  sleep(): void {
    this.#settle();
    const { statistics } = this;
    const sleepUw = this.#profile.sleepUw.value;
    while (this.#harvester && this.#storedUj < this.#turnOnUj) {
      const stepUs = this.#stepTowards(this.#harvester, this.#turnOnUj, sleepUw * this.#storage.drawFactor);
      const energyUj = (sleepUw * stepUs) / 1e6;
      this.#draw(energyUj);
      this.#pass(stepUs);
      statistics.energyUj.sleep += energyUj;
      statistics.onUs += stepUs;
      statistics.sleepUs += stepUs;
      this.#waited(stepUs);
      this.#cutIfEmpty();
    }
    this.#waitedUs = 0;
    this.#grant();
  }

  /**
   * Work that no module does, for models of other runtimes: `cycles` of the core with `extraNj` on top, as far as the
   * charge goes, or as far as the monitor's warning. Says how far it went, and whether the power failed there.
   */
  work(
    cycles: number,
    extraNj: number,
    until: 'turnOff' | 'warning' = 'turnOff',
  ): { done: number; ended: boolean } {
    if (cycles <= 0) return { done: 0, ended: false };
    const { activeNjPerCycle } = this.#profile;
    const floorUj = until === 'warning' ? this.#warningUj : this.#turnOffUj;
    const nj = activeNjPerCycle.value + extraNj / cycles;
    const most = this.#harvester ? this.#cyclesAhead(this.#harvester, nj, floorUj) : cycles;
    const done = Math.min(cycles, most);
    // In pieces, so that harvest which comes meanwhile does not find the capacitor full.
    const pieces = Math.max(1, Math.ceil((done * nj) / 1000 / this.#stepUj));
    for (let piece = 0; piece < pieces; piece++) {
      const share = (extraNj * done) / cycles / pieces / 1000;
      this.statistics.energyUj.nvm += share;
      this.#draw(share);
      this.#run(done / pieces);
    }
    const ended = done < cycles && done < MAX_BUDGET_CYCLES;
    if (ended && until === 'turnOff') this.#fail();
    return { done, ended };
  }

  #waited(stepUs: number): void {
    this.onWait?.();
    this.#waitedUs += stepUs;
    if (this.#waitedUs <= DARK_US) return;
    throw darkTrace('a day without enough power to turn on', this.#storage.turnOnV);
  }

  /** Grants the cycles that the capacitor and the trace ahead will carry. */
  #grant(): void {
    if (!this.#meter) return;
    const ahead = this.#harvester
      ? this.#cyclesAhead(this.#harvester, this.#njPerCycle, this.#turnOffUj)
      : Infinity;
    this.#granted = Math.min(Math.ceil(ahead / this.#ratio), MAX_BUDGET_CYCLES);
    setBudget(this.#meter as { value: bigint }, this.#granted);
  }

  /** Cycles until the capacitor is at `floorUj`, if a cycle takes `njPerCycle`; at most about the largest budget. */
  #cyclesAhead(harvester: Harvester, njPerCycle: number, floorUj: number): number {
    const cyclesPerUs = this.#profile.clockHz.value / 1e6;
    const loadUw = njPerCycle * cyclesPerUs * 1000 * this.#storage.drawFactor;
    let leftUj = this.#storedUj - floorUj;
    let timeUs = 0;
    for (let index = 0; leftUj > 0 && timeUs * cyclesPerUs < MAX_BUDGET_CYCLES; index++) {
      const segment = this.#segment(harvester, index);
      const { durationUs } = segment;
      const { inUw, leakUw } = this.#rates(segment);
      const drainUw = loadUw + leakUw - inUw;
      const emptyUs = drainUw > 0 ? (leftUj * 1e6) / drainUw : Infinity;
      timeUs += Math.min(emptyUs, durationUs);
      if (emptyUs <= durationUs) break;
      leftUj = Math.min(leftUj - (drainUw * durationUs) / 1e6, this.#fullUj - floorUj);
    }
    return timeUs * cyclesPerUs;
  }
}
