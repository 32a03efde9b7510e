import * as assert from 'uvu/assert';
import { HEADER_BYTES, H_CONSTANTS_CRC, H_CRC, H_IMAGE_ID, STATIC_BYTES } from '../../assembly/layout.js';
import { shippedImage } from '../../host/demo/demo.js';
import { BrownoutError } from '../../host/error.js';
import { type Image, readImage } from '../../host/model/image.js';

export const MASKS = [0x01, 0x10, 0x80, 0xff];
export const ARENA = STATIC_BYTES;
export const SECTION_HEADER_BYTES = 12;
export const digits = shippedImage();

/** CRC-32 from its definition, a bit at a time. */
export function crc(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
}

export const field = (bytes: Uint8Array, offset: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
export const setField = (bytes: Uint8Array, offset: number, value: number): void =>
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, value, true);

/** The error of reading `file`: must be a whole `E_IMAGE_*`. */
export function refusal(file: Uint8Array, what: string): string {
  let found: unknown;
  try {
    readImage(file);
  } catch (error) {
    found = error;
  }
  assert.ok(found instanceof BrownoutError, `${what}: ${found ?? 'accepted'}`);
  assert.match(found.code, /^E_IMAGE_[A-Z]+$/, what);
  for (const text of [found.found, found.expected, found.hint]) assert.ok(text.length > 0, what);
  return found.code;
}

export function changed(file: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = file.slice();
  copy[at]! ^= mask;
  return copy;
}

/** Desk sections of a file: offset of each payload, and its bytes. */
export function sectionsOf(image: Image): { start: number; bytes: number }[] {
  const sections = [];
  for (let at = image.imageBytes; at < image.file.length;) {
    const bytes = field(image.file, at + 4);
    sections.push({ start: at + SECTION_HEADER_BYTES, bytes });
    at += SECTION_HEADER_BYTES + Math.ceil(bytes / 4) * 4;
  }
  return sections;
}

/** The image with its metadata replaced, checksum and all. */
export function withMetadata(image: Image, text: Uint8Array): Uint8Array {
  const payload = new Uint8Array(Math.ceil(text.length / 4) * 4);
  payload.set(text);
  const header = image.file.slice(image.imageBytes, image.imageBytes + SECTION_HEADER_BYTES);
  setField(header, 4, text.length);
  setField(header, 8, crc(text));
  return Uint8Array.from([...image.device, ...header, ...payload]);
}

/** The device bytes of `image` after an edit, with every checksum of header and constants made to fit. */
export function resealed(image: Image, edit: (file: Uint8Array) => void): Uint8Array {
  const file = image.file.slice();
  edit(file);
  const constants = file.subarray(image.constants.offset, image.imageBytes);
  setField(file, H_CONSTANTS_CRC, crc(constants));
  setField(file, H_IMAGE_ID, crc(file.subarray(HEADER_BYTES, image.imageBytes)));
  setField(file, H_CRC, crc(file.subarray(H_IMAGE_ID, HEADER_BYTES)));
  return file;
}
