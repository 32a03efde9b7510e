// The tables of ops: one entry for each kind of record, one for each kind of op of a network. A new op is a file here and
// its line in each (docs/CONTRIBUTING.md).
import { OpKind } from '../../assembly/layout.js';
import type { ComputingOp } from '../model/quantized-network.js';
import type { InferenceKind } from '../model/record.js';
import { circulant, circulantDirect, circulantKaratsuba, circulantNtt } from './circulant/circulant.js';
import { circulantSpectra } from './circulant/spectra.js';
import { conv2d, conv2dRecord } from './conv2d.js';
import { convert } from './convert.js';
import { dense, denseRecord } from './dense.js';
import { depthwiseConv2d, depthwiseConv2dRecord } from './depthwise-conv2d.js';
import { add, elementwiseRecord, mul } from './elementwise.js';
import { concat, logistic, map, mapRecord, repeat, requantize, slice, transpose } from './map.js';
import { lookup, lookupRecord } from './lookup.js';
import { matmul } from './matmul.js';
import { mean, meanRecord } from './mean.js';
import type { NetworkOp, RecordOp } from './op.js';
import { pad, padRecord } from './pad.js';
import { averagePool2d, averagePoolRecord, maxPool2d, maxPoolRecord } from './pool2d.js';
import type { Lower } from './shared/lowering.js';
import { separableRecord } from './separable-conv2d.js';
import { softmax, softmaxRecord } from './softmax.js';
import { convNttRecord } from './conv-ntt.js';
import { sparseRecord } from './sparse-conv2d.js';
import { winogradRecord } from './winograd.js';
import { xnorRecord } from './xnor-conv2d.js';

export const RECORD_OPS: Record<InferenceKind, RecordOp> = {
  [OpKind.CONV2D]: conv2dRecord,
  [OpKind.MAX_POOL]: maxPoolRecord,
  [OpKind.DENSE]: denseRecord,
  [OpKind.CIRCULANT_DIRECT]: circulantDirect,
  [OpKind.CIRCULANT_NTT]: circulantNtt,
  [OpKind.CIRCULANT_SPECTRA]: circulantSpectra,
  [OpKind.DEPTHWISE_CONV2D]: depthwiseConv2dRecord,
  [OpKind.AVG_POOL]: averagePoolRecord,
  [OpKind.ADD]: elementwiseRecord,
  [OpKind.MUL]: elementwiseRecord,
  [OpKind.SOFTMAX]: softmaxRecord,
  [OpKind.MEAN]: meanRecord,
  [OpKind.PAD]: padRecord,
  [OpKind.MAP]: mapRecord,
  [OpKind.CIRCULANT_KARATSUBA]: circulantKaratsuba,
  [OpKind.CONV2D_WINOGRAD]: winogradRecord,
  [OpKind.SEPARABLE_CONV2D]: separableRecord,
  [OpKind.LOOKUP]: lookupRecord,
  [OpKind.CONV2D_SPARSE]: sparseRecord,
  [OpKind.CONV2D_XNOR]: xnorRecord,
  [OpKind.CONV2D_NTT]: convNttRecord,
};

/** A reshape computes nothing: it renames. */
const NETWORK_OPS = {
  conv2d,
  matmul,
  depthwiseConv2d,
  maxPool2d,
  averagePool2d,
  dense,
  circulant,
  add,
  mul,
  softmax,
  logistic,
  requantize,
  map,
  lookup,
  convert,
  transpose,
  repeat,
  mean,
  pad,
  concat,
  slice,
} as const satisfies { [Kind in ComputingOp['kind']]: NetworkOp<Extract<ComputingOp, { kind: Kind }>> };

/** The entry of an op. */
export const entryOf = <Op extends ComputingOp>(op: Op): NetworkOp<Op> =>
  NETWORK_OPS[op.kind] as unknown as NetworkOp<Op>;

/** Lowers `op` to its records and constants: how it is cut into tiles, and what SRAM it takes. */
export const lower: Lower = (op, inputs, output, limits) => entryOf(op).lower(op, inputs, output, limits);
