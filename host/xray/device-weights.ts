// Weights as an image holds them, in the order of the network's ops: to see which layer's are not the model's.
import {
  OP_BIAS,
  OP_BIAS_SHIFT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_SCALE_SHIFT,
  OP_WEIGHTS,
  OP_WEIGHT_TYPE,
} from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import { leanScale } from '../model/lean.js';
import { constantOffset } from '../model/learning-header.js';
import type { OpRecord } from '../model/record.js';
import { recordOp } from '../ops/record.js';
import { unpackRows, weightTypeOfCode } from '../model/weight-types.js';

export interface DeviceWeights {
  /** As in the quantized network's op, less their zero point: convolution and dense [out][…], depthwise [tap][out]. */
  values: Float64Array;
  outputs: number;
  /** What an accumulator is multiplied by, one an output. */
  multipliers: Float64Array;
  /** In units of an accumulator, without the share of the input's zero point. */
  bias: Float64Array;
}

/** The `index`-th scale of a record. */
function scaleAt(view: DataView, op: OpRecord, index: number): { multiplier: number; shift: number } {
  const at = constantOffset(op.get(OP_REQUANT));
  if (op.isLean) return leanScale(view.getUint16(at + 2 * index, true), op.get(OP_SCALE_SHIFT));
  const pair = at + 8 * index;
  return { multiplier: view.getInt32(pair, true), shift: view.getInt32(pair + 4, true) };
}

/**
 * Weights and biases of an op record whose input has `zeroPoint`; undefined if it has none, or has them as circulant
 * blocks. Only of int8 activations.
 */
export function deviceWeights(image: Image, op: OpRecord, zeroPoint: number): DeviceWeights | undefined {
  if (!op.isInt8) return undefined;
  const layout = recordOp(op).weights(op);
  if (!layout) return undefined;
  const { outputs, zeroPoint: zero } = layout;
  const type = weightTypeOfCode(op.get(OP_WEIGHT_TYPE));
  const stored = unpackRows(
    type,
    image.device,
    constantOffset(op.get(OP_WEIGHTS)),
    layout.rows,
    layout.length,
  );
  const view = new DataView(image.device.buffer, image.device.byteOffset, image.device.byteLength);
  const multipliers = Float64Array.from({ length: outputs }, (_, o) => {
    const index = op.get(OP_REQUANT_STRIDE) === 0 ? 0 : o;
    const { multiplier, shift } = scaleAt(view, op, index);
    return multiplier * 2 ** (shift - 31);
  });
  const values = Float64Array.from(layout.order(stored), (q) => q - zero);
  const biases = constantOffset(op.get(OP_BIAS));
  const bias = Float64Array.from({ length: outputs }, (_, o) =>
    op.isLean
      ? view.getInt16(biases + o * 2, true) * 2 ** op.get(OP_BIAS_SHIFT)
      : view.getInt32(biases + o * 4, true),
  );
  // Folded in: Σ w·(x − z) = Σ w·x − z·Σ w.
  values.forEach((w, i) => {
    bias[layout.interleaved ? i % outputs : Math.floor(i / (values.length / outputs))]! += w * zeroPoint;
  });
  return { values, outputs, multipliers, bias };
}
