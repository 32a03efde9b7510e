// What an op record says of its op: kind, shapes, multiply-adds, cycles, the body that computes it.
import { OP_ACTIVATION_TYPE, OP_GRAIN, OP_TILES, OP_WEIGHT_TYPE, WeightType } from '../../assembly/layout.js';
import { kernelName, type OpRecord } from '../model/record.js';
import { RECORD_OPS } from './index.js';
import { LEARNING_OPS, learningKind } from './learning.js';
import type { Cycles, RecordOp, Shapes } from './op.js';

export interface OpDescription extends Shapes {
  /** Name of the kernel, as in docs/FORMAT.md, and for a circulant layer its blocks: `circulant_ntt_s8 2×2·128`. */
  kind: string;
}

/** The entry of an op of inference. */
export const recordOp = (op: OpRecord): RecordOp => RECORD_OPS[op.inference];

/** Describes `op`. */
export function describeOp(op: OpRecord): OpDescription {
  const kind = kernelName(op.kind, op.get(OP_ACTIVATION_TYPE));
  if (op.isLearning) return { kind, inputShape: [], outputShape: [], macs: 0 };
  const entry = recordOp(op);
  return { kind: kind + entry.detail(op), ...entry.shapes(op) };
}

const cyclesOf = (op: OpRecord): Cycles =>
  op.isLearning ? LEARNING_OPS[learningKind(op)].cycles(op) : recordOp(op).cycles(op);

/** Estimated cycles of entering an op and of all its tiles. */
export function opCycles(op: OpRecord): number {
  const { enter, tile } = cyclesOf(op);
  return enter + op.get(OP_TILES) * tile;
}

/** Estimated cycles of entering an op and of one tile, or its grain: with a boot and a commit, what a charge must hold. */
export function leastCycles(op: OpRecord): number {
  const { enter, tile } = cyclesOf(op);
  return enter + tile * Math.max(op.get(OP_GRAIN), 1);
}

/** Which body computes an op's sums. `scalar`: the module's own code, or plain C; `dsp`: for cores with the DSP extension. */
export type Body = 'scalar' | 'dsp';

/** What the DSP extension saves of an op's instructions; 0: nothing, or not known. */
function dspSaves(op: OpRecord): number {
  const int8 = op.isInt8 && op.get(OP_WEIGHT_TYPE) === WeightType.INT8;
  return op.isLearning || !int8 ? 0 : recordOp(op).dspSaves(op);
}

/** The body of `op` in firmware for a core that has the DSP extension, or has not. */
export const bodyOf = (op: OpRecord, dspExtension: boolean): Body =>
  dspExtension && dspSaves(op) > 0 ? 'dsp' : 'scalar';

/** The share of an op's instructions that a body saves, estimated from those of other shapes; 0 of `scalar`. */
export const savingOf = (op: OpRecord, body: Body): number => (body === 'scalar' ? 0 : dspSaves(op));
