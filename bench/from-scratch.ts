// Networks that `compress --from-scratch` trains, by outputs and bits given: what bench/few-bits.ts and bench/wide.ts measure.
import { compile } from '../host/compile/compile.js';
import type { Architecture, FloatNetwork, LabelledData } from '../host/compress/float-network.js';
import { trainFromScratch, withBatchNorm } from '../host/compress/from-scratch.js';
import { Journal } from '../host/compress/journal.js';
import { type LayerShape, tensorShapes, weightShape } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import {
  integerAnswers,
  type Recipe,
  roundingOf,
  scoreOutputs,
  trainingOptions,
  trainStep,
} from '../host/compress/recipe.js';
import { rangeOf } from '../host/compress/rounding.js';
import { trainStructured } from '../host/compress/structured.js';
import type { TrainingOptions } from '../host/compress/train.js';
import type { Choices } from '../host/compress/transform.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { WeightBits } from '../host/model/weight-types.js';
import type { Split } from '../samples/datasets.js';
import type { Task } from '../samples/tasks.js';

/** Kernels, strides and pools of a network's convolutions. */
export interface Convolutions {
  inputShape: readonly number[];
  /** What the first layer sees the input as: as many values, divided otherwise. */
  seenAs?: readonly [height: number, width: number, channels: number];
  kernels: readonly (readonly [number, number])[];
  stride?: number;
  pool?: readonly [number, number];
  padding: 'valid' | 'same';
}

/**
 * Convolutions, then dense layers; `outputs` of each. With `blockSize` dense layers but the last are circulant: these have one
 * scale a layer, so that nothing can be normalised behind them.
 */
export function architectureOf(
  { inputShape, seenAs, kernels, stride = 1, pool, padding }: Convolutions,
  outputs: readonly number[],
  blockSize = 1,
): Architecture {
  const layers: LayerShape[] = seenAs ? [{ kind: 'reshape', name: 'seen', shape: seenAs }] : [];
  kernels.forEach(([kernelHeight, kernelWidth], i) => {
    const kernel = { kernelHeight, kernelWidth, strideHeight: stride, strideWidth: stride, padding };
    const inChannels = i === 0 ? (seenAs ?? inputShape)[2]! : outputs[i - 1]!;
    const channels = { inChannels, outChannels: outputs[i]! };
    layers.push({ kind: 'conv2d', name: `conv${i}`, ...kernel, ...channels, activation: 'relu' });
    if (pool) {
      const window = { poolHeight: pool[0], poolWidth: pool[1], strideHeight: pool[0], strideWidth: pool[1] };
      layers.push({ kind: 'maxPool2d', name: `pool${i}`, ...window });
    }
  });
  outputs.slice(kernels.length).forEach((count, i, all) => {
    const inputs = tensorShapes(inputShape, layers)
      .at(-1)!
      .reduce((a, b) => a * b);
    const sizes = { name: `fc${i}`, inputs, outputs: count };
    const last = i === all.length - 1;
    if (blockSize > 1 && !last) layers.push({ kind: 'circulant', ...sizes, blockSize, activation: 'relu' });
    else layers.push({ kind: 'dense', ...sizes, activation: last ? 'none' : 'relu' });
  });
  return withBatchNorm({ inputShape: [...inputShape], layers });
}

/** Options of a training but for the seed and the rounding. */
export type ScratchRecipe = Pick<TrainingOptions, 'epochs' | 'batchSize' | 'learningRate' | 'weightDecay'> &
  Partial<Pick<TrainingOptions, 'mixup' | 'augmentation'>>;

/** Options of a training by a recipe. */
export const optionsOf = (recipe: ScratchRecipe, seed: number): TrainingOptions => ({
  ...{ seed, warmupEpochs: 1, decay: 'cosine' },
  optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
  ...recipe,
});

/** What a network came to. */
export interface Result {
  /** In percent, of the device's integers. */
  accuracy: number;
  /** Weights, biases, scales and tables. */
  bytes: number;
  /** Mean of the weights'. */
  meanBits: number;
  /** Made for no device in particular. */
  image?: Uint8Array;
}

/** A quantized network, `bits` by weighted layer, on inputs. */
export function resultOf(network: QuantizedNetwork, bits: readonly number[], test: LabelledData): Result {
  const { accuracy } = scoreOutputs(integerAnswers(network, test.inputs), test);
  const image = compile(network, { verify: false });
  const { bytes } = readImage(image).constants;
  const counts = network.ops.flatMap((op) => ('weights' in op ? [op.weights.length] : []));
  const total = counts.reduce((sum, count) => sum + count);
  const meanBits = counts.reduce((sum, count, i) => sum + count * bits[i]!, 0) / total;
  return { accuracy: accuracy * 100, bytes, meanBits, image };
}

/** A network trained with `bits` by weighted layer from random weights. */
export function trainRounded(
  architecture: Architecture,
  bits: readonly WeightBits[],
  data: LabelledData,
  options: TrainingOptions,
): QuantizedNetwork {
  const weighted = architecture.layers.filter(
    (layer) => layer.kind !== 'batchNorm' && weightShape(layer).length > 0,
  );
  const named = Object.fromEntries(weighted.map(({ name }, i) => [name, bits[i]!]));
  const rounding = { bits: named, steps: 'learned', inputRange: rangeOf(data.inputs) } as const;
  const { network, scheme } = trainFromScratch(architecture, data, { ...options, rounding });
  return quantizeAs(network, scheme!, 'from scratch');
}

/** Structured training of a parent's copy in half of the epochs, then training with rounding in the other half. */
export function structuredAndRounded(
  parent: FloatNetwork,
  choices: Choices,
  method: 'projected' | 'admm',
  data: LabelledData,
  recipe: Recipe,
  epochs: number,
): QuantizedNetwork {
  const step = { journal: new Journal(''), key: 'structured', data, recipe, parent };
  const half = Math.ceil(epochs / 2);
  const metric = data.targets ? 'mae' : 'accuracy';
  const [found] = trainStructured(step, choices, [method], { epochs: half, validation: data, metric });
  const options = trainingOptions(recipe, half, { rounding: roundingOf(recipe, choices), share: 0.4 });
  const trial = trainStep(new Journal(''), 'rounded', found!.network, data, options);
  return quantizeAs(trial.network, trial.scheme!, method);
}

/** The mean of some figures, and their deviation. */
export function meanAndDeviation(values: readonly number[]): [mean: number, deviation: number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return [mean, Math.sqrt(squares / Math.max(1, values.length - 1))];
}

/** Every fifth group, or input without groups, from `first` on; or all others. */
function fifths({ inputs, labels, groups }: LabelledData, first: number, out: boolean): LabelledData {
  const size = inputs.length / labels.length;
  const order = [...new Set(Array.from(groups ?? []))].sort((a, b) => a - b);
  const members = [...labels.keys()].filter((i) => {
    const at = groups ? order.indexOf(groups[i]!) : i;
    return (at % 5 === first) === out;
  });
  const chosen = new Float32Array(members.length * size);
  members.forEach((from, to) => chosen.set(inputs.subarray(from * size, (from + 1) * size), to * size));
  return { inputs: chosen, labels: Uint8Array.from(members, (member) => labels[member]!) };
}

/** Training and test inputs; with `held`, 0 … 4, a fifth of those to train on in place of the test's: choices are made by it. */
export function dataOf(task: Task, held?: string): Split {
  const data = task.data();
  if (held === undefined) return data;
  const part = (out: boolean): LabelledData => fifths(data.training, Number(held), out);
  return { training: part(false), test: part(true) };
}
