// Faults as people make them, planted into a quantized network.
import {
  elementCount,
  type Conv2d,
  type Dense,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
  type Window,
} from '../../host/model/quantized-network.js';

type Weighted = QuantizedOp & Requantization & { weights: Int8Array };

const isWeighted = (op: QuantizedOp): op is Weighted => 'weights' in op;

/** The network with op `at` replaced by what `change` makes of it. */
function withOp<Op extends QuantizedOp>(
  network: QuantizedNetwork,
  at: number,
  change: (op: Op) => Op,
): QuantizedNetwork {
  return { ...network, ops: network.ops.map((op, i) => (i === at ? change(op as Op) : op)) };
}

function withTensor(
  network: QuantizedNetwork,
  at: number,
  change: (spec: TensorSpec) => TensorSpec,
): QuantizedNetwork {
  return { ...network, tensors: network.tensors.map((spec, i) => (i === at ? change(spec) : spec)) };
}

const outputsOf = (op: Weighted): number => op.bias.length;
const outputAt = (op: Weighted, i: number): number =>
  op.kind === 'depthwiseConv2d' ? i % outputsOf(op) : Math.floor(i / (op.weights.length / outputsOf(op)));

/** The weights of a layer see their input's channels the other way round. */
export function swapChannels(network: QuantizedNetwork, at: number): QuantizedNetwork {
  return withOp<Conv2d>(network, at, (op) => {
    const channels = network.tensors[op.inputs[0]!]!.shape.at(-1)!;
    const weights = op.weights.map(
      (_, i) => op.weights[i - (i % channels) + (channels - 1 - (i % channels))]!,
    );
    return { ...op, weights };
  });
}

/** A layer that takes its input's zero point to be another: its biases are off by δ·Σ w. */
export function shiftZeroPoint(network: QuantizedNetwork, at: number, delta: number): QuantizedNetwork {
  return withOp<Weighted>(network, at, (op) => {
    const bias = Int32Array.from(op.bias as Int32Array);
    op.weights.forEach((w, i) => {
      bias[outputAt(op, i)]! += w * delta;
    });
    return { ...op, bias } as Weighted;
  });
}

/** A layer's outputs are 2^`by` times as large. */
export const scaleLayer = (network: QuantizedNetwork, at: number, by: number): QuantizedNetwork =>
  withOp<Weighted>(network, at, (op) => ({ ...op, shifts: op.shifts.map((shift) => shift + by) }));

/** A layer whose output has a range `factor` times too small, as everything behind it expects. */
export function narrowRange(network: QuantizedNetwork, at: number, factor: number): QuantizedNetwork {
  const shift = Math.log2(factor);
  const { output } = network.ops[at]!;
  let result = withTensor(network, output, (spec) => ({ ...spec, scale: spec.scale / factor }));
  result = scaleLayer(result, at, shift);
  network.ops.forEach((op, i) => {
    if (!op.inputs.includes(output) || !isWeighted(op)) return;
    result = scaleLayer(result, i, -shift);
    // Biases are in units of the input's scale.
    result = withOp<Weighted>(result, i, (one) => ({
      ...one,
      bias: Int32Array.from(one.bias as Int32Array, (b) => b * factor),
    }));
  });
  return result;
}

/** The weights end early: the rest is zero. */
export const truncateWeights = (network: QuantizedNetwork, at: number, share: number): QuantizedNetwork =>
  withOp<Weighted>(network, at, (op) => ({
    ...op,
    weights: op.weights.map((w, i) => (i < op.weights.length * share ? w : 0)),
  }));

/** Weights without their lowest bits. */
export const dropBits = (network: QuantizedNetwork, at: number, bits: number): QuantizedNetwork =>
  withOp<Weighted>(network, at, (op) => ({ ...op, weights: op.weights.map((w) => (w >> bits) << bits) }));

/** [out][in] weights stored as [in][out]. */
export function transposeDense(network: QuantizedNetwork, at: number): QuantizedNetwork {
  return withOp<Dense>(network, at, (op) => {
    const outputs = op.bias.length;
    const inputs = elementCount(network.tensors[op.inputs[0]!]!);
    const weights = op.weights.map((_, i) => op.weights[(i % outputs) * inputs + Math.floor(i / outputs)]!);
    return { ...op, weights };
  });
}

export const changePadding = (
  network: QuantizedNetwork,
  at: number,
  padding: [number, number],
): QuantizedNetwork => withOp<QuantizedOp & Window>(network, at, (op) => ({ ...op, padding }));

/** Indices of a network's ops of a kind. */
export const opsOf = (network: QuantizedNetwork, ...kinds: QuantizedOp['kind'][]): number[] =>
  network.ops.flatMap(({ kind }, i) => (kinds.includes(kind) ? [i] : []));
