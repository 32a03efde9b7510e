// What every reader of pictures makes.
import { BrownoutError } from '../error.js';

/** Pixels row by row, channels last: 1 (grey) or 3 (red, green, blue). */
export interface Picture {
  height: number;
  width: number;
  channels: 1 | 3;
  /** From 0, black, to `white`. */
  pixels: Uint8Array | Uint16Array;
  white: number;
}

export type PictureCode = 'E_BMP' | 'E_PNG' | 'E_JPEG';

/** More than any model of a microcontroller takes, and little enough to be read at once. */
export const MOST_PIXELS = 1 << 22;

export function refusePicture(
  code: PictureCode,
  found: string,
  expected: string,
  hint = 'The file is cut off or damaged: save or copy it again.',
): never {
  throw new BrownoutError({ code, found, expected, hint });
}

/** Throws `code` unless a picture has between 1 and 2^22 pixels. */
export function checkSize(code: PictureCode, height: number, width: number): void {
  if (height > 0 && width > 0 && height * width <= MOST_PIXELS) return;
  const hint = 'Scale it to what the model takes: convert in.png -resize 96x96! out.png';
  refusePicture(code, `${width} by ${height} pixels`, `1 to ${MOST_PIXELS} in all`, hint);
}

/** A picture of red, green and blue; of one channel if all its pixels are grey. */
export function pictureOf(
  height: number,
  width: number,
  rgb: Uint8Array | Uint16Array,
  white: number,
): Picture {
  const isGrey = (at: number): boolean => rgb[at] === rgb[at + 1] && rgb[at] === rgb[at + 2];
  let grey = 0;
  while (grey < rgb.length && isGrey(grey)) grey += 3;
  if (grey < rgb.length) return { height, width, channels: 3, pixels: rgb, white };
  const pixels = white > 255 ? new Uint16Array(height * width) : new Uint8Array(height * width);
  for (let i = 0; i < pixels.length; i++) pixels[i] = rgb[i * 3]!;
  return { height, width, channels: 1, pixels, white };
}
