// Small changes of the C that keeps a device alive, updates it, erases it and talks to its memory.
import { of } from './mutant.js';

export const FIRMWARE = [
  ...of('firmware/main.c', { test: 'never-stuck' }, [
    ['no progress taken for NVM that cannot be read', 'state == BROWNOUT_E_NO_PROGRESS) {', '0) {'],
    [
      'no sleep after boots without progress',
      '    doze();\n    state = BROWNOUT_RUN;',
      '    state = BROWNOUT_RUN;',
    ],
    ['no sleep when the supply warns', '== BROWNOUT_LOW) doze();', '== BROWNOUT_LOW) {\n  }'],
    ['no sleep after an error', '  doze();\n  return 1;', '  return 1;'],
    ['an error that ends as if all were well', '  doze();\n  return 1;', '  doze();\n  return 0;'],
    ['a job that is never given up', ' || brownout_boots() <= MOST_BOOTS', ''],
    ['a job given up a boot early', 'brownout_boots() <= MOST_BOOTS', 'brownout_boots() < MOST_BOOTS'],
    ['a job given up without a record', '  report("given up: ticket", (int32_t)brownout_ticket());\n', ''],
    ['a job said to be given up, and kept', 'return brownout_cancel(brownout_ticket());', 'return state;'],
    ['NVM provisioned without a record', '    report("provisioned anew after", state);\n', ''],
    ['NVM not provisioned', 'if (brownout_provision() < 0) return state;', ''],
  ]),
  ...of('firmware/brownout.c', { test: 'never-stuck' }, [
    ['careful a boot late', '> BROWNOUT_CAREFUL_BOOTS', '> BROWNOUT_CAREFUL_BOOTS + 1'],
    [
      'one tile, then as many as there are',
      '  while (state == BROWNOUT_RUN) state = brownout_run(budget);',
      '  if (state == BROWNOUT_RUN) state = brownout_run(budget);\n  while (state == BROWNOUT_RUN) state = brownout_run(0);',
    ],
    [
      'no progress booted again',
      'if (state >= 0 || state == BROWNOUT_E_NO_PROGRESS) return state;',
      'if (state >= 0) return state;',
    ],
    ['what cannot be read booted again', '  if (blank < BROWNOUT_READS) return state;\n', ''],
  ]),
  ...of('firmware/brownout_cortex_m.c', { test: 'faults' }, [
    [
      'an NMI after which the job goes on',
      'brownout_board_nmi(void) {\n  fault();\n}',
      'brownout_board_nmi(void) {\n}',
    ],
    ['no restart', '  *(volatile uint32_t *)0xe000ed0cu = 0x05fa0004u; /* AIRCR: SYSRESETREQ */\n', ''],
    [
      'a fault of the core that nobody handles',
      '    brownout_board_nmi,\n    fault,',
      '    brownout_board_nmi,\n    brownout_board_tick,',
    ],
  ]),
  ...of('firmware/brownout_startup.h', { test: 'faults' }, [
    [
      'a fault that returns',
      '  brownout_board_print("fault\\n");\n  brownout_board_exit(70);',
      '  brownout_board_print("fault\\n");',
    ],
    ['a fault that ends the program', 'if (BROWNOUT_LIVES_ON && code != 0) restart();', ';'],
  ]),
  ...of('firmware/brownout_riscv.c', { test: 'faults' }, [
    ['a core without a handler', 'csrw mtvec, %0', 'csrr t0, mtvec'],
    ['a restart that waits', '  brownout_reset();\n}', '  for (;;) {\n  }\n}'],
  ]),
  ...of('firmware/brownout_hal.c', { test: 'faults' }, [
    [
      'a trap that waits',
      '    *(volatile uint32_t *)0xe000ed0cu = 0x05fa0004u; /* AIRCR: SYSRESETREQ */\n',
      '',
    ],
    [
      'a trap after which the job goes on',
      '  for (;;) {\n#if',
      '  {\n#if',
      'equivalent on an emulated core, which restarts before its next instruction; a part is held here until it does',
    ],
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
    [
      'the state in force while it is erased',
      '  brownout_nvm_write(0, zeros, 4);\n  brownout_nvm_sync();\n  while',
      '  while',
    ],
  ]),
  ...of('firmware/brownout.c', { test: 'updates' }, [
    [
      'any release taken',
      'if (latest_release() > BROWNOUT_RELEASE) return BROWNOUT_E_ROLLBACK;\n#endif\n  state = settle();',
      '#endif\n  state = settle();',
    ],
    [
      'releases not counted up',
      'if (state >= 0 || state == BROWNOUT_E_NO_PROGRESS) raise_release();',
      'if (0) raise_release();',
    ],
  ]),
  ...of('firmware/brownout_update.h', { test: 'updates' }, [
    ['one copy of the release read', 'release_copies[i & 1u]', 'release_copies[0]'],
    ['a torn copy of the release believed', 'copy[0] == ~copy[1] && copy[0] > latest', 'copy[0] > latest'],
    ['factory weights for what was learnt', 'if (part->from == BROWNOUT_FACTORY) memcpy', 'if (1) memcpy'],
    [
      'no checksum of the new cursor',
      '  cursor[BROWNOUT_CHECKSUM] = crc_of(0, cursor, sizeof cursor - 4);\n  write_state',
      '  write_state',
    ],
    [
      'a journal that is left open',
      '  write_state(cursor, 0);\n  close_journal();',
      '  write_state(cursor, 0);',
    ],
  ]),
  ...of('firmware/brownout_spi_memory.h', { test: 'hal' }, [
    [
      'parts too small to address taken',
      '#elif BROWNOUT_NVM_ADDRESS + BROWNOUT_NVM_BYTES > 1 << 8 * BROWNOUT_NVM_ADDRESS_BYTES',
      '#elif 0',
    ],
    [
      'addresses of two bytes beyond 64 KB',
      '#define BROWNOUT_NVM_ADDRESS_BYTES 3',
      '#define BROWNOUT_NVM_ADDRESS_BYTES 2',
    ],
    ['a part that is not up yet written to', '    }\n  }\n  brownout_trap();', '    }\n  }'],
    ['one look at a part that is not up', 'looks < BROWNOUT_NVM_PATIENCE', 'looks < 1u'],
  ]),
  ...of('firmware/brownout_nvm_spi_fram.c', { test: 'hal' }, [
    [
      'a write that did not take believed',
      'while (!holds(address, source, length));',
      'while (0 && !holds(address, source, length));',
    ],
    ['writes tried for ever', 'if (tries++ == BROWNOUT_NVM_TRIES) brownout_trap();', ''],
  ]),
];
