// When two NVMs are equal: every byte, but for diagnostics and, where commits are optional, the cursors' numbering.
import { CURSOR_BYTES, C_CRC, C_SEQUENCE } from '../../assembly/layout.js';
import { isWhole, sequenceOf } from '../model/cursor.js';
import type { Image } from '../model/image.js';

/**
 * A copy of NVM with what no tile reads taken out: diagnostics become zeros. `renumber` (policies that commit when power
 * is low, so that the number of commits depends on the power): the newest cursor moves to slot 0 without its sequence
 * and checksum, and the older slot becomes zeros.
 */
export function comparableNvm(nvm: Uint8Array, image: Image, renumber: boolean): Uint8Array {
  const copy = nvm.slice();
  copy.fill(0, image.diagnostics.offset, image.diagnostics.offset + image.diagnostics.bytes);
  if (!renumber) return copy;
  const slots = [0, 1].map((slot) => {
    const start = image.slots.offset + slot * image.slotStride;
    return copy.slice(start, start + CURSOR_BYTES);
  });
  const whole = slots.filter(isWhole);
  whole.sort((a, b) => (sequenceOf(b) - sequenceOf(a)) | 0);
  copy.fill(0, image.slots.offset, image.slots.offset + image.slots.bytes);
  const newest = whole[0];
  if (newest) {
    newest.fill(0, C_SEQUENCE, C_SEQUENCE + 4);
    newest.fill(0, C_CRC, C_CRC + 4);
    copy.set(newest, image.slots.offset);
  }
  return copy;
}

/** Offset of the first byte in which the two differ; −1 if they are equal. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return -1;
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? Math.min(a.length, b.length) : at;
}
