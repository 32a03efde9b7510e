// Options of `compress`, checked, and what is not given filled in.
import {
  bytes,
  callback,
  capacitance,
  choice,
  energy,
  flag,
  instance,
  type Kind,
  list,
  outputFile,
  real,
  seedKind,
  text,
  whole,
} from '../options/kinds.js';
import { WEIGHT_TYPES, type WeightBits } from '../model/weight-types.js';
import { JOURNAL_FILE } from '../options/outputs.js';
import type { Quantity } from '../options/quantity.js';
import { checkOptions, type Table } from '../options/table.js';
import { policyKind } from '../plan/policy.js';
import { deviceKind } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';
import type { Augmentation } from './augment.js';
import { STRUCTURES, type Structure } from './candidates.js';
import { checkData, checkSizes, refuse } from './check-data.js';
import type { Budget } from './device-cost.js';
import { MOST_THREADS } from './desk-module.js';
import type { FloatNetwork, LabelledData } from './float-network.js';
import { elements, tensorShapes } from './layers.js';
import { METRICS, type Metric } from './metrics.js';
import type { Recipe } from './recipe.js';
import { rangeOf } from './rounding.js';
import { isSign, withSigns } from './signs.js';
import type { Method } from './structured.js';
import type { EpochReport } from './train.js';

/** What a run tells while it works. */
export interface CompressProgress {
  /** `sensitivity`, `search`, `candidates`, `structured training`, `training with rounding`, `journal`. */
  stage: string;
  text: string;
  done?: number;
  total?: number;
  report?: EpochReport;
}

/** Options of `compress`. */
export interface CompressOptions {
  /** Inputs as the network takes them, and their classes. */
  data: LabelledData;
  /** To report accuracy on, and for nothing else; default: a tenth of the data, left out of everything. */
  test?: LabelledData;
  name?: string;
  /** Names of the classes. */
  classes?: string[];
  /** Device profile; default `cortex-m4-generic`. */
  device?: string | DeviceProfile;
  /** In µF or as `'100nF'`; default the device's own. */
  capacitorUf?: Quantity;
  /** Bytes of the image's header, plan and constants; the firmware's code is on top; or as `'32KB'`. */
  flashBytes?: Quantity;
  /** Bytes of static data and arena, or as `'4KB'`. */
  sramBytes?: Quantity;
  /** Of one inference on steady power, simulated, in µJ or as `'2mJ'`. */
  energyUj?: Quantity;
  /** Commit policy of the image; default `auto`. */
  policy?: string;
  /** Default 1. */
  seed?: number;
  /**
   * Train what the search chooses from random weights, with rounding from the first epoch and batch normalisation in it, in
   * place of changing the network's own weights; default false.
   */
  fromScratch?: boolean;
  /** Of training with rounding, at the end; the other steps take shares of them. Default 30. */
  epochs?: number;
  /** Default 32. */
  batchSize?: number;
  /** Peak rate of Adam; default 0.002, from scratch 0.005. */
  learningRate?: number;
  /** Default 0.02, from scratch 0.05. */
  weightDecay?: number;
  /** Bits that a layer's weights may have, of 8, 4, 2 and 1; default 8, 4 and 2. */
  bits?: WeightBits[];
  /** From scratch; default 8. With 1 activations are −1 and 1, wherever convolutions or dense layers alone read them. */
  activationBits?: ActivationBits;
  /** What the search may do to structure: `any` (default), `circulant`, `channels`, `kernel`, `pattern` or `none`. */
  structure?: Structure;
  /** What choices are made by, and reported: `accuracy` (default), `macro-f1`, `auc`; `mae` (default) where data has targets. */
  metric?: Metric;
  augmentation?: Augmentation;
  mixup?: number;
  /** Share of the parent's answers in the loss; default 0.5, from scratch 0. */
  distillation?: number;
  /** How activations get their ranges; default `learned`. */
  ranges?: 'learned' | 'percentile';
  /** Ways of structured training to compare; default all: `projected`, `direct`, `admm`. */
  methods?: Exclude<Method, 'one-shot'>[];
  /** Threads that share the work of training; default 1. Any number gives the same bytes. */
  threads?: number;
  /** The model was made for channels first. */
  channelsFirst?: boolean;
  /** File that keeps the state of the run; it is removed at the end. */
  journal?: string;
  onProgress?: (progress: CompressProgress) => void;
}

export interface Settings {
  name: string;
  classes?: string[];
  policy?: string;
  channelsFirst: boolean;
  budget: Budget;
  recipe: Recipe;
  /** All but the test inputs: `training`, and `validation` to make choices on. */
  learning: LabelledData;
  training: LabelledData;
  validation: LabelledData;
  test: LabelledData;
  /** The test inputs are from the data. */
  heldOut: boolean;
  /** Widest first. */
  bits: WeightBits[];
  activationBits: ActivationBits;
  structure: Structure;
  metric: Metric;
  fromScratch: boolean;
  sensitivityData: LabelledData;
  sensitivityEpochs: number;
  candidateEpochs: number;
  structuredEpochs: number;
  epochs: number;
  methods: Exclude<Method, 'one-shot'>[];
  /** Everything here that results depend on, but the data. */
  key: string;
  onProgress?: (progress: CompressProgress) => void;
}

const METHODS = ['projected', 'direct', 'admm'] as const;

/** What a recipe is like unless options say otherwise: from the network's own weights, or from random ones. */
const USUAL = {
  own: { learningRate: 0.002, weightDecay: 0.02, distillation: 0.5 },
  random: { learningRate: 0.005, weightDecay: 0.05, distillation: 0 },
} as const;

const isData = (value: unknown): value is LabelledData =>
  typeof value === 'object' &&
  value !== null &&
  'inputs' in value &&
  ArrayBuffer.isView(value.inputs) &&
  'labels' in value &&
  ArrayBuffer.isView(value.labels);
const isChanges = (value: unknown): value is Augmentation =>
  typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'number');
const dataKind = instance('labelled data { inputs, labels }', isData);
const methods: Exclude<Method, 'one-shot'>[] = [...METHODS];

/** Widths of weights that kernels have, widest first. */
const WIDTHS: readonly WeightBits[] = Object.values(WEIGHT_TYPES)
  .map(({ bits }) => bits)
  .sort((a, b) => b - a);

/** Widths from a list or a range, such as 8,4 or 1..4: of a range those that kernels have. */
const bitsKind: Kind<WeightBits[]> = {
  expected:
    `bits of weights, of ${WIDTHS.join(', ')} (no kernel has 3, or ternary ones), ` +
    'as a list such as 8,2 or a range such as 1..4',
  placeholder: 'BITS',
  parse(written) {
    const range = /^([1-8])\.\.([1-8])$/.exec(written);
    const asked = range
      ? WIDTHS.filter((bits) => bits >= Number(range[1]) && bits <= Number(range[2]))
      : written.split(',').map(Number);
    return bitsKind.check(asked);
  },
  check: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((bits) => WIDTHS.includes(bits as WeightBits))
      ? WIDTHS.filter((bits) => value.includes(bits))
      : undefined,
  // What comes nearest to weights that no kernel has.
  right: (wrong) => (wrong === '3' ? '4,2' : wrong === 'ternary' ? '2' : '1..8'),
};

/** Bits that activations may have, as kernels take them. */
export type ActivationBits = 8 | 1;

const activationBitsKind: Kind<ActivationBits> = {
  expected: 'bits of activations, 8 or 1 (no kernel has 4)',
  placeholder: 'BITS',
  parse: (written) => activationBitsKind.check(/^\d$/.test(written) ? Number(written) : undefined),
  check: (value) => (value === 8 || value === 1 ? value : undefined),
  right: (wrong) => (wrong === '4' ? '8' : '1'),
};

export const compressOptions = {
  data: { kind: dataKind, required: true },
  test: { kind: dataKind },
  name: { kind: text('NAME', 'digits'), default: 'model' },
  classes: { kind: list(text('NAME', 'yes')), help: 'names of the classes, for reports' },
  device: { kind: deviceKind, default: 'cortex-m4-generic', help: 'device profile' },
  flashBytes: { kind: bytes, help: 'most bytes of the image (plan, weights, tables), such as 32KB' },
  sramBytes: { kind: bytes, help: 'most bytes of static data and arena, such as 4KB' },
  energyUj: { kind: energy, help: 'most of one inference on steady power, simulated, such as 2mJ' },
  capacitorUf: {
    kind: capacitance,
    help: 'capacitor before the device, such as 100uF',
    otherwise: 'the device’s',
  },
  fromScratch: {
    kind: flag,
    default: false,
    help: 'train what the search chooses from random weights, with rounding from the first epoch: best for few bits',
  },
  epochs: {
    kind: whole(1, 100_000),
    default: 30,
    help: 'of training with rounding; other steps take shares of it',
  },
  batchSize: { kind: whole(1, 65_536), default: 32, help: 'inputs in a batch', was: ['batch'] },
  learningRate: {
    kind: real(0, 1, { open: true, placeholder: 'R', example: '0.002' }),
    otherwise: `${USUAL.own.learningRate}, from scratch ${USUAL.random.learningRate}`,
    help: 'peak learning rate',
    was: ['rate'],
  },
  weightDecay: { kind: real(0, 1) },
  bits: { kind: bitsKind, default: [8, 4, 2] as WeightBits[], help: 'bits that a layer’s weights may have' },
  activationBits: {
    kind: activationBitsKind,
    default: 8 as ActivationBits,
    help: '1, with --from-scratch: hidden activations of −1 and 1, where kernels take them',
  },
  structure: {
    kind: choice(STRUCTURES),
    default: 'any',
    help: 'what may change of layers',
  },
  metric: {
    kind: choice(METRICS),
    otherwise: 'accuracy',
    help: 'what choices are made by: accuracy; macro-f1 or auc, where classes are unbalanced; mae of a regression',
  },
  augmentation: { kind: instance('numbers by kind of change', isChanges) },
  mixup: {
    kind: real(0, 1, { placeholder: 'S', example: '0.2' }),
    help: 'blend inputs in pairs, with shares up to this',
    otherwise: '0',
  },
  distillation: { kind: real(0, 1) },
  ranges: { kind: choice(['learned', 'percentile']), default: 'learned' },
  methods: { kind: list(choice(METHODS)), default: methods, help: 'structured training to compare' },
  seed: { kind: seedKind, default: 1, help: 'of everything random' },
  policy: { kind: policyKind, help: 'when to commit: every N, low, auto or never', otherwise: 'auto' },
  threads: {
    kind: whole(1, MOST_THREADS),
    default: 1,
    help: 'that share the work of training, as many as there are free cores; any number gives the same bytes',
  },
  channelsFirst: { kind: flag, default: false },
  journal: {
    kind: outputFile(JOURNAL_FILE, 'model.progress'),
    help: 'state of the run, to go on from',
    otherwise: 'the output’s name, .progress',
  },
  onProgress: { kind: callback<(progress: CompressProgress) => void>() },
} as const satisfies Table<CompressOptions>;

/** Inputs that sensitivity is learned on. */
const SENSITIVITY_INPUTS = 2000;

/** The members of a set. */
function pick({ inputs, labels, groups, targets }: LabelledData, members: readonly number[]): LabelledData {
  const rows = (values: Float32Array): Float32Array => {
    const size = values.length / labels.length;
    const picked = new Float32Array(members.length * size);
    members.forEach((member, i) => picked.set(values.subarray(member * size, (member + 1) * size), i * size));
    return picked;
  };
  return {
    inputs: rows(inputs),
    ...(targets ? { targets: rows(targets) } : {}),
    labels: Uint8Array.from(members, (member) => labels[member]!),
    ...(groups ? { groups: members.map((member) => groups[member]!) } : {}),
  };
}

/** Whether each input is every `nth` of its class. */
function everyNth(labels: Uint8Array, nth: number): boolean[] {
  const seen = new Map<number, number>();
  return Array.from(labels, (label) => {
    const count = (seen.get(label) ?? 0) + 1;
    seen.set(label, count);
    return count % nth === 0;
  });
}

/** Whether each input is of every fifth group, in the order in which they come; of the last one of fewer. */
function everyFifthGroup(groups: ArrayLike<number>): boolean[] {
  const all = [...new Set(Array.from(groups))];
  const nth = Math.min(5, all.length);
  const held = new Set(all.filter((_, i) => i % nth === nth - 1));
  return Array.from(groups, (group) => held.has(group));
}

/** Data in two: what stays, and what is held back, a share 1 / `nth` of each class, or whole groups. */
function split(data: LabelledData, nth: number): [LabelledData, LabelledData] {
  const isHeld = data.groups ? everyFifthGroup(data.groups) : everyNth(data.labels, nth);
  const members = (held: boolean): number[] => [...isHeld.keys()].filter((i) => isHeld[i] === held);
  const [kept, out] = [members(false), members(true)];
  if (kept.length === 0 || out.length === 0) {
    const expected = data.groups ? 'at least two groups' : `at least ${nth} of a class`;
    refuse('E_SHAPE', `${data.labels.length} inputs`, expected, 'Give more data.');
  }
  return [pick(data, kept), pick(data, out)];
}

/** The metric asked for, or the usual one of the data. Throws `E_OPTION` where it is none of such data. */
function metricOf(
  { layers }: FloatNetwork,
  {
    data,
    test,
    metric = data.targets ? 'mae' : 'accuracy',
  }: Pick<CompressOptions, 'data' | 'test' | 'metric'>,
): Metric {
  const isRegression = metric === 'mae';
  for (const set of [data, ...(test ? [test] : [])])
    if ((set.targets !== undefined) !== isRegression)
      refuse(
        'E_OPTION',
        `\`metric\` ${metric} for ${set.targets ? 'targets' : 'classes'}`,
        isRegression ? 'data with `targets`' : 'mae, as data has `targets`',
        isRegression ? 'Give targets, or leave `metric` out.' : "Give metric: 'mae', or leave it out.",
      );
  if (isRegression && layers.some(({ kind }) => kind === 'softmax'))
    refuse(
      'E_OPTION',
      '`metric` mae for a network with a softmax',
      'outputs that are numbers',
      'Take the softmax off.',
    );
  return metric;
}

/** Bits of activations. Throws `E_OPTION` where they cannot be signs. */
function activationBitsOf(
  { layers }: FloatNetwork,
  { activationBits, fromScratch }: { activationBits: ActivationBits; fromScratch: boolean },
): ActivationBits {
  if (activationBits === 8) return 8;
  if (!fromScratch)
    refuse(
      'E_OPTION',
      '`activationBits` 1 with the network’s own weights',
      '`fromScratch` with it: weights of other activations do not serve signs',
      'Give `fromScratch` (--from-scratch), or leave `activationBits` out.',
    );
  if (!withSigns(layers).some(isSign))
    refuse(
      'E_OPTION',
      '`activationBits` 1 for a network no activations of which can be signs',
      'a layer with an activation that convolutions or dense layers alone read, pools of maxima and reshapes between',
      'Leave `activationBits` out.',
    );
  return 1;
}

/** Checks options and data. Throws `E_OPTION`, `E_DEVICE`, `E_SHAPE`, `E_LABEL`, `E_INPUT_RANGE`, `E_BUDGET`. */
export function settingsOf(network: FloatNetwork, given: CompressOptions): Settings {
  const options = checkOptions(compressOptions, given);
  const { device, name, seed, epochs, methods } = options;
  const size = elements(network.inputShape);
  const classes = elements(tensorShapes(network.inputShape, network.layers).at(-1)!);
  checkData('training', options.data, size, classes);
  if (options.test) checkData('test', options.test, size, classes);
  checkSizes(options, classes);
  const metric = metricOf(network, options);
  const [learning, test] = options.test ? [options.data, options.test] : split(options.data, 10);
  const [training, validation] = split(learning, learning.labels.length < 2000 ? 5 : 10);
  const take = <K extends keyof typeof options>(...names: K[]): Pick<typeof options, K> =>
    Object.fromEntries(
      names.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
    ) as Pick<typeof options, K>;
  const budget: Budget = { device, ...take('capacitorUf', 'flashBytes', 'sramBytes', 'energyUj') };
  const { fromScratch } = options;
  const activationBits = activationBitsOf(network, options);
  const decisive: Recipe = {
    seed,
    batchSize: options.batchSize,
    ...USUAL[fromScratch ? 'random' : 'own'],
    ...take('learningRate', 'weightDecay', 'distillation'),
    ranges: options.ranges,
    inputRange: rangeOf(options.data.inputs),
    ...take('augmentation', 'mixup'),
  };
  const recipe: Recipe = { ...decisive, threads: options.threads };
  const step = Math.max(1, Math.floor(training.labels.length / SENSITIVITY_INPUTS));
  const few = Array.from({ length: Math.floor(training.labels.length / step) }, (_, i) => i * step);
  const counts = {
    sensitivityEpochs: Math.max(1, Math.min(2, Math.round(epochs / 15))),
    // From random weights few epochs tell nothing of what many come to.
    candidateEpochs: fromScratch ? epochs : Math.max(1, Math.round(epochs / 8)),
    structuredEpochs: Math.max(2, Math.round(epochs / 2)),
    epochs,
  };
  return {
    name,
    channelsFirst: options.channelsFirst,
    budget,
    recipe,
    learning,
    training,
    validation,
    test,
    heldOut: options.test === undefined,
    sensitivityData: pick(training, few),
    ...counts,
    methods,
    bits: options.bits,
    activationBits,
    structure: options.structure,
    metric,
    fromScratch,
    key: JSON.stringify([
      ...[budget, decisive, counts, methods, options.bits, options.structure, metric],
      ...[fromScratch, activationBits],
    ]),
    ...take('classes', 'policy', 'onProgress'),
  };
}
