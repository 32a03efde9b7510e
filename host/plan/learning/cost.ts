// What tiles of learning kernels cost, in cycles of a generic 32-bit core; estimates, as those of host/plan/cost.ts.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_GROUP,
  CIRC_OUTPUTS,
  LOSS_CLASSES,
  OpKind,
  RESCALE_COUNT,
  RESCALE_GROUP,
  UPDATE_GROUP,
  UPDATE_HEIGHT,
  UPDATE_LAYER,
  UPDATE_PART,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PART,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../../assembly/layout.js';
import type { OpRecord } from '../../model/record.js';

/** Cycles around a tile. */
const TILE = 800;
/** A view. */
const VIEW = 60;
/** A multiply-add into an int32 sum. */
const MAC = 14;
/** A parameter that changes: 64-bit product, random bits, clamp. */
const CHANGE = 90;
/** Lanes that are learnt, in the mean. */
const LANES = 2;

/** The biases of `count` rows of an update: errors of all pixels, and sums of weights before and after. */
export function biasCycles(op: OpRecord, count: number): number {
  const [height, width] = op.getPair(WIN_KERNEL);
  const depthwise = op.kind === OpKind.UPDATE_DEPTHWISE;
  const patch = height * width * (depthwise ? VIEW : op.get(WIN_INPUT_CHANNELS) * 8);
  const weights = (op.get(UPDATE_LAYER) & 0xff) * patch * 2;
  const pixels = op.get(UPDATE_HEIGHT) * op.get(WIN_OUTPUT_WIDTH);
  return count * (CHANGE + 3 * VIEW + weights + LANES * pixels * VIEW);
}

/** Entering a learning op, and one of its tiles. */
export function learningCycles(op: OpRecord): { enter: number; tile: number } {
  const only = (tile: number): { enter: number; tile: number } => ({ enter: 0, tile: TILE + tile });
  const [height, width] = op.getPair(WIN_KERNEL);
  const taps = height * width;
  const part = op.get(WIN_PART) || op.get(WIN_INPUT_CHANNELS);
  const outputs = op.get(WIN_OUTPUT_CHANNELS);
  const pixels = op.get(UPDATE_HEIGHT) * op.get(WIN_OUTPUT_WIDTH);
  switch (op.kind) {
    case OpKind.CONV2D_GRAD: {
      const [strideY, strideX] = op.getPair(WIN_STRIDE);
      const seen = Math.max(1, taps / (strideY * strideX));
      return only(op.get(WIN_TILE_COLUMNS) * seen * outputs * (part * MAC + VIEW));
    }
    case OpKind.DEPTHWISE_GRAD:
    case OpKind.AVG_POOL_GRAD:
      return only(op.get(WIN_TILE_COLUMNS) * taps * (part * MAC * 2 + 3 * VIEW));
    case OpKind.MAX_POOL_GRAD:
      return only(op.get(WIN_TILE_COLUMNS) * part * taps * (VIEW + MAC * 2));
    case OpKind.CIRCULANT_GRAD:
      return only(op.get(CIRC_OUTPUTS) * op.get(CIRC_GROUP) * MAC);
    case OpKind.RESCALE:
      return { enter: op.get(RESCALE_COUNT) * 20, tile: TILE + op.get(RESCALE_GROUP) * 40 };
    case OpKind.UPDATE_CONV2D: {
      const count = op.get(UPDATE_PART);
      return only(
        Math.max(
          count * CHANGE + LANES * pixels * (VIEW + count * MAC),
          biasCycles(op, op.get(UPDATE_GROUP)),
        ),
      );
    }
    case OpKind.UPDATE_DEPTHWISE:
      return only(op.get(UPDATE_PART) * (taps * (CHANGE + VIEW) + LANES * pixels * VIEW * (1 + taps)));
    case OpKind.UPDATE_CIRCULANT: {
      const k = op.get(CIRC_BLOCK);
      const weights = op.get(UPDATE_PART) * (CHANGE + LANES * k * MAC);
      return only(Math.max(weights, k * (CHANGE + 3 * VIEW) + op.get(CIRC_BLOCKS) * k * 8));
    }
    case OpKind.LOSS:
      return only(op.get(LOSS_CLASSES) * 200);
    default:
      return only(10_000);
  }
}
