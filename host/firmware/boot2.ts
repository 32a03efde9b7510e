// The second-stage boot loader of an RP2040: what its boot ROM copies to SRAM from the first 256 bytes of flash, and runs.

/** Thumb: sets the SSI up for plain serial reads (03h), which every flash chip knows, and goes to the vectors behind it. */
const CODE: readonly [opcode: number, text: string][] = [
  [0x4b0a, 'ldr r3, =0x18000000   @ XIP_SSI'],
  [0x2100, 'movs r1, #0'],
  [0x6099, 'str r1, [r3, #0x08]   @ SSIENR: off'],
  [0x2204, 'movs r2, #4'],
  [0x615a, 'str r2, [r3, #0x14]   @ BAUDR: a fourth of the clock'],
  [0x6059, 'str r1, [r3, #0x04]   @ CTRLR1: one frame a read'],
  [0x4a08, 'ldr r2, =0x001f0300   @ 32 bits a frame, EEPROM read, one line'],
  [0x601a, 'str r2, [r3, #0x00]   @ CTRLR0'],
  [0x4a08, 'ldr r2, =0x03000218   @ command 03h, 8 bits; 24 bits of address'],
  [0x20f4, 'movs r0, #0xf4'],
  [0x501a, 'str r2, [r3, r0]      @ SPI_CTRLR0'],
  [0x2101, 'movs r1, #1'],
  [0x6119, 'str r1, [r3, #0x10]   @ SER: the one chip'],
  [0x6099, 'str r1, [r3, #0x08]   @ SSIENR: on'],
  [0x4806, 'ldr r0, =0x10000100   @ vectors'],
  [0x4907, 'ldr r1, =0xe000ed08   @ VTOR'],
  [0x6008, 'str r0, [r1]'],
  [0x6801, 'ldr r1, [r0]'],
  [0xf381, 'msr msp, r1'],
  [0x8808, ''],
  [0x6841, 'ldr r1, [r0, #4]'],
  [0x4708, 'bx r1'],
];
const LITERALS = [0x1800_0000, 0x001f_0300, 0x0300_0218, 0x1000_0100, 0xe000_ed08];

/** Bytes of flash that the boot ROM reads, the checksum at the end included. */
export const BOOT2_BYTES = 256;

/** CRC-32 as the boot ROM computes it (RP2040 data sheet, 2.8.1.3.1): not reflected, begun with ones, not inverted. */
export function boot2Checksum(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  }
  return crc >>> 0;
}

/** The boot loader, padded with zeros, and its checksum. */
export function boot2(): Uint8Array {
  const bytes = new Uint8Array(BOOT2_BYTES);
  const view = new DataView(bytes.buffer);
  CODE.forEach(([opcode], i) => view.setUint16(2 * i, opcode, true));
  LITERALS.forEach((word, i) => view.setUint32(2 * CODE.length + 4 * i, word, true));
  view.setUint32(BOOT2_BYTES - 4, boot2Checksum(bytes.subarray(0, -4)), true);
  return bytes;
}

/** What it does, a line each. */
export const boot2Listing = (): string[] => CODE.filter(([, text]) => text !== '').map(([, text]) => text);
