// Vouching for an image: whoever asks for a key's signature takes no other image, nor this one changed.
import { type Image, withSignature } from '../model/image.js';
import { imageOf } from '../ops/given-image.js';
import { checkOptions } from '../options/table.js';
import { type Origin, originOf } from '../origin.js';
import { type SignOptions, signOptions } from './options.js';

/** What `sign` returns. */
export interface SignResult {
  origin: Origin;
  /** The signed image: a .brn file. */
  file: Uint8Array;
  /** The public key, 32 bytes in hex: what `inspect` says of the image from now on. */
  signedBy: string;
}

/**
 * Signs an image (bytes or read) with an Ed25519 key: device bytes and all sections (docs/FORMAT.md, "The file"). What is
 * signed already is signed anew. Throws `E_IMAGE_…`, `E_SIGNATURE`, `E_KEY`.
 */
export function sign(image: Uint8Array | Image, options: SignOptions): SignResult {
  const { key } = checkOptions(signOptions, options);
  const { file, signature } = withSignature(imageOf(image), key);
  return { origin: originOf({ image: file }), file, signedBy: signature!.signedBy };
}
