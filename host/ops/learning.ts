// The ops of learning, one entry each: what their tiles cost, in cycles of a generic 32-bit core (estimates, as those of
// shared/cycles.ts), and what part they have in a job.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_GROUP,
  CIRC_OUTPUTS,
  OpKind,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PART,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import {
  FACTOR_ROWS,
  FOUR,
  LOSS_CLASSES,
  RESCALE_COUNT,
  RESCALE_GROUP,
  SOLVE_CLASSES,
  SUMS_SHAPE,
  UPDATE_GROUP,
  UPDATE_HEIGHT,
  UPDATE_LAYER,
  UPDATE_PART,
  WIPE_PART,
} from '../../assembly/learning-layout.js';
import { isInference, type LearningKind, type OpRecord, type SumsKind } from '../model/record.js';
import type { Cycles } from './op.js';
import { tapsOf } from './shared/window.js';
import { refuseRecord } from '../model/image-error.js';

/** Cycles around a tile. */
const TILE = 800;
/** A view. */
const VIEW = 60;
/** A multiply-add into an int32 sum. */
const MAC = 14;
/** One of a dot product. */
const DOT_MAC = 5;
/** A parameter that changes: 64-bit product, random bits, clamp. */
const CHANGE = 90;
/** A byte that is written. */
const WRITTEN = 4;
/** Lanes that are learnt, in the mean. */
const LANES = 2;

/** What the table says of an op of learning. */
export interface LearningOp {
  /** Steers the job: what comes next is in the cursor that it leaves, so that a commit may be due at any of its tiles. */
  steers: boolean;
  /** Writes the next weight bank. */
  updates: boolean;
  cycles(op: OpRecord): Cycles;
}

/** The biases of `count` rows of an update: errors of all pixels, and sums of weights before and after. */
export function biasCycles(op: OpRecord, count: number): number {
  const [height, width] = op.getPair(WIN_KERNEL);
  const depthwise = op.kind === OpKind.UPDATE_DEPTHWISE;
  const patch = height * width * (depthwise ? VIEW : op.get(WIN_INPUT_CHANNELS) * 8);
  const weights = (op.get(UPDATE_LAYER) & 0xff) * patch * 2;
  const pixels = op.get(UPDATE_HEIGHT) * op.get(WIN_OUTPUT_WIDTH);
  return count * (CHANGE + 3 * VIEW + weights + LANES * pixels * VIEW);
}

const tile = (cycles: number): Cycles => ({ enter: 0, tile: TILE + cycles });
const partOf = (op: OpRecord): number => op.get(WIN_PART) || op.get(WIN_INPUT_CHANNELS);
const pixelsOf = (op: OpRecord): number => op.get(UPDATE_HEIGHT) * op.get(WIN_OUTPUT_WIDTH);
/** A few fields of a cursor and a bank of state. */
const STEERING = tile(10_000 - TILE);

const control = { steers: true, updates: false, cycles: () => STEERING };
const gradient = (cycles: (op: OpRecord) => number): LearningOp => ({
  steers: false,
  updates: false,
  cycles: (op) => tile(cycles(op)),
});
const update = (cycles: (op: OpRecord) => number): LearningOp => ({ ...gradient(cycles), updates: true });

const scattered = gradient((op) => op.get(WIN_TILE_COLUMNS) * tapsOf(op) * (partOf(op) * MAC * 2 + 3 * VIEW));

/** A 64-bit product added up; one of four at a time; a 64-bit division. */
const WIDE_MAC = 20;
const FOURTH_MAC = 8;
const DIVISION = 200;
/** Ring entries that wait, as a rule. */
const WAITING = 8;

const sums = (cost: (classes: number, rank: number, op: OpRecord) => Cycles): LearningOp => ({
  steers: false,
  updates: false,
  cycles(op) {
    const [classes, rank] = op.getPair(SUMS_SHAPE);
    const { enter, tile: cycles } = cost(classes, rank, op);
    return { enter, tile: TILE + cycles };
  },
});

/** What a head by sums takes, in tiles of rows and classes. */
const SUMS_OPS = {
  [OpKind.DUE]: control,
  [OpKind.FOLD]: sums((classes, rank) => ({
    enter: STEERING.tile + (WAITING + classes) * VIEW + rank * (WAITING * MAC + VIEW),
    tile: WAITING * (VIEW + rank * MAC) + rank * (DIVISION + MAC),
  })),
  [OpKind.FORGET]: {
    ...sums((_, rank) => ({ enter: 0, tile: 8 * VIEW + rank * (2 * DIVISION + WIDE_MAC) })),
    steers: true,
  },
  [OpKind.FACTOR]: sums((classes, rank, op) => {
    const rows = op.get(FACTOR_ROWS);
    const mac = rows === FOUR ? FOURTH_MAC : WIDE_MAC;
    return {
      enter: classes * (2 * VIEW + rank * WIDE_MAC) + rank * VIEW + DIVISION,
      tile:
        classes * (4 * VIEW + rank * rows * mac) +
        rank * (VIEW + rows * (VIEW + (rank / 2) * mac)) +
        rows * DIVISION,
    };
  }),
  [OpKind.SOLVE]: sums((_, rank, op) => {
    const classes = op.get(SOLVE_CLASSES);
    const mac = classes === FOUR ? FOURTH_MAC : WIDE_MAC;
    return { enter: 0, tile: rank * (2 * VIEW + classes * (VIEW + (rank / 2) * mac)) };
  }),
  [OpKind.REQUANTIZE]: sums((classes, rank) => ({
    enter: classes * (5 * VIEW + 3 * rank * WIDE_MAC) + rank * DIVISION,
    tile: 4 * VIEW + rank * (WIDE_MAC + MAC) + DIVISION,
  })),
  [OpKind.SETTLE]: { ...control, steers: false },
} as const satisfies Record<SumsKind, LearningOp>;

export const LEARNING_OPS = {
  ...SUMS_OPS,
  [OpKind.TURN]: control,
  [OpKind.LOSS]: { ...control, cycles: (op) => tile(op.get(LOSS_CLASSES) * 200) },
  [OpKind.LOOP]: control,
  [OpKind.FINISH]: { ...control, steers: false },
  [OpKind.FLIP]: gradient(() => 0),
  [OpKind.WIPE]: { ...control, cycles: (op) => tile(STEERING.tile + op.get(WIPE_PART) * WRITTEN) },
  [OpKind.CONV2D_GRAD]: gradient((op) => {
    const [strideY, strideX] = op.getPair(WIN_STRIDE);
    const seen = Math.max(1, tapsOf(op) / (strideY * strideX));
    return op.get(WIN_TILE_COLUMNS) * seen * op.get(WIN_OUTPUT_CHANNELS) * (partOf(op) * MAC + VIEW);
  }),
  [OpKind.DEPTHWISE_GRAD]: scattered,
  [OpKind.AVG_POOL_GRAD]: scattered,
  [OpKind.MAX_POOL_GRAD]: gradient(
    (op) => op.get(WIN_TILE_COLUMNS) * partOf(op) * tapsOf(op) * (VIEW + MAC * 2),
  ),
  [OpKind.CIRCULANT_GRAD]: gradient((op) => op.get(CIRC_OUTPUTS) * op.get(CIRC_GROUP) * MAC),
  [OpKind.RESCALE]: {
    steers: false,
    updates: false,
    cycles: (op) => ({ enter: op.get(RESCALE_COUNT) * 20, tile: TILE + op.get(RESCALE_GROUP) * 40 }),
  },
  [OpKind.ADD_GRAD]: gradient((op) => 4 * VIEW + op.get(RESCALE_GROUP) * 40),
  [OpKind.UPDATE_CONV2D]: update((op) => {
    const count = op.get(UPDATE_PART);
    // The means are one sample more.
    const samples = LANES * pixelsOf(op) + (op.get(UPDATE_LAYER) >>> 24 === 0 ? 0 : 1);
    const weights = count * CHANGE + samples * (VIEW + count * MAC);
    return Math.max(weights, biasCycles(op, op.get(UPDATE_GROUP)));
  }),
  [OpKind.UPDATE_DEPTHWISE]: update((op) => {
    const taps = tapsOf(op);
    return op.get(UPDATE_PART) * (taps * (CHANGE + VIEW) + LANES * pixelsOf(op) * VIEW * (1 + taps));
  }),
  [OpKind.UPDATE_CIRCULANT]: update((op) => {
    const k = op.get(CIRC_BLOCK);
    // Errors are brought to one exponent, then a weight's sum is a dot product.
    const weights = LANES * k * MAC + op.get(UPDATE_PART) * (CHANGE + LANES * (2 * VIEW + k * DOT_MAC));
    return Math.max(weights, k * (CHANGE + 3 * VIEW) + op.get(CIRC_BLOCKS) * k * 8);
  }),
} as const satisfies Record<LearningKind, LearningOp>;

/** The op's kind, one of learning. Throws where it is not. */
export function learningKind({ kind }: OpRecord): LearningKind {
  if (isInference(kind) || !(kind in LEARNING_OPS))
    refuseRecord(`an op of kind ${kind} that learns`, 'a kind of learning');
  return kind;
}

/** The entry of an op of learning; undefined of one of inference. */
export const learningOp = (op: OpRecord): LearningOp | undefined =>
  op.isLearning ? LEARNING_OPS[learningKind(op)] : undefined;

/** Entering an op of learning, and one of its tiles. */
export const learningCycles = (op: OpRecord): Cycles => LEARNING_OPS[learningKind(op)].cycles(op);
