// What an op record says of its op: kind, shapes, multiply-adds, cycles, the body that computes it.
import {
  DENSE_GROUP,
  DENSE_INPUTS,
  OP_ACTIVATION_TYPE,
  OP_GRAIN,
  OP_TILES,
  OP_WEIGHT_TYPE,
  OpKind,
  WIN_TILE_COLUMNS,
  WeightType,
} from '../../assembly/layout.js';
import { kernelName, type OpRecord } from '../model/record.js';
import { RECORD_OPS } from './index.js';
import { LEARNING_OPS, learningKind } from './learning.js';
import type { Cycles, RecordOp, Shapes } from './op.js';
import { type Body, coreUnits, unitWork } from './shared/cost.js';
import { isByCodes } from './shared/packed-work.js';
import { both, part, type Work } from './shared/work.js';

export interface OpDescription extends Shapes {
  /** Name of the kernel, as in docs/FORMAT.md, and for a circulant layer its blocks: `circulant_ntt_s8 2×2·128`. */
  kind: string;
}

/** The entry of an op of inference. */
export const recordOp = (op: OpRecord): RecordOp => RECORD_OPS[op.inference];

/** Work of records seen last, by their bytes: planning, policy, charge and pace all ask for it. */
const known = new Map<string, Work>();
const MOST_KNOWN = 4096;

/** What an op of inference asks of a device. */
export function workOf(op: OpRecord): Work {
  const { buffer, byteOffset, length } = op.bytes;
  const key = Buffer.from(buffer, byteOffset, length).toString('latin1');
  let work = known.get(key);
  if (work) return work;
  if (known.size >= MOST_KNOWN) known.clear();
  work = recordOp(op).work(op);
  known.set(key, work);
  return work;
}

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

/**
 * What computes an op's sums. `scalar`: the module's own code, or plain C; `dsp`: by a core's DSP extension; `signs`: weights of
 * 1 or 2 bits by tables, on any core; `lea`: by the vector unit of an MSP430.
 */
export type SumBody = 'scalar' | 'dsp' | 'signs' | 'lea';

/** The body of `op`'s sums in firmware for a device. */
export function sumBodyOf(op: OpRecord, body: Body): SumBody {
  if (op.isLearning || !op.isInt8) return 'scalar';
  const { signed, accelerated } = recordOp(op);
  const isDense = op.kind === OpKind.DENSE && accelerated(op);
  if (body === 'dsp' && isDense && isByCodes(op, op.get(DENSE_INPUTS), op.get(DENSE_GROUP))) return 'dsp';
  if (signed(op)) return 'signs';
  const { enter, all } = workOf(op);
  if (unitWork(both(enter, all), body).calls > 0) return 'lea';
  const type = op.get(OP_WEIGHT_TYPE);
  const nibbles = type === WeightType.INT4 && (op.kind === OpKind.CONV2D || op.kind === OpKind.DENSE);
  // First columns are unpacked, and then go as int8.
  const columns = op.kind === OpKind.CIRCULANT_NTT || op.kind === OpKind.CIRCULANT_DIRECT;
  const taken = type === WeightType.INT8 || nibbles || columns;
  return body === 'dsp' && taken && accelerated(op) ? 'dsp' : 'scalar';
}

/** Instructions of an op of inference, entered once, on a body; of the MSP430 cycles. Memory is not in them. */
export function coreUnitsOf(op: OpRecord, body: Body): number {
  const { kernel, enter, all } = workOf(op);
  return coreUnits(enter, kernel, body) + coreUnits(all, kernel, body);
}

/** Units of a body for the sums of an op of few bits whose rows are unpacked for each tile, and then multiplied. */
function unpackedUnits(op: OpRecord, body: Body): number {
  const { macs } = recordOp(op).shapes(op);
  const vectors = op.kind === OpKind.DENSE ? 1 : op.get(WIN_TILE_COLUMNS);
  return coreUnits(part({ mac: macs, made: macs / vectors }), 'dense_rows', body);
}

/**
 * The share of an op's instructions that its body saves: the DSP extension of those of a Cortex-M3, tables of signs of those that
 * rows take which are unpacked first, a vector unit, which itself takes `unitCycles`, of an MSP430's cycles; 0 where nothing is
 * by them.
 */
export function savingOf(op: OpRecord, body: Body, unitCycles: number): number {
  switch (sumBodyOf(op, body)) {
    case 'scalar':
      return 0;
    case 'dsp':
      return 1 - coreUnitsOf(op, 'dsp') / coreUnitsOf(op, 'armv7m');
    case 'signs':
      return Math.max(0, 1 - coreUnitsOf(op, body) / unpackedUnits(op, body));
    case 'lea':
      return 1 - (coreUnitsOf(op, 'lea') + unitCycles) / coreUnitsOf(op, 'msp430');
  }
}
