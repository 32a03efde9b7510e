// Metered cycles are those of the portable kernels as WASM. What firmware of a device runs may be quicker, as with a core's
// DSP extension, and costs what the model says of it (host/ops/shared/cost.ts): so metered cycles say how far a tile has
// come, and are scaled, op by op, to what it costs.
import { JobKind, OP_TILES } from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import { coreUnitsOf } from '../ops/record.js';
import { enginePace } from '../ops/shared/cost.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { unitCostOf } from '../profiles/unit.js';
import { BareKernels } from '../simulator/bare.js';
import type { Supply } from '../simulator/device.js';
import { type InstructionCosts, MAX_BUDGET_CYCLES, readMeter, setBudget } from '../toolchain/meter.js';
import { bareModuleFor, meteredModule } from '../toolchain/modules.js';
import type { OpPace, Pace } from './statistics.js';

/** Metered cycles of the kernels of one inference, by op of it; none of an op that traps or leaves its memories. */
function meterKernels(image: Image, costs: InstructionCosts): (number | undefined)[] {
  let meter: { value: bigint } | undefined;
  let cycles = 0;
  const settle = (): void => {
    if (!meter) return;
    cycles += MAX_BUDGET_CYCLES - readMeter(meter).cyclesLeft;
    setBudget(meter, MAX_BUDGET_CYCLES);
  };
  const supply: Supply = {
    boot(global) {
      meter = global as unknown as { value: bigint };
      setBudget(meter, MAX_BUDGET_CYCLES);
    },
    view: settle,
    viewImage: settle,
    write(bytes) {
      settle();
      return bytes;
    },
    sync: settle,
    low: () => false,
  };
  const kernels = new BareKernels(meteredModule(bareModuleFor(image), costs), image, supply);
  if (image.sample) kernels.feed(image.sample);
  kernels.begin();
  const { first, count } = image.jobs[JobKind.INFER]!;
  return image.ops.slice(first, first + count).map((op, index) => {
    settle();
    cycles = 0;
    try {
      kernels.enter(first + index);
      for (let tile = 0; tile < op.get(OP_TILES); tile++) kernels.tile(tile);
    } catch (error) {
      // What is wrong with a plan, the proof says.
      if (error instanceof RangeError || error instanceof WebAssembly.RuntimeError) return undefined;
      throw error;
    }
    settle();
    return cycles;
  });
}

/** By image and costs of instructions: whatever capacitor a device has. */
const known = new WeakMap<Image, Map<InstructionCosts, (number | undefined)[]>>();

function meteredCycles(image: Image, costs: InstructionCosts): (number | undefined)[] {
  const byCosts = known.get(image) ?? new Map<InstructionCosts, (number | undefined)[]>();
  known.set(image, byCosts);
  const found = byCosts.get(costs) ?? meterKernels(image, costs);
  byCosts.set(costs, found);
  return found;
}

/**
 * How the cycles of an image's ops are to metered ones on a device: of an inference's, and of the same ops again in a learn job.
 * Of ops that learn there is no model: as the engine.
 */
export function paceOf(image: Image, profile: DeviceProfile): Pace {
  const [body, scale] = [profile.body.value, profile.cyclesPerInstruction.value];
  const { first } = image.jobs[JobKind.INFER]!;
  const ops: (OpPace | undefined)[] = [];
  meteredCycles(image, profile.instructionCycles.value).forEach((metered, index) => {
    const op = image.ops[first + index]!;
    if (!metered || op.isLearning) return;
    const [core, unit] = [coreUnitsOf(op, body) * scale, unitCostOf(op, profile)];
    const cycles = core + unit.cycles;
    const njPerCycle = cycles > 0 ? (core * profile.activeNjPerCycle.value + unit.nj) / cycles : 0;
    ops[first + index] = { ratio: cycles / metered, njPerCycle };
  });
  const { ops: names } = image.metadata;
  const count = ops.length;
  for (let index = count; index < image.ops.length; index++) {
    const { kind } = image.ops[index]!;
    const twin = names.findIndex((name, at) => name === names[index] && image.ops[at]!.kind === kind);
    if (twin < count) ops[index] = ops[twin];
  }
  return { engine: enginePace(body) * scale, ops };
}
