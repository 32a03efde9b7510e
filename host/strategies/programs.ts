// What each strategy makes of a layer: units of work that recovery counts in, and their cost. Costs of the core are the
// planner's (`host/plan/cost.ts`) for the device, the same for every strategy; NVM's and the accelerator's the profile's.
import { COMMIT_CYCLES } from '../plan/cost.js';
import type { DeviceProfile } from '../profiles/profile.js';
import type { Layer } from './layers.js';

/** `ours` may be any of its methods; the names of the others are those of the papers (DESIGN.md §7 cites them). */
export const STRATEGIES = ['base', 'sonic', 'tails', 'ace+flex', 'ours'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Cycles, and energy of the whole device meanwhile. */
interface Cost {
  cycles: number;
  nj: number;
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
  /** On demand: making the state durable. */
  checkpoint: Cost;
  /** After a boot. */
  restore: Cost;
}

/** Software multiply-add and requantized output, as the planner has them. */
const MAC = 9;
const OUTPUT = 90;
/** Loop control of an inner iteration. */
const LOOP = 4;
/** Bytes of a cursor and its neighbours that a commit of ours writes, and cycles of our checks at boot (measured). */
const CURSOR_WORDS = 8;
const BOOT_CYCLES = 17_000;

/** Prices of primitives on a device. */
class Prices {
  constructor(
    readonly profile: DeviceProfile,
    /** Factor on everything estimated about FFTs. */
    readonly fftFactor: number,
  ) {}

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
    return { cycles: count * cycles.value, nj: count * nj.value };
  }

  /** A vector operation of `count` multiply-adds; in software where there is no vector unit. */
  vector(count: number): Cost {
    const { accelerator } = this.profile;
    if (!accelerator) return this.core(count * MAC);
    const { callCycles, callNj, macCyclesPerElement, macNjPerElement } = accelerator;
    return {
      cycles: callCycles.value + count * macCyclesPerElement.value,
      nj: callNj.value + count * macNjPerElement.value,
    };
  }

  /** A complex FFT of `size` points, Q15. */
  fft(size: number): Cost {
    const butterflies = (size / 2) * (size.toString(2).length - 1);
    const { accelerator } = this.profile;
    if (!accelerator) return times(this.core(butterflies * this.#softButterfly()), this.fftFactor);
    const { callCycles, callNj, fftCyclesPerButterfly, fftNjPerButterfly } = accelerator;
    const cycles = callCycles.value + this.fftFactor * butterflies * fftCyclesPerButterfly.value;
    return { cycles, nj: callNj.value + this.fftFactor * butterflies * fftNjPerButterfly.value };
  }

  /** Four products, six sums, four shifts; two points and a twiddle of two halves each to load, two points to store. */
  #softButterfly(): number {
    const { mul32, alu32, load, store, branch } = this.profile.instructionCycles.value;
    return (4 * mul32 + 14 * alu32 + 6 * load + 4 * store + branch) / this.profile.planScale.value;
  }
}

const sum = (...costs: readonly Cost[]): Cost => ({
  cycles: costs.reduce((a, { cycles }) => a + cycles, 0),
  nj: costs.reduce((a, { nj }) => a + nj, 0),
});
const times = ({ cycles, nj }: Cost, factor: number): Cost => ({ cycles: cycles * factor, nj: nj * factor });
const FREE: Cost = { cycles: 0, nj: 0 };

const total = ({ units, unit, commit, enter }: Step): Cost => sum(enter, times(sum(unit, commit), units));
/** By energy: what a charge is made of. */
const cheapest = (steps: readonly Step[]): Step =>
  steps.reduce((a, b) => (total(b).nj < total(a).nj ? b : a));

/** Our kernels on the core, as planned. */
function planned(layer: Layer, prices: Prices): Step {
  const method = layer.kind === 'circulant' && layer.cycles < layer.directCycles ? 'ntt' : 'direct';
  const enter = Math.max(0, (layer.leastCycles * layer.tiles - layer.cycles) / Math.max(1, layer.tiles - 1));
  const unit = prices.core((layer.cycles - enter) / layer.tiles);
  const { name, tiles } = layer;
  return { name, method, exact: true, units: tiles, unit, commit: FREE, enter: prices.core(enter) };
}

/** The same, circulant layers in the time domain. */
function direct(layer: Layer, prices: Prices): Step {
  if (layer.kind !== 'circulant') return planned(layer, prices);
  const unit = prices.core(layer.directCycles / layer.blockRows / layer.block);
  const units = layer.blockRows * layer.block;
  return { ...{ name: layer.name, method: 'direct', exact: true, units, unit }, commit: FREE, enter: FREE };
}

/** An output that leaves 32-bit sums: requantized and written. */
const outputs = (prices: Prices, count: number): Cost =>
  sum(prices.core(count * OUTPUT), prices.write(count));

/**
 * SONIC: every inner iteration is a unit; the loop index lives in NVM. Loop-ordered buffering: a weight stays, an input
 * and a partial sum are read, the sum goes to the other buffer (Gobieski et al. 2019, §6.2).
 */
function sonic(layer: Layer, prices: Prices): Step {
  if (layer.macs === 0) {
    const unit = times(planned(layer, prices).unit, layer.tiles / layer.outputs);
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
  const iteration = sum(prices.core(MAC + LOOP), prices.read(2), prices.write(1));
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
    const vector = sum(prices.vector(length), prices.move(width + layer.kernel[1] + 2 * layer.columns));
    const requantize = times(outputs(prices, layer.columns * layer.channels), 1 / perRow);
    const step = { units: layer.rows * perRow, unit: sum(vector, requantize), commit: index, enter: FREE };
    return { name, method: 'vector', exact: false, ...step };
  }
  if (layer.kind === 'other') return sonic(layer, prices);
  // A dense row at a time; a circulant one is a dense row read with a turn.
  const unit = sum(prices.vector(layer.inputs), prices.move(layer.inputs), outputs(prices, 1));
  const step = { units: layer.outputs, unit, commit: index, enter: prices.move(layer.inputs) };
  return { name, method: 'vector', exact: false, ...step };
}

/** The same vector operations with inputs and sums kept in SRAM for an output row, and nothing committed on the way. */
function resident(layer: Layer, prices: Prices): Step {
  const { name } = layer;
  if (layer.kind === 'conv') {
    const { perRow, length } = convVectors(layer);
    const inputs = layer.kernel[0] * (layer.columns + layer.kernel[1] - 1) * layer.inputChannels;
    const weights = layer.kernel[0] * layer.kernel[1] * layer.inputChannels * layer.channels;
    const row = sum(times(prices.vector(length), perRow), prices.move(inputs + weights));
    const unit = sum(row, outputs(prices, layer.columns * layer.channels));
    return { name, method: 'vector', exact: false, units: layer.rows, unit, commit: FREE, enter: FREE };
  }
  const { commit: _, ...step } = tails(layer, prices);
  return { ...step, commit: FREE };
}

/** ACE: a block at a time, both spectra computed, inverse, shifted, added to the output block in NVM. */
function ace(layer: Layer, prices: Prices): Step {
  if (layer.kind === 'other') return planned(layer, prices);
  if (layer.kind !== 'circulant') return resident(layer, prices);
  const { name, block, blocks, blockRows } = layer;
  const moves = prices.move(4 * block);
  const arithmetic = sum(
    times(prices.fft(block), 3),
    prices.vector(4 * block),
    times(prices.vector(block), 2),
  );
  const bias = times(outputs(prices, block), 1 / blocks);
  const unit = sum(arithmetic, moves, bias);
  return { name, method: 'fft', exact: false, units: blocks * blockRows, unit, commit: FREE, enter: FREE };
}

/** Ours on an FFT: spectra of the weights stored, of the inputs once, products summed, one inverse a block row. */
function spectral(layer: Layer, prices: Prices): Step {
  const { name, block, blocks, blockRows } = layer;
  const inputs = sum(times(prices.fft(block), blocks), prices.move(blocks * block));
  const products = sum(prices.vector(4 * block), prices.move(2 * block));
  const unit = sum(times(products, blocks), prices.fft(block), outputs(prices, block));
  return { name, method: 'fft', exact: false, units: blockRows, unit, commit: FREE, enter: inputs };
}

/** Ours: of all that can evaluate a layer, what takes least; what is inexact only where there is hardware for it. */
function ours(layer: Layer, prices: Prices): Step {
  const exact = [planned(layer, prices), direct(layer, prices)];
  if (!prices.profile.accelerator || layer.kind === 'other') return cheapest(exact);
  const spectra = layer.kind === 'circulant' ? [spectral(layer, prices), ace(layer, prices)] : [];
  return cheapest([...exact, resident(layer, prices), ...spectra]);
}

/** All layers as `strategy` runs them on a device. `fftFactor` scales what is estimated about FFTs. */
export function programFor(
  strategy: Strategy,
  layers: readonly Layer[],
  profile: DeviceProfile,
  fftFactor = 1,
): Program {
  const prices = new Prices(profile, fftFactor);
  const steps = (make: (layer: Layer, prices: Prices) => Step): Step[] =>
    layers.map((layer) => make(layer, prices));
  const nothing = { checkpoint: FREE, restore: FREE };
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
      const saved = { checkpoint: prices.write(live), restore: prices.read(live) };
      return { strategy, recovery: 'demand', steps: steps(ace), ...saved };
    }
    case 'ours': {
      const commit = sum(prices.core(COMMIT_CYCLES), prices.write(2 * CURSOR_WORDS));
      return {
        strategy,
        recovery: 'demand',
        steps: steps(ours),
        checkpoint: commit,
        restore: prices.core(BOOT_CYCLES),
      };
    }
  }
}
