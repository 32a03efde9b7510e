// What is wrong with a layer: every candidate is simulated on the reference's side, and the one whose outputs are
// nearest to the device's, in units of what rounding explains, is named.
import { otherActivation, inputNumbers, otherClamps, outputNumbers } from './candidates/numbers.js';
import { geometry } from './candidates/geometry.js';
import { orders } from './candidates/order.js';
import { otherWeights } from './candidates/weights.js';
import {
  boundsOf,
  type Candidate,
  clampTo,
  evaluateWith,
  fit,
  type Misfit,
  misfit,
  representable,
  type Scene,
  withoutBounds,
} from './scene.js';
import { limitsOf } from './statistics.js';

/** What may be wrong with a layer (docs/XRAY.md). */
export type Cause =
  | 'channel-order'
  | 'input-scaling'
  | 'zero-point'
  | 'scale'
  | 'saturation'
  | 'quantization-range'
  | 'truncated-weights'
  | 'transposed-dense'
  | 'padding'
  | 'weights'
  | 'fusion'
  | 'unknown';

/** The most likely cause of a layer’s errors, found by simulating each. */
export interface Diagnosis {
  cause: Cause;
  /** In words, with the figures found. */
  summary: string;
  /** Errors over what rounding explains (root mean square): as the model has it, and with the cause simulated. */
  misfit: number;
  explained: number;
  /** Other causes that explain nearly as much. */
  others: string[];
}

/** Errors beyond these are not rounding. */
const MOST_RMS = 2.5;
const MOST_OUTLIERS = 0.005;
/** A candidate that leaves less than this, or this share of the misfit, explains it. */
const EXPLAINED_RMS = 2;
const EXPLAINED_SHARE = 0.3;
/** Share of values cut off by the integers' range, and of the signal's energy lost with them, that are a fault. */
const MOST_CUT = 0.005;
const MOST_CUT_ENERGY = 0.005;
/** Codes that a signal must spread over, not to be called too coarse. */
const LEAST_CODES = 4;
/** Values that a layer must have for that to mean something. */
const LEAST_VALUES = 256;
/** Values that a layer's test looks at, at most. */
const MOST_VALUES = 1 << 15;

const isSound = ({ rms, outliers }: Misfit): boolean => rms <= MOST_RMS && outliers <= MOST_OUTLIERS;

/** As many of a scene's samples as the candidates are tried on. */
function fewer(scene: Scene): Scene {
  const size = Math.max(1, scene.device[0]!.length);
  const count = Math.max(1, Math.min(scene.device.length, Math.max(4, Math.floor(MOST_VALUES / size)), 32));
  const { device, sigma, inputs, direct } = scene;
  const cut = <T>(list: T[]): T[] => list.slice(0, count);
  return {
    ...scene,
    device: cut(device),
    sigma: cut(sigma),
    inputs: cut(inputs),
    ...(direct ? { direct: cut(direct) } : {}),
  };
}

/** Values that the reference has and the layer's integers cannot hold: how many, and their share of the energy. */
function cutOff(
  scene: Scene,
  expected: readonly Float64Array[],
): { share: number; energy: number; most: number } {
  const [low, high] = representable(scene.spec);
  const slack = Math.max(scene.spec.scale, (high - low) * 0.02);
  let [cut, count, lost, sum, squares, most] = [0, 0, 0, 0, 0, 0];
  for (const row of expected) {
    for (const value of row) {
      const over = Math.max(low - value, value - high, 0);
      if (over > slack) cut++;
      lost += over ** 2;
      sum += value;
      squares += value ** 2;
      most = Math.max(most, Math.abs(value));
    }
    count += row.length;
  }
  const variance = squares - sum ** 2 / count;
  return { share: cut / count, energy: lost / Math.max(variance, 1e-30), most };
}

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
const short = (value: number): string => `${Number(value.toPrecision(3))}`;

/** A range that is too narrow or too wide for what the reference computes. */
function rangeFault(scene: Scene, expected: readonly Float64Array[], found: Misfit): Diagnosis | undefined {
  const { spec } = scene;
  const { given } = scene.graph.tensors[scene.op.output]!;
  // The range that the model's own file states is the model's, not a fault of the image.
  if (given && Math.abs(given.scale / spec.scale - 1) < 1e-4 && given.zeroPoint === spec.zeroPoint)
    return undefined;
  const [low, high] = representable(spec);
  const { share, energy, most } = cutOff(scene, expected);
  const shared = { misfit: found.rms, explained: found.rms, others: [] };
  let [least, greatest] = [0, 0];
  for (const row of expected) {
    for (const value of row) {
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
    }
  }
  if (share > MOST_CUT && energy > MOST_CUT_ENERGY) {
    const outside = `${percent(share)} of its values lie outside ${short(low)} … ${short(high)}, up to ${short(most)}`;
    if (greatest - least < (high - low) * 1.03) {
      const steps = Math.round((low > least ? low - least : high - greatest) / spec.scale);
      const summary = `wrong zero point: its range is wide enough, but off by about ${Math.abs(steps)} steps; ${outside}`;
      return { cause: 'zero-point', summary, ...shared };
    }
    return {
      cause: 'saturation',
      summary: `saturating layer: wrong quantization range, ${outside}`,
      ...shared,
    };
  }
  const codes = (greatest - least) / spec.scale;
  const many = expected.reduce((count, row) => count + row.length, 0) >= LEAST_VALUES;
  if (greatest > least && codes < LEAST_CODES && many && scene.op.kind !== 'softmax') {
    const [qLeast, qMost] = limitsOf(spec);
    const summary = `wrong quantization range: its values span ${short(codes)} steps of ${qMost - qLeast + 1}`;
    return { cause: 'quantization-range', summary, ...shared };
  }
  return undefined;
}

/** Share of the device's values at an end of its integers. */
function saturatedShare({ device, spec, op }: Scene): number {
  const [low, high] = representable(spec);
  const bounds = boundsOf(op);
  let [count, all] = [0, 0];
  for (const row of device) {
    for (const value of row) {
      const atLow = value <= low + spec.scale / 2 && bounds[0] < low - spec.scale / 2;
      const atHigh = value >= high - spec.scale / 2 && bounds[1] > high + spec.scale / 2;
      if (atLow || atHigh) count++;
    }
    all += row.length;
  }
  return count / all;
}

/** A scale so far off that most of what one sees is saturation is called that. */
function rename(candidate: Candidate, scene: Scene): Pick<Diagnosis, 'cause' | 'summary'> {
  const { cause, summary } = candidate;
  const share = candidate.cause === 'scale' ? saturatedShare(scene) : 0;
  const factor = share > 0.05 ? (fit(scene, [evaluateWith(scene, withoutBounds(scene.op))])?.[0] ?? 4) : 1;
  if (share > 0.05 && factor > 3) {
    return {
      cause: 'saturation',
      summary: `saturating layer: ${percent(share)} of its values are at the end of their range, ${summary}`,
    };
  }
  return { cause: cause as Cause, summary };
}

function candidatesFor(scene: Scene): Candidate[] {
  return [
    ...geometry(scene),
    ...orders(scene),
    ...outputNumbers(scene),
    ...inputNumbers(scene),
    ...otherActivation(scene),
    ...otherClamps(scene),
    ...otherWeights(scene),
  ];
}

/**
 * What is wrong with the layer; undefined: nothing that rounding does not explain. `behind`: a layer before it is wrong,
 * so that it may not be blamed for values that its range does not hold.
 */
export function diagnose(
  whole: Scene,
  expected: readonly Float64Array[],
  { behind = false } = {},
): Diagnosis | undefined {
  const found = misfit(whole, expected);
  if (isSound(found)) return behind ? undefined : rangeFault(whole, expected, found);
  const scene = fewer(whole);
  const before = misfit(scene, expected.slice(0, scene.device.length)).rms;
  const ranked = candidatesFor(scene)
    .map((candidate) => ({ candidate, rms: misfit(scene, candidate.outputs).rms }))
    // Each number fitted has to pay for itself.
    .map((entry) => ({ ...entry, rank: (entry.rms + 0.1) * (1 + 0.03 * entry.candidate.fitted) }))
    .sort((a, b) => a.rank - b.rank);
  const [best] = ranked;
  const explains = best !== undefined && best.rms <= Math.max(EXPLAINED_RMS, EXPLAINED_SHARE * before);
  if (!best || !explains) {
    const nearest = best ? `; nearest: ${best.candidate.summary}` : '';
    const summary = `another computation, or an unsupported fusion: no single cause explains its output${nearest}`;
    return { cause: 'unknown', summary, misfit: found.rms, explained: best?.rms ?? found.rms, others: [] };
  }
  const others = ranked
    .filter(({ candidate, rank }) => candidate.cause !== best.candidate.cause && rank < best.rank * 1.3)
    .map(({ candidate }) => candidate.summary);
  return {
    ...rename(best.candidate, scene),
    misfit: found.rms,
    explained: best.rms,
    others: [...new Set(others)].slice(0, 3),
  };
}

/** What the reference's op makes of the values that the device had. */
export const expectedOf = (scene: Scene): Float64Array[] =>
  evaluateWith(scene).map((row) => clampTo(row, boundsOf(scene.op)));
