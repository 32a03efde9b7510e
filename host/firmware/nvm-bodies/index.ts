// NVM that firmware has a body for: a line each. The first that runs where a target does is what it has by default.
import { eeprom } from './eeprom.js';
import { file } from './file.js';
import { flash } from './flash.js';
import { mapped } from './mapped.js';
import type { NvmBody } from './nvm-body.js';
import { spiFram } from './spi-fram.js';

const BODIES = {
  mapped,
  'spi-fram': spiFram,
  eeprom,
  flash,
  file,
} satisfies Record<string, NvmBody>;

/** What NVM a device has: a row of the table. */
export type NvmKind = keyof typeof BODIES;
export const nvmKinds = Object.keys(BODIES) as NvmKind[];
export const nvmBodies: readonly NvmBody[] = Object.values(BODIES);

export const nvmBody = (kind: NvmKind): NvmBody => BODIES[kind];
