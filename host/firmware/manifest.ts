// What a firmware folder says of itself: brownout.json.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readUserFile } from '../data/files.js';

export const MANIFEST = 'brownout.json';

/** The module in a folder, and what was proved of it. */
export interface ModuleStatement {
  file: string;
  bytes: number;
  sha256: string;
  /** Jobs of the image that were proved on it; none without the proof. */
  proved: ('infer' | 'learn')[];
  /**
   * Accesses to NVM of whole jobs, run on the machine that exported: so many, and of the C the same as of the module. Null: not
   * compared, as there is no C, no compiler, or the proof was left out.
   */
  compared: number | null;
}

/** What a firmware folder says of itself. */
export interface Manifest {
  tool: 'brownout';
  /** Of the tool. */
  version: string;
  /** The board that was asked for; null: none, the target alone. */
  board: string | null;
  nvm: string;
  /** The memory behind SPI; null: none, or none was named. */
  part: string | null;
  layout: string;
  target: string;
  device: string;
  name: string;
  imageId: number;
  /** SHA-256 of the .brn file. */
  imageSha256: string;
  module: ModuleStatement;
  /** SHA-256 of every file as it was written. */
  files: Record<string, string>;
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);

/** A file inside the folder, however a stranger's manifest names it. */
const isInside = (name: string): boolean =>
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

/** The manifest that was read; undefined if it is not one of ours. */
function readManifest(text: string): Manifest | undefined {
  let read: Partial<Manifest> | null;
  try {
    read = JSON.parse(text) as Partial<Manifest> | null;
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read?.tool !== 'brownout') return undefined;
  const { version, board, nvm, part = null, layout, target, name, imageId, files } = read;
  const sound =
    [version, nvm, layout, target, name].every(isText) &&
    [board, part].every(isTextOrNull) &&
    typeof imageId === 'number' &&
    typeof files === 'object' &&
    files !== null &&
    Object.entries(files).every(([file, hash]) => isInside(file) && isText(hash));
  return sound ? ({ ...read, part } as Manifest) : undefined;
}

/** The manifest of a folder; undefined if it is not a firmware folder. Throws `E_FILE`. */
export function manifestOf(folder: string): Manifest | undefined {
  const path = join(folder, MANIFEST);
  return existsSync(path) ? readManifest(new TextDecoder().decode(readUserFile(path))) : undefined;
}
