// A linked program in the forms that programmers take: Intel HEX, plain bytes, UF2.
import { BrownoutError } from '../error.js';

/** Bytes at an address of the part. */
export interface Segment {
  address: number;
  bytes: Uint8Array;
}

const PT_LOAD = 1;
const PROGRAM_HEADER_BYTES = 32;

function refuse(found: string): never {
  throw new BrownoutError({
    code: 'E_FIRMWARE',
    found,
    expected: 'a linked program',
    hint: 'Run `make` in the folder, or export again.',
  });
}

/**
 * What an ELF file loads, by physical address (ELF specification 1.2, program header). Throws `E_FIRMWARE` where it is not
 * one of 32 bits, little-endian.
 */
export function loadSegments(elf: Uint8Array): Segment[] {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < 52 || view.getUint32(0) !== 0x7f45_4c46 || elf[4] !== 1 || elf[5] !== 1) {
    refuse(`${elf.length} bytes that are no ELF file of 32 bits`);
  }
  const [start, size, count] = [view.getUint32(28, true), view.getUint16(42, true), view.getUint16(44, true)];
  if (start + size * count > elf.length || (count > 0 && size < PROGRAM_HEADER_BYTES))
    refuse('an ELF file that is cut off');
  const segments: Segment[] = [];
  for (let at = start; at < start + size * count; at += size) {
    const [type, offset, , address, bytes] = [0, 4, 8, 12, 16].map((field) =>
      view.getUint32(at + field, true),
    );
    if (type === PT_LOAD && bytes! > 0) {
      if (offset! + bytes! > elf.length) refuse('an ELF file that is cut off');
      segments.push({ address: address!, bytes: elf.subarray(offset!, offset! + bytes!) });
    }
  }
  return segments.sort((a, b) => a.address - b.address);
}

/** A record of Intel HEX (specification of 1988, revision A). */
function hexRecord(type: number, address: number, bytes: ArrayLike<number>): string {
  const all = [bytes.length, (address >>> 8) & 0xff, address & 0xff, type, ...Array.from(bytes)];
  const sum = all.reduce((total, byte) => total + byte, 0);
  return `:${[...all, -sum & 0xff].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`.toUpperCase();
}

const HEX_BYTES = 16;

function intelHex(segments: readonly Segment[]): string {
  const lines: string[] = [];
  let high = -1;
  for (const { address, bytes } of segments) {
    for (let at = 0; at < bytes.length;) {
      const here = address + at;
      if (here >>> 16 !== high) {
        high = here >>> 16;
        lines.push(hexRecord(4, 0, [high >>> 8, high & 0xff]));
      }
      // No record crosses 64 KB.
      const most = Math.min(HEX_BYTES, 0x1_0000 - (here & 0xffff));
      lines.push(hexRecord(0, here & 0xffff, bytes.subarray(at, at + most)));
      at += most;
    }
  }
  return `${[...lines, hexRecord(1, 0, [])].join('\r\n')}\r\n`;
}

/** A program in the forms that are not its ELF file, by name; `family`: of a boot loader that takes UF2. */
export function programForms(segments: readonly Segment[], family?: number): Map<string, Uint8Array> {
  const forms = new Map([
    ['firmware.hex', new Uint8Array(Buffer.from(intelHex(segments)))],
    ['firmware.bin', rawBinary(segments)],
  ]);
  if (family !== undefined) forms.set('firmware.uf2', uf2(segments, family));
  return forms;
}

/** From the first address on; gaps are what erased flash is. */
function rawBinary(segments: readonly Segment[]): Uint8Array {
  const start = segments[0]?.address ?? 0;
  const end = Math.max(start, ...segments.map(({ address, bytes }) => address + bytes.length));
  const all = new Uint8Array(end - start).fill(0xff);
  for (const { address, bytes } of segments) all.set(bytes, address - start);
  return all;
}

const UF2_BLOCK = 512;
const UF2_PAYLOAD = 256;
const UF2_HAS_FAMILY = 0x2000;

/** Blocks of 256 bytes, each aligned and whole (github.com/microsoft/uf2). */
function uf2(segments: readonly Segment[], family: number): Uint8Array {
  const start = (segments[0]?.address ?? 0) & ~(UF2_PAYLOAD - 1);
  const padded = [{ address: start, bytes: new Uint8Array(0) }, ...segments];
  const bytes = rawBinary(padded);
  const count = Math.ceil(bytes.length / UF2_PAYLOAD);
  const file = new Uint8Array(count * UF2_BLOCK);
  const view = new DataView(file.buffer);
  for (let block = 0; block < count; block++) {
    const at = block * UF2_BLOCK;
    const address = start + block * UF2_PAYLOAD;
    const head = [0x0a32_4655, 0x9e5d_5157, UF2_HAS_FAMILY, address, UF2_PAYLOAD, block, count, family];
    head.forEach((word, i) => view.setUint32(at + 4 * i, word >>> 0, true));
    file.fill(0xff, at + 32, at + 32 + UF2_PAYLOAD);
    file.set(bytes.subarray(block * UF2_PAYLOAD, (block + 1) * UF2_PAYLOAD), at + 32);
    view.setUint32(at + UF2_BLOCK - 4, 0x0ab1_6f30, true);
  }
  return file;
}
