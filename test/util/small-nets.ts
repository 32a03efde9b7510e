// Small networks of the kinds people bring, as .onnx files with seeded weights: residual, MobileNet, temporal convolutions.
import { Random } from '../../host/math/random.js';
import { onnxModel, type TestConstant, type TestNode } from './models.js';

/** Writes nodes one behind the other, and makes up weights of a size that keeps activations about 1. */
export class OnnxNet {
  readonly nodes: TestNode[] = [];
  readonly constants: Record<string, TestConstant> = {};
  readonly #random: Random;
  readonly #input: number[];
  #count = 0;

  constructor(input: number[], seed: number) {
    this.#input = input;
    this.#random = new Random(seed);
  }

  constant(values: TestConstant['values'], shape: number[]): string {
    const name = `k${this.#count++}`;
    this.constants[name] = { shape, values };
    return name;
  }

  /** Reals of about normal distribution. */
  #normal(count: number, deviation: number): Float32Array {
    const uniform = (): number => this.#random.integer(1 << 20) / (1 << 20) - 0.5;
    return Float32Array.from({ length: count }, () => (uniform() + uniform() + uniform()) * 2 * deviation);
  }

  node(op: string, inputs: string[], more: Pick<TestNode, 'integers' | 'reals'> = {}): string {
    const output = `v${this.#count++}`;
    this.nodes.push({ op, inputs, outputs: [output], ...more });
    return output;
  }

  /** `kernel`, `stride`… of the height and the width, or of the length alone. */
  conv(
    x: string,
    channels: [from: number, to: number],
    kernel: number[],
    {
      stride = kernel.map(() => 1),
      pads = kernel.map(() => 0).concat(kernel.map(() => 0)),
      group = 1,
      dilation = kernel.map(() => 1),
    } = {},
  ): string {
    const [from, to] = channels;
    const taps = kernel.reduce((a, b) => a * b, 1) * (from / group);
    const weights = this.constant(this.#normal(to * taps, Math.sqrt(1.6 / taps)), [
      to,
      from / group,
      ...kernel,
    ]);
    const bias = this.constant(this.#normal(to, 0.2), [to]);
    const integers = { kernel_shape: kernel, strides: stride, pads, group, dilations: dilation };
    return this.node('Conv', [x, weights, bias], { integers });
  }

  gemm(x: string, inputs: number, outputs: number): string {
    const weights = this.constant(this.#normal(outputs * inputs, Math.sqrt(1.6 / inputs)), [outputs, inputs]);
    const bias = this.constant(this.#normal(outputs, 0.2), [outputs]);
    return this.node('Gemm', [x, weights, bias], { integers: { transB: 1 } });
  }

  batchNorm(x: string, channels: number): string {
    const gain = this.constant(
      this.#normal(channels, 0.1).map((value) => 1 + value),
      [channels],
    );
    const [shift, mean] = [0, 0].map(() => this.constant(this.#normal(channels, 0.1), [channels])) as [
      string,
      string,
    ];
    const variance = this.constant(
      this.#normal(channels, 0.1).map((value) => 1 + Math.abs(value)),
      [channels],
    );
    return this.node('BatchNormalization', [x, gain, shift, mean, variance]);
  }

  relu6(x: string): string {
    const [low, high] = [0, 6].map((bound) => this.constant(Float32Array.of(bound), [])) as [string, string];
    return this.node('Clip', [x, low, high]);
  }

  relu(x: string): string {
    return this.node('Relu', [x]);
  }

  file(): Uint8Array {
    return onnxModel(this.#input, this.nodes, this.constants);
  }
}

const around = [1, 1, 1, 1];
/** What SAME adds for a stride of 2 on an even size. */
const behind = [0, 0, 1, 1];

/** MobileNetV2 in small: expansion, depthwise, projection, a residual; RGB of 16×16; 5 classes. */
export function mobileNet(): Uint8Array {
  const net = new OnnxNet([1, 3, 16, 16], 11);
  let x = net.relu6(net.batchNorm(net.conv('x', [3, 8], [3, 3], { stride: [2, 2], pads: behind }), 8));
  const block = (from: string, channels: number, to: number, stride: number): string => {
    const wide = channels * 2;
    let y = net.relu6(net.conv(from, [channels, wide], [1, 1]));
    const pads = stride === 1 ? around : behind;
    y = net.relu6(net.conv(y, [wide, wide], [3, 3], { stride: [stride, stride], pads, group: wide }));
    y = net.conv(y, [wide, to], [1, 1]);
    return stride === 1 && channels === to ? net.node('Add', [y, from]) : y;
  };
  x = block(x, 8, 8, 1);
  x = block(x, 8, 12, 2);
  x = block(x, 12, 12, 1);
  x = net.node('GlobalAveragePool', [x]);
  x = net.node('Flatten', [x], { integers: { axis: 1 } });
  net.gemm(x, 12, 5);
  return net.file();
}

/** ResNet in small: two blocks, the second with a shortcut of stride 2, a square dense layer; 3×12×12; 6 classes. */
export function residualNet(): Uint8Array {
  const net = new OnnxNet([1, 3, 12, 12], 12);
  const stem = net.relu(net.batchNorm(net.conv('x', [3, 8], [3, 3], { pads: around }), 8));
  let y = net.relu(net.conv(stem, [8, 8], [3, 3], { pads: around }));
  y = net.conv(y, [8, 8], [3, 3], { pads: around });
  const first = net.relu(net.node('Add', [y, stem]));
  y = net.relu(net.conv(first, [8, 16], [3, 3], { stride: [2, 2], pads: behind }));
  y = net.conv(y, [16, 16], [3, 3], { pads: around });
  const shortcut = net.conv(first, [8, 16], [1, 1], { stride: [2, 2] });
  y = net.relu(net.node('Add', [y, shortcut]));
  y = net.node('AveragePool', [y], { integers: { kernel_shape: [3, 3], strides: [3, 3] } });
  y = net.node('Flatten', [y], { integers: { axis: 1 } });
  y = net.relu(net.gemm(y, 64, 64));
  net.gemm(y, 64, 6);
  return net.file();
}

/** A wake word's temporal convolutions over 40 frames of 8 features, dilated, with a residual; softmax of 3. */
export function temporalNet(): Uint8Array {
  const net = new OnnxNet([1, 8, 40], 13);
  const stem = net.relu(net.conv('x', [8, 12], [3], { pads: [1, 1] }));
  let y = net.relu(net.conv(stem, [12, 12], [3], { pads: [2, 2], dilation: [2] }));
  y = net.node('Add', [y, stem]);
  y = net.relu(net.conv(y, [12, 12], [3], { pads: [4, 4], dilation: [4], group: 12 }));
  y = net.node('GlobalAveragePool', [y]);
  y = net.node('Flatten', [y], { integers: { axis: 1 } });
  net.node('Softmax', [net.gemm(y, 12, 3)], { integers: { axis: 1 } });
  return net.file();
}

/** `count` inputs of `size` reals in 0…1, smooth, each another. */
export function smoothInputs(count: number, size: number): Float32Array {
  const random = new Random(size);
  const waves = Array.from(
    { length: count },
    () => [random.integer(1000), 5 + random.integer(40), random.integer(100)] as const,
  );
  return Float32Array.from({ length: count * size }, (_, i) => {
    const [phase, length, noise] = waves[Math.floor(i / size)]!;
    const at = i % size;
    const wave = Math.abs(((at * 2 + phase) % (2 * length)) - length) / length;
    return 0.8 * wave + 0.2 * (((at * (37 + noise)) % 101) / 101);
  });
}
