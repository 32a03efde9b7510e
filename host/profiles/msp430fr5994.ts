import type { DeviceProfile } from './profile.js';

const product = 'TI MSP430FR5994 product page: 118 µA/MHz active; 3.0 V';
const tinas = 'TiNAS cost model (EMCLab-Sinica), MSP430FR5994 with LEA';
const fused =
  'Fused simulator (Apache-2.0), MSP430FR5994: FRAM miss 0.635 nJ, write 0.682 nJ, two 16-bit words';
const halves =
  'two 16-bit operations for each of 32 bits, operands in registers or SRAM (MSP430X user guide)';
const counted = 'the firmware’s own, cycle by cycle on mspdebug 0.22 (`npm test -- msp430` runs it)';

/** A 16-bit core with FRAM and a vector unit on chip, the part that RAD, SONIC and TAILS were measured on. */
export const msp430fr5994: DeviceProfile = {
  name: 'msp430fr5994',
  description: 'MSP430FR5994 at 8 MHz, 8 KB SRAM, 256 KB FRAM on chip, LEA vector unit, BQ25504 with 100 µF',
  clockHz: {
    value: 8e6,
    provenance: 'datasheet',
    source: 'TI SLASE54D: the fastest at which FRAM needs no wait states, and what firmware sets',
  },
  activeNjPerCycle: { value: 0.354, provenance: 'datasheet', source: product },
  instructionCycles: {
    value: {
      ...{ local: 1, constant: 2, alu32: 4, mul32: 28, div32: 320, alu64: 10, mul64: 90, div64: 1500 },
      ...{ load: 6, store: 6, branch: 3, call: 10, select: 8, simd: 32, bulkPerByte: 1.5, bulkSetup: 20 },
    },
    provenance: 'estimated',
    source: halves,
  },
  body: {
    value: 'msp430',
    provenance: 'datasheet',
    source: 'MSP430X; its vector unit is used by `msp430fr5994-lea`',
  },
  cyclesPerInstruction: {
    value: 1,
    provenance: 'measured',
    source: 'its costs are in cycles, counted on mspdebug',
  },
  planScale: {
    value: 2.3,
    provenance: 'measured',
    source: 'digits image, cycles counted on mspdebug over the estimates',
  },
  imageSetupCycles: { value: 45, provenance: 'measured', source: counted },
  imageReadBytes: { value: 8, provenance: 'datasheet', source: 'TI SLAU367: lines of 64 bits' },
  imageReadCycles: { value: 0, provenance: 'datasheet', source: 'TI SLAU367: no wait state up to 8 MHz' },
  imageReadNj: { value: 0.635, provenance: 'measured', source: 'Fused simulator (Apache-2.0): an FRAM miss' },
  nvmSetupCycles: { value: 80, provenance: 'measured', source: counted },
  nvmReadCyclesPerWord: {
    value: 6,
    provenance: 'datasheet',
    source: 'TI SLAU367: two 16-bit moves of three cycles; no wait state up to 8 MHz',
  },
  nvmWriteCyclesPerWord: { value: 14, provenance: 'measured', source: `a long copy, ${counted}` },
  nvmReadNjPerWord: { value: 1.27, provenance: 'measured', source: fused },
  nvmWriteNjPerWord: { value: 1.364, provenance: 'measured', source: fused },
  nvmTearBytes: { value: 2, provenance: 'datasheet', source: 'a 16-bit FRAM word' },
  monitorCycles: { value: 10, provenance: 'estimated', source: 'reading a comparator flag' },
  bootUj: { value: 3.3, provenance: 'measured', source: 'Fused boot trace, integrated: 1.10 µC at 3 V' },
  bootUs: { value: 1660, provenance: 'measured', source: 'Fused boot trace' },
  sleepUw: { value: 3, provenance: 'estimated', source: 'LPM3, 1 µA at 3 V' },
  nvmEndurance: { value: 1e15, provenance: 'datasheet', source: 'TI SLASE54D: FRAM, 10^15 cycles' },
  flashBytes: { value: 262144, provenance: 'datasheet', source: 'TI SLASE54D: 256 KB FRAM' },
  sramBytes: { value: 8192, provenance: 'datasheet', source: 'TI SLASE54D: 4 KB, and 4 KB shared with LEA' },
  nvmBytes: { value: 262144, provenance: 'datasheet', source: 'TI SLASE54D' },
  accelerator: {
    name: 'LEA',
    sramBytes: 4096,
    callCycles: { value: 622, provenance: 'measured', source: tinas },
    callNj: { value: 205.7, provenance: 'measured', source: tinas },
    macCyclesPerElement: { value: 1.5, provenance: 'measured', source: tinas },
    macNjPerElement: { value: 0.503, provenance: 'measured', source: tinas },
    fftCyclesPerButterfly: {
      value: 5,
      provenance: 'estimated',
      source: 'four multiply-adds at the rate of MAC, less overlap; TI says only "up to 40× faster than M0+"',
    },
    fftNjPerButterfly: { value: 1.68, provenance: 'estimated', source: 'the power of MAC over those cycles' },
    moveCyclesPerElement: {
      value: 3,
      provenance: 'estimated',
      source: 'DMA: 2 cycles and an FRAM wait state',
    },
    moveNjPerElement: { value: 10, provenance: 'measured', source: `${tinas}: 10.3 nJ to, 9.6 nJ from SRAM` },
  },
  capacitorUf: { value: 100, provenance: 'datasheet', source: 'shepherd virtual source, BQ25504: 100 µF' },
  turnOnV: { value: 2.8, provenance: 'datasheet', source: 'shepherd, BQ25504: power good 2.8 V / 2.34 V' },
  warningV: {
    value: 2.4,
    provenance: 'estimated',
    source: 'above turn-off by more than a tile and a commit',
  },
  turnOffV: { value: 2.34, provenance: 'datasheet', source: 'shepherd, BQ25504' },
  leakageUw: { value: 1, provenance: 'datasheet', source: 'BQ25504: 330 nA leakage at 3 V' },
  unwarnedCuts: { value: 0.02, provenance: 'estimated', source: 'how often a monitor is taken to miss' },
};

/** Of `msp_mac_q15` and its caller in TiNAS, TI's sources built by clang -Os, counted on mspdebug; LEA and the sleep left out. */
const LIBRARY_CYCLES = 289;
const commands = `a call, ${tinas}, less ${LIBRARY_CYCLES} cycles of the library’s instructions: ours does without`;

/**
 * The same part, sums of products by its vector unit, which has the upper half of SRAM; what the core does to invoke its commands
 * is counted with the core's.
 */
export const msp430fr5994Lea: DeviceProfile = {
  ...msp430fr5994,
  name: 'msp430fr5994-lea',
  description: 'MSP430FR5994 at 8 MHz as above, long sums by LEA, 4 KB SRAM beside it',
  body: { value: 'lea', provenance: 'datasheet', source: 'TI SLASE54D: LEA; firmware/brownout_accel_lea.h' },
  sramBytes: { value: 4096, provenance: 'datasheet', source: 'TI SLASE54D: the half that is not LEA’s' },
  warningV: {
    value: 2.55,
    provenance: 'estimated',
    source:
      'above turn-off by the largest tile of a plan (30 % of a charge) and a commit, and half as much again',
  },
  accelerator: {
    ...msp430fr5994.accelerator!,
    callCycles: { value: 622 - LIBRARY_CYCLES, provenance: 'estimated', source: commands },
    callNj: {
      value: 110.1,
      provenance: 'estimated',
      source: `the power of a call over those cycles: ${tinas}`,
    },
  },
};
