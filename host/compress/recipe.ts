// How `compress` trains, and where its steps are kept.
import type { WeightBits } from '../model/weight-types.js';
import type { Augmentation } from './augment.js';
import { Desk } from './desk-module.js';
import type { FloatNetwork, LabelledData } from './float-network.js';
import { foldBatchNorm } from './fold.js';
import { shareCorrect } from './forward.js';
import { IntegerNetwork } from './integer-network.js';
import type { Entry, Journal } from './journal.js';
import { errorsOf, measure, type Metric } from './metrics.js';
import { elements, type FloatLayer, hasWeights } from './layers.js';
import { quantizeAs } from './quantize.js';
import type { QuantizationScheme, RoundingOptions } from './rounding.js';
import type { SharedBatches } from './shared-batches.js';
import { type EpochReport, Training, type TrainingOptions, type TrainingState } from './train.js';
import { quantizeValues } from '../model/affine.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import type { Choices } from './transform.js';

export interface Recipe {
  seed: number;
  batchSize: number;
  learningRate: number;
  weightDecay: number;
  augmentation?: Augmentation;
  mixup?: number;
  /** Of the float parent's answers in the loss; 0: none. */
  distillation: number;
  ranges: 'learned' | 'percentile';
  inputRange: readonly [number, number];
  /** Changes no result. */
  threads?: number;
}

/** Temperature at which the parent's answers are softened. */
const TEMPERATURE = 3;

/** The trainer's options for some epochs of a recipe. */
export function trainingOptions(
  recipe: Recipe,
  epochs: number,
  { parent, rounding, share = 1 }: { parent?: FloatNetwork; rounding?: RoundingOptions; share?: number } = {},
): TrainingOptions {
  const { seed, batchSize, learningRate, weightDecay, augmentation, mixup, distillation, threads } = recipe;
  return {
    seed,
    epochs,
    batchSize,
    optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999 },
    learningRate: learningRate * share,
    warmupEpochs: Math.min(1, epochs / 4),
    decay: 'cosine',
    weightDecay,
    ...(threads ? { threads } : {}),
    ...(augmentation ? { augmentation } : {}),
    ...(mixup ? { mixup } : {}),
    ...(parent && distillation > 0
      ? { teacher: { network: parent, weight: distillation, temperature: TEMPERATURE } }
      : {}),
    ...(rounding ? { rounding } : {}),
  };
}

/** Rounding by choices' bits. */
export function roundingOf(recipe: Recipe, choices: Choices): RoundingOptions {
  const bits: Record<string, WeightBits> = {};
  for (const [name, choice] of Object.entries(choices)) if (choice.bits) bits[name] = choice.bits;
  return { bits, ranges: recipe.ranges, steps: 'learned', inputRange: recipe.inputRange };
}

export interface Trial {
  network: FloatNetwork;
  /** Where it was trained with rounding. */
  scheme?: QuantizationScheme;
}

const parametersOf = ({ layers }: FloatNetwork): Float32Array[] =>
  layers.flatMap((layer) => (hasWeights(layer) ? [layer.weights, layer.bias] : []));

/** `network` with other parameters. */
function withParameters(network: FloatNetwork, arrays: readonly Float32Array[]): FloatNetwork {
  let at = 0;
  const layers = network.layers.map((layer): FloatLayer => {
    if (!hasWeights(layer)) return layer;
    return { ...layer, weights: arrays[at++]!, bias: arrays[at++]! };
  });
  return { ...network, layers };
}

/** Whether arrays are of the types and lengths of others. */
const areLike = (found: Entry['arrays'], expected: Entry['arrays']): boolean =>
  found.length === expected.length &&
  found.every((array, i) => {
    const like = expected[i]!;
    return array.length === like.length && array instanceof Float32Array === like instanceof Float32Array;
  });

/** Whether `value` is the scheme of a network trained with rounding; null without. */
function isScheme(value: unknown, { layers }: FloatNetwork, { rounding }: TrainingOptions): boolean {
  if (value === null || rounding === undefined) return value === null && rounding === undefined;
  const { activations, weights } = value as Partial<QuantizationScheme>;
  const scaled = (scale: unknown): boolean => Number.isFinite(scale) && (scale as number) > 0;
  return (
    Array.isArray(activations) &&
    activations.length === layers.length + 1 &&
    activations.every((own) => scaled(own?.scale) && Number.isInteger(own.zeroPoint)) &&
    Array.isArray(weights) &&
    weights.length === layers.length &&
    weights.every((own, i) => {
      const layer = layers[i]!;
      if (!hasWeights(layer)) return !own;
      const scales = own?.scales as ArrayLike<number> | undefined;
      const counts = [1, layer.bias.length];
      return (
        Array.isArray(scales) &&
        counts.includes(scales.length) &&
        scales.every(scaled) &&
        Number.isInteger(own?.bits)
      );
    })
  );
}

/** A look at a training after half of its epochs: whether it is hopeless, and stays as it is then. */
export type Halt = (half: Trial) => boolean;

/** The epoch after which a training is looked at. */
const halfOf = (epochs: number): number => Math.ceil(epochs / 2);

/**
 * Trains a network, or takes what the journal has of it: all, or the epochs so far; batch normalisation is folded in the end.
 * `halt` may end it half-way: the same whether or not it was cut off before. `shared`: with trainings on the same batches.
 */
export function trainStep(
  journal: Journal,
  key: string,
  network: FloatNetwork,
  data: LabelledData,
  options: TrainingOptions,
  { halt, shared }: { halt?: Halt; shared?: SharedBatches } = {},
): Trial {
  const done = journal.get(key);
  if (done) {
    const folded = foldBatchNorm(network);
    journal.expect(key, areLike(done.arrays, parametersOf(folded)) && isScheme(done.json, folded, options));
    const scheme = done.json as QuantizationScheme | null;
    const trained = withParameters(folded, done.arrays as Float32Array[]);
    return scheme ? { network: trained, scheme } : { network: trained };
  }
  const training = new Training(network, data, options, shared);
  try {
    return finish(journal, key, training, options, halt);
  } finally {
    training.close();
  }
}

/** Trains on, from what the journal has of it. */
function finish(
  journal: Journal,
  key: string,
  training: Training,
  options: TrainingOptions,
  halt: Halt | undefined,
): Trial {
  const partial = journal.get(`${key}…`);
  if (partial) {
    const fresh = training.save();
    const epoch = partial.json as number;
    const sound =
      areLike(partial.arrays, [fresh.random, fresh.order, ...fresh.arrays]) &&
      partial.arrays[1]!.every((index) => index < fresh.order.length);
    journal.expect(`${key}…`, sound && Number.isInteger(epoch) && epoch > 0 && epoch < options.epochs);
    const [random, order, ...arrays] = partial.arrays as [Uint32Array, Uint32Array, ...Float32Array[]];
    training.restore({ epoch, random, order, arrays });
  }
  while (!training.finished) {
    training.runEpoch();
    if (training.finished) break;
    if (halt && training.epoch === halfOf(options.epochs) && halt(trialOf(training))) break;
    const { epoch, random, order, arrays }: TrainingState = training.save();
    journal.put(`${key}…`, epoch, [random, order, ...arrays]);
  }
  const trial = trialOf(training);
  journal.replace(`${key}…`, key, trial.scheme ?? null, parametersOf(trial.network));
  return trial;
}

/** A network with bits of choices as it is, without training: ranges and scales alone are taken from it. */
export function roundedAtOnce(
  network: FloatNetwork,
  data: LabelledData,
  recipe: Recipe,
  choices: Choices,
): Trial {
  const options = trainingOptions({ ...recipe, threads: 1 }, 1, { rounding: roundingOf(recipe, choices) });
  return trialOf(new Training(network, data, options), true);
}

/** A training as it stands, or before it was begun. */
function trialOf(training: Training, first = false): Trial {
  const found = first ? training.firstScheme() : training.scheme();
  const network = foldBatchNorm(training.result());
  if (!found) return { network };
  const weights = found.weights.map((own) => own && { bits: own.bits, scales: Array.from(own.scales) });
  return { network, scheme: { activations: found.activations, weights } };
}

export interface Score {
  /** Of classes; 0 where there are none. */
  accuracy: number;
  /** Mean cross-entropy, or mean squared error. */
  loss: number;
  /** The metric that was asked for. */
  quality: number;
}

/** How well outputs [count][classes] go with labels, or outputs with targets. */
export function scoreOutputs(
  outputs: Float32Array,
  { labels, targets }: Pick<LabelledData, 'labels' | 'targets'>,
  metric: Metric = 'accuracy',
): Score {
  if (metric === 'mae') {
    const { squared, absolute } = errorsOf(outputs, targets!);
    return { accuracy: 0, loss: squared, quality: absolute };
  }
  const desk = new Desk();
  const classes = outputs.length / labels.length;
  const [logits, answers] = [desk.place(outputs), desk.place(labels)];
  const work = desk.allocate(outputs.byteLength);
  const loss =
    desk.kernels.softmaxCrossEntropy(logits, answers, work, labels.length, classes) / labels.length;
  return { accuracy: shareCorrect(outputs, labels), loss, quality: measure(metric, outputs, labels) };
}

/** Answers of a quantized network in the device's integers, as reals, for float inputs. */
export function integerAnswers(network: QuantizedNetwork, inputs: Float32Array): Float32Array {
  const input = network.tensors[network.input]!;
  const count = inputs.length / elements(input.shape);
  const answers = new IntegerNetwork(network).run(quantizeValues(inputs, input) as Int8Array, count);
  const { scale, zeroPoint } = network.tensors[network.output]!;
  return Float32Array.from(answers, (q) => (q - zeroPoint) * scale);
}

/** A trained network scored in the device's integers; without softmax, whose answers say less. */
export function scoreTrial(
  { network, scheme }: Trial,
  data: LabelledData,
  metric: Metric = data.targets ? 'mae' : 'accuracy',
): Score {
  const bare = { ...network, layers: network.layers.filter(({ kind }) => kind !== 'softmax') };
  const activations = scheme!.activations.slice(0, bare.layers.length + 1);
  const quantized = quantizeAs(bare, { activations, weights: scheme!.weights }, 'trial');
  return scoreOutputs(integerAnswers(quantized, data.inputs), data, metric);
}

/** What an epoch's report says in a line. */
export function epochLine({ epoch, epochs, loss, accuracy, error, residuals }: EpochReport): string {
  const violation = residuals
    ? `, constraint violation ${residuals.primal.toFixed(4)}, dual residual ${residuals.dual.toFixed(4)}`
    : '';
  const how =
    error === undefined ? `accuracy ${(accuracy * 100).toFixed(2)} %` : `mean error ${error.toFixed(4)}`;
  return `epoch ${epoch}/${epochs}: loss ${loss.toFixed(4)}, ${how}${violation}`;
}
