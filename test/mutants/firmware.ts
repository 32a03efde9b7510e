// Small changes of the C that keeps a device alive, and erases it.
import { of } from './mutant.js';

export const FIRMWARE = [
  ...of('firmware/main.c', { test: 'never-stuck' }, [
    ['no progress taken for NVM that cannot be read', 'state == BROWNOUT_E_NO_PROGRESS) {', '0) {'],
  ]),
  ...of('firmware/brownout.c', { test: 'erase' }, [
    [
      'an erasure that is not marked',
      '  brownout_nvm_write(BROWNOUT_JOURNAL, erasing, sizeof erasing);\n',
      '',
    ],
    [
      'an erasure that leaves the last bytes',
      'while (at < BROWNOUT_NVM_BYTES) {',
      'while (at + 64 < BROWNOUT_NVM_BYTES) {',
    ],
    [
      'an erasure given up at the next boot',
      '  if (marked > 0) erase();\n  else write_state',
      '  write_state',
    ],
    ['old records left in the log', '  brownout_nvm_forget();\n', ''],
  ]),
];
