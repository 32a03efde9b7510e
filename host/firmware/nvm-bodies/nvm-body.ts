// What a body of firmware's NVM is: everything that differs from one kind of memory to another, in one record.
import type { DeviceProfile } from '../../profiles/profile.js';
import type { WriteTrace } from '../write-trace.js';
import type { FlashPage, MemoryMap, Runs } from '../targets.js';

/** A line of brownout_settings.h. */
export interface Setting {
  name: string;
  /** C; undefined: only a person can say. */
  value: string | undefined;
  what: string;
}

/** What a body needs of the part's peripherals, in a file of its own. */
export type PortKind = 'spi' | 'flash';

/** Where a body is to lie. */
export interface Placing {
  map: MemoryMap;
  /** NVM that the image takes. */
  nvmBytes: number;
  /** How the part's own flash is erased, where it is a board that is known. */
  page: FlashPage | undefined;
  /** Its program memory is FRAM, in which NVM has its place, too: at the end. */
  isFram: boolean;
}

/** What a body takes of a part. */
export interface Placement {
  /** For brownout_settings.h. */
  settings: readonly Setting[];
  /** Bytes at the end of flash that the program leaves alone. */
  flashBytes: number;
  /** NVM that there then is, where the device's profile does not say. */
  capacityBytes?: number;
}

/** A memory under the body, and how long it lasts. */
export interface WearingMemory {
  /** As `analyze --json` has it. */
  name: string;
  title: string;
  /** What wears. */
  unit: 'byte' | 'page';
  /** Writes of the hottest byte, or erasures of the page that had most, in one inference. */
  wear: (trace: WriteTrace) => number;
  /** Writes or erasures that it lasts. */
  lasts: (profile: DeviceProfile) => number;
}

export interface NvmBody {
  /** Files of firmware/; of these `editable` are for people to fill in. */
  files: readonly string[];
  editable: readonly string[];
  /** What a port of the board does, or a person. */
  port?: PortKind;
  runs: Runs;
  /** What was written over stays in cells: there is a `brownout_nvm_forget`. */
  keepsOld?: boolean;
  /** Stack that a program gets with it. */
  stackBytes: number;
  place: (where: Placing) => Placement;
  memories: readonly WearingMemory[];
}

/** Stack that a program gets where its NVM takes hardly any. */
export const STACK_BYTES = 1024;

/** A memory beside the part: its port says where. */
export const beside = (): Placement => ({ settings: [], flashBytes: 0 });
