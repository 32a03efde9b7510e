// A step to −1 and 1, or to −1, 0 and 1, and the layer of weights −1 and 1 behind it, which become one record.
import type { Random } from '../../host/math/random.js';
import {
  elementCount,
  type QuantizedNetwork,
  type QuantizedOp,
  type TensorSpec,
} from '../../host/model/quantized-network.js';
import { between, requantization, tensor } from './parts.js';
import { window, windowOutput } from './windows.js';

const signs = (random: Random, count: number): Int8Array =>
  Int8Array.from({ length: count }, () => 2 * random.integer(2) - 1);

/** A step: −1 below its first bound, 1 from its second on, 0 between; in three of four they are one. */
function step(random: Random, zeroPoint: number): Int8Array {
  const low = between(random, -127, 127);
  const high = random.integer(4) ? low : between(random, low, 127);
  return Int8Array.from({ length: 256 }, (_, i) => {
    const q = i - 128;
    return zeroPoint + (q >= high ? 1 : q < low ? -1 : 0);
  });
}

/** What a layer behind a step reads: of a zero point with room on both sides. */
const stepped = (random: Random, shape: readonly number[]): TensorSpec => ({
  ...{ shape, scale: 1, zeroPoint: between(random, -127, 126) },
});

/** A convolution of levels, of up to 40 columns; extreme shapes as of any convolution. */
export function levelsNetwork(random: Random): QuantizedNetwork {
  const wide = random.integer(2) === 0;
  const [height, width] = [between(random, 1, wide ? 6 : 12), between(random, 1, wide ? 40 : 12)];
  const channels = between(random, 1, random.integer(3) ? 12 : 40);
  const geometry = window(random, height, width);
  const outputs = between(random, 1, 12);
  const [rows, columns] = [height, width].map((size, axis) =>
    windowOutput(
      size,
      geometry.kernel[axis]!,
      geometry.stride[axis]!,
      geometry.dilation[axis]!,
      geometry.padding[axis]!,
    ),
  ) as [number, number];
  const patch = geometry.kernel[0] * geometry.kernel[1] * channels;
  const between_ = stepped(random, [height, width, channels]);
  const ops: QuantizedOp[] = [
    { kind: 'map', name: 'sign', inputs: [0], output: 1, table: step(random, between_.zeroPoint) },
    {
      ...{ kind: 'conv2d', name: 'conv', inputs: [1], output: 2, ...geometry },
      weights: signs(random, outputs * patch),
      ...requantization(random, outputs, 40 * Math.sqrt(patch)),
    },
  ];
  const tensors = [
    tensor(random, between_.shape.slice()),
    between_,
    tensor(random, [rows, columns, outputs]),
  ];
  return { name: 'levels', tensors, ops, input: 0, output: 2 };
}

/** A dense layer of levels, behind a reshape or not. */
export function denseLevelsNetwork(random: Random): QuantizedNetwork {
  const shape = [
    between(random, 1, 6),
    between(random, 1, 6),
    between(random, 1, random.integer(3) ? 9 : 30),
  ];
  const inputs = elementCount({ shape });
  const outputs = between(random, 1, 60);
  const flat = { ...stepped(random, [inputs]) };
  const between_ = { ...flat, shape };
  const dense = (input: number, output: number): QuantizedOp => ({
    ...{ kind: 'dense', name: 'dense', inputs: [input], output },
    weights: signs(random, outputs * inputs),
    ...requantization(random, outputs, 40 * Math.sqrt(inputs)),
  });
  const sign: QuantizedOp = {
    kind: 'map',
    name: 'sign',
    inputs: [0],
    output: 1,
    table: step(random, flat.zeroPoint),
  };
  const [first, last] = [tensor(random, shape), tensor(random, [outputs])];
  return random.integer(2)
    ? { name: 'levels', tensors: [first, between_, last], ops: [sign, dense(1, 2)], input: 0, output: 2 }
    : {
        name: 'levels',
        tensors: [first, between_, flat, last],
        ops: [sign, { kind: 'reshape', name: 'flat', inputs: [1], output: 2 }, dense(2, 3)],
        ...{ input: 0, output: 3 },
      };
}
