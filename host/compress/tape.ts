import type { Quantization } from '../model/quantized-network.js';
import { convolution } from './convolution.js';
import { worthwhile } from './desk-module.js';
import { type Activation, boundsOf, elements, type Padding } from './layers.js';
import { Recorder, requireFit, tensor, type Tensor } from './recorder.js';

export interface Window {
  height: number;
  width: number;
  strideHeight: number;
  strideWidth: number;
  /** Default `valid`. */
  padding?: Padding;
}

/** Floats of one image of a batch. */
const imageSize = ({ shape }: Tensor): number => elements(shape.slice(1));

/**
 * Runs layers over the desk module's kernels and, when recording, remembers how to run them backwards.
 * `backward` adds to the gradients of every tensor that has one. Tensors live in the desk's arena, so a tape is used
 * for one batch and its memory is released by the caller.
 */
export class Tape extends Recorder {
  /**
   * Convolution of x [n][h][w][in] with weights [out][kh][kw][in] and bias [out]; padding as TensorFlow defines it
   * ('same': out = ⌈in / stride⌉, the odd pixel of padding at the bottom and right). Returns [n][oh][ow][out]; with `pooled`
   * the largest of each 2×2 of these, both extents of which are even.
   */
  conv2d(
    x: Tensor,
    weights: Tensor,
    bias: Tensor,
    strideHeight = 1,
    strideWidth = 1,
    padding: Padding = 'valid',
    pooled = false,
  ): Tensor {
    return convolution(this, { x, weights, bias, stride: [strideHeight, strideWidth], padding, pooled });
  }

  /** Depthwise: x [n][h][w][in], weights [kh][kw][out], out a multiple of in. Returns [n][oh][ow][out]. */
  depthwiseConv2d(
    x: Tensor,
    weights: Tensor,
    bias: Tensor,
    strideHeight = 1,
    strideWidth = 1,
    padding: Padding = 'valid',
  ): Tensor {
    const { kernels } = this.desk;
    const [kernelHeight, kernelWidth, outputs] = weights.shape as [number, number, number];
    const geometry = this.window(x, [kernelHeight, kernelWidth], [strideHeight, strideWidth], padding);
    const [outHeight, outWidth] = geometry.slice(-2) as [number, number];
    requireFit('depthwiseConv2d', outputs % x.shape[3]!, 0);
    const rows = x.shape[0]! * outHeight * outWidth;
    const y = this.result([x.shape[0]!, outHeight, outWidth, outputs]);
    kernels.fillRows(bias.values, y.values, rows, outputs);
    const arrays = [
      [x.values, imageSize(x)] as const,
      [weights.values, 0] as const,
      [y.values, imageSize(y)] as const,
    ];
    this.overMaps('depthwise', arrays, [...geometry, outputs]);
    this.record(() => {
      kernels.sumRows(y.gradient, bias.gradient, rows, outputs);
      const addresses = [x.values, weights.values, y.gradient, x.gradient, weights.gradient];
      kernels.depthwiseGradient(...addresses, ...geometry, outputs);
    });
    return y;
  }

  /** The largest of each window of x [n][h][w][c]; padding never wins. */
  maxPool2d(x: Tensor, { height, width, strideHeight, strideWidth, padding = 'valid' }: Window): Tensor {
    return this.largest(x, this.window(x, [height, width], [strideHeight, strideWidth], padding));
  }

  /** The mean of each window of x [n][h][w][c], over what lies inside the map. */
  averagePool2d(x: Tensor, { height, width, strideHeight, strideWidth, padding = 'valid' }: Window): Tensor {
    const geometry = this.window(x, [height, width], [strideHeight, strideWidth], padding);
    const [outHeight, outWidth] = geometry.slice(-2) as [number, number];
    const y = this.result([x.shape[0]!, outHeight, outWidth, x.shape[3]!]);
    const run = (of: 'values' | 'gradient', back: number): void =>
      this.overMaps(
        'averagePool',
        [
          [x[of], imageSize(x)],
          [y[of], imageSize(y)],
        ],
        [...geometry, back],
      );
    run('values', 0);
    this.record(() => {
      if (x.gradient !== 0) run('gradient', 1);
    });
    return y;
  }

  /** Sum of two tensors of one shape. */
  add(a: Tensor, b: Tensor): Tensor {
    const count = elements(a.shape);
    requireFit('add', elements(b.shape), count);
    const y = tensor(a.shape, this.zeros(count), this.recording ? this.zeros(count) : 0);
    for (const x of [a, b]) this.elementwise('addScaled', [x.values, y.values], count, 1);
    this.record(() => {
      for (const x of [a, b])
        if (x.gradient !== 0) this.elementwise('addScaled', [y.gradient, x.gradient], count, 1);
    });
    return y;
  }

  /**
   * Batch normalisation of the last dimension. With `momentum` by the batch's own statistics, which mean and variance
   * then follow; without it by these.
   */
  batchNorm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: number,
    momentum?: number,
  ): Tensor {
    const { kernels } = this.desk;
    const channels = gamma.shape[0]!;
    const rows = elements(x.shape) / channels;
    const y = this.result(x.shape);
    let [means, variances] = [mean.values, variance.values];
    if (momentum !== undefined) {
      [means, variances] = [this.desk.allocate(4 * channels), this.desk.allocate(4 * channels)];
      this.desk.inParts(channels, worthwhile(4, rows), (first, count) => [
        [
          'batchStatistics',
          ...[x.values, means, variances].map((at) => at + 4 * first),
          ...[rows, count, channels],
        ],
      ]);
      for (const [running, batch] of [
        [mean.values, means],
        [variance.values, variances],
      ] as const) {
        kernels.addScaled(running, running, channels, -momentum);
        kernels.addScaled(batch, running, channels, momentum);
      }
    }
    const norm = [means, variances, gamma.values];
    this.desk.inParts(rows, worthwhile(1, channels), (first, count) => [
      [
        'normalise',
        ...[x.values, y.values].map((at) => at + 4 * first * channels),
        ...[...norm, beta.values, count, channels, epsilon],
      ],
    ]);
    this.record(() => {
      const arrays = [x.values, y.gradient, x.gradient, ...norm, gamma.gradient, beta.gradient];
      this.desk.inParts(channels, worthwhile(4, rows), (first, count) => [
        [
          'normaliseGradient',
          ...arrays.map((at) => (at === 0 ? 0 : at + 4 * first)),
          ...[rows, count, channels, epsilon],
        ],
      ]);
    });
    return y;
  }

  /** Zeroes a share `rate` of x, drawn by a hash of the seed, and scales up the rest. */
  dropout(x: Tensor, rate: number, seed: number): Tensor {
    const { kernels } = this.desk;
    const count = elements(x.shape);
    const y = this.result(x.shape);
    kernels.dropout(x.values, y.values, count, rate, seed, 0);
    this.record(() => {
      if (x.gradient !== 0) kernels.dropout(y.gradient, x.gradient, count, rate, seed, 1);
    });
    return y;
  }

  /** x rounded to int8 of a scale and zero point; what clips is the gradient of `ends` [low, high], if not 0. */
  round(x: Tensor, { scale, zeroPoint }: Quantization, ends: number): Tensor {
    const { kernels } = this.desk;
    const count = elements(x.shape);
    const y = this.result(x.shape, x.gradient !== 0 || ends !== 0);
    const [low, high] = [-128 - zeroPoint, 127 - zeroPoint];
    this.elementwise('fakeQuantize', [x.values, y.values], count, scale, low, high);
    if (y.gradient === 0) return y;
    this.record(() => {
      kernels.fakeQuantizeGradient(
        ...[x.values, y.gradient, x.gradient, ends, count],
        ...[low * scale, high * scale],
      );
    });
    return y;
  }

  /**
   * Weights rounded to what their type has, times the scales of their groups; the gradient passes through. To `dLogs`, if not
   * 0, goes the gradient of the logarithms of the scales (LSQ).
   */
  roundWeights(
    weights: Tensor,
    scales: number,
    { groups, interleaved }: { groups: number; interleaved: boolean },
    { most, step }: { most: number; step: number },
    dLogs = 0,
  ): Tensor {
    const { kernels } = this.desk;
    const count = elements(weights.shape);
    const y = this.result(weights.shape);
    const split = [groups, count / groups, interleaved ? 1 : 0, most, step === 2 ? 1 : 0];
    kernels.fakeQuantizeWeights(weights.values, y.values, scales, ...split);
    this.record(() => {
      kernels.addScaled(y.gradient, weights.gradient, count, 1);
      if (dLogs !== 0) kernels.stepGradient(weights.values, y.gradient, scales, dLogs, ...split);
    });
    return y;
  }

  activate(x: Tensor, activation: Exclude<Activation, 'none'>): Tensor {
    if (activation === 'sign') return this.sign(x);
    return activation === 'relu' ? this.relu(x) : this.clamp(x, ...boundsOf(activation));
  }

  /** −1 below 0, else 1; its gradient is hard tanh’s, that of y where x is within −1 … 1 (Courbariaux et al. 2016, §1.3). */
  sign(x: Tensor): Tensor {
    const { kernels } = this.desk;
    const y = this.result(x.shape);
    const count = elements(x.shape);
    this.elementwise('roundOdd', [x.values, y.values], count, 1, 1);
    this.record(() => {
      if (x.gradient !== 0) kernels.fakeQuantizeGradient(x.values, y.gradient, x.gradient, 0, count, -1, 1);
    });
    return y;
  }

  /** x within [low, high]. */
  clamp(x: Tensor, low: number, high: number): Tensor {
    const y = this.result(x.shape);
    const count = elements(x.shape);
    this.elementwise('clampValues', [x.values, y.values], count, low, high);
    this.record(() => {
      if (x.gradient !== 0)
        this.elementwise('clampGradient', [y.values, y.gradient, x.gradient], count, low, high);
    });
    return y;
  }

  relu(x: Tensor): Tensor {
    const y = this.result(x.shape);
    const count = elements(x.shape);
    this.elementwise('relu', [x.values, y.values], count);
    this.record(() => {
      if (x.gradient !== 0) this.elementwise('reluGradient', [y.values, y.gradient, x.gradient], count);
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
    this.sparseGemm(rows, outputs, inputs, x.values, [inputs, 1], weights.values, [1, inputs], y.values);
    this.record(() => {
      kernels.sumRows(y.gradient, bias.gradient, rows, outputs);
      this.sparseGemm(
        outputs,
        inputs,
        rows,
        y.gradient,
        [1, outputs],
        x.values,
        [inputs, 1],
        weights.gradient,
      );
      if (x.gradient === 0) return;
      this.sparseGemm(
        rows,
        inputs,
        outputs,
        y.gradient,
        [outputs, 1],
        weights.values,
        [inputs, 1],
        x.gradient,
      );
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
    kernels.circulantToDense(vectors.values, expanded.values, outputs, inputs, blockSize, 1);
    this.record(() =>
      kernels.denseToCirculant(expanded.gradient, vectors.gradient, outputs, inputs, blockSize, 1),
    );
    return this.dense(x, expanded, bias);
  }

  /** x [n][rows][columns] as [n][columns][rows]. */
  exchanged(x: Tensor, rows: number, columns: number): Tensor {
    const { kernels } = this.desk;
    const [count, size] = [x.shape[0]!, rows * columns];
    const y = this.result([count, columns, rows]);
    kernels.clear(y.values, count * size);
    const each = (from: number, to: number, height: number, width: number): void => {
      for (let at = 0; at < 4 * count * size; at += 4 * size)
        kernels.addTransposed(from + at, to + at, height, width);
    };
    each(x.values, y.values, rows, columns);
    this.record(() => each(y.gradient, x.gradient, columns, rows));
    return y;
  }

  /** Weights [out][kh][kw][in] of a convolution from the first columns of circulant blocks over its channels (CirCNN). */
  unwind(vectors: Tensor, { outChannels, inChannels }: { outChannels: number; inChannels: number }): Tensor {
    const { kernels } = this.desk;
    const [, height, width, , blockSize] = vectors.shape as [number, number, number, number, number];
    const expanded = this.result([outChannels, height, width, inChannels]);
    const shape = [outChannels, inChannels, blockSize, height * width];
    kernels.circulantToDense(vectors.values, expanded.values, ...shape);
    this.record(() => kernels.denseToCirculant(expanded.gradient, vectors.gradient, ...shape));
    return expanded;
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

  /**
   * Mean cross-entropy of softmax(logits / temperature) against targets [n][classes], rows of which sum to 1, times
   * `weight`; gradients of a temperature T are scaled by T², as Hinton et al. 2015 do. Returns the weighted loss.
   */
  softTargetLoss(logits: Tensor, targets: number, weight = 1, temperature = 1): number {
    const { kernels } = this.desk;
    const rows = logits.shape[0]!;
    const classes = elements(logits.shape) / rows;
    const loss = (workspace: number, dLogits: number): number =>
      kernels.softTargetLoss(
        ...[logits.values, targets, workspace, dLogits, rows, classes],
        ...[temperature, (weight * temperature) / rows],
      );
    let value = 0;
    this.scratch(elements(logits.shape), (workspace) => {
      value = (weight * temperature ** 2 * loss(workspace, 0)) / rows;
    });
    this.record(() => this.scratch(elements(logits.shape), (workspace) => loss(workspace, logits.gradient)));
    return value;
  }

  /** Mean squared error of y against targets (floats at an address, as many as y), times `weight`; the end of a tape. */
  squaredError(y: Tensor, targets: number, weight = 1): number {
    const count = elements(y.shape);
    const off = this.desk.place(new Float32Array(count));
    this.elementwise('addScaled', [y.values, off], count, 1);
    this.elementwise('addScaled', [targets, off], count, -1);
    const loss = this.desk.floats(off, count).reduce((sum, value) => sum + value * value, 0) / count;
    this.record(() => this.elementwise('addScaled', [off, y.gradient], count, (2 * weight) / count));
    return weight * loss;
  }

  /** How many rows of logits have their largest at their label. */
  countCorrect(logits: Tensor, labels: number): number {
    const rows = logits.shape[0]!;
    return this.desk.kernels.countCorrect(logits.values, labels, rows, elements(logits.shape) / rows);
  }
}
