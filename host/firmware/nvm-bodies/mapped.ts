import { hex } from '../../model/image-error.js';
import { ENDURANCE } from '../../simulator/wear.js';
import { hottestByteWrites } from '../write-trace.js';
import type { MemoryMap } from '../targets.js';
import { type NvmBody, type Placement, STACK_BYTES } from './nvm-body.js';

/** NVM begins at a multiple of this: no two slots in one write line. */
const ALIGNMENT = 64;

/** Program memory's own end. */
function atEnd({ flash }: MemoryMap, nvmBytes: number): Placement {
  const size = Math.ceil(nvmBytes / ALIGNMENT) * ALIGNMENT;
  const end = flash.origin + flash.bytes;
  const settings = [
    {
      name: 'BROWNOUT_NVM_ADDRESS',
      value: `${hex(end - size)}u`,
      what: 'where NVM begins; the program ends there',
    },
    { name: 'BROWNOUT_NVM_END', value: `${hex(end)}u`, what: 'where NVM ends' },
  ];
  return { settings, flashBytes: size, capacityBytes: size };
}

/** FRAM, MRAM, or RAM that plays it, in the address space. */
export const mapped: NvmBody = {
  files: ['brownout_nvm_mapped.c'],
  editable: ['brownout_nvm_mapped.c'],
  runs: 'part',
  stackBytes: STACK_BYTES,
  place: ({ map, isFram, nvmBytes }) => {
    if (isFram) return atEnd(map, nvmBytes);
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
