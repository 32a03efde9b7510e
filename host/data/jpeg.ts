// Pictures in .jpg, by jpeg-js: 45 KB of plain JavaScript, baseline and progressive, with limits of its own.
import { decode } from 'jpeg-js';
import { checkSize, MOST_PIXELS, type Picture, pictureOf, refusePicture } from './picture.js';

const HINT = 'Save it again as .png: convert in.jpg out.png';

/** What lies after a marker segment's length, segment by segment, up to the picture itself. */
function* segments(bytes: Uint8Array): Generator<{ marker: number; body: Uint8Array }> {
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]!;
    // Fill bytes may stand before a marker.
    if (marker === 0xff) {
      at++;
      continue;
    }
    const length = bytes[at + 2]! * 256 + bytes[at + 3]!;
    yield { marker, body: bytes.subarray(at + 4, at + 2 + length) };
    at += 2 + Math.max(2, length);
  }
}

/** Height and width, which the first frame header gives. */
function frameSize(bytes: Uint8Array): { height: number; width: number } {
  for (const { marker, body } of segments(bytes)) {
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame && body.length >= 5)
      return { height: body[1]! * 256 + body[2]!, width: body[3]! * 256 + body[4]! };
  }
  return refusePicture('E_JPEG', 'no frame', 'the header of a frame');
}

const APP1 = 0xe1;
const EXIF = 'Exif\0\0';
const ORIENTATION = 0x0112;
const ENTRY_BYTES = 12;

/**
 * How a camera was held: 1 (as stored) to 8 (Exif 2.3, 4.6.4 A: tag 0x0112 of IFD 0); 1 where nothing, or nothing sound, is
 * said.
 */
function orientationOf(bytes: Uint8Array): number {
  for (const { marker, body } of segments(bytes)) {
    if (marker !== APP1 || String.fromCharCode(...body.subarray(0, EXIF.length)) !== EXIF) continue;
    const tiff = body.subarray(EXIF.length);
    const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
    const little = tiff[0] === 0x49;
    const start = tiff.length < 8 ? tiff.length : view.getUint32(4, little);
    const count = start + 2 > tiff.length ? 0 : view.getUint16(start, little);
    for (let at = start + 2; at < start + 2 + count * ENTRY_BYTES && at + ENTRY_BYTES <= tiff.length;) {
      const value = view.getUint16(at + 8, little);
      if (view.getUint16(at, little) === ORIENTATION) return value >= 1 && value <= 8 ? value : 1;
      at += ENTRY_BYTES;
    }
    return 1;
  }
  return 1;
}

/** A picture as it was seen: 2 to 4 are mirrored or turned over, 5 to 8 lie on their side. */
function upright(rgb: Uint8Array, height: number, width: number, orientation: number): Picture {
  if (orientation === 1) return pictureOf(height, width, rgb, 255);
  const isTurned = orientation >= 5;
  const [rows, columns] = isTurned ? [width, height] : [height, width];
  const fromBelow = [3, 4, 7, 8].includes(orientation);
  const fromRight = [2, 3, 6, 7].includes(orientation);
  const seen = new Uint8Array(rgb.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      // Where it lies along the picture's own sides as seen, from the corner that is stored first.
      const down = fromBelow ? rows - 1 - row : row;
      const across = fromRight ? columns - 1 - column : column;
      const [y, x] = isTurned ? [across, down] : [down, across];
      const from = (y * width + x) * 3;
      seen.set(rgb.subarray(from, from + 3), (row * columns + column) * 3);
    }
  }
  return pictureOf(rows, columns, seen, 255);
}

/**
 * Reads a .jpg of grey or colours, baseline or progressive, upright: an orientation that a camera noted is applied. Colours
 * may differ by a few of 255 from those of other decoders, which smooth what was stored at half the size. Throws `E_JPEG`.
 */
export function readJpeg(bytes: Uint8Array): Picture {
  const { height, width } = frameSize(bytes);
  checkSize('E_JPEG', height, width);
  let rgb: Uint8Array;
  try {
    const decoded = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MOST_PIXELS / 1e6,
      maxMemoryUsageInMB: 512,
    });
    if (decoded.width !== width || decoded.height !== height) throw new Error('two frames of two sizes');
    rgb = decoded.data;
  } catch (error) {
    return refusePicture(
      'E_JPEG',
      `a picture that does not decode (${(error as Error).message})`,
      'a whole .jpg',
      HINT,
    );
  }
  return upright(rgb, height, width, orientationOf(bytes));
}
