import type { InstructionCosts } from '../toolchain/meter.js';
import type { DeviceProfile } from './profile.js';

const fusedM0 = 'Fused simulator, generic Cortex-M0 model: NVM read 0.8 nJ, write 4.0 nJ';
const shepherd = 'shepherd virtual source, BQ25504: 100 µF, power good 2.8 V / 2.34 V';

/**
 * Instructions that gcc makes of a WASM instruction of each class, fitted to counts of 14 kernels. div64, simd and bulk are
 * estimates: no kernel uses them enough.
 */
const cortexM4Instructions: InstructionCosts = {
  local: 0.125,
  constant: 0.125,
  alu32: 0.4375,
  mul32: 0.8125,
  div32: 6,
  alu64: 1.6875,
  mul64: 0.9375,
  div64: 40,
  load: 0.8125,
  store: 1,
  branch: 1.4375,
  call: 1.1875,
  select: 2.1875,
  simd: 8,
  bulkPerByte: 0.5,
  bulkSetup: 10,
};

/** Estimated from the Cortex-M4 TRM: a load takes 2 cycles unless it is pipelined, a taken branch 2 to 4, most else 1. */
const CYCLES_AN_INSTRUCTION = 1.375;

/** In cycles, which the meter takes in sixteenths. */
function inCycles(costs: InstructionCosts): InstructionCosts {
  const cycles = { ...costs };
  for (const name of Object.keys(costs) as (keyof InstructionCosts)[]) {
    cycles[name] = Math.round(costs[name] * CYCLES_AN_INSTRUCTION * 16) / 16;
  }
  return cycles;
}

/** A 32-bit core with single-cycle multiplication and FRAM on its bus, behind a BQ25504 and 100 µF. */
export const cortexM4Generic: DeviceProfile = {
  name: 'cortex-m4-generic',
  description: 'Cortex-M4 class core at 16 MHz, 64 KB SRAM, 1 MB FRAM on the bus, BQ25504 with 100 µF',
  clockHz: {
    value: 16e6,
    provenance: 'estimated',
    source: 'a common clock at which FRAM needs few wait states',
  },
  activeNjPerCycle: { value: 0.3, provenance: 'estimated', source: '100 µA/MHz (STM32L4 class) at 3.0 V' },
  instructionCycles: {
    value: inCycles(cortexM4Instructions),
    provenance: 'estimated',
    source:
      `instructions, measured: counted on QEMU (mps2-an386, -icount) and fitted to 14 kernels with an error of 18 % ` +
      `(RMS), at most 49 %; times ${CYCLES_AN_INSTRUCTION} cycles, estimated`,
  },
  imageSetupCycles: {
    value: 8,
    provenance: 'estimated',
    source: 'an addition, inlined: 6 instructions',
  },
  imageReadBytes: { value: 8, provenance: 'estimated', source: '64 bits a read (STM32L4 class)' },
  imageReadCycles: {
    value: 1,
    provenance: 'estimated',
    source: 'one wait state; the load itself is the core’s',
  },
  imageReadNj: {
    value: 0.15,
    provenance: 'estimated',
    source: 'half a cycle of the core more: flash that is read beside its own fetches',
  },
  nvmSetupCycles: {
    value: 30 * CYCLES_AN_INSTRUCTION,
    provenance: 'estimated',
    source: 'instructions, measured as above: 28 a view, 41 a write; cycles an instruction as above',
  },
  body: { value: 'dsp', provenance: 'datasheet', source: 'Armv7E-M: every Cortex-M4 has the DSP extension' },
  cyclesPerInstruction: {
    value: CYCLES_AN_INSTRUCTION,
    provenance: 'estimated',
    source: 'Cortex-M4 TRM: a load takes 2 cycles unless it is pipelined, a taken branch 2 to 4, most else 1',
  },
  planScale: { value: 1, provenance: 'estimated', source: 'what the estimates were fitted to' },
  nvmReadCyclesPerWord: {
    value: 4,
    provenance: 'estimated',
    source: 'load from FRAM with one wait state, store to SRAM',
  },
  nvmWriteCyclesPerWord: {
    value: 5,
    provenance: 'estimated',
    source: 'load from SRAM, store to FRAM with wait states',
  },
  nvmReadNjPerWord: { value: 0.8, provenance: 'estimated', source: fusedM0 },
  nvmWriteNjPerWord: { value: 4, provenance: 'estimated', source: fusedM0 },
  nvmTearBytes: { value: 4, provenance: 'estimated', source: 'one bus word' },
  monitorCycles: { value: 8, provenance: 'estimated', source: 'reading a comparator flag' },
  bootUj: { value: 3.3, provenance: 'estimated', source: 'as an MSP430FR5994 in Fused: 1.10 µC at 3 V' },
  bootUs: { value: 1660, provenance: 'estimated', source: 'as an MSP430FR5994 in Fused' },
  flashBytes: { value: 262144, provenance: 'estimated', source: 'typical of the class' },
  sleepUw: {
    value: 6,
    provenance: 'estimated',
    source: 'stop mode with SRAM kept, 2 µA at 3 V (STM32L4 class)',
  },
  nvmEndurance: {
    value: 1e13,
    provenance: 'datasheet',
    source: 'FRAM: 10^13 reads and writes (Fujitsu MB85RS)',
  },
  sramBytes: { value: 65536, provenance: 'estimated', source: 'typical of the class' },
  nvmBytes: { value: 1048576, provenance: 'estimated', source: 'typical of the class' },
  capacitorUf: { value: 100, provenance: 'datasheet', source: shepherd },
  turnOnV: { value: 2.8, provenance: 'datasheet', source: shepherd },
  warningV: {
    value: 2.4,
    provenance: 'estimated',
    source: 'above turn-off by more than a tile and a commit',
  },
  turnOffV: { value: 2.34, provenance: 'datasheet', source: shepherd },
  leakageUw: { value: 1, provenance: 'datasheet', source: 'BQ25504: 330 nA leakage at 3 V' },
  unwarnedCuts: { value: 0.02, provenance: 'estimated', source: 'how often a monitor is taken to miss' },
};
