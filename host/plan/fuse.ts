// Which ops of a network become one record, where nothing else reads what is between: a depthwise convolution and the pointwise
// one after it; a step to levels and the layer of weights of a bit behind it.
import type { QuantizedNetwork, QuantizedOp } from '../model/quantized-network.js';
import { lower } from '../ops/index.js';
import { lowerSeparable, type SeparablePair } from '../ops/separable-conv2d.js';
import type { LoweredOp, TileLimits } from '../ops/shared/lowering.js';
import { lowerLevels } from '../ops/xnor-conv2d.js';

/** Tensors that something besides the ops of `network` reads or writes. */
function outsideOf({ input, output, states = [] }: QuantizedNetwork): Set<number> {
  return new Set([input, output, ...states.flatMap((state) => [state.input, state.output])]);
}

/** The op at `index` if it alone reads tensor `between`. */
function soleReader(network: QuantizedNetwork, between: number, index: number): QuantizedOp | undefined {
  const readers = network.ops.filter((op) => op.inputs.includes(between));
  const op = network.ops[index];
  return readers.length === 1 && readers[0] === op && !outsideOf(network).has(between) ? op : undefined;
}

/** The depthwise convolution at `index` with the pointwise one after it, if that alone reads what it makes. */
function pairAt(network: QuantizedNetwork, index: number): SeparablePair | undefined {
  const { ops, tensors } = network;
  const [depthwise, pointwise] = [ops[index]!, ops[index + 1]];
  if (depthwise.kind !== 'depthwiseConv2d' || pointwise?.kind !== 'conv2d') return undefined;
  const between = depthwise.output;
  if (!soleReader(network, between, index + 1)) return undefined;
  const [input, output] = [tensors[depthwise.inputs[0]!]!, tensors[pointwise.output]!];
  return { depthwise, pointwise, input, between: tensors[between]!, output };
}

/** Ops that became one record: how many of them there are, reshapes among them included. */
export interface Fused {
  lowered: LoweredOp;
  count: number;
}

/** A step to levels at `index`, reshapes, and the layer that alone reads what it makes. */
function levelsAt(network: QuantizedNetwork, index: number, limits: TileLimits): Fused | undefined {
  const { ops, tensors } = network;
  const step = ops[index]!;
  if (step.kind !== 'map' || limits.oneRecord) return undefined;
  let next = index + 1;
  let layer = soleReader(network, step.output, next);
  while (layer?.kind === 'reshape') layer = soleReader(network, layer.output, ++next);
  if (layer?.kind !== 'conv2d' && layer?.kind !== 'dense') return undefined;
  const [input, between, output] = [step.inputs[0]!, layer.inputs[0]!, layer.output].map(
    (tensor) => tensors[tensor]!,
  );
  const lowered = lowerLevels({ step, layer, input: input!, between: between!, output: output! }, limits);
  return lowered && { lowered, count: next + 1 - index };
}

/** Ops from `index` on as one record; undefined where there are no such ops, or several records are the better choice. */
export function fuseAt(network: QuantizedNetwork, index: number, limits: TileLimits): Fused | undefined {
  const lowered = separableAt(network, index, limits);
  return lowered ? { lowered, count: 2 } : levelsAt(network, index, limits);
}

function separableAt(network: QuantizedNetwork, index: number, limits: TileLimits): LoweredOp | undefined {
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
