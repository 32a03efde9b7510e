// SVDF (Nakkiran et al. 2015): a dense layer into a memory of the last steps, and a filter of each over time; of rank r an output
// is the sum of r neighbours. As TFLite Micro with a state of int8, but that what does not fit the memory is clamped, where its
// kernel wraps around.
import { elementCount, quantizeMultiplier } from '../../model/quantized-network.js';
import type { Handler } from './graph.js';

const WHOLE = { clampMin: -128, clampMax: 127 };

/** Filters over time, stored [filter][step]: each for itself, or for rank r an output's own r, and zeros for all others. */
function timeFilters(
  stored: Int8Array,
  { filters, steps, rank }: Record<'filters' | 'steps' | 'rank', number>,
): { kind: 'depthwiseConv2d' | 'conv2d'; weights: Int8Array } {
  const at = (step: number, filter: number): number => stored[filter * steps + step]!;
  if (rank === 1) {
    const weights = Int8Array.from(stored, (_, i) => at(Math.floor(i / filters), i % filters));
    return { kind: 'depthwiseConv2d', weights };
  }
  const weights = Int8Array.from({ length: (filters / rank) * steps * filters }, (_, i) => {
    const [unit, step] = [Math.floor(i / filters / steps), Math.floor(i / filters) % steps];
    return Math.floor((i % filters) / rank) === unit ? at(step, i % filters) : 0;
  });
  return { kind: 'conv2d', weights };
}

export const svdf: Handler = (graph, op) => {
  const { builder } = graph;
  const [features, times, memory] = [1, 2, 4].map((slot) => graph.input(op, slot)) as [
    ReturnType<typeof graph.input>,
    ReturnType<typeof graph.input>,
    ReturnType<typeof graph.input>,
  ];
  const target = graph.output(op);
  const [filters = 0, inputs = 0] = features.shape;
  const [, steps = 0] = times.shape;
  const rank = op.options?.int32(0) ?? 1;
  const input = graph.activation(op);
  const [spec, output, state] = [builder.spec(input), graph.spec(op, target), graph.spec(op, memory)];
  const fits =
    rank >= 1 &&
    filters % rank === 0 &&
    elementCount(spec) === inputs &&
    elementCount(state) === filters * steps &&
    elementCount(output) === filters / rank &&
    steps > 1 &&
    [spec, output, state].every(({ dtype }) => dtype !== 'int16');
  if (!fits)
    graph.refuse(
      op,
      `of rank ${rank} with ${graph.describe(memory)}`,
      'a state of int8, and weights that fit',
    );
  const scaleOf = ({ scales }: typeof features): number => scales[0] ?? 0;
  const requantization = (factor: number): { multipliers: Int32Array; shifts: Int32Array } => {
    const { multiplier, shift } = quantizeMultiplier(factor);
    return { multipliers: Int32Array.of(multiplier), shifts: Int32Array.of(shift) };
  };
  const newest = builder.add(
    {
      kind: 'dense',
      name: 'svdf_feature',
      ...graph.weights(op, features),
      bias: new Int32Array(filters),
      ...requantization((spec.scale * scaleOf(features)) / state.scale),
      ...WHOLE,
    },
    [builder.reshape(input, [inputs])],
    { ...state, shape: [filters] },
  );
  // The memory lies step by step here: what it was at first is the same everywhere.
  const rows = { ...state, shape: [steps, filters] };
  const before = builder.reshape(graph.activation(op, 4), [steps, filters]);
  const kept = builder.add({ kind: 'slice', name: 'svdf_state', axis: 0, start: 1 }, [before], {
    ...rows,
    shape: [steps - 1, filters],
  });
  const last = builder.reshape(newest, [1, filters]);
  const now = builder.add({ kind: 'concat', name: 'svdf_state', axis: 0 }, [kept, last], rows);
  graph.define(memory, now);
  const weights = graph.weights(op, times).weights;
  const units = filters / rank;
  const bias = graph.optional(op, 3) ? Int32Array.from(graph.integers(op, 3)) : new Int32Array(units);
  const shared = {
    name: 'svdf_time',
    kernel: [steps, 1] as const,
    stride: [1, 1] as const,
    dilation: [1, 1] as const,
    padding: [0, 0] as const,
    bias,
    ...requantization((state.scale * scaleOf(times)) / output.scale),
    ...WHOLE,
  };
  const made = builder.add(
    { ...shared, ...timeFilters(weights, { filters, steps, rank }) },
    [builder.reshape(now, [steps, 1, filters])],
    { ...output, shape: [1, 1, units] },
  );
  graph.define(target, builder.reshape(made, output.shape));
};
