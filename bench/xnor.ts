// `node dist/bench/xnor.js`: what a convolution would take whose weights and activations are a bit each, on an emulated Cortex-M4 and
// M3: 16×16×32→32, 3×3, outputs a bit each. No op here has activations of a bit; bench/plain/xnor.c computes it in two ways.
import { readFileSync } from 'node:fs';
import { countOps } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { describeOp } from '../host/ops/record.js';
import { count, table } from '../host/report/text.js';
import { lowBitImage, lowBitNetwork } from './low-bits.js';

const source = readFileSync(new URL('../../bench/plain/xnor.c', import.meta.url), 'utf8');
// Of the same shape: the program runs its own kernels in this image's plan.
const { image } = lowBitImage(lowBitNetwork('conv 16×16×32→32, 3×3', 'int8'));
const { macs } = describeOp(image.ops[0]!);
const rows = [['core', 'by rows', 'a MAC', 'by outputs', 'a MAC']];
for (const board of ['qemu-mps2-an386', 'qemu-mps2-an385'].map(boardCalled)) {
  const [op] = (await countOps(image, board, source)).ops;
  const cells = [op!.enter, op!.tiles].flatMap((n) => [count(n), (n / macs).toFixed(3)]);
  rows.push([board.core, ...cells]);
}
console.log(table(rows));
