// Weights of few bits on emulated cores, with the DSP extension and without: instructions of one op, im2col and requantization
// included.
import { compile } from '../host/compile/compile.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import type { WeightType } from '../host/model/weight-types.js';
import { describeOp } from '../host/ops/record.js';
import { int8s, withWeights } from '../samples/networks.js';
import { plainCases } from './plain/index.js';

/** The op whose weights are of `type`: a case of `plainCases`. */
export function lowBitNetwork(name: string, type: WeightType): QuantizedNetwork {
  const { network } = plainCases().find((one) => one.name === name)!;
  return type === 'int8' ? network : withWeights(new Random(3), type, network);
}

/** The op behind a step at its input's zero point, with weights of a bit: both are one record. */
export function levelNetwork(name: string): QuantizedNetwork {
  const { tensors, ops, output } = lowBitNetwork(name, 'int1');
  const zero = tensors[0]!.zeroPoint;
  const table = Int8Array.from({ length: 256 }, (_, i) => (i - 128 >= zero ? 1 : -1));
  return {
    ...{ name, input: 0, output: output + 1 },
    tensors: [tensors[0]!, { ...tensors[0]!, scale: 1, zeroPoint: 0 }, ...tensors.slice(1)],
    ops: [
      { kind: 'map', name: 'sign', inputs: [0], output: 1, table },
      ...ops.map((op) => ({ ...op, inputs: op.inputs.map((tensor) => tensor + 1), output: op.output + 1 })),
    ],
  };
}

/** Its image, in tiles as large as can be, and the input it carries. Sums of products, as those of few bits are, also of 8. */
export function lowBitImage(network: QuantizedNetwork): { image: Image; sample: Int8Array } {
  const sample = int8s(new Random(2), elementCount(network.tensors[network.input]!));
  const options = {
    arenaBytes: 65536,
    nvmBytes: 1 << 22,
    capacitorUf: 1e5,
    sample,
    verify: false,
    convolution: 'direct',
  } as const;
  return { image: readImage(compile(network, options)), sample };
}

/** What its only op takes on a board, and what it computed. */
export async function countLowBits(
  image: Image,
  board: string,
): Promise<{ instructions: number; aMac: number; output: Int8Array }> {
  const { ops, output } = await countOps(image, boardCalled(board));
  const instructions = ops.reduce((sum, { enter, tiles }) => sum + enter + tiles, 0);
  const { macs } = describeOp(image.ops[0]!);
  return { instructions, aMac: instructions / macs, output: new Int8Array(output.slice().buffer) };
}
