// Pictures in .bmp: 1 to 32 bits, palettes, bit fields, run lengths; from the bottom up or from the top down.
import { checkSize, type Picture, pictureOf, refusePicture } from './picture.js';

const refuse = (found: string, expected: string, hint?: string): never =>
  refusePicture('E_BMP', found, expected, hint);

/** How pixels are packed (biCompression). */
enum Packing {
  NONE = 0,
  RLE8 = 1,
  RLE4 = 2,
  FIELDS = 3,
  ALPHA_FIELDS = 6,
}

/** Which depths go with which packing. */
const DEPTHS: Record<number, readonly number[]> = {
  [Packing.NONE]: [1, 4, 8, 16, 24, 32],
  [Packing.RLE8]: [8],
  [Packing.RLE4]: [4],
  [Packing.FIELDS]: [16, 32],
  [Packing.ALPHA_FIELDS]: [16, 32],
};

interface Header {
  width: number;
  height: number;
  topDown: boolean;
  bits: number;
  packing: number;
  /** Where pixels begin. */
  start: number;
  /** Entries of 3 or 4 bytes each: blue, green, red. */
  palette: { at: number; entryBytes: number; count: number };
  /** Bits of red, green and blue in a pixel. */
  masks: [number, number, number];
}

function readHeader(bytes: Uint8Array, view: DataView): Header {
  if (bytes.length < 26) refuse(`${bytes.length} bytes`, 'a header');
  const [start, size] = [view.getUint32(10, true), view.getUint32(14, true)];
  const old = size === 12;
  if (!old && (size < 40 || 14 + size > bytes.length))
    refuse(`a header of ${size} bytes`, '12, or 40 and more');
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const signed = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  const packing = old ? Packing.NONE : view.getUint32(30, true);
  checkSize('E_BMP', Math.abs(signed), width);
  if (!DEPTHS[packing]?.includes(bits))
    refuse(
      `${bits} bits a pixel, packing ${packing}`,
      '1 to 32 bits, plain, RLE or bit fields',
      'Save it as .png: convert in.bmp out.png',
    );
  let palettePlace = 14 + size;
  let masks: Header['masks'] = bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  if (packing === Packing.FIELDS || packing === Packing.ALPHA_FIELDS) {
    // In the header, or after one that has no room for them.
    if (54 + 12 > bytes.length) refuse(`${bytes.length} bytes`, 'masks of red, green and blue');
    masks = [54, 58, 62].map((at) => view.getUint32(at, true)) as Header['masks'];
    if (size === 40) palettePlace += packing === Packing.FIELDS ? 12 : 16;
  }
  const stated = old ? 0 : view.getUint32(46, true);
  const count = bits > 8 ? 0 : stated === 0 || stated > 1 << bits ? 1 << bits : stated;
  const palette = { at: palettePlace, entryBytes: old ? 3 : 4, count };
  return { width, height: Math.abs(signed), topDown: signed < 0, bits, packing, start, palette, masks };
}

/** Colours' numbers from run lengths, in the order of the file: its first row is the lowest. */
function unpackRuns(bytes: Uint8Array, { width, height, bits, start }: Header): Uint8Array {
  const indices = new Uint8Array(width * height);
  let [x, y] = [0, 0];
  const put = (index: number): void => {
    if (y >= height) refuse(`a run beyond ${height} rows`, 'runs inside the picture');
    // ImageMagick packs rows as they lie plain, with bytes that fill up to a multiple of four.
    if (x < width) indices[y * width + x] = index;
    x++;
  };
  const nibble = (byte: number, i: number): number => (i % 2 === 0 ? byte >> 4 : byte & 15);
  for (let at = start; at + 1 < bytes.length;) {
    const [count, value] = [bytes[at]!, bytes[at + 1]!];
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(bits === 8 ? value : nibble(value, i));
    } else if (value === 0) {
      [x, y] = [0, y + 1];
    } else if (value === 1) {
      return indices;
    } else if (value === 2) {
      if (at + 2 > bytes.length) break;
      x += bytes[at]!;
      y += bytes[at + 1]!;
      at += 2;
    } else {
      // So many as they are, in whole words of 16 bits.
      const content = Math.ceil((value * bits) / 8);
      if (at + content > bytes.length) break;
      for (let i = 0; i < value; i++) put(bits === 8 ? bytes[at + i]! : nibble(bytes[at + (i >> 1)]!, i));
      at += content + (content % 2);
    }
  }
  // ImageMagick and others end with the pixels, some without a mark.
  if (y < height - 1 || (y === height - 1 && x < width)) refuse('runs without an end', 'the whole picture');
  return indices;
}

/** One colour's bits of a pixel over 0 to 255. */
function field(pixel: number, mask: number): number {
  if (mask === 0) return 0;
  const low = (mask & -mask) >>> 0;
  const most = Math.floor((mask >>> 0) / low);
  return Math.round((Math.floor(((pixel & mask) >>> 0) / low) * 255) / most);
}

/** Reads a .bmp; transparency is left out. Throws `E_BMP`. */
export function readBmp(bytes: Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(bytes, view);
  const { width, height, topDown, bits, packing, start, palette, masks } = header;
  const packed = packing === Packing.RLE8 || packing === Packing.RLE4;
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (!packed && start + stride * height > bytes.length)
    refuse(`${bytes.length} bytes`, `${start + stride * height} for ${width} by ${height}`);
  const runs = packed ? unpackRuns(bytes, header) : undefined;
  const rgb = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    const stored = topDown ? y : height - 1 - y;
    const row = start + stride * stored;
    for (let x = 0; x < width; x++) {
      const to = (y * width + x) * 3;
      if (bits <= 8) {
        const shift = 8 - bits - ((x * bits) & 7);
        const index = runs
          ? runs[stored * width + x]!
          : (bytes[row + ((x * bits) >> 3)]! >> shift) & ((1 << bits) - 1);
        const at = palette.at + index * palette.entryBytes;
        if (index >= palette.count || at + 2 >= bytes.length)
          refuse(`colour ${index} of a palette of ${palette.count}`, 'one of the palette, inside the file');
        for (let c = 0; c < 3; c++) rgb[to + c] = bytes[at + 2 - c]!;
      } else if (bits === 24) {
        for (let c = 0; c < 3; c++) rgb[to + c] = bytes[row + x * 3 + 2 - c]!;
      } else {
        const pixel = bits === 16 ? view.getUint16(row + x * 2, true) : view.getUint32(row + x * 4, true);
        for (let c = 0; c < 3; c++) rgb[to + c] = field(pixel, masks[c]!);
      }
    }
  }
  return pictureOf(height, width, rgb, 255);
}
