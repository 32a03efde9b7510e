// Which channels of a network are the same ones: where they are made, added to each other and read. They can only be pruned
// together (Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017, §3.3, for residual sums).
import type { FloatNetwork } from './float-network.js';
import { largest, outputNorms } from './constraint.js';
import { type FloatLayer, inputsOf, type WeightedLayer } from './layers.js';

/** The layers that have some channels as outputs or inputs, by index. */
export interface ChannelGroup {
  /** Convolutions and dense layers that make them, in order: several, where their outputs are added. */
  makers: number[];
  /** Depthwise convolutions on the way, whose channels are the same ones. */
  through: number[];
  /** Convolutions and dense layers that sum over them. */
  into: number[];
}

/** The group while it is found: tensors that have its channels, and those of them that are flattened. */
interface Search {
  layers: readonly FloatLayer[];
  reads: readonly number[][];
  tensors: Set<number>;
  flat: Set<number>;
  group: Record<keyof ChannelGroup, Set<number>>;
}

/** Takes in the layer that makes a tensor of the group; returns why it cannot be pruned, if it cannot. */
function takeMaker({ layers, reads, tensors, group }: Search, tensor: number): string | undefined {
  if (tensor === 0) return "they are added to the network's input";
  const index = tensor - 1;
  const layer = layers[index]!;
  switch (layer.kind) {
    case 'conv2d':
    case 'dense':
      if (layer.kind === 'conv2d' && (layer.blockSize ?? 1) > 1)
        return `"${layer.name}" has circulant blocks`;
      group.makers.add(index);
      return undefined;
    case 'depthwiseConv2d':
      if (layer.outChannels !== layer.inChannels) return `"${layer.name}" has several outputs a channel`;
      group.through.add(index);
      tensors.add(reads[index]![0]!);
      return undefined;
    case 'maxPool2d':
    case 'averagePool2d':
    case 'dropout':
    case 'add':
      for (const source of reads[index]!) tensors.add(source);
      return undefined;
    case 'reshape':
      // Reached from what it reads, or not to be taken in.
      return tensors.has(reads[index]![0]!) ? undefined : `"${layer.name}" gives its channels another shape`;
    default:
      return `"${layer.name}" (${layer.kind}) makes such channels`;
  }
}

/** Takes in a layer that reads a tensor of the group, in the same way. */
function takeReader(
  { layers, tensors, flat, group }: Search,
  tensor: number,
  index: number,
): string | undefined {
  const layer = layers[index]!;
  switch (layer.kind) {
    case 'conv2d':
    case 'dense':
      if (layer.kind === 'conv2d' && (layer.blockSize ?? 1) > 1)
        return `"${layer.name}" has circulant blocks over its channels`;
      group.into.add(index);
      return undefined;
    case 'depthwiseConv2d':
    case 'maxPool2d':
    case 'averagePool2d':
      tensors.add(index + 1);
      return undefined;
    case 'dropout':
      tensors.add(index + 1);
      if (flat.has(tensor)) flat.add(index + 1);
      return undefined;
    case 'add':
      if (flat.has(tensor)) return `"${layer.name}" adds them after they were flattened`;
      tensors.add(index + 1);
      return undefined;
    case 'reshape':
      if (layer.shape.length > 1) return `"${layer.name}" gives its channels another shape`;
      tensors.add(index + 1);
      flat.add(index + 1);
      return undefined;
    default:
      return `"${layer.name}" (${layer.kind}) reads them`;
  }
}

/** All that has to do with the output channels of layer `index`, or why these cannot be pruned. */
export function channelGroup({ layers }: FloatNetwork, index: number): ChannelGroup | string {
  const reads = inputsOf(layers);
  const group = { makers: new Set<number>(), through: new Set<number>(), into: new Set<number>() };
  const search: Search = { layers, reads, tensors: new Set([index + 1]), flat: new Set(), group };
  // A set is gone through in the order in which it grows.
  for (const tensor of search.tensors) {
    if (tensor === layers.length) return 'its outputs are the answer';
    const refused = takeMaker(search, tensor);
    if (refused !== undefined) return refused;
    for (const [at, sources] of reads.entries()) {
      if (!sources.includes(tensor)) continue;
      const reason = takeReader(search, tensor, at);
      if (reason !== undefined) return reason;
    }
  }
  const inOrder = (found: Set<number>): number[] => [...found].sort((a, b) => a - b);
  return { makers: inOrder(group.makers), through: inOrder(group.through), into: inOrder(group.into) };
}

/** The `keep` channels of a group of largest norm, those of all its makers together, in order. */
export function keptOf({ layers }: FloatNetwork, { makers }: ChannelGroup, keep: number): number[] {
  const norms = makers.map((at) => {
    const layer = layers[at] as WeightedLayer;
    return outputNorms(layer, layer.weights);
  });
  return largest(
    norms[0]!.map((_, o) => norms.reduce((sum, own) => sum + own[o]!, 0)),
    keep,
  );
}
