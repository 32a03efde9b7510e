// What tiles cost, in cycles of a generic 32-bit core: enough to choose tile sizes, methods and commit spacing before
// anything runs. Coefficients are estimates, fitted to metered runs on
// cortex-m4-generic (`brownout analyze` prints those). Int16 is taken for int8; it costs up to a quarter more.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_FACTOR,
  CIRC_GROUP,
  DENSE_GROUP,
  DENSE_INPUTS,
  ELT_GROUP,
  MAP_GROUP,
  MAP_LENGTH,
  MEAN_GROUP,
  MEAN_PIXELS,
  OP_TILES,
  OpKind,
  SOFTMAX_DEPTH,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_PART,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import type { CirculantMethod, SpectraChoice } from '../model/quantized-network.js';
import { leafCount } from './karatsuba.js';
import type { OpRecord } from '../model/record.js';
import { learningCycles } from './learning/cost.js';

/** Cycles of a multiply-add in a dot product of int8. */
const MAC = 9;
/** Cycles to requantize and store one output. */
const OUTPUT = 90;
/** Cycles of one output of softmax: two exponentials. */
const SOFTMAX = 300;
/** Cycles around a tile: dispatch, views, the write. */
const TILE = 600;
/** Cycles of a commit: CRC, two barriers, a slot. */
export const COMMIT_CYCLES = 1500;

/** A convolution tile of `columns` outputs, `channels` channels each, over windows of `patch` values. */
export function convTileCycles(columns: number, channels: number, patch: number): number {
  return TILE + columns * (patch * 6 + channels * (patch * MAC + OUTPUT));
}

/** A depthwise tile of `columns` outputs of `channels` channels each. */
export function depthwiseTileCycles(columns: number, channels: number, taps: number): number {
  return TILE + columns * channels * (taps * (MAC + 6) + OUTPUT);
}

/** `count` elements of an element-wise op of two inputs. */
export function elementwiseCycles(count: number): number {
  return TILE + count * 3 * OUTPUT;
}

/** A dense tile of `group` outputs, and entering the op. */
export function denseTileCycles(group: number, inputs: number): number {
  return TILE + inputs * 2 + group * (inputs * MAC + OUTPUT);
}

/**
 * A circulant layer of rows of `blocks` blocks of size k, by each method: entering it, and a block row. Which of direct and
 * ntt is the cheaper is held against counts on an emulated Cortex-M4 by bench/circulant-choice.ts.
 */
export function circulantCycles(
  k: number,
  blocks: number,
  spectra: SpectraChoice = 'stored',
): Record<CirculantMethod, { enter: number; row: number }> {
  const transform = k * (6 + 11 * Math.log2(k));
  const computed = spectra === 'computed' ? blocks * transform : 0;
  const leaves = leafCount(k);
  return {
    direct: { enter: blocks * k, row: k * OUTPUT + blocks * k * (k * MAC + 20) },
    ntt: {
      enter: blocks * transform + k * 6,
      row: k * OUTPUT + blocks * k * 13 + transform + computed,
    },
    karatsuba: {
      enter: blocks * (k * 6 + leaves * 4 * 12),
      row: k * OUTPUT + blocks * leaves * 16 * MAC + leaves * 4 * 20,
    },
  };
}

const METHODS = {
  [OpKind.CIRCULANT_DIRECT]: 'direct',
  [OpKind.CIRCULANT_NTT]: 'ntt',
  [OpKind.CIRCULANT_KARATSUBA]: 'karatsuba',
} as const;

/** Estimated cycles of entering an op, and of one of its tiles. */
function stepCycles(op: OpRecord): { enter: number; tile: number } {
  const only = (tile: number): { enter: number; tile: number } => ({ enter: 0, tile });
  const patch = (): number => {
    const [height, width] = op.getPair(WIN_KERNEL);
    return height * width * op.get(WIN_INPUT_CHANNELS);
  };
  if (op.isLearning) return learningCycles(op);
  const kind = op.inference;
  switch (kind) {
    case OpKind.CONV2D:
      return only(
        convTileCycles(op.get(WIN_TILE_COLUMNS), op.get(WIN_PART) || op.get(WIN_OUTPUT_CHANNELS), patch()),
      );
    case OpKind.MAX_POOL:
      return only(TILE + op.get(WIN_TILE_COLUMNS) * patch() * MAC);
    case OpKind.AVG_POOL:
      return only(TILE + op.get(WIN_TILE_COLUMNS) * (patch() * MAC + op.get(WIN_INPUT_CHANNELS) * 20));
    case OpKind.DEPTHWISE_CONV2D: {
      const taps = patch() / op.get(WIN_INPUT_CHANNELS);
      return only(depthwiseTileCycles(op.get(WIN_TILE_COLUMNS), op.get(WIN_OUTPUT_CHANNELS), taps));
    }
    case OpKind.ADD:
    case OpKind.MUL:
      return only(elementwiseCycles(op.get(ELT_GROUP)));
    case OpKind.SOFTMAX:
      return only(TILE + op.get(SOFTMAX_DEPTH) * SOFTMAX);
    case OpKind.MEAN:
      return only(TILE + op.get(MEAN_GROUP) * (op.get(MEAN_PIXELS) * MAC + OUTPUT));
    case OpKind.PAD:
      return only(TILE + op.get(WIN_TILE_COLUMNS) * op.get(WIN_OUTPUT_CHANNELS) * 5);
    case OpKind.MAP:
      return only(TILE + op.get(MAP_GROUP) * (100 + op.get(MAP_LENGTH) * MAC));
    case OpKind.DENSE:
      return only(denseTileCycles(op.get(DENSE_GROUP), op.get(DENSE_INPUTS)));
    case OpKind.CIRCULANT_DIRECT:
    case OpKind.CIRCULANT_NTT:
    case OpKind.CIRCULANT_KARATSUBA: {
      const spectra = op.get(CIRC_FACTOR) === 0 ? 'stored' : 'computed';
      const costs = circulantCycles(op.get(CIRC_BLOCK), op.get(CIRC_BLOCKS), spectra);
      const { enter, row } = costs[METHODS[kind]];
      return { enter, tile: TILE + op.get(CIRC_GROUP) * row };
    }
  }
}

/** Estimated cycles of entering an op and of all its tiles. */
export function opCycles(op: OpRecord): number {
  const { enter, tile } = stepCycles(op);
  return enter + op.get(OP_TILES) * tile;
}

/** Estimated cycles of entering an op and of one tile: with a boot and a commit, what a charge must hold. */
export function leastCycles(op: OpRecord): number {
  const { enter, tile } = stepCycles(op);
  return enter + tile;
}
