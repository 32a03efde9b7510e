import { cortexM4Generic } from './cortex-m4-generic.js';
import type { DeviceProfile } from './profile.js';

/** A Cortex-M33 with FRAM on SPI. */
export const stm32u5: DeviceProfile = {
  // Thresholds, capacitor and monitor are those of the generic part.
  ...cortexM4Generic,
  name: 'stm32u5',
  description: 'STM32U5 at 48 MHz, 768 KB SRAM, 256 KB FRAM on SPI at 24 MHz, BQ25504 with 100 µF',
  clockHz: {
    value: 48e6,
    provenance: 'estimated',
    source: 'a clock it runs at without the highest voltage range',
  },
  activeNjPerCycle: {
    value: 0.0585,
    provenance: 'estimated',
    source: '19.5 µA/MHz with SMPS (from memory) at 3.0 V',
  },
  instructionCycles: {
    ...cortexM4Generic.instructionCycles,
    provenance: 'estimated',
    source: 'as the generic Cortex-M4; an M33 differs little in integer code',
  },
  body: { value: 'dsp', provenance: 'datasheet', source: 'STM32U5 datasheet: Cortex-M33 with DSP' },
  planScale: {
    value: 1,
    provenance: 'estimated',
    source: 'digits image, cycles of `brownout analyze` over the estimates',
  },
  imageReadBytes: { value: 16, provenance: 'datasheet', source: 'RM0456: 128 bits, a line of the cache' },
  imageReadCycles: { value: 2, provenance: 'estimated', source: '2 wait states at 48 MHz' },
  imageReadNj: { value: 0.12, provenance: 'estimated', source: 'as two cycles of the core more' },
  nvmSetupCycles: {
    value: 160,
    provenance: 'estimated',
    source: 'command and address, 4 bytes at 24 MHz, and the driver',
  },
  nvmReadCyclesPerWord: {
    value: 64,
    provenance: 'estimated',
    source: '32 bits at 24 MHz on SPI, the core waiting at 48 MHz',
  },
  nvmWriteCyclesPerWord: {
    value: 64,
    provenance: 'estimated',
    source: '32 bits at 24 MHz on SPI, the core waiting at 48 MHz',
  },
  nvmReadNjPerWord: {
    value: 4.0,
    provenance: 'estimated',
    source: '1 mA of FRAM at 3 V for 1.33 µs a word; the core is charged apart',
  },
  nvmWriteNjPerWord: {
    value: 4.0,
    provenance: 'estimated',
    source: '1 mA of FRAM at 3 V for 1.33 µs a word; the core is charged apart',
  },
  nvmTearBytes: { value: 1, provenance: 'estimated', source: 'a byte clocked in' },
  bootUj: { value: 6, provenance: 'estimated', source: '1.3 mA for 1.5 ms at 3 V' },
  bootUs: { value: 1500, provenance: 'estimated', source: '1.3 mA for 1.5 ms at 3 V' },
  sleepUw: { value: 12, provenance: 'estimated', source: 'Stop 2 with SRAM kept, 4 µA at 3 V' },
  nvmEndurance: { value: 1e13, provenance: 'datasheet', source: 'Fujitsu MB85RS: 10^13 accesses' },
  flashBytes: { value: 2097152, provenance: 'datasheet', source: 'STM32U575: 2 MB flash' },
  sramBytes: { value: 786432, provenance: 'datasheet', source: 'STM32U575; a 2 Mbit FRAM' },
  nvmBytes: { value: 262144, provenance: 'datasheet', source: 'STM32U575; a 2 Mbit FRAM' },
};
