// Dumps of NVM on the command line: they hold the state of an image, and the image says what is where.
import { readUserFile } from './files.js';
import { BrownoutError } from '../error.js';
import { type DeviceImage, readDevice, readImage } from '../model/image.js';
import { checkSigner } from '../model/signature.js';
import { checkDump, checkState } from '../model/state-record.js';
import { file, isBytes } from '../options/kinds.js';

/** The image whose state a dump holds, and its file where there is one. */
export type DumpImage = DeviceImage & { file?: Uint8Array };

/** `--image`. */
export const imageOption = {
  kind: file('an image (.brn)', 'mine.brn', isBytes),
  help: 'of a dump: the image whose state it is',
};

/**
 * The image in file `path`, whose state `dump` is; `signedBy`: the key that must have signed it. Throws `E_MAGIC`, `E_USAGE`,
 * `E_IMAGE_*`, `E_SIGNATURE`, and as `checkState`.
 */
export function imageOfDump(
  path: string | undefined,
  dump: Uint8Array,
  signedBy?: Uint8Array,
): Required<DumpImage> {
  checkDump(dump);
  if (path === undefined) {
    throw new BrownoutError({
      code: 'E_USAGE',
      found: 'a dump of NVM without its image',
      expected: '--image FILE',
      hint: 'Add --image and the .brn file that the device runs.',
    });
  }
  const bytes = readUserFile(path);
  const image = readDevice(bytes);
  if (signedBy !== undefined) checkSigner(readImage(bytes), signedBy);
  checkState(dump, image);
  return { ...image, file: bytes };
}
