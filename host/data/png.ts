// Pictures in .png. Ours: the small libraries unpack without a limit, or take a megabyte with what they depend on.
import { inflateSync } from 'node:zlib';
import { crc32 } from '../model/crc32.js';
import { checkSize, type Picture, pictureOf, refusePicture } from './picture.js';

const refuse = (found: string, expected: string, hint?: string): never =>
  refusePicture('E_PNG', found, expected, hint);

/** Samples a pixel has and depths they may have, by PNG's colour type. */
const COLOURS: Record<number, { samples: number; depths: readonly number[] }> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};
const PALETTE = 3;

/** The parts of an interlaced picture (Adam7): where each begins, and how far its pixels are apart: x, y, dx, dy. */
const PASSES: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];
const WHOLE: typeof PASSES = [[0, 0, 1, 1]];

interface Header {
  width: number;
  height: number;
  depth: number;
  colour: number;
  samples: number;
  interlaced: boolean;
}

function readHeader(chunk: Uint8Array): Header {
  const fields = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const [width, height] = [fields.getUint32(0), fields.getUint32(4)];
  const [depth, colour, compression, filter, interlace] = chunk.subarray(8, 13) as unknown as [
    number,
    number,
    number,
    number,
    number,
  ];
  const kind = COLOURS[colour];
  if (!kind?.depths.includes(depth))
    return refuse(`${depth} bits of colour type ${colour}`, 'a pair that PNG has');
  if (compression !== 0 || filter !== 0 || interlace > 1)
    refuse(`compression ${compression}, filter ${filter}, interlace ${interlace}`, '0, 0, and 0 or 1');
  checkSize('E_PNG', height, width);
  return { width, height, depth, colour, samples: kind.samples, interlaced: interlace === 1 };
}

/** What is needed of the chunks, each checked against its CRC-32. */
function readChunks(bytes: Uint8Array): { header: Header; palette: Uint8Array; packed: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [header, palette]: [Header | undefined, Uint8Array] = [undefined, new Uint8Array()];
  const packed: Uint8Array[] = [];
  for (let at = 8; ;) {
    if (at + 12 > bytes.length) return refuse(`an end after ${bytes.length} bytes`, 'a chunk IEND');
    const length = view.getUint32(at);
    if (length > bytes.length - at - 12) refuse(`a chunk of ${length} bytes`, 'one inside the file');
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (['IHDR', 'PLTE', 'IDAT'].includes(name)) {
      if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length))
        refuse(`a chunk ${name} with another CRC-32 than was saved`, 'the bytes that were saved');
      if ((name === 'IHDR') !== (header === undefined))
        refuse(`${name} in its place`, 'one IHDR, before the others');
      if (name === 'IHDR' && length === 13) header = readHeader(content);
      else if (name === 'IHDR') refuse(`a header of ${length} bytes`, '13');
      else if (name === 'PLTE') palette = content;
      else packed.push(content);
    }
    if (name === 'IEND') break;
    at += 12 + length;
  }
  if (!header) return refuse('no header', 'IHDR');
  return { header, palette, packed: Buffer.concat(packed) };
}

/** Undoes the filters of `height` rows from `from`; each has one byte that names its filter before `stride` bytes. */
function unfilter(rows: Uint8Array, from: number, height: number, stride: number, step: number): Uint8Array {
  const pixels = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const at = from + y * (stride + 1);
    const filter = rows[at]!;
    if (filter > 4) refuse(`row filter ${filter}`, '0 to 4');
    for (let i = 0; i < stride; i++) {
      const place = y * stride + i;
      const left = i >= step ? pixels[place - step]! : 0;
      const up = y > 0 ? pixels[place - stride]! : 0;
      const corner = y > 0 && i >= step ? pixels[place - stride - step]! : 0;
      let predicted = 0;
      if (filter === 1) predicted = left;
      else if (filter === 2) predicted = up;
      else if (filter === 3) predicted = (left + up) >> 1;
      else if (filter === 4) {
        const estimate = left + up - corner;
        const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
        predicted = a <= b && a <= c ? left : b <= c ? up : corner;
      }
      pixels[place] = rows[at + 1 + i]! + predicted;
    }
  }
  return pixels;
}

/** Sample `index` of a row that begins at `row`. */
function sampleAt(pixels: Uint8Array, row: number, index: number, depth: number): number {
  if (depth === 8) return pixels[row + index]!;
  if (depth === 16) return pixels[row + index * 2]! * 256 + pixels[row + index * 2 + 1]!;
  const bit = index * depth;
  return (pixels[row + (bit >> 3)]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

interface Part {
  x: number;
  y: number;
  dx: number;
  dy: number;
  columns: number;
  rows: number;
  /** Bytes of a row, without the one that names its filter. */
  stride: number;
}

function partsOf({ width, height, depth, samples, interlaced }: Header): Part[] {
  const parts = (interlaced ? PASSES : WHOLE).map(([x, y, dx, dy]) => {
    const [columns, rows] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
    return { x, y, dx, dy, columns, rows, stride: Math.ceil((columns * samples * depth) / 8) };
  });
  return parts.filter(({ columns, rows }) => columns > 0 && rows > 0);
}

/** Reads a .png of any depth and colour type, interlaced too; transparency is left out. Throws `E_PNG`. */
export function readPng(bytes: Uint8Array): Picture {
  const { header, palette, packed } = readChunks(bytes);
  const { width, height, depth, colour, samples } = header;
  const parts = partsOf(header);
  const need = parts.reduce((sum, { rows, stride }) => sum + rows * (stride + 1), 0);
  let unpacked: Uint8Array;
  try {
    unpacked = inflateSync(packed, { maxOutputLength: need + 1 });
  } catch {
    return refuse('pixels that do not unpack', `${need} bytes`);
  }
  if (unpacked.length !== need) refuse(`${unpacked.length} bytes of pixels`, `${need}`);
  // Depths below 8 are spread over 0 to 255; a palette is of 8 bits.
  const white = depth === 16 ? 65535 : 255;
  const scale = depth < 8 && colour !== PALETTE ? 255 / ((1 << depth) - 1) : 1;
  const rgb = new (depth === 16 ? Uint16Array : Uint8Array)(width * height * 3);
  let from = 0;
  for (const { x, y, dx, dy, columns, rows, stride } of parts) {
    const pixels = unfilter(unpacked, from, rows, stride, Math.ceil((samples * depth) / 8));
    from += rows * (stride + 1);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const to = ((y + row * dy) * width + x + column * dx) * 3;
        for (let c = 0; c < 3; c++) {
          const value = sampleAt(pixels, row * stride, column * samples + (samples >= 3 ? c : 0), depth);
          if (colour === PALETTE && value * 3 + 2 >= palette.length)
            refuse(`colour ${value} of a palette of ${Math.floor(palette.length / 3)}`, 'one of the palette');
          rgb[to + c] = colour === PALETTE ? palette[value * 3 + c]! : value * scale;
        }
      }
    }
  }
  return pictureOf(height, width, rgb, white);
}
