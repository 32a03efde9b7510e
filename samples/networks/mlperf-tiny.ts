// The image networks of MLPerf Tiny, layer by layer as its benchmark publishes them, with random weights: as quick or slow as the
// trained ones, and of no other use. (C. Banbury et al., "MLPerf Tiny Benchmark", 2021; the reference models of its repository.)
import type { Random } from '../../host/math/random.js';
import {
  quantizeMultiplier,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
  type Window,
} from '../../host/model/quantized-network.js';
import { between, int8s } from './parts.js';
import { PROBABILITY, softmaxOp } from './vectors.js';

const SCALE = 0.05;
/** Of sums of `length` products of random int8, about this share of the standard deviation is one step of the output. */
const STEPS = 40;

/** A network that grows layer by layer; each method returns the tensor that it adds. */
class Chain {
  readonly tensors: TensorSpec[];
  readonly ops: QuantizedOp[] = [];
  readonly #random: Random;

  constructor(random: Random, shape: number[]) {
    this.#random = random;
    this.tensors = [{ shape, scale: SCALE, zeroPoint: -1 }];
  }

  #put(op: QuantizedOp, spec: TensorSpec): number {
    this.ops.push({ ...op, name: `${op.kind} ${this.ops.length + 1}`, output: this.tensors.length });
    return this.tensors.push(spec) - 1;
  }

  /** Where a ReLU follows, the zero point is the least value, as converters have it. */
  /** `alike`: one scale for all outputs, as converters give dense layers, and old runtimes know of no other. */
  #scales(outputs: number, length: number, relu: boolean, alike = false): Requantization {
    const magnitude = 74 * 74 * Math.sqrt(length);
    const factors = Array.from({ length: outputs }, () => this.#random.uniform(0.5, 1.5));
    const scales = factors.map((factor) =>
      quantizeMultiplier((STEPS / magnitude) * (alike ? factors[0]! : factor)),
    );
    return {
      bias: Int32Array.from({ length: outputs }, () => between(this.#random, -magnitude, magnitude) | 0),
      multipliers: Int32Array.from(scales, ({ multiplier }) => multiplier),
      shifts: Int32Array.from(scales, ({ shift }) => shift),
      clampMin: relu ? this.#zeroPoint(relu) : -128,
      clampMax: 127,
    };
  }

  #zeroPoint = (relu: boolean): number => (relu ? -128 : -1);

  /** A convolution with padding SAME; `outputs` 0: depthwise. */
  conv(from: number, outputs: number, size: number, stride: number, relu = true): number {
    const [height, width, channels] = this.tensors[from]!.shape as [number, number, number];
    const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
    const before = (length: number, out: number): number =>
      Math.max(0, (out - 1) * stride + size - length) >> 1;
    const window: Window = {
      kernel: [size, size],
      stride: [stride, stride],
      dilation: [1, 1],
      padding: [before(height, rows), before(width, columns)],
    };
    const depth = outputs || channels;
    const length = size * size * (outputs ? channels : 1);
    return this.#put(
      {
        kind: outputs ? 'conv2d' : 'depthwiseConv2d',
        ...{ name: '', inputs: [from], output: 0, ...window },
        weights: int8s(this.#random, depth * length, -127),
        ...this.#scales(depth, length, relu),
      },
      { shape: [rows, columns, depth], scale: SCALE, zeroPoint: this.#zeroPoint(relu) },
    );
  }

  /** The sum of two maps, with ReLU. */
  add(a: number, b: number): number {
    return this.#put(
      {
        kind: 'add',
        ...{ name: '', inputs: [a, b], output: 0, leftShift: 20, clampMin: -128, clampMax: 127 },
        inputScalings: [quantizeMultiplier(0.5), quantizeMultiplier(0.5)],
        outputScaling: quantizeMultiplier(2 ** -19),
      },
      { ...this.tensors[a]!, zeroPoint: -128 },
    );
  }

  /** Mean of the whole map, dense, softmax. */
  classify(from: number, classes: number): QuantizedNetwork['output'] {
    const map = this.tensors[from]!;
    const [height, width, channels] = map.shape as [number, number, number];
    const whole: [number, number] = [height, width];
    const pool: Window = { kernel: whole, stride: whole, dilation: [1, 1], padding: [0, 0] };
    const mean = this.#put(
      {
        kind: 'averagePool2d',
        ...{ name: '', inputs: [from], output: 0, ...pool, clampMin: -128, clampMax: 127 },
      },
      { ...map, shape: [1, 1, channels] },
    );
    const flat = this.#put(
      { kind: 'reshape', name: '', inputs: [mean], output: 0 },
      { ...map, shape: [channels] },
    );
    const logits = this.#put(
      {
        kind: 'dense',
        ...{ name: '', inputs: [flat], output: 0, weights: int8s(this.#random, channels * classes, -127) },
        ...this.#scales(classes, channels, false, true),
      },
      { shape: [classes], scale: SCALE, zeroPoint: -1 },
    );
    const softmax = softmaxOp(this.tensors[logits]!);
    return this.#put({ ...softmax, inputs: [logits] }, { shape: [classes], ...PROBABILITY });
  }

  network(name: string, output: number): QuantizedNetwork {
    return { name, tensors: this.tensors, ops: this.ops, input: 0, output };
  }
}

/** Image classification: 32×32×3, three residual stacks of 16, 32 and 64 channels, ten classes. */
export function resnet8(random: Random): QuantizedNetwork {
  const chain = new Chain(random, [32, 32, 3]);
  let x = chain.conv(0, 16, 3, 1);
  for (const [channels, stride] of [
    [16, 1],
    [32, 2],
    [64, 2],
  ] as const) {
    const y = chain.conv(chain.conv(x, channels, 3, stride), channels, 3, 1, false);
    x = chain.add(stride === 1 ? x : chain.conv(x, channels, 1, stride, false), y);
  }
  return chain.network('resnet8', chain.classify(x, 10));
}

/** Visual wake words: MobileNet v1 of a quarter of its width on 96×96×3, two classes. */
export function visualWakeWords(random: Random): QuantizedNetwork {
  const chain = new Chain(random, [96, 96, 3]);
  let x = chain.conv(0, 8, 3, 2);
  for (const [channels, stride] of [
    [16, 1],
    [32, 2],
    [32, 1],
    [64, 2],
    [64, 1],
    [128, 2],
    ...Array.from({ length: 5 }, () => [128, 1] as const),
    [256, 2],
    [256, 1],
  ] as const)
    x = chain.conv(chain.conv(x, 0, 3, stride), channels, 1, 1);
  return chain.network('visual-wake-words', chain.classify(x, 2));
}
