// What compression may do to a layer, and a network with it done: weights projected onto what they are to be.
import { type ChannelGroup, channelGroup, keptOf } from './channels.js';
import { circulantVectors, type Constraint, largestWindow, livelyVectors } from './constraint.js';
import type { FloatNetwork } from './float-network.js';
import {
  type ConvolutionLayer,
  elements,
  type FloatLayer,
  hasWeights,
  inputsOf,
  type Padding,
  tensorShapes,
  type WeightedLayer,
  windowGeometry,
} from './layers.js';
import { projectPattern, takesPattern } from './pattern.js';
import type { WeightBits } from '../model/weight-types.js';

/** What is done to one layer; nothing said, nothing done. */
export interface LayerChoice {
  /** Circulant blocks of this size. */
  blockSize?: number;
  /** How the device evaluates them; default what it finds quicker. */
  method?: 'direct' | 'ntt';
  /** Outputs (channels) kept. */
  keep?: number;
  /** Height and width that a convolution's kernel is cut to. */
  kernel?: readonly [number, number];
  /** Share of the blocks of a convolution's window that each output reads (pattern.ts). */
  pattern?: number;
  bits?: WeightBits;
}

/** By the layer's name. */
export type Choices = Readonly<Record<string, LayerChoice>>;

/** A choice in a few words. */
export function choiceText({ blockSize, method, keep, kernel, pattern, bits }: LayerChoice): string {
  const parts = [
    ...(blockSize === undefined ? [] : [`circulant, blocks of ${blockSize}${method ? `, ${method}` : ''}`]),
    ...(keep === undefined ? [] : [`${keep} outputs kept`]),
    ...(kernel === undefined ? [] : [`kernel cut to ${kernel[0]}×${kernel[1]}`]),
    ...(pattern === undefined ? [] : [`${(pattern * 100).toFixed(0)} % of the blocks of a window kept`]),
    ...(bits === undefined ? [] : [`${bits}-bit weights`]),
  ];
  return parts.join('; ') || 'as it was';
}

/** The padding that leaves a convolution's outputs in place when its kernel is cut to a window. */
function croppedPadding(
  layer: ConvolutionLayer,
  input: readonly number[],
  [top, left]: readonly [number, number],
  [height, width]: readonly [number, number],
): Padding {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, padding } = layer;
  const kernel = [kernelHeight, kernelWidth] as const;
  const at = windowGeometry(input, kernel, [strideHeight, strideWidth], padding);
  const behind = (out: number, stride: number, window: number, size: number, before: number): number =>
    (out - 1) * stride + window - size - before;
  const [padTop, padLeft] = [at.padTop - top, at.padLeft - left];
  return [
    padTop,
    padLeft,
    behind(at.outHeight, strideHeight, height, input[0]!, padTop),
    behind(at.outWidth, strideWidth, width, input[1]!, padLeft),
  ];
}

/** Rows and columns that may be cut off a kernel's top and left: as many as there is padding to take. */
function cropRoom(layer: ConvolutionLayer, input: readonly number[]): { mostTop: number; mostLeft: number } {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, padding } = layer;
  const at = windowGeometry(input, [kernelHeight, kernelWidth], [strideHeight, strideWidth], padding);
  return { mostTop: at.padTop, mostLeft: at.padLeft };
}

function crop(
  layer: ConvolutionLayer,
  input: readonly number[],
  [height, width]: readonly [number, number],
): FloatLayer {
  const { kernelHeight, kernelWidth, inChannels } = layer;
  const { top, left } = largestWindow(layer, layer.weights, { height, width, ...cropRoom(layer, input) });
  const weights = layer.weights.filter((_, i) => {
    const tap = Math.floor(i / inChannels) % (kernelHeight * kernelWidth);
    const [y, x] = [Math.floor(tap / kernelWidth) - top, (tap % kernelWidth) - left];
    return y >= 0 && y < height && x >= 0 && x < width;
  });
  const padding = croppedPadding(layer, input, [top, left], [height, width]);
  return { ...layer, kernelHeight: height, kernelWidth: width, padding, weights };
}

/** Values [outer][channels][inner] of the channels kept. */
function keepAmong(
  values: Float32Array,
  kept: readonly number[],
  channels: number,
  inner: number,
): Float32Array {
  const chosen = new Uint8Array(channels);
  for (const channel of kept) chosen[channel] = 1;
  const result = new Float32Array((values.length / channels) * kept.length);
  let at = 0;
  for (let from = 0; from < values.length; from += inner) {
    if (chosen[(from / inner) % channels] === 0) continue;
    for (let i = from; i < from + inner; i++) result[at++] = values[i]!;
  }
  return result;
}

/** Keeps the values of kept outputs; `interleaved`: the last dimension is outputs. */
function keepOutputs(layer: WeightedLayer, kept: readonly number[], interleaved = false): WeightedLayer {
  const outputs = layer.bias.length;
  const length = layer.weights.length / outputs;
  const bias = Float32Array.from(kept, (o) => layer.bias[o]!);
  const weights = keepAmong(layer.weights, kept, outputs, interleaved ? 1 : length);
  const size = 'outputs' in layer ? { outputs: kept.length } : { outChannels: kept.length };
  return { ...layer, ...size, weights, bias } as WeightedLayer;
}

/** Keeps the inputs of kept channels, `channels` of them before; flattened maps have them in the last dimension. */
function keepInputs(layer: FloatLayer, kept: readonly number[], channels: number): FloatLayer {
  const own = layer as FloatLayer & { kind: 'conv2d' | 'dense' };
  const weights = keepAmong(own.weights, kept, channels, 1);
  if (own.kind === 'conv2d') return { ...own, inChannels: kept.length, weights };
  return { ...own, inputs: (own.inputs / channels) * kept.length, weights };
}

/** Prunes all channels of a group but `kept`, where they are made and where they are read. */
function prune(
  network: FloatNetwork,
  { makers, through, into }: ChannelGroup,
  kept: readonly number[],
): FloatNetwork {
  const layers = [...network.layers];
  const channels = (layers[makers[0]!] as WeightedLayer).bias.length;
  for (const at of makers) layers[at] = keepOutputs(layers[at] as WeightedLayer, kept);
  for (const at of through) {
    const pruned = keepOutputs(layers[at] as WeightedLayer, kept, true);
    layers[at] = { ...pruned, inChannels: kept.length } as FloatLayer;
  }
  for (const at of into) layers[at] = keepInputs(layers[at]!, kept, channels);
  // Flattening is stated where a reshape does it.
  layers.forEach((layer, at) => {
    if (layer.kind === 'reshape' && layer.shape.length === 1) {
      const shape = tensorShapes(network.inputShape, layers.slice(0, at)).at(-1)!;
      layers[at] = { ...layer, shape: [elements(shape)] };
    }
  });
  return { ...network, layers };
}

function circulant(
  layer: FloatLayer,
  { blockSize: k = 1, method }: LayerChoice,
  lively: boolean,
): FloatLayer {
  const vectorsOf = lively ? livelyVectors : circulantVectors;
  if (layer.kind === 'conv2d' && (layer.blockSize ?? 1) === 1)
    return { ...layer, blockSize: k, weights: vectorsOf(layer, layer.weights, k) };
  if (layer.kind !== 'dense') return layer;
  const { activation, inputs, outputs, name, bias, input } = layer;
  const weights = vectorsOf(layer, layer.weights, k);
  const base = { kind: 'circulant' as const, name, inputs, outputs, blockSize: k, activation, weights, bias };
  return { ...base, ...(input === undefined ? {} : { input }), ...(method ? { method } : {}) };
}

/**
 * The network with the choices made: kernels cut, outputs pruned, blocks of windows left out (all by their norm), blocks made
 * circulant (by means).
 * `lively`: as a start for training, not as the nearest network there is.
 */
export function applyChoices(network: FloatNetwork, choices: Choices, lively = false): FloatNetwork {
  const shapes = tensorShapes(network.inputShape, network.layers);
  const reads = inputsOf(network.layers);
  let changed: FloatNetwork = {
    ...network,
    layers: network.layers.map((layer, i) => {
      const { kernel } = choices[layer.name] ?? {};
      return kernel && layer.kind === 'conv2d' ? crop(layer, shapes[reads[i]![0]!]!, kernel) : layer;
    }),
  };
  network.layers.forEach((layer, index) => {
    const { keep } = choices[layer.name] ?? {};
    const own = changed.layers[index]!;
    if (keep === undefined || !hasWeights(own) || keep >= own.bias.length) return;
    const group = channelGroup(changed, index);
    if (typeof group === 'string') throw new RangeError(`"${layer.name}": ${group}`);
    changed = prune(changed, group, keptOf(changed, group, keep));
  });
  const layers = changed.layers.map((layer) => {
    const choice = choices[layer.name] ?? {};
    if (choice.pattern !== undefined && takesPattern(layer)) {
      const weights = projectPattern(layer, layer.weights, choice.pattern);
      return { ...layer, patterned: true, weights };
    }
    return (choice.blockSize ?? 1) > 1 ? circulant(layer, choice, lively) : layer;
  });
  return { ...changed, layers };
}

/** Channels that are summed are to be the same ones, of all layers that make them: those that are the largest now. */
function channelConstraints(network: FloatNetwork, index: number, keep: number): [string, Constraint][] {
  const group = channelGroup(network, index);
  const together = typeof group !== 'string' && group.makers.length > 1;
  if (!together) return [[network.layers[index]!.name, { kind: 'channels', keep }]];
  const kept = keptOf(network, group, keep);
  return group.makers.map((at) => [network.layers[at]!.name, { kind: 'channels', keep, kept }]);
}

/** The constraint that a choice is for structured training, where it has one. Circulant blocks come after pruning. */
export function constraintsOf(
  network: FloatNetwork,
  choices: Choices,
): Record<'prune' | 'circulant', Record<string, Constraint>> {
  const prunes: Record<string, Constraint> = {};
  const circulants: Record<string, Constraint> = {};
  const shapes = tensorShapes(network.inputShape, network.layers);
  const reads = inputsOf(network.layers);
  network.layers.forEach((layer, index) => {
    const { keep, kernel, blockSize, pattern } = choices[layer.name] ?? {};
    if (blockSize !== undefined && blockSize > 1) circulants[layer.name] = { kind: 'circulant', blockSize };
    if (!hasWeights(layer)) return;
    if (keep !== undefined && keep < layer.bias.length)
      for (const [name, own] of channelConstraints(network, index, keep)) prunes[name] ??= own;
    else if (pattern !== undefined) prunes[layer.name] = { kind: 'pattern', share: pattern };
    else if (kernel && layer.kind === 'conv2d') {
      const room = cropRoom(layer, shapes[reads[index]![0]!]!);
      prunes[layer.name] = { kind: 'kernel', height: kernel[0], width: kernel[1], ...room };
    }
  });
  return { prune: prunes, circulant: circulants };
}
