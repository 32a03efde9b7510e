// Numbers of learning chosen at the desk, on labelled samples like those that a device will see: never on those that measure it.
import { BrownoutError, checkFields } from '../error.js';
import { AUTO, completeSumsOptions, SUMS } from '../learning/options.js';
import type { LearnOptions } from '../learning/spec.js';
import { type SumsTrial, tuneSums } from '../learning/sums/tune.js';
import { type Trial, tuneLearningRate } from '../learning/tune.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import type { LearningChoice } from './choose-learning.js';
import { choiceOf, headFeatures } from './compile.js';
import { compileForCharge } from './larger-capacitor.js';
import type { CompileOptions } from './options.js';

type Samples = NonNullable<LearnOptions['data']>;

/** What was tried, and what it left: accuracy is the share of samples held out that are right. */
export interface LearningTuning {
  /** The options asked for, with what was chosen. */
  learn: LearnOptions;
  trials: (SumsTrial | Trial)[];
}

/**
 * Chooses what `learn` leaves open, by trials on `sets` of labelled samples, int8 as the network takes them; each set is of one
 * user or place, and is learnt on its own, half of it held out. Of a head by sums: `prior` and `ridge`; of gradients the
 * learning rate. The same samples give the same choice on every machine. Errors: `E_LEARN`, `E_LABEL`.
 */
export function tuneLearning(
  model: QuantizedNetwork,
  learn: LearnOptions,
  sets: readonly Samples[],
  onTrial?: (done: number, total: number) => void,
): LearningTuning {
  checkFields(model, 'a quantized network, as `importModel` gives it', 'tensors', 'ops', 'input', 'output');
  checkFields(learn, 'what is to be learnt: { layers: "sums", data }', 'layers');
  if (learn.layers.trim() === AUTO)
    throw new BrownoutError({
      code: 'E_LEARN',
      found: `layers \`${AUTO}\``,
      expected: '`sums`, or layers',
      hint: 'Call `chooseLearning(network, { learn }, sets)`: it tunes what it chooses among.',
    });
  if (learn.layers.trim() !== SUMS) {
    if (learn.learningRate !== undefined) return nothingLeft('the learning rate');
    const { learningRate, trials } = tuneLearningRate(model, learn, sets);
    return { learn: { ...learn, learningRate }, trials };
  }
  if (learn.prior !== undefined && learn.ridge !== undefined) return nothingLeft('`prior` and `ridge`');
  const options = completeSumsOptions(learn);
  const samples = { data: learn.data ?? [], sets, features: headFeatures(model) };
  const { prior, ridge, trials } = tuneSums(model, options, samples, { ...learn, onTrial });
  return { learn: { ...learn, prior, ridge }, trials };
}

function nothingLeft(given: string): never {
  throw new BrownoutError({
    code: 'E_LEARN',
    found: `samples to tune on, and ${given} too`,
    expected: 'one of the two',
    hint: `Leave ${given} out, or the samples.`,
  });
}

/**
 * Chooses what `learn: { layers: 'auto' }` stands for: among a head by sums (which asks for `learn.data`), the last layer and a
 * larger head by gradients. What the device holds no image of is refused, with the reason; of the rest `sets` of labelled samples
 * decide, one of each user, int8 as the network takes them, halves held out in turn; without any, memory and energy. Compile with
 * the `learn` that it returns. The same samples give the same choice on every machine. Errors: `E_LEARN` where nothing can be
 * had, `E_LABEL`; those of `compile`.
 */
export function chooseLearning(
  model: QuantizedNetwork,
  options: CompileOptions & { learn: LearnOptions },
  sets: readonly Samples[] = [],
  onCandidate?: (done: number, total: number) => void,
): LearningChoice {
  checkFields(model, 'a quantized network, as `importModel` gives it', 'tensors', 'ops', 'input', 'output');
  checkFields(options, 'options of `compile`, with { learn: { layers: "auto" } }', 'learn');
  const make = (network: QuantizedNetwork, own: CompileOptions = {}): Uint8Array =>
    compileForCharge(network, own).image;
  return choiceOf(model, options, sets, { make, onCandidate });
}
