import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { BrownoutError } from '../error.js';

/** Reads a file a user named. Throws `E_FILE`. */
export function readUserFile(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new BrownoutError({
      code: 'E_FILE',
      found: `${reason === 'ENOENT' ? 'no file' : `${reason} on reading`} "${path}"`,
      expected: 'a file that can be read',
      hint: 'Check the path.',
    });
  }
}

/** Writes a file so that nobody ever sees half of it. Throws `E_FILE`. */
export function writeWhole(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(`${path}.part`, bytes);
    renameSync(`${path}.part`, path);
  } catch (error) {
    rmSync(`${path}.part`, { force: true });
    throw new BrownoutError({
      code: 'E_FILE',
      found: `${(error as NodeJS.ErrnoException).code} on writing "${path}"`,
      expected: 'a path that can be written',
      hint: 'Check the path.',
    });
  }
}
