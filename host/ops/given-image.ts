// An image as calls take it: the bytes of its file, or as it was read; its records held to what it declares.
import { refuseArgument } from '../error.js';
import { type DeviceImage, type Image, readDevice, readImage } from '../model/image.js';
import { checkSigner } from '../model/signature.js';
import { checkRecords } from './bounds.js';

const isRead = (value: unknown): value is DeviceImage =>
  typeof value === 'object' && value !== null && 'imageId' in value && 'ops' in value;

const EXPECTED = 'the bytes of a .brn file (a Uint8Array), or what `readImage` returns';
const HINT = 'Read the file: readFileSync("model.brn").';

function sound<Kind extends DeviceImage>(image: Kind): Kind {
  checkRecords(image);
  return image;
}

/**
 * Throws `E_OPTION` on what is no image, what `readImage` and `checkRecords` do, and `E_SIGNATURE` on what another than the key
 * `signedBy` has signed.
 */
export function imageOf(given: Uint8Array | Image, signedBy?: Uint8Array): Image {
  const image = given instanceof Uint8Array ? readImage(given) : given;
  if (!isRead(image) || !('file' in image)) return refuseArgument(given, EXPECTED, HINT);
  checkSigner(image, signedBy);
  return sound(image);
}

/** The same of what a device holds of it. */
export function deviceImageOf(given: Uint8Array | DeviceImage): DeviceImage {
  if (given instanceof Uint8Array) return sound(readDevice(given));
  return isRead(given) ? sound(given) : refuseArgument(given, EXPECTED, HINT);
}
