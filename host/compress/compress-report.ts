// What `compress` found and decided: one object, which tables, pages and --json print.
import type { Origin } from '../origin.js';
import type { Estimate } from '../profiles/estimates.js';
import type { Proof } from '../model/metadata.js';
import type { LayerOptions } from './candidates.js';
import type { Budget, DeviceCost } from './device-cost.js';
import type { FloatNetwork } from './float-network.js';
import { hasWeights } from './layers.js';
import { type Metric, qualityText } from './metrics.js';
import type { Score } from './recipe.js';
import type { Candidate } from './search.js';
import type { MethodResult } from './structured.js';
import { applyChoices, type Choices, type LayerChoice } from './transform.js';

/** How good a network is and what it takes, before or after compression. */
export interface Figures {
  /** On the test inputs; after: of the device's integers. 0 where there are no classes. */
  accuracy: number;
  /** The metric that choices were made by, on the test inputs likewise. */
  quality: number;
  parameters: number;
  /** Before: of float32 parameters. After: of all constants, with biases, scales and spectra. */
  weightBytes: number;
  /** Before: of int8 as it is, without a budget. Energy and latency are simulated. */
  cost?: DeviceCost;
  /** Why the device cannot have it. */
  refused?: string;
}

/** Where a network is on its way from the parent to the image; each level has all that comes before it. */
type Level = 'parent' | 'model' | 'arithmetic' | 'implementation';

/** A network at one level. */
export interface LevelRow {
  level: Level;
  /** Counted: of float32 parameters for parent and model; then all constants of an image. */
  weightBytes: number;
  /** Of an inference, simulated; of parent and model in int8. Absent where the device cannot have it. */
  energyUj?: number;
  /** The metric on the test inputs, measured, with the parent's own weights; floats for parent and model. */
  untrained: number;
  /** The same as it was trained; absent where nothing was trained for this level alone. */
  trained?: number;
}

/** What one option of one layer does on its own, after a little training. */
export interface SensitivityRow extends Score {
  layer: string;
  choice: LayerChoice;
  flashBytes?: number;
  energyUj?: number;
}

/** A candidate of the search; those that were trained have a score on the validation inputs. */
export interface TriedCandidate extends Candidate, Partial<Score> {
  /** In the device's integers on the test inputs, which no choice is made by. */
  test?: Pick<Score, 'accuracy' | 'quality'>;
}

/** What was chosen for one layer, and why. */
export interface LayerDecision {
  layer: string;
  kind: string;
  choice: LayerChoice;
  weightsBefore: number;
  weightsAfter: number;
  /** Of its op on the device: simulated. */
  energyUj?: number;
  why: string;
}

/** What `brownout compress --json` prints: what was tried, decided and measured. Energy and latency are simulated. */
export interface CompressReport {
  /** The image is the one made. */
  origin: Origin;
  /** Constants of the device that are estimates: energy and time rest on them. */
  estimates: Estimate[];
  name: string;
  /** What choices were made by. */
  metric: Metric;
  /** The network was trained from random weights, with rounding from the first epoch. */
  fromScratch: boolean;
  /** Layers whose outputs are −1 and 1. */
  signs: string[];
  seed: number;
  budget: Omit<Budget, 'device'> & { device: string };
  data: { training: number; validation: number; test: number; heldOut: boolean };
  before: Figures;
  after: Figures;
  /** Of the compressed network without rounding, on the test inputs. */
  floatAccuracy: number;
  /** Of the parent, rounded to int8, after as little training as the sensitivities had: on the validation inputs. */
  base: Score;
  layers: LayerDecision[];
  /** What model, arithmetic and implementation gain, with and without training. */
  levels: LevelRow[];
  sensitivity: SensitivityRow[];
  /** The search's front, those trained first: for a while, from scratch to the end. */
  candidates: (TriedCandidate & { chosen: boolean })[];
  /** All that the search planned and metered. */
  searched: { predictedLoss: number; flashBytes: number; energyUj: number; fits: boolean }[];
  methods: (Omit<MethodResult, 'network'> & { chosen: boolean })[];
  /** Test inputs on which the device gave the trainer's answers, bit for bit: all that were compared. */
  compared: number;
  proof: Proof | null;
}

const same = (a: LayerChoice, b: LayerChoice): boolean =>
  a.blockSize === b.blockSize &&
  a.keep === b.keep &&
  a.pattern === b.pattern &&
  `${a.kernel}` === `${b.kernel}`;

/** Why a layer is as it is: what its options cost on their own. */
function reason(
  { name, notPrunable, structures }: LayerOptions,
  choice: LayerChoice,
  rows: readonly SensitivityRow[],
  base: Score,
  metric: Metric,
): string {
  const own = rows.filter(({ layer }) => layer === name);
  const change = (row: SensitivityRow): string => {
    const delta = row.loss - base.loss;
    const quality = `${qualityText(metric, row)} instead of ${qualityText(metric, base)}`;
    return `loss ${delta < 0 ? '−' : '+'}${Math.abs(delta).toFixed(4)}, ${quality}`;
  };
  const parts: string[] = [];
  const structure = own.find((row) => row.choice.bits === undefined && same(row.choice, choice));
  if (structure) {
    parts.push(`alone: ${change(structure)}`);
    const stronger = own.filter((row) => (row.flashBytes ?? Infinity) < (structure.flashBytes ?? 0));
    const next = stronger.sort((a, b) => a.loss - b.loss)[0];
    if (next) parts.push(`the next smaller: ${change(next)}`);
  } else if (structures.length === 1) parts.push('too small to change');
  else {
    const cheapest = own.filter((row) => row.choice.bits === undefined).sort((a, b) => a.loss - b.loss)[0];
    if (cheapest) parts.push(`kept: the mildest change has ${change(cheapest)}`);
  }
  const narrow = own.find((row) => row.choice.bits !== undefined && row.choice.bits === choice.bits);
  if (narrow) parts.push(`${choice.bits} bits alone: ${change(narrow)}`);
  if (choice.method === 'direct' && choice.bits === undefined)
    parts.push('first columns take a quarter of the flash of spectra');
  if (notPrunable !== undefined) parts.push(`not pruned: ${notPrunable}`);
  return parts.join('; ');
}

/** What was done to each layer with weights, and why. */
export function decisionsOf(
  parent: FloatNetwork,
  options: readonly LayerOptions[],
  choices: Choices,
  rows: readonly SensitivityRow[],
  base: Score,
  cost: DeviceCost,
  metric: Metric,
): LayerDecision[] {
  const changed = applyChoices(parent, choices);
  return options.map((option): LayerDecision => {
    const { name } = option;
    const index = parent.layers.findIndex((layer) => layer.name === name);
    const [before, after] = [parent.layers[index]!, changed.layers[index]!];
    const choice = choices[name] ?? {};
    const op = cost.ops.find((other) => other.name === name);
    return {
      layer: name,
      kind: after.kind,
      choice,
      weightsBefore: hasWeights(before) ? before.weights.length : 0,
      weightsAfter: hasWeights(after) ? after.weights.length : 0,
      ...(op ? { energyUj: op.energyUj } : {}),
      why: reason(option, choice, rows, base, metric),
    };
  });
}
