import { hex } from '../../model/image-error.js';
import { ENDURANCE } from '../../simulator/wear.js';
import { hottestByteWrites } from '../write-trace.js';
import { type NvmBody, STACK_BYTES } from './nvm-body.js';

/** FRAM, MRAM, or RAM that plays it, in the address space. */
export const mapped: NvmBody = {
  files: ['brownout_nvm_mapped.c'],
  editable: ['brownout_nvm_mapped.c'],
  runs: 'part',
  stackBytes: STACK_BYTES,
  place: ({ map }) => {
    const value = `${hex(map.nvm.origin)}u`;
    const settings = [{ name: 'BROWNOUT_NVM_ADDRESS', value, what: 'where NVM is mapped' }];
    return { settings, flashBytes: 0 };
  },
  memories: [
    {
      name: 'mapped',
      title: "mapped, the device's",
      unit: 'byte',
      wear: hottestByteWrites,
      lasts: ({ nvmEndurance }) => nvmEndurance.value,
    },
    {
      name: 'fram',
      title: 'mapped FRAM',
      unit: 'byte',
      wear: hottestByteWrites,
      lasts: () => ENDURANCE.fram,
    },
    {
      name: 'mram',
      title: 'mapped MRAM',
      unit: 'byte',
      wear: hottestByteWrites,
      lasts: () => ENDURANCE.mram,
    },
  ],
};
