// Options of `compress`, checked, and what is not given filled in.
import { BrownoutError } from '../error.js';
import { checkPolicy } from '../plan/policy.js';
import { deviceProfile } from '../profiles/index.js';
import type { Augmentation } from './augment.js';
import type { Budget } from './device-cost.js';
import type { FloatNetwork, LabelledData } from './float-network.js';
import { elements, tensorShapes } from './layers.js';
import type { Recipe } from './recipe.js';
import { rangeOf } from './rounding.js';
import type { Method } from './structured.js';
import type { EpochReport } from './train.js';

/** What a run tells while it works. */
export interface CompressProgress {
  /** `sensitivity`, `search`, `candidates`, `structured training`, `training with rounding`, `checkpoint`. */
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
  device?: string;
  capacitorUf?: number;
  /** Bytes of the image's header, plan and constants; the firmware's code is on top. */
  flashBytes?: number;
  /** Bytes of static data and arena. */
  sramBytes?: number;
  /** Of one inference on steady power, simulated. */
  energyUj?: number;
  /** Commit policy of the image; default `auto`. */
  policy?: string;
  /** Default 1. */
  seed?: number;
  /** Of training with rounding, at the end; the other steps take shares of them. Default 30. */
  epochs?: number;
  /** Default 32. */
  batchSize?: number;
  /** Peak rate of Adam; default 0.002. */
  learningRate?: number;
  /** Default 0.02. */
  weightDecay?: number;
  augmentation?: Augmentation;
  mixup?: number;
  /** Share of the parent's answers in the loss; default 0.5. */
  distillation?: number;
  /** How activations get their ranges; default `learned`. */
  ranges?: 'learned' | 'percentile';
  /** Ways of structured training to compare; default all: `projected`, `direct`, `admm`. */
  methods?: Exclude<Method, 'one-shot'>[];
  /** The model was made for channels first. */
  channelsFirst?: boolean;
  /** File that keeps the state of the run; it is removed at the end. */
  checkpoint?: string;
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

const OPTIONS = [
  ...[
    'data',
    'test',
    'name',
    'classes',
    'device',
    'capacitorUf',
    'flashBytes',
    'sramBytes',
    'energyUj',
    'policy',
  ],
  ...['seed', 'epochs', 'batchSize', 'learningRate', 'weightDecay', 'augmentation', 'mixup', 'distillation'],
  ...['ranges', 'methods', 'channelsFirst', 'checkpoint', 'onProgress'],
];
const METHODS = ['projected', 'direct', 'admm'] as const;
/** Inputs that sensitivity is learned on. */
const SENSITIVITY_INPUTS = 2000;

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

function check(options: CompressOptions): void {
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  const wrong = (found: string, expected: string): never =>
    refuse('E_OPTION', found, expected, 'Leave it out for the default.');
  if (unknown !== undefined) wrong(`option "${unknown}"`, OPTIONS.join(', '));
  const whole = ['seed', 'epochs', 'batchSize', 'flashBytes', 'sramBytes'] as const;
  for (const name of whole) {
    const value = options[name];
    const least = name === 'seed' ? 0 : 1;
    if (value !== undefined && !(Number.isInteger(value) && value >= least && value < 2 ** 32))
      wrong(`${name} ${value}`, `a whole number from ${least} on`);
  }
  for (const name of ['energyUj', 'capacitorUf', 'learningRate'] as const) {
    const value = options[name];
    if (value !== undefined && !(value > 0 && value < Infinity))
      wrong(`${name} ${value}`, 'a number above 0');
  }
  for (const name of ['distillation', 'mixup', 'weightDecay'] as const) {
    const value = options[name];
    if (value !== undefined && !(value >= 0 && value <= 1)) wrong(`${name} ${value}`, 'a number from 0 to 1');
  }
  const method = options.methods?.find((name) => !METHODS.includes(name));
  if (method !== undefined || options.methods?.length === 0)
    wrong(`methods [${options.methods}]`, METHODS.join(', '));
  if (options.policy !== undefined) checkPolicy(options.policy);
}

function checkData(
  what: string,
  { inputs, labels, groups }: LabelledData,
  size: number,
  classes: number,
): void {
  const hint = 'Give inputs as the network takes them, a label for each.';
  if (labels.length === 0 || inputs.length !== labels.length * size)
    refuse(
      'E_SHAPE',
      `${inputs.length} ${what} values for ${labels.length} labels`,
      `${size} for each`,
      hint,
    );
  if (groups && groups.length !== labels.length)
    refuse('E_SHAPE', `${groups.length} groups for ${labels.length} inputs`, 'one for each', hint);
  const label = labels.find((value) => value >= classes);
  if (label !== undefined)
    refuse(
      'E_LABEL',
      `label ${label}`,
      `labels below ${classes}, the network's outputs`,
      'Labels count from 0.',
    );
  const at = inputs.findIndex((value) => !Number.isFinite(value));
  if (at >= 0)
    refuse('E_INPUT_RANGE', `${inputs[at]} in ${what} input ${Math.floor(at / size)}`, 'numbers', hint);
}

/** The members of a set. */
function pick({ inputs, labels, groups }: LabelledData, members: readonly number[]): LabelledData {
  const size = inputs.length / labels.length;
  const picked = new Float32Array(members.length * size);
  members.forEach((member, i) => picked.set(inputs.subarray(member * size, (member + 1) * size), i * size));
  return {
    inputs: picked,
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

/** Checks options and data. Throws `E_OPTION`, `E_DEVICE`, `E_SHAPE`, `E_LABEL`, `E_INPUT_RANGE`. */
export function settingsOf(network: FloatNetwork, options: CompressOptions): Settings {
  check(options);
  const {
    device = 'cortex-m4-generic',
    name = 'model',
    seed = 1,
    epochs = 30,
    methods = [...METHODS],
  } = options;
  deviceProfile(device);
  const size = elements(network.inputShape);
  const classes = elements(tensorShapes(network.inputShape, network.layers).at(-1)!);
  checkData('training', options.data, size, classes);
  if (options.test) checkData('test', options.test, size, classes);
  const [learning, test] = options.test ? [options.data, options.test] : split(options.data, 10);
  const [training, validation] = split(learning, learning.labels.length < 2000 ? 5 : 10);
  const given = <K extends keyof CompressOptions>(...names: K[]): Pick<CompressOptions, K> =>
    Object.fromEntries(
      names.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
    ) as Pick<CompressOptions, K>;
  const budget: Budget = { device, ...given('capacitorUf', 'flashBytes', 'sramBytes', 'energyUj') };
  const recipe: Recipe = {
    seed,
    batchSize: options.batchSize ?? 32,
    learningRate: options.learningRate ?? 0.002,
    weightDecay: options.weightDecay ?? 0.02,
    distillation: options.distillation ?? 0.5,
    ranges: options.ranges ?? 'learned',
    inputRange: rangeOf(options.data.inputs),
    ...given('augmentation', 'mixup'),
  };
  const step = Math.max(1, Math.floor(training.labels.length / SENSITIVITY_INPUTS));
  const few = Array.from({ length: Math.floor(training.labels.length / step) }, (_, i) => i * step);
  const counts = {
    sensitivityEpochs: Math.max(1, Math.min(2, Math.round(epochs / 15))),
    candidateEpochs: Math.max(1, Math.round(epochs / 8)),
    structuredEpochs: Math.max(2, Math.round(epochs / 2)),
    epochs,
  };
  return {
    name,
    channelsFirst: options.channelsFirst ?? false,
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
    key: JSON.stringify([budget, recipe, counts, methods]),
    ...given('classes', 'policy', 'onProgress'),
  };
}
