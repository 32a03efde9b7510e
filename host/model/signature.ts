// Who vouches for an image: an Ed25519 signature (RFC 8032) over device bytes and sections, in a section of its own.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { BrownoutError } from '../error.js';
import { COPY_AGAIN, refuse } from './image-error.js';
import { concat } from './sections.js';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** What is signed begins so: a signature of anything else is none of an image. 16 bytes. */
const CONTEXT = new TextEncoder().encode('Brownout image 1');

/** A public key behind this is SPKI in DER (RFC 8410). */
const SPKI = Uint8Array.from([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);

/** A signature that was checked. */
export interface ImageSignature {
  /** The public key, 32 bytes in hex. */
  signedBy: string;
  /** The same, as bytes. */
  key: Uint8Array;
  bytes: Uint8Array;
  /** What stands before the device bytes in what was signed. */
  prefix: Uint8Array;
}

/**
 * What stands before the device bytes in what is signed: 16 characters and the SHA-512 of the sections as they lie in the
 * file. So a device that has these 80 bytes before its image in flash holds the whole message, and need not know sections.
 */
const prefixOf = (sections: Uint8Array): Uint8Array =>
  concat([CONTEXT, createHash('sha512').update(sections).digest()]);

function refuseKey(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_KEY', found, expected, hint });
}

/** A key in PEM. Throws `E_KEY`. */
function keyOf(pem: Uint8Array, what: 'private' | 'public'): KeyObject {
  const parse = what === 'private' ? createPrivateKey : createPublicKey;
  let key: KeyObject;
  try {
    key = parse(Buffer.from(pem));
  } catch {
    const make =
      what === 'private'
        ? '`openssl genpkey -algorithm ed25519` or `brownout sign --new-key key.pem` makes one; it has no password.'
        : '`openssl pkey -in key.pem -pubout -out key.pub.pem` makes it of the private key.';
    return refuseKey(
      `a ${what} key that cannot be read`,
      `PEM, ${what === 'private' ? 'PKCS #8' : 'SPKI'}`,
      make,
    );
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  return refuseKey(
    `a key of type ${key.asymmetricKeyType}`,
    'ed25519',
    '`openssl genpkey -algorithm ed25519 -out key.pem` makes one.',
  );
}

/** The 32 bytes of a public key. */
const rawKey = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ type: 'spki', format: 'der' })).slice(SPKI.length);

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Payload of a section that signs device bytes and the sections behind them. Throws `E_KEY`. */
export function signatureOf(device: Uint8Array, sections: Uint8Array, privatePem: Uint8Array): Uint8Array {
  const key = keyOf(privatePem, 'private');
  const signed = signBytes(null, concat([prefixOf(sections), device]), key);
  return concat([rawKey(createPublicKey(key)), signed]);
}

/** The signature in a section's payload, checked. Throws `E_SIGNATURE` where anything was changed since. */
export function checkSignature(
  payload: Uint8Array,
  device: Uint8Array,
  sections: Uint8Array,
): ImageSignature {
  if (payload.length !== KEY_BYTES + SIGNATURE_BYTES) {
    const expected = `${KEY_BYTES + SIGNATURE_BYTES}`;
    refuse('E_IMAGE_SECTION', `a signature of ${payload.length} bytes`, expected, COPY_AGAIN);
  }
  const key = payload.slice(0, KEY_BYTES);
  const bytes = payload.slice(KEY_BYTES);
  const prefix = prefixOf(sections);
  const signedBy = hexOf(key);
  if (!isSigned(concat([prefix, device]), key, bytes)) {
    refuse(
      'E_SIGNATURE',
      `an image that is not what ${signedBy} signed`,
      'an image as it was when it was signed',
      'It was changed since, or the signature is forged: get it again from whoever signed it.',
    );
  }
  return { signedBy, key, bytes, prefix };
}

/** Whether the signature is one of `message` by `key`; of no message is one by bytes that are no key. */
function isSigned(message: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean {
  try {
    const object = createPublicKey({ key: Buffer.from(concat([SPKI, key])), format: 'der', type: 'spki' });
    return verifyBytes(null, message, object, signature);
  } catch {
    return false;
  }
}

/** Throws `E_SIGNATURE` unless the image was signed with the key whose public half is `publicPem`; and `E_KEY`. */
export function checkSigner(
  { signature }: { signature?: ImageSignature | undefined },
  publicPem: Uint8Array | undefined,
): void {
  if (publicPem === undefined) return;
  const expected = hexOf(rawKey(keyOf(publicPem, 'public')));
  if (signature?.signedBy === expected) return;
  const found = signature ? `an image signed by ${signature.signedBy}` : 'an image that nobody signed';
  const hint = 'Get the image from whoever has that key, or sign it: `brownout sign`.';
  throw new BrownoutError({ code: 'E_SIGNATURE', found, expected: `one signed by ${expected}`, hint });
}

/** A new pair of keys, in PEM. */
export function newKeys(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}
