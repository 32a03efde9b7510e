// Refusals of image files: what every reader of them says.
import { BrownoutError } from '../error.js';

/** 10 → 0x0000000a. */
export const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;

export function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

export const COPY_AGAIN = 'Copy the file again, or compile the model again.';

/** A record that no planner writes: checksums are right, what it says is not. Throws `E_IMAGE_RECORD`. */
export function refuseRecord(found: string, expected: string): never {
  return refuse('E_IMAGE_RECORD', found, expected, COPY_AGAIN);
}
