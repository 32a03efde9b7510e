// Firmware folders on disk: written whole or not at all, and never over what is somebody else's.
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readUserFile } from '../data/files.js';
import { BrownoutError } from '../error.js';
import { hardwareBoards } from '../firmware/hardware.js';
import { layoutKinds } from '../firmware/layouts.js';
import { nvmBodies } from '../firmware/nvm-bodies/index.js';
import { programFiles } from '../firmware/sources.js';
import { targets } from '../firmware/targets.js';
import { type Manifest, manifestOf } from '../firmware/manifest.js';

/** Files of an export that people edit; what they changed stays. */
const EDITABLE = new Set([
  'brownout_hal.h',
  'brownout_settings.h',
  ...targets.flatMap((target) => programFiles({ target, nvm: target.runs === 'part' ? 'mapped' : 'file' })),
  ...['spi', 'flash', 'signature'].map((port) => `brownout_port_${port}.c`),
  ...hardwareBoards.flatMap(({ ports }) => Object.values(ports).filter((name) => name !== undefined)),
  ...nvmBodies.flatMap(({ editable }) => editable),
  ...layoutKinds.flatMap(({ editable }) => editable),
]);

/** Programs that make builds again. */
const PROGRAMS = ['firmware.elf', 'firmware.hex', 'firmware.bin', 'firmware.uf2'];

const OURS = 'a new or empty folder, or one that `brownout export` has written';

/** `folder` cannot be written; the hint names one that is free. */
function refuse(folder: string, found: string, expected = OURS, hint = ''): BrownoutError {
  const stem = basename(folder).replace(/\.[^.]*$/, '') || 'app';
  const free = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `${stem}-firmware${n > 1 ? n : ''}`);
  const another = `Name another folder, such as \`-o ${free.find((name) => !existsSync(name))}\`.`;
  return new BrownoutError({ code: 'E_FOLDER', found, expected, hint: `${hint}${another}` });
}

/** What is in a firmware folder beside what the export wrote. */
interface Found {
  /** What the user made, or changed and may: files by path, folders that hold nothing else as one. */
  kept: string[];
  /** What was changed though it is made anew. */
  changed: string[];
}

/** Whether `name` is what make leaves of a source that the export wrote. */
const isObject = (name: string, { files }: Manifest): boolean =>
  name.endsWith('.o') && ['.c', '.S'].some((end) => files[name.replace(/\.o$/, end)] !== undefined);

/** Walks `folder`/`inner`; `manifest` says what the export wrote. */
function lookThrough(folder: string, manifest: Manifest, inner = ''): Found {
  const found: Found = { kept: [], changed: [] };
  const written = Object.keys(manifest.files);
  for (const entry of readdirSync(join(folder, inner), { withFileTypes: true })) {
    const name = inner === '' ? entry.name : `${inner}/${entry.name}`;
    if (name === 'brownout.json') continue;
    if (entry.isDirectory() && written.some((one) => one.startsWith(`${name}/`))) {
      const { kept, changed } = lookThrough(folder, manifest, name);
      found.kept.push(...kept);
      found.changed.push(...changed);
      continue;
    }
    const hash = manifest.files[name];
    if (hash === undefined) {
      if (!isObject(name, manifest)) found.kept.push(name);
    } else if (!entry.isFile() || sha256(readUserFile(join(folder, name))) !== hash) {
      if (EDITABLE.has(entry.name)) found.kept.push(name);
      else if (!PROGRAMS.includes(name)) found.changed.push(name);
    }
  }
  return found;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Refuses a folder that cannot be made: `parent` is where it would be, or would be made too. */
function checkParent(folder: string, parent: string): void {
  if (!existsSync(parent)) {
    checkParent(folder, dirname(parent));
    return;
  }
  if (!statSync(parent).isDirectory()) throw refuse(folder, `"${folder}" in "${parent}", a file`);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
  } catch {
    throw refuse(folder, `"${folder}" in "${parent}", where nothing may be written`);
  }
}

/** What stays of a folder that is there. Throws `E_FOLDER` where it is not ours, or would lose something. */
function keptOf(folder: string, target: string): string[] {
  if (!existsSync(target)) {
    checkParent(folder, dirname(target));
    return [];
  }
  if (!statSync(target).isDirectory()) throw refuse(folder, `"${folder}", a file`);
  const manifest = manifestOf(target);
  if (!manifest) {
    if (readdirSync(target).length > 0) throw refuse(folder, `"${folder}" with other files in it`);
    return [];
  }
  const { kept, changed } = lookThrough(target, manifest);
  if (changed.length === 0) return kept;
  const [first] = changed;
  throw refuse(
    folder,
    `"${folder}" with changes in what is made anew: ${changed.join(', ')}`,
    'changes in files that are yours to edit alone (docs/FIRMWARE.md)',
    `Move away what you changed: \`mv ${join(folder, first!)} .\`. Or: `,
  );
}

/** Refuses a folder before the work. Throws `E_FOLDER`. */
export function checkFirmwareFolder(folder: string): void {
  keptOf(folder, resolve(folder));
}

/**
 * Writes a firmware folder so that nobody ever sees half of one. What people added stays, and files meant for editing
 * that they changed. Returns the names of those. Throws `E_FOLDER`, `E_FILE`.
 */
export function writeFirmwareFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): string[] {
  const path = resolve(folder);
  const kept = keptOf(folder, path);
  // Through a link, what it leads to is written.
  const target = existsSync(path) ? realpathSync(path) : path;
  let work: string | undefined;
  try {
    mkdirSync(dirname(target), { recursive: true });
    work = mkdtempSync(join(dirname(target), '.brownout-export-'));
    const [part, old] = [join(work, 'new'), join(work, 'old')];
    mkdirSync(part);
    for (const [name, bytes] of files) {
      mkdirSync(dirname(join(part, name)), { recursive: true });
      writeFileSync(join(part, name), bytes);
    }
    for (const name of kept) {
      mkdirSync(dirname(join(part, name)), { recursive: true });
      cpSync(join(target, name), join(part, name), { recursive: true, verbatimSymlinks: true });
    }
    exchange(target, part, old);
  } catch (error) {
    throw new BrownoutError({
      code: 'E_FILE',
      found: `${(error as NodeJS.ErrnoException).code} on writing "${folder}"`,
      expected: 'a folder that can be written',
      hint: 'Check the path, or name another folder with -o.',
    });
  } finally {
    if (work !== undefined) rmSync(work, { recursive: true, force: true });
  }
  return kept;
}

/** Puts `part` in the place of `target`, which goes to `old`; back where that fails. */
function exchange(target: string, part: string, old: string): void {
  const isThere = existsSync(target);
  if (isThere) renameSync(target, old);
  try {
    renameSync(part, target);
  } catch (error) {
    if (isThere) renameSync(old, target);
    throw error;
  }
}
