// `node dist/bench/circulant-choice.js`: instructions of circulant layers by either method on an emulated Cortex-M4, and whether the
// planner, which goes by the cost model alone, takes the cheaper one.
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { readImage } from '../host/model/image.js';
import { circulantCycles } from '../host/ops/shared/cycles.js';
import { count, table } from '../host/report/text.js';
import { circulantNetwork, int8s } from '../samples/networks.js';

/** Block size, blocks in a row, rows of blocks. */
export type ChoiceShape = readonly [k: number, blocks: number, rows: number];

export interface Choice {
  direct: number;
  ntt: number;
  /** What the cost model says of the two, in cycles. */
  estimate: { direct: number; ntt: number };
}

export async function countChoice([k, blocks, rows]: ChoiceShape): Promise<Choice> {
  const board = boardCalled('qemu-mps2-an386');
  const counts = { direct: 0, ntt: 0 };
  for (const method of ['direct', 'ntt'] as const) {
    const shape = { blockSize: k, inputs: k * blocks, outputs: k * rows, method };
    const sample = int8s(new Random(1), k * blocks);
    const options = { arenaBytes: 32768, nvmBytes: 1 << 22, capacitorUf: 1e5, sample, verify: false };
    const image = readImage(compile(circulantNetwork(new Random(2), shape), options));
    const { ops } = await countOps(image, board);
    counts[method] = ops.reduce((sum, op) => sum + op.enter + op.tiles, 0);
  }
  const costs = circulantCycles(k, blocks);
  const total = (method: 'direct' | 'ntt'): number => costs[method].enter + rows * costs[method].row;
  return { ...counts, estimate: { direct: total('direct'), ntt: total('ntt') } };
}

/** Whether the model orders the two methods as the counts do. */
export const isRight = ({ direct, ntt, estimate }: Choice): boolean =>
  direct < ntt === estimate.direct < estimate.ntt;

async function benchChoice(): Promise<string> {
  const rows: string[][] = [];
  let right = 0;
  for (const k of [4, 8, 16, 32, 64]) {
    for (const [blocks, height] of [
      [1, 1],
      [1, 4],
      [2, 2],
      [4, 1],
      [6, 6],
      [8, 3],
      [16, 16],
    ] as const) {
      const choice = await countChoice([k, blocks, height]);
      const { direct, ntt, estimate } = choice;
      if (isRight(choice)) right++;
      const shape = `k = ${k}, ${blocks} × ${height} blocks`;
      const relative = (estimate.ntt / estimate.direct).toFixed(2);
      rows.push([
        shape,
        count(direct),
        count(ntt),
        (ntt / direct).toFixed(2),
        relative,
        isRight(choice) ? '' : 'wrong',
      ]);
    }
  }
  const head = ['layer', 'direct', 'ntt', 'ntt / direct', 'estimated', ''];
  return [table([head, ...rows]), `the planner's choice is right in ${right} of ${rows.length}`].join('\n');
}

if (process.argv[1]?.endsWith('circulant-choice.js')) console.log(await benchChoice());
