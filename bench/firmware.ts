// `npm run bench:firmware`: instructions of a Cortex-M4 under QEMU, which are the same on every machine.
import { count, table } from '../host/report/text.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { countPeerModels, firmwareImages, measureFirmware, measureSpecialised } from './firmware-models.js';
import { comparePlain, plainCases } from './plain/index.js';

const rows: string[][] = [];
for (const item of plainCases()) {
  const { aot, plain } = await comparePlain(item);
  rows.push([item.name, count(aot), count(plain), (aot / plain).toFixed(2)]);
}
console.log('qemu-mps2-an386, gcc -O2, instructions counted (-icount), requantization included');
console.log(table([['kernel', 'from WASM', 'plain C', 'ratio'], ...rows]));

const peers = (await countPeerModels()).map(({ model, instructions }) => [model, count(instructions)]);
console.log('\nkernels of whole models, in large tiles and without commits, as other libraries are counted');
console.log(
  peers.length > 0
    ? table([['model', 'instructions'], ...peers])
    : 'set BROWNOUT_DATA to a folder with models/',
);

const models: string[][] = [];
for (const [name, make] of Object.entries(firmwareImages())) {
  const { codeBytes, staticBytes, stackBytes, instructions } = await measureFirmware(make());
  models.push([name, count(codeBytes), count(staticBytes), count(stackBytes), count(instructions)]);
}
console.log('\nfirmware for a Cortex-M4: code and constants besides the image, SRAM, one inference');
console.log(table([['model', 'code', 'static', 'stack', 'instructions'], ...models]));
const { own, generic, fast } = await measureSpecialised(firmwareImages()['digits']!());
const percent = (whole: number): string => `${((own / whole) * 100).toFixed(1)} % of the`;
const bytes = `${count(moduleBytes('digits').length)} of ${count(moduleBytes('device').length)} bytes of WASM`;
console.log(`\ndigits, its own module against the one with all kernels: ${bytes};`);
console.log(`${count(own)} instructions, ${percent(generic)} ${count(generic)} of the one that ships,`);
console.log(`${percent(fast)} ${count(fast)} of one with all kernels that is made for speed as well`);
