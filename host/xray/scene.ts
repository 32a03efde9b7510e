// One layer under test: what the device made of the values it really had, and what the reference's op makes of them.
import {
  type Bounds,
  type FloatGraph,
  type GraphOp,
  outputOf,
  runOp,
  UNBOUNDED,
  type WeightedOp,
} from '../import/float-graph.js';
import type { TensorSpec } from '../model/quantized-network.js';
import type { Values } from '../model/values.js';
import { dequantize, limitsOf } from './statistics.js';

export interface Scene {
  name: string;
  graph: FloatGraph;
  /** The reference's op. */
  op: GraphOp;
  /** Its operands as reals, [sample][operand]: what the device had, brought through ops of the reference it lacks. */
  inputs: Float64Array[][];
  /** The same without those ops; absent where there are none. */
  direct?: Float64Array[][];
  /** Whether its operand is the network's input. */
  atInput: boolean;
  spec: TensorSpec;
  /** The device's output as reals, by sample. */
  device: Float64Array[];
  /** What rounding may do to each value: a standard deviation, [sample][value]. */
  sigma: Float64Array[];
  /** The device's own weights as reals, in the order of the reference's; undefined: not known. */
  weights?: Float64Array;
  /** Its biases as reals. */
  bias?: Float64Array;
}

/** Something that may have gone wrong, and what the device would then have made. */
export interface Candidate {
  cause: string;
  summary: string;
  /** Numbers fitted to the device's output. */
  fitted: number;
  outputs: Float64Array[];
}

export const isWeighted = (op: GraphOp): op is WeightedOp => 'weights' in op;

export const boundsOf = (op: GraphOp): Bounds => ('bounds' in op && op.bounds ? op.bounds : UNBOUNDED);

/** `op` on `inputs` (default: the scene's), sample by sample. */
export const evaluateWith = (scene: Scene, op: GraphOp = scene.op, inputs = scene.inputs): Float64Array[] =>
  inputs.map((operands) => runOp(scene.graph, op, operands));

/** The scene's op before its activation. */
export const withoutBounds = (op: GraphOp): GraphOp =>
  'bounds' in op ? ({ ...op, bounds: UNBOUNDED } as GraphOp) : op;

/** Least and largest real that the layer's integers hold. */
export function representable(spec: TensorSpec): [low: number, high: number] {
  const [least, most] = limitsOf(spec);
  return [(least - spec.zeroPoint) * spec.scale, (most - spec.zeroPoint) * spec.scale];
}

/** `values` clamped to bounds. */
export const clampTo = (values: Float64Array, [low, high]: Bounds): Float64Array =>
  values.map((value) => Math.max(low, Math.min(high, value)));

/** Standard deviation of what rounding the output, and the weights if the file has them as reals, may do. */
function sigmaOf(scene: Omit<Scene, 'sigma' | 'device'>): Float64Array[] {
  const { op, spec, graph, inputs } = scene;
  const rounding = spec.scale * (op.kind === 'softmax' ? 1 : 0.6);
  const plain = (): Float64Array => new Float64Array(spec.shape.reduce((a, b) => a * b, 1)).fill(rounding);
  if (!isWeighted(op) || op.scales) return inputs.map(plain);
  const outputs = op.kind === 'circulant' ? 1 : op.bias.length;
  const most = new Float64Array(outputs);
  op.weights.forEach((weight, i) => {
    const o = outputOf(op, i);
    most[o] = Math.max(most[o]!, Math.abs(weight));
  });
  // Rounded to 127 steps a side: uniform errors of a step.
  const weights = op.weights.map((_, i) => (most[outputOf(op, i)]! / 127) ** 2 / 12);
  const squares = { ...op, weights, bias: op.bias.map(() => rounding ** 2), bounds: UNBOUNDED };
  return inputs.map(([x]) => runOp(graph, squares, [x!.map((value) => value * value)]).map(Math.sqrt));
}

export function makeScene(parts: Omit<Scene, 'sigma' | 'device'>, values: readonly Values[]): Scene {
  return { ...parts, device: values.map((row) => dequantize(row, parts.spec)), sigma: sigmaOf(parts) };
}

export interface Misfit {
  /** Root mean square of errors over what rounding explains: about 1 in a sound layer. */
  rms: number;
  /** Share of values off by more than eight standard deviations. */
  outliers: number;
}

/** How far the device's output is from `outputs`, as far as its integers can hold them. */
export function misfit({ device, sigma, spec }: Scene, outputs: readonly Float64Array[]): Misfit {
  const range = representable(spec);
  let [sum, count, far] = [0, 0, 0];
  device.forEach((row, sample) => {
    const expected = clampTo(outputs[sample]!, range);
    row.forEach((value, i) => {
      const error = (value - expected[i]!) / sigma[sample]![i]!;
      sum += error * error;
      if (Math.abs(error) > 8) far++;
    });
    count += row.length;
  });
  return { rms: Math.sqrt(sum / count), outliers: far / count };
}

/** Coefficients of `bases` that bring `offset` + Σ c·basis nearest to the device's values that nothing clamps. */
export function fit(
  scene: Scene,
  bases: readonly (readonly Float64Array[])[],
  offset?: readonly Float64Array[],
): number[] | undefined {
  const { device, spec, op } = scene;
  const [low, high] = representable(spec);
  const bounds = boundsOf(op);
  const half = spec.scale / 2;
  const [least, most] = [Math.max(low, bounds[0]) + half, Math.min(high, bounds[1]) - half];
  const size = bases.length;
  const matrix = Array.from({ length: size }, () => new Float64Array(size + 1));
  let count = 0;
  device.forEach((row, sample) => {
    row.forEach((value, i) => {
      if (value < least || value > most) return;
      count++;
      const rest = value - (offset ? offset[sample]![i]! : 0);
      for (let a = 0; a < size; a++) {
        const weight = bases[a]![sample]![i]!;
        matrix[a]![size]! += weight * rest;
        for (let b = 0; b < size; b++) matrix[a]![b]! += weight * bases[b]![sample]![i]!;
      }
    });
  });
  return count >= size + 2 ? solve(matrix) : undefined;
}

/** Gauss elimination with pivots; undefined where the equations do not determine the answer. */
function solve(matrix: Float64Array[]): number[] | undefined {
  const size = matrix.length;
  const diagonal = matrix.map((row, i) => row[i]!);
  for (let k = 0; k < size; k++) {
    let pivot = k;
    for (let row = k + 1; row < size; row++)
      if (Math.abs(matrix[row]![k]!) > Math.abs(matrix[pivot]![k]!)) pivot = row;
    if (!(Math.abs(matrix[pivot]![k]!) > 1e-9 * Math.max(diagonal[k]!, 1e-30))) return undefined;
    [matrix[k], matrix[pivot]] = [matrix[pivot]!, matrix[k]!];
    for (let row = 0; row < size; row++) {
      if (row === k) continue;
      const factor = matrix[row]![k]! / matrix[k]![k]!;
      for (let column = k; column <= size; column++) matrix[row]![column]! -= factor * matrix[k]![column]!;
    }
  }
  return matrix.map((row, i) => row[size]! / row[i]!);
}
