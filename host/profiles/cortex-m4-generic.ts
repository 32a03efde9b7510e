import type { DeviceProfile } from './profile.js';

const fusedM0 = 'Fused simulator, generic Cortex-M0 model: NVM read 0.8 nJ, write 4.0 nJ';
const shepherd = 'shepherd virtual source, BQ25504: 100 µF, power good 2.8 V / 2.34 V';

/** A 32-bit core with single-cycle multiplication and FRAM on its bus, behind a BQ25504 and 100 µF. */
export const cortexM4Generic: DeviceProfile = {
  name: 'cortex-m4-generic',
  description: 'Cortex-M4 class core at 16 MHz, 64 KB SRAM, 256 KB FRAM on the bus, BQ25504 with 100 µF',
  clockHz: {
    value: 16e6,
    provenance: 'estimated',
    source: 'a common clock at which FRAM needs few wait states',
  },
  activeNjPerCycle: { value: 0.3, provenance: 'estimated', source: '100 µA/MHz (STM32L4 class) at 3.0 V' },
  instructionCycles: {
    value: {
      local: 0.125,
      constant: 0.125,
      alu32: 1,
      mul32: 1,
      div32: 6,
      alu64: 1.5,
      mul64: 2,
      div64: 40,
      load: 2,
      store: 1.5,
      branch: 2,
      call: 5,
      select: 2,
      simd: 8,
      bulkPerByte: 0.5,
      bulkSetup: 10,
    },
    provenance: 'estimated',
    source:
      'Cortex-M4 instruction timings (ARM TRM) for what gcc makes of each class; to be calibrated on QEMU',
  },
  planScale: { value: 1, provenance: 'estimated', source: 'what the estimates were fitted to' },
  nvmSetupCycles: { value: 12, provenance: 'estimated', source: 'a call and a bounds check' },
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
  nvmBytes: { value: 262144, provenance: 'estimated', source: 'typical of the class' },
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
