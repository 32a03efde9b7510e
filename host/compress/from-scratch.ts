// Training from random weights with rounding from the first epoch, batch normalisation behind every layer that can take it in:
// how networks of few bits come closest to float ones (docs/FRONTIER.md, "From random weights, in few bits").
import type { Architecture, LabelledData } from './float-network.js';
import { initialise } from './initialise.js';
import { Journal } from './journal.js';
import { inputsOf, type LayerShape, outputCount } from './layers.js';
import { type Halt, type Trial, trainStep } from './recipe.js';
import type { RoundingOptions } from './rounding.js';
import type { SharedBatches } from './shared-batches.js';
import type { TrainingOptions } from './train.js';

/** Whether a layer's outputs are the answer: nothing but a softmax or another shape comes after it. */
const isAnswer = (layers: readonly LayerShape[], index: number): boolean =>
  layers.slice(index + 1).every(({ kind }) => kind === 'softmax' || kind === 'reshape');

/**
 * An architecture with batch normalisation behind each convolution and dense layer but the last, behind the pool where one
 * follows: it folds into scales and biases in the end. The outputs of a row of circulant blocks are normalised as one channel, as
 * they share one scale and one bias, where they fill whole blocks; nothing is behind circulant blocks over channels.
 * An architecture that has some batch normalisation is taken as it is.
 */
export function withBatchNorm(architecture: Architecture): Architecture {
  const { inputShape, layers } = architecture;
  if (layers.some(({ kind }) => kind === 'batchNorm')) return architecture;
  const reads = inputsOf(layers);
  /** By the name of a layer, or of its pool: what is read in its place. */
  const renamed = new Map<string, string>();
  const normalised: LayerShape[] = [];
  /** Normalisation that waits for the pool to pass. */
  let waiting: LayerShape | undefined;
  layers.forEach((layer, index) => {
    const { input, ...rest } = layer;
    const at = (name: string): string => renamed.get(name) ?? name;
    const own = { ...rest, ...(input === undefined ? {} : { input: at(input) }) } as LayerShape;
    if (own.kind === 'add') own.other = at(own.other);
    const dense = own.kind === 'dense' || own.kind === 'depthwiseConv2d';
    if (waiting) {
      normalised.push(own, waiting);
      renamed.set(own.name, waiting.name);
      waiting = undefined;
      return;
    }
    const single = own.kind === 'conv2d' && (own.blockSize ?? 1) === 1;
    const rows = own.kind === 'circulant' && own.outputs % own.blockSize === 0;
    if (!(dense || single || rows) || isAnswer(layers, index)) {
      normalised.push(own);
      return;
    }
    const { name, activation } = own as LayerShape & { kind: 'dense' };
    const outputs = outputCount(own as LayerShape & { kind: 'dense' });
    const block = own.kind === 'circulant' ? own.blockSize : 1;
    const size = { channels: outputs / block, ...(block > 1 ? { block } : {}) };
    const norm: LayerShape = { kind: 'batchNorm', name: `${name}norm`, ...size, activation };
    normalised.push({ ...own, activation: 'none', ...(block > 1 ? { byRows: true } : {}) } as LayerShape);
    const readers = reads.flatMap((tensors, reader) => (tensors.includes(index + 1) ? [reader] : []));
    const pooled =
      readers.length === 1 && readers[0] === index + 1 && layers[index + 1]!.kind === 'maxPool2d';
    if (pooled) waiting = norm;
    else {
      normalised.push(norm);
      renamed.set(name, norm.name);
    }
  });
  return { inputShape, layers: normalised };
}

/** Where a training is kept, what may end it half-way, and what it shares with others on the same batches. */
export interface ScratchStep {
  journal?: Journal;
  key?: string;
  halt?: Halt;
  shared?: SharedBatches;
}

/**
 * Trains an architecture from random weights of the options' seed, rounding from the first epoch. The network that comes back
 * has its batch normalisation folded. Throws `E_SHAPE`, `E_LABEL`, `E_NETWORK`, `E_JOURNAL`.
 */
export function trainFromScratch(
  architecture: Architecture,
  data: LabelledData,
  options: TrainingOptions & { rounding: RoundingOptions },
  { journal = new Journal(''), key = 'from scratch', ...how }: ScratchStep = {},
): Trial {
  const start = initialise(withBatchNorm(architecture), options.seed);
  return trainStep(journal, key, start, data, options, how);
}
