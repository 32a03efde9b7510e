// The strategies of the field side by side, on the same plans, devices and power.
import { checkList } from '../error.js';
import { compile } from '../compile/compile.js';
import { imageOf } from '../ops/given-image.js';
import { type Image, readImage } from '../model/image.js';
import { opCost } from '../plan/cost.js';
import { converterName, storageChargeUj, storageFor } from '../power/converter.js';
import type { OwnConverter } from '../power/own-converter.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import { openTrace, traceBytes } from '../power/source.js';
import { type GivenInputs, givenSamples } from '../data/given-inputs.js';
import { originOf } from '../origin.js';
import type { Trace } from '../power/trace.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { deviceProfile } from '../profiles/index.js';
import { meteredBoots } from './strategies/boot.js';
import { type Layer, layerOps, layersOf } from './strategies/layers.js';
import {
  isOwn,
  programFor,
  type ProgramOptions,
  STRATEGIES,
  type Strategy,
  unitPercent,
} from './strategies/programs.js';
import { RAD_NETWORKS, radNetwork } from './strategies/rad-networks.js';
import { type ProgramRun, runProgram } from './strategies/run-program.js';
import { type Checked, checkOptions } from '../options/table.js';
import { type CompareOptions, compareOptions } from './options.js';

/** One strategy on one model, device, capacitor and trace; simulated. */
export interface CompareCell extends ProgramRun {
  strategy: Strategy;
  /** How each layer is evaluated; `~` marks what is not the exact integer result. */
  methods: string[];
  /** What of the layers' energy a vector unit and its DMA take, in percent: by constants of others. The rest is the core's. */
  acceleratorPercent: number;
}

/** One network on one device, capacitor and trace. */
export interface CompareRow {
  model: string;
  device: string;
  capacitorUf: number;
  trace: string;
  /** Null: never ends. */
  cells: Record<Strategy, CompareCell | null>;
  /** SONIC's time and energy over ours, and ACE+FLEX's over ours. */
  overSonic: { time: number; energy: number } | null;
  overAce: { time: number; energy: number } | null;
}

/** SONIC over ours if what is estimated about FFTs is half or twice as dear. */
export interface Sensitivity {
  model: string;
  device: string;
  fftFactor: number;
  overSonic: { time: number; energy: number };
  overAce: { time: number; energy: number };
}

/** What `brownout compare --json` prints. Time and energy are simulated from costs many of which are estimated. */
export interface CompareResult {
  /** Images and traces in the order in which they were given. */
  origin: { version: string; imagesSha256: string[]; tracesSha256: string[]; seed: number };
  seed: number;
  converter: string;
  /** Of ours. */
  policy: string;
  rows: CompareRow[];
  /** On 50 mF or the largest capacitor, first trace. */
  sensitivity: Sensitivity[];
  /** The planner's estimate of our kernels' cycles over those metered (which the rows rest on), less one. */
  modelErrors: { model: string; device: string; percent: number }[];
}

/** SRAM for the plans of parts that have so much; others take what compile takes. */
const ARENA_BYTES = 7600;

const ratio = (a: ProgramRun | null, b: ProgramRun | null): { time: number; energy: number } | null =>
  a && b ? { time: a.timeMs / b.timeMs, energy: a.energyUj / b.energyUj } : null;

/** Of which a charge holds any tile, and entering a circulant layer in one: what the strategies' costs are made for. */
const PLANNED_UF = 1500;

/** The capacitor that a network is planned for: where ours is what the module does, and no model of it, the row's. */
const plannedUf = (profile: DeviceProfile, capacitorUf: number): number =>
  isOwn(profile) ? capacitorUf : PLANNED_UF;

/** A named network, planned for the device and a capacitor; or the image as it is. */
function imageFor(model: string | Image, device: DeviceProfile, capacitorUf: number): Image {
  if (typeof model !== 'string') return model;
  const network = radNetwork(model);
  const arena = device.sramBytes.value > ARENA_BYTES ? { arenaBytes: ARENA_BYTES } : {};
  return readImage(compile(network, { device, capacitorUf, ...arena, verify: false }));
}

/** The image with the first of `input` in place of its own sample. */
function withInput(image: Image, given: GivenInputs): Image {
  const sample = givenSamples(given, image)?.samples[0];
  return sample ? { ...image, sample } : image;
}

type CompareSettings = Checked<CompareOptions, typeof compareOptions>;

class Comparison {
  constructor(
    readonly layers: readonly Layer[],
    readonly profile: DeviceProfile,
    readonly boots: ProgramOptions['boots'],
    readonly options: { seed: number; converter: string | OwnConverter; policy: string; every: number },
  ) {}

  cell(strategy: Strategy, capacitorUf: number, trace: string | Trace, fftFactor = 1): CompareCell | null {
    const { converter, policy, every, seed } = this.options;
    const storage = storageFor(this.profile, { capacitorUf, converter });
    const chargeUj = storageChargeUj(storage);
    const program = programFor(strategy, this.layers, this.profile, {
      fftFactor,
      chargeUj,
      boots: this.boots,
      policy,
      every,
    });
    const run = runProgram(
      program,
      new MeteredSupply(this.profile, openTrace(trace, seed), storage),
      this.profile,
    );
    const methods = program.steps.map(({ method, exact }) => `${exact ? '' : '~'}${method}`);
    return run && { strategy, ...run, methods, acceleratorPercent: unitPercent(program) };
  }

  row(capacitorUf: number, trace: string | Trace): Omit<CompareRow, 'model'> {
    const entries = STRATEGIES.map(
      (strategy) => [strategy, this.cell(strategy, capacitorUf, trace)] as const,
    );
    const cells = Object.fromEntries(entries) as CompareRow['cells'];
    return {
      device: this.profile.name,
      capacitorUf,
      trace: typeof trace === 'string' ? trace : trace.name,
      cells,
      overSonic: ratio(cells.sonic, cells.ours),
      overAce: ratio(cells['ace+flex'], cells.ours),
    };
  }

  sensitivity(
    capacitorUf: number,
    trace: string | Trace,
    fftFactor: number,
  ): Omit<Sensitivity, 'model'> | null {
    const [sonic, ace, ours] = (['sonic', 'ace+flex', 'ours'] as const).map((strategy) => {
      return this.cell(strategy, capacitorUf, trace, fftFactor);
    });
    const [overSonic, overAce] = [ratio(sonic!, ours!), ratio(ace!, ours!)];
    return overSonic && overAce && { device: this.profile.name, fftFactor, overSonic, overAce };
  }
}

/** What is compared, by capacitor. */
function plansOf(
  model: string | Image,
  profile: DeviceProfile,
  settings: CompareSettings,
): (capacitorUf: number) => { image: Image; comparison: Comparison } {
  const plans = new Map<number, { image: Image; comparison: Comparison }>();
  const { seed, converter, policy } = settings;
  return (capacitorUf) => {
    const uf = plannedUf(profile, capacitorUf);
    const known = plans.get(uf);
    if (known) return known;
    const image = withInput(imageFor(model, profile, uf), typeof model === 'string' ? {} : settings);
    const boots = meteredBoots(image, profile);
    // By any other name it is what that says.
    const every = policy === 'auto' && isOwn(profile) ? image.policy.every : 0;
    const options = { seed, converter, policy, every };
    const made = { image, comparison: new Comparison(layersOf(image, profile), profile, boots, options) };
    plans.set(uf, made);
    return made;
  };
}

/**
 * Run time and energy of one inference under BASE, SONIC, TAILS, ACE+FLEX and ours. `models`: names of RAD's networks
 * (all three if there are none) or images. Throws `BrownoutError`.
 */
export function compare(
  models: readonly (string | Image)[] = [],
  options: CompareOptions = {},
): CompareResult {
  const settings = checkOptions(compareOptions, options);
  const { devices, traces, seed, capacitorsUf, converter, policy } = settings;
  const given = checkList(models, 'names of models and images').map((model) =>
    typeof model === 'string' ? model : imageOf(model),
  );
  const files = given.flatMap((model) => (typeof model === 'string' ? [] : [model.file]));
  const result: CompareResult = {
    origin: {
      version: originOf({}).version,
      imagesSha256: files.map((file) => originOf({ image: file }).imageSha256!),
      tracesSha256: traces.map((trace) => originOf({ trace: traceBytes(trace, seed) }).traceSha256!),
      seed,
    },
    ...{ seed, converter: converterName(converter), policy },
    ...{ rows: [], sensitivity: [], modelErrors: [] },
  };
  for (const device of devices) {
    const profile = deviceProfile(device);
    for (const model of given.length > 0 ? given : RAD_NETWORKS) {
      const planOf = plansOf(model, profile, settings);
      const largestUf = Math.max(...capacitorsUf);
      const { image, comparison } = planOf(largestUf);
      const { name } = image.metadata;
      const costs = layerOps(image).map(({ op }) => opCost(op, profile));
      const estimated = costs.reduce((sum, { enter, all }) => sum + enter.cycles + all.cycles, 0);
      const scale = profile.planScale.value;
      const percent =
        (estimated / comparison.layers.reduce((sum, { cycles }) => sum + cycles * scale, 0) - 1) * 100;
      result.modelErrors.push({ model: name, device: profile.name, percent });
      for (const trace of traces) {
        for (const capacitorUf of capacitorsUf)
          result.rows.push({ model: name, ...planOf(capacitorUf).comparison.row(capacitorUf, trace) });
      }
      for (const factor of profile.accelerator ? [0.5, 2] : []) {
        const found = comparison.sensitivity(largestUf, traces[0]!, factor);
        if (found) result.sensitivity.push({ model: name, ...found });
      }
    }
  }
  return result;
}
