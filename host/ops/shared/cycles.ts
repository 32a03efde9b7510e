// What tiles cost, in cycles of a generic 32-bit core: enough to choose tile sizes, methods and commit spacing before
// anything runs. Coefficients are estimates, fitted to metered runs on
// cortex-m4-generic (`brownout analyze` prints those). Int16 is taken for int8; it costs up to a quarter more.
import type { CirculantMethod, SpectraChoice } from '../../model/quantized-network.js';
import { leafCount } from '../circulant/karatsuba.js';

/** Cycles of a multiply-add in a dot product of int8. */
export const MAC = 9;
/** Cycles to requantize and store one output. */
export const OUTPUT = 90;
/** Cycles of one output of softmax: two exponentials. */
export const SOFTMAX = 300;
/** Cycles around a tile: dispatch, views, the write. */
export const TILE = 600;
/** Cycles of a commit: CRC, two barriers, a slot. */
export const COMMIT_CYCLES = 1500;

/** A convolution tile of `columns` outputs, `channels` channels each, over windows of `patch` values. */
export function convTileCycles(columns: number, channels: number, patch: number): number {
  return TILE + columns * (patch * 6 + channels * (patch * MAC + OUTPUT));
}

/**
 * A tile of two rows of `columns` outputs, `channels` channels each, by Winograd's way, over windows of 3 × 3 × `inputs`.
 * `computed`: it transforms the weights, too.
 */
export function winogradTileCycles(
  columns: number,
  channels: number,
  inputs: number,
  computed: boolean,
): number {
  const blocks = 2 * Math.ceil(columns / 4);
  const weights = computed ? channels * inputs * 120 : 0;
  return TILE + blocks * (inputs * 160 + channels * (inputs * 16 * 5 + 4 * OUTPUT + 260)) + weights;
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
  // Up to eight values stay in registers.
  const transform = k <= 8 ? k * (4 + 5 * Math.log2(k)) : k * (6 + 11 * Math.log2(k));
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
