// Networks of one op with a window.
import type { Random } from '../../host/math/random.js';
import type {
  Conv2d,
  MaxPool2d,
  QuantizedNetwork,
  QuantizedOp,
  TensorSpec,
  WeightTransform,
} from '../../host/model/quantized-network.js';
import { between, int8s, tensor, requantization, single } from './parts.js';

type Window = Pick<Conv2d, 'kernel' | 'stride' | 'dilation' | 'padding'>;

/** A window that fits into `height` × `width`. */
export function window(random: Random, height: number, width: number): Window {
  const kernel: [number, number] = [
    between(random, 1, Math.min(5, height)),
    between(random, 1, Math.min(5, width)),
  ];
  const dilation: [number, number] = [
    kernel[0] * 2 - 1 <= height ? between(random, 1, 2) : 1,
    kernel[1] * 2 - 1 <= width ? between(random, 1, 2) : 1,
  ];
  const padding: [number, number] = [random.integer(kernel[0]), random.integer(kernel[1])];
  return { kernel, stride: [between(random, 1, 3), between(random, 1, 3)], dilation, padding };
}

/** Output size of a window over `size` inputs with the same padding on both sides. */
export function windowOutput(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: number,
): number {
  return Math.floor((size + 2 * padding - (kernel - 1) * dilation - 1) / stride) + 1;
}

/** Rows and columns of what a window makes of `height` × `width`. */
function outputSize(
  { kernel, stride, dilation, padding }: Window,
  height: number,
  width: number,
): [rows: number, columns: number] {
  const along = (axis: 0 | 1, size: number): number =>
    windowOutput(size, kernel[axis], stride[axis], dilation[axis], padding[axis]);
  return [along(0, height), along(1, width)];
}

/** A convolution with so many channels that a column of them is more than a tile may be. */
export function deepConvNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 4), between(random, 1, 4), between(random, 30, 70)];
  const kernel = [between(random, 1, height), between(random, 1, width)] as const;
  const outputs = between(random, 90, 180);
  const patch = kernel[0] * kernel[1] * channels;
  const one = [1, 1] as const;
  const op: Conv2d = {
    kind: 'conv2d',
    name: 'conv',
    inputs: [0],
    output: 1,
    kernel,
    stride: one,
    dilation: one,
    padding: [0, 0],
    weights: int8s(random, outputs * patch),
    ...requantization(random, outputs, 6000 * Math.sqrt(patch)),
  };
  const shape = [height - kernel[0] + 1, width - kernel[1] + 1, outputs];
  return single(op, tensor(random, [height, width, channels]), tensor(random, shape));
}

export function convNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 7)];
  const geometry = window(random, height, width);
  const outputs = between(random, 1, 9);
  const [rows, columns] = outputSize(geometry, height, width);
  const patch = geometry.kernel[0] * geometry.kernel[1] * channels;
  const op: Conv2d = {
    kind: 'conv2d',
    name: 'conv',
    inputs: [0],
    output: 1,
    ...geometry,
    weights: int8s(random, outputs * patch),
    ...requantization(random, outputs, 6000 * Math.sqrt(patch)),
  };
  return single(op, tensor(random, [height, width, channels]), tensor(random, [rows, columns, outputs]));
}

/** A convolution 3 × 3 by Winograd's way, weights stored transformed or not; extreme values every fourth time. */
export function winogradNetwork(random: Random, transformed: WeightTransform): QuantizedNetwork {
  const [height, width, channels] = [
    between(random, 3, 12),
    between(random, 3, 12),
    4 * between(random, 1, 5),
  ];
  const padding: [number, number] = [random.integer(3), random.integer(3)];
  // What lies below and on the right is as wide, or one less.
  const rows = height + padding[0] + Math.max(0, padding[0] - random.integer(2)) - 2;
  const columns = width + padding[1] + Math.max(0, padding[1] - random.integer(2)) - 2;
  const outputs = between(random, 1, 9);
  const patch = 9 * channels;
  const extreme = random.integer(4) === 0 ? [-128, 127][random.integer(2)]! : undefined;
  const weights = int8s(random, outputs * patch);
  const op: Conv2d = {
    ...{ kind: 'conv2d', name: 'conv', inputs: [0], output: 1, method: 'winograd', transformed },
    ...{ kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding },
    weights: extreme === undefined ? weights : weights.fill(extreme),
    ...requantization(random, outputs, 6000 * Math.sqrt(patch)),
  };
  return single(op, tensor(random, [height, width, channels]), tensor(random, [rows, columns, outputs]));
}

/**
 * Sets the weights of all but `kept` of the blocks of `block` channels that each `set` of outputs reads to zero: at random, other
 * blocks for each set.
 */
export function withoutBlocks(
  random: Random,
  op: Conv2d,
  { block, set, kept }: { block: number; set: number; kept: number },
): Conv2d {
  const patch = op.weights.length / op.bias.length;
  const blocks = patch / block;
  const weights = op.weights.slice();
  for (let first = 0; first < op.bias.length; first += set) {
    const order = Uint32Array.from({ length: blocks }, (_, at) => at);
    random.shuffle(order);
    for (const at of order.subarray(kept))
      for (let output = first; output < Math.min(first + set, op.bias.length); output++)
        weights.fill(0, output * patch + at * block, output * patch + (at + 1) * block);
  }
  return { ...op, weights };
}

/** A convolution of which some blocks of weights are zero, computed without them; extreme values every fourth time. */
export function sparseNetwork(random: Random, weightType: 'int8' | 'int4' = 'int8'): QuantizedNetwork {
  const [height, width] = [between(random, 1, 12), between(random, 1, 12)];
  const block = 4 * between(random, 1, 3);
  const channels = block * between(random, 1, 3);
  const geometry = window(random, height, width);
  const stride = [geometry.stride[0], Math.min(geometry.stride[1], geometry.kernel[1])] as const;
  const shape = { ...geometry, stride, dilation: [1, 1] as const };
  const outputs = between(random, 1, 20);
  const [rows, columns] = outputSize(shape, height, width);
  const patch = shape.kernel[0] * shape.kernel[1] * channels;
  const [low, high] = weightType === 'int8' ? [-128, 127] : [-8, 7];
  const extreme = random.integer(4) === 0 ? [low, high][random.integer(2)] : undefined;
  const weights = int8s(random, outputs * patch, low, high);
  const op: Conv2d = {
    ...{ kind: 'conv2d', name: 'conv', inputs: [0], output: 1, method: 'sparse', weightType, ...shape },
    weights: extreme === undefined ? weights : weights.fill(extreme),
    ...requantization(random, outputs, 6000 * Math.sqrt(patch)),
  };
  const few = {
    block,
    set: between(random, 1, outputs),
    kept: between(random, 1, Math.max(1, patch / block / 2)),
  };
  const [input, output] = [
    tensor(random, [height, width, channels]),
    tensor(random, [rows, columns, outputs]),
  ];
  return single(withoutBlocks(random, op, few), input, output);
}

/** A convolution of circulant blocks that its channels fill, by transform; extreme values every fourth time. */
export function convNttNetwork(random: Random): QuantizedNetwork {
  const blockSize = 2 ** between(random, 2, 4);
  const [height, width] = [between(random, 1, 9), between(random, 1, 9)];
  const [channels, outputs] = [blockSize * between(random, 1, 2), between(random, 1, 2 * blockSize)];
  const geometry = window(random, height, width);
  const stride = [geometry.stride[0], Math.min(geometry.stride[1], geometry.kernel[1])] as const;
  const shape = { ...geometry, stride, dilation: [1, 1] as const };
  const [rows, columns] = outputSize(shape, height, width);
  const taps = shape.kernel[0] * shape.kernel[1];
  const extreme = random.integer(4) === 0 ? [-128, 127][random.integer(2)]! : undefined;
  const weights = int8s(random, Math.ceil(outputs / blockSize) * channels * taps);
  const op: Conv2d = {
    ...{ kind: 'conv2d', name: 'conv', inputs: [0], output: 1, method: 'ntt', blockSize, ...shape },
    weights: extreme === undefined ? weights : weights.fill(extreme),
    ...requantization(random, outputs, 6000 * Math.sqrt(taps * channels)),
  };
  return single(op, tensor(random, [height, width, channels]), tensor(random, [rows, columns, outputs]));
}

/** A convolution whose weights are circulant blocks over channels, by sums of products. */
export function circulantConvNetwork(random: Random): QuantizedNetwork {
  const network = convNetwork(random);
  const [op, input, output] = [network.ops[0] as Conv2d, network.tensors[0]!, network.tensors[1]!];
  const blockSize = 2 ** between(random, 1, 3);
  const blocks = (tensorSpec: TensorSpec): number => Math.ceil(tensorSpec.shape[2]! / blockSize);
  const weights = int8s(random, blocks(output) * blocks(input) * blockSize * op.kernel[0] * op.kernel[1]);
  return { ...network, ops: [{ ...op, method: 'direct', blockSize, weights }] };
}

export function depthwiseNetwork(random: Random, multiplier?: number): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 7)];
  const geometry = window(random, height, width);
  const outputs = channels * (multiplier ?? between(random, 1, 3));
  const [rows, columns] = outputSize(geometry, height, width);
  const taps = geometry.kernel[0] * geometry.kernel[1];
  const op: QuantizedOp = {
    kind: 'depthwiseConv2d',
    name: 'depthwise',
    inputs: [0],
    output: 1,
    ...geometry,
    weights: int8s(random, outputs * taps),
    ...requantization(random, outputs, 6000 * Math.sqrt(taps)),
  };
  return single(op, tensor(random, [height, width, channels]), tensor(random, [rows, columns, outputs]));
}

/** A depthwise convolution and the pointwise one after it, as one op: windows of a row, a column or a square, with any padding. */
export function separableNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 20)];
  const small = Math.min(height, width) < 3 || random.integer(2) === 0;
  const size = (most: number): number => between(random, 1, Math.min(5, most));
  const kernel: [number, number] = small ? [size(height), size(width)] : [3, 3];
  const along = (axis: 0 | 1, most: number): number => between(random, 0, Math.min(most, kernel[axis] - 1));
  const windows: Window = {
    ...{ kernel, dilation: [1, 1] },
    stride: [1 + along(0, 2), 1 + along(1, 2)],
    padding: [along(0, 4), along(1, 4)],
  };
  const middle = channels * (random.integer(3) ? 1 : between(random, 2, 3));
  const outputs = between(random, 1, 20);
  const [rows, columns] = outputSize(windows, height, width);
  const taps = kernel[0] * kernel[1];
  const depthwise: QuantizedOp = {
    ...{ kind: 'depthwiseConv2d', name: 'depthwise', inputs: [0], output: 1, ...windows, fuse: 'on' },
    weights: int8s(random, middle * taps),
    ...requantization(random, middle, 6000 * Math.sqrt(taps)),
  };
  const one: [number, number] = [1, 1];
  const pointwise: QuantizedOp = {
    ...{ kind: 'conv2d', name: 'pointwise', inputs: [1], output: 2 },
    ...{ kernel: one, stride: one, dilation: one, padding: [0, 0] },
    weights: int8s(random, outputs * middle),
    ...requantization(random, outputs, 6000 * Math.sqrt(middle)),
  };
  const tensors = [
    tensor(random, [height, width, channels]),
    tensor(random, [rows, columns, middle]),
    tensor(random, [rows, columns, outputs]),
  ];
  return { name: 'separable', tensors, ops: [depthwise, pointwise], input: 0, output: 2 };
}

export function maxPoolNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 7)];
  const geometry = window(random, height, width);
  const [rows, columns] = outputSize(geometry, height, width);
  const input = tensor(random, [height, width, channels]);
  const op: MaxPool2d = {
    kind: 'maxPool2d',
    name: 'pool',
    inputs: [0],
    output: 1,
    ...geometry,
    clampMin: random.integer(3) ? -128 : -20,
    clampMax: random.integer(3) ? 127 : 30,
  };
  return single(op, input, { ...input, shape: [rows, columns, channels] });
}

export function averagePoolNetwork(random: Random): QuantizedNetwork {
  const [height, width, channels] = [between(random, 1, 12), between(random, 1, 12), between(random, 1, 7)];
  const one: [number, number] = [1, 1];
  const geometry = { ...window(random, height, width), dilation: one };
  const [rows, columns] = outputSize(geometry, height, width);
  const clamp = { clampMin: random.integer(3) ? -128 : -20, clampMax: random.integer(3) ? 127 : 30 };
  const op: QuantizedOp = {
    kind: 'averagePool2d',
    name: 'average',
    inputs: [0],
    output: 1,
    ...geometry,
    ...clamp,
  };
  const input = tensor(random, [height, width, channels]);
  return single(op, input, { ...input, shape: [rows, columns, channels] });
}
