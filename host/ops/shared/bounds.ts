// What the bounds of several ops have in common.
import {
  OP_ACTIVATION_TYPE,
  OP_BIAS,
  OP_FLAG_PLAIN,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_TILES,
  OP_WEIGHT_TYPE,
  WIN_DILATION,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PADDING,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
  WeightType,
} from '../../../assembly/layout.js';
import type { OpRecord } from '../../model/record.js';
import { WEIGHT_TYPES, weightTypeOfCode } from '../../model/weight-types.js';
import type { Bounds } from '../op.js';
import { storedBiasBytes, storedPairBytes } from './record-bytes.js';

/** Positions of windows are computed in 32 bits. */
const MOST_POSITION = 1 << 30;
/** Taps of a window that is not kept in SRAM. */
const MOST_TAPS = 1 << 16;

/** A field as a size. */
export const size = (op: OpRecord, field: number): number => op.get(field) >>> 0;

export const alignUp = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** Bytes of a value. */
export const widthOf = (op: OpRecord): number => 1 << op.get(OP_ACTIVATION_TYPE);

/** Whether weights take less than a byte. */
export const isPacked = (op: OpRecord): boolean => op.get(OP_WEIGHT_TYPE) !== WeightType.INT8;

/** Bytes of a row of weights as NVM holds it. */
export const packedBytes = (op: OpRecord, length: number): number =>
  WEIGHT_TYPES[weightTypeOfCode(op.get(OP_WEIGHT_TYPE))].rowBytes(length);

/** Bytes of SRAM for `rows` of them: packed ones are unpacked behind, one at a time. */
export const unpackedBytes = (op: OpRecord, length: number, rows: number): number =>
  isPacked(op) ? alignUp(rows * packedBytes(op, length)) + length : rows * length;

/** Bytes of biases in SRAM. */
export const biasBytes = (op: OpRecord, channels: number): number => 4 * channels * widthOf(op);

/** Bytes of requantization pairs in SRAM: one where the stride is 0. */
export const pairBytes = (op: OpRecord, channels: number): number =>
  size(op, OP_REQUANT_STRIDE) === 0 ? 8 : channels * 8;

/** Biases and pairs of all channels. */
export const requantizing = (op: OpRecord, channels: number): Bounds['reads'] => [
  [OP_BIAS, storedBiasBytes(op, channels)],
  [OP_REQUANT, storedPairBytes(op, channels)],
];

export const atLeast = (name: string, least: number, found: number): Bounds['demands'][number] => [
  `${found} ${name}; least`,
  least,
  found,
];

/** Demands of `count` things in tiles of `group`. */
export const inGroups = (op: OpRecord, count: number, group: number): Bounds['demands'] => [
  atLeast('in a tile', 1, group),
  atLeast('in all', 1, count),
  ['tiles', size(op, OP_TILES), Math.ceil(count / group)],
];

/** What kernels of windows have in common; tiles come in `parts` a window, or make `height` rows of outputs. */
export interface WindowBounds {
  channels: number;
  outputs: number;
  columns: number;
  taps: number;
  width: number;
  /** Bytes of a row of input under a tile. */
  rowBytes: number;
  /** Pixels of the output. */
  pixels: number;
  inputPixels: number;
  reads: Bounds['reads'];
  writes: Bounds['writes'];
  demands: Bounds['demands'];
}

export function windowBounds(op: OpRecord, parts = 1, height?: number): WindowBounds {
  const [inputHeight, across, channels] = [WIN_INPUT_HEIGHT, WIN_INPUT_WIDTH, WIN_INPUT_CHANNELS].map((f) =>
    size(op, f),
  ) as [number, number, number];
  const [outputWidth, outputs, columns] = [WIN_OUTPUT_WIDTH, WIN_OUTPUT_CHANNELS, WIN_TILE_COLUMNS].map((f) =>
    size(op, f),
  ) as [number, number, number];
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const [down, right] = op.getPair(WIN_STRIDE);
  const [tall, wide] = op.getPair(WIN_DILATION);
  const [above, left] = op.getPair(WIN_PADDING);
  const width = widthOf(op);
  const rows = height ?? Math.ceil(size(op, OP_TILES) / parts / Math.ceil(outputWidth / columns));
  const plain = op.has(OP_FLAG_PLAIN) ? 1 : 0;
  const reach = (kernelWidth - 1) * wide + 1;
  const demands: Bounds['demands'] = [
    ...[inputHeight, across, channels, outputs, columns, kernelHeight, kernelWidth, tall, wide].map((n) =>
      atLeast('as a size', 1, n),
    ),
    ['columns of a tile', columns, outputWidth],
    ['rows', rows * down + kernelHeight * tall + above, MOST_POSITION],
    ['columns', outputWidth * right + kernelWidth * wide + left, MOST_POSITION],
    ['taps', kernelHeight * kernelWidth, MOST_TAPS],
    // What a plain op promises, kernels without edges rely on.
    ['rows of a plain op', plain * ((rows - 1) * down + kernelHeight), inputHeight],
    ['columns of a plain op', plain * ((outputWidth - 1) * right + kernelWidth), across],
    ['dilation and padding of a plain op', plain * (tall - 1 + wide - 1 + above + left), 0],
  ];
  return {
    channels,
    outputs,
    columns,
    taps: kernelHeight * kernelWidth,
    width,
    rowBytes: Math.min((columns - 1) * right + reach, across) * channels * width,
    pixels: rows * outputWidth,
    inputPixels: inputHeight * across,
    reads: [[OP_INPUT, inputHeight * across * channels * width]],
    writes: [[OP_OUTPUT, rows * outputWidth * outputs * width]],
    demands,
  };
}
