// Weights as an image holds them, in the order of the network's ops: to see which layer's are not the model's.
import {
  OP_BIAS,
  OP_WEIGHT_TYPE,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_WEIGHTS,
  OpKind,
  WIN_BLOCK,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  DENSE_WEIGHT_ZERO,
} from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import type { OpRecord } from '../model/record.js';
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

/** `count` rows of `length` weights from byte `at`. */
function readRows(image: Image, op: OpRecord, at: number, count: number, length: number): Int8Array {
  return unpackRows(weightTypeOfCode(op.get(OP_WEIGHT_TYPE)), image.device, at, count, length);
}

/** Depthwise weights lie in groups of channels, [group][tap][channel]. */
function ungroup(grouped: Int8Array, taps: number, outputs: number, group: number): Int8Array {
  const values = new Int8Array(taps * outputs);
  for (let first = 0; first < outputs; first += group) {
    const size = Math.min(group, outputs - first);
    for (let tap = 0; tap < taps; tap++)
      for (let c = 0; c < size; c++)
        values[tap * outputs + first + c] = grouped[first * taps + tap * size + c]!;
  }
  return values;
}

/**
 * Weights and biases of an op record whose input has `zeroPoint`; undefined if it has none, or has them as circulant
 * blocks. Only of int8 activations.
 */
export function deviceWeights(image: Image, op: OpRecord, zeroPoint: number): DeviceWeights | undefined {
  if (!op.isInt8) return undefined;
  const at = op.get(OP_WEIGHTS);
  const [height, width] = op.getPair(WIN_KERNEL);
  let stored: Int8Array;
  let zero = 0;
  let outputs: number;
  if (op.kind === OpKind.CONV2D && op.get(WIN_BLOCK) === 0) {
    outputs = op.get(WIN_OUTPUT_CHANNELS);
    stored = readRows(image, op, at, outputs, height * width * op.get(WIN_INPUT_CHANNELS));
  } else if (op.kind === OpKind.DEPTHWISE_CONV2D) {
    outputs = op.get(WIN_OUTPUT_CHANNELS);
    const group = op.get(WIN_GROUP);
    const grouped = readRows(image, op, at, Math.ceil(outputs / group), group * height * width);
    stored = ungroup(grouped, height * width, outputs, group);
  } else if (op.kind === OpKind.DENSE) {
    outputs = op.get(DENSE_OUTPUTS);
    stored = readRows(image, op, at, outputs, op.get(DENSE_INPUTS));
    zero = op.get(DENSE_WEIGHT_ZERO);
  } else return undefined;
  const view = new DataView(image.device.buffer, image.device.byteOffset, image.device.byteLength);
  const multipliers = Float64Array.from({ length: outputs }, (_, o) => {
    const pair = op.get(OP_REQUANT) + o * op.get(OP_REQUANT_STRIDE);
    return view.getInt32(pair, true) * 2 ** (view.getInt32(pair + 4, true) - 31);
  });
  const values = Float64Array.from(stored, (q) => q - zero);
  const depthwise = op.kind === OpKind.DEPTHWISE_CONV2D;
  const bias = Float64Array.from({ length: outputs }, (_, o) => view.getInt32(op.get(OP_BIAS) + o * 4, true));
  // Folded in: Σ w·(x − z) = Σ w·x − z·Σ w.
  values.forEach((w, i) => {
    bias[depthwise ? i % outputs : Math.floor(i / (values.length / outputs))]! += w * zeroPoint;
  });
  return { values, outputs, multipliers, bias };
}
