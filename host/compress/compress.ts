// `compress`: from a trained float network to a proved image that fits a device and a charge (RAD, Islam et al., DATE
// 2022: resource-aware training). Sensitivity of each layer first, then a search under the budget, then structured training,
// then training with rounding; every step is kept in a journal, so that a run that was cut off goes on where it was.
import type { LowerFor } from '../compile/compile.js';
import { BrownoutError, ExitCode, checkFields } from '../error.js';
import { readImage } from '../model/image.js';
import { quantizeValues } from '../model/affine.js';
import { originOf } from '../origin.js';
import { estimatesOf } from '../profiles/estimates.js';
import { deviceProfile } from '../profiles/index.js';
import { moduleBytes } from '../toolchain/modules.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { run } from '../run/run.js';
import { layerOptions, type LayerOptions } from './candidates.js';
import { type CompressOptions, settingsOf, type Settings } from './compress-options.js';
import { costNetwork, deviceCost, type DeviceCost, excess, sharedOps, tryCost } from './device-cost.js';
import { type FloatNetwork, type LabelledData, parameterCount } from './float-network.js';
import { accuracy, forward } from './forward.js';
import { finalImage } from './final-image.js';
import { foldBatchNorm } from './fold.js';
import { trainFromScratch } from './from-scratch.js';
import { fingerprint, Journal } from './journal.js';
import { elements, hasWeights } from './layers.js';
import { levelsOf } from './levels.js';
import { gain, type Metric, qualityText } from './metrics.js';
import { quantize, quantizeAs } from './quantize.js';
import {
  epochLine,
  integerAnswers,
  roundingOf,
  type Score,
  scoreOutputs,
  scoreTrial,
  trainingOptions,
  trainStep,
  type Trial,
} from './recipe.js';
import {
  type CompressReport,
  decisionsOf,
  type Figures,
  type SensitivityRow,
  type TriedCandidate,
} from './compress-report.js';
import { type Candidate, search } from './search.js';
import { SharedBatches } from './shared-batches.js';
import { isSign, withSigns } from './signs.js';
import { bestOf, type MethodResult, trainStructured } from './structured.js';
import { applyChoices, type Choices, choiceText, type LayerChoice } from './transform.js';

/** What `compress` made: the image that fits the budget, and the networks it comes from. */
export interface CompressResult {
  /** The image, proved. */
  image: Uint8Array;
  /** The compressed network in float, before rounding, and in integers. */
  network: FloatNetwork;
  quantized: QuantizedNetwork;
  report: CompressReport;
  /** Images of the report's candidates that were trained, in their order, proved as well; of the chosen one it is `image`. */
  images: Uint8Array[];
}

/** Inputs on which the device's answers are compared with the trainer's. */
const COMPARED = 100;
/** Candidates of the search that are trained for a while. */
const FINALISTS = 5;
/** A candidate whose loss is so many times that of the best one so far, half-way, is trained no further. */
const HOPELESS = 2;
/** Share of the learning rate that training with rounding starts at. */
const ROUNDING_RATE = 0.4;
/** Commits and boot on top of kernels: what the search keeps free of the energy budget. */
const COMMIT_SHARE = 1.04;

/** All that a run works with. */
interface Bench {
  parent: FloatNetwork;
  settings: Settings;
  journal: Journal;
  /** Networks of choices, short of training, cost by cost, and what they share. */
  costs: Map<string, DeviceCost | string>;
  ops: LowerFor;
  /** Batches of the sensitivities' trainings, and of the candidates'. */
  shared: { alone: SharedBatches; candidates: SharedBatches };
}

const keyOf = (choices: Choices): string =>
  Object.entries(choices)
    .flatMap(([name, choice]) => (Object.keys(choice).length > 0 ? [`${name}=${choiceText(choice)}`] : []))
    .join(' ');

/** The network that choices make of the parent, as it is trained from random weights. */
function scratchNetwork({ parent, settings }: Bench, choices: Choices): FloatNetwork {
  const network = applyChoices(parent, choices);
  return settings.activationBits === 1 ? { ...network, layers: withSigns(network.layers) } : network;
}

function costOf(bench: Bench, choices: Choices): DeviceCost | string {
  const key = keyOf(choices);
  let cost = bench.costs.get(key);
  if (cost === undefined) {
    cost = tryCost(costNetwork(scratchNetwork(bench, choices), choices), bench.settings.budget, bench.ops);
    bench.costs.set(key, cost);
  }
  return cost;
}

/** What one change does on its own: the network's own weights trained for some epochs with rounding, scored in integers. */
function tryAlone({ parent, settings, journal, shared }: Bench, choices: Choices): Score {
  const { metric, recipe, sensitivityData, sensitivityEpochs: epochs, validation } = settings;
  return journal.once(`try ${epochs} ${keyOf(choices)}`, ['accuracy', 'loss', 'quality'], () => {
    const options = trainingOptions(recipe, epochs, { parent, rounding: roundingOf(recipe, choices) });
    const start = applyChoices(parent, choices, true);
    return scoreTrial(
      trainStep(new Journal(''), 'alone', start, sensitivityData, options, { shared: shared.alone }),
      validation,
      metric,
    );
  });
}

/**
 * A candidate trained with rounding, for a while or, from scratch, to the end, and kept in the journal: no further than
 * half-way, if its loss is far above the one `toBeat` then.
 */
function tryCandidate(bench: Bench, choices: Choices, toBeat: number): Trial {
  const { parent, journal, settings, shared } = bench;
  const { recipe, training, validation } = settings;
  const rounding = roundingOf(recipe, choices);
  const options = { ...trainingOptions(recipe, settings.candidateEpochs, { parent }), rounding };
  const key = `candidate ${keyOf(choices)}`;
  const halt = (half: Trial): boolean => scoreTrial(half, validation).loss > HOPELESS * toBeat;
  const how = { halt, shared: shared.candidates };
  if (settings.fromScratch)
    return trainFromScratch(scratchNetwork(bench, choices), training, options, { journal, key, ...how });
  return trainStep(journal, key, applyChoices(parent, choices, true), training, options, how);
}

/** What each option of each layer costs on its own, after a little training. */
function sensitivity(bench: Bench, layers: readonly LayerOptions[]): { base: Score; rows: SensitivityRow[] } {
  const { settings } = bench;
  const trials = layers.flatMap(({ name, structures, bits }) =>
    [...structures.slice(1), ...bits.filter((width) => width !== 8).map((width) => ({ bits: width }))].map(
      (choice): { name: string; choice: LayerChoice } => ({ name, choice }),
    ),
  );
  const base = tryAlone(bench, {});
  settings.onProgress?.({
    stage: 'sensitivity',
    text: `nothing changed: ${scoreText(base, settings.metric)}`,
    done: 0,
    total: trials.length,
  });
  const rows = trials.map(({ name, choice }, i): SensitivityRow => {
    const score = tryAlone(bench, { [name]: choice });
    const cost = costOf(bench, { [name]: choice });
    const text = `${name}, ${choiceText(choice)}: ${scoreText(score, settings.metric)}`;
    settings.onProgress?.({ stage: 'sensitivity', text, done: i + 1, total: trials.length });
    return {
      layer: name,
      choice,
      ...score,
      ...(typeof cost === 'string' ? {} : { flashBytes: cost.flashBytes, energyUj: cost.energyUj }),
    };
  });
  return { base, rows };
}

const scoreText = (score: Score, metric: Metric): string =>
  `${qualityText(metric, score)}, loss ${score.loss.toFixed(4)}`;

/** A candidate that was trained, and what it came to. */
interface TrainedCandidate {
  candidate: Candidate & Score;
  trial: Trial;
}

/** The search's front, and its most promising candidates after some training; throws `E_BUDGET`. */
function chooseCandidate(
  bench: Bench,
  layers: readonly LayerOptions[],
  base: Score,
  rows: readonly SensitivityRow[],
): { chosen: TrainedCandidate; tried: TrainedCandidate[]; untried: Candidate[]; all: Candidate[] } {
  const { settings } = bench;
  const { budget } = settings;
  const lossOf = (name: string, choice: LayerChoice): number => {
    const row = rows.find(
      (other) => other.layer === name && keyOf({ '': other.choice }) === keyOf({ '': choice }),
    );
    return row ? Math.max(0, row.loss - base.loss) : 0;
  };
  const tight =
    budget.energyUj === undefined ? budget : { ...budget, energyUj: budget.energyUj / COMMIT_SHARE };
  const cost = (choices: Choices): DeviceCost | undefined => {
    const found = costOf(bench, choices);
    return typeof found === 'string' ? undefined : found;
  };
  const { front, all } = search(layers, lossOf, cost, {
    budget: tight,
    seed: settings.recipe.seed,
    onCandidate: (count) =>
      count % 20 === 0 &&
      settings.onProgress?.({ stage: 'search', text: `${count} ways planned and metered` }),
  });
  const [best] = front;
  if (!best || best.excess > 0) throw overBudget(best?.cost, settings);
  const finalists = spread(front.slice(0, Math.ceil(front.length / 2)), FINALISTS);
  let least = Infinity;
  const tried = finalists.map((candidate, i): TrainedCandidate => {
    const trial = tryCandidate(bench, candidate.choices, least);
    const score = scoreTrial(trial, settings.validation, settings.metric);
    least = Math.min(least, score.loss);
    settings.onProgress?.({
      stage: 'candidates',
      text: `${keyOf(candidate.choices) || 'nothing changed'}: ${scoreText(score, settings.metric)}`,
      done: i + 1,
      total: finalists.length,
    });
    return { candidate: { ...candidate, ...score }, trial };
  });
  // Accuracy on few inputs hardly tells candidates apart that fit; their loss does. Where classes are unbalanced, it does not.
  const byLoss = settings.metric === 'accuracy';
  const chosen = tried.reduce((best, own) => {
    const [a, b] = [best.candidate, own.candidate];
    const better = (byLoss ? 0 : gain(settings.metric, a.quality, b.quality)) || a.loss - b.loss;
    return better > 0 ? own : best;
  });
  const untried = front.filter((candidate) => !finalists.includes(candidate));
  return { chosen, tried, untried, all };
}

/** `count` of a list in order, its ends among them. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]!);
}

function overBudget(cost: DeviceCost | undefined, { budget }: Settings): BrownoutError {
  const found = cost
    ? `${cost.flashBytes} bytes of flash, ${cost.sramBytes} of SRAM, ${(cost.energyUj / 1000).toFixed(3)} mJ (simulated) at best`
    : 'no way that the planner can lay out in so little';
  const most = [
    ...(budget.flashBytes === undefined ? [] : [`${budget.flashBytes} bytes of flash`]),
    ...(budget.sramBytes === undefined ? [] : [`${budget.sramBytes} of SRAM`]),
    ...(budget.energyUj === undefined ? [] : [`${budget.energyUj / 1000} mJ`]),
  ];
  return new BrownoutError({
    code: 'E_BUDGET',
    found,
    expected: `at most ${most.join(', ') || 'a charge of the device'}`,
    hint: 'Give more, a larger capacitor, or a smaller network to start from.',
  });
}

/** The parent's own figures: int8 as it is, if the device can have it. */
function figuresBefore({ parent, settings }: Bench): Figures {
  const { test, recipe, training } = settings;
  const count = Math.min(256, training.labels.length);
  const calibration = training.inputs.subarray(0, (training.inputs.length / training.labels.length) * count);
  const [minimum, maximum] = recipe.inputRange;
  const quantized = quantize(parent, { name: 'before', calibration, count, minimum, maximum });
  const { device, capacitorUf } = settings.budget;
  const cost = tryCost(quantized, { device, ...(capacitorUf === undefined ? {} : { capacitorUf }) });
  const parameters = parameterCount(parent);
  const { outputs } = forward(parent, test.inputs, test.labels.length);
  const score = scoreOutputs(outputs, test, settings.metric);
  return {
    accuracy: score.accuracy,
    quality: score.quality,
    parameters,
    weightBytes: 4 * parameters,
    ...(typeof cost === 'string' ? { refused: cost } : { cost }),
  };
}

/** The compressed network's figures. */
function figuresAfter(
  settings: Settings,
  trial: Trial,
  quantized: QuantizedNetwork,
  image: Uint8Array,
  cost: DeviceCost,
): Figures {
  const { metric, test } = settings;
  return {
    accuracy: scoreOutputs(integerAnswers(quantized, test.inputs), test, metric).accuracy,
    // Before a softmax, where there is one: as eight bits, shares of many inputs are equal.
    quality: scoreTrial(trial, test, metric).quality,
    parameters: parameterCount(trial.network),
    weightBytes: readImage(image).constants.bytes,
    cost,
  };
}

const testOf = ({
  accuracy: share,
  quality,
}: Pick<Score, 'accuracy' | 'quality'>): Required<TriedCandidate>['test'] => ({
  accuracy: share,
  quality,
});

/** Throws unless the device gives the trainer's last answers, bit for bit. */
function checkOnDevice(image: Uint8Array, quantized: QuantizedNetwork, test: LabelledData): number {
  const input = quantized.tensors[quantized.input]!;
  const size = elements(input.shape);
  const count = Math.min(COMPARED, test.labels.length);
  const values = test.inputs.subarray(0, count * size);
  const data = quantizeValues(values, input) as Int8Array;
  // The trainer's inputs have channels last, whatever the model took.
  const read = readImage(image);
  const { channelsFirst: _, ...preprocessing } = read.metadata.preprocessing;
  const plain = { ...read, metadata: { ...read.metadata, preprocessing } };
  const array = { dtype: 'int8' as const, shape: [count, ...input.shape], data };
  const { outputs, scale, zeroPoint } = run(plain, { input: array });
  const answers = integerAnswers(quantized, values);
  const device = Float32Array.from(outputs.flat(), (q) => (q - zeroPoint) * scale);
  const at = device.findIndex((value, i) => value !== answers[i]);
  if (at < 0) return count;
  throw new BrownoutError(
    {
      code: 'E_INTEGER',
      found: `an answer ${device[at]} of the device where the trainer has ${answers[at]} (value ${at})`,
      expected: 'the same integers',
      hint: 'This is a fault of brownout: please report the model.',
    },
    ExitCode.WRONG,
  );
}

/**
 * The chosen candidate trained to the end, with rounding, on all there is: from random weights, or from what structured training
 * by all methods came to.
 */
function trainChosen(bench: Bench, choices: Choices): { methods: MethodResult[]; trial: Trial } {
  const { settings, journal, parent } = bench;
  const { recipe, training: data } = settings;
  const onEpoch = (stage: string) => (report: Parameters<typeof epochLine>[0]) =>
    settings.onProgress?.({
      stage,
      text: epochLine(report),
      done: report.epoch,
      total: report.epochs,
      report,
    });
  const { fromScratch } = settings;
  const rounded = {
    ...trainingOptions(recipe, settings.epochs, { parent, share: fromScratch ? 1 : ROUNDING_RATE }),
    rounding: roundingOf(recipe, choices),
    onEpoch: onEpoch('training with rounding'),
  };
  if (fromScratch) {
    const step = { journal, key: 'final' };
    return {
      methods: [],
      trial: trainFromScratch(scratchNetwork(bench, choices), settings.learning, rounded, step),
    };
  }
  const structural = Object.values(choices).some(
    (choice) => choice.blockSize || choice.keep || choice.kernel || choice.pattern,
  );
  const methods = trainStructured(
    { journal, key: 'structured', data, recipe, parent, onEpoch: onEpoch('structured training') },
    choices,
    structural ? ['one-shot', ...settings.methods] : ['one-shot'],
    { epochs: settings.structuredEpochs, validation: settings.validation, metric: settings.metric },
  );
  const { network } = bestOf(methods, settings.metric);
  return { methods, trial: trainStep(journal, 'final', network, settings.learning, rounded) };
}

/** The journal of this very run: model, data and options. Says so where it has something already. */
function openJournal(parent: FloatNetwork, settings: Settings, path: string | undefined): Journal {
  const parts = parent.layers.flatMap((layer) => (hasWeights(layer) ? [layer.weights, layer.bias] : []));
  const { training, test, validation } = settings;
  const shapes = JSON.stringify(parent.layers, (_, value) =>
    ArrayBuffer.isView(value) ? undefined : (value as unknown),
  );
  const journal = new Journal(
    fingerprint([
      shapes,
      settings.key,
      ...parts,
      ...[training, validation, test].flatMap((set) => [set.inputs, set.targets ?? set.labels]),
    ]),
    path,
  );
  if (journal.size > 0)
    settings.onProgress?.({
      stage: 'journal',
      text: `going on from ${path}: ${journal.size} steps done`,
    });
  return journal;
}

/**
 * Compresses a trained float network for a device, and proves the image. Deterministic: the same network, data, options and
 * seed give the same bytes, whether or not the run was cut off and went on from its journal. Throws `E_BUDGET` where
 * nothing fits, `E_DIVERGED`, `E_SHAPE`, `E_LABEL`, `E_NETWORK`, `E_OPTION`, `E_JOURNAL`.
 */
export function compress(network: FloatNetwork, options: CompressOptions): CompressResult {
  checkFields(network, 'a float network, as `fromGraph` gives it', 'inputShape', 'layers');
  const parent = foldBatchNorm(network);
  const settings = settingsOf(parent, options);
  const journal = openJournal(parent, settings, options.journal);
  const bench: Bench = {
    parent,
    settings,
    journal,
    costs: new Map(),
    ops: sharedOps(),
    shared: { alone: new SharedBatches(), candidates: new SharedBatches() },
  };
  try {
    return compressed(bench);
  } catch (error) {
    // The same command would end here again, another one could not go on from it.
    if (error instanceof BrownoutError && ['E_BUDGET', 'E_DIVERGED'].includes(error.code)) journal.close();
    throw error;
  }
}

function compressed(bench: Bench): CompressResult {
  const { parent, settings, journal } = bench;
  const { training, test, validation } = settings;
  const layers = layerOptions(parent, settings.bits, settings.structure, settings.fromScratch);
  const { base, rows } = sensitivity(bench, layers);
  const { chosen, tried, untried, all } = chooseCandidate(bench, layers, base, rows);
  const { choices } = chosen.candidate;
  const { methods, trial } = trainChosen(bench, choices);
  const quantized = quantizeAs(trial.network, trial.scheme!, settings.name);
  const image = finalImage(quantized, settings);
  const compared = checkOnDevice(image, quantized, test);
  const cost = deviceCost(quantized, settings.budget);
  const after = figuresAfter(settings, trial, quantized, image, cost);
  if (excess(cost, settings.budget) > 0) throw overBudget(cost, settings);
  const profile = deviceProfile(settings.budget.device);
  const best = methods.length > 0 ? bestOf(methods, settings.metric) : undefined;
  const before = figuresBefore(bench);
  const structured = methods.length > 1 ? { structured: best!.network } : {};
  const report: CompressReport = {
    name: settings.name,
    metric: settings.metric,
    fromScratch: settings.fromScratch,
    signs: trial.network.layers.filter(isSign).map(({ name }) => name),
    seed: settings.recipe.seed,
    origin: originOf({ image, module: moduleBytes('device'), seed: settings.recipe.seed }),
    estimates: estimatesOf(profile),
    budget: { ...settings.budget, device: profile.name },
    data: {
      training: training.labels.length,
      validation: validation.labels.length,
      test: test.labels.length,
      heldOut: settings.heldOut,
    },
    before,
    after,
    floatAccuracy: test.targets ? 0 : accuracy(trial.network, test),
    base,
    layers: decisionsOf(parent, layers, choices, rows, base, cost, settings.metric),
    levels: levelsOf({ parent, settings, choices, ...structured, quantized, before, after }),
    sensitivity: rows,
    candidates: [
      ...tried.map((own) => ({
        ...own.candidate,
        test: testOf(own === chosen ? after : scoreTrial(own.trial, test, settings.metric)),
        chosen: own === chosen,
      })),
      ...untried.map((candidate) => ({ ...candidate, chosen: false })),
    ],
    searched: all.map(({ predictedLoss, cost: { flashBytes, energyUj }, excess: over }) => ({
      predictedLoss,
      flashBytes,
      energyUj,
      fits: over === 0,
    })),
    methods: methods.map(({ network: _, ...method }) => ({
      ...method,
      chosen: method.method === best?.method,
    })),
    compared,
    proof: readImage(image).metadata.proof ?? null,
  };
  const images = tried.map((own) => {
    if (own === chosen) return image;
    return finalImage(quantizeAs(own.trial.network, own.trial.scheme!, settings.name), settings);
  });
  journal.close();
  return { image, network: trial.network, quantized, report, images };
}
