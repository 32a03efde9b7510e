import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BrownoutError, type Failure } from '../error.js';
import { nearest } from '../options/suggest.js';

/** What is in the folder that a path names, or would be in. */
function neighbours(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Why a file cannot be read, and what to do. */
function unreadable(path: string, reason: string): Pick<Failure, 'found' | 'hint'> {
  if (reason === 'EISDIR') {
    return { found: `"${path}", a folder`, hint: `Name a file in it: \`ls ${path}\` shows what there is.` };
  }
  if (reason === 'EDEVICE')
    return { found: `"${path}", a device`, hint: 'Name a file, or a pipe: `/dev/stdin`.' };
  if (reason === 'ENOENT' || reason === 'ENOTDIR') {
    const folder = dirname(path);
    const meant = nearest(basename(path), neighbours(folder));
    const hint =
      meant === undefined
        ? `Check the path: \`ls ${existsSync(folder) ? folder : '.'}\` shows what there is.`
        : `Did you mean "${folder === '.' && !path.startsWith('.') ? meant : join(folder, meant)}"?`;
    return { found: `no file "${path}"`, hint };
  }
  const hint = reason === 'EACCES' ? `Allow it: \`chmod u+r ${path}\`.` : 'Check the path.';
  return { found: `${reason} on reading "${path}"`, hint };
}

/** Reads a file a user named. Throws `E_FILE`. */
export function readUserFile(path: string): Uint8Array {
  try {
    // Some devices never end.
    if (statSync(path).isCharacterDevice()) throw Object.assign(new Error(path), { code: 'EDEVICE' });
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'error';
    const expected = 'a file that can be read';
    throw new BrownoutError({ code: 'E_FILE', expected, ...unreadable(path, reason) });
  }
}

/** A name beside `path` that nobody has; the file is there, and empty. */
function emptyBeside(path: string, mode: number): string {
  for (let number = 0; ; number++) {
    const name = join(dirname(path), `.${basename(path)}.${process.pid}-${number}.part`);
    try {
      closeSync(openSync(name, 'wx', mode));
      return name;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Writes beside a file and puts that in its place; the file keeps its permissions. */
function replaceWhole(path: string, bytes: Uint8Array, mode: number): void {
  const part = emptyBeside(path, mode);
  try {
    writeFileSync(part, bytes);
    const before = statSync(path, { throwIfNoEntry: false });
    if (before) chmodSync(part, before.mode);
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/**
 * Writes a file so that nobody ever sees half of it. A link stays a link; pipes and devices are written to as they are.
 * `mode`: permissions of a file that was not there. Throws `E_FILE`.
 */
export function writeWhole(path: string, bytes: Uint8Array, mode = 0o666): void {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && !found.isFile()) writeFileSync(path, bytes);
    else replaceWhole(found ? realpathSync(path) : path, bytes, mode);
  } catch (error) {
    throw new BrownoutError({
      code: 'E_FILE',
      found: `${(error as NodeJS.ErrnoException).code} on writing "${path}"`,
      expected: 'a path that can be written',
      hint: 'Check the path.',
    });
  }
}
