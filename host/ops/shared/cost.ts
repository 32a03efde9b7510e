// The cost model: what a piece of work takes of the core, by the body of the kernels that firmware runs. What it takes of
// the memories is in its accesses, which the device prices (the device profile).
import { armv6mCosts } from '../kernel-costs/armv6m.js';
import { armv7mCosts } from '../kernel-costs/armv7m.js';
import { dspCosts } from '../kernel-costs/dsp.js';
import { leaCosts } from '../kernel-costs/lea.js';
import { msp430Costs } from '../kernel-costs/msp430.js';
import { rv32Costs } from '../kernel-costs/rv32.js';
import type { Counts, Part } from './work.js';

/**
 * What kernels cost on each body of them: with the DSP extension of Cortex-M4, M7, M33 (`dsp`), for Cortex-M3 (`armv7m`), M0+
 * (`armv6m`) and RV32IMC (`rv32`), in instructions; for MSP430 (`msp430`), and beside its vector unit (`lea`), in cycles of the
 * core.
 */
export const KERNEL_COSTS = {
  dsp: dspCosts,
  armv7m: armv7mCosts,
  armv6m: armv6mCosts,
  rv32: rv32Costs,
  msp430: msp430Costs,
  lea: leaCosts,
} as const satisfies Record<string, Readonly<Record<string, Counts>>>;

/** A body of the kernels, that firmware of a device runs. */
export type Body = keyof typeof KERNEL_COSTS;

export const BODIES = Object.keys(KERNEL_COSTS) as Body[];

/** What a commit takes without its accesses: instructions on emulated boards, NVM's driver taken off; cycles of the MSP430. */
export const COMMIT_UNITS: Readonly<Record<Body, number>> = {
  ...{ dsp: 520, armv7m: 520, armv6m: 650, rv32: 930, msp430: 3530, lea: 3530 },
};

/** Metered cycles of a commit, by the costs of instructions of a Cortex-M4. */
const METERED_COMMIT = 970;
/** Of an MSP430's metered cycles: a boot took 0.76 of them on mspdebug, submitting 0.80. */
const MSP430_PACE = 0.78;

/** Whether a body is code of an MSP430, whose costs are cycles. */
export const isMsp430 = (body: Body): boolean => body === 'msp430' || body === 'lea';

/** What a metered cycle of engine, cursor and protocol takes. */
export const enginePace = (body: Body): number =>
  isMsp430(body) ? MSP430_PACE : COMMIT_UNITS[body] / METERED_COMMIT;

const ANY_MSP430 = { leanBias: 52, leanScale: 88, unpacked: 20 };

/**
 * What widening a lean bias and a lean scale takes, and unpacking a weight of a first column (the mean of 4 and 2 bits), whatever
 * the kernel: counted on QEMU. Of the MSP430 metered cycles; of its columns an estimate by reading code.
 */
const ANYWHERE: Readonly<Record<Body, Counts>> = {
  dsp: { leanBias: 7.5, leanScale: 12.5, unpacked: 5.4 },
  armv7m: { leanBias: 7.5, leanScale: 12.5, unpacked: 5.4 },
  armv6m: { leanBias: 11.3, leanScale: 18.8, unpacked: 9.7 },
  rv32: { leanBias: 10.1, leanScale: 13.5, unpacked: 5.9 },
  msp430: ANY_MSP430,
  lea: ANY_MSP430,
};

/** The row of kernels that a body has none of its own for. */
const INSTEAD: Readonly<Record<string, string>> = { conv2d_rows: 'conv2d' };

/** Instructions of a piece of work of `kernel`; cycles of the MSP430. Accesses to memory are not in it. */
export function coreUnits({ counts }: Part, kernel: string, body: Body): number {
  const costs: Readonly<Record<string, Counts | undefined>> = KERNEL_COSTS[body];
  const rowOf = (name: string): Counts => {
    const row = costs[name] ?? costs[INSTEAD[name]!];
    if (!row) throw new RangeError(`no costs of kernel ${name}: run npm run calibrate`);
    return row;
  };
  const own = rowOf(kernel);
  return Object.entries(counts).reduce((sum, [name, count]) => {
    // What another kernel's body does (`ofKernel`).
    const [other, of] = name.split('.');
    const row = of === undefined ? own : rowOf(other!);
    return sum + count * (row[of ?? name] ?? ANYWHERE[body][name] ?? 0);
  }, 0);
}

/** Calls of a vector unit in a piece of work, and products in all of them; none where `body` has no unit. */
export function unitWork({ counts }: Part, body: Body): { calls: number; products: number } {
  const sumOf = (what: string): number =>
    Object.entries(counts).reduce((sum, [name, count]) => {
      return name === what || name.endsWith(`.${what}`) ? sum + count : sum;
    }, 0);
  return body === 'lea'
    ? { calls: sumOf('unitCall'), products: sumOf('unitMac') }
    : { calls: 0, products: 0 };
}
