import { ENDURANCE } from '../../simulator/wear.js';
import { hottestByteWrites } from '../write-trace.js';
import { beside, type NvmBody, STACK_BYTES } from './nvm-body.js';

/** FRAM behind SPI. */
export const spiFram: NvmBody = {
  files: ['brownout_nvm_spi_fram.c', 'brownout_spi_memory.h', 'brownout_spi.h'],
  editable: [],
  port: 'spi',
  runs: 'part',
  stackBytes: STACK_BYTES,
  place: beside,
  memories: [
    {
      name: 'spi-fram',
      title: 'SPI FRAM',
      unit: 'byte',
      wear: hottestByteWrites,
      lasts: () => ENDURANCE.fram,
    },
  ],
};
