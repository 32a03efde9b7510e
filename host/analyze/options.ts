import type { Table } from '../options/table.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** Options of `analyze`. */
export interface AnalyzeOptions {
  /** Device profile; default `cortex-m4-generic`. */
  device?: string | DeviceProfile;
}

export const analyzeOptions = {
  device: { kind: deviceKind, default: 'cortex-m4-generic', help: 'device profile' },
} as const satisfies Table<AnalyzeOptions>;
