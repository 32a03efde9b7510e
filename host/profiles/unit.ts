// What a vector unit beside the core takes, by the constants of a profile: the core's own cycles around its calls are in the
// body's costs (host/ops/shared/cost.ts).
import type { OpRecord } from '../model/record.js';
import { workOf } from '../ops/record.js';
import { unitWork } from '../ops/shared/cost.js';
import { both, type Part } from '../ops/shared/work.js';
import type { DeviceProfile } from './profile.js';

/** Cycles during which the core waits for the unit, and the energy of the whole device meanwhile; none by other bodies. */
export interface UnitCost {
  cycles: number;
  nj: number;
}

/** What the unit takes of a piece of work. */
export function unitCost(work: Part, { accelerator, body }: DeviceProfile): UnitCost {
  if (!accelerator) return { cycles: 0, nj: 0 };
  const { calls, products } = unitWork(work, body.value);
  const { callCycles, callNj, macCyclesPerElement, macNjPerElement } = accelerator;
  return {
    cycles: calls * callCycles.value + products * macCyclesPerElement.value,
    nj: calls * callNj.value + products * macNjPerElement.value,
  };
}

/** The same of an op of inference, entered once. */
export function unitCostOf(op: OpRecord, profile: DeviceProfile): UnitCost {
  const { enter, all } = workOf(op);
  return unitCost(both(enter, all), profile);
}
