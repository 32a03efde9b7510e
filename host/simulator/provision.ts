// Provisioning: how the state of an image gets into a device's NVM, so that a cut on the way leaves no device that looks
// ready. The image itself lies where a programmer put it.
import { CURSOR_BYTES, JOURNAL_BYTES, N_JOURNAL, N_MAGIC } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import { cursorBytes, idleFields } from '../model/cursor.js';
import type { Image } from '../model/image.js';
import { stateRecord } from '../model/state-record.js';
import type { SimulatedNvm } from './nvm.js';

/** The cursor of a device that has not run yet. */
export const firstCursor = (imageId: number, sequence = 0): Uint8Array =>
  cursorBytes(idleFields(imageId), sequence);

/**
 * Writes the state of `image` to NVM at `base`: takes away the old magic, writes everything, then the magic last.
 * `write` and `sync` may fail anywhere (a cut): until the last `sync` returns, the device says `E_MAGIC`.
 */
export function provision(nvm: SimulatedNvm, image: Image, { base = 0, sequence = 0 } = {}): void {
  if (base + image.nvmBytes > nvm.present.length) {
    throw new BrownoutError({
      code: 'E_NVM_SIZE',
      found: `${nvm.present.length - base} bytes of NVM at ${base}`,
      expected: `at least ${image.nvmBytes}`,
      hint: 'Take a part with more NVM, or compile with a smaller nvmBytes.',
    });
  }
  const blankMagic = new Uint8Array(4);
  nvm.write(base + N_MAGIC, blankMagic);
  nvm.sync();
  const record = stateRecord(image.imageId);
  nvm.write(base + blankMagic.length, record.subarray(blankMagic.length));
  nvm.write(base + N_JOURNAL, new Uint8Array(JOURNAL_BYTES));
  nvm.write(base + image.diagnostics.offset, new Uint8Array(image.diagnostics.bytes));
  nvm.write(base + image.slots.offset, firstCursor(image.imageId, sequence));
  nvm.write(base + image.slots.offset + image.slotStride, new Uint8Array(CURSOR_BYTES));
  nvm.sync();
  nvm.write(base + N_MAGIC, record.subarray(N_MAGIC, blankMagic.length));
  nvm.sync();
}
