// `node dist/bench/sparse.js [board…]`: instructions of convolutions of which every output reads 4 of 9 blocks, on emulated cores:
// im2col, products and rounding, engine and commits left out. Direct, by Winograd's way, and without the blocks that are zero.
import { compile } from '../host/compile/compile.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import type { Conv2d, ConvolutionMethod, QuantizedNetwork } from '../host/model/quantized-network.js';
import { count, table } from '../host/report/text.js';
import { int8s, requantization, tensor, withoutBlocks } from '../samples/networks.js';

/** A convolution of stride 1, its map as large before as after, `kept` of its blocks left to each set of outputs. */
export interface SparseCase {
  size: number;
  inputs: number;
  outputs: number;
  kernel: number;
  block: number;
  set: number;
  kept: number;
}

/** 4 of 9 taps: of all channels in blocks; or of 1 × 1, half the blocks of channels. */
const CASES: readonly SparseCase[] = [
  { size: 14, inputs: 16, outputs: 16, kernel: 3, block: 8, set: 16, kept: 8 },
  { size: 14, inputs: 16, outputs: 32, kernel: 3, block: 8, set: 16, kept: 8 },
  { size: 8, inputs: 32, outputs: 32, kernel: 3, block: 8, set: 16, kept: 16 },
  { size: 8, inputs: 32, outputs: 32, kernel: 3, block: 4, set: 16, kept: 32 },
  { size: 8, inputs: 32, outputs: 32, kernel: 3, block: 8, set: 8, kept: 16 },
  { size: 8, inputs: 64, outputs: 64, kernel: 3, block: 16, set: 16, kept: 16 },
  { size: 8, inputs: 64, outputs: 64, kernel: 1, block: 16, set: 16, kept: 2 },
  { size: 8, inputs: 64, outputs: 64, kernel: 1, block: 16, set: 32, kept: 2 },
];

/** A network of a case alone. */
export function patternCase(random: Random, one: SparseCase): QuantizedNetwork {
  const { size, inputs, outputs, kernel } = one;
  const patch = kernel * kernel * inputs;
  const op: Conv2d = {
    ...{ kind: 'conv2d', name: 'conv', inputs: [0], output: 1, weights: int8s(random, patch * outputs) },
    ...{ kernel: [kernel, kernel], stride: [1, 1], dilation: [1, 1], padding: [kernel >> 1, kernel >> 1] },
    ...requantization(random, outputs, 6000 * Math.sqrt(patch)),
  };
  const tensors = [tensor(random, [size, size, inputs]), tensor(random, [size, size, outputs])];
  return { name: 'conv', tensors, ops: [withoutBlocks(random, op, one)], input: 0, output: 1 };
}

/** Instructions of a case by a way of computing it, on a board. */
export async function countSparse(
  network: QuantizedNetwork,
  convolution: ConvolutionMethod,
  board: string,
): Promise<{ instructions: number; output: Uint8Array }> {
  const sample = int8s(
    new Random(2),
    network.tensors[0]!.shape.reduce((a, b) => a * b),
  );
  const room = { arenaBytes: 65_536, nvmBytes: 1 << 22, capacitorUf: 1e5 };
  const image = readImage(compile(network, { ...room, convolution, sample, verify: false }));
  const { ops, output } = await countOps(image, boardCalled(board));
  return {
    instructions: ops.reduce((sum, { enter, tiles }) => sum + enter + tiles, 0),
    output: output.slice(),
  };
}

const METHODS = ['direct', 'winograd', 'sparse'] as const;

if (import.meta.filename === process.argv[1]) {
  const given = process.argv.slice(2);
  for (const board of given.length > 0 ? given : ['qemu-mps2-an386', 'qemu-mps2-an385']) {
    const rows: string[][] = [];
    for (const one of CASES) {
      const network = patternCase(new Random(1), one);
      const counts: number[] = [];
      for (const method of METHODS) counts.push((await countSparse(network, method, board)).instructions);
      const [direct, , sparse] = counts as [number, number, number];
      const { size, inputs, outputs, kernel, block, set, kept } = one;
      rows.push([
        `${size}×${size}×${inputs}→${outputs}, ${kernel}×${kernel}`,
        `${kept} of ${(kernel * kernel * inputs) / block} blocks of ${block}, sets of ${set}`,
        ...counts.map(count),
        `${(direct / sparse).toFixed(2)} ×`,
      ]);
    }
    console.log(`${board}: instructions, measured`);
    console.log(`${table([['layer', 'blocks', ...METHODS, 'direct over sparse'], ...rows])}\n`);
  }
}
