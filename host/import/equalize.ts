// Cross-layer equalization (Nagel et al. 2019, §4.1): channels of a tensor between two layers scaled so that the weights
// on both sides spread alike. The graph computes the same.
import { type FloatGraph, outputOf, type WeightedOp } from './float-graph.js';

/** Factors are kept within these, so that no channel is lost. */
const MOST = 32;

const isOpen = (op: FloatGraph['ops'][number]): op is WeightedOp =>
  (op.kind === 'conv2d' || op.kind === 'depthwiseConv2d' || op.kind === 'dense') && !op.scales;

/** Which channel of its input a weight looks at. */
function inputOf(op: WeightedOp, weight: number, channels: number): number {
  if (op.kind !== 'depthwiseConv2d') return weight % channels;
  return Math.floor((weight % op.bias.length) / (op.bias.length / channels));
}

/** Largest magnitude of the weights of each channel. */
function largest(op: WeightedOp, channels: number, channelOf: (weight: number) => number): Float64Array {
  const most = new Float64Array(channels);
  op.weights.forEach((weight, i) => {
    const c = channelOf(i);
    most[c] = Math.max(most[c]!, Math.abs(weight));
  });
  return most;
}

/** `graph` with its pairs of layers equalized, and how many there were. */
export function equalizeGraph(graph: FloatGraph): { graph: FloatGraph; pairs: number } {
  const ops = [...graph.ops];
  let pairs = 0;
  ops.forEach((first, at) => {
    const users = ops.flatMap((op, index) => (op.inputs.includes(first.output) ? [index] : []));
    const second = ops[users[0] ?? -1];
    const between = graph.tensors[first.output]!;
    if (users.length !== 1 || !second || !isOpen(first) || !isOpen(second)) return;
    const channels = first.bias.length;
    // Only what is proportional may be scaled: rectified or not, but not cut off at 6.
    const [low, high] = first.bounds;
    const proportional = (low === 0 || low === -Infinity) && high === Infinity;
    if (!proportional || between.given || first.output === graph.output || between.shape.at(-1) !== channels)
      return;
    const a = largest(first, channels, (i) => outputOf(first, i));
    const b = largest(second, channels, (i) => inputOf(second, i, channels));
    const factors = a.map((most, c) => {
      const factor = most > 0 && b[c]! > 0 ? Math.sqrt(most / b[c]!) : 1;
      return Math.max(1 / MOST, Math.min(MOST, factor));
    });
    ops[at] = {
      ...first,
      weights: first.weights.map((weight, i) => weight / factors[outputOf(first, i)]!),
      bias: first.bias.map((value, c) => value / factors[c]!),
    };
    ops[users[0]!] = {
      ...second,
      weights: second.weights.map((weight, i) => weight * factors[inputOf(second, i, channels)]!),
    };
    pairs++;
  });
  return { graph: { ...graph, ops }, pairs };
}
