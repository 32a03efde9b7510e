// The main job: real digits on a simulated device whose power fails again and again, beside the same on steady power.
import { readFileSync } from 'node:fs';
import { C_SEQUENCE } from '../../assembly/layout.js';
import { readNpy } from '../data/npy.js';
import { modelInputs } from '../data/model-input.js';
import { Random } from '../math/random.js';
import type { Values } from '../model/values.js';
import { type Origin, originOf } from '../origin.js';
import { checkOptions } from '../options/table.js';
import { type Image, readImage } from '../model/image.js';
import { openTrace, traceBytes } from '../power/source.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import type { RunStatistics } from '../power/statistics.js';
import { paceOf } from '../power/pace.js';
import { poweredBy } from '../power/converter.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { deviceProfile } from '../profiles/index.js';
import { completeJob } from '../simulator/app.js';
import { BareKernels } from '../simulator/bare.js';
import { Device } from '../simulator/device.js';
import { comparableNvm, firstDifference } from '../simulator/equality.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { randomOutcome } from '../simulator/outcome.js';
import { provision } from '../simulator/provision.js';
import { meteredModule, moduleBytes } from '../toolchain/modules.js';
import { type DemoOptions, demoOptions } from './options.js';

/** What `brownout demo --json` prints. Figures of power and time are simulated. */
export interface DemoResult {
  origin: Origin;
  samples: number;
  correct: number;
  cuts: number;
  /** Final NVM (diagnostics left out) and every answer equal those on steady power. */
  identical: boolean;
  /** Commits that counted on the harvested device. */
  commits: number;
  nvmBytesWritten: number;
  /** WASM instructions executed on the harvested device, re-execution included. */
  instructions: number;
  /** Steady power, cycles against the same kernels without sync, cursor, CRC or policy. */
  overheadPercent: number;
  wasmBytes: number;
  /** Static data and arena. */
  sramBytes: number;
  seed: number;
}

/** What the terminal shows besides. */
export interface DemoDetails {
  result: DemoResult;
  profile: DeviceProfile;
  harvested: RunStatistics;
  steady: RunStatistics;
}

/** Small enough for several cuts a digit. */
const CAPACITOR_UF = 33;

const asset = (name: string): Uint8Array => {
  return new Uint8Array(readFileSync(new URL(`../../../checkpoints/${name}`, import.meta.url)));
};

/** The digits that ship: int8 [200, 28, 28, 1], already quantized, and their labels. */
export function shippedDigits(image: Image): { inputs: Int8Array[]; labels: Uint8Array } {
  const labels = readNpy(asset('digits-labels.npy')).data as Uint8Array;
  const inputs = modelInputs(readNpy(asset('digits-samples.npy')), image) as Int8Array[];
  return { inputs, labels };
}

/** The trained digits network that ships. */
export function shippedImage(): Image {
  return readImage(asset('digits.brn'));
}

const argmax = (scores: Values): number => scores.indexOf(Math.max(...scores));

/** Classifies shipped digits through power failures, and again on steady power. Deterministic for a seed. Throws `E_OPTION`. */
export function demo(options: DemoOptions = {}): DemoDetails {
  const { samples, seed, onSample } = checkOptions(demoOptions, options);
  const image = shippedImage();
  const digits = shippedDigits(image);
  const inputs = digits.inputs.slice(0, samples);
  const profile = poweredBy(deviceProfile('cortex-m4-generic'), { capacitorUf: CAPACITOR_UF });
  const costs = profile.instructionCycles.value;
  const module = meteredModule('digits', costs);

  const device = (supply: MeteredSupply): Device => {
    const nvm = new SimulatedNvm(image.nvmBytes, { tearUnit: profile.nvmTearBytes.value });
    provision(nvm, image);
    return new Device(module, { image, nvm, sramBytes: profile.sramBytes.value, supply });
  };
  const pace = paceOf(image, profile);
  const steadySupply = new MeteredSupply(profile).paced(pace);
  const harvestedSupply = new MeteredSupply(profile, openTrace('rf', seed)).paced(pace);
  const steady = device(steadySupply);
  const harvested = device(harvestedSupply);
  const random = new Random(seed);
  const onCut = (): ReturnType<typeof randomOutcome> => randomOutcome(random);

  let [correct, identical] = [0, true];
  inputs.forEach((input, index) => {
    const job = { ticket: index + 1, input };
    const expected = completeJob(steady, image, job, {}, index > 0).answer;
    const { answer, cuts } = completeJob(harvested, image, job, { onCut }, index > 0);
    identical &&= firstDifference(new Uint8Array(expected.buffer), new Uint8Array(answer.buffer)) < 0;
    const found = argmax(answer);
    const label = digits.labels[index]!;
    if (found === label) correct++;
    onSample?.({ index, pixels: input, label, answer: found, cuts });
  });
  steadySupply.finish();
  harvestedSupply.finish();
  const renumber = image.policy.low;
  const [nvmA, nvmB] = [steady, harvested].map((d) => comparableNvm(d.nvm.cells, image, renumber)) as [
    Uint8Array,
    Uint8Array,
  ];
  identical &&= firstDifference(nvmA, nvmB) < 0;

  const bareSupply = new MeteredSupply(profile).paced(pace);
  const bare = new BareKernels(meteredModule('digits.bare', costs), image, bareSupply);
  for (const input of inputs) bare.run(input);
  bareSupply.finish();
  const { statistics } = harvestedSupply;
  return {
    result: {
      origin: originOf({
        image: image.file,
        module: moduleBytes('digits'),
        trace: traceBytes('rf', seed),
        seed,
      }),
      samples,
      correct,
      cuts: statistics.cuts,
      identical,
      commits: harvested.cursorField(C_SEQUENCE),
      nvmBytesWritten: statistics.nvmBytesWritten,
      instructions: statistics.instructions,
      overheadPercent: (steadySupply.statistics.cycles / bareSupply.statistics.cycles - 1) * 100,
      wasmBytes: moduleBytes('digits').length,
      sramBytes: harvested.arena + image.arenaBytes,
      seed,
    },
    profile,
    harvested: statistics,
    steady: steadySupply.statistics,
  };
}
