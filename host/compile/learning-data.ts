// What learning starts from and is tuned on, out of files, and what is said of it.
import { noLabels, readSamples } from '../data/samples.js';
import type { ReadAs } from '../data/model-input.js';
import { BrownoutError } from '../error.js';
import { AUTO } from '../learning/options.js';
import type { LearnOptions } from '../learning/spec.js';
import type { Image } from '../model/image.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { count } from '../report/text.js';
import type { LearningCandidate, LearningChoice } from './choose-learning.js';
import type { CompileOptions } from './options.js';
import { chooseLearning, type LearningTuning, tuneLearning } from './tune-learning.js';

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

/** What is learnt, with its data; what was tuned, and what was chosen where that was asked for. */
export interface LearningPlanned {
  tuning: LearningTuning;
  choice: LearningChoice | undefined;
}

/**
 * `options.learn` with its data, and what it leaves open chosen on samples to tune on. `plain`: an image that says what inputs
 * are.
 */
export function learningWith(
  network: QuantizedNetwork,
  options: CompileOptions & { learn: LearnOptions },
  { learnData, tuneData }: LearningFiles,
  given: {
    plain: Image | undefined;
    as: ReadAs | undefined;
    progress: (done: number, total: number) => void;
  },
): LearningPlanned {
  const { plain, as, progress } = given;
  const read = (path: string): Labelled => labelledSamples(path, plain!, as);
  const learn = { ...options.learn, ...(learnData === undefined ? {} : { data: read(learnData) }) };
  const sets = tuneData?.map(read);
  if (learn.layers.trim() === AUTO) {
    const choice = chooseLearning(network, { ...options, learn }, sets, progress);
    return { tuning: { learn: choice.learn, trials: [] }, choice };
  }
  const tuning = sets ? tuneLearning(network, learn, sets, progress) : { learn, trials: [] };
  return { tuning, choice: undefined };
}

/** What `auto` was chosen among, and why; null where it was not asked for. */
function choiceJson(choice: LearningChoice | undefined): object | null {
  if (!choice) return null;
  const { learn, ...rest } = choice;
  const { prior, ridge, learningRate } = learn;
  return { ...rest, tuned: { prior, ridge, learningRate } };
}

function candidateText({
  layers,
  refused,
  learningBytes,
  labelUj,
  accuracy,
  deviation,
}: LearningCandidate): string {
  if (refused !== undefined) return `${layers}: ${refused}`;
  const right = accuracy === undefined ? '' : `${percent(accuracy)} ± ${percent(deviation!)} % right, `;
  return `${layers}: ${right}${(labelUj! / 1000).toPrecision(3)} mJ a label, ${count(learningBytes!)} B of NVM`;
}

const OF_SAMPLES: Record<LearningChoice['samples'], string> = {
  user: 'samples held out, ',
  factory: 'the factory’s data held out, ',
  none: '',
};

/** Lines of what `auto` stands for: each way that was considered, then the choice and why; none where it was not asked for. */
export function choiceText(choice: LearningChoice | undefined): string[] {
  if (!choice) return [];
  const { candidates, chosen, reason, samples, unadapted } = choice;
  const without = unadapted === undefined ? '' : `; without learning ${percent(unadapted)} %`;
  return [
    `--learn auto: ${chosen}: ${reason}`,
    `considered (${OF_SAMPLES[samples]}simulated at the desk${without}):`,
    ...candidates.map((one) => `  ${candidateText(one)}`),
  ];
}

/** What was chosen, and all that was tried; null where nothing was. */
function tuningJson({ learn: { prior, ridge, learningRate }, trials }: LearningTuning): object | null {
  return trials.length === 0 ? null : { chosen: { prior, ridge, learningRate }, trials };
}

const percent = (share: number): string => (100 * share).toFixed(1);

/** A line of what was chosen on the user's samples, and how far apart trials were; none where nothing was tried. */
function tuningText({ learn: { prior, ridge, learningRate }, trials }: LearningTuning): string[] {
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

/** What was tuned, and what `auto` was chosen among; null where neither was asked for. */
export const learningJson = (
  planned: LearningPlanned | undefined,
): { tuning: object | null; choice: object | null } => ({
  tuning: planned ? tuningJson(planned.tuning) : null,
  choice: choiceJson(planned?.choice),
});

/** Lines of the same. */
export const learningText = (planned: LearningPlanned | undefined): string[] =>
  planned ? [...choiceText(planned.choice), ...tuningText(planned.tuning)] : [];
