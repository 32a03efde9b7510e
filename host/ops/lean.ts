// Networks whose biases and scales an image can hold in 4 bytes an output (model/lean.ts).
import { roundedToLean } from '../model/lean.js';
import type { QuantizedNetwork, QuantizedOp, TensorSpec } from '../model/quantized-network.js';
import { entryOf } from './index.js';
import { foldBias } from './shared/lowering.js';

/** `op` with its constants rounded, if it has any that may be. */
function roundedOp(op: QuantizedOp, inputs: readonly TensorSpec[], output: TensorSpec): QuantizedOp {
  if (op.kind === 'reshape' || !('multipliers' in op) || (output.dtype ?? 'int8') !== 'int8') return op;
  const { multipliers, shifts } = op;
  if (!('bias' in op)) {
    const rounded = roundedToLean({ bias: new Int32Array(1), multipliers, shifts });
    return rounded ? { ...op, multipliers: rounded.multipliers, shifts: rounded.shifts } : op;
  }
  const sums = entryOf(op).weightSums!(op, inputs, output);
  const { zeroPoint } = inputs[0]!;
  const bias = foldBias(op.bias as Int32Array, sums, zeroPoint);
  const rounded = roundedToLean({ bias, multipliers, shifts });
  if (!rounded) return op;
  const unfolded = rounded.bias.map((b, o) => b + zeroPoint * sums[o]!);
  return { ...op, ...rounded, bias: unfolded };
}

/**
 * `network` with biases and scales of its int8 layers rounded to what lean ones hold: multipliers to 13 bits, and biases where
 * none moves by more than 1/32 of its output's step. Where one would, the layer stays as it is, and so do those that are not
 * `chosen`.
 */
export function roundToLean(
  network: QuantizedNetwork,
  chosen: (index: number) => boolean = () => true,
): QuantizedNetwork {
  const { tensors } = network;
  const ops = network.ops.map((op, index) => {
    const inputs = op.inputs.map((input) => tensors[input]!);
    return chosen(index) ? roundedOp(op, inputs, tensors[op.output]!) : op;
  });
  return { ...network, ops };
}
