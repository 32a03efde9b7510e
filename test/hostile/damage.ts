// Damage to files of any format, and images whose checksums fit again.
import {
  HEADER_BYTES,
  H_CONSTANTS_CRC,
  H_CRC,
  H_IMAGE_ID,
  H_PLAN_CRC,
  OP_BYTES,
  OP_CRC,
} from '../../assembly/layout.js';
import type { Random } from '../../host/math/random.js';
import { crc32 } from '../../host/model/crc32.js';
import type { Image } from '../../host/model/image.js';
import { sectionsOf, setField } from '../util/image-bytes.js';

const WORDS = ['1e300', 'null', '"', '[', '{}', '-1', '__proto__', 'constructor', '\0', '\u001b[2J', ','];

/** A few bytes changed, most of them where the structure is, or a piece doubled, cut out or put in. */
export function damaged(random: Random, file: Uint8Array): Uint8Array {
  let bytes = file.slice();
  for (let edits = 1 + random.integer(4); edits > 0; edits--) {
    const most = Math.max(1, bytes.length);
    const at = random.integer(random.integer(2) ? most : Math.min(most, 160));
    const kind = random.integer(10);
    if (kind < 4) bytes[at] = random.uint32();
    else if (kind < 7) {
      const values = [0, 1, 0xffffffff, 0x7fffffff, 0x80000000, 65536, random.uint32()];
      if ((at & ~3) + 4 <= bytes.length) setField(bytes, at & ~3, values[random.integer(values.length)]!);
    } else if (kind === 7) bytes = bytes.slice(0, at);
    else {
      const word = new TextEncoder().encode(WORDS[random.integer(WORDS.length)]!);
      const piece = kind === 8 ? word : bytes.slice(at, at + random.integer(64));
      const rest = bytes.subarray(at + random.integer(3) * random.integer(16));
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...piece, ...rest]);
    }
  }
  return bytes;
}

/** Makes every checksum of what was `image` fit, where what is left is long enough. */
export function resealDamaged(bytes: Uint8Array, image: Image): void {
  const { plan, constants, imageBytes } = image;
  if (bytes.length < imageBytes) return;
  for (let at = plan.offset; at < plan.offset + plan.bytes; at += OP_BYTES)
    setField(bytes, at + OP_CRC, crc32(bytes.subarray(at, at + OP_CRC)));
  const planCrc = crc32(bytes.subarray(plan.offset, plan.offset + plan.bytes));
  setField(bytes, H_PLAN_CRC, planCrc);
  setField(bytes, H_CONSTANTS_CRC, crc32(bytes.subarray(constants.offset, imageBytes)));
  setField(bytes, H_IMAGE_ID, crc32(bytes.subarray(constants.offset, imageBytes), planCrc));
  setField(bytes, H_CRC, crc32(bytes.subarray(H_IMAGE_ID, HEADER_BYTES)));
  for (const { start, bytes: length } of sectionsOf(image))
    if (start + length <= bytes.length)
      setField(bytes, start - 4, crc32(bytes.subarray(start, start + length)));
}

const NUMBERS = [
  0, 1, 2, 3, 7, 16, 127, 255, 256, 0x10001, 0x7fff, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** The image with a few fields of header or records changed, by a little or by much, and every checksum made to fit. */
export function otherFields(random: Random, image: Image): Uint8Array {
  const bytes = image.file.slice();
  const view = new DataView(bytes.buffer);
  for (let edits = 1 + random.integer(3); edits > 0; edits--) {
    const { plan } = image;
    const record = plan.offset + OP_BYTES * random.integer(plan.bytes / OP_BYTES);
    const inHeader = random.integer(8) === 0;
    const at = inHeader ? 16 + 4 * random.integer(28) : record + 4 * random.integer(31);
    const now = view.getUint32(at, true);
    const choice = random.integer(6);
    if (choice === 0) view.setUint32(at, NUMBERS[random.integer(NUMBERS.length)]!, true);
    else if (choice === 1) view.setUint32(at, now + 1 - 2 * random.integer(2), true);
    else if (choice === 2) view.setUint32(at, now + random.integer(65) - 32, true);
    else if (choice === 3) view.setUint16(at + 2 * random.integer(2), NUMBERS[random.integer(12)]!, true);
    else if (choice === 4) bytes[at + random.integer(4)] = random.uint32();
    else view.setUint32(at, view.getUint32(record + 4 * random.integer(31), true), true);
  }
  resealDamaged(bytes, image);
  return bytes;
}
