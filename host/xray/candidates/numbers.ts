// Candidates that change numbers and nothing else: scales, zero points, normalization of the input, clamps.
import { logarithm } from '../../math/real-functions.js';
import type { GraphOp } from '../../import/float-graph.js';
import {
  boundsOf,
  type Candidate,
  clampTo,
  evaluateWith,
  fit,
  isWeighted,
  representable,
  type Scene,
  withoutBounds,
} from '../scene.js';

const rounded = (value: number): string => `${Number(value.toPrecision(3))}`;

/** A factor as one would say it: powers of two exactly, if it is one within 3 %. */
function nearPower(factor: number): { factor: number; exact: boolean } {
  const power = 2 ** Math.round(logarithm(Math.abs(factor)) / logarithm(2));
  const exact = factor > 0 && Math.abs(factor / power - 1) < 0.03;
  return exact ? { factor: power, exact } : { factor, exact };
}

/** Ops whose output is a linear function of one operand, but for clamps. */
const LINEAR: readonly GraphOp['kind'][] = [
  'conv2d',
  'depthwiseConv2d',
  'dense',
  'circulant',
  'averagePool2d',
  'mean',
  'reshape',
];

const combine = (
  rows: readonly Float64Array[],
  c: number,
  more: readonly Float64Array[],
  d: number,
): Float64Array[] => rows.map((row, sample) => row.map((value, i) => c * value + d * more[sample]![i]!));

const constantLike = (rows: readonly Float64Array[], value: number): Float64Array[] =>
  rows.map((row) => new Float64Array(row.length).fill(value));

const timesOff = (factor: number): string => {
  const times = rounded(factor > 1 ? factor : 1 / factor);
  return factor > 1 ? `${times} times too large` : `1/${times} of what they should be`;
};

/** The output is a multiple of what it should be, or shifted. */
export function outputNumbers(scene: Scene): Candidate[] {
  const { op, spec } = scene;
  const bounds = boundsOf(op);
  const clean = evaluateWith(scene, withoutBounds(op));
  const candidates: Candidate[] = [];
  const zeros = constantLike(clean, 0);
  const scaled = fit(scene, [clean], zeros);
  const tried = new Set([0.25, 0.5, 2, 4, 8, 16]);
  if (scaled) {
    const { factor } = nearPower(scaled[0]!);
    if (factor > 0 && Math.abs(factor - 1) > 0.03) tried.add(factor);
  }
  for (const factor of tried) {
    candidates.push({
      cause: 'scale',
      summary: `scale off by ${rounded(factor)}: its outputs are ${timesOff(factor)}`,
      fitted: 1,
      outputs: combine(clean, factor, zeros, 0).map((row) => clampTo(row, bounds)),
    });
  }
  const shift = fit(scene, [constantLike(clean, 1)], clean);
  const steps = shift ? Math.round(shift[0]! / spec.scale) : 0;
  if (steps !== 0) {
    const moved = clean.map((row) => clampTo(row, bounds).map((value) => value + steps * spec.scale));
    candidates.push({
      cause: 'zero-point',
      summary: `wrong zero point of its output: off by ${steps}`,
      fitted: 1,
      outputs: moved,
    });
    const before = clean.map((row) =>
      clampTo(
        row.map((value) => value + steps * spec.scale),
        bounds,
      ),
    );
    candidates.push({
      cause: 'zero-point',
      summary: `wrong zero point, or bias, in front of its activation: off by ${steps} steps of its output`,
      fitted: 1,
      outputs: before,
    });
  }
  return candidates;
}

/** Clamps that are not the model's: the device's values end where nothing should end them. */
export function otherClamps(scene: Scene): Candidate[] {
  const { op, device, spec } = scene;
  const [low, high] = representable(spec);
  let [least, most] = [Infinity, -Infinity];
  for (const row of device) {
    for (const value of row) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  const inner = least > low + spec.scale / 2 || most < high - spec.scale / 2;
  if (!inner) return [];
  const clean = evaluateWith(scene, withoutBounds(op));
  return [
    {
      cause: 'saturation',
      summary: `saturating layer: its values are cut off at ${rounded(least)} … ${rounded(most)}`,
      fitted: 2,
      outputs: evaluateWith(scene).map((row) => clampTo(row, [least, most])),
    },
    {
      cause: 'zero-point',
      summary: `wrong zero point in its activation: cuts off at ${rounded(least)}, not ${rounded(boundsOf(op)[0])}`,
      fitted: 2,
      outputs: clean.map((row) => clampTo(row, [least, most])),
    },
  ];
}

/** Share of values below the least that the integers hold, from which on it is they that cut off. */
const CUT_SHARE = 0.02;

/** No activation, or one that begins where the integers do: below the value that it should cut off at. */
export function otherActivation(scene: Scene): Candidate[] {
  const { op, spec } = scene;
  const bounds = boundsOf(op);
  if (bounds[0] === -Infinity && bounds[1] === Infinity) return [];
  const clean = evaluateWith(scene, withoutBounds(op));
  const [low] = representable(spec);
  const all = clean.reduce((sum, row) => sum + row.length, 0);
  const below = clean.reduce((sum, row) => sum + row.filter((value) => value < low).length, 0) / all;
  if (low < bounds[0] - spec.scale / 2 && below > CUT_SHARE) {
    return [
      {
        cause: 'zero-point',
        summary: `wrong zero point: cuts off at ${rounded(low)}, its integers’ least, not at ${rounded(bounds[0])}`,
        fitted: 0,
        outputs: clean.map((row) => clampTo(row, [low, bounds[1]])),
      },
    ];
  }
  const name = bounds[1] === Infinity ? 'rectification' : 'clamp';
  return [
    { cause: 'fusion', summary: `unsupported fusion: its ${name} is missing`, fitted: 0, outputs: clean },
  ];
}

/** How an affine map of the input is called: usual ways to scale pixels first. */
function normalizationName(a: number, b: number): string {
  const known: [factor: number, offset: number, name: string][] = [
    [255, 0, 'given as 0–1 where the model takes 0–255, or the other way round'],
    [1 / 255, 0, 'given as 0–255 where the model takes 0–1'],
    [2, -1, 'given as −1–1 where the model takes 0–1'],
    [0.5, 0.5, 'given as 0–1 where the model takes −1–1'],
    [127.5, 127.5, 'given as 0–255 where the model takes −1–1'],
    [1 / 127.5, -1, 'given as −1–1 where the model takes 0–255'],
  ];
  const found = known.find(
    ([factor, offset]) =>
      Math.abs(a / factor - 1) < 0.03 && Math.abs(b - offset) < 0.03 * Math.max(1, Math.abs(factor)),
  );
  return found?.[2] ?? `x is there as ${rounded(a)}·x ${b < 0 ? '−' : '+'} ${rounded(Math.abs(b))}`;
}

/** Weights, without the biases, that are a multiple of what they should be. */
function weightScales(
  scene: Scene,
  linear: readonly Float64Array[],
  bias: readonly Float64Array[],
): Candidate[] {
  const found = isWeighted(scene.op) ? fit(scene, [linear], bias) : undefined;
  if (!found) return [];
  const { factor, exact } = nearPower(found[0]!);
  // At the input a factor of another kind is how the input was scaled.
  if (
    Math.abs(factor - 1) < 0.03 ||
    factor <= 0 ||
    (scene.atInput && (!exact || factor > 16 || factor < 1 / 16))
  )
    return [];
  return [
    {
      cause: 'scale',
      summary: `scale off by ${rounded(factor)}: its weights are ${timesOff(factor)}`,
      fitted: 1,
      outputs: combine(linear, factor, bias, 1).map((row) => clampTo(row, boundsOf(scene.op))),
    },
  ];
}

/** The operand shifted or scaled: one pair for all of it, or one a channel where there are few. */
export function inputNumbers(scene: Scene): Candidate[] {
  const { op, inputs, graph, atInput } = scene;
  if (!LINEAR.includes(op.kind)) return [];
  const bounds = boundsOf(op);
  const open = withoutBounds(op);
  const map = (change: (value: number, channel: number) => number): Float64Array[] => {
    const channels = graph.tensors[op.inputs[0]!]!.shape.at(-1) ?? 1;
    return evaluateWith(
      scene,
      open,
      inputs.map(([x]) => [x!.map((value, i) => change(value, i % channels))]),
    );
  };
  const bias = map(() => 0);
  const full = map((value) => value);
  const minus = (a: readonly Float64Array[]): Float64Array[] => combine(a, 1, bias, -1);
  const ones = minus(map(() => 1));
  const linear = minus(full);
  const candidates: Candidate[] = [];
  const shift = fit(scene, [ones], full);
  if (shift) {
    candidates.push({
      cause: 'zero-point',
      summary: `wrong zero point of its input: off by ${rounded(shift[0]!)} (in the input's units)`,
      fitted: 1,
      outputs: combine(full, 1, ones, shift[0]!).map((row) => clampTo(row, bounds)),
    });
  }
  const sums = isWeighted(op) ? sumsOf(scene, op) : undefined;
  const folded = sums && fit(scene, [sums], full);
  if (sums && folded) {
    candidates.push({
      cause: 'zero-point',
      summary: `wrong zero point of its input, in its biases: off by ${rounded(folded[0]!)} (in the input's units)`,
      fitted: 1,
      outputs: combine(full, 1, sums, folded[0]!).map((row) => clampTo(row, bounds)),
    });
  }
  candidates.push(...weightScales(scene, linear, bias));
  if (!atInput) return candidates;
  const both = fit(scene, [linear, ones], bias);
  if (both) {
    const [a, b] = both as [number, number];
    candidates.push({
      cause: 'input-scaling',
      summary: `missing normalization: the input is ${normalizationName(a, b)}`,
      fitted: 2,
      outputs: combine(combine(linear, a, ones, b), 1, bias, 1).map((row) => clampTo(row, bounds)),
    });
  }
  const channels = graph.tensors[op.inputs[0]!]!.shape.at(-1) ?? 1;
  if (channels < 2 || channels > 4) return candidates;
  const each = Array.from({ length: channels }, (_, c) => [
    minus(map((value, channel) => (channel === c ? value : 0))),
    minus(map((_value, channel) => (channel === c ? 1 : 0))),
  ]).flat();
  const coefficients = fit(scene, each, bias);
  if (coefficients) {
    let outputs = bias;
    coefficients.forEach((c, i) => {
      outputs = combine(outputs, 1, each[i]!, c);
    });
    const pairs = Array.from(
      { length: channels },
      (_, c) => `${rounded(coefficients[2 * c]!)}·x + ${rounded(coefficients[2 * c + 1]!)}`,
    );
    candidates.push({
      cause: 'input-scaling',
      summary: `missing normalization (mean and deviation a channel): x is there as ${pairs.join('; ')}`,
      fitted: 2 * channels,
      outputs: outputs.map((row) => clampTo(row, bounds)),
    });
  }
  return candidates;
}

/** The sum of each output's weights, for every pixel: what folding a zero point into a bias adds. */
function sumsOf(
  scene: Scene,
  op: GraphOp & { weights: Float64Array; bias: Float64Array },
): Float64Array[] | undefined {
  const outputs = op.bias.length;
  if (op.kind === 'circulant') return undefined;
  const sums = new Float64Array(outputs);
  op.weights.forEach((weight, i) => {
    const o = op.kind === 'depthwiseConv2d' ? i % outputs : Math.floor(i / (op.weights.length / outputs));
    sums[o]! += weight;
  });
  return scene.device.map((row) => row.map((_, i) => sums[i % outputs]!));
}
