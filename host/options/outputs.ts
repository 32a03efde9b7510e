// Paths of files that commands write, checked before the work: nothing that is somebody's is written over.
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MAGIC, STATE_MAGIC } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import type { OutputKind } from './kinds.js';

const START_BYTES = 512;

const latin = (start: Uint8Array): string => String.fromCharCode(...start);
const magic = (start: Uint8Array): number =>
  start.length < 4 ? 0 : new DataView(start.buffer, start.byteOffset).getUint32(0, true);

/** Put into every page, so that a page is known as one of ours. */
export const GENERATOR = '<meta name="generator" content="brownout">';

export const IMAGE_FILE: OutputKind = {
  what: 'the image',
  isOurs: (start) => magic(start) === MAGIC,
};
/** Nobody's key is written over. */
export const KEY_FILE: OutputKind = { what: 'the key', isOurs: () => false };
export const NVM_FILE: OutputKind = { what: 'the dump', isOurs: (start) => magic(start) === STATE_MAGIC };
export const WEIGHTS_FILE: OutputKind = {
  what: 'the weights',
  isOurs: (start) => latin(start).startsWith('BRNW'),
};
export const LOG_FILE: OutputKind = { what: 'the log', isOurs: (start) => latin(start).startsWith('BRNL') };
export const JOURNAL_FILE: OutputKind = {
  what: 'the state of the run',
  isOurs: (start) => latin(start).startsWith('BRNJ'),
};
export const PAGE_FILE: OutputKind = {
  what: 'the page',
  isOurs: (start) => latin(start).includes(GENERATOR),
};
/** What it holds is told by its size (host/firmware/qemu.ts). */
export const BOARD_NVM_FILE: OutputKind = { what: 'the NVM of a board', isOurs: () => true };
export const MODULE_FILE: OutputKind = {
  what: 'the module',
  isOurs: (start) => latin(start).startsWith('\0asm'),
};

function startOf(path: string): Uint8Array {
  const start = new Uint8Array(START_BYTES);
  const file = openSync(path, 'r');
  try {
    return start.subarray(0, readSync(file, start, 0, START_BYTES, 0));
  } finally {
    closeSync(file);
  }
}

/** One name for a file, however it is written; also of a file that is not there yet. */
function canonical(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(resolve(path));
    return folder === resolve(path) ? folder : join(canonical(folder), basename(path));
  }
}

const quoted = (path: string): string =>
  /^[\w./:=,+~@-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_OUTPUT', found, expected, hint });
}

/** A name beside `path` that is free, for a hint. */
function freeName(path: string): string {
  const [, stem, extension = ''] = /^(.*?)(\.[^./]*)?$/s.exec(path) ?? ['', path];
  return `${stem}-new${extension}`;
}

function checkFolder(path: string): void {
  const folder = dirname(resolve(path));
  const shown = dirname(path);
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found)
    refuse(
      `no folder "${shown}" for "${path}"`,
      'a folder that exists',
      `Make it: \`mkdir -p ${quoted(shown)}\`.`,
    );
  if (!found.isDirectory())
    refuse(`"${shown}", which is no folder, for "${path}"`, 'a folder', 'Name a file in a folder.');
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch {
    refuse(
      `"${shown}", where nothing may be written`,
      'a folder that can be written',
      'Name a file elsewhere.',
    );
  }
}

/** What is known of a command's other files. */
interface OtherFiles {
  inputs: readonly string[];
  /** Those that it writes, too. */
  outputs: readonly string[];
  force: boolean;
  /** What a hint says before another name. */
  flag: string;
}

/** Checks where a file is to be written. Throws `E_OUTPUT`. */
export function checkOutput(
  path: string,
  kind: OutputKind,
  { inputs, outputs, force, flag }: OtherFiles,
): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) {
    const file = join(path, `out${kind === PAGE_FILE ? '.html' : ''}`);
    refuse(
      `"${path}", a folder`,
      `a file for ${kind.what}`,
      `Name a file in it, such as \`${flag}${quoted(file)}\`.`,
    );
  }
  checkFolder(path);
  const other = `Name another file, such as \`${flag}${quoted(freeName(path))}\`.`;
  const isSame = (file: string): boolean => canonical(file) === canonical(path);
  if (outputs.some(isSame)) refuse(`"${path}" to write twice`, 'a file for each', other);
  if (!found) return;
  const same = inputs.find(isSame);
  if (same !== undefined) refuse(`"${path}" to read and to write`, 'another file to write', other);
  if (!found.isFile()) return;
  try {
    accessSync(path, constants.W_OK);
  } catch {
    refuse(`"${path}", which may not be written`, 'a file that can be written', other);
  }
  if (force || found.size === 0 || kind.isOurs(startOf(path))) return;
  refuse(
    `"${path}", which is there already and is not ${kind.what} of an earlier run`,
    'a new file, or one that brownout has written',
    `${other.slice(0, -1)}; or write over it: \`--force\`.`,
  );
}
