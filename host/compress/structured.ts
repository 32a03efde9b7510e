// Four ways to a network of the chosen structure, in the same number of epochs, from the same parent: projected once and
// left alone; projected once and trained on; trained from random weights; and brought there by ADMM (RAD).
import type { Constraint } from './constraint.js';
import type { FloatNetwork, LabelledData } from './float-network.js';
import { forward } from './forward.js';
import { initialise } from './initialise.js';
import type { Journal } from './journal.js';
import { gain, type Metric } from './metrics.js';
import { type Recipe, type Score, scoreOutputs, trainingOptions, trainStep, type Trial } from './recipe.js';
import type { Residuals } from './admm.js';
import type { EpochReport, TrainingOptions } from './train.js';
import { applyChoices, type Choices, constraintsOf } from './transform.js';

/** `one-shot` is not trained after projection: it is there to compare with. */
export type Method = 'one-shot' | 'projected' | 'direct' | 'admm';

/** What one method of compression came to. */
export interface MethodResult extends Score {
  method: Method;
  network: FloatNetwork;
  /** It was hopeless half-way, and went no further. */
  stopped: boolean;
  /** Of ADMM, before the hard projection. */
  residuals?: Residuals;
}

/** What is this many times as far from the labels half-way as the first way was, ends there. */
const HOPELESS = 1.5;

/** The penalty of the last epoch, and how it grows towards it from epoch to epoch. */
const MOST_RHO = 6;
const GROWTH = 1.6;

/** `choices` without circulant blocks, or with nothing else. */
function part(choices: Choices, circulant: boolean): Choices {
  return Object.fromEntries(
    Object.entries(choices).filter(([, { blockSize = 1 }]) => blockSize > 1 === circulant),
  );
}

interface Step {
  journal: Journal;
  key: string;
  data: LabelledData;
  recipe: Recipe;
  parent: FloatNetwork;
  onEpoch?: (report: EpochReport) => void;
}

/** One run of ADMM from `network`, to within reach of the constraints. */
function approach(
  step: Step,
  network: FloatNetwork,
  constraints: Record<string, Constraint>,
  epochs: number,
): { network: FloatNetwork; residuals: Residuals } {
  let rho = MOST_RHO;
  for (let epoch = 1; epoch < epochs; epoch++) rho /= GROWTH;
  let last: Residuals = { primal: 0, dual: 0 };
  const options: TrainingOptions = {
    ...trainingOptions(step.recipe, epochs, { parent: step.parent, share: 0.5 }),
    admm: { constraints, rho, growth: GROWTH, mostRho: MOST_RHO },
    onEpoch(report) {
      last = report.residuals ?? last;
      step.onEpoch?.(report);
    },
  };
  const trained = trainStep(step.journal, step.key, network, step.data, options);
  const residuals = step.journal.once(`${step.key} residuals`, ['primal', 'dual'], () => last);
  return { network: trained.network, residuals };
}

function byAdmm(
  step: Step,
  choices: Choices,
  epochs: number,
): { start: FloatNetwork; residuals: Residuals; spent: number } {
  const { prune, circulant } = constraintsOf(step.parent, choices);
  const phases = [prune, circulant].filter((constraints) => Object.keys(constraints).length > 0).length;
  const each = Math.max(1, Math.floor(epochs / 2 / Math.max(1, phases)));
  let network = step.parent;
  let residuals: Residuals = { primal: 0, dual: 0 };
  if (Object.keys(prune).length > 0) {
    const found = approach({ ...step, key: `${step.key} prune` }, network, prune, each);
    residuals = found.residuals;
    network = applyChoices(found.network, part(choices, false));
  }
  if (Object.keys(circulant).length > 0) {
    // Pruning does not change which blocks are asked for.
    const found = approach({ ...step, key: `${step.key} circulant` }, network, circulant, each);
    residuals = found.residuals;
    network = applyChoices(found.network, part(choices, true));
  }
  return { start: network, residuals, spent: each * phases };
}

/** Runs the methods asked for; `validation` decides. The results are in the order of the methods. */
export function trainStructured(
  step: Step,
  choices: Choices,
  methods: readonly Method[],
  { epochs, validation, metric }: { epochs: number; validation: LabelledData; metric: Metric },
): MethodResult[] {
  const projected = applyChoices(step.parent, choices);
  const score = (network: FloatNetwork): Score =>
    scoreOutputs(forward(network, validation.inputs, validation.labels.length).outputs, validation, metric);
  /** Loss of the first way that is trained, half-way. */
  let measure: number | undefined;
  return methods.map((method): MethodResult => {
    const key = `${step.key} ${method}`;
    const own = { ...step, key };
    const finish = (start: FloatNetwork, left: number): Pick<MethodResult, 'network' | 'stopped'> => {
      const options = trainingOptions(step.recipe, left, { parent: step.parent });
      const reporting = step.onEpoch ? { ...options, onEpoch: step.onEpoch } : options;
      const lossOf = (now: FloatNetwork): number =>
        step.journal.once(`${key} half`, ['loss'], () => ({ loss: score(now).loss })).loss;
      const isHopeless = (loss: number): boolean => measure !== undefined && loss > HOPELESS * measure;
      const halt = (half: Trial): boolean => isHopeless(lossOf(half.network));
      const { network } = trainStep(step.journal, `${key} train`, start, step.data, reporting, { halt });
      // One epoch has no half: its end is what is compared.
      const loss = lossOf(network);
      const stopped = isHopeless(loss);
      measure ??= loss;
      return { network, stopped };
    };
    if (method === 'one-shot') return { method, network: projected, stopped: false, ...score(projected) };
    if (method === 'admm') {
      const { start, residuals, spent } = byAdmm(own, choices, epochs);
      const trained = finish(start, Math.max(1, epochs - spent));
      return { method, ...trained, residuals, ...score(trained.network) };
    }
    const fresh = method === 'direct';
    const start = fresh ? initialise(projected, step.recipe.seed) : applyChoices(step.parent, choices, true);
    const trained = finish(start, epochs);
    return { method, ...trained, ...score(trained.network) };
  });
}

/** The method whose network is the best by the metric, then of least loss. */
export function bestOf(results: readonly MethodResult[], metric: Metric): MethodResult {
  return results.reduce((a, b) => ((gain(metric, a.quality, b.quality) || a.loss - b.loss) > 0 ? b : a));
}
