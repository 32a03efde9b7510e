import { signedByOption } from '../data/option-kinds.js';
import { hardwareNames } from '../firmware/hardware.js';
import { layoutNames } from '../firmware/layouts.js';
import { nvmKinds } from '../firmware/nvm-bodies/index.js';
import { partKind } from '../firmware/own-part.js';
import type { SpiPart } from '../firmware/spi-parts.js';
import { targetNames } from '../firmware/targets.js';
import { choice, files, flag, isBytes } from '../options/kinds.js';
import type { Table } from '../options/table.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** Options of `exportFirmware`. */
export interface ExportOptions {
  /** `cortex-m0plus`, `cortex-m3`, `cortex-m4` (default), `cortex-m33`, … or `posix`. */
  target?: string;
  /** `mapped` (default), `spi-fram`, `eeprom`, `flash` or, for `posix` alone, `file`. */
  nvm?: string;
  /** The memory behind SPI, by name or as data of one's own, which gives `nvm`, address width, page, opcodes and sleep. */
  part?: string | SpiPart;
  /** A board to buy (host/firmware/hardware.ts), which gives target and memories, and UF2 where it takes that. */
  board?: string;
  /** How the files lie: `make` (default), `cmake`, `zephyr` or `arduino`. */
  layout?: string;
  /** Device profile whose flash, SRAM and NVM the firmware must fit; default the board's, else that of the image. */
  device?: string | DeviceProfile;
  /**
   * Images (.brn) of earlier firmware, whose NVM it takes over: tickets, and what was learnt where layers agree
   * (docs/FIRMWARE.md, "Updates"). NVM of any other image is refused.
   */
  from?: Uint8Array[];
  /** PEM of an Ed25519 public key: no other image is exported than one it has signed (`sign`). */
  signedBy?: Uint8Array;
  /**
   * The device checks the signature whenever it boots, by a function `brownout_verify_signature` that you supply
   * (docs/FIRMWARE.md, "Signed images"). Only with `signedBy`; default false.
   */
  checkSignature?: boolean;
  /**
   * The device boots no image with another header or plan than this one's, whatever its checksums say. As no address and no
   * length depends on the rest of it, none makes the firmware read or write elsewhere. Default false.
   */
  checkPlan?: boolean;
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
  part: {
    kind: partKind,
    help: 'memory behind SPI: one that is known, or a file of yours (docs/FIRMWARE.md)',
  },
  layout: { kind: choice(layoutNames, { code: 'E_LAYOUT' }), default: 'make', help: 'how the files lie' },
  board: { kind: choice(hardwareNames, { code: 'E_BOARD' }), help: 'memories of a board to buy' },
  device: { kind: deviceKind, help: 'part it must fit', otherwise: 'the board’s, else the image’s' },
  from: {
    kind: files('an image (.brn)', 'old.brn', isBytes, 'OLD.brn,…'),
    help: 'earlier images whose NVM it takes over, learnt weights where layers agree',
  },
  signedBy: signedByOption,
  checkSignature: {
    kind: flag,
    default: false,
    help: 'the device, too, boots no other image; with --signed-by',
  },
  checkPlan: {
    kind: flag,
    default: false,
    help: 'the device boots no image with other addresses or sizes, whoever wrote it',
  },
  verify: { kind: flag, default: true, help: 'leave out the proof on the module in the folder' },
} as const satisfies Table<ExportOptions>;
