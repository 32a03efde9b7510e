import { beside, type NvmBody, STACK_BYTES } from './nvm-body.js';

/** A file that plays NVM at the desk. */
export const file: NvmBody = {
  files: ['brownout_nvm_file.c'],
  editable: [],
  runs: 'desk',
  stackBytes: STACK_BYTES,
  place: beside,
  memories: [],
};
