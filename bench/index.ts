// `npm run bench`: every figure that depends on this machine, as ratios within one run. With a folder as argument,
// bench.json and bench.svg go there.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchCirculant } from './circulant.js';
import { type Figure, nameOf, writeFigures } from './figures.js';
import { benchModels, OWN_MODULE } from './models.js';
import { benchModules } from './modules.js';
import { modelPicture } from './picture.js';
import { benchPower } from './power.js';

const modules = await benchModules();
console.log(modules.text);
const models = await benchModels();
console.log(models.text);
const circulant = await benchCirculant();
console.log(circulant.text);
console.log(await benchPower());
const folder = process.argv[2];
if (folder) {
  mkdirSync(folder, { recursive: true });
  const found = { node: process.version, modules: modules.times, models: models.times };
  writeFileSync(join(folder, 'bench.json'), `${JSON.stringify(found, null, 2)}\n`);
  if (models.times.length > 0) writeFileSync(join(folder, 'bench.svg'), modelPicture(models.times));
}
const ratio = (what: string, value: number, digits: number): Figure => {
  return { name: nameOf(what), what, value, unit: '×', digits, kind: 'measured' };
};
writeFigures('node', {
  title: 'In Node 20, one thread of an x86-64 core, ratios within one run',
  command: 'npm run bench',
  needs: 'models with BROWNOUT_DATA, other runtimes with BROWNOUT_PEERS',
  figures: [
    ...models.times
      .filter(({ runtime }) => runtime !== OWN_MODULE)
      .map(({ model, runtime, ratio: [, middle] }) =>
        ratio(`${model}: time of ${runtime} over that of our own module`, middle, 2),
      ),
    ...modules.times.map(({ name, ratio: [, middle] }) => ratio(`${name}: scalar over SIMD`, middle, 1)),
    ...circulant.ratios.map(([k, of]) => ratio(`circulant 512×512, k = ${k}: dense over transform`, of, 1)),
  ],
});
// Some runtimes keep threads that would not let the process end.
process.exit(0);
