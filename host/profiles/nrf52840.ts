import { cortexM4Generic } from './cortex-m4-generic.js';
import type { DeviceProfile } from './profile.js';

/** A Cortex-M4F with FRAM on SPI: its own flash must not be written under a power-fail warning. */
export const nrf52840: DeviceProfile = {
  // Thresholds, capacitor and monitor are those of the generic part.
  ...cortexM4Generic,
  name: 'nrf52840',
  description: 'Nordic nRF52840 at 64 MHz, 256 KB SRAM, 256 KB FRAM on SPI at 8 MHz, BQ25504 with 100 µF',
  clockHz: { value: 64e6, provenance: 'datasheet', source: 'nRF52840 product specification' },
  activeNjPerCycle: {
    value: 0.156,
    provenance: 'estimated',
    source: '52 µA/MHz from flash with DC/DC (from memory) at 3.0 V',
  },
  instructionCycles: {
    ...cortexM4Generic.instructionCycles,
    provenance: 'estimated',
    source: 'as the generic Cortex-M4: the same core',
  },
  body: {
    value: 'dsp',
    provenance: 'datasheet',
    source: 'nRF52840 product specification: Cortex-M4F',
  },
  planScale: {
    value: 1.5,
    provenance: 'estimated',
    source: 'digits image, cycles of `brownout analyze` over the estimates',
  },
  imageReadBytes: { value: 4, provenance: 'estimated', source: 'a word at a time' },
  imageReadCycles: {
    value: 2,
    provenance: 'datasheet',
    source: 'nRF52840 product specification: 2 wait states; the cache holds instructions alone',
  },
  imageReadNj: { value: 0.156, provenance: 'estimated', source: 'as a cycle of the core more' },
  nvmSetupCycles: {
    value: 420,
    provenance: 'estimated',
    source: 'command and address, 4 bytes at 8 MHz, and the driver',
  },
  nvmReadCyclesPerWord: {
    value: 256,
    provenance: 'estimated',
    source: '32 bits at 8 MHz on SPI, the core waiting at 64 MHz',
  },
  nvmWriteCyclesPerWord: {
    value: 256,
    provenance: 'estimated',
    source: '32 bits at 8 MHz on SPI, the core waiting at 64 MHz',
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
  bootUj: { value: 4.5, provenance: 'estimated', source: '1.5 mA for 1 ms at 3 V' },
  bootUs: { value: 1000, provenance: 'estimated', source: '1.5 mA for 1 ms at 3 V' },
  sleepUw: { value: 9, provenance: 'estimated', source: 'System ON with SRAM kept, 3 µA at 3 V' },
  nvmEndurance: { value: 1e13, provenance: 'datasheet', source: 'Fujitsu MB85RS: 10^13 accesses' },
  flashBytes: { value: 1048576, provenance: 'datasheet', source: 'nRF52840: 1 MB flash' },
  sramBytes: { value: 262144, provenance: 'datasheet', source: 'nRF52840; a 2 Mbit FRAM' },
  nvmBytes: { value: 262144, provenance: 'datasheet', source: 'nRF52840; a 2 Mbit FRAM' },
};
