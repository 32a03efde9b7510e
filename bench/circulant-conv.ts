// `node dist/bench/circulant-conv.js [board…]`: instructions of a convolution 3 × 3, 16 × 16 × 32 → 32, on emulated cores, engine and
// commits left out: of circulant blocks over channels by sums of products and by transform, and without blocks.
import { compile } from '../host/compile/compile.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { Conv2d, ConvolutionMethod, QuantizedNetwork } from '../host/model/quantized-network.js';
import { count, table } from '../host/report/text.js';
import { int8s, requantization, tensor } from '../samples/networks.js';

/** A convolution 3 × 3 of stride 1 and of circulant blocks of `k`, 1: of none, its map as large before as after. */
export function blocksCase(k: number, size = 16, channels = 32): QuantizedNetwork {
  const random = new Random(1);
  const op: Conv2d = {
    ...{ kind: 'conv2d', name: 'conv', inputs: [0], output: 1, blockSize: k },
    ...{ kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [1, 1] },
    weights: int8s(random, (9 * channels * channels) / k),
    ...requantization(random, channels, 6000 * Math.sqrt(9 * channels)),
  };
  const tensors = [tensor(random, [size, size, channels]), tensor(random, [size, size, channels])];
  return { name: 'conv', tensors, ops: [op], input: 0, output: 1 };
}

/** What it takes by a way of computing it, on a board. */
export async function countBlocks(
  network: QuantizedNetwork,
  convolution: ConvolutionMethod,
  board: string,
): Promise<{ instructions: number; output: Uint8Array; image: Image }> {
  const values = network.tensors[0]!.shape.reduce((a, b) => a * b);
  const room = { arenaBytes: 24_576, nvmBytes: 1 << 22, capacitorUf: 1e5 };
  const sample = int8s(new Random(2), values);
  const image = readImage(compile(network, { ...room, convolution, sample, verify: false }));
  const { ops, output } = await countOps(image, boardCalled(board));
  const instructions = ops.reduce((sum, { enter, tiles }) => sum + enter + tiles, 0);
  return { instructions, output: output.slice(), image };
}

const CASES: readonly (readonly [k: number, method: ConvolutionMethod])[] = [
  ...([4, 8, 16, 32] as const).flatMap((k) => (['direct', 'ntt'] as const).map((way) => [k, way] as const)),
  ...(['direct', 'winograd'] as const).map((way) => [1, way] as const),
];

if (import.meta.filename === process.argv[1]) {
  const given = process.argv.slice(2);
  for (const board of given.length > 0 ? given : ['qemu-mps2-an386', 'qemu-mps2-an385']) {
    const rows: string[][] = [];
    for (const [k, method] of CASES) {
      const { instructions, image } = await countBlocks(blocksCase(k), method, board);
      const blocks = k === 1 ? 'none' : `k = ${k}`;
      rows.push([blocks, method, count(instructions), `${count(image.constants.bytes)} B`]);
    }
    console.log(`${board}: instructions, measured`);
    console.log(`${table([['blocks', 'method', 'instructions', 'constants'], ...rows])}\n`);
  }
}
