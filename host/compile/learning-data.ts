// What learning starts from and is tuned on, out of files, and what is said of it.
import { noLabels, readSamples } from '../data/samples.js';
import type { ReadAs } from '../data/model-input.js';
import { BrownoutError } from '../error.js';
import type { LearnOptions } from '../learning/spec.js';
import type { Image } from '../model/image.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { type LearningTuning, tuneLearning } from './tune-learning.js';

type Labelled = NonNullable<LearnOptions['data']>;

export interface LearningFiles {
  learnData?: string | undefined;
  tuneData?: string[] | undefined;
}

/** Throws `E_OPTION` for data of learning that nobody asked for. */
export function checkLearningData(
  { learnData, tuneData }: LearningFiles,
  learn: LearnOptions | undefined,
): void {
  if (learn !== undefined || (learnData ?? tuneData) === undefined) return;
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `--${learnData === undefined ? 'tune-data' : 'learn-data'} without --learn`,
    expected: 'what is to be learnt',
    hint: 'Say `--learn sums`, or leave the data out.',
  });
}

/** Labelled samples as `image` takes them. Throws `E_DATASET` where they have no labels. */
function labelledSamples(path: string, image: Image, as: ReadAs | undefined): Labelled {
  const { inputs, labels } = readSamples(path, image, as ? { as } : {});
  if (!labels) return noLabels(path);
  return inputs.map((input, i) => ({ input: input as Int8Array, label: labels[i]! }));
}

/** `learn` with its data, and what it leaves open chosen on samples to tune on. `plain`: an image that says what inputs are. */
export function learningWith(
  network: QuantizedNetwork,
  learn: LearnOptions,
  { learnData, tuneData }: LearningFiles,
  given: {
    plain: Image | undefined;
    as: ReadAs | undefined;
    progress: (done: number, total: number) => void;
  },
): LearningTuning {
  const { plain, as, progress } = given;
  const read = (path: string): Labelled => labelledSamples(path, plain!, as);
  const whole = { ...learn, ...(learnData === undefined ? {} : { data: read(learnData) }) };
  return tuneData ? tuneLearning(network, whole, tuneData.map(read), progress) : { learn: whole, trials: [] };
}

/** What was chosen, and all that was tried; null where nothing was. */
export function tuningJson({ learn: { prior, ridge, learningRate }, trials }: LearningTuning): object | null {
  return trials.length === 0 ? null : { chosen: { prior, ridge, learningRate }, trials };
}

const percent = (share: number): string => (100 * share).toFixed(1);

/** A line of what was chosen on the user's samples, and how far apart trials were; none where nothing was tried. */
export function tuningText({ learn: { prior, ridge, learningRate }, trials }: LearningTuning): string[] {
  if (trials.length === 0) return [];
  const chosen = trials.find((trial) =>
    'prior' in trial ? trial.prior === prior && trial.ridge === ridge : trial.learningRate === learningRate,
  )!;
  const worst = trials.reduce((a, b) => (b.accuracy < a.accuracy ? b : a));
  const spread = 'deviation' in chosen ? ` ± ${percent(chosen.deviation)}` : '';
  const what = 'prior' in chosen ? `prior ${prior}, ridge ${ridge}` : `learning rate 1/${1 / learningRate!}`;
  const right = `${percent(chosen.accuracy)}${spread} % right`;
  const others = `worst of ${trials.length} trials ${percent(worst.accuracy)} %`;
  return [`tuned on samples held out: ${what}: ${right} (${others}; simulated at the desk)`];
}
