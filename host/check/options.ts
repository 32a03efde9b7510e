import { type ImportOptions, importOptions } from '../import/import-model.js';
import type { Table } from '../options/table.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** Options of `check`. */
export interface CheckOptions extends Pick<ImportOptions, 'name' | 'data' | 'beside' | 'cut' | 'shape'> {
  /** Device profile; default `cortex-m4-generic`. */
  device?: string | DeviceProfile;
}

const { name, data, beside, cut, shape } = importOptions;

export const checkModelOptions = {
  name,
  data,
  beside,
  cut,
  shape,
  device: { kind: deviceKind, default: 'cortex-m4-generic', help: 'device profile' },
} as const satisfies Table<CheckOptions>;
