// The record with which an image's state begins in NVM: whose it is (docs/FORMAT.md).
import { N_IMAGE_ID, N_MAGIC, STATE_BYTES, STATE_MAGIC } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import type { DeviceImage } from './image.js';

const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;

/** The record of the image called `imageId`. */
export function stateRecord(imageId: number): Uint8Array {
  const bytes = new Uint8Array(STATE_BYTES);
  const fields = new DataView(bytes.buffer);
  fields.setUint32(N_MAGIC, STATE_MAGIC, true);
  fields.setUint32(N_IMAGE_ID, imageId, true);
  return bytes;
}

/** Whether bytes begin as the state of an image does. */
export const isState = (bytes: Uint8Array): boolean =>
  bytes.length >= STATE_BYTES &&
  new DataView(bytes.buffer, bytes.byteOffset, STATE_BYTES).getUint32(N_MAGIC, true) === STATE_MAGIC;

const WHOLE = 'Dump all of NVM from the first byte of the state on.';

/** Throws `E_MAGIC` where bytes do not begin as the state of an image does. */
export function checkDump(bytes: Uint8Array): void {
  if (isState(bytes)) return;
  throw new BrownoutError({
    code: 'E_MAGIC',
    found: 'a dump that begins with no state',
    expected: '"BRNS" at its start',
    hint: WHOLE,
  });
}

/** Throws `E_MAGIC`, `E_CURSOR_IMAGE`, `E_NVM_SIZE` where a dump of NVM is not the whole state of `image`. */
export function checkState(dump: Uint8Array, image: Pick<DeviceImage, 'imageId' | 'nvmBytes'>): void {
  const refuse = (code: string, found: string, expected: string, hint: string): never => {
    throw new BrownoutError({ code, found, expected, hint });
  };
  checkDump(dump);
  const id = new DataView(dump.buffer, dump.byteOffset, STATE_BYTES).getUint32(N_IMAGE_ID, true);
  if (id !== image.imageId)
    refuse(
      'E_CURSOR_IMAGE',
      `the state of image ${hex(id)}`,
      hex(image.imageId),
      'Give the image that the device runs.',
    );
  if (dump.length < image.nvmBytes)
    refuse('E_NVM_SIZE', `a dump of ${dump.length} bytes`, `at least ${image.nvmBytes}`, WHOLE);
}
