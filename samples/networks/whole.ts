// Networks of several layers, of known shapes, with random weights.
import type { Random } from '../../host/math/random.js';
import type { QuantizedNetwork, QuantizedOp } from '../../host/model/quantized-network.js';
import { int8s, tensor, requantization } from './parts.js';

/** The digits network's shape with random weights: conv 6@5×5, pool, conv 16@5×5, pool, circulant 256, dense 10. */
export function lenet(random: Random, blockSize = 128): QuantizedNetwork {
  const shapes = [[28, 28, 1], [24, 24, 6], [12, 12, 6], [8, 8, 16], [4, 4, 16], [256], [256], [10]];
  const tensors = shapes.map((shape) => tensor(random, shape));
  tensors[2] = { ...tensors[1]!, shape: shapes[2]! };
  tensors[4] = { ...tensors[3]!, shape: shapes[4]! };
  tensors[5] = { ...tensors[3]!, shape: shapes[5]! };
  const one: [number, number] = [1, 1];
  const valid = { stride: one, dilation: one, padding: [0, 0] as [number, number] };
  const pool = {
    kernel: [2, 2] as [number, number],
    stride: [2, 2] as [number, number],
    dilation: one,
    padding: valid.padding,
  };
  const five: [number, number] = [5, 5];
  const step = (index: number): { inputs: number[]; output: number } => ({
    inputs: [index],
    output: index + 1,
  });
  const ops: QuantizedOp[] = [
    {
      kind: 'conv2d',
      name: 'conv1',
      ...step(0),
      ...valid,
      kernel: five,
      weights: int8s(random, 150),
      ...requantization(random, 6, 30000),
    },
    { kind: 'maxPool2d', name: 'pool1', ...step(1), ...pool, clampMin: -128, clampMax: 127 },
    {
      kind: 'conv2d',
      name: 'conv2',
      ...step(2),
      ...valid,
      kernel: five,
      weights: int8s(random, 2400),
      ...requantization(random, 16, 70000),
    },
    { kind: 'maxPool2d', name: 'pool2', ...step(3), ...pool, clampMin: -128, clampMax: 127 },
    { kind: 'reshape', name: 'flatten', ...step(4) },
    {
      kind: 'circulant',
      name: 'circulant',
      ...step(5),
      blockSize,
      method: 'ntt',
      weights: int8s(random, 65536 / blockSize, -127),
      ...requantization(random, 256, 90000),
    },
    {
      kind: 'dense',
      name: 'dense',
      ...step(6),
      weights: int8s(random, 2560),
      ...requantization(random, 10, 90000),
    },
  ];
  return { name: 'lenet', tensors, ops, input: 0, output: 7 };
}

/** A few small ops one after the other: 6×6×1 → conv → pool → dense → dense. */
export function layered(random: Random): QuantizedNetwork {
  const shapes = [[6, 6, 1], [4, 4, 3], [4, 3, 3], [36], [20], [12], [5]];
  const tensors = shapes.map((shape) => tensor(random, shape));
  tensors[2] = { ...tensors[1]!, shape: shapes[2]! };
  tensors[3] = { ...tensors[2]!, shape: shapes[3]! };
  const one: [number, number] = [1, 1];
  const none: [number, number] = [0, 0];
  const dense = (from: number, inputs: number, outputs: number): QuantizedOp => ({
    kind: 'dense',
    name: `dense${from}`,
    inputs: [from],
    output: from + 1,
    weights: int8s(random, inputs * outputs),
    ...requantization(random, outputs, 6000 * Math.sqrt(inputs)),
  });
  const ops: QuantizedOp[] = [
    {
      kind: 'conv2d',
      name: 'conv',
      inputs: [0],
      output: 1,
      kernel: [3, 3],
      stride: one,
      dilation: one,
      padding: none,
      weights: int8s(random, 27),
      ...requantization(random, 3, 18000),
    },
    {
      kind: 'maxPool2d',
      name: 'pool',
      inputs: [1],
      output: 2,
      kernel: [1, 2],
      stride: one,
      dilation: one,
      padding: none,
      clampMin: -128,
      clampMax: 127,
    },
    { kind: 'reshape', name: 'flatten', inputs: [2], output: 3 },
    dense(3, 36, 20),
    dense(4, 20, 12),
    dense(5, 12, 5),
  ];
  return { name: 'layered', tensors, ops, input: 0, output: 6 };
}

/** The shape of a keyword spotter (MLPerf Tiny): 49×10 → conv 64 → four depthwise-separable blocks → pool → 12. */
export function dsCnn(random: Random): QuantizedNetwork {
  const one: [number, number] = [1, 1];
  const map = [25, 5, 64];
  const tensors = [tensor(random, [49, 10, 1]), tensor(random, map)];
  const ops: QuantizedOp[] = [
    {
      kind: 'conv2d',
      name: 'conv',
      inputs: [0],
      output: 1,
      kernel: [10, 4],
      stride: [2, 2],
      dilation: one,
      padding: [4, 1],
      weights: int8s(random, 64 * 40),
      ...requantization(random, 64, 40_000),
    },
  ];
  const add = (op: QuantizedOp, shape: number[]): void => {
    ops.push({ ...op, inputs: [tensors.length - 1], output: tensors.length });
    tensors.push({
      ...(op.kind === 'averagePool2d' ? tensors[tensors.length - 1]! : tensor(random, shape)),
      shape,
    });
  };
  const from = { inputs: [0], output: 0 };
  const single = { stride: one, dilation: one };
  for (let block = 1; block <= 4; block++) {
    const depthwise = { kernel: [3, 3] as [number, number], padding: one, weights: int8s(random, 9 * 64) };
    add(
      {
        kind: 'depthwiseConv2d',
        name: `dw${block}`,
        ...from,
        ...single,
        ...depthwise,
        ...requantization(random, 64, 20_000),
      },
      map,
    );
    const pointwise = { kernel: one, padding: [0, 0] as [number, number], weights: int8s(random, 64 * 64) };
    add(
      {
        kind: 'conv2d',
        name: `pw${block}`,
        ...from,
        ...single,
        ...pointwise,
        ...requantization(random, 64, 50_000),
      },
      map,
    );
  }
  const pool = {
    kernel: [25, 5] as [number, number],
    padding: [0, 0] as [number, number],
    clampMin: -128,
    clampMax: 127,
  };
  add({ kind: 'averagePool2d', name: 'pool', ...from, ...single, ...pool }, [1, 1, 64]);
  add({ kind: 'reshape', name: 'flatten', ...from }, [64]);
  tensors[tensors.length - 1] = { ...tensors[tensors.length - 2]!, shape: [64] };
  add(
    {
      kind: 'dense',
      name: 'fc',
      ...from,
      weights: int8s(random, 64 * 12),
      ...requantization(random, 12, 50_000),
    },
    [12],
  );
  return { name: 'ds-cnn', tensors, ops, input: 0, output: tensors.length - 1 };
}

/** The shape of MobileNet (alpha 1, without its classifier) on `size` × `size` × 3: 3.2 million weights. */
export function mobileNet(random: Random, size: number): QuantizedNetwork {
  const one: [number, number] = [1, 1];
  const tensors = [tensor(random, [size, size, 3])];
  const ops: QuantizedOp[] = [];
  let [side, channels] = [size, 3];
  const add = (kind: 'conv2d' | 'depthwiseConv2d', outputs: number, kernel: number, stride: number): void => {
    const padding = kernel === 3 && stride === 1 ? 1 : 0;
    const count = kernel * kernel * outputs * (kind === 'conv2d' ? channels : 1);
    ops.push({
      kind,
      name: `${kind}${ops.length}`,
      inputs: [tensors.length - 1],
      output: tensors.length,
      kernel: [kernel, kernel],
      stride: [stride, stride],
      dilation: one,
      padding: [padding, padding],
      weights: int8s(random, count),
      ...requantization(random, outputs, 30_000),
    });
    [side, channels] = [Math.ceil(side / stride), outputs];
    tensors.push(tensor(random, [side, side, channels]));
  };
  add('conv2d', 32, 3, 2);
  for (const [outputs, stride] of [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
    ...Array.from({ length: 5 }, (): [number, number] => [512, 1]),
    [1024, 2],
    [1024, 1],
  ] as const) {
    add('depthwiseConv2d', channels, 3, stride);
    add('conv2d', outputs, 1, 1);
  }
  return { name: 'mobilenet', tensors, ops, input: 0, output: ops.length };
}
