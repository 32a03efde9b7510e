// An image as calls take it: the bytes of its file, or as it was read; its records held to what it declares.
import { refuseArgument } from '../error.js';
import { type DeviceImage, type Image, readDevice, readImage } from '../model/image.js';
import { checkRecords } from './bounds.js';

const isRead = (value: unknown): value is DeviceImage =>
  typeof value === 'object' && value !== null && 'imageId' in value && 'ops' in value;

const EXPECTED = 'the bytes of a .brn file (a Uint8Array), or what `readImage` returns';
const HINT = 'Read the file: readFileSync("model.brn").';

function sound<Kind extends DeviceImage>(image: Kind): Kind {
  checkRecords(image);
  return image;
}

/** Throws `E_OPTION` on what is no image, and what `readImage` and `checkRecords` do. */
export function imageOf(given: Uint8Array | Image): Image {
  if (given instanceof Uint8Array) return sound(readImage(given));
  return isRead(given) && 'file' in given ? sound(given) : refuseArgument(given, EXPECTED, HINT);
}

/** The same of what a device holds of it. */
export function deviceImageOf(given: Uint8Array | DeviceImage): DeviceImage {
  if (given instanceof Uint8Array) return sound(readDevice(given));
  return isRead(given) ? sound(given) : refuseArgument(given, EXPECTED, HINT);
}
