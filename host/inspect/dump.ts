// Dumps of NVM on the command line: they hold the state of an image, and the image says what is where.
import { readUserFile } from '../data/files.js';
import { BrownoutError } from '../error.js';
import { type DeviceImage, readDevice } from '../model/image.js';
import { checkState } from '../model/state-record.js';
import { file, isBytes } from '../options/kinds.js';

/** `--image`. */
export const imageOption = {
  kind: file('an image (.brn)', 'mine.brn', isBytes),
  help: 'of a dump: the image whose state it is',
};

/** The image in file `path`, whose state `dump` is. Throws `E_USAGE`, `E_IMAGE_*`, and as `checkState`. */
export function imageOfDump(path: string | undefined, dump: Uint8Array): DeviceImage {
  if (path === undefined) {
    throw new BrownoutError({
      code: 'E_USAGE',
      found: 'a dump of NVM without its image',
      expected: '--image FILE',
      hint: 'Add --image and the .brn file that the device runs.',
    });
  }
  const image = readDevice(readUserFile(path));
  checkState(dump, image);
  return image;
}
