// Stochastic gradient descent in double precision on what a learning image learns: the reference for accuracy. The part
// below the earliest layer that learns stays int8; from there on weights, activations and errors are real.
import {
  elementCount,
  type Add,
  type QuantizedNetwork,
  type QuantizedOp,
  type TensorSpec,
} from '../model/quantized-network.js';
import { naturalPower } from '../model/fixed-point.js';
import { forWindow } from './forward.js';
import { FrozenPart } from './frozen.js';
import {
  inputOf,
  isWeighted,
  mapShape,
  outputOf,
  outputRows,
  rootsOf,
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

/** An op of which something changes as layers learn: one with a gradient, or a sum, the same value in other steps, or shape. */
interface Node {
  layer: Layer | undefined;
  op: QuantizedOp;
  /** Tensors, shapes left aside. */
  inputs: number[];
  output: number;
}

/** What an op that clamps lets through, in real numbers. */
function boundsOf(
  { scale, zeroPoint }: TensorSpec,
  { clampMin, clampMax }: { clampMin: number; clampMax: number },
): { low: number; high: number } {
  const bound = (q: number): number => (q - zeroPoint) * scale;
  return {
    low: clampMin > -128 || clampMin === zeroPoint ? bound(clampMin) : -Infinity,
    high: clampMax < 127 ? bound(clampMax) : Infinity,
  };
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
  return {
    step,
    op,
    weights,
    bias,
    ...boundsOf(output, op),
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

/** The real sum of what `op` adds. */
function sumOf(
  network: QuantizedNetwork,
  op: Add,
  [x, other]: readonly [Float64Array, Float64Array?],
): Float64Array {
  if (other) return x.map((value, i) => value + other[i]!);
  const { values, zeroPoint } = op.constant!;
  const [own, constant] = op.inputScalings.map(({ multiplier, shift }) => multiplier * 2 ** shift);
  const scale = (inputOf(network, op).scale * constant!) / own!;
  return x.map((value, i) => value + (values[i]! - zeroPoint) * scale);
}

export class FloatSgd {
  /** From the logits down. */
  readonly layers: Layer[];
  /** Tensors, shapes left aside. */
  protected readonly roots: readonly number[];
  /** From what the ring keeps up. */
  private readonly nodes: Node[] = [];
  /** Tensors that stay what they are in int8, and are read by what changes. */
  private readonly given: FrozenPart[] = [];

  constructor(
    private readonly network: QuantizedNetwork,
    private readonly spec: LearningSpec,
    frozen: FrozenPart,
  ) {
    this.roots = rootsOf(network);
    this.layers = spec.steps.map((step) => layerOf(network, step));
    const made = new Set<number>();
    for (const index of spec.forward) {
      const op = network.ops[index]!;
      const inputs = op.inputs.map((tensor) => this.roots[tensor]!);
      const layer = this.layers.find(({ step }) => step.op === index);
      if (op.kind === 'reshape' || (!layer && !inputs.some((tensor) => made.has(tensor)))) continue;
      const output = this.roots[op.output]!;
      made.add(output);
      this.nodes.push({ layer, op, inputs, output });
    }
    const read = new Set(this.nodes.flatMap(({ inputs }) => inputs.filter((tensor) => !made.has(tensor))));
    for (const tensor of read)
      this.given.push(tensor === this.roots[frozen.tensor] ? frozen : new FrozenPart(network, tensor));
  }

  /** Real values of all that changes, and of what that is made of, by tensors. */
  protected run(input: Int8Array): Map<number, Float64Array> {
    const { network, roots, spec } = this;
    const values = new Map<number, Float64Array>();
    for (const part of this.given) {
      const { scale, zeroPoint } = network.tensors[part.tensor]!;
      values.set(
        roots[part.tensor]!,
        Float64Array.from(part.features(input), (q) => (q - zeroPoint) * scale),
      );
    }
    for (const { layer, op, inputs, output } of this.nodes) {
      const x = inputs.map((tensor) => values.get(tensor)!) as [Float64Array, Float64Array?];
      const y = layer ? accumulate(network, layer, x[0]) : op.kind === 'add' ? sumOf(network, op, x) : x[0];
      const bounds = layer ?? (op.kind === 'add' ? boundsOf(outputOf(network, op), op) : undefined);
      // The logits are not bounded: what int8 cuts off is no part of the function.
      const bounded = bounds && output !== roots[spec.loss.tensor];
      values.set(output, bounded ? y.map((v) => Math.min(Math.max(v, bounds.low), bounds.high)) : y);
    }
    return values;
  }

  private logitsIn(values: ReadonlyMap<number, Float64Array>): Float64Array {
    return values.get(this.roots[this.spec.loss.tensor]!)!;
  }

  logits(input: Int8Array): Float64Array {
    return this.logitsIn(this.run(input));
  }

  classify(input: Int8Array): number {
    const logits = this.logits(input);
    return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
  }

  protected lossErrors(logits: Float64Array, label: number): Float64Array {
    if (this.spec.loss.kind === 'mse') {
      return logits.map((v, i) => (2 / logits.length) * (v - (i === label ? 1 : 0)));
    }
    const most = logits.reduce((a, b) => Math.max(a, b));
    const powers = logits.map((v) => naturalPower(Math.max(v - most, -40)));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((p, i) => p / sum - (i === label ? 1 : 0));
  }

  /** Errors of tensors, in the order of the spec. */
  private errorsOf(values: ReadonlyMap<number, Float64Array>, label: number): Float64Array[] {
    const errors = [this.lossErrors(this.logitsIn(values), label)];
    for (const { tensor, masked, terms } of this.spec.errors.slice(1)) {
      const x = values.get(tensor)!;
      const sum = new Float64Array(x.length);
      for (const { from } of terms) {
        const error = 'error' in from ? errors[from.error]! : this.throughStep(from.step, x, errors);
        for (let i = 0; i < sum.length; i++) sum[i]! += error[i]!;
      }
      errors.push(masked ? sum.map((value, i) => (x[i]! <= 0 ? 0 : value)) : sum);
    }
    return errors;
  }

  /** What comes back through a step to its input x. */
  private throughStep(index: number, x: Float64Array, errors: readonly Float64Array[]): Float64Array {
    const { network } = this;
    const { op, weights, step } = this.layers[index]!;
    const down = new Float64Array(x.length);
    addErrorsDown(network, op, weights, x, errors[step.error]!, down);
    const [height, width] = mapShape(inputOf(network, op));
    const area =
      op.kind === 'mean' ? height * width : op.kind === 'averagePool2d' ? op.kernel[0] * op.kernel[1] : 1;
    return down.map((value) => value / area);
  }

  /** Gradients of each layer's weights and biases, summed over the samples, from the logits down. */
  gradients(samples: readonly Sample[]): { weights: Float64Array; bias: Float64Array }[] {
    const { network, layers } = this;
    const all = layers.map(({ weights, bias }) => {
      return { weights: new Float64Array(weights.length), bias: new Float64Array(bias.length) };
    });
    for (const { input, label } of samples) {
      const values = this.run(input);
      const errors = this.errorsOf(values, label);
      layers.forEach(({ step, op }, i) => {
        const { learned } = step;
        const x = values.get(this.roots[op.inputs[0]!]!)!;
        const delta = errors[step.error]!;
        if (learned?.weights)
          weightGradients(network, op as WeightedOp, learned.rows, x, delta, all[i]!.weights);
        if (learned) biasGradients(network, op as WeightedOp, delta, all[i]!.bias);
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
