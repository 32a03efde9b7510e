import { hottestByteWrites } from '../write-trace.js';
import { beside, type NvmBody, STACK_BYTES } from './nvm-body.js';

/** The latch, as in firmware/brownout_nvm_eeprom.c. */
const PAGE_BYTES = 64;
/** Writes that a byte lasts: Microchip 25LC data sheets. */
const ENDURANCE = 1e6;

/** EEPROM behind SPI; what it holds already is not written. */
export const eeprom: NvmBody = {
  files: ['brownout_nvm_eeprom.c', 'brownout_spi_memory.h', 'brownout_spi.h'],
  editable: [],
  port: 'spi',
  runs: 'part',
  stackBytes: STACK_BYTES,
  place: beside,
  memories: [
    {
      name: 'eeprom',
      title: 'EEPROM',
      unit: 'byte',
      wear: (trace) => hottestByteWrites(trace, PAGE_BYTES),
      lasts: () => ENDURANCE,
    },
  ],
};
