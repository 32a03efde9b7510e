// What work costs on a device: the core by the body that firmware runs, the memories by their accesses. Its error is in
// docs/DESIGN.md, §7.
import { CURSOR_BYTES, OP_BYTES, OP_GRAIN, OP_TILES } from '../../assembly/layout.js';
import type { Plan } from '../model/plan.js';
import type { OpRecord } from '../model/record.js';
import { leastCycles, workOf } from '../ops/record.js';
import { COMMIT_UNITS, coreUnits } from '../ops/shared/cost.js';
import { type Access, part, type Part, total } from '../ops/shared/work.js';
import { chargeUj, type DeviceProfile, warnedUj } from '../profiles/profile.js';
import { unitCost } from '../profiles/unit.js';

/** Time and energy of something. */
export interface Cost {
  cycles: number;
  energyUj: number;
}

/** What an op costs: entering it, its dearest tile, all of them. */
export interface OpCost {
  enter: Cost;
  tile: Cost;
  all: Cost;
}

const WORD_BYTES = 4;
/** Entering an op looks its record up. */
const RECORD = part({}, { constantViews: 1, constantBytes: OP_BYTES });

/** Cycles of the core waiting for its memories, and what the accesses themselves take, in nJ. */
function accessCost(profile: DeviceProfile, access: Access): { cycles: number; nj: number } {
  const lines = access.constantBytes / profile.imageReadBytes.value;
  const reads = access.stateBytes / WORD_BYTES;
  const writes = access.writtenBytes / WORD_BYTES;
  return {
    cycles:
      access.constantViews * profile.imageSetupCycles.value +
      (access.stateViews + access.writes) * profile.nvmSetupCycles.value +
      lines * profile.imageReadCycles.value +
      reads * profile.nvmReadCyclesPerWord.value +
      writes * profile.nvmWriteCyclesPerWord.value,
    nj:
      lines * profile.imageReadNj.value +
      reads * profile.nvmReadNjPerWord.value +
      writes * profile.nvmWriteNjPerWord.value,
  };
}

/** Cycles of the core, and energy beside them, as a cost. */
const asCost = (profile: DeviceProfile, cycles: number, nj: number): Cost => ({
  cycles,
  energyUj: (cycles * profile.activeNjPerCycle.value + nj) / 1000,
});

function partCost(profile: DeviceProfile, kernel: string, work: Part): Cost {
  const core = coreUnits(work, kernel, profile.body.value) * profile.cyclesPerInstruction.value;
  const { cycles, nj } = accessCost(profile, work.access);
  const unit = unitCost(work, profile);
  const beside = asCost(profile, core + cycles, nj);
  return { cycles: beside.cycles + unit.cycles, energyUj: beside.energyUj + unit.nj / 1000 };
}

/** What the engine takes around a tile, in commits without their accesses: counted so on emulated boards. */
const TILE_COMMITS = 0.11;
/** What a commit writes: two barriers and a slot. */
const COMMIT = { writes: 3, writtenBytes: CURSOR_BYTES };

/** Cycles of a commit without its accesses. */
const commitCycles = ({ body, cyclesPerInstruction }: DeviceProfile): number =>
  COMMIT_UNITS[body.value] * cyclesPerInstruction.value;

/** What `op` costs on a device, commits left out. */
export function opCost(op: OpRecord, profile: DeviceProfile): OpCost {
  const { kernel, enter, tile, all } = workOf(op);
  const entered = total([
    [1, enter],
    [1, RECORD],
  ]);
  const around = asCost(profile, TILE_COMMITS * commitCycles(profile), 0);
  const cost = (work: Part, tiles: number): Cost => {
    const { cycles, energyUj } = partCost(profile, kernel, work);
    return { cycles: cycles + tiles * around.cycles, energyUj: energyUj + tiles * around.energyUj };
  };
  return { enter: cost(entered, 0), tile: cost(tile, 1), all: cost(all, op.get(OP_TILES)) };
}

/** Of that, in cycles, what is not the kernel's: accesses to the memories, the record, the engine around tiles. */
export function besideKernel(op: OpRecord, profile: DeviceProfile): { enter: number; all: number } {
  const { enter, all } = workOf(op);
  const cycles = (work: Part): number => accessCost(profile, work.access).cycles;
  const around = op.get(OP_TILES) * TILE_COMMITS * commitCycles(profile);
  return { enter: cycles(enter) + cycles(RECORD), all: cycles(all) + around };
}

/**
 * Entering an op and a tile of it, or its grain, in µJ: with a boot and a commit, what a charge must hold. Of ops that learn, of
 * which there is no model, by estimated cycles.
 */
export function leastUj(op: OpRecord, profile: DeviceProfile): number {
  if (op.isLearning)
    return (leastCycles(op) * profile.planScale.value * profile.activeNjPerCycle.value) / 1000;
  const { enter, tile } = opCost(op, profile);
  return enter.energyUj + tile.energyUj * Math.max(op.get(OP_GRAIN), 1);
}

/** What a commit costs: a checksum, two barriers, a slot. */
export function commitCost(profile: DeviceProfile): Cost {
  const { cycles, nj } = accessCost(profile, part({}, COMMIT).access);
  return asCost(profile, commitCycles(profile) + cycles, nj);
}

/** What an inference by these ops takes, commits left out, in µJ. */
export function energyOf(ops: Plan['ops'], profile: DeviceProfile): number {
  return ops.reduce((sum, { record }) => {
    if (record.isLearning) return sum;
    const { enter, all } = opCost(record, profile);
    return sum + enter.energyUj + all.energyUj;
  }, 0);
}

/**
 * The chance that a charge ends amid a tile, which with entering its op takes `tileUj`, although the monitor warned: the warning
 * comes anywhere in a tile alike, and what is left then must end it and hold a commit.
 */
function cutChance(tileUj: number, profile: DeviceProfile): number {
  const leftUj = warnedUj(profile) - commitCost(profile).energyUj;
  return Math.min(Math.max(1 - leftUj / tileUj, 0), 1);
}

/** The same of an inference: a mean by energy. */
export function meanCutChance(ops: Plan['ops'], profile: DeviceProfile): number {
  let [sum, work] = [0, 0];
  for (const { record } of ops) {
    if (record.isLearning) continue;
    const { enter, tile, all } = opCost(record, profile);
    const energyUj = enter.energyUj + all.energyUj;
    work += energyUj;
    sum += energyUj * cutChance(enter.energyUj + tile.energyUj, profile);
  }
  return sum / work;
}

/** Recovery after a boot, in commits: a rough estimate. */
const RECOVERY_COMMITS = 4;

/**
 * What such cuts cost, as a share of the work: a boot, the tile, and of commits against them and what they lose the least sum
 * (Young 1974).
 */
export function lossOf(tileUj: number, profile: DeviceProfile): number {
  const chance = cutChance(tileUj, profile);
  const commitUj = commitCost(profile).energyUj;
  const chargeLeftUj = chargeUj(profile) - profile.bootUj.value;
  const againUj = tileUj + profile.bootUj.value + RECOVERY_COMMITS * commitUj;
  return (chance * againUj) / chargeLeftUj + Math.sqrt((2 * commitUj * chance) / chargeLeftUj);
}
