import { cortexM4Generic } from './cortex-m4-generic.js';
import type { DeviceProfile } from './profile.js';

/** A Cortex-M0+ that runs from flash on QSPI behind a cache, with FRAM on SPI. It takes much to come up: 1 mF. */
export const rp2040: DeviceProfile = {
  // Thresholds and monitor are those of the generic part.
  ...cortexM4Generic,
  name: 'rp2040',
  description: 'RP2040 at 48 MHz, 256 KB SRAM, 256 KB FRAM on SPI at 24 MHz, BQ25504 with 1 mF',
  clockHz: { value: 48e6, provenance: 'estimated', source: 'the clock of its USB: a slow one saves little' },
  activeNjPerCycle: {
    value: 0.6,
    provenance: 'estimated',
    source: 'some 10 mA at 48 MHz (from memory) at 3.0 V',
  },
  instructionCycles: {
    value: {
      ...cortexM4Generic.instructionCycles.value,
      ...{ div32: 60, mul64: 20, alu64: 3, div64: 200, load: 1.75, store: 2, branch: 2, select: 3 },
    },
    provenance: 'estimated',
    source:
      'Cortex-M0+ TRM: 2 cycles a load or store, 2 a taken branch; 64-bit products and divisions in software',
  },
  body: { value: 'armv6m', provenance: 'datasheet', source: 'RP2040 datasheet: two Cortex-M0+' },
  cyclesPerInstruction: {
    value: 1.4,
    provenance: 'estimated',
    source: 'Cortex-M0+ TRM: 2 cycles a load, a store or a taken branch, 1 most else',
  },
  planScale: {
    value: 1.4,
    provenance: 'estimated',
    source: 'digits image, cycles of `brownout analyze` over the estimates',
  },
  imageSetupCycles: { value: 8, provenance: 'estimated', source: 'an addition, inlined: 6 instructions' },
  imageReadBytes: { value: 8, provenance: 'datasheet', source: 'RP2040 datasheet: a line of its cache' },
  imageReadCycles: {
    value: 24,
    provenance: 'estimated',
    source: 'RP2040 datasheet: 64 bits at four a cycle of QSPI, at half the clock, with the address',
  },
  imageReadNj: { value: 4, provenance: 'estimated', source: 'some 5 mA of flash for 0.25 µs at 3 V' },
  nvmSetupCycles: {
    value: 180,
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
  bootUj: { value: 45, provenance: 'estimated', source: 'ROM and boot loader: 5 mA for 3 ms at 3 V' },
  bootUs: { value: 3000, provenance: 'estimated', source: 'ROM and boot loader: 5 mA for 3 ms at 3 V' },
  sleepUw: { value: 540, provenance: 'datasheet', source: 'RP2040 datasheet: DORMANT, 0.18 mA' },
  nvmEndurance: { value: 1e13, provenance: 'datasheet', source: 'Fujitsu MB85RS: 10^13 accesses' },
  flashBytes: { value: 2097152, provenance: 'datasheet', source: 'Raspberry Pi Pico: 2 MB' },
  sramBytes: {
    value: 262144,
    provenance: 'datasheet',
    source: 'RP2040 datasheet: 264 KB, of which 256 striped',
  },
  nvmBytes: { value: 262144, provenance: 'datasheet', source: 'a 2 Mbit FRAM' },
  capacitorUf: { value: 1000, provenance: 'estimated', source: 'so that a boot leaves most of a charge' },
};
