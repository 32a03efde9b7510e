import { type ImportOptions, importOptions } from '../import/import-model.js';
import { hardwareNames } from '../firmware/hardware.js';
import { choice } from '../options/kinds.js';
import type { Table } from '../options/table.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** Options of `check`. */
export interface CheckOptions extends Pick<ImportOptions, 'name' | 'data' | 'beside' | 'cut' | 'shape'> {
  /** Device profile; default the board's, else `cortex-m4-generic`. */
  device?: string | DeviceProfile;
  /** A board to buy (host/firmware/hardware.ts): what it has room for, and what it still needs. */
  board?: string;
}

const { name, data, beside, cut, shape } = importOptions;

export const checkModelOptions = {
  name,
  data,
  beside,
  cut,
  shape,
  device: { kind: deviceKind, help: 'device profile', otherwise: 'the board’s, else cortex-m4-generic' },
  board: {
    kind: choice(hardwareNames, { code: 'E_BOARD' }),
    help: 'a board to buy, and what it still needs',
  },
} as const satisfies Table<CheckOptions>;
