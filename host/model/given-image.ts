// An image as calls take it: the bytes of its file, or as it was read.
import { refuseArgument } from '../error.js';
import { type DeviceImage, type Image, readDevice, readImage } from './image.js';

const isRead = (value: unknown): value is DeviceImage =>
  typeof value === 'object' && value !== null && 'imageId' in value && 'ops' in value;

const EXPECTED = 'the bytes of a .brn file (a Uint8Array), or what `readImage` returns';
const HINT = 'Read the file: readFileSync("model.brn").';

/** Throws `E_OPTION` on what is no image, and what `readImage` does. */
export function imageOf(given: Uint8Array | Image): Image {
  if (given instanceof Uint8Array) return readImage(given);
  return isRead(given) && 'file' in given ? given : refuseArgument(given, EXPECTED, HINT);
}

/** The same of what a device holds of it. */
export function deviceImageOf(given: Uint8Array | DeviceImage): DeviceImage {
  if (given instanceof Uint8Array) return readDevice(given);
  return isRead(given) ? given : refuseArgument(given, EXPECTED, HINT);
}
