// What might be done to each layer of a network.
import { channelGroup } from './channels.js';
import type { FloatNetwork } from './float-network.js';
import { elements, hasWeights, weightShape } from './layers.js';
import { takesPattern } from './pattern.js';
import type { LayerChoice } from './transform.js';
import type { WeightBits } from '../model/weight-types.js';

/** What one layer may become: how its structure may change, and how many bits its weights may have. */
export interface LayerOptions {
  name: string;
  /** The first changes nothing. */
  structures: LayerChoice[];
  bits: WeightBits[];
  /** Its circulant blocks may be evaluated by spectra. */
  spectra?: boolean;
  /** Why its outputs cannot be pruned, if they cannot. */
  notPrunable?: string;
}

/** What may be done to the structure of layers: circulant blocks, fewer outputs, smaller kernels, patterns of blocks. */
export const STRUCTURES = ['any', 'circulant', 'channels', 'kernel', 'pattern', 'none'] as const;
/** One of the ways in which `compress` may change the structure of layers. */
export type Structure = (typeof STRUCTURES)[number];

/** What of a choice each structure is. */
const FIELDS = { circulant: 'blockSize', channels: 'keep', kernel: 'kernel', pattern: 'pattern' } as const;

/** Whether a choice is of a structure; one that changes nothing is of every. */
const isOf = (choice: LayerChoice, structure: Structure): boolean =>
  structure === 'any' ||
  Object.entries(FIELDS).every(([name, field]) => name === structure || choice[field] === undefined);

/** Block sizes of dense layers. */
const BLOCKS = [8, 16, 32, 64, 128, 256];
/** And over channels. */
const CHANNEL_BLOCKS = [2, 4, 8];
/** 4 of 9 taps. */
const PATTERN = 4 / 9;
const KEPT_SHARES = [0.75, 0.5, 0.25];
/** From random weights nothing of a layer is lost by training but a few of its outputs. */
const SCRATCH_SHARES = [...KEPT_SHARES, 0.125];
/** Layers with fewer weights are not worth changing. */
const LEAST_WEIGHTS = 128;

const nextPower = (x: number): number => {
  let power = 1;
  while (power < x) power *= 2;
  return power;
};

/** Outputs left of so many, a multiple of 4 where there are enough. */
function keepOf(outputs: number, share: number): number {
  const unit = outputs >= 16 ? 4 : 1;
  return Math.max(1, Math.round((outputs * share) / unit) * unit);
}

/** What may be done to the layers of a network, by the layers' shapes; from scratch fewer outputs may be left. */
export function layerOptions(
  network: FloatNetwork,
  allowed: readonly WeightBits[],
  structure: Structure,
  fromScratch = false,
): LayerOptions[] {
  return everyOption(network, allowed, fromScratch ? SCRATCH_SHARES : KEPT_SHARES).map((own) => ({
    ...own,
    structures: own.structures.filter((choice) => isOf(choice, structure)),
  }));
}

/** Why a layer has no choice of its own of outputs that are left. */
function whyNotPrunable(network: FloatNetwork, index: number): string | undefined {
  const group = channelGroup(network, index);
  if (typeof group === 'string') return group;
  const first = group.makers[0]!;
  if (first === index) return undefined;
  return `its outputs are added to those of "${network.layers[first]!.name}", with which they are pruned`;
}

function everyOption(
  network: FloatNetwork,
  allowed: readonly WeightBits[],
  shares: readonly number[],
): LayerOptions[] {
  return network.layers.flatMap((layer, index): LayerOptions[] => {
    if (!hasWeights(layer) || layer.kind === 'batchNorm') return [];
    const { name } = layer;
    const structures: LayerChoice[] = [{}];
    const bits = [...allowed];
    if (layer.kind === 'circulant') return [{ name, structures, bits }];
    // Circulant blocks over channels have weights of 8 bits.
    const blocks = bits.includes(8);
    if (elements(weightShape(layer)) < LEAST_WEIGHTS || layer.kind === 'depthwiseConv2d')
      return [{ name, structures, bits }];
    if (layer.kind === 'dense') {
      const most = Math.min(nextPower(layer.inputs), nextPower(layer.outputs));
      for (const blockSize of BLOCKS) if (blockSize <= most) structures.push({ blockSize });
    } else if ((layer.blockSize ?? 1) === 1) {
      const most = Math.min(layer.inChannels, layer.outChannels);
      for (const blockSize of CHANNEL_BLOCKS) if (blocks && blockSize <= most) structures.push({ blockSize });
      const cut = (size: number): number => (size >= 5 ? size - 2 : size);
      const kernel = [cut(layer.kernelHeight), cut(layer.kernelWidth)] as const;
      if (kernel[0] < layer.kernelHeight || kernel[1] < layer.kernelWidth) structures.push({ kernel });
      // Weights of fewer bits have no zero.
      const square = Math.min(layer.kernelHeight, layer.kernelWidth) >= 3;
      if (square && takesPattern(layer)) structures.push({ pattern: PATTERN });
    }
    const spectra = layer.kind === 'dense';
    const notPrunable = whyNotPrunable(network, index);
    if (notPrunable !== undefined) return [{ name, structures, bits, spectra, notPrunable }];
    for (const share of shares) {
      const keep = keepOf(layer.bias.length, share);
      if (keep < layer.bias.length) structures.push({ keep });
    }
    return [{ name, structures, bits, spectra }];
  });
}
