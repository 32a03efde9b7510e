// An image on a power trace: what it takes in time and energy, and whether the power changed anything.
import { analyze, type AnalyzeResult } from '../analyze/analyze.js';
import { type GivenInputs, givenSamples } from '../data/given-inputs.js';
import { noiseInput } from '../data/noise.js';
import { Random } from '../math/random.js';
import { imageOf } from '../ops/given-image.js';
import { type Image, withPolicy } from '../model/image.js';
import type { Values } from '../model/values.js';
import { resolvePolicy, checkPolicy } from '../plan/policy.js';
import { JobKind, OP_TILES } from '../../assembly/layout.js';
import { type Storage, storageChargeUj } from '../power/converter.js';
import { noProgress, standingAt, usableUj } from '../power/life.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import type { RunStatistics } from '../power/statistics.js';
import { paceOf } from '../power/pace.js';
import { type Target, targetOf } from '../power/target.js';
import { openTrace, traceBytes } from '../power/source.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { type Estimate, estimatesOf } from '../profiles/estimates.js';
import { type Origin, originOf } from '../origin.js';
import { completeJob } from '../simulator/app.js';
import { BareKernels } from '../simulator/bare.js';
import { Device } from '../simulator/device.js';
import { comparableNvm, firstDifference } from '../simulator/equality.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { randomOutcome } from '../simulator/outcome.js';
import { provision } from '../simulator/provision.js';
import { Recorder, type Timeline } from '../power/recorder.js';
import { hottestByte, type Wear } from '../simulator/wear.js';
import { checkOptions } from '../options/table.js';
import { bareModuleFor, meteredModule, moduleBytes, moduleFor } from '../toolchain/modules.js';
import { type ReplayOptions, replayOptions, type ReplaySettings } from './options.js';

/** Where the energy went, in µJ: all but `harvested` add up to it, `left` less what there was at the start. */
export interface ReplayEnergy {
  harvested: number;
  /** Kernels, as much as steady power takes. */
  useful: number;
  /** Kernels, beyond that: work that cuts took away, and ops entered again. */
  reexecuted: number;
  commit: number;
  boot: number;
  io: number;
  sleep: number;
  leaked: number;
  conversion: number;
  spilled: number;
  left: number;
}

/** One op over a whole replay; simulated. */
export interface ReplayOp {
  name: string;
  kind: string;
  tiles: number;
  cycles: number;
  energyUj: number;
  /** Of `energyUj`, beyond what steady power takes. */
  reexecutedUj: number;
}

/** What `brownout replay --json` prints. All figures of time and energy are simulated. */
export interface ReplayResult {
  origin: Origin;
  name: string;
  device: string;
  /** Whether device, converter and capacitor are those that the image was compiled for. */
  notes: string[];
  trace: string;
  seed: number;
  converter: string;
  capacitorUf: number;
  thresholdsV: { turnOn: number; warning: number; turnOff: number };
  policy: string;
  onLow: 'sleep' | 'run';
  /** Answers and final NVM equal those on steady power. */
  identical: boolean;
  inferences: number;
  inputs: InputSource;
  cuts: number;
  boots: number;
  commits: number;
  latencyMs: { min: number; median: number; max: number };
  onMs: number;
  sleepMs: number;
  offMs: number;
  /** Of all time, off or asleep. */
  deadPercent: number;
  energyUj: ReplayEnergy;
  /** Cycles of kernels beyond those on steady power, over those. */
  reexecutedPercent: number;
  /** Cycles of boots (checks, recovery) and of commits, over those of kernels on steady power. */
  bootPercent: number;
  commitPercent: number;
  /** Steady power, cycles against the same kernels without sync, cursor, CRC or policy. */
  overheadPercent: number;
  /** What of the kernels' energy on steady power a vector unit takes, by constants that others have published. */
  acceleratorPercent: number;
  /** Energy between turn-on and turn-off, and what of it entering an op and its dearest tile takes. */
  chargeUj: number;
  largestTile: { op: string; energyUj: number; percent: number };
  nvmBytesWritten: number;
  wear: Wear;
  ops: ReplayOp[];
  /** Constants of the device that are estimates: time and energy rest on them. */
  estimates: Estimate[];
  timeline?: Timeline;
}

/** The image under the policy asked for. */
export function underPolicy(image: Image, name: string | undefined, profile: DeviceProfile): Image {
  if (name === undefined || name === image.metadata.policy) return image;
  checkPolicy(name);
  const ops = image.ops.slice(0, image.jobs[JobKind.INFER]!.count).map((record, index) => ({
    name: image.metadata.ops[index]!,
    record,
    op: index,
    constantBytes: 0,
  }));
  const tileCount = ops.reduce((sum, { record }) => sum + record.get(OP_TILES), 0);
  return withPolicy(image, resolvePolicy(name, { ops, tileCount }, profile), name);
}

/** Where inputs are from: an image without its own goes on with noise, of which time and energy are no worse. */
export type InputSource = 'given' | 'image' | 'noise';

function inputsOf(
  image: Image,
  { inferences, seed, ...given }: ReplaySettings,
): { inputs: Values[]; source: InputSource } {
  const found = givenSamples(given as GivenInputs, image)?.samples;
  const source = found ? 'given' : image.sample ? 'image' : 'noise';
  const some = found ?? [image.sample ?? noiseInput(image, new Random(seed))];
  const inputs = Array.from({ length: inferences ?? some.length }, (_, i) => some[i % some.length]!);
  return { inputs, source };
}

/** Cuts without a commit between them after which there will never be one: as firmware/main.c gives a job up. */
export const VAIN_CUTS = 128;

/** A run of all inputs on one supply. */
interface Run {
  statistics: RunStatistics;
  recorder: Recorder;
  answers: Values[];
  nvm: Uint8Array;
  latenciesMs: number[];
}

/** What replays of one image on one device share: the metered module, and the run on steady power. */
export class ReplayBench {
  readonly image: Image;
  readonly target: Target;
  readonly profile: DeviceProfile;
  readonly inputs: readonly Values[];
  readonly inputSource: InputSource;
  readonly steady: Run;
  readonly overheadPercent: number;
  /** What a run on the trace of the options is made from. */
  readonly origin: Origin;
  readonly #module: WebAssembly.Module;
  readonly #options: ReplaySettings;
  #done = 0;

  constructor(image: Uint8Array | Image, given: ReplayOptions) {
    const options = checkOptions(replayOptions, given);
    const read = imageOf(image);
    this.target = targetOf(read, options);
    this.profile = this.target.profile;
    this.image = underPolicy(read, options.policy, this.profile);
    ({ inputs: this.inputs, source: this.inputSource } = inputsOf(this.image, options));
    this.#options = options;
    const { trace = 'rf', seed = 1 } = options;
    const sources = { image: read.file, module: moduleBytes(moduleFor(this.image)) };
    this.origin = originOf({ ...sources, trace: traceBytes(trace, seed), seed });
    const costs = this.profile.instructionCycles.value;
    this.#module = meteredModule(moduleFor(this.image), costs);
    this.steady = this.run(new MeteredSupply(this.profile));
    const bareSupply = new MeteredSupply(this.profile).paced(paceOf(this.image, this.profile));
    const bare = new BareKernels(meteredModule(bareModuleFor(this.image), costs), this.image, bareSupply);
    for (const input of this.inputs) bare.run(input);
    bareSupply.finish();
    this.overheadPercent = (this.steady.statistics.cycles / bareSupply.statistics.cycles - 1) * 100;
  }

  /** The same inputs on harvested power. */
  harvest(storage: Storage): Run {
    const { trace, seed } = this.#options;
    return this.run(new MeteredSupply(this.profile, openTrace(trace, seed), storage), storage);
  }

  /** All inputs, one after the other, on `supply`, at the pace of the body that firmware runs. */
  run(supply: MeteredSupply, storage?: Storage): Run {
    const { image, profile } = this;
    supply.paced(paceOf(image, profile));
    const { seed, onLow, onInference } = this.#options;
    const random = new Random(seed);
    const nvm = new SimulatedNvm(image.nvmBytes, { tearUnit: profile.nvmTearBytes.value });
    provision(nvm, image);
    const recorder = new Recorder(supply, image);
    const { onCall, observe } = recorder;
    const device = new Device(this.#module, {
      image,
      nvm,
      sramBytes: profile.sramBytes.value,
      supply: recorder,
      observe,
    });
    recorder.bind(device);
    let [standing, vain]: [number | undefined, number] = [undefined, 0];
    const onCut = (): ReturnType<typeof randomOutcome> => {
      recorder.cut();
      const at = standingAt(nvm.cells, image);
      vain = at === standing ? vain + 1 : 0;
      standing = at;
      if (storage && vain >= VAIN_CUTS) throw noProgress(vain, { image, profile, storage, cells: nvm.cells });
      return randomOutcome(random);
    };
    const latenciesMs: number[] = [];
    const answers = this.inputs.map((input, index) => {
      const fromUs = supply.timeUs;
      const hooks = {
        onCut,
        onCall,
        careful: true as const,
        ...(onLow === 'sleep' ? { onLow: recorder.onLow } : {}),
      };
      const { answer } = completeJob(device, image, { ticket: index + 1, input }, hooks, index > 0);
      latenciesMs.push((supply.timeUs - fromUs) / 1000);
      recorder.timeline.inferences.push({ fromUs, toUs: supply.timeUs });
      onInference?.(++this.#done, 2 * this.inputs.length); // on steady power, then on harvested
      return answer;
    });
    recorder.finish();
    // A careful app may have added commits: how many there were is no difference.
    const cells = comparableNvm(nvm.cells, image, true);
    return { statistics: supply.statistics, recorder, answers, nvm: cells, latenciesMs };
  }

  /** Whether a run ended as steady power does. */
  isIdentical({ answers, nvm }: Run): boolean {
    const { steady } = this;
    const bytes = ({ buffer }: Values): Uint8Array => new Uint8Array(buffer);
    const same = answers.every((answer, i) => firstDifference(bytes(answer), bytes(steady.answers[i]!)) < 0);
    return same && firstDifference(nvm, steady.nvm) < 0;
  }
}

/** min, median (the lower of two) and max. */
export function spread(values: readonly number[]): { min: number; median: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0]!, median: sorted[(sorted.length - 1) >> 1]!, max: sorted.at(-1)! };
}

function energyOf({ statistics, recorder }: Run, usefulUj: number): ReplayEnergy {
  const { harvested, leaked, conversion, spilled, stored, storedAtStart } = statistics.ledgerUj;
  const { tile, commit, boot, io } = recorder.spentOn;
  return {
    harvested,
    useful: usefulUj,
    reexecuted: tile.energyUj - usefulUj,
    ...{ commit: commit.energyUj, boot: boot.energyUj, io: io.energyUj, sleep: statistics.energyUj.sleep },
    ...{ leaked, conversion, spilled, left: stored - storedAtStart },
  };
}

function opsOf(bench: ReplayBench, run: Run, kinds: readonly { name: string; kind: string }[]): ReplayOp[] {
  return kinds.map(({ name, kind }, index) => {
    const op = bench.image.ops[index]!;
    const { cycles, energyUj } = run.recorder.ops[index]!;
    const reexecutedUj = energyUj - bench.steady.recorder.ops[index]!.energyUj;
    return {
      name,
      kind,
      tiles: op.get(OP_TILES),
      cycles,
      energyUj,
      reexecutedUj,
    };
  });
}

/** The op whose entering and dearest tile take most, and how much of a charge. */
function largestOf(
  { ops }: AnalyzeResult,
  profile: DeviceProfile,
  storage: Storage,
): ReplayResult['largestTile'] {
  const largest = ops.reduce((a, b) => (b.largestTileUj > a.largestTileUj ? b : a));
  const energyUj = largest.largestTileUj;
  return { op: largest.name, energyUj, percent: (energyUj / usableUj(storage, profile)) * 100 };
}

/**
 * Runs an image on harvested power and on steady power, and compares. Deterministic for a seed. Throws
 * `BrownoutError`: `E_TRACE…`, `E_CONVERTER`, `E_DEVICE`, `E_OPTION`, `E_POLICY`, `E_NO_PROGRESS`.
 */
export function replay(image: Uint8Array | Image, options: ReplayOptions = {}): ReplayResult {
  const settings = checkOptions(replayOptions, options);
  const bench = new ReplayBench(image, settings);
  const { profile, steady } = bench;
  const { storage, converter, notes } = bench.target;
  const { trace, seed, onLow } = settings;
  const analysis = analyze(bench.image, { device: profile });
  const largestTile = largestOf(analysis, profile, storage);
  const run = bench.harvest(storage);
  const { statistics, recorder } = run;
  const useful = steady.recorder.spentOn.tile;
  const { onUs, offUs, sleepUs } = statistics;
  const percent = (cycles: number): number => (cycles / useful.cycles) * 100;
  return {
    origin: bench.origin,
    ...{ name: bench.image.metadata.name, device: profile.name, notes },
    ...{
      trace: typeof trace === 'string' ? trace : trace.name,
      seed,
      converter,
      capacitorUf: storage.capacitorUf,
    },
    thresholdsV: { turnOn: storage.turnOnV, warning: storage.warningV, turnOff: storage.turnOffV },
    ...{ policy: bench.image.metadata.policy, onLow },
    identical: bench.isIdentical(run),
    inferences: bench.inputs.length,
    inputs: bench.inputSource,
    ...{ cuts: statistics.cuts, boots: statistics.boots, commits: recorder.commits },
    latencyMs: spread(run.latenciesMs),
    ...{ onMs: (onUs - sleepUs) / 1000, sleepMs: sleepUs / 1000, offMs: offUs / 1000 },
    deadPercent: ((offUs + sleepUs) / (onUs + offUs)) * 100,
    energyUj: energyOf(run, useful.energyUj),
    reexecutedPercent: percent(recorder.spentOn.tile.cycles - useful.cycles),
    bootPercent: percent(recorder.spentOn.boot.cycles),
    commitPercent: percent(recorder.spentOn.commit.cycles),
    overheadPercent: bench.overheadPercent,
    acceleratorPercent: analysis.acceleratorPercent,
    chargeUj: storageChargeUj(storage),
    largestTile,
    nvmBytesWritten: statistics.nvmBytesWritten,
    wear: hottestByte(recorder.writes, bench.image, bench.inputs.length, profile),
    ops: opsOf(bench, run, analysis.ops),
    estimates: estimatesOf(profile),
    ...(settings.timeline ? { timeline: recorder.timeline } : {}),
  };
}
