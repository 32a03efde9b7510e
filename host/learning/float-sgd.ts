// Stochastic gradient descent in double precision on what a learning image learns: the reference for accuracy. The part
// below the earliest layer that learns stays int8; from there on weights, activations and errors are real.
import { elementCount, type QuantizedNetwork } from '../model/quantized-network.js';
import { naturalPower } from '../model/fixed-point.js';
import { forWindow } from './forward.js';
import type { FrozenPart } from './frozen.js';
import {
  inputOf,
  isWeighted,
  mapShape,
  outputOf,
  outputRows,
  type PassableOp,
  type WeightedOp,
} from './geometry.js';
import { addErrorsDown, biasGradients, forTaps, weightGradients } from './gradients.js';
import type { Sample } from './mirror.js';
import type { BackwardStep, LearningSpec } from './spec.js';

interface Layer {
  step: BackwardStep;
  op: PassableOp;
  weights: Float64Array;
  bias: Float64Array;
  /** A ReLU's bounds. */
  low: number;
  high: number;
  /** Of the layer: circulant layers share a weight k times. */
  rate: number;
}

function layerOf(network: QuantizedNetwork, step: BackwardStep): Layer {
  const op = network.ops[step.op] as PassableOp;
  const [input, output] = [inputOf(network, op), outputOf(network, op)];
  const none = new Float64Array(0);
  if (!isWeighted(op))
    return { step, op, weights: none, bias: none, low: -Infinity, high: Infinity, rate: 1 };
  const rows = outputRows(network, op);
  const scale = (o: number): number => {
    const at = op.multipliers.length === 1 ? 0 : o;
    return (op.multipliers[at]! * 2 ** (op.shifts[at]! - 31) * output.scale) / input.scale;
  };
  const perRow = op.weights.length / rows;
  const rowOf = (i: number): number => (op.kind === 'depthwiseConv2d' ? i % rows : Math.floor(i / perRow));
  const weights = Float64Array.from(op.weights, (w, i) => w * scale(op.kind === 'circulant' ? 0 : rowOf(i)));
  const bias = Float64Array.from(op.bias as Int32Array, (b, o) => b * input.scale * scale(o));
  const bound = (q: number): number => (q - output.zeroPoint) * output.scale;
  const low = op.clampMin > -128 || step.masked ? bound(op.clampMin) : -Infinity;
  const high = op.clampMax < 127 ? bound(op.clampMax) : Infinity;
  return {
    step,
    op,
    weights,
    bias,
    low,
    high,
    rate: op.kind === 'circulant' ? 1 / Math.sqrt(op.blockSize) : 1,
  };
}

function accumulate(network: QuantizedNetwork, { op, weights, bias }: Layer, x: Float64Array): Float64Array {
  const shape = mapShape(inputOf(network, op));
  const [, columns, outputs] = mapShape(outputOf(network, op));
  const y = Float64Array.from(
    { length: elementCount(outputOf(network, op)) },
    (_, i) => bias[i % outputs] ?? 0,
  );
  const channels = shape[2];
  switch (op.kind) {
    case 'dense':
      for (let o = 0; o < y.length; o++) {
        let sum = 0;
        for (let i = 0; i < x.length; i++) sum += weights[o * x.length + i]! * x[i]!;
        y[o]! += sum;
      }
      break;
    case 'circulant': {
      const k = op.blockSize;
      const blocks = Math.ceil(x.length / k);
      for (let o = 0; o < y.length; o++) {
        const r = o & (k - 1);
        const row = (o - r) * blocks;
        let sum = 0;
        for (let i = 0; i < x.length; i++) {
          const c = i & (k - 1);
          sum += weights[row + i - c + ((r - c) & (k - 1))]! * x[i]!;
        }
        y[o]! += sum;
      }
      break;
    }
    case 'conv2d':
      forTaps(network, op, (pixel, tap, from) => {
        for (let o = 0; o < outputs; o++) {
          const row = (o * op.kernel[0] * op.kernel[1] + tap) * channels;
          let sum = 0;
          for (let c = 0; c < channels; c++) sum += weights[row + c]! * x[from * channels + c]!;
          y[pixel * outputs + o]! += sum;
        }
      });
      break;
    case 'depthwiseConv2d':
      forTaps(network, op, (pixel, tap, from) => {
        for (let o = 0; o < outputs; o++) {
          y[pixel * outputs + o]! +=
            weights[tap * outputs + o]! * x[from * channels + Math.floor((o * channels) / outputs)]!;
        }
      });
      break;
    case 'mean':
      for (let i = 0; i < x.length; i++) y[i % channels]! += x[i]! / (shape[0] * shape[1]);
      break;
    default:
      for (let at = 0; at < y.length; at++) {
        let [most, sum, count] = [-Infinity, 0, 0];
        forWindow(op, shape, columns, at, (index) => {
          most = Math.max(most, x[index]!);
          sum += x[index]!;
          count++;
        });
        y[at] = op.kind === 'maxPool2d' ? most : sum / count;
      }
  }
  return y;
}

export class FloatSgd {
  /** From the logits down. */
  readonly layers: Layer[];

  constructor(
    private readonly network: QuantizedNetwork,
    private readonly spec: LearningSpec,
    private readonly frozen: FrozenPart,
  ) {
    this.layers = spec.steps.map((step) => layerOf(network, step));
  }

  /** Inputs of every layer from the logits down, behind the logits. */
  protected run(input: Int8Array): Float64Array[] {
    const { scale, zeroPoint } = this.network.tensors[this.frozen.tensor]!;
    const values: Float64Array[] = [
      Float64Array.from(this.frozen.features(input), (q) => (q - zeroPoint) * scale),
    ];
    for (const layer of [...this.layers].reverse()) {
      const y = accumulate(this.network, layer, values[0]!);
      // The logits are not bounded: what int8 cuts off is no part of the function.
      const bounded = layer.step !== this.spec.steps[0];
      values.unshift(bounded ? y.map((v) => Math.min(Math.max(v, layer.low), layer.high)) : y);
    }
    return values;
  }

  logits(input: Int8Array): Float64Array {
    return this.run(input)[0]!;
  }

  classify(input: Int8Array): number {
    const logits = this.logits(input);
    return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
  }

  private lossErrors(logits: Float64Array, label: number): Float64Array {
    if (this.spec.loss.kind === 'mse') {
      return logits.map((v, i) => (2 / logits.length) * (v - (i === label ? 1 : 0)));
    }
    const most = logits.reduce((a, b) => Math.max(a, b));
    const powers = logits.map((v) => naturalPower(Math.max(v - most, -40)));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((p, i) => p / sum - (i === label ? 1 : 0));
  }

  /** Gradients of each layer's weights and biases, summed over the samples, from the logits down. */
  gradients(samples: readonly Sample[]): { weights: Float64Array; bias: Float64Array }[] {
    const { network, layers } = this;
    const all = layers.map(({ weights, bias }) => {
      return { weights: new Float64Array(weights.length), bias: new Float64Array(bias.length) };
    });
    for (const { input, label } of samples) {
      const values = this.run(input);
      let delta = this.lossErrors(values[0]!, label);
      layers.forEach(({ step, op, weights }, i) => {
        const x = values[i + 1]!;
        const { learned } = step;
        if (learned?.weights)
          weightGradients(network, op as WeightedOp, learned.rows, x, delta, all[i]!.weights);
        if (learned) biasGradients(network, op as WeightedOp, delta, all[i]!.bias);
        if (!step.propagates) return;
        const down = new Float64Array(x.length);
        addErrorsDown(network, op, weights, x, delta, down);
        const [height, width] = mapShape(inputOf(network, op));
        const area =
          op.kind === 'mean' ? height * width : op.kind === 'averagePool2d' ? op.kernel[0] * op.kernel[1] : 1;
        const below = layers[i + 1]!;
        delta = down.map((value, at) => (below.step.masked && x[at]! <= 0 ? 0 : value / area));
      });
    }
    return all;
  }

  /** One step down the gradient of the samples' summed loss. */
  step(samples: readonly Sample[]): void {
    if (samples.length === 0) return;
    const gradients = this.gradients(samples);
    this.layers.forEach(({ step: { learned }, weights, bias, rate }, i) => {
      if (!learned) return;
      const lr = this.spec.learningRate * rate;
      gradients[i]!.weights.forEach((g, at) => {
        weights[at]! -= lr * g;
      });
      for (let o = learned.rows[0]; o < learned.rows[1]; o++) bias[o]! -= lr * gradients[i]!.bias[o]!;
    });
  }
}
