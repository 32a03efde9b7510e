// Firmware folders on disk: written whole or not at all, and never over what is somebody else's.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { BrownoutError } from '../error.js';
import { layoutKinds } from '../firmware/layouts.js';
import { nvmBodies } from '../firmware/nvm-bodies/index.js';
import { programFiles } from '../firmware/sources.js';
import { targets } from '../firmware/targets.js';
import { type Manifest, readManifest } from './export-firmware.js';

/** Files of an export that people edit; what they changed stays. */
const EDITABLE = new Set([
  ...targets.flatMap(programFiles),
  ...nvmBodies.flatMap(({ editable }) => editable),
  ...layoutKinds.flatMap(({ editable }) => editable),
]);

/** The manifest of a folder; undefined if it is not a firmware folder. */
export function manifestOf(folder: string): Manifest | undefined {
  const path = join(folder, 'brownout.json');
  return existsSync(path) ? readManifest(readFileSync(path, 'utf8')) : undefined;
}

function refuse(found: string): BrownoutError {
  return new BrownoutError({
    code: 'E_FOLDER',
    found,
    expected: 'a new or empty folder, or one that `brownout export` has written',
    hint: 'Name another folder with -o.',
  });
}

/** Files of a folder and those in it, by path from there. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
}

/** Files in `folder` that the user made or changed, and that the new export leaves alone. */
function keptFiles(folder: string, manifest: Manifest): string[] {
  return filesIn(folder).filter((name) => {
    if (name === 'brownout.json') return false;
    const written = manifest.files[name];
    if (written === undefined) return !name.endsWith('.o');
    if (!EDITABLE.has(basename(name))) return false;
    return (
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex') !== written
    );
  });
}

/** A folder in `folder` that no layout has. */
function strangeFolder(folder: string, manifest: Manifest): string | undefined {
  const known = new Set(Object.keys(manifest.files).map((name) => name.split('/')[0]));
  return readdirSync(folder, { withFileTypes: true }).find(
    (entry) => !entry.isFile() && !known.has(entry.name),
  )?.name;
}

/**
 * Writes a firmware folder so that nobody ever sees half of one. Files that people added, and those meant for editing
 * that they changed, stay. Returns the names of those. Throws `E_FOLDER`, `E_FILE`.
 */
export function writeFirmwareFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): string[] {
  const target = resolve(folder);
  let kept: string[] = [];
  if (existsSync(target)) {
    if (!statSync(target).isDirectory()) throw refuse(`"${folder}", a file`);
    const manifest = manifestOf(target);
    if (!manifest && readdirSync(target).length > 0) throw refuse(`"${folder}" with other files in it`);
    if (manifest) {
      const strange = strangeFolder(target, manifest);
      if (strange !== undefined) throw refuse(`"${folder}" with the folder "${strange}" in it`);
      kept = keptFiles(target, manifest);
    }
  }
  const [part, old] = [`${target}.part`, `${target}.old`];
  try {
    mkdirSync(dirname(target), { recursive: true });
    rmSync(part, { recursive: true, force: true });
    mkdirSync(part);
    for (const [name, bytes] of files) {
      mkdirSync(dirname(join(part, name)), { recursive: true });
      writeFileSync(join(part, name), bytes);
    }
    for (const name of kept) {
      mkdirSync(dirname(join(part, name)), { recursive: true });
      copyFileSync(join(target, name), join(part, name));
    }
    rmSync(old, { recursive: true, force: true });
    if (existsSync(target)) renameSync(target, old);
    renameSync(part, target);
    rmSync(old, { recursive: true, force: true });
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw new BrownoutError({
      code: 'E_FILE',
      found: `${(error as NodeJS.ErrnoException).code} on writing "${folder}"`,
      expected: 'a folder that can be written',
      hint: 'Check the path.',
    });
  }
  return kept;
}
