// What follows the device bytes of an image file: sections for the desk alone (docs/FORMAT.md, "The file").
import { crc32 } from './crc32.js';
import { COPY_AGAIN, hex, refuse } from './image-error.js';
import type { ImageMetadata } from './metadata.js';
import { littleEndian, type Values } from './values.js';

const HEAD_BYTES = 12;

/** Tags of sections: four characters. */
export enum SectionTag {
  METADATA = 0x4154454d,
  SAMPLE = 0x504d4153,
  SIGNATURE = 0x4e474953,
}

/** What each is called where one is wrong. */
const NAMES: Readonly<Record<SectionTag, string>> = {
  [SectionTag.METADATA]: 'metadata',
  [SectionTag.SAMPLE]: 'sample',
  [SectionTag.SIGNATURE]: 'signature',
};

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Bytes one behind the other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A section: its head, the payload, padding. */
export function section(tag: SectionTag, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + Math.ceil(payload.length / 4) * 4);
  const head = view(bytes);
  head.setUint32(0, tag, true);
  head.setUint32(4, payload.length, true);
  head.setUint32(8, crc32(payload), true);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Sections of an image that nobody has signed. */
export function writeSections(metadata: ImageMetadata, sample: Values | undefined): Uint8Array[] {
  const sections = [section(SectionTag.METADATA, new TextEncoder().encode(JSON.stringify(metadata)))];
  if (sample) sections.push(section(SectionTag.SAMPLE, littleEndian(sample)));
  return sections;
}

/** Throws `E_IMAGE_CHECKSUM` unless the checksum of `bytes` is `expected`. */
export function checkCrc(what: string, bytes: Uint8Array, expected: number): void {
  const found = crc32(bytes);
  if (found !== expected) {
    refuse('E_IMAGE_CHECKSUM', `${what} with checksum ${hex(found)}`, hex(expected), COPY_AGAIN);
  }
}

/** A section as it lies in a file. */
export interface FileSection {
  payload: Uint8Array;
  /** Where its head begins. */
  from: number;
}

/** Sections from byte `from` of a file on. Throws `E_IMAGE_SIZE`, `E_IMAGE_SECTION`, `E_IMAGE_CHECKSUM`. */
export function readSections(file: Uint8Array, from: number): Map<SectionTag, FileSection> {
  const sections = new Map<SectionTag, FileSection>();
  const fields = view(file);
  let at = from;
  while (at < file.length) {
    if (file.length - at < HEAD_BYTES) {
      refuse('E_IMAGE_SIZE', `${file.length - at} bytes behind the last section`, 'none', COPY_AGAIN);
    }
    const tag: SectionTag = fields.getUint32(at, true);
    const bytes = fields.getUint32(at + 4, true);
    const padded = Math.ceil(bytes / 4) * 4;
    const start = at + HEAD_BYTES;
    if (padded > file.length - start) {
      refuse('E_IMAGE_SIZE', `${file.length} bytes`, `at least ${start + padded}`, COPY_AGAIN);
    }
    if (!Object.hasOwn(NAMES, tag) || sections.has(tag) || sections.has(SectionTag.SIGNATURE)) {
      refuse(
        'E_IMAGE_SECTION',
        `section ${hex(tag)} at byte ${at}`,
        'one META, at most one SAMP and behind them at most one SIGN',
        COPY_AGAIN,
      );
    }
    const payload = file.subarray(start, start + bytes);
    checkCrc(NAMES[tag], payload, fields.getUint32(at + 8, true));
    if (file.subarray(start + bytes, start + padded).some((byte) => byte !== 0)) {
      refuse('E_IMAGE_SECTION', `padding other than zero behind byte ${start + bytes}`, 'zeros', COPY_AGAIN);
    }
    sections.set(tag, { payload, from: at });
    at = start + padded;
  }
  return sections;
}
