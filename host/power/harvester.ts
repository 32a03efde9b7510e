// Where energy comes from: power over time, in pieces of constant power. Generators here, recordings in `trace.ts`.
import { Random } from '../math/random.js';

/** One piece of a trace. */
export interface PowerSegment {
  durationUs: number;
  powerUw: number;
  /** Voltage of the source at that power, where it is known: converters go by it. */
  sourceV?: number;
}

/** An endless trace. */
export interface Harvester {
  next(): PowerSegment;
  /** How often it has begun anew; absent: it is no loop. */
  readonly loops?: number;
  /** Pieces of which none that comes gives more than the best; absent: nobody knows. */
  strongest?(): Iterable<PowerSegment>;
}

const most = (powerUw: number): PowerSegment[] => [{ durationUs: 1, powerUw }];

/** Shares of a field's power between which it fades. */
const [LEAST_FADING, MOST_FADING] = [0.5, 1.5];

export interface RfOptions {
  seed: number;
  /** Harvested power while the reader's field is there, and while it is not. */
  onUw: number;
  offUw: number;
  /** Mean lengths of the two states. */
  meanOnMs: number;
  meanOffMs: number;
}

/** Milliseconds of a state that a step of 1 ms leaves with probability 1 / mean: geometric. */
function geometricMs(random: Random, meanMs: number): number {
  let steps = 1;
  while (random.uniform(0, meanMs) >= 1) steps++;
  return steps;
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

  strongest(): PowerSegment[] {
    return most(Math.max(this.#options.onUw * MOST_FADING, this.#options.offUw));
  }

  next(): PowerSegment {
    const { onUw, offUw, meanOnMs, meanOffMs } = this.#options;
    const steps = geometricMs(this.#random, this.#on ? meanOnMs : meanOffMs);
    const powerUw = this.#on ? onUw * this.#random.uniform(LEAST_FADING, MOST_FADING) : offUw;
    this.#on = !this.#on;
    return { durationUs: steps * 1000, powerUw };
  }
}

export interface SolarOptions {
  seed: number;
  /** Harvested power at noon under a clear sky. */
  peakUw: number;
  /** Length of the light day, and of the night behind it. */
  daylightS: number;
  nightS: number;
  /** Mean lengths of clouds and of the gaps between them; what a cloud lets through. */
  meanCloudMs: number;
  meanClearMs: number;
  cloudShare: number;
}

/** Pieces a day is cut into, at least: the parabola's steps. */
const DAY_STEPS = 200;

/** A sun that rises, stands and sets as a parabola, behind clouds that come and go as a two-state chain; then night. */
export class SolarHarvester implements Harvester {
  readonly #options: SolarOptions;
  readonly #random: Random;
  #timeMs = 0;
  #clear = true;
  /** Milliseconds of the present cloud or gap still to come. */
  #leftMs = 0;

  constructor(options: SolarOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  strongest(): PowerSegment[] {
    return most(this.#options.peakUw);
  }

  next(): PowerSegment {
    const { peakUw, daylightS, nightS, meanCloudMs, meanClearMs, cloudShare } = this.#options;
    const dayMs = daylightS * 1000;
    if (this.#timeMs >= dayMs) {
      this.#timeMs = 0;
      if (nightS > 0) return { durationUs: nightS * 1e6, powerUw: 0 };
    }
    if (this.#leftMs <= 0) {
      this.#clear = !this.#clear;
      this.#leftMs = geometricMs(this.#random, this.#clear ? meanClearMs : meanCloudMs);
    }
    const stepMs = Math.min(this.#leftMs, dayMs / DAY_STEPS, dayMs - this.#timeMs);
    const share = (this.#timeMs + stepMs / 2) / dayMs;
    this.#timeMs += stepMs;
    this.#leftMs -= stepMs;
    return {
      durationUs: stepMs * 1000,
      powerUw: peakUw * 4 * share * (1 - share) * (this.#clear ? 1 : cloudShare),
    };
  }
}

export interface KineticOptions {
  seed: number;
  /** Power at the start of a burst; it halves every `halfMs`. */
  peakUw: number;
  halfMs: number;
  /** Mean time between bursts. */
  meanGapMs: number;
}

/** A harvester that is knocked now and then and rings down: bursts that halve eight times, in steps of one halving. */
export class KineticHarvester implements Harvester {
  readonly #options: KineticOptions;
  readonly #random: Random;
  #powerUw = 0;
  #steps = 0;

  constructor(options: KineticOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  strongest(): PowerSegment[] {
    return most(this.#options.peakUw);
  }

  next(): PowerSegment {
    const { peakUw, halfMs, meanGapMs } = this.#options;
    if (this.#steps === 0) {
      this.#steps = 8;
      this.#powerUw = peakUw * this.#random.uniform(0.25, 1);
      return { durationUs: geometricMs(this.#random, meanGapMs) * 1000, powerUw: 0 };
    }
    this.#steps--;
    const powerUw = this.#powerUw;
    this.#powerUw /= 2;
    return { durationUs: halfMs * 1000, powerUw };
  }
}

/** Segments again and again, or once and then darkness. */
export class SegmentHarvester implements Harvester {
  loops = 0;
  #index = 0;

  constructor(
    readonly segments: readonly PowerSegment[],
    readonly loop = true,
  ) {}

  strongest(): readonly PowerSegment[] {
    return this.segments;
  }

  next(): PowerSegment {
    if (this.#index === this.segments.length && this.loop) {
      this.#index = 0;
      this.loops++;
    }
    return this.segments[this.#index++] ?? { durationUs: Infinity, powerUw: 0 };
  }
}
