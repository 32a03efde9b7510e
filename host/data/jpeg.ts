// Pictures in .jpg, by jpeg-js: 45 KB of plain JavaScript, baseline and progressive, with limits of its own.
import { decode } from 'jpeg-js';
import { checkSize, MOST_PIXELS, type Picture, pictureOf, refusePicture } from './picture.js';

const HINT = 'Save it again as .png: convert in.jpg out.png';

/** Height and width, which the first frame header gives. */
function frameSize(bytes: Uint8Array): { height: number; width: number } {
  for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]!;
    // Fill bytes may stand before a marker.
    if (marker === 0xff) {
      at++;
      continue;
    }
    const word = (offset: number): number => bytes[at + offset]! * 256 + bytes[at + offset + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: word(5), width: word(7) };
    at += 2 + word(2);
  }
  return refusePicture('E_JPEG', 'no frame', 'the header of a frame');
}

/**
 * Reads a .jpg of grey or colours, baseline or progressive. Colours may differ by a few of 255 from those of other
 * decoders, which smooth what was stored at half the size. An orientation that a camera noted is not applied. Throws
 * `E_JPEG`.
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
  return pictureOf(height, width, rgb, 255);
}
