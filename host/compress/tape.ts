import { BrownoutError } from '../error.js';
import type { Desk } from './desk-module.js';

/** An array in the desk module's memory; `gradient` is 0 where none is wanted. */
export interface Tensor {
  /** Rows: [images][height][width][channels] or [rows][columns]. */
  readonly shape: readonly number[];
  readonly values: number;
  readonly gradient: number;
}

export interface Window {
  height: number;
  width: number;
  strideHeight: number;
  strideWidth: number;
}

/** A tensor over values already in memory: a batch of inputs, or parameters with their gradients. */
export function tensor(shape: readonly number[], values: number, gradient = 0): Tensor {
  return { shape, values, gradient };
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * Runs layers over the desk module's kernels and, when recording, remembers how to run them backwards.
 * `backward` adds to the gradients of every tensor that has one. Tensors live in the desk's arena, so a tape is used
 * for one batch and its memory is released by the caller.
 */
export class Tape {
  private readonly steps: (() => void)[] = [];

  constructor(
    private readonly desk: Desk,
    private readonly recording = true,
  ) {}

  /**
   * Convolution of x [n][h][w][in] with weights [out][kh][kw][in] and bias [out]; padding as TensorFlow defines it
   * ('same': out = ⌈in / stride⌉, the odd pixel of padding at the bottom and right). Returns [n][oh][ow][out].
   */
  conv2d(
    x: Tensor,
    weights: Tensor,
    bias: Tensor,
    strideHeight = 1,
    strideWidth = 1,
    padding: 'valid' | 'same' = 'valid',
  ): Tensor {
    const { kernels } = this.desk;
    const [count, height, width, channels] = x.shape as [number, number, number, number];
    const [outputs, kernelHeight, kernelWidth] = weights.shape as [number, number, number, number];
    const [outHeight, padTop] = extent(height, kernelHeight, strideHeight, padding);
    const [outWidth, padLeft] = extent(width, kernelWidth, strideWidth, padding);
    const geometry = [count, height, width, channels, kernelHeight, kernelWidth];
    geometry.push(strideHeight, strideWidth, padTop, padLeft, outHeight, outWidth);
    const rows = count * outHeight * outWidth;
    const depth = kernelHeight * kernelWidth * channels;
    requireFit('conv2d', elements(weights.shape), outputs * depth);

    const patches = this.desk.allocate(4 * rows * depth);
    kernels.im2col(x.values, patches, ...geometry);
    const y = this.result([count, outHeight, outWidth, outputs]);
    kernels.fillRows(bias.values, y.values, rows, outputs);
    this.gemm(rows, outputs, depth, patches, [depth, 1], weights.values, [1, depth], y.values);
    this.record(() => {
      kernels.sumRows(y.gradient, bias.gradient, rows, outputs);
      this.scratch(depth * outputs, (transposed) => {
        // patchesᵀ · dy, and not dyᵀ · patches: packing the narrow matrix is cheaper.
        this.gemm(depth, outputs, rows, patches, [1, depth], y.gradient, [outputs, 1], transposed);
        kernels.addTransposed(transposed, weights.gradient, depth, outputs);
      });
      if (x.gradient === 0) return;
      this.scratch(rows * depth, (dPatches) => {
        this.gemm(rows, depth, outputs, y.gradient, [outputs, 1], weights.values, [depth, 1], dPatches);
        kernels.col2im(dPatches, x.gradient, ...geometry);
      });
    });
    return y;
  }

  /** The largest of each window of x [n][h][w][c], without padding. */
  maxPool2d(x: Tensor, { height, width, strideHeight, strideWidth }: Window): Tensor {
    const { kernels } = this.desk;
    const [count, inHeight, inWidth, channels] = x.shape as [number, number, number, number];
    const [outHeight] = extent(inHeight, height, strideHeight, 'valid');
    const [outWidth] = extent(inWidth, width, strideWidth, 'valid');
    const y = this.result([count, outHeight, outWidth, channels]);
    const winners = this.desk.allocate(4 * elements(y.shape));
    const geometry = [count, inHeight, inWidth, channels, height, width, strideHeight, strideWidth];
    kernels.maxPool(x.values, y.values, winners, ...geometry, outHeight, outWidth);
    this.record(() => {
      if (x.gradient !== 0) kernels.maxPoolGradient(y.gradient, winners, x.gradient, elements(y.shape));
    });
    return y;
  }

  relu(x: Tensor): Tensor {
    const { kernels } = this.desk;
    const y = this.result(x.shape);
    kernels.relu(x.values, y.values, elements(x.shape));
    this.record(() => {
      if (x.gradient !== 0) kernels.reluGradient(y.values, y.gradient, x.gradient, elements(x.shape));
    });
    return y;
  }

  /** x [n][…], flattened to [n][in], times weights [out][in], plus bias [out]. Returns [n][out]. */
  dense(x: Tensor, weights: Tensor, bias: Tensor): Tensor {
    const { kernels } = this.desk;
    const rows = x.shape[0]!;
    const [outputs, inputs] = weights.shape as [number, number];
    requireFit('dense', elements(x.shape), rows * inputs);
    const y = this.result([rows, outputs]);
    kernels.fillRows(bias.values, y.values, rows, outputs);
    this.gemm(rows, outputs, inputs, x.values, [inputs, 1], weights.values, [1, inputs], y.values);
    this.record(() => {
      kernels.sumRows(y.gradient, bias.gradient, rows, outputs);
      this.gemm(outputs, inputs, rows, y.gradient, [1, outputs], x.values, [inputs, 1], weights.gradient);
      if (x.gradient === 0) return;
      this.gemm(rows, inputs, outputs, y.gradient, [outputs, 1], weights.values, [inputs, 1], x.gradient);
    });
    return y;
  }

  /**
   * As `dense`, with a block-circulant matrix: vectors [outBlocks][inBlocks][k] hold each block's first column, so a
   * block's output r is Σ over i of vector[(r - i) mod k] · x[i] (Ding et al., "CirCNN", MICRO 2017).
   */
  circulant(x: Tensor, vectors: Tensor, bias: Tensor): Tensor {
    const { kernels } = this.desk;
    const outputs = bias.shape[0]!;
    const inputs = elements(x.shape) / x.shape[0]!;
    const blockSize = vectors.shape[2]!;
    const blocks = Math.ceil(outputs / blockSize) * Math.ceil(inputs / blockSize);
    requireFit('circulant', elements(vectors.shape), blocks * blockSize);
    const expanded = this.result([outputs, inputs]);
    kernels.circulantToDense(vectors.values, expanded.values, outputs, inputs, blockSize);
    this.record(() =>
      kernels.denseToCirculant(expanded.gradient, vectors.gradient, outputs, inputs, blockSize),
    );
    return this.dense(x, expanded, bias);
  }

  /**
   * Mean cross-entropy of softmax(logits [n][classes]) against labels (n bytes at an address, each below
   * `classes`); the end of a tape. Returns the loss and how many rows have their largest logit at their label.
   */
  softmaxCrossEntropy(logits: Tensor, labels: number): { loss: number; correct: number } {
    const { kernels } = this.desk;
    const rows = logits.shape[0]!;
    const classes = elements(logits.shape) / rows;
    const probabilities = this.desk.allocate(4 * elements(logits.shape));
    const loss = kernels.softmaxCrossEntropy(logits.values, labels, probabilities, rows, classes) / rows;
    const correct = kernels.countCorrect(logits.values, labels, rows, classes);
    this.record(() =>
      kernels.softmaxCrossEntropyGradient(probabilities, labels, logits.gradient, rows, classes, 1 / rows),
    );
    return { loss, correct };
  }

  /** Runs the recorded steps backwards. */
  backward(): void {
    for (const step of this.steps.reverse()) step();
  }

  private record(step: () => void): void {
    if (this.recording) this.steps.push(step);
  }

  private result(shape: readonly number[]): Tensor {
    const count = elements(shape);
    const values = this.desk.allocate(4 * count);
    return tensor(shape, values, this.recording ? this.zeros(count) : 0);
  }

  private zeros(count: number): number {
    const address = this.desk.allocate(4 * count);
    this.desk.floats(address, count).fill(0);
    return address;
  }

  /** Lends `use` a cleared array. */
  private scratch(count: number, use: (address: number) => void): void {
    const mark = this.desk.mark();
    use(this.zeros(count));
    this.desk.release(mark);
  }

  /** c [m][n] += a [m][k] · b [k][n], a and b through [row, column] strides. */
  private gemm(
    m: number,
    n: number,
    k: number,
    a: number,
    aStrides: readonly [number, number],
    b: number,
    bStrides: readonly [number, number],
    c: number,
  ): void {
    const { kernels } = this.desk;
    const mark = this.desk.mark();
    const workspace = this.desk.allocate(kernels.gemmWorkspaceSize(n));
    kernels.gemm(m, n, k, a, ...aStrides, b, ...bStrides, c, workspace);
    this.desk.release(mark);
  }
}

function requireFit(op: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new BrownoutError({
    code: 'E_SHAPE',
    found: `${found} values in ${op}`,
    expected: `${expected}, from its other operands`,
    hint: "Check the layer's sizes against those of the layer before it.",
  });
}

/** How many window positions fit along one axis, and the padding before the first. */
function extent(
  input: number,
  window: number,
  stride: number,
  padding: 'valid' | 'same',
): [positions: number, padBefore: number] {
  if (padding === 'valid') {
    if (window > input) {
      throw new BrownoutError({
        code: 'E_SHAPE',
        found: `a window of ${window} over an input of ${input}`,
        expected: 'a window no larger than the input',
        hint: "Use a smaller window, or padding 'same'.",
      });
    }
    return [Math.floor((input - window) / stride) + 1, 0];
  }
  const positions = Math.ceil(input / stride);
  return [positions, Math.max(0, (positions - 1) * stride + window - input) >> 1];
}
