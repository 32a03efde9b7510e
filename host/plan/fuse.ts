// Which ops of a network become one record: a depthwise convolution and the pointwise one after it, where nothing else reads
// the map between.
import type { QuantizedNetwork, QuantizedOp } from '../model/quantized-network.js';
import { lower } from '../ops/index.js';
import { lowerSeparable, type SeparablePair } from '../ops/separable-conv2d.js';
import type { LoweredOp, TileLimits } from '../ops/shared/lowering.js';

/** Tensors that something besides the ops of `network` reads or writes. */
function outsideOf({ input, output, states = [] }: QuantizedNetwork): Set<number> {
  return new Set([input, output, ...states.flatMap((state) => [state.input, state.output])]);
}

/** The depthwise convolution at `index` with the pointwise one after it, if that alone reads what it makes. */
function pairAt(network: QuantizedNetwork, index: number): SeparablePair | undefined {
  const { ops, tensors } = network;
  const [depthwise, pointwise] = [ops[index]!, ops[index + 1]];
  if (depthwise.kind !== 'depthwiseConv2d' || pointwise?.kind !== 'conv2d') return undefined;
  const between = depthwise.output;
  const readers = ops.filter((op: QuantizedOp) => op.inputs.includes(between));
  if (readers.length !== 1 || readers[0] !== pointwise || outsideOf(network).has(between)) return undefined;
  const [input, output] = [tensors[depthwise.inputs[0]!]!, tensors[pointwise.output]!];
  return { depthwise, pointwise, input, between: tensors[between]!, output };
}

/** Both ops at `index` as one record; undefined where there is no such pair, or two records are the better choice. */
export function fuseAt(network: QuantizedNetwork, index: number, limits: TileLimits): LoweredOp | undefined {
  const pair = pairAt(network, index);
  const choice = pair?.depthwise.fuse ?? 'auto';
  if (!pair || choice === 'off') return undefined;
  const fused = lowerSeparable(pair, limits);
  if (!fused || choice === 'on') return fused;
  const { depthwise, pointwise, input, between, output } = pair;
  const apart = [
    ...lower(depthwise, [input], between, limits),
    ...lower(pointwise, [between], output, limits),
  ].map(({ record }) => limits.cost(record));
  const whole = limits.cost(fused.record);
  const inferenceUj = apart.reduce((sum, cost) => sum + cost.inferenceUj, 0);
  // A tile of both must not be what a charge cannot hold, where those of each can be.
  const isSmall = whole.share <= Math.max(1, ...apart.map(({ share }) => share));
  return isSmall && whole.inferenceUj < inferenceUj ? fused : undefined;
}
