import {
  CONSTANT,
  GROUP_SHIFT,
  JobKind,
  OP_BIAS,
  OP_FLAG_COMMIT,
  OP_REQUANT,
  OP_TILES,
  OP_WEIGHTS,
} from '../../assembly/layout.js';
import { type Endurance, forecastEndurance } from '../firmware/endurance.js';
import { imageOf } from '../ops/given-image.js';
import type { Image } from '../model/image.js';
import { constantOffset } from '../model/learning-header.js';
import { describeOp, savingOf, sumBodyOf, type SumBody } from '../ops/record.js';
import { type Origin, originOf } from '../origin.js';
import { bankReads } from '../plan/footprint.js';
import type { OpRecord } from '../model/record.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import { paceOf } from '../power/pace.js';
import { targetOf } from '../power/target.js';
import { COMMIT_CYCLES } from '../ops/shared/cycles.js';
import { chargeCycles, chargeUj, type DeviceProfile } from '../profiles/profile.js';
import { unitCostOf } from '../profiles/unit.js';
import { BareKernels } from '../simulator/bare.js';
import { checkOptions } from '../options/table.js';
import { bareModuleFor, meteredModule, moduleBytes, moduleFor } from '../toolchain/modules.js';
import { type AnalyzeOptions, analyzeOptions } from './options.js';

/** What one op costs, simulated. */
export interface OpAnalysis {
  name: string;
  kind: string;
  inputShape: number[];
  outputShape: number[];
  macs: number;
  /** What computes its sums in firmware for the device: cycles and energy are those of it. */
  body: SumBody;
  /** The share of instructions that the body saves of a Cortex-M3's, of `lea` of cycles of an MSP430's core; estimated. */
  bodySaves: number;
  /** NVM bytes read and written by one run of the op. */
  bytesMoved: number;
  /** Simulated cycles of one run of the op, NVM included. */
  cycles: number;
  /** Of the whole device, in that run. */
  energyUj: number;
  /** Of that, while a vector unit works, by constants that others have published. */
  acceleratorUj: number;
  /** Of all ops' cycles, and of those up to this one. */
  share: number;
  cumulativeShare: number;
  /** Constants. */
  flashBytes: number;
  tiles: number;
  /** Cycles and energy of entering the op and its dearest tile. */
  largestTileCycles: number;
  largestTileUj: number;
  /** Whether a commit is mandatory behind it. */
  commits: boolean;
}

/** How much is used of what there is. */
export interface Usage {
  usedBytes: number;
  totalBytes: number;
}

/** What `brownout analyze --json` prints. Cycles and wear are simulated. */
export interface AnalyzeResult {
  origin: Origin;
  name: string;
  device: string;
  /** Whether that is what the image was compiled for. */
  notes: string[];
  policy: string;
  ops: OpAnalysis[];
  macs: number;
  cycles: number;
  /** Of the kernels of one inference on steady power; boots and commits come on top. */
  timeMs: number;
  energyMj: number;
  /** What of that energy a vector unit takes, by constants that others have published. */
  acceleratorPercent: number;
  /** How often the device's capacitor is emptied for it, without any harvest meanwhile; a boot each taken off. */
  charges: number;
  capacitorUf: number;
  /** The least capacitor whose charge holds a boot, the dearest tile with entering its op, and a commit. */
  smallestCapacitorUf: number;
  /** Cycles that one charge of the device lasts: what the largest tile must fit in. */
  chargeCycles: number;
  sram: Usage;
  nvm: Usage;
  endurance: Endurance[];
}

/** What running op `index` costs, measured on the metered kernels. */
function measureOp(
  kernels: BareKernels,
  supply: MeteredSupply,
  index: number,
  tileCount: number,
): Pick<OpAnalysis, 'cycles' | 'energyUj' | 'bytesMoved' | 'largestTileCycles' | 'largestTileUj'> {
  const { statistics } = supply;
  const energyUj = (): number => statistics.energyUj.compute + statistics.energyUj.nvm;
  const cost = (work: () => void): { cycles: number; uj: number } => {
    supply.finish();
    const [cycles, uj] = [statistics.cycles, energyUj()];
    work();
    supply.finish();
    return { cycles: statistics.cycles - cycles, uj: energyUj() - uj };
  };
  const moved = (): number =>
    statistics.imageBytesRead + statistics.nvmBytesRead + statistics.nvmBytesWritten;
  const start = moved();
  const enter = cost(() => kernels.enter(index));
  const tiles = Array.from({ length: tileCount }, (_, tile) => cost(() => kernels.tile(tile)));
  return {
    cycles: tiles.reduce((sum, { cycles }) => sum + cycles, enter.cycles),
    energyUj: tiles.reduce((sum, { uj }) => sum + uj, enter.uj),
    bytesMoved: moved() - start,
    largestTileCycles: enter.cycles + Math.max(...tiles.map(({ cycles }) => cycles)),
    largestTileUj: enter.uj + Math.max(...tiles.map(({ uj }) => uj)),
  };
}

/** Time, energy and charges of what ops cost, and the capacitor that the dearest tile asks for. */
function powerNeeds(
  costs: readonly ReturnType<typeof measureOp>[],
  profile: DeviceProfile,
): Pick<AnalyzeResult, 'timeMs' | 'energyMj' | 'charges' | 'capacitorUf' | 'smallestCapacitorUf'> {
  const cycles = costs.reduce((sum, cost) => sum + cost.cycles, 0);
  const energyUj = costs.reduce((sum, cost) => sum + cost.energyUj, 0);
  const largestTileUj = Math.max(...costs.map((cost) => cost.largestTileUj));
  const commitUj = (COMMIT_CYCLES * profile.activeNjPerCycle.value) / 1000;
  const charge = chargeUj(profile);
  return {
    timeMs: (cycles * 1000) / profile.clockHz.value,
    energyMj: energyUj / 1000,
    charges: energyUj / Math.max(charge - profile.bootUj.value, Number.EPSILON),
    capacitorUf: profile.capacitorUf.value,
    smallestCapacitorUf:
      ((profile.bootUj.value + largestTileUj + commitUj) / charge) * profile.capacitorUf.value,
  };
}

/** What of the energy of ops a vector unit takes. */
function percentOf(ops: readonly OpAnalysis[]): number {
  const sumOf = (what: 'acceleratorUj' | 'energyUj'): number => ops.reduce((sum, op) => sum + op[what], 0);
  return (sumOf('acceleratorUj') / Math.max(sumOf('energyUj'), Number.EPSILON)) * 100;
}

/** Bytes of constants from one op's first to the next one's; and what it has in the factory's weight bank. */
function constantBytes(image: Image): number[] {
  const ops = image.ops.filter((op) => !op.isLearning);
  const starts = ops.map((op) => {
    const fields = [OP_WEIGHTS, OP_BIAS, OP_REQUANT]
      .map((field) => op.get(field))
      .filter((address) => (address & CONSTANT) !== 0)
      .map(constantOffset);
    return fields.length > 0 ? Math.min(...fields) : undefined;
  });
  const { learning, stream, constants } = image;
  const first = learning?.factory ?? stream?.firstState;
  const end = first === undefined ? constants.offset + constants.bytes : constantOffset(first);
  return ops.map((op, index) => {
    const start = starts[index];
    const behind = starts.filter(
      (next): next is number => next !== undefined && start !== undefined && next > start,
    );
    const own = start === undefined ? 0 : Math.min(...behind, end) - start;
    // Weights that learn have low bytes, too.
    const sizes = bankReads(op).map(([from, to], i) => (to - from) * (i === 0 && isLearnt(op) ? 2 : 1));
    return sizes.reduce((sum, size) => sum + size, own);
  });
}

/** Whether weights learn, and not biases alone. */
const isLearnt = (op: OpRecord): boolean => (op.get(OP_WEIGHTS) & ~CONSTANT) >>> GROUP_SHIFT !== 0;

/** Analyses `image` op by op for a device. Throws `BrownoutError`. */
export function analyze(image: Uint8Array | Image, options: AnalyzeOptions = {}): AnalyzeResult {
  const model = imageOf(image);
  const { powered: profile, notes } = targetOf(model, checkOptions(analyzeOptions, options));
  const supply = new MeteredSupply(profile).paced(paceOf(model, profile));
  const module = meteredModule(bareModuleFor(model), profile.instructionCycles.value);
  const kernels = new BareKernels(module, model, supply);
  if (model.sample) kernels.feed(model.sample);
  const flash = constantBytes(model);
  kernels.begin();
  const { first, count } = model.jobs[JobKind.INFER]!;
  const inference = model.ops.slice(first, first + count);
  const costs = inference.map((op, index) => measureOp(kernels, supply, index, op.get(OP_TILES)));
  const cycles = costs.reduce((sum, cost) => sum + cost.cycles, 0);
  let cumulative = 0;
  const ops = inference.map((op, index): OpAnalysis => {
    const cost = costs[index]!;
    const unit = op.isLearning ? { cycles: 0, nj: 0 } : unitCostOf(op, profile);
    cumulative += cost.cycles;
    return {
      name: model.metadata.ops[index]!,
      ...describeOp(op),
      body: sumBodyOf(op, profile.body.value),
      bodySaves: savingOf(op, profile.body.value, unit.cycles),
      ...cost,
      acceleratorUj: unit.nj / 1000,
      share: cost.cycles / cycles,
      cumulativeShare: cumulative / cycles,
      flashBytes: flash[index] ?? 0,
      tiles: op.get(OP_TILES),
      commits: op.has(OP_FLAG_COMMIT),
    };
  });
  return {
    origin: originOf({ image: model.file, module: moduleBytes(moduleFor(model)) }),
    name: model.metadata.name,
    device: profile.name,
    notes,
    policy: model.metadata.policy,
    ops,
    macs: ops.reduce((sum, op) => sum + op.macs, 0),
    cycles,
    ...powerNeeds(costs, profile),
    acceleratorPercent: percentOf(ops),
    chargeCycles: chargeCycles(profile),
    sram: { usedBytes: kernels.arena + model.arenaBytes, totalBytes: profile.sramBytes.value },
    nvm: { usedBytes: model.nvmBytes, totalBytes: profile.nvmBytes.value },
    endurance: forecastEndurance(model, profile),
  };
}
