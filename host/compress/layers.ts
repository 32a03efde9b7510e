// The layers of a float network: what the trainer trains, the compressor changes and the quantizer takes.
import { BrownoutError } from '../error.js';

/** Behind a layer, a clamp: relu6 to 0 … 6, hardTanh to −1 … 1. Or its sign, −1 or 1, of 0 that is 1 (signs.ts). */
export type Activation = 'none' | 'relu' | 'relu6' | 'hardTanh' | 'sign';

/** As TensorFlow defines them, or [top, left, bottom, right]; the last two below 0 where windows do not reach the end. */
export type Padding = 'valid' | 'same' | readonly [number, number, number, number];

interface Base {
  name: string;
  /** The layer whose output it reads; default the one before, or the network's input. */
  input?: string;
}

interface Parameters {
  weights: Float32Array;
  bias: Float32Array;
}

interface ConvolutionWindow {
  kernelHeight: number;
  kernelWidth: number;
  strideHeight: number;
  strideWidth: number;
  padding: Padding;
}

interface PoolWindow {
  poolHeight: number;
  poolWidth: number;
  strideHeight: number;
  strideWidth: number;
  /** Default `valid`. */
  padding?: Padding;
}

/** A convolution: weights [out][height][width][in], biases [out]. */
export interface ConvolutionLayer extends Base, ConvolutionWindow, Parameters {
  kind: 'conv2d';
  inChannels: number;
  outChannels: number;
  /** Size of circulant blocks over channels (CirCNN), a power of two; default 1: none. */
  blockSize?: number;
  /** Whether weights that are 0 stay 0 while it is trained: blocks of them are pruned (pattern.ts). */
  patterned?: boolean;
  activation: Activation;
  /** weights: [out][kh][kw][in]; with blocks [block row][kh][kw][block][k], each block's first column. */
}

/** A depthwise convolution: weights [height][width][out], biases [out]. */
export interface DepthwiseLayer extends Base, ConvolutionWindow, Parameters {
  kind: 'depthwiseConv2d';
  inChannels: number;
  /** A multiple of inChannels. */
  outChannels: number;
  activation: Activation;
  /** weights: [kh][kw][out] */
}

/** A dense layer: weights [out][in], biases [out]. */
export interface DenseLayer extends Base, Parameters {
  kind: 'dense';
  inputs: number;
  outputs: number;
  activation: Activation;
  /** weights: [out][in] */
}

/** A dense layer of circulant blocks: weights [block row][block][k], each block by its first column. */
export interface CirculantLayer extends Base, Parameters {
  kind: 'circulant';
  inputs: number;
  outputs: number;
  blockSize: number;
  /** How the device evaluates it; default what the planner finds quicker. */
  method?: 'direct' | 'ntt';
  /** Outputs of a block row share one bias and one scale, as batch normalisation behind it gives them; they fill whole blocks. */
  byRows?: true;
  activation: Activation;
  /** weights: [outBlocks][inBlocks][k], each block's first column. */
}

/** (x − mean) / √(variance + 10⁻³) · weights + bias, a channel; folded into the layer before it for the device. */
export interface BatchNormLayer extends Base, Parameters {
  kind: 'batchNorm';
  channels: number;
  /** Neighbours that are one channel: the outputs of a circulant block; default 1. */
  block?: number;
  activation: Activation;
  mean: Float32Array;
  variance: Float32Array;
}

/** A layer that has weights. */
export type WeightedLayer = ConvolutionLayer | DepthwiseLayer | DenseLayer | CirculantLayer | BatchNormLayer;

/** A layer of a float network; `kind` says which. */
export type FloatLayer =
  | WeightedLayer
  | (Base & PoolWindow & { kind: 'maxPool2d' | 'averagePool2d' })
  /** Its input plus the output of the layer `other`. */
  | (Base & { kind: 'add'; other: string; activation: Activation })
  /** Zeroes a share `rate` of its inputs while training. */
  | (Base & { kind: 'dropout'; rate: number })
  | (Base & { kind: 'reshape'; shape: readonly number[] })
  /** Only at the end: training sees its input. */
  | (Base & { kind: 'softmax' });

type WithoutParameters<L> = L extends unknown ? Omit<L, 'weights' | 'bias' | 'mean' | 'variance'> : never;

/** A layer before it has parameters. */
export type LayerShape = WithoutParameters<FloatLayer>;

/** Added to variances. */
export const EPSILON = 1e-3;

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function hasWeights(layer: FloatLayer): layer is WeightedLayer {
  return 'weights' in layer;
}

/** Least and largest output of a clamp; signs are taken of all there is. */
export function boundsOf(activation: Activation): readonly [number, number] {
  switch (activation) {
    case 'none':
    case 'sign':
      return [-Infinity, Infinity];
    case 'relu':
      return [0, Infinity];
    case 'relu6':
      return [0, 6];
    case 'hardTanh':
      return [-1, 1];
  }
}

function refuse(layer: LayerShape, found: string, expected: string): never {
  throw new BrownoutError({
    code: 'E_SHAPE',
    found: `layer ${layer.name} (${layer.kind}) with ${found}`,
    expected,
    hint: `Check the sizes of layer ${layer.name} against those of the layer before it.`,
  });
}

/** The shape of a layer's weights, outputs first; none for a layer without parameters. */
export function weightShape(layer: LayerShape): number[] {
  switch (layer.kind) {
    case 'conv2d': {
      const { outChannels, inChannels, kernelHeight, kernelWidth, blockSize: k = 1 } = layer;
      if (k === 1) return [outChannels, kernelHeight, kernelWidth, inChannels];
      return [Math.ceil(outChannels / k), kernelHeight, kernelWidth, Math.ceil(inChannels / k), k];
    }
    case 'depthwiseConv2d':
      return [layer.kernelHeight, layer.kernelWidth, layer.outChannels];
    case 'dense':
      return [layer.outputs, layer.inputs];
    case 'circulant': {
      const { inputs, outputs, blockSize } = layer;
      return [Math.ceil(outputs / blockSize), Math.ceil(inputs / blockSize), blockSize];
    }
    case 'batchNorm':
      return [layer.channels];
    default:
      return [];
  }
}

/** Outputs (of a convolution: channels) of a layer with weights. */
export function outputCount(layer: WeightedLayer | WithoutParameters<WeightedLayer>): number {
  if (layer.kind === 'batchNorm') return layer.channels;
  return 'outChannels' in layer ? layer.outChannels : layer.outputs;
}

/** One axis of a sliding window: how many positions there are, and the padding before the first. */
function extent(
  size: number,
  window: number,
  stride: number,
  padding: Padding,
  axis: 0 | 1,
): [number, number] {
  if (padding === 'same') {
    const positions = Math.ceil(size / stride);
    return [positions, Math.max(0, (positions - 1) * stride + window - size) >> 1];
  }
  const [before, after] = padding === 'valid' ? [0, 0] : [padding[axis], padding[axis + 2]!];
  const room = size + before + after - window;
  if (room < 0) {
    throw new BrownoutError({
      code: 'E_SHAPE',
      found: `a window of ${window} over an input of ${size}`,
      expected: 'a window no larger than the input',
      hint: "Use a smaller window, or padding 'same'.",
    });
  }
  return [Math.floor(room / stride) + 1, before];
}

export interface Geometry {
  outHeight: number;
  outWidth: number;
  padTop: number;
  padLeft: number;
}

/** Where the windows of a convolution or pool lie on a map. Throws `E_SHAPE`. */
export function windowGeometry(
  [height, width]: readonly number[],
  kernel: readonly [number, number],
  stride: readonly [number, number],
  padding: Padding,
): Geometry {
  const [outHeight, padTop] = extent(height!, kernel[0], stride[0], padding, 0);
  const [outWidth, padLeft] = extent(width!, kernel[1], stride[1], padding, 1);
  return { outHeight, outWidth, padTop, padLeft };
}

/** The shape of a layer's output, without the batch. Throws `E_SHAPE`. */
export function outputShape(layer: LayerShape, input: readonly number[]): number[] {
  const map = (): void => {
    if (input.length !== 3) refuse(layer, `an input of ${input.join('×')}`, 'height × width × channels');
  };
  switch (layer.kind) {
    case 'conv2d':
    case 'depthwiseConv2d': {
      map();
      if (input[2] !== layer.inChannels)
        refuse(layer, `an input of ${input.join('×')}`, `${layer.inChannels} channels`);
      const { kernelHeight, kernelWidth, strideHeight, strideWidth, padding } = layer;
      const stride = [strideHeight, strideWidth] as const;
      const { outHeight, outWidth } = windowGeometry(input, [kernelHeight, kernelWidth], stride, padding);
      return [outHeight, outWidth, layer.outChannels];
    }
    case 'maxPool2d':
    case 'averagePool2d': {
      map();
      const { poolHeight, poolWidth, strideHeight, strideWidth, padding = 'valid' } = layer;
      const stride = [strideHeight, strideWidth] as const;
      const { outHeight, outWidth } = windowGeometry(input, [poolHeight, poolWidth], stride, padding);
      return [outHeight, outWidth, input[2]!];
    }
    case 'dense':
    case 'circulant':
      if (elements(input) !== layer.inputs)
        refuse(layer, `an input of ${input.join('×')}`, `${layer.inputs} values`);
      return [layer.outputs];
    case 'batchNorm':
      if (input.at(-1) !== layer.channels * (layer.block ?? 1))
        refuse(layer, `an input of ${input.join('×')}`, `${layer.channels * (layer.block ?? 1)} channels`);
      return [...input];
    case 'reshape':
      if (elements(input) !== elements(layer.shape))
        refuse(layer, `an input of ${input.join('×')}`, `${layer.shape.join('×')}`);
      return [...layer.shape];
    default:
      return [...input];
  }
}

/** Which tensors each layer reads: 0 is the network's input, i + 1 the output of layer i. Throws `E_NETWORK`. */
export function inputsOf(layers: readonly LayerShape[]): number[][] {
  return layers.map((layer, index) => {
    const find = (name: string): number => {
      const at = layers.slice(0, index).findIndex((other) => other.name === name);
      if (at >= 0) return at + 1;
      throw new BrownoutError({
        code: 'E_NETWORK',
        found: `layer ${layer.name} that reads "${name}"`,
        expected: 'the name of a layer before it',
        hint: 'Check the names, and the order of the layers.',
      });
    };
    const first = layer.input === undefined ? index : find(layer.input);
    return layer.kind === 'add' ? [first, find(layer.other)] : [first];
  });
}

/** The shapes of all tensors: the network's input, and the output of each layer. Throws `E_SHAPE`, `E_NETWORK`. */
export function tensorShapes(inputShape: readonly number[], layers: readonly LayerShape[]): number[][] {
  const shapes: number[][] = [[...inputShape]];
  inputsOf(layers).forEach((reads, index) => {
    const layer = layers[index]!;
    const [first, other] = reads.map((tensor) => shapes[tensor]!) as [number[], number[]?];
    if (layer.kind === 'add' && `${first}` !== `${other}`)
      refuse(layer, `inputs of ${first.join('×')} and ${other!.join('×')}`, 'two of one shape');
    shapes.push(outputShape(layer, first));
  });
  return shapes;
}
