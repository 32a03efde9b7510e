// `npm run bench:firmware`: instructions of a Cortex-M4 under QEMU, which are the same on every machine.
import { type Figure, nameOf, writeFigures } from './figures.js';
import { count, table } from '../host/report/text.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { countPeerModels, firmwareImages, measureFirmware, measureSpecialised } from './firmware-models.js';
import { countLowBits, levelNetwork, lowBitImage, lowBitNetwork } from './low-bits.js';
import { comparePlain, plainCases } from './plain/index.js';

const figures: Figure[] = [];
const record = (what: string, value: number, unit: string, more: Partial<Figure> = {}): void => {
  figures.push({ name: nameOf(what), what, value, unit, digits: 0, kind: 'measured', ...more });
};

/** Instructions of CMSIS-NN with SMLAD and of TensorFlow Lite Micro with it, counted on the same emulated board. */
const PEERS: Record<string, { value: number; name: string }> = {
  'dense 256×256': { value: 134_270, name: 'CMSIS-NN' },
  'dense 512×512': { value: 514_175, name: 'CMSIS-NN' },
  'conv 32×32×3→16, 3×3': { value: 1_991_866, name: 'CMSIS-NN' },
  'conv 16×16×32→32, 3×3': { value: 4_485_680, name: 'CMSIS-NN' },
  'conv 25×5×64→64, 1×1': { value: 1_003_200, name: 'CMSIS-NN' },
  'depthwise 25×5×64, 3×3': { value: 493_453, name: 'CMSIS-NN' },
  'circulant 256×256, k = 64': { value: 29_560, name: 'CMSIS-DSP Q15, inexact' },
  'circulant 512×512, k = 64': { value: 64_110, name: 'CMSIS-DSP Q15, inexact' },
  'circulant 256×256, k = 32': { value: 28_960, name: 'CMSIS-DSP Q15, inexact' },
  'keywords, int8': { value: 7_110_000, name: 'TFLM with CMSIS-NN' },
  'anomaly detection, int8': { value: 573_300, name: 'TFLM with CMSIS-NN' },
  'image classification (ResNet8), int8, random weights': { value: 28_490_000, name: 'TFLM with CMSIS-NN' },
  'visual wake words, int8, random weights': { value: 22_300_000, name: 'TFLM with CMSIS-NN' },
};
const peerOf = (name: string): Partial<Figure> => (PEERS[name] ? { peer: PEERS[name] } : {});

const rows: string[][] = [];
for (const item of plainCases()) {
  const { aot, plain } = await comparePlain(item);
  record(item.name, aot, 'instructions', peerOf(item.name));
  rows.push([item.name, count(aot), count(plain), (aot / plain).toFixed(2)]);
}
console.log('qemu-mps2-an386, gcc -O2, instructions counted (-icount), requantization included');
console.log(table([['kernel', 'from WASM', 'plain C', 'ratio'], ...rows]));

const CONV = 'conv 16×16×32→32, 3×3';
const few: string[][] = [];
for (const type of ['int8', 'int4', 'int2', 'int1', 'signs'] as const) {
  const { image } = lowBitImage(type === 'signs' ? levelNetwork(CONV) : lowBitNetwork(CONV, type));
  const cells: string[] = [type];
  for (const [board, core] of [
    ['qemu-mps2-an386', 'Cortex-M4'],
    ['qemu-mps2-an385', 'Cortex-M3'],
    ['qemu-riscv-virt', 'RISC-V'],
  ] as const) {
    const { instructions, aMac } = await countLowBits(image, board);
    if (type !== 'int8' || core !== 'Cortex-M4')
      record(`${CONV}, ${type}, ${core}`, instructions, 'instructions');
    cells.push(count(instructions), aMac.toFixed(2));
  }
  few.push(cells);
}
console.log(`\n${CONV}: weights of few bits, instructions, and of these a MAC`);
console.log(table([['weights', 'Cortex-M4', 'a MAC', 'Cortex-M3', 'a MAC', 'RISC-V', 'a MAC'], ...few]));

const peers = (await countPeerModels()).map(({ model, instructions }) => {
  record(`${model}: kernels alone`, instructions, 'instructions', peerOf(model));
  return [model, count(instructions)];
});
console.log('\nkernels of whole models, in large tiles and without commits, as other libraries are counted');
console.log(table([['model', 'instructions'], ...peers]));
if (!process.env['BROWNOUT_DATA']) console.log('more with BROWNOUT_DATA, a folder with models/');

const models: string[][] = [];
for (const [name, make] of Object.entries(firmwareImages())) {
  const { codeBytes, staticBytes, stackBytes, instructions } = await measureFirmware(make());
  record(`${name}: code besides the image`, codeBytes, 'B');
  record(`${name}: static data and stack`, staticBytes + stackBytes, 'B');
  record(`${name}: one inference, engine and commits included`, instructions, 'instructions');
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

writeFigures('firmware', {
  title: 'Firmware on an emulated Cortex-M4',
  command: 'npm run bench:firmware',
  needs: 'arm-none-eabi-gcc 12.2 and qemu-system-arm; models of others with BROWNOUT_DATA',
  figures,
});
