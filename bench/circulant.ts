// `npm run bench`: circulant_s8 by transform against dense_s8 at 512×512, the same scalar build, in one run. Measured.
import { Random } from '../host/math/random.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { table } from '../host/report/text.js';
import { circulantNetwork, int8s, requantization, tensor } from '../samples/networks.js';
import { KernelRunner } from './kernel-runner.js';
import { interleaved, median, spread } from './timing.js';

const SIZE = 512;
const BLOCKS = [4, 8, 16, 32, 64, 128, 256, 512];

function denseNetwork(random: Random): QuantizedNetwork {
  const tensors = [tensor(random, [SIZE]), tensor(random, [SIZE])];
  const weights = int8s(random, SIZE * SIZE);
  const op = {
    kind: 'dense',
    name: 'dense',
    inputs: [0],
    output: 1,
    weights,
    ...requantization(random, SIZE, 1e5),
  } as const;
  return { name: 'dense', tensors, ops: [op], input: 0, output: 1 };
}

/** Times circulant layers against dense ones; `ratios`: how many times faster, by block size. */
export async function benchCirculant(): Promise<{
  text: string;
  ratios: [blockSize: number, ratio: number][];
}> {
  const random = new Random(1);
  const input = int8s(random, SIZE);
  const dense = KernelRunner.of(denseNetwork(random), input);
  const circulants = BLOCKS.flatMap((blockSize) =>
    (['ntt', 'direct'] as const).map((method) => {
      const shape = { blockSize, inputs: SIZE, outputs: SIZE, method };
      return KernelRunner.of(circulantNetwork(random, shape), input);
    }),
  );
  const times = await interleaved(
    [dense, ...circulants].map((runner) => () => runner.run()),
    25,
  );
  const denseUs = median(times[0]!);
  const ratios = BLOCKS.map((blockSize, i): [number, number] => {
    return [blockSize, spread(times[0]!, times[1 + i * 2]!)[1]];
  });
  const rows = BLOCKS.map((blockSize, i) => {
    const [ntt, direct] = [times[1 + i * 2]!, times[2 + i * 2]!];
    const ratio = spread(times[0]!, ntt);
    return [
      `k = ${blockSize}`,
      `${median(ntt).toFixed(1)} µs`,
      `${ratio[1].toFixed(1)}×`,
      `${ratio[0].toFixed(1)}–${ratio[2].toFixed(1)}`,
      `${median(direct).toFixed(1)} µs`,
    ];
  });
  const text = [
    `circulant_s8 at ${SIZE}×${SIZE}, scalar build, measured here; dense_s8 ${denseUs.toFixed(0)} µs`,
    `(${((SIZE * SIZE) / denseUs / 1000).toFixed(2)} GMAC/s, four outputs at a time)`,
    table([['block', 'ntt', 'faster than dense', 'quartiles', 'direct'], ...rows]),
  ].join('\n');
  return { text, ratios };
}
