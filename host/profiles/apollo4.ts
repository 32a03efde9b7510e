import { cortexM4Generic } from './cortex-m4-generic.js';
import type { DeviceProfile } from './profile.js';

/** A Cortex-M4F near threshold voltage, with MRAM on its bus. */
export const apollo4: DeviceProfile = {
  // Thresholds, capacitor and monitor are those of the generic part.
  ...cortexM4Generic,
  name: 'apollo4',
  description: 'Ambiq Apollo4 at 96 MHz, 1.8 MB SRAM, 2 MB MRAM on chip, BQ25504 with 100 µF',
  clockHz: { value: 96e6, provenance: 'datasheet', source: 'Ambiq Apollo4: 96 MHz without burst' },
  activeNjPerCycle: {
    value: 0.018,
    provenance: 'estimated',
    source: 'about 6 µA/MHz (Apollo3 class, from memory) at 3.0 V',
  },
  instructionCycles: {
    ...cortexM4Generic.instructionCycles,
    provenance: 'estimated',
    source: 'as the generic Cortex-M4: the same core',
  },
  body: { value: 'dsp', provenance: 'datasheet', source: 'Apollo4 datasheet: Cortex-M4F' },
  planScale: {
    value: 1.1,
    provenance: 'estimated',
    source: 'digits image, cycles of `brownout analyze` over the estimates',
  },
  imageReadBytes: { value: 16, provenance: 'estimated', source: '128 bits, a line of the cache' },
  imageReadCycles: {
    value: 8,
    provenance: 'estimated',
    source: 'MRAM behind a cache: a line it does not hold',
  },
  imageReadNj: { value: 0.5, provenance: 'estimated', source: 'a read of 128 bits; no public figure' },
  nvmSetupCycles: { value: 12, provenance: 'estimated', source: 'a call and a bounds check' },
  nvmReadCyclesPerWord: {
    value: 6,
    provenance: 'estimated',
    source: 'MRAM behind a cache: reads as flash, writes several hundred ns',
  },
  nvmWriteCyclesPerWord: {
    value: 60,
    provenance: 'estimated',
    source: 'MRAM behind a cache: reads as flash, writes several hundred ns',
  },
  nvmReadNjPerWord: {
    value: 0.5,
    provenance: 'estimated',
    source: 'MRAM writes cost tens of times a read; no public figure',
  },
  nvmWriteNjPerWord: {
    value: 12,
    provenance: 'estimated',
    source: 'MRAM writes cost tens of times a read; no public figure',
  },
  nvmTearBytes: { value: 16, provenance: 'estimated', source: 'a 128-bit MRAM program unit' },
  bootUj: { value: 6, provenance: 'estimated', source: 'secure boot loader, about 2.5 ms at 1 mA' },
  bootUs: { value: 2500, provenance: 'estimated', source: 'secure boot loader, about 2.5 ms at 1 mA' },
  sleepUw: { value: 15, provenance: 'estimated', source: 'deep sleep with some SRAM kept, 5 µA at 3 V' },
  nvmEndurance: {
    value: 1e6,
    provenance: 'estimated',
    source: 'taken at the low end of embedded MRAM: 10^6 and more',
  },
  flashBytes: { value: 2097152, provenance: 'datasheet', source: 'Ambiq Apollo4: 2 MB MRAM' },
  sramBytes: { value: 1835008, provenance: 'datasheet', source: 'Ambiq Apollo4: 1.8 MB SRAM, 2 MB MRAM' },
  nvmBytes: { value: 2097152, provenance: 'datasheet', source: 'Ambiq Apollo4: 1.8 MB SRAM, 2 MB MRAM' },
};
