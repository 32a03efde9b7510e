import { STATIC_BYTES, STATIC_BYTES_LEARNING } from '../../assembly/layout.js';
import { BrownoutError, ExitCode } from '../error.js';
import { type ImageMetadata, type Layer, type Proof, writeImage } from '../model/image.js';
import {
  elementCount,
  type QuantizedNetwork,
  type Circulant,
  type SpectraChoice,
  type TensorSpec,
} from '../model/quantized-network.js';
import { validateNetwork } from '../model/validate.js';
import type { Values } from '../model/values.js';
import { checkPolicy, resolvePolicy } from '../plan/policy.js';
import { COMMIT_CYCLES, leastCycles } from '../plan/cost.js';
import type { Plan } from '../model/plan.js';
import { planNetwork, type PlanOptions } from '../plan/planner.js';
import { deriveLearning } from '../learning/derive.js';
import type { LearnOptions } from '../learning/spec.js';
import { verify } from '../verify/verify.js';
import { chargeUj, type DeviceProfile, plannedCycles, withCapacitor } from '../profiles/profile.js';
import { deviceProfile } from '../profiles/index.js';

/** Options of `compile`. */
export interface CompileOptions {
  /** `every N`, `low`, `auto` (default) or `never`. */
  policy?: string;
  /** Device profile the plan is made for; default `cortex-m4-generic`. */
  device?: string;
  /** Capacitor before the device, in µF; default the device's own. */
  capacitorUf?: number;
  /** Bytes of SRAM from the arena on; default 3,808, 4 KB with the static data, or twice that and so on until ops fit. */
  arenaBytes?: number;
  /** Bytes of NVM the image may take; default what the device has. */
  nvmBytes?: number;
  /** Float range the input was trained on; default 0–1. */
  preprocessing?: ImageMetadata['preprocessing'];
  /** Names of the classes. */
  classes?: string[];
  /** An input to carry along, already quantized. */
  sample?: Values;
  /** What the image learns on the device (docs/LEARNING.md); default nothing. */
  learn?: LearnOptions;
  /**
   * What circulant layers that are transformed keep of their weights, unless they say so themselves: `stored` spectra
   * (default), four bytes each, or the weights, of which every block row is transformed again (`computed`).
   */
  spectra?: SpectraChoice;
  /** How circulant layers that leave it open are computed; `auto` (default): the cheaper of direct and ntt. */
  circulant?: Circulant['method'];
  /** Prove the image on the device module (`verify`) and put what was proved into its metadata; default true. */
  verify?: boolean;
}

const OPTIONS = [
  'policy',
  'device',
  'capacitorUf',
  'arenaBytes',
  'nvmBytes',
  'preprocessing',
  'classes',
  'sample',
  'learn',
  'spectra',
  'circulant',
  'verify',
];
/** SRAM that a plan is first made for, static data included. */
const DEFAULT_SRAM_BYTES = 4096;
/** Entering an op and one of its tiles takes at most this share of a charge, where tiles can be cut that small. */
const TILE_SHARE = 0.1;

/** The device the plan is made for, with the capacitor it is given. Throws `E_DEVICE`, `E_OPTION`. */
const profileFor = ({ device = 'cortex-m4-generic', capacitorUf }: CompileOptions): DeviceProfile =>
  withCapacitor(deviceProfile(device), capacitorUf);

/** Throws `E_CHARGE` where not even one tile of an op fits a charge: the device would never get past it. */
function checkCharge(plan: Plan, profile: DeviceProfile): void {
  const charge = plannedCycles(profile) - COMMIT_CYCLES;
  for (const { name, record } of plan.ops) {
    const cycles = leastCycles(record);
    if (cycles <= charge) continue;
    const energyUj = (cycles * profile.planScale.value * profile.activeNjPerCycle.value) / 1000;
    throw new BrownoutError({
      code: 'E_CHARGE',
      found: `op "${name}" whose smallest tile takes ${Math.round(energyUj)} µJ (estimated)`,
      expected: `at most the ${Math.floor(chargeUj(profile))} µJ that a charge of ${profile.name} holds`,
      hint: 'Make the layer smaller, or give a larger capacitorUf.',
    });
  }
}

/** Proves a job of an image, or throws `E_VERIFY`; `E_CHARGE` where one charge does not hold a tile. */
function proveJob(image: Uint8Array, options: CompileOptions, job: 'infer' | 'learn'): Proof {
  const { device, capacitorUf } = options;
  const settings = {
    ...(device === undefined ? {} : { device }),
    ...(capacitorUf === undefined ? {} : { capacitorUf }),
  };
  const result = verify(image, { job, ...settings });
  if (result.proved) {
    const { cursors, tiles, bytesChecked, garbageFills, recoveryPairs, tear } = result;
    return { cursors, tiles, bytesChecked, garbageFills, recoveryPairs, tear };
  }
  const { counterexample, largestTileOp, largestTilePercent } = result;
  if (counterexample) {
    throw new BrownoutError(
      {
        code: 'E_VERIFY',
        found: `${counterexample.obligation}: ${counterexample.found}`,
        expected: 'an image that no power failure can make give a wrong result',
        hint: 'Report the model that led to it; compile with verify: false and run `brownout verify` for the details.',
      },
      ExitCode.WRONG,
    );
  }
  const profile = profileFor(options);
  const charge = chargeUj(profile);
  const energy = Math.round((charge * largestTilePercent) / 100);
  throw new BrownoutError({
    code: 'E_CHARGE',
    found: `op "${largestTileOp}": a boot, its dearest tile and a commit take ${energy} µJ (simulated)`,
    expected: `at most the ${Math.floor(charge)} µJ that a charge of ${profile.name} holds`,
    hint: 'Make the layer smaller, or give a larger capacitorUf.',
  });
}

/** Proves all jobs of an image, or throws `E_VERIFY`. */
function prove(image: Uint8Array, options: CompileOptions): Proof {
  const proof = proveJob(image, options, 'infer');
  if (!options.learn) return proof;
  const other = proveJob(image, options, 'learn');
  const sum = (of: (one: Proof) => number): number => of(proof) + of(other);
  return {
    cursors: sum(({ cursors }) => cursors),
    tiles: sum(({ tiles }) => tiles),
    bytesChecked: sum(({ bytesChecked }) => bytesChecked),
    garbageFills: sum(({ garbageFills }) => garbageFills),
    recoveryPairs: sum(({ recoveryPairs }) => recoveryPairs),
    tear: proof.tear,
  };
}

function checkSample(sample: Values | undefined, input: TensorSpec): void {
  if (!sample) return;
  const { dtype = 'int8' } = input;
  const found = sample instanceof Int16Array ? 'int16' : 'int8';
  if (sample.length === elementCount(input) && found === dtype) return;
  throw new BrownoutError({
    code: 'E_INPUT_SIZE',
    found: `a sample of ${sample.length} ${found} values`,
    expected: `${elementCount(input)} of ${dtype}`,
    hint: 'Give one input of the network, already quantized.',
  });
}

/** Bytes of SRAM to try, least first: as given, or ever more of what the device has. */
function arenaChoices({ arenaBytes, learn }: CompileOptions, profile: DeviceProfile): number[] {
  if (arenaBytes !== undefined) return [arenaBytes];
  const statics = learn ? STATIC_BYTES_LEARNING : STATIC_BYTES;
  const choices = [DEFAULT_SRAM_BYTES - statics];
  const most = profile.sramBytes.value - statics;
  while (choices.at(-1)! * 2 <= most) choices.push(choices.at(-1)! * 2);
  return choices;
}

/** The plan for the least SRAM that it fits. */
function planWithin(
  arenas: readonly number[],
  network: QuantizedNetwork,
  options: Omit<PlanOptions, 'arenaBytes'>,
): Plan {
  for (const [i, arenaBytes] of arenas.entries()) {
    try {
      return planNetwork(network, { ...options, arenaBytes });
    } catch (error) {
      const last = i === arenas.length - 1;
      if (last || !(error instanceof BrownoutError) || error.code !== 'E_PLAN') throw error;
    }
  }
  throw new RangeError('no SRAM to try');
}

/** What each op of the network makes, and how many records it is. */
function layersOf(network: QuantizedNetwork, plan: Plan): Layer[] {
  return network.ops.flatMap((op, index) => {
    const records = plan.ops.filter((record) => record.op === index).length;
    return records === 0 ? [] : [{ records, output: network.tensors[op.output]! }];
  });
}

/** `network` with its circulant layers as chosen, where they leave it open. */
function withCirculants(
  network: QuantizedNetwork,
  { spectra = 'stored', circulant = 'auto' }: CompileOptions,
): QuantizedNetwork {
  const ops = network.ops.map((op) => {
    if (op.kind !== 'circulant') return op;
    return { spectra, ...op, method: op.method === 'auto' ? circulant : op.method };
  });
  return { ...network, ops };
}

const SPECTRA = ['stored', 'computed'];
const METHODS = ['auto', 'direct', 'ntt', 'karatsuba'];

function checkCirculants({ spectra, circulant }: CompileOptions): void {
  const check = (name: string, found: string | undefined, expected: string[], hint: string): void => {
    if (found === undefined || expected.includes(found)) return;
    throw new BrownoutError({
      code: 'E_OPTION',
      found: `${name} "${found}"`,
      expected: `${expected.slice(0, -1).join(', ')} or ${expected.at(-1)}`,
      hint,
    });
  };
  check('spectra', spectra, SPECTRA, 'Leave it out: spectra are stored where NVM holds them.');
  check('circulant', circulant, METHODS, 'Leave it out: the planner chooses.');
}

/** Compiles a quantized network to an image (.brn). Throws `BrownoutError`. */
export function compile(network: QuantizedNetwork, options: CompileOptions = {}): Uint8Array {
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new BrownoutError({
      code: 'E_OPTION',
      found: `option "${unknown}"`,
      expected: OPTIONS.join(', '),
      hint: 'Correct its name.',
    });
  }
  validateNetwork(network);
  const policy = options.policy ?? 'auto';
  checkPolicy(policy);
  const profile = profileFor(options);
  checkCirculants(options);
  const plan = planWithin(arenaChoices(options, profile), withCirculants(network, options), {
    tileCycles: plannedCycles(profile) * TILE_SHARE,
    nvmBytes: options.nvmBytes ?? profile.nvmBytes.value,
    overlap: policy !== 'never',
    ...(options.learn ? { learning: deriveLearning(network, options.learn) } : {}),
  });
  checkCharge(plan, profile);
  const sample = options.sample;
  checkSample(sample, network.tensors[network.input]!);
  const metadata: ImageMetadata = {
    name: network.name,
    input: network.tensors[network.input]!,
    output: network.tensors[network.output]!,
    preprocessing: options.preprocessing ?? { minimum: 0, maximum: 1 },
    ops: plan.ops.map((op) => op.name),
    ...(options.learn ? {} : { layers: layersOf(network, plan) }),
    ...(network.quantization ? { quantization: network.quantization } : {}),
    ...(options.classes ? { classes: options.classes } : {}),
    policy,
  };
  const resolved = resolvePolicy(policy, plan, profile);
  const image = writeImage(plan, resolved, metadata, sample);
  if (options.verify === false) return image;
  return writeImage(plan, resolved, { ...metadata, proof: prove(image, options) }, sample);
}
