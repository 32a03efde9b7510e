// C made from WASM against the same kernels written by hand in C: same flags, same core, instructions counted.
import { readFileSync } from 'node:fs';
import { compile } from '../../host/compile/compile.js';
import { Random } from '../../host/math/random.js';
import { countOps } from '../../host/firmware/count-on-board.js';
import { boardCalled } from '../../host/firmware/targets.js';
import { readImage } from '../../host/model/image.js';
import type { QuantizedNetwork, QuantizedOp } from '../../host/model/quantized-network.js';
import { circulantNetwork, int8s, requantization, tensor } from '../../samples/networks.js';

const plainC = ['plain.c', 'circulant.c', 'tiles.c']
  .map((name) => readFileSync(new URL(`../../../bench/plain/${name}`, import.meta.url), 'utf8'))
  .join('\n');

/** A shape. */
export interface PlainCase {
  name: string;
  network: QuantizedNetwork;
}

const elements = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

function single(random: Random, op: QuantizedOp, input: number[], output: number[]): QuantizedNetwork {
  const tensors = [tensor(random, input), tensor(random, output)];
  return { name: op.name, tensors, ops: [op], input: 0, output: 1 };
}

function dense(random: Random, size: number): PlainCase {
  const name = `dense ${size}×${size}`;
  const op: QuantizedOp = {
    ...{ kind: 'dense', name, inputs: [0], output: 1, weights: int8s(random, size * size) },
    ...requantization(random, size, 1e5),
  };
  return { name, network: single(random, op, [size], [size]) };
}

function conv(random: Random, [height, width, inputs]: number[], outputs: number, kernel: number): PlainCase {
  const patch = kernel * kernel * inputs!;
  const name = `conv ${height}×${width}×${inputs}→${outputs}, ${kernel}×${kernel}`;
  const padding = (kernel - 1) / 2;
  const op: QuantizedOp = {
    ...{ kind: 'conv2d', name, inputs: [0], output: 1, weights: int8s(random, patch * outputs) },
    ...{ kernel: [kernel, kernel], stride: [1, 1], dilation: [1, 1], padding: [padding, padding] },
    ...requantization(random, outputs, 6000 * Math.sqrt(patch)),
  };
  return { name, network: single(random, op, [height!, width!, inputs!], [height!, width!, outputs]) };
}

function depthwise(random: Random, [height, width, channels]: number[]): PlainCase {
  const name = `depthwise ${height}×${width}×${channels}, 3×3`;
  const shape = [height!, width!, channels!];
  const op: QuantizedOp = {
    ...{ kind: 'depthwiseConv2d', name, inputs: [0], output: 1, weights: int8s(random, 9 * channels!) },
    ...{ kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [1, 1] },
    ...requantization(random, channels!, 18_000),
  };
  return { name, network: single(random, op, shape, shape) };
}

function circulant(random: Random, size: number, blockSize: number): PlainCase {
  const shape = { blockSize, inputs: size, outputs: size, method: 'ntt' } as const;
  return { name: `circulant ${size}×${size}, k = ${blockSize}`, network: circulantNetwork(random, shape) };
}

/** The shapes that are compared. */
export function plainCases(): PlainCase[] {
  const random = new Random(1);
  return [
    dense(random, 256),
    dense(random, 512),
    conv(random, [32, 32, 3], 16, 3),
    conv(random, [16, 16, 32], 32, 3),
    conv(random, [25, 5, 64], 64, 1),
    circulant(random, 256, 64),
    circulant(random, 512, 64),
    circulant(random, 256, 32),
    depthwise(random, [25, 5, 64]),
  ];
}

/** Instructions of a case, as C from WASM and by hand; throws where the two compute different bytes. */
export async function comparePlain({ name, network }: PlainCase): Promise<{ aot: number; plain: number }> {
  const board = boardCalled('qemu-mps2-an386');
  const sample = int8s(new Random(2), elements(network.tensors[0]!.shape));
  // Large tiles: no charge needs to hold them here.
  const options = { arenaBytes: 32768, nvmBytes: 1 << 22, capacitorUf: 1e5, sample, verify: false };
  const aot = await countOps(readImage(compile(network, options)), board);
  // By hand convolutions are sums of products.
  const direct = readImage(compile(network, { ...options, convolution: 'direct' }));
  const plain = await countOps(direct, board, plainC);
  if (Buffer.compare(aot.output, plain.output) !== 0) throw new Error(`${name}: other bytes in plain C`);
  const sum = ({ ops }: typeof aot): number => ops.reduce((total, op) => total + op.enter + op.tiles, 0);
  return { aot: sum(aot), plain: sum(plain) };
}
