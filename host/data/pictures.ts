// Pictures: uncompressed .bmp of 8, 24 or 32 bits, and .png of 8 bits a channel, not interlaced.
import { inflateSync } from 'node:zlib';
import { BrownoutError } from '../error.js';

/** Pixels row by row, channels last: 1 (grey) or 3 (red, green, blue), 0–255. */
export interface Picture {
  height: number;
  width: number;
  channels: 1 | 3;
  pixels: Uint8Array;
}

const MOST_PIXELS = 1 << 24;

function refuse(code: 'E_BMP' | 'E_PNG', found: string, expected: string): never {
  throw new BrownoutError({
    code,
    found,
    expected,
    hint: 'Save the picture again, without compression options.',
  });
}

/** One channel if all pixels are grey. */
function picture(height: number, width: number, rgb: Uint8Array): Picture {
  const grey = rgb.every((value, i) => value === rgb[i - (i % 3)]);
  if (!grey) return { height, width, channels: 3, pixels: rgb };
  return {
    height,
    width,
    channels: 1,
    pixels: Uint8Array.from({ length: height * width }, (_, i) => rgb[i * 3]!),
  };
}

function checkSize(code: 'E_BMP' | 'E_PNG', height: number, width: number): void {
  if (height > 0 && width > 0 && height * width <= MOST_PIXELS) return;
  refuse(code, `${width} by ${height} pixels`, `1 to ${MOST_PIXELS} in all`);
}

/** Reads a .bmp. Throws `E_BMP`. */
export function readBmp(bytes: Uint8Array): Picture {
  if (bytes.length < 54) refuse('E_BMP', `${bytes.length} bytes`, 'a header of 54');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, header] = [view.getUint32(10, true), view.getUint32(14, true)];
  const [width, signed] = [view.getInt32(18, true), view.getInt32(22, true)];
  const [bits, compression] = [view.getUint16(28, true), view.getUint32(30, true)];
  const height = Math.abs(signed);
  checkSize('E_BMP', height, width);
  if (![8, 24, 32].includes(bits) || (compression !== 0 && !(bits === 32 && compression === 3)))
    refuse('E_BMP', `${bits} bits a pixel, compression ${compression}`, '8, 24 or 32, none');
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (start + stride * height > bytes.length)
    refuse('E_BMP', `${bytes.length} bytes`, `${start + stride * height} for ${width} by ${height}`);
  const palette = 14 + header;
  const rgb = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    // Rows go from the bottom up, unless the height is negative.
    const row = start + stride * (signed > 0 ? height - 1 - y : y);
    for (let x = 0; x < width; x++) {
      const at = bits === 8 ? palette + bytes[row + x]! * 4 : row + (x * bits) / 8;
      if (at + 2 >= bytes.length) refuse('E_BMP', 'a palette outside the file', 'one inside');
      for (let c = 0; c < 3; c++) rgb[(y * width + x) * 3 + c] = bytes[at + 2 - c]!;
    }
  }
  return picture(height, width, rgb);
}

/** Undoes the filters of rows of `stride` bytes, in place. */
function unfilter(rows: Uint8Array, height: number, stride: number, step: number): Uint8Array {
  const pixels = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)]!;
    for (let i = 0; i < stride; i++) {
      const left = i >= step ? pixels[y * stride + i - step]! : 0;
      const up = y > 0 ? pixels[(y - 1) * stride + i]! : 0;
      const corner = y > 0 && i >= step ? pixels[(y - 1) * stride + i - step]! : 0;
      const estimate = left + up - corner;
      const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
      const paeth = a <= b && a <= c ? left : b <= c ? up : corner;
      const predicted = [0, left, up, (left + up) >> 1, paeth][filter];
      if (predicted === undefined) refuse('E_PNG', `row filter ${filter}`, '0–4');
      pixels[y * stride + i] = rows[y * (stride + 1) + 1 + i]! + predicted;
    }
  }
  return pixels;
}

/** Bytes a pixel takes, by PNG's colour type. */
const PNG_BYTES: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Reads a .png; transparency is left out. Throws `E_PNG`. */
export function readPng(bytes: Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = new Map<string, Uint8Array[]>();
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    if (length > bytes.length - at - 12) refuse('E_PNG', `a chunk of ${length} bytes`, 'one inside the file');
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.set(name, [...(chunks.get(name) ?? []), bytes.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  const header = chunks.get('IHDR')?.[0];
  if (!header || header.length < 13) return refuse('E_PNG', 'no header', 'IHDR');
  const fields = new DataView(header.buffer, header.byteOffset, header.length);
  const [width, height] = [fields.getUint32(0), fields.getUint32(4)];
  const [depth, colour, interlace] = [header[8]!, header[9]!, header[12]!];
  checkSize('E_PNG', height, width);
  const step = PNG_BYTES[colour];
  if (depth !== 8 || step === undefined || interlace !== 0)
    return refuse(
      'E_PNG',
      `${depth} bits, colour type ${colour}, interlace ${interlace}`,
      '8 bits, not interlaced',
    );
  const packed = Buffer.concat(chunks.get('IDAT') ?? []);
  const need = height * (width * step + 1);
  let rows: Uint8Array;
  try {
    rows = inflateSync(packed, { maxOutputLength: need + 1 });
  } catch {
    return refuse('E_PNG', 'pixels that do not unpack', `${need} bytes`);
  }
  if (rows.length !== need) refuse('E_PNG', `${rows.length} bytes of pixels`, `${need}`);
  const pixels = unfilter(rows, height, width * step, step);
  const palette = chunks.get('PLTE')?.[0] ?? new Uint8Array();
  const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [pixel, c] = [Math.floor(i / 3), i % 3];
    const at = pixel * step;
    if (colour === 3) return palette[pixels[at]! * 3 + c] ?? 0;
    return pixels[at + (step >= 3 ? c : 0)]!;
  });
  return picture(height, width, rgb);
}
