// Arrays of a .npz: a zip of .npy files.
import { BrownoutError } from '../error.js';
import { readZip } from './zip.js';

const SUFFIX = '.npy';

export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;

/** The files in a .npz by their arrays' names, not yet read. Throws `E_NPZ`. */
export function npzMembers(bytes: Uint8Array): { names: string[]; member: (name: string) => Uint8Array } {
  const { names, member } = readZip(bytes, SUFFIX);
  if (names.length === 0) {
    throw new BrownoutError({
      code: 'E_NPZ',
      found: 'a zip file without .npy files',
      expected: 'arrays',
      hint: 'Save it with numpy.savez or savez_compressed.',
    });
  }
  return {
    names: names.map((name) => name.slice(0, -SUFFIX.length)),
    member: (name) => member(`${name}${SUFFIX}`),
  };
}
