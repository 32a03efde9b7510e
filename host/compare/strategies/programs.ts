// What each strategy makes of a layer: units of work that recovery counts in, and their cost. Costs of the core are
// those of our kernels, metered on the device, the same for every strategy; NVM's and the accelerator's the profile's.
import { commitCost } from '../../plan/cost.js';
import type { DeviceProfile } from '../../profiles/profile.js';
import type { BootCost } from './boot.js';
import type { Layer } from './layers.js';

/** `ours` may be any of its methods; the names of the others are those of the papers (DESIGN.md §7 cites them). */
export const STRATEGIES = ['base', 'sonic', 'tails', 'ace+flex', 'ours'] as const;
/** Ways of the field to survive power failures, and ours (docs/RESEARCH.md). */
export type Strategy = (typeof STRATEGIES)[number];

/** Cycles, and energy of the whole device meanwhile; of that, while the vector unit or its DMA works. */
interface Cost {
  cycles: number;
  nj: number;
  unitNj?: number;
}

/** A layer as a strategy runs it. */
export interface Step {
  name: string;
  method: string;
  /** Whether the result is the integer one, bit for bit. */
  exact: boolean;
  units: number;
  unit: Cost;
  /** Making a unit's end durable, where every unit is. */
  commit: Cost;
  /** When the layer starts, and after every boot in it. */
  enter: Cost;
}

export interface Program {
  strategy: Strategy;
  /** After a cut: from the start, from the last unit, or from where a warning made the state durable. */
  recovery: 'restart' | 'unit' | 'demand';
  steps: Step[];
  /** On demand: making the state durable, and after how many units that is done without a warning, too; 0: never. */
  save: Cost;
  every: number;
  /** After the first boot, and after every other. */
  start: Cost;
  restore: Cost;
}

/** A Q15 output: a shift, a maximum, a store. */
const OUTPUT_Q15 = 10;
/** What a tile costs around its work, and the share of a charge it may take. */
const TILE = 600;
const TILE_SHARE = 0.1;
/** Loop control of an inner iteration. */
const LOOP = 4;

/** Prices of primitives on a device. */
class Prices {
  constructor(
    readonly profile: DeviceProfile,
    /** Factor on everything estimated about FFTs. */
    readonly fftFactor: number,
    /** Energy of a charge: units of ours are cut to a tenth of it where they can be. */
    readonly chargeUj: number,
    /** What ours takes to be where it was after a boot. */
    readonly restoreNj: number,
  ) {}

  /** What is left at the warning, but for a commit: a unit under way then must end on it. */
  get #leftNj(): number {
    const { turnOnV, warningV, turnOffV } = this.profile;
    const square = ({ value }: { value: number }): number => value * value;
    const left = (square(warningV) - square(turnOffV)) / (square(turnOnV) - square(turnOffV));
    return this.chargeUj * 1000 * left - this.commit().nj;
  }

  /** What a unit of ours is cut to: a tenth of a charge, and what is left at the warning. */
  get mostNj(): number {
    return Math.min(this.chargeUj * 1000 * TILE_SHARE, this.#leftNj);
  }

  /** Whether a unit ends on a charge, after a boot and all that comes before it. */
  holds({ unit, enter }: Step): boolean {
    return this.#bootNj + enter.nj + unit.nj + this.commit().nj <= this.chargeUj * 1000;
  }

  /**
   * What a step of ours takes with what cuts are expected to make of it: the warning comes anywhere in a unit alike, and
   * where a unit does not end on what is left then, a boot enters the layer and does the unit again.
   */
  expectedNj(step: Step): number {
    const { nj } = total(step);
    const chance = Math.max(0, 1 - this.#leftNj / step.unit.nj);
    const again = this.#bootNj + step.enter.nj + step.unit.nj;
    return nj * (1 + (chance * again) / (this.chargeUj * 1000 - this.#bootNj));
  }

  get #bootNj(): number {
    return this.profile.bootUj.value * 1000 + this.restoreNj;
  }

  /** Writing a cursor of ours. */
  commit(): Cost {
    const { cycles, energyUj } = commitCost(this.profile);
    return { cycles, nj: energyUj * 1000 };
  }

  core(plannedCycles: number): Cost {
    const cycles = plannedCycles * this.profile.planScale.value;
    return { cycles, nj: cycles * this.profile.activeNjPerCycle.value };
  }

  /** `count` 16-bit elements of NVM, one by one by the core. */
  read(count: number): Cost {
    const { nvmReadCyclesPerWord: cycles, nvmReadNjPerWord: nj } = this.profile;
    return this.#access(count / 2, cycles.value, nj.value);
  }

  write(count: number): Cost {
    const { nvmWriteCyclesPerWord: cycles, nvmWriteNjPerWord: nj } = this.profile;
    return this.#access(count / 2, cycles.value, nj.value);
  }

  #access(words: number, cyclesPerWord: number, njPerWord: number): Cost {
    const cycles = words * cyclesPerWord;
    return { cycles, nj: cycles * this.profile.activeNjPerCycle.value + words * njPerWord };
  }

  /** `count` elements between NVM and the vector unit's memory. */
  move(count: number): Cost {
    const { accelerator } = this.profile;
    if (!accelerator) return this.read(count);
    const { moveCyclesPerElement: cycles, moveNjPerElement: nj } = accelerator;
    return byUnit(count * cycles.value, count * nj.value);
  }

  /** A vector operation of `count` multiply-adds; in software where there is no vector unit. */
  vector(count: number, macCycles: number): Cost {
    const { accelerator } = this.profile;
    if (!accelerator) return this.core(count * macCycles);
    const { callCycles, callNj, macCyclesPerElement, macNjPerElement } = accelerator;
    const cycles = callCycles.value + count * macCyclesPerElement.value;
    return byUnit(cycles, callNj.value + count * macNjPerElement.value);
  }

  /** A complex FFT of `size` points, Q15. */
  fft(size: number): Cost {
    const butterflies = (size / 2) * (size.toString(2).length - 1);
    const { accelerator } = this.profile;
    if (!accelerator) return times(this.core(butterflies * this.#softButterfly()), this.fftFactor);
    const { callCycles, callNj, fftCyclesPerButterfly, fftNjPerButterfly } = accelerator;
    const cycles = callCycles.value + this.fftFactor * butterflies * fftCyclesPerButterfly.value;
    return byUnit(cycles, callNj.value + this.fftFactor * butterflies * fftNjPerButterfly.value);
  }

  /** Four products, six sums, four shifts; two points and a twiddle of two halves each to load, two points to store. */
  #softButterfly(): number {
    const { mul32, alu32, load, store, branch } = this.profile.instructionCycles.value;
    return (4 * mul32 + 14 * alu32 + 6 * load + 4 * store + branch) / this.profile.planScale.value;
  }
}

const byUnit = (cycles: number, nj: number): Cost => ({ cycles, nj, unitNj: nj });
const sum = (...costs: readonly Cost[]): Cost => ({
  cycles: costs.reduce((a, { cycles }) => a + cycles, 0),
  nj: costs.reduce((a, { nj }) => a + nj, 0),
  unitNj: costs.reduce((a, { unitNj = 0 }) => a + unitNj, 0),
});
const times = ({ cycles, nj, unitNj = 0 }: Cost, factor: number): Cost => ({
  cycles: cycles * factor,
  nj: nj * factor,
  unitNj: unitNj * factor,
});
const FREE: Cost = { cycles: 0, nj: 0 };

const total = ({ units, unit, commit, enter }: Step): Cost => sum(enter, times(sum(unit, commit), units));

/** What of a program's energy, without cuts, its vector unit takes, in percent. */
export function unitPercent({ steps }: Program): number {
  const { nj, unitNj = 0 } = sum(...steps.filter(({ units }) => units > 0).map(total));
  return (unitNj / nj) * 100;
}
/** By energy, which a charge is made of, with what cuts are expected to cost. */
const cheapest = (steps: readonly Step[], prices: Prices): Step =>
  steps.reduce((a, b) => (prices.expectedNj(b) < prices.expectedNj(a) ? b : a));

/** The same step in smaller units, as the planner cuts tiles: down to `most` pieces of each. */
function cut(step: Step, most: number, prices: Prices): Step {
  const pieces = Math.min(most, Math.ceil(step.unit.nj / prices.mostNj));
  if (pieces <= 1) return step;
  return { ...step, units: step.units * pieces, unit: sum(times(step.unit, 1 / pieces), prices.core(TILE)) };
}

/** Whether ours is what the module does, by a plan made for the charge: where firmware uses the vector unit. */
export const isOwn = ({ body }: DeviceProfile): boolean => body.value === 'lea';

/** Our kernels, as planned: in smaller units, as a plan for the charge had them, where the plan is another's. */
function planned(layer: Layer, prices: Prices): Step {
  const { method } = layer;
  const enter = Math.max(0, (layer.leastCycles * layer.tiles - layer.cycles) / Math.max(1, layer.tiles - 1));
  const memory = { cycles: 0, nj: layer.memoryNj / layer.tiles, unitNj: layer.unitNj / layer.tiles };
  const unit = sum(prices.core((layer.cycles - enter) / layer.tiles), memory);
  const { name, tiles } = layer;
  const step = { name, method, exact: true, units: tiles, unit, commit: FREE, enter: prices.core(enter) };
  return method === 'ntt' || isOwn(prices.profile)
    ? step
    : cut(step, Math.floor(layer.outputs / tiles), prices);
}

/** The same, circulant layers in the time domain. */
function direct(layer: Layer, prices: Prices): Step {
  if (layer.kind !== 'circulant') return planned(layer, prices);
  const unit = prices.core(layer.directCycles / layer.blockRows / layer.block);
  const units = layer.blockRows * layer.block;
  return { ...{ name: layer.name, method: 'direct', exact: true, units, unit }, commit: FREE, enter: FREE };
}

/** Q15 outputs, written to NVM: the runtimes compared to compute in Q15. */
const outputs = (prices: Prices, count: number): Cost =>
  sum(prices.core(count * OUTPUT_Q15), prices.write(count));

/**
 * SONIC: every inner iteration is a unit; the loop index lives in NVM. Loop-ordered buffering: a weight stays, an input
 * and a partial sum are read, the sum goes to the other buffer (Gobieski et al. 2019, §6.2).
 */
function sonic(layer: Layer, prices: Prices): Step {
  if (layer.macs === 0) {
    const whole = planned(layer, prices);
    const unit = times(whole.unit, whole.units / layer.outputs);
    const index = prices.write(1);
    return {
      name: layer.name,
      method: 'loop',
      exact: true,
      units: layer.outputs,
      unit,
      commit: index,
      enter: FREE,
    };
  }
  const iteration = sum(prices.core(layer.macCycles + LOOP), prices.read(2), prices.write(1));
  const requantize = times(outputs(prices, layer.outputs), 1 / layer.macs);
  const step = { units: layer.macs, unit: sum(iteration, requantize), commit: prices.write(1), enter: FREE };
  return { name: layer.name, method: 'loop', exact: true, ...step };
}

/** Vector operations of a convolution: one a filter row and channel, over an output row. */
function convVectors(layer: Layer): { perRow: number; length: number } {
  const [height, width] = layer.kernel;
  return { perRow: layer.channels * layer.inputChannels * height, length: layer.columns * width };
}

/** TAILS: vector operations as units, partial sums in NVM between them, the index committed after each. */
function tails(layer: Layer, prices: Prices): Step {
  const { name } = layer;
  const index = prices.write(1);
  if (layer.kind === 'conv') {
    const { perRow, length } = convVectors(layer);
    const width = layer.columns + layer.kernel[1] - 1;
    const vector = sum(
      prices.vector(length, layer.macCycles),
      prices.move(width + layer.kernel[1] + 2 * layer.columns),
    );
    const requantize = times(outputs(prices, layer.columns * layer.channels), 1 / perRow);
    const step = { units: layer.rows * perRow, unit: sum(vector, requantize), commit: index, enter: FREE };
    return { name, method: 'vector', exact: false, ...step };
  }
  if (layer.kind === 'other') return sonic(layer, prices);
  // A dense row at a time; a circulant one is a dense row read with a turn.
  const unit = sum(
    prices.vector(layer.inputs, layer.macCycles),
    prices.move(layer.inputs),
    outputs(prices, 1),
  );
  const step = { units: layer.outputs, unit, commit: index, enter: prices.move(layer.inputs) };
  return { name, method: 'vector', exact: false, ...step };
}

/**
 * The same vector operations with inputs and sums kept in the vector unit's memory, nothing committed on the way. A vector
 * may run over `together` rows of the map at once, the ends of the rows being computed for nothing, or a row is in `parts`.
 */
function resident(layer: Layer, prices: Prices, together = 1, parts = 1): Step {
  const { name } = layer;
  if (layer.kind !== 'conv') {
    const { commit: _, ...step } = tails(layer, prices);
    return { ...step, commit: FREE };
  }
  const { rows, channels, inputChannels } = layer;
  const [height, width] = layer.kernel;
  const columns = Math.ceil(layer.columns / parts);
  const groups = Math.ceil(rows / together) * parts;
  const mapColumns = columns + width - 1;
  const length = (together > 1 ? together * mapColumns : columns) * width;
  const inputs = prices.move((together + height - 1) * mapColumns * inputChannels);
  const weights = prices.move(height * width * inputChannels);
  const vectors = times(prices.vector(length, layer.macCycles), inputChannels * height);
  const shared = times(inputs, 1 / channels);
  const unit = sum(vectors, shared, weights, outputs(prices, together * columns));
  return {
    name,
    method: 'vector',
    exact: false,
    units: groups * channels,
    unit,
    commit: FREE,
    enter: inputs,
  };
}

/** Parts of a row that ours tries. */
const PARTS = [1, 2, 3, 4];

/** A convolution's rows in one vector, as many as fit the unit's memory, 32-bit sums beside the inputs; or a part of a row. */
function residents(layer: Layer, prices: Prices): Step[] {
  const { accelerator } = prices.profile;
  if (layer.kind !== 'conv' || !accelerator) return [resident(layer, prices)];
  const [height, width] = layer.kernel;
  const mapColumns = layer.columns + width - 1;
  const fits = (rows: number): boolean => {
    const inputs = (rows + height - 1) * mapColumns * layer.inputChannels;
    return (inputs + 2 * rows * mapColumns + width) * 2 <= accelerator.sramBytes;
  };
  const counts = Array.from({ length: layer.rows }, (_, i) => i + 1).filter((rows) => rows > 1 && fits(rows));
  const steps = [
    ...PARTS.map((parts) => resident(layer, prices, 1, parts)),
    ...counts.map((rows) => resident(layer, prices, rows)),
  ];
  const small = steps.filter((step) => prices.holds(step));
  return small.length > 0 ? small : steps.slice(0, 1);
}

/** ACE: a block at a time, both spectra computed, inverse, shifted, added to the output block in NVM. */
function ace(layer: Layer, prices: Prices): Step {
  if (layer.kind === 'other') return planned(layer, prices);
  if (layer.kind !== 'circulant') return resident(layer, prices);
  const { name, block, blocks, blockRows } = layer;
  const moves = prices.move(4 * block);
  const arithmetic = sum(
    times(prices.fft(block), 3),
    prices.vector(4 * block, layer.macCycles),
    times(prices.vector(block, layer.macCycles), 2),
  );
  const bias = times(outputs(prices, block), 1 / blocks);
  const unit = sum(arithmetic, moves, bias);
  return { name, method: 'fft', exact: false, units: blocks * blockRows, unit, commit: FREE, enter: FREE };
}

/** Ours on an FFT: spectra of the weights stored, of the inputs once, products summed, one inverse a block row. */
function spectral(layer: Layer, prices: Prices): Step {
  const { name, block, blocks, blockRows } = layer;
  const inputs = sum(times(prices.fft(block), blocks), prices.move(blocks * block));
  const products = sum(prices.vector(4 * block, layer.macCycles), prices.move(2 * block));
  const unit = sum(times(products, blocks), prices.fft(block), outputs(prices, block));
  return { name, method: 'fft', exact: false, units: blockRows, unit, commit: FREE, enter: inputs };
}

/**
 * Ours: as the module does it, where firmware uses the vector unit; else, of all that could evaluate a layer, what takes least,
 * and what is inexact only where there is hardware for it.
 */
function ours(layer: Layer, prices: Prices): Step {
  if (isOwn(prices.profile)) return planned(layer, prices);
  const exact = [planned(layer, prices), direct(layer, prices)];
  if (!prices.profile.accelerator || layer.kind === 'other') return cheapest(exact, prices);
  const spectra = layer.kind === 'circulant' ? [spectral(layer, prices), ace(layer, prices)] : [];
  return cheapest([...exact, ...residents(layer, prices), ...spectra], prices);
}

/** A step that commits after every `tiles` of its units: those are its units then. */
function committed(step: Step, tiles: number, commit: Cost): Step {
  const units = Math.ceil(step.units / tiles);
  const share = step.units / units;
  return { ...step, units, unit: times(step.unit, share), commit };
}

export interface ProgramOptions {
  fftFactor?: number;
  chargeUj: number;
  /** Of ours, metered. */
  boots: { first: BootCost; later: BootCost };
  /** When ours commits; default `auto`: at the monitor's warning. */
  policy?: string;
  /** What that is for the plan, where ours is what the module does: after so many tiles, too; 0, the default: never. */
  every?: number;
}

/** All layers as `strategy` runs them on a device. `fftFactor` scales what is estimated about FFTs; a charge bounds units. */
export function programFor(
  strategy: Strategy,
  layers: readonly Layer[],
  profile: DeviceProfile,
  { fftFactor = 1, chargeUj, boots, policy = 'auto', every: plannedEvery = 0 }: ProgramOptions,
): Program {
  const prices = new Prices(profile, fftFactor, chargeUj, boots.later.nj);
  const steps = (make: (layer: Layer, prices: Prices) => Step): Step[] =>
    layers.map((layer) => make(layer, prices));
  const nothing = { save: FREE, every: 0, start: FREE, restore: FREE };
  switch (strategy) {
    case 'base':
      return { strategy, recovery: 'restart', steps: steps(direct), ...nothing };
    case 'sonic':
      return { strategy, recovery: 'unit', steps: steps(sonic), ...nothing, restore: prices.read(8) };
    case 'tails':
      return { strategy, recovery: 'unit', steps: steps(tails), ...nothing, restore: prices.read(8) };
    case 'ace+flex': {
      // FLEX saves which operation runs, loop and block indices, and the live vector.
      const live = Math.max(64, ...layers.map(({ block }) => 2 * block)) + 8;
      const saved = { save: prices.write(live), every: 0, start: FREE, restore: prices.read(live) };
      return { strategy, recovery: 'demand', steps: steps(ace), ...saved };
    }
    case 'ours': {
      const commit = prices.commit();
      const every = Number(/^every (\d+)$/.exec(policy)?.[1] ?? 0);
      return {
        strategy,
        recovery: every > 0 ? 'unit' : policy === 'never' ? 'restart' : 'demand',
        steps: every > 0 ? steps(ours).map((step) => committed(step, every, commit)) : steps(ours),
        save: commit,
        every: plannedEvery,
        start: boots.first,
        restore: boots.later,
      };
    }
  }
}
