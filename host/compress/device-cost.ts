// What a quantized network takes on a device: the compiler's plan, and its kernels' cycles and energy, simulated.
import type { DeviceProfile } from '../profiles/profile.js';
import { draft, type LowerFor } from '../compile/compile.js';
import type { CompileOptions } from '../compile/options.js';
import { BrownoutError } from '../error.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { describeOp } from '../ops/record.js';
import { rememberedLower } from '../ops/remembered.js';
import type { Lower } from '../ops/shared/lowering.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import { poweredBy } from '../power/converter.js';
import { paceOf } from '../power/pace.js';
import { chargeUj } from '../profiles/profile.js';
import { deviceProfile } from '../profiles/index.js';
import { BareKernels } from '../simulator/bare.js';
import { meteredModule } from '../toolchain/modules.js';
import { OP_TILES, STATIC_BYTES } from '../../assembly/layout.js';
import type { FloatNetwork } from './float-network.js';
import { hasWeights } from './layers.js';
import { quantizeAs } from './quantize.js';
import type { Choices } from './transform.js';

/** The device, and what of it a model may take. */
export interface Budget {
  device: string | DeviceProfile;
  capacitorUf?: number;
  /** Header, plan and constants of the image; the firmware's code is on top. */
  flashBytes?: number;
  /** Static data and arena of the device module. */
  sramBytes?: number;
  /** Of one inference on steady power. */
  energyUj?: number;
}

/** What a network takes on a device. */
export interface DeviceCost {
  flashBytes: number;
  sramBytes: number;
  nvmBytes: number;
  macs: number;
  /** Of the kernels on steady power, without commits: simulated. */
  energyUj: number;
  latencyMs: number;
  /** Entering an op and its dearest tile, over the energy of a charge. */
  largestTileShare: number;
  /** By op. */
  ops: { name: string; kind: string; energyUj: number; macs: number }[];
}

/** A network quantized with ranges that say nothing: for what it costs. */
export function costNetwork(network: FloatNetwork, choices: Choices): QuantizedNetwork {
  const one = { scale: 1 / 64, zeroPoint: 0 };
  const weights = network.layers.map((layer) => {
    if (!hasWeights(layer)) return undefined;
    const shared = 'blockSize' in layer && (layer.blockSize ?? 1) > 1;
    const groups = shared ? 1 : layer.bias.length;
    const bits = choices[layer.name]?.bits ?? 8;
    return { bits, scales: new Float32Array(groups).fill(1 / 64) };
  });
  return quantizeAs(network, { activations: [one, ...network.layers.map(() => one)], weights }, 'cost');
}

/** What networks that are priced for one budget share: ops that were lowered before. */
export function sharedOps(): LowerFor {
  const ways = new Map<string, Lower>();
  return (way) => {
    const own = ways.get(way) ?? rememberedLower();
    ways.set(way, own);
    return own;
  };
}

/**
 * Runs the kernels of `network` once; `shared`: of all networks that are priced for this budget; `how`: other ways
 * to compile than usual. Throws `E_PLAN`, `E_CHARGE`
 * where the device cannot have it at all.
 */
export function deviceCost(
  network: QuantizedNetwork,
  budget: Budget,
  shared?: LowerFor,
  how: Partial<CompileOptions> = {},
): DeviceCost {
  const { device, capacitorUf, sramBytes } = budget;
  const options = {
    ...how,
    device,
    ...(capacitorUf === undefined ? {} : { capacitorUf }),
    ...(sramBytes === undefined ? {} : { arenaBytes: sramBytes - STATIC_BYTES }),
  };
  const image = draft(network, options, shared);
  const profile = deviceProfile(device);
  const supply = new MeteredSupply(profile).paced(paceOf(image, profile));
  const kernels = new BareKernels(meteredModule('bare', profile.instructionCycles.value), image, supply);
  const { energyUj: spent } = supply.statistics;
  const energy = (work: () => void): number => {
    supply.finish();
    const before = spent.compute + spent.nvm;
    work();
    supply.finish();
    return spent.compute + spent.nvm - before;
  };
  let largest = 0;
  const ops = image.ops.map((op, index) => {
    const enter = energy(() => kernels.enter(index));
    const tiles = Array.from({ length: op.get(OP_TILES) }, (_, tile) => energy(() => kernels.tile(tile)));
    largest = Math.max(largest, enter + Math.max(...tiles));
    const { macs, kind } = describeOp(op);
    const energyUj = tiles.reduce((sum, uj) => sum + uj, enter);
    return { name: image.metadata.ops[index]!, kind, energyUj, macs };
  });
  const sum = (of: (op: (typeof ops)[number]) => number): number =>
    ops.reduce((total, op) => total + of(op), 0);
  const charge = chargeUj(capacitorUf === undefined ? profile : poweredBy(profile, { capacitorUf }));
  return {
    flashBytes: image.imageBytes,
    sramBytes: kernels.arena + image.arenaBytes,
    nvmBytes: image.nvmBytes,
    macs: sum(({ macs }) => macs),
    energyUj: sum(({ energyUj }) => energyUj),
    latencyMs: (supply.statistics.cycles / profile.clockHz.value) * 1000,
    largestTileShare: largest / charge,
    ops,
  };
}

/** By how much a cost is over a budget, as shares of it; 0 if it fits. */
export function excess(cost: DeviceCost, budget: Budget): number {
  const over = (found: number, most: number | undefined): number =>
    most === undefined ? 0 : Math.max(0, found / most - 1);
  return (
    over(cost.flashBytes, budget.flashBytes) +
    over(cost.sramBytes, budget.sramBytes) +
    over(cost.energyUj, budget.energyUj) +
    Math.max(0, cost.largestTileShare - 1)
  );
}

/** The cost, or why there is none. */
export function tryCost(
  network: QuantizedNetwork,
  budget: Budget,
  shared?: LowerFor,
  how: Partial<CompileOptions> = {},
): DeviceCost | string {
  try {
    return deviceCost(network, budget, shared, how);
  } catch (error) {
    if (error instanceof BrownoutError && (error.code === 'E_PLAN' || error.code === 'E_CHARGE'))
      return `${error.found}; expected ${error.expected}`;
    throw error;
  }
}
