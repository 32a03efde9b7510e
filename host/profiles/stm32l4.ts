import { cortexM4Generic } from './cortex-m4-generic.js';
import type { DeviceProfile } from './profile.js';

/** A Cortex-M4F with FRAM on SPI: constants in its flash, which is as fast as the core at this clock. */
export const stm32l4: DeviceProfile = {
  // Thresholds, capacitor and monitor are those of the generic part.
  ...cortexM4Generic,
  name: 'stm32l4',
  description: 'STM32L476 at 16 MHz, 96 KB SRAM, 256 KB FRAM on SPI at 8 MHz, BQ25504 with 100 µF',
  clockHz: { value: 16e6, provenance: 'datasheet', source: 'STM32L476 datasheet: MSI range 8, 16 MHz' },
  activeNjPerCycle: {
    value: 0.3,
    provenance: 'estimated',
    source: '100 µA/MHz from flash (from memory) at 3.0 V',
  },
  instructionCycles: {
    ...cortexM4Generic.instructionCycles,
    provenance: 'estimated',
    source: 'as the generic Cortex-M4: the same core',
  },
  body: { value: 'dsp', provenance: 'datasheet', source: 'STM32L476 datasheet: Cortex-M4F' },
  planScale: {
    value: 1,
    provenance: 'estimated',
    source: 'digits image, cycles of `brownout analyze` over the estimates',
  },
  imageReadBytes: { value: 8, provenance: 'datasheet', source: 'RM0351: flash is read 64 bits at a time' },
  imageReadCycles: {
    value: 1,
    provenance: 'estimated',
    source: 'RM0351: no wait state up to 16 MHz; the fetch that waits for it',
  },
  imageReadNj: {
    value: 0.15,
    provenance: 'estimated',
    source: 'half a cycle of the core: beside its own fetches',
  },
  nvmSetupCycles: {
    value: 105,
    provenance: 'estimated',
    source: 'command and address, 4 bytes at 8 MHz, and the driver',
  },
  nvmReadCyclesPerWord: {
    value: 64,
    provenance: 'estimated',
    source: '32 bits at 8 MHz on SPI, the core waiting at 16 MHz',
  },
  nvmWriteCyclesPerWord: {
    value: 64,
    provenance: 'estimated',
    source: '32 bits at 8 MHz on SPI, the core waiting at 16 MHz',
  },
  nvmReadNjPerWord: {
    value: 8.4,
    provenance: 'estimated',
    source: '0.7 mA of FRAM at 3 V for 4 µs a word; the core is charged apart',
  },
  nvmWriteNjPerWord: {
    value: 8.4,
    provenance: 'estimated',
    source: '0.7 mA of FRAM at 3 V for 4 µs a word; the core is charged apart',
  },
  nvmTearBytes: { value: 1, provenance: 'estimated', source: 'a byte clocked in' },
  bootUj: { value: 3.6, provenance: 'estimated', source: '1.2 mA for 1 ms at 3 V' },
  bootUs: { value: 1000, provenance: 'estimated', source: '1.2 mA for 1 ms at 3 V' },
  sleepUw: { value: 6, provenance: 'estimated', source: 'Stop 2 with SRAM kept, 2 µA at 3 V' },
  nvmEndurance: { value: 1e13, provenance: 'datasheet', source: 'Fujitsu MB85RS: 10^13 accesses' },
  flashBytes: { value: 1048576, provenance: 'datasheet', source: 'STM32L476: 1 MB flash' },
  sramBytes: { value: 98304, provenance: 'datasheet', source: 'STM32L476: SRAM1, 96 KB' },
  nvmBytes: { value: 262144, provenance: 'datasheet', source: 'a 2 Mbit FRAM' },
};
