import { hardwareNames } from '../firmware/hardware.js';
import { layoutNames } from '../firmware/layouts.js';
import { nvmKinds } from '../firmware/nvm-bodies/index.js';
import { targetNames } from '../firmware/targets.js';
import { choice, flag } from '../options/kinds.js';
import type { Table } from '../options/table.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** Options of `exportFirmware`. */
export interface ExportOptions {
  /** `cortex-m0plus`, `cortex-m3`, `cortex-m4` (default), `cortex-m33`, … or `posix`. */
  target?: string;
  /** `mapped` (default), `spi-fram`, `eeprom`, `flash` or, for `posix` alone, `file`. */
  nvm?: string;
  /** A board to buy (host/firmware/hardware.ts), which gives target and memories, and UF2 where it takes that. */
  board?: string;
  /** How the files lie: `make` (default), `cmake`, `zephyr` or `arduino`. */
  layout?: string;
  /** Device profile whose flash, SRAM and NVM the firmware must fit; default the board's, else `cortex-m4-generic`. */
  device?: string | DeviceProfile;
  /** Prove the image on the very module that goes into the folder; default true. */
  verify?: boolean;
}

export const exportOptions = {
  target: {
    kind: choice(targetNames, { code: 'E_TARGET' }),
    help: 'processor',
    otherwise: 'the board’s, else cortex-m4',
  },
  nvm: {
    kind: choice(nvmKinds, { placeholder: 'KIND', code: 'E_NVM' }),
    help: 'kind of NVM',
    otherwise: 'mapped; posix: file',
  },
  layout: { kind: choice(layoutNames, { code: 'E_LAYOUT' }), default: 'make', help: 'how the files lie' },
  board: { kind: choice(hardwareNames, { code: 'E_BOARD' }), help: 'memories of a board to buy' },
  device: { kind: deviceKind, help: 'part it must fit', otherwise: 'the board’s, else cortex-m4-generic' },
  verify: { kind: flag, default: true, help: 'leave out the proof on the module in the folder' },
} as const satisfies Table<ExportOptions>;
