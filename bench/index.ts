// `npm run bench`: every figure that depends on this machine, as ratios within one run. With a folder as argument,
// bench.json and bench.svg go there.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchCirculant } from './circulant.js';
import { benchModels } from './models.js';
import { benchModules } from './modules.js';
import { modelPicture } from './picture.js';
import { benchPower } from './power.js';

const modules = await benchModules();
console.log(modules.text);
const models = await benchModels();
console.log(models.text);
console.log(await benchCirculant());
console.log(await benchPower());
const folder = process.argv[2];
if (folder) {
  mkdirSync(folder, { recursive: true });
  const found = { node: process.version, modules: modules.times, models: models.times };
  writeFileSync(join(folder, 'bench.json'), `${JSON.stringify(found, null, 2)}\n`);
  if (models.times.length > 0) writeFileSync(join(folder, 'bench.svg'), modelPicture(models.times));
}
// Some runtimes keep threads that would not let the process end.
process.exit(0);
