// The module of a firmware folder, once it is sure that the C there is made from it and from the image.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readUserFile } from '../data/files.js';
import { BrownoutError } from '../error.js';
import type { Image } from '../model/image.js';
import { manifestOf } from './manifest.js';
import { moduleForTarget } from './module-of-target.js';
import { commonFiles, MODULE } from './sources.js';
import { targetCalled } from './targets.js';

/** C that must be what the module and the image make of it. */
const MADE = ['brownout_module.inc', 'brownout_model.c'];

function refuse(found: string, expected: string): never {
  throw new BrownoutError({
    code: 'E_FOLDER',
    found,
    expected,
    hint: 'Export the image again into a new folder, and build from that.',
  });
}

/** The bytes of the folder's module. Throws `E_FOLDER` where the folder is not what `brownout export` makes of the image. */
export async function moduleOfFolder(folder: string, image: Image): Promise<Uint8Array> {
  const manifest =
    manifestOf(folder) ?? refuse(`no firmware in "${folder}"`, 'a folder that `brownout export` has written');
  if (manifest.imageId !== image.imageId)
    refuse(`the firmware of another image, "${manifest.name}"`, `that of "${image.metadata.name}"`);
  const read = (name: string): Uint8Array => {
    const path = join(folder, name);
    if (!existsSync(path)) refuse(`no ${name} in "${folder}"`, 'the files that were exported');
    return readUserFile(path);
  };
  const wasm = read(MODULE);
  if (createHash('sha256').update(wasm).digest('hex') !== manifest.files[MODULE])
    refuse(`a ${MODULE} that was changed`, 'the module that was exported');
  const made = commonFiles(image, await moduleForTarget(image, wasm, targetCalled(manifest.target)));
  for (const name of Object.keys(manifest.files).filter((file) => MADE.includes(basename(file)))) {
    if (Buffer.from(read(name)).toString('utf8') !== made.get(basename(name)))
      refuse(`a ${name} that is not made from ${MODULE} and the image`, 'the files that were exported');
  }
  return wasm;
}
