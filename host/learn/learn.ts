// Learning on a device that harvests its power: sample after sample, through its power failures, against steady power.
import type { InputArray } from '../data/model-input.js';
import { type GivenInputs, givenSamples } from '../data/given-inputs.js';
import { Random } from '../math/random.js';
import { BrownoutError } from '../error.js';
import { imageOf } from '../ops/given-image.js';
import type { Image } from '../model/image.js';
import type { Values } from '../model/values.js';
import type { Storage } from '../power/converter.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import { paceOf } from '../power/pace.js';
import { targetOf } from '../power/target.js';
import { openTrace, traceBytes } from '../power/source.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { type Origin, originOf } from '../origin.js';
import { type Estimate, estimatesOf } from '../profiles/estimates.js';
import { noProgress, standingAt } from '../power/life.js';
import { underPolicy, VAIN_CUTS } from '../replay/replay.js';
import { completeJob } from '../simulator/app.js';
import { BareKernels } from '../simulator/bare.js';
import { Device } from '../simulator/device.js';
import { comparableNvm, firstDifference } from '../simulator/equality.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { randomOutcome } from '../simulator/outcome.js';
import { provision } from '../simulator/provision.js';
import { Recorder } from '../power/recorder.js';
import { hottestByte, type Wear } from '../simulator/wear.js';
import { checkOptions } from '../options/table.js';
import { bareModuleFor, meteredModule, moduleBytes, moduleFor } from '../toolchain/modules.js';
import { headInput } from './head-input.js';
import { type Rival, rivalsOf } from './rivals.js';
import { type LearningPoint, learnOptions, type LearnReplayOptions } from './options.js';
import {
  learnedWeights,
  type LearningStatus,
  learningStatus,
  learningOf,
  withWeights,
} from '../learning/learned.js';

/** What `brownout learn --json` prints. Time, energy and cycles are simulated. */
export interface LearnResult {
  /** The image is the one before learning. */
  origin: Origin;
  name: string;
  device: string;
  /** Whether that is what the image was compiled for. */
  notes: string[];
  trace: string;
  seed: number;
  policy: string;
  samples: number;
  /** Weights and all other NVM equal those of steady power. */
  identical: boolean;
  /** Learn jobs that the device counts: one a sample. */
  labelled: number;
  exactlyOnce: boolean;
  updates: number;
  cuts: number;
  boots: number;
  commits: number;
  energyUj: number;
  energyUjPerSample: number;
  timeMs: number;
  /** Steady power, cycles against the same kernels without sync, cursor, CRC or policy. */
  overheadPercent: number;
  /** Cycles of a learn job over those of an inference, on steady power. */
  stepOverInference: number;
  accuracy: { before?: number; after?: number; oldBefore?: number; oldAfter?: number };
  curve: LearningPoint[];
  /** What simple ways make of the same samples; none without samples to measure on, or where no dense layer learns last. */
  rivals: Rival[];
  learning: LearningStatus;
  /** NVM that learning takes: weight banks, states, ring, lanes. */
  nvmBytes: { banks: number; states: number; ring: number; lanes: number };
  wear: Wear;
  /** Constants of the device that are estimates: time and energy rest on them. */
  estimates: Estimate[];
  /** The image with what was learnt in place of the factory's weights. */
  image: Uint8Array;
}

interface Sample {
  input: Values;
  label: number;
}

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

/** Inputs as the model's, with their labels. Throws `E_LABEL`, `E_INPUT…`. */
function samplesOf(image: Image, given: GivenInputs, labels: readonly number[]): Sample[] {
  const { classes } = learningOf(image);
  const inputs = givenSamples(given, image)?.samples;
  if (!inputs)
    return refuse('E_OPTION', 'no `input`', 'samples to learn', 'Give `input`, or several as `inputs`.');
  if (inputs.length !== labels.length)
    refuse(
      'E_LABEL',
      `${labels.length} labels`,
      `${inputs.length}, one a sample`,
      'Give a label for each sample.',
    );
  const wrong = labels.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (wrong >= 0)
    refuse(
      'E_LABEL',
      `label ${labels[wrong]} of sample ${wrong}`,
      `a whole number from 0 to ${classes - 1}`,
      'Labels count from 0.',
    );
  return inputs.map((one, i) => ({ input: one, label: labels[i]! }));
}

/** Share of samples that a device with this NVM gets right. */
function accuracyOf(
  image: Image,
  nvm: Uint8Array,
  samples: readonly Sample[],
  profile: DeviceProfile,
): number {
  const copy = new SimulatedNvm(image.nvmBytes);
  copy.load(nvm);
  const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
  const device = new Device(module, { image, nvm: copy, sramBytes: profile.sramBytes.value });
  let right = 0;
  samples.forEach(({ input, label }, index) => {
    const job = { ticket: 0xf0000000 + index, input };
    const { answer } = completeJob(device, image, job, {}, index > 0);
    right += [...answer].indexOf(Math.max(...answer)) === label ? 1 : 0;
  });
  return right / samples.length;
}

interface Run {
  nvm: Uint8Array;
  /** With what the power decides taken out. */
  comparable: Uint8Array;
  recorder: Recorder;
  supply: MeteredSupply;
  cuts: number;
}

/** One device that learns. */
class Learner {
  readonly nvm: SimulatedNvm;
  readonly recorder: Recorder;
  cuts = 0;
  readonly #device: Device;
  readonly #random: Random;
  #vain = 0;
  #standing: number | undefined;

  constructor(
    readonly image: Image,
    readonly supply: MeteredSupply,
    readonly profile: DeviceProfile,
    module: WebAssembly.Module,
    readonly options: { seed: number; onLow: 'sleep' | 'run'; storage?: Storage },
  ) {
    this.#random = new Random(options.seed);
    this.nvm = new SimulatedNvm(image.nvmBytes, { tearUnit: profile.nvmTearBytes.value });
    provision(this.nvm, image);
    this.recorder = new Recorder(supply.paced(paceOf(image, profile)), image);
    const { observe } = this.recorder;
    const sramBytes = profile.sramBytes.value;
    this.#device = new Device(module, { image, nvm: this.nvm, sramBytes, supply: this.recorder, observe });
    this.recorder.bind(this.#device);
  }

  /** A learn job, or an inference where there is no label. */
  job(ticket: number, input: Values, label: number | undefined): void {
    const { onCall, onLow } = this.recorder;
    const hooks = {
      onCut: this.#onCut,
      onCall,
      careful: true as const,
      ...(this.options.onLow === 'sleep' ? { onLow } : {}),
    };
    const job = { ticket, input, ...(label === undefined ? {} : { label }) };
    completeJob(this.#device, this.image, job, hooks, ticket > 1);
  }

  readonly #onCut = (): ReturnType<typeof randomOutcome> => {
    const { recorder } = this;
    recorder.cut();
    this.cuts++;
    const at = standingAt(this.nvm.cells, this.image);
    this.#vain = at === this.#standing ? this.#vain + 1 : 0;
    this.#standing = at;
    const { image, profile, nvm } = this;
    const { storage } = this.options;
    if (storage && this.#vain >= VAIN_CUTS)
      throw noProgress(this.#vain, { image, profile, storage, cells: nvm.cells });
    return randomOutcome(this.#random);
  };

  finish(): Run {
    const { nvm, recorder, supply, cuts, image } = this;
    recorder.finish();
    const cells = nvm.cells.slice();
    return { nvm: cells, comparable: comparableNvm(cells, image, true), recorder, supply, cuts };
  }
}

/** Cycles of learn jobs against their kernels alone, and against an inference; on steady power. */
function costsOf(
  image: Image,
  profile: DeviceProfile,
  module: WebAssembly.Module,
  samples: readonly Sample[],
): { overheadPercent: number; stepOverInference: number } {
  const some = samples.slice(0, 16);
  const steady = new Learner(image, new MeteredSupply(profile), profile, module, { seed: 1, onLow: 'run' });
  some.forEach(({ input, label }, i) => steady.job(i + 1, input, label));
  const learn = steady.finish().supply.statistics.cycles;
  const inferring = new Learner(image, new MeteredSupply(profile), profile, module, {
    seed: 1,
    onLow: 'run',
  });
  some.forEach(({ input }, i) => inferring.job(i + 1, input, undefined));
  const infer = inferring.finish().supply.statistics.cycles;
  const supply = new MeteredSupply(profile).paced(paceOf(image, profile));
  const costs = profile.instructionCycles.value;
  const bare = new BareKernels(meteredModule(bareModuleFor(image), costs), image, supply);
  for (const { input, label } of some) bare.run(input, label);
  supply.finish();
  return { overheadPercent: (learn / supply.statistics.cycles - 1) * 100, stepOverInference: learn / infer };
}

type Accuracies = Pick<LearningPoint, 'accuracy' | 'old'>;

function accuraciesOf(before: Accuracies, last: Accuracies): LearnResult['accuracy'] {
  return {
    ...(before.accuracy === undefined ? {} : { before: before.accuracy }),
    ...(last.accuracy === undefined ? {} : { after: last.accuracy }),
    ...(before.old === undefined ? {} : { oldBefore: before.old }),
    ...(last.old === undefined ? {} : { oldAfter: last.old }),
  };
}

/** What simple ways to adapt make of the samples, after so many of them. */
function rivalsFor(
  image: Image,
  { stream, heldOut, old }: Record<'stream' | 'heldOut' | 'old', readonly Sample[]>,
  points: readonly number[],
): Rival[] {
  const meet = heldOut.length + old.length > 0 ? headInput(image) : undefined;
  if (!meet) return [];
  const met = { stream: stream.map(meet), heldOut: heldOut.map(meet), old: old.map(meet) };
  return rivalsOf(met, points, learningOf(image).classes);
}

/**
 * Replays learning on the device on a power trace, and on steady power, and compares. Deterministic for a seed. Throws
 * `BrownoutError`: `E_KIND` for an image that only infers, `E_LABEL`, `E_INPUT…`, and those of `replay`.
 */
export function learn(image: Uint8Array | Image, given: LearnReplayOptions): LearnResult {
  const options = checkOptions(learnOptions, given);
  const { trace, seed, onLow, onSample, onPoint } = options;
  const read = imageOf(image);
  const { profile, storage, notes } = targetOf(read, options);
  const model = underPolicy(read, options.policy, profile);
  const header = learningOf(model);
  const once = samplesOf(model, options, options.labels);
  const samples = Array.from({ length: options.epochs }, () => once).flat();
  const measured = (input: InputArray | undefined, labels: readonly number[] = []): Sample[] =>
    input ? samplesOf(model, { input }, labels) : [];
  const heldOut = measured(options.heldOut, options.heldOutLabels);
  const old = measured(options.old, options.oldLabels);
  const every = options.every ?? Math.max(1, Math.ceil(samples.length / 10));
  const module = meteredModule(moduleFor(model), profile.instructionCycles.value);
  const steady = new Learner(model, new MeteredSupply(profile), profile, module, { seed, onLow });
  const supply = new MeteredSupply(profile, openTrace(trace, seed), storage);
  const harvested = new Learner(model, supply, profile, module, { seed, onLow, storage });
  const accuracy = (nvm: Uint8Array): Accuracies => ({
    ...(heldOut.length > 0 ? { accuracy: accuracyOf(model, nvm, heldOut, profile) } : {}),
    ...(old.length > 0 ? { old: accuracyOf(model, nvm, old, profile) } : {}),
  });
  const before = accuracy(harvested.nvm.cells);
  const curve: LearningPoint[] = [];
  const note = (done: number): void => {
    const { updates, lossFast } = learningStatus(harvested.nvm.present, model);
    const { compute, nvm, boot, sleep } = supply.statistics.energyUj;
    const energyUj = compute + nvm + boot + sleep;
    const spent = { energyUj, timeMs: supply.timeUs / 1000, cuts: harvested.cuts };
    const point = { samples: done, ...accuracy(harvested.nvm.present), ...spent, updates, loss: lossFast };
    curve.push(point);
    onPoint?.(point);
  };
  samples.forEach(({ input, label }, index) => {
    steady.job(index + 1, input, label);
    harvested.job(index + 1, input, label);
    onSample?.(index + 1, samples.length);
    if ((index + 1) % every === 0 || index + 1 === samples.length) note(index + 1);
  });
  const [reference, run] = [steady.finish(), harvested.finish()];
  const learning = learningStatus(run.nvm, model);
  const last = curve.at(-1)!;
  const { banks, states, ring, lanes } = header;
  const sources = { image: read.file, module: moduleBytes(moduleFor(model)) };
  return {
    origin: originOf({ ...sources, trace: traceBytes(trace, seed), seed }),
    ...{ name: model.metadata.name, device: profile.name, notes },
    ...{ trace: typeof trace === 'string' ? trace : trace.name, seed, policy: model.metadata.policy },
    samples: samples.length,
    identical: firstDifference(run.comparable, reference.comparable) < 0,
    labelled: learning.labelled,
    exactlyOnce: learning.labelled === samples.length,
    updates: learning.updates,
    ...{ cuts: run.cuts, boots: supply.statistics.boots, commits: run.recorder.commits },
    ...{ energyUj: last.energyUj, energyUjPerSample: last.energyUj / samples.length, timeMs: last.timeMs },
    ...costsOf(model, profile, module, samples),
    accuracy: accuraciesOf(before, last),
    curve,
    rivals: rivalsFor(
      model,
      { stream: samples, heldOut, old },
      curve.map((point) => point.samples),
    ),
    learning,
    nvmBytes: {
      banks: states - banks,
      states: ring - states,
      ring: lanes - ring,
      lanes: model.nvmBytes - lanes,
    },
    wear: hottestByte(run.recorder.writes, model, samples.length, profile),
    estimates: estimatesOf(profile),
    image: withWeights(model, learnedWeights(run.nvm, model)).file,
  };
}
