// `npm run bench:firmware`: instructions of a Cortex-M4 under QEMU, which are the same on every machine.
import { count, table } from '../host/report/text.js';
import { comparePlain, plainCases } from './plain/index.js';

const rows: string[][] = [];
for (const item of plainCases()) {
  const { aot, plain } = await comparePlain(item);
  rows.push([item.name, count(aot), count(plain), (aot / plain).toFixed(2)]);
}
console.log('qemu-mps2-an386, gcc -O2, instructions counted (-icount), requantization included');
console.log(table([['kernel', 'from WASM', 'plain C', 'ratio'], ...rows]));
