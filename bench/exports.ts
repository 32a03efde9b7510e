// Every image that ships, exported for every target: which module it gets, which of its jobs are proved on that very module,
// and how many accesses to NVM its C makes, all the same. `node dist/bench/exports.js [IMAGE | TARGET …]`: those alone; fails
// where one is not proved, and says where one does not fit. A line of progress a cell goes to the other stream.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { BrownoutError } from '../host/error.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { targets } from '../host/firmware/targets.js';
import { readImage } from '../host/model/image.js';

const folder = new URL('../../checkpoints/', import.meta.url);
const asked = process.argv.slice(2);
/** Those of `all` that were asked for by name; all, where none was. */
function chosen<T extends { name: string }>(all: readonly T[]): T[] {
  const named = all.filter(({ name }) => asked.includes(name));
  return named.length > 0 ? named : [...all];
}
const images = readdirSync(folder)
  .filter((name) => name.endsWith('.brn'))
  .map((file) => ({ name: basename(file, '.brn'), image: readImage(readFileSync(new URL(file, folder))) }));

/** One cell of the table. */
async function cell({ name, image }: (typeof images)[number], target: string): Promise<string> {
  try {
    const { module } = await exportFirmware(image, { target });
    const { proved, compared, sha256 } = module;
    const jobs = image.jobs.filter(({ count }) => count > 0);
    if (proved.length !== jobs.length) throw new Error(`${name} for ${target} is not proved`);
    return `${sha256.slice(0, 8)}: ${proved.join(', ')}; ${compared ?? 'no C'}`;
  } catch (error) {
    // A part that computes with 16 bits reaches too little memory for some.
    if (error instanceof BrownoutError && error.code !== 'E_VERIFY') return `${error.code}: ${error.found}`;
    throw error;
  }
}

const columns = chosen(targets);
console.log(`| image | ${columns.map((target) => target.name).join(' | ')} |`);
console.log(`| --- |${' --- |'.repeat(columns.length)}`);
// Those that learn take longest.
for (const one of chosen(images).sort((a, b) => a.image.jobs[1]!.count - b.image.jobs[1]!.count)) {
  const cells: string[] = [];
  for (const { name: target } of columns) {
    cells.push(await cell(one, target));
    console.error(`${one.name} for ${target}: ${cells.at(-1)!}`);
  }
  console.log(`| ${one.name} | ${cells.join(' | ')} |`);
}
