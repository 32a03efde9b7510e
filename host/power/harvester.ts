// Where energy comes from: power over time, in pieces of constant power.
import { Random } from '../data/random.js';

/** One piece of a trace. */
export interface PowerSegment {
  durationUs: number;
  powerUw: number;
}

/** An endless trace. */
export interface Harvester {
  next(): PowerSegment;
}

export interface RfOptions {
  seed: number;
  /** Harvested power while the reader's field is there, and while it is not. */
  onUw: number;
  offUw: number;
  /** Mean lengths of the two states. */
  meanOnMs: number;
  meanOffMs: number;
}

/**
 * An RF field that comes and goes: a two-state Markov chain in steps of 1 ms (Gilbert), so that the lengths of both
 * states are geometric. While on, power varies ±50 % from one stretch to the next, as fading does.
 */
export class RfHarvester implements Harvester {
  readonly #options: RfOptions;
  readonly #random: Random;
  #on = true;

  constructor(options: RfOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  next(): PowerSegment {
    const { onUw, offUw, meanOnMs, meanOffMs } = this.#options;
    const mean = this.#on ? meanOnMs : meanOffMs;
    let steps = 1;
    while (this.#random.uniform(0, mean) >= 1) steps++;
    const powerUw = this.#on ? onUw * this.#random.uniform(0.5, 1.5) : offUw;
    this.#on = !this.#on;
    return { durationUs: steps * 1000, powerUw };
  }
}
