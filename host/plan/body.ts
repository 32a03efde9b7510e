// Which body computes an op's sums on a device: the module's own, or what the core binds to accel.* (docs/ACCEL.md).
import {
  DENSE_CHUNK,
  DENSE_INPUTS,
  OP_FLAG_WEIGHT_ZERO,
  OP_WEIGHT_TYPE,
  OpKind,
  WeightType,
  WIN_BLOCK,
  WIN_INPUT_CHANNELS,
  WIN_OUTPUT_CHANNELS,
} from '../../assembly/layout.js';
import type { OpRecord } from '../model/record.js';

/** `scalar`: the module's own code; `dsp`: SMLAD of Cortex-M cores with the DSP extension. */
export type Body = 'scalar' | 'dsp';

/** The body of `op` in firmware for a core that has the DSP extension, or has not. */
export function bodyOf(op: OpRecord, dspExtension: boolean): Body {
  if (!dspExtension || !op.isInt8 || op.get(OP_WEIGHT_TYPE) !== WeightType.INT8) return 'scalar';
  switch (op.kind) {
    case OpKind.CONV2D:
      return op.get(WIN_BLOCK) > 1 ? 'scalar' : 'dsp';
    case OpKind.DEPTHWISE_CONV2D:
      return op.get(WIN_INPUT_CHANNELS) === op.get(WIN_OUTPUT_CHANNELS) ? 'dsp' : 'scalar';
    case OpKind.DENSE: {
      const whole = op.get(DENSE_CHUNK) === op.get(DENSE_INPUTS);
      return whole && !op.has(OP_FLAG_WEIGHT_ZERO) ? 'dsp' : 'scalar';
    }
    default:
      return 'scalar';
  }
}

/** Instructions that the DSP extension saves of those of plain C, measured on shapes of each kernel (docs/ACCEL.md). */
const SAVED: Partial<Record<number, number>> = {
  [OpKind.CONV2D]: 0.42,
  [OpKind.DEPTHWISE_CONV2D]: 0.3,
  [OpKind.DENSE]: 0.41,
};

/** The share of an op's instructions that a body saves, estimated from those of other shapes; 0 of `scalar`. */
export function savingOf(op: OpRecord, body: Body): number {
  return body === 'scalar' ? 0 : (SAVED[op.kind] ?? 0);
}
