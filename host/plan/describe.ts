// What an op record says of its op, for people: kind, shapes, multiply-adds.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  ELT_COUNT,
  MAP_COUNT,
  MEAN_CHANNELS,
  MEAN_PIXELS,
  OP_ACTIVATION_TYPE,
  OP_TILES,
  OpKind,
  SOFTMAX_DEPTH,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PART,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import { type InferenceKind, kernelName, type OpRecord } from '../model/record.js';

export interface OpDescription {
  /** Name of the kernel, as in docs/FORMAT.md. */
  kind: string;
  inputShape: number[];
  outputShape: number[];
  /** Multiply-adds; for a circulant layer those of its dense equivalent. */
  macs: number;
}

function describeWindow(op: OpRecord, kind: InferenceKind): Omit<OpDescription, 'kind'> {
  const inputShape = [WIN_INPUT_HEIGHT, WIN_INPUT_WIDTH, WIN_INPUT_CHANNELS].map((field) => op.get(field));
  const width = op.get(WIN_OUTPUT_WIDTH);
  const parts = Math.ceil(op.get(WIN_OUTPUT_CHANNELS) / (op.get(WIN_PART) || op.get(WIN_OUTPUT_CHANNELS)));
  const height = op.get(OP_TILES) / parts / Math.ceil(width / op.get(WIN_TILE_COLUMNS));
  const outputShape = [height, width, op.get(WIN_OUTPUT_CHANNELS)];
  const outputs = outputShape.reduce((product, size) => product * size, 1);
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const taps = kernelHeight * kernelWidth;
  const perOutput =
    kind === OpKind.CONV2D ? taps * inputShape[2]! : kind === OpKind.DEPTHWISE_CONV2D ? taps : 0;
  return { inputShape, outputShape, macs: outputs * perOutput };
}

function describeShape(op: OpRecord, kind: InferenceKind): Omit<OpDescription, 'kind'> {
  const vector = (inputs: number, outputs: number, macs: number): Omit<OpDescription, 'kind'> => {
    return { inputShape: [inputs], outputShape: [outputs], macs };
  };
  switch (kind) {
    case OpKind.CONV2D:
    case OpKind.DEPTHWISE_CONV2D:
    case OpKind.MAX_POOL:
    case OpKind.AVG_POOL:
    case OpKind.PAD:
      return describeWindow(op, kind);
    case OpKind.DENSE:
      return vector(
        op.get(DENSE_INPUTS),
        op.get(DENSE_OUTPUTS),
        op.get(DENSE_INPUTS) * op.get(DENSE_OUTPUTS),
      );
    case OpKind.CIRCULANT_DIRECT:
    case OpKind.CIRCULANT_NTT:
    case OpKind.CIRCULANT_KARATSUBA:
      return vector(op.get(CIRC_INPUTS), op.get(CIRC_OUTPUTS), op.get(CIRC_INPUTS) * op.get(CIRC_OUTPUTS));
    case OpKind.ADD:
    case OpKind.MUL:
      return vector(op.get(ELT_COUNT), op.get(ELT_COUNT), 0);
    case OpKind.SOFTMAX: {
      const shape = [op.get(OP_TILES), op.get(SOFTMAX_DEPTH)];
      return { inputShape: shape, outputShape: shape, macs: 0 };
    }
    case OpKind.MEAN: {
      const shape = [op.get(MEAN_PIXELS), op.get(MEAN_CHANNELS)];
      return { inputShape: shape, outputShape: [op.get(MEAN_CHANNELS)], macs: 0 };
    }
    case OpKind.MAP:
      return vector(op.get(MAP_COUNT), op.get(MAP_COUNT), 0);
  }
}

/** Whether ops of `kind` have their weights as circulant blocks of one dimension. */
export function isCirculant(kind: number): boolean {
  return (
    kind === OpKind.CIRCULANT_NTT || kind === OpKind.CIRCULANT_DIRECT || kind === OpKind.CIRCULANT_KARATSUBA
  );
}

/** Describes `op`. A circulant's kind carries its blocks: `circulant_ntt_s8 2×2·128`. */
export function describeOp(op: OpRecord): OpDescription {
  const { kind } = op;
  const name = kernelName(kind, op.get(OP_ACTIVATION_TYPE));
  const described = op.isLearning
    ? { inputShape: [], outputShape: [], macs: 0 }
    : describeShape(op, op.inference);
  const circulant = isCirculant(kind);
  const rows = Math.ceil(op.get(CIRC_OUTPUTS) / op.get(CIRC_BLOCK));
  const blocks = circulant ? ` ${rows}×${op.get(CIRC_BLOCKS)}·${op.get(CIRC_BLOCK)}` : '';
  return { kind: name + blocks, ...described };
}
