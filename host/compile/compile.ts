import { STATIC_BYTES, STATIC_BYTES_LEARNING } from '../../assembly/layout.js';
import { BrownoutError, checkFields, ExitCode } from '../error.js';
import { deriveLearning } from '../learning/derive.js';
import { AUTO, completeSumsOptions, SUMS } from '../learning/options.js';
import type { LearnOptions } from '../learning/spec.js';
import { deriveSums, type FeaturesOf } from '../learning/sums/derive.js';
import { lastLayer } from '../learning/sums/head.js';
import { type Image, readImage, writeImage } from '../model/image.js';
import type { ImageMetadata, Layer, Proof } from '../model/metadata.js';
import type { Plan } from '../model/plan.js';
import {
  type Circulant,
  type Conv2d,
  elementCount,
  type QuantizedNetwork,
  type QuantizedOp,
  type SpectraChoice,
  type TensorSpec,
} from '../model/quantized-network.js';
import type { Values } from '../model/values.js';
import { roundToLean } from '../ops/lean.js';
import type { Lower } from '../ops/shared/lowering.js';
import { validateNetwork } from '../ops/validate.js';
import { transformedBytes } from '../ops/winograd.js';
import { checkOptions } from '../options/table.js';
import { commitCost, energyOf, leastUj, lossOf, opCost } from '../plan/cost.js';
import { grainOf } from '../plan/grain.js';
import { type PlanOptions, planNetwork } from '../plan/planner.js';
import { resolvePolicy } from '../plan/policy.js';
import { withOwnStates } from '../plan/stream.js';
import { poweredBy } from '../power/converter.js';
import { compiledFor } from '../power/target.js';
import { deviceProfile } from '../profiles/index.js';
import { chargeUj, type DeviceProfile, plannedCycles } from '../profiles/profile.js';
import { verify } from '../verify/verify.js';
import { ChargeError, checkCharge } from './charge.js';
import { type ChoiceTools, choose, type LearningChoice } from './choose-learning.js';
import { featuresOf } from './features.js';
import { type CompileOptions, type CompileSettings, compileOptions } from './options.js';

/** The arena that a plan is first made for; one that learns holds spectra of weights there, too. */
const [DEFAULT_ARENA_BYTES, DEFAULT_ARENA_BYTES_LEARNING] = [3168, 3300];
/** What stack and application take beside it in firmware of a part that has little. */
const BESIDE_ARENA_BYTES = 720;
/** Entering an op and one of its tiles takes at most this share of a charge, where tiles can be cut that small. */
const TILE_SHARE = 0.1;
/** Those of the cost model, which knows what a tile begun again loses, may take so many of these. */
const COUNTED = 3;
/** Where tiles that share a line must be done in one charge: what they take together, if that is too much, and then less. */
const GRAIN_SHARES = [TILE_SHARE, TILE_SHARE / 2, TILE_SHARE / 4, TILE_SHARE / 8];

/** Of the desk, where a part of a network runs to see what it makes: NVM and capacitor for any. */
const [DESK_BYTES, DESK_UF] = [1 << 26, 1e5];

/** The device the plan is made for, with the capacitor and the converter it is given. Throws `E_DEVICE`, `E_CONVERTER`. */
const profileFor = ({ device, ...power }: CompileSettings): DeviceProfile =>
  poweredBy(deviceProfile(device), powerOf(power));

/** Capacitor and converter, if they are given. */
const powerOf = ({ capacitorUf, converter }: Pick<CompileSettings, 'capacitorUf' | 'converter'>) => ({
  ...(capacitorUf === undefined ? {} : { capacitorUf }),
  converter,
});

/** Whether a charge holds entering each op, a tile or its grain, and a commit, by the cost model. */
function fitsCharge({ ops }: Plan, profile: DeviceProfile): boolean {
  const left = chargeUj(profile) - profile.bootUj.value - commitCost(profile).energyUj;
  return ops.every(({ record }) => leastUj(record, profile) <= left);
}

/** Proves a job of an image, or throws `E_VERIFY`; `E_CHARGE` where one charge does not hold a tile. */
function proveJob(image: Uint8Array, options: CompileSettings, job: 'infer' | 'learn'): Proof {
  const result = verify(image, { job, device: options.device, ...powerOf(options) });
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
        hint: 'Report the model that led to it; compile it with `verify` false and run `brownout verify` for the details.',
      },
      ExitCode.WRONG,
    );
  }
  const profile = profileFor(options);
  const neededUj = (chargeUj(profile) * largestTilePercent) / 100;
  throw new ChargeError(`op "${largestTileOp}": a boot, its dearest tile and a commit`, neededUj, profile);
}

/** Proves all jobs of an image, or throws `E_VERIFY`. */
function prove(image: Uint8Array, options: CompileSettings): Proof {
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
function arenaChoices({ arenaBytes, learn }: CompileSettings, profile: DeviceProfile): number[] {
  if (arenaBytes !== undefined) return [arenaBytes];
  const statics = learn ? STATIC_BYTES_LEARNING : STATIC_BYTES;
  const most = profile.sramBytes.value - statics;
  const usual = learn ? DEFAULT_ARENA_BYTES_LEARNING : DEFAULT_ARENA_BYTES;
  const choices = [most > BESIDE_ARENA_BYTES ? Math.min(usual, most - BESIDE_ARENA_BYTES) : usual];
  while (choices.at(-1)! * 2 <= most) choices.push(choices.at(-1)! * 2);
  return choices;
}

/** SRAM beyond what a plan needs is taken up to this much, and where twice of it saves this share of an inference's energy. */
const [MOST_ARENA_BYTES, ARENA_PAYS] = [16384, 0.04];

/** The plan for the least SRAM that it fits, or for more where that pays. */
function planWithin(
  arenas: readonly number[],
  network: QuantizedNetwork,
  options: Omit<PlanOptions, 'arenaBytes'>,
  inferenceUj: (plan: Plan) => number,
): Plan {
  let best: Plan | undefined;
  for (const [i, arenaBytes] of arenas.entries()) {
    if (best && arenaBytes > MOST_ARENA_BYTES) return best;
    try {
      const plan = planNetwork(network, { ...options, arenaBytes });
      if (best && inferenceUj(plan) > (1 - ARENA_PAYS) * inferenceUj(best)) return best;
      best = plan;
      // What learning takes is not modelled.
      if (options.learning || options.sums) return best;
    } catch (error) {
      const last = !best && i === arenas.length - 1;
      if (last || !(error instanceof BrownoutError) || error.code !== 'E_PLAN') throw error;
    }
  }
  if (best) return best;
  throw new RangeError('no SRAM to try');
}

const isSums = (learn: LearnOptions | undefined): boolean => learn?.layers.trim() === SUMS;

/** What the image learns: by sums, or by gradients. Throws `E_LEARN`. */
function learningOf(network: QuantizedNetwork, learn: LearnOptions): Pick<PlanOptions, 'learning' | 'sums'> {
  if (!isSums(learn)) return { learning: deriveLearning(network, learn) };
  const complete = completeSumsOptions(learn);
  return { sums: deriveSums(network, complete, learn.data ?? [], headFeatures(network)) };
}

/** What a tensor of the network holds of inputs, at the desk: on a device with room for any network. */
function valuesAt(network: QuantizedNetwork, tensor: number): FeaturesOf {
  const part = (cut: QuantizedNetwork): Uint8Array =>
    compile(cut, { nvmBytes: DESK_BYTES, capacitorUf: DESK_UF, verify: false });
  return featuresOf(network, tensor, part);
}

/** What the last layer reads of inputs, at the desk. Throws `E_LEARN`. */
export const headFeatures = (network: QuantizedNetwork): FeaturesOf =>
  valuesAt(network, lastLayer(network).features);

/**
 * What `auto` stands for, of `options.learn`, on `sets` of the user's labelled samples; `make`: how images are compiled. Throws
 * `E_LEARN` where the device holds no way to learn, and as `compile` where it does not hold the network.
 */
export function choiceOf(
  model: QuantizedNetwork,
  given: CompileOptions & { learn: LearnOptions },
  sets: Parameters<typeof choose>[2] = [],
  { make = compile, onCandidate }: { make?: typeof compile; onCandidate?: ChoiceTools['onCandidate'] } = {},
): LearningChoice {
  const { learn, ...others } = given;
  const { sample: _, ...plain } = others;
  make(model, { ...plain, verify: false });
  return choose(model, learn, sets, {
    image: (way) => make(model, { ...plain, learn: way, verify: false }),
    at: (tensor) => valuesAt(model, tensor),
    profile: profileFor(checkOptions(compileOptions, others)),
    onCandidate,
  });
}

/** What the planner asks of a record: entering it and a grain for lines of `line` bytes may take `most` of a charge. */
function pricesFor(profile: DeviceProfile, most: number, line: number): PlanOptions['cost'] {
  const charge = chargeUj(profile) - profile.bootUj.value;
  return (record) => {
    const { enter, tile, all } = opCost(record, profile);
    const tileUj = enter.energyUj + tile.energyUj * grainOf(record, line);
    return {
      share: tileUj / charge / most,
      inferenceUj: (enter.energyUj + all.energyUj) * (1 + lossOf(tileUj, profile)),
    };
  };
}

/** How ops become records, by how much of a charge tiles may take, and how many share a line. */
export type LowerFor = (way: string) => Lower;

/** The plan, of tiles so small that each of their grains fits a charge. Throws `E_PLAN`. */
function planFor(
  network: QuantizedNetwork,
  learns: Pick<PlanOptions, 'learning' | 'sums'>,
  options: CompileSettings,
  profile: DeviceProfile,
  lowerFor?: LowerFor,
): Plan {
  const { policy, line } = options;
  const ways = [{ share: TILE_SHARE, together: 1 }];
  if (line > 1) ways.push(...GRAIN_SHARES.map((share) => ({ share, together: line })));
  const nvmBytes = options.nvmBytes ?? profile.nvmBytes.value;
  const chosen = withMethods(network, options, profile);
  const inferenceUj = ({ ops }: Plan): number => energyOf(ops, profile);
  for (const [index, { share, together }] of ways.entries()) {
    const limits = {
      tileCycles: plannedCycles(profile) * share,
      cost: pricesFor(profile, COUNTED * share, together),
      unit: profile.body.value === 'lea',
      nvmBytes,
      overlap: policy !== 'never',
      commitUj: commitCost(profile).energyUj,
      line,
      unstable: options.unstable,
      ...(lowerFor ? { lower: lowerFor(`${share} ${together}`) } : {}),
      ...learns,
    };
    const plan = planWithin(arenaChoices(options, profile), chosen, limits, inferenceUj);
    if (index < ways.length - 1 && !fitsCharge(plan, profile)) continue;
    return plan;
  }
  throw new RangeError('no share to try');
}

/** What each op of the network makes, and how many records it is. */
function layersOf(network: QuantizedNetwork, plan: Plan): Layer[] {
  return network.ops.flatMap((op, index) => {
    const records = plan.ops.filter((record) => record.op === index).length;
    return records === 0 ? [] : [{ records, output: network.tensors[op.output]! }];
  });
}

/** Share of program flash that weights transformed when compiling may take. */
const TRANSFORMED_SHARE = 0.25;

/** Convolutions whose weights are stored transformed, if these may take `bytes` in all: those of the largest maps first. */
function storedTransforms({ ops, tensors }: QuantizedNetwork, bytes: number): Set<QuantizedOp> {
  const stored = new Set<QuantizedOp>();
  const area = ({ output }: Conv2d): number => tensors[output]!.shape.slice(0, 2).reduce((a, b) => a * b, 1);
  const convolutions = ops.filter((op) => op.kind === 'conv2d').sort((a, b) => area(b) - area(a));
  for (const op of convolutions) {
    const taken = transformedBytes(op);
    if (taken > bytes) continue;
    bytes -= taken;
    stored.add(op);
  }
  return stored;
}

/** What a circulant layer by ntt keeps: packed first columns as they are, as spectra take eight times their bytes and more. */
const keptOf = (spectra: CompileSettings['spectra'], { weightType = 'int8' }: Circulant): SpectraChoice =>
  spectra !== 'auto' ? spectra : weightType === 'int8' ? 'stored' : 'computed';

/** `network` with its layers computed as chosen, where they leave it open. */
function withMethods(
  network: QuantizedNetwork,
  { spectra, circulant, convolution, transformed, fuse, lean, learn }: CompileSettings,
  { flashBytes }: DeviceProfile,
): QuantizedNetwork {
  const isLean = lean !== 'off' && !learn;
  const stored = storedTransforms(network, flashBytes.value * TRANSFORMED_SHARE);
  const ops = network.ops.map((given): QuantizedOp => {
    const op = 'multipliers' in given ? { ...given, lean: isLean } : given;
    if (op.kind === 'circulant')
      return { spectra: keptOf(spectra, op), ...op, method: op.method === 'auto' ? circulant : op.method };
    if (op.kind === 'depthwiseConv2d') return { fuse, ...op };
    if (op.kind !== 'conv2d') return op;
    const kept = stored.has(given) ? 'stored' : 'computed';
    return { method: convolution, transformed: transformed === 'auto' ? kept : transformed, ...op };
  });
  return { ...network, ops };
}

/** Throws `E_OPTION` where what settles one kind of memory would spoil the other. */
function checkMemory({ line, unstable }: CompileSettings): void {
  if (line === 1 || !unstable) return;
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `unstable words on NVM with lines of ${line} bytes`,
    expected: 'one of the two',
    hint: 'A boot that writes a slot again may lose it with its line. ECC reads a torn line as an error: leave `unstable` out.',
  });
}

/** An image as it is written, and what it was made of. */
interface Written {
  image: Uint8Array;
  profile: DeviceProfile;
  /** The image with `proof` in its metadata. */
  prove(proof: Proof): Uint8Array;
}

/** What `compile` writes, neither held against a charge nor proved: of a whole network, with nothing left to choose. */
export function assemble(model: QuantizedNetwork, options: CompileSettings, lowerFor?: LowerFor): Written {
  const own = withOwnStates(model);
  const rounded = options.lean === 'on' ? roundToLean(own) : own;
  const learns = options.learn ? learningOf(rounded, options.learn) : {};
  const network = learns.sums?.network ?? rounded;
  checkMemory(options);
  const { policy } = options;
  const profile = profileFor(options);
  const plan = { ...planFor(network, learns, options, profile, lowerFor), release: options.release };
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
    ...(network.inputs ? { inputs: network.inputs } : {}),
    ...(network.outputs ? { outputs: network.outputs } : {}),
    ...(network.states
      ? { states: network.states.map(({ name, input: at }) => ({ name, tensor: network.tensors[at]! })) }
      : {}),
    policy,
    compiledFor: compiledFor({ device: options.device, ...powerOf(options) }),
    ...(options.line > 1 ? { line: options.line } : {}),
  };
  const resolved = resolvePolicy(policy, plan, profile);
  return {
    image: writeImage(plan, resolved, metadata, sample),
    profile,
    prove: (proof) => writeImage(plan, resolved, { ...metadata, proof }, sample),
  };
}

/**
 * What `compile` makes, unproved, of one of many networks that share ops: `lowerFor` may know them. Where a charge is too small,
 * it says so at once, without trying a larger one. Throws as `compile` does.
 */
export function draft(model: QuantizedNetwork, given: CompileOptions, lowerFor?: LowerFor): Image {
  const options = checkOptions(compileOptions, given);
  validateNetwork(model);
  const { image, profile } = assemble(model, options, lowerFor);
  const read = readImage(image);
  checkCharge(read, profile);
  return read;
}

/** Compiles a quantized network to an image (.brn). Throws `BrownoutError`. */
export function compile(model: QuantizedNetwork, given: CompileOptions = {}): Uint8Array {
  const options = checkOptions(compileOptions, given);
  checkFields(model, 'a quantized network, as `importModel` gives it', 'tensors', 'ops', 'input', 'output');
  validateNetwork(model);
  if (options.learn?.layers.trim() === AUTO)
    return compile(model, { ...given, learn: choiceOf(model, { ...given, learn: options.learn }).learn });
  try {
    const { image, profile, prove: proved } = assemble(model, options);
    checkCharge(readImage(image), profile);
    return options.verify ? proved(prove(image, options)) : image;
  } catch (error) {
    if (!(error instanceof ChargeError)) throw error;
    throw error.tried((capacitorUf) => compile(model, { ...given, capacitorUf }));
  }
}
