// Every image that ships, exported for every target: which module it gets, which of its jobs are proved on that very module, and how
// many accesses to NVM its C makes, all the same. `node dist/bench/exports.js [IMAGE …]`; fails where an image does not fit or is not proved.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { BrownoutError } from '../host/error.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { targets } from '../host/firmware/targets.js';
import { readImage } from '../host/model/image.js';

const folder = new URL('../../checkpoints/', import.meta.url);
const asked = process.argv.slice(2);
const names = readdirSync(folder).filter((name) => name.endsWith('.brn'));

/** One cell of the table. */
async function cell(name: string, target: string): Promise<string> {
  const image = readImage(readFileSync(new URL(name, folder)));
  try {
    const { module } = await exportFirmware(image, { target });
    const { proved, compared, sha256 } = module;
    const jobs = image.jobs.filter(({ count }) => count > 0);
    if (proved.length !== jobs.length) throw new Error(`${name} for ${target} is not proved`);
    return `${sha256.slice(0, 8)}: ${proved.join(', ')}; ${compared ?? 'no C'}`;
  } catch (error) {
    // A part that computes with 16 bits has too little SRAM for some.
    if (error instanceof BrownoutError && error.code !== 'E_VERIFY') return error.code;
    throw error;
  }
}

console.log(`| image | ${targets.map((target) => target.name).join(' | ')} |`);
console.log(`| --- |${' --- |'.repeat(targets.length)}`);
for (const name of names) {
  if (asked.length > 0 && !asked.includes(basename(name, '.brn'))) continue;
  const cells: string[] = [];
  for (const { name: target } of targets) cells.push(await cell(name, target));
  console.log(`| ${basename(name, '.brn')} | ${cells.join(' | ')} |`);
}
