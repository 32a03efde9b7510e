import { WEIGHT_TYPES, type WeightBits, type WeightFormat, weightTypeOf } from '../model/weight-types.js';
import { affine } from '../model/affine.js';
import { BrownoutError } from '../error.js';
import type { Desk } from './desk-module.js';
import {
  elements,
  EPSILON,
  type FloatLayer,
  hasWeights,
  inputsOf,
  tensorShapes,
  type WeightedLayer,
  weightShape,
} from './layers.js';
import type { FloatNetwork } from './float-network.js';
import { tensor, type Tensor } from './recorder.js';
import type { Tape } from './tape.js';

/** One layer's parameters in the desk module's memory. */
export interface LayerParameters {
  weights: Tensor;
  bias: Tensor;
  /** Of batch normalisation: running mean and variance. */
  statistics?: { mean: Tensor; variance: Tensor };
}

/** How a layer's weights are rounded while training: a scale for each group of them. */
export interface WeightRounding {
  bits: WeightBits;
  /** Address of `count` scales. */
  scales: number;
  count: number;
  /** Their logarithms, where they are learned. */
  logs?: Tensor;
}

/** How a network is rounded while training (quantization-aware training). */
export interface Rounding {
  /** Range [low, high] of each tensor that has one of its own (0: the input, i + 1: of layer i), with its gradient. */
  ranges: ReadonlyMap<number, Tensor>;
  /** By the layer's index. */
  weights: ReadonlyMap<number, WeightRounding>;
}

export interface ApplyOptions {
  /** Batch statistics and dropout, as training wants them; the seed is of this batch. */
  trainingSeed?: number;
  rounding?: Rounding;
  /**
   * Maps are pooled before what follows their convolution, where nothing else reads them: activation and rounding keep the
   * order of values. What `apply` then returns of such a convolution is pooled.
   */
  fused?: boolean;
}

/** How quickly running statistics follow those of batches. */
const STATISTICS_MOMENTUM = 0.1;

/** How weights divide into groups of one scale each: outputs, except that circulant weights share one, or one a block row. */
export function weightGroups(layer: WeightedLayer): { groups: number; interleaved: boolean } {
  if (layer.kind === 'circulant' && layer.byRows)
    return { groups: layer.outputs / layer.blockSize, interleaved: false };
  const blocks = layer.kind === 'circulant' || (layer.kind === 'conv2d' && (layer.blockSize ?? 1) > 1);
  return { groups: blocks ? 1 : layer.bias.length, interleaved: layer.kind === 'depthwiseConv2d' };
}

/** The whole numbers that weights of so many bits are rounded to. */
export const formatOf = (bits: WeightBits): WeightFormat => WEIGHT_TYPES[weightTypeOf(bits)];

/** Which convolutions nothing but the layer behind them reads, a pool of 2×2 that leaves nothing out. */
function fusedOf({ inputShape, layers }: FloatNetwork, reads: readonly number[][]): boolean[] {
  const shapes = tensorShapes(inputShape, layers);
  return layers.map((layer, index) => {
    const next = layers[index + 1];
    if (layer.kind !== 'conv2d' || next?.kind !== 'maxPool2d') return false;
    const readers = reads.flat().filter((tensor) => tensor === index + 1).length;
    const { poolHeight, poolWidth, strideHeight, strideWidth } = next;
    const window = [poolHeight, poolWidth, strideHeight, strideWidth];
    const [map, pooled] = [shapes[index + 1]!, shapes[index + 2]!];
    const whole = map[0] === 2 * pooled[0]! && map[1] === 2 * pooled[1]!;
    return readers === 1 && reads[index + 1]![0] === index + 1 && window.every((one) => one === 2) && whole;
  });
}

/** A network's parameters in a desk module, and how to run batches through it. */
export class PlacedNetwork {
  readonly parameters: readonly (LayerParameters | undefined)[];
  private readonly reads: number[][];
  /** Convolutions that nothing but a pool of 2×2 behind them reads. */
  private readonly fused: boolean[];

  constructor(
    private readonly desk: Desk,
    private readonly network: FloatNetwork,
    withGradients = false,
  ) {
    this.reads = inputsOf(network.layers);
    this.fused = fusedOf(network, this.reads);
    this.parameters = network.layers.map((layer) => this.place(layer, withGradients));
  }

  private place(layer: FloatLayer, withGradients: boolean): LayerParameters | undefined {
    if (!hasWeights(layer)) return undefined;
    const { desk } = this;
    const put = (shape: number[], values: Float32Array, gradients = withGradients): Tensor => {
      if (values.length !== elements(shape)) {
        throw new BrownoutError({
          code: 'E_SHAPE',
          found: `${values.length} parameters`,
          expected: shape.join('×'),
          hint: `Check the sizes of layer ${layer.name}.`,
        });
      }
      return tensor(shape, desk.place(values), gradients ? desk.allocate(values.byteLength) : 0);
    };
    const placed = {
      weights: put(weightShape(layer), layer.weights),
      bias: put([layer.bias.length], layer.bias),
    };
    if (layer.kind !== 'batchNorm') return placed;
    const statistics = {
      mean: put([layer.channels], layer.mean, false),
      variance: put([layer.channels], layer.variance, false),
    };
    return { ...placed, statistics };
  }

  /** The network with the parameters as they are now. */
  read(): FloatNetwork {
    const copy = ({ values, shape }: Tensor): Float32Array =>
      this.desk.floats(values, elements(shape)).slice();
    const layers = this.network.layers.map((layer, index): FloatLayer => {
      const placed = this.parameters[index];
      if (!hasWeights(layer) || !placed) return layer;
      const { weights, bias, statistics } = placed;
      const trained = { ...layer, weights: copy(weights), bias: copy(bias) };
      if (!statistics) return trained;
      return {
        ...trained,
        mean: copy(statistics.mean),
        variance: copy(statistics.variance),
      } as FloatLayer;
    });
    return { inputShape: this.network.inputShape, layers };
  }

  /** Puts a batch through every layer; returns each layer's result after its activation. */
  apply(tape: Tape, batch: Tensor, options: ApplyOptions = {}): Tensor[] {
    const tensors: Tensor[] = [this.round(tape, 0, batch, options)];
    this.network.layers.forEach((layer, index) => {
      const [x, other] = this.reads[index]!.map((at) => tensors[at]!) as [Tensor, Tensor?];
      // Pooled with the convolution before it.
      if (options.fused && this.fused[index - 1]) {
        tensors.push(x);
        return;
      }
      let y = this.layer(tape, layer, index, x, other, options);
      if ('activation' in layer && layer.activation !== 'none') y = tape.activate(y, layer.activation);
      tensors.push(this.round(tape, index + 1, y, options));
    });
    return tensors.slice(1);
  }

  private layer(
    tape: Tape,
    layer: FloatLayer,
    index: number,
    x: Tensor,
    other: Tensor | undefined,
    options: ApplyOptions,
  ): Tensor {
    switch (layer.kind) {
      case 'maxPool2d':
      case 'averagePool2d': {
        const { poolHeight: height, poolWidth: width, strideHeight, strideWidth, padding = 'valid' } = layer;
        return tape[layer.kind](x, { height, width, strideHeight, strideWidth, padding });
      }
      case 'add':
        return tape.add(x, other!);
      case 'dropout':
        if (options.trainingSeed === undefined) return x;
        return tape.dropout(x, layer.rate, options.trainingSeed + Math.imul(index + 1, 0x9e3779b9));
      case 'reshape':
        return { ...x, shape: [x.shape[0]!, ...layer.shape] };
      case 'softmax':
        return x;
      default:
        return this.weighted(tape, layer, index, x, options);
    }
  }

  private weighted(
    tape: Tape,
    layer: WeightedLayer,
    index: number,
    x: Tensor,
    { trainingSeed, rounding, fused }: ApplyOptions,
  ): Tensor {
    const { bias, statistics, weights: exact } = this.parameters[index]!;
    const how = rounding?.weights.get(index);
    const weights = how
      ? tape.roundWeights(exact, how.scales, weightGroups(layer), formatOf(how.bits), how.logs?.gradient)
      : exact;
    switch (layer.kind) {
      case 'conv2d': {
        const { strideHeight, strideWidth, padding, blockSize = 1 } = layer;
        const dense = blockSize > 1 ? tape.unwind(weights, layer) : weights;
        const pooled = fused === true && this.fused[index]!;
        return tape.conv2d(x, dense, bias, strideHeight, strideWidth, padding, pooled);
      }
      case 'depthwiseConv2d':
        return tape.depthwiseConv2d(x, weights, bias, layer.strideHeight, layer.strideWidth, layer.padding);
      case 'dense':
        return tape.dense(x, weights, bias);
      case 'circulant': {
        // Biases of block rows come from batch normalisation: its own stay what they are.
        const own = layer.byRows ? tensor(bias.shape, bias.values, tape.zeros(layer.outputs)) : bias;
        return tape.circulant(x, weights, own);
      }
      case 'batchNorm': {
        const { mean, variance } = statistics!;
        const momentum = trainingSeed === undefined ? undefined : STATISTICS_MOMENTUM;
        const { channels, block = 1 } = layer;
        if (block === 1) return tape.batchNorm(x, weights, bias, mean, variance, EPSILON, momentum);
        const channelsLast = tape.exchanged(x, channels, block);
        const y = tape.batchNorm(channelsLast, weights, bias, mean, variance, EPSILON, momentum);
        return tape.exchanged(y, block, channels);
      }
    }
  }

  /** A tensor rounded to the integers of its range, if it has one. */
  private round(tape: Tape, at: number, x: Tensor, { rounding }: ApplyOptions): Tensor {
    const range = rounding?.ranges.get(at);
    if (!range) return x;
    const [low, high] = this.desk.floats(range.values, 2) as unknown as [number, number];
    return tape.round(x, affine(low, high), range.gradient);
  }
}
