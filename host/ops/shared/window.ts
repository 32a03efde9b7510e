// Geometry of sliding windows.
import {
  OP_TILES,
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
  WIN_PART,
} from '../../../assembly/layout.js';
import type { TensorSpec, Window } from '../../model/quantized-network.js';
import { refuse, wholeUnits } from './lowering.js';
import type { OpRecord } from '../../model/record.js';
import type { Shapes } from '../op.js';

export function feature(op: { name: string; kind: string }, tensor: TensorSpec): [number, number, number] {
  const { shape } = tensor;
  if (shape.length !== 3)
    refuse(op, `on a tensor of shape [${shape}]`, 'height, width, channels', 'Reshape it first.');
  return [shape[0]!, shape[1]!, shape[2]!];
}

/** Fields of the window's geometry. */
export function placeWindow(
  op: Window,
  input: number[],
  output: number[],
  columns: number,
  record: OpRecord,
): void {
  record.set(WIN_INPUT_HEIGHT, input[0]!);
  record.set(WIN_INPUT_WIDTH, input[1]!);
  record.set(WIN_INPUT_CHANNELS, input[2]!);
  record.set(WIN_OUTPUT_WIDTH, output[1]!);
  record.set(WIN_OUTPUT_CHANNELS, output[2]!);
  record.setPair(WIN_KERNEL, op.kernel);
  record.setPair(WIN_STRIDE, op.stride);
  record.setPair(WIN_DILATION, op.dilation);
  record.setPair(WIN_PADDING, op.padding);
  record.set(WIN_TILE_COLUMNS, columns);
  record.set(OP_TILES, output[0]! * Math.ceil(output[1]! / columns));
}

/** Values of an input row that `columns` outputs see. */
export function rowSpan(op: Window, width: number, channels: number, columns: number): number {
  return Math.min((columns - 1) * op.stride[1] + (op.kernel[1] - 1) * op.dilation[1] + 1, width) * channels;
}

/** Columns a tile may have, most first: the row in 1, 2, … equal parts, multiples of `unit` where they can be. */
export function* columnChoices(width: number, unit = 1): Generator<number> {
  let last = 0;
  for (let parts = 1; parts <= width; parts++) {
    const columns = wholeUnits(Math.ceil(width / parts), width, unit);
    if (columns !== last) yield columns;
    last = columns;
  }
}

/** Shapes of a record of windows, and its multiply-adds where an output takes `perOutput`. */
export function windowShapes(op: OpRecord, perOutput: number): Shapes {
  const inputShape = [WIN_INPUT_HEIGHT, WIN_INPUT_WIDTH, WIN_INPUT_CHANNELS].map((field) => op.get(field));
  const width = op.get(WIN_OUTPUT_WIDTH);
  const channels = op.get(WIN_OUTPUT_CHANNELS);
  const parts = Math.ceil(channels / (op.get(WIN_PART) || channels));
  const height = op.get(OP_TILES) / parts / Math.ceil(width / op.get(WIN_TILE_COLUMNS));
  const outputShape = [height, width, channels];
  return { inputShape, outputShape, macs: height * width * channels * perOutput };
}

/** Taps of a window. */
export function tapsOf(op: OpRecord): number {
  const [height, width] = op.getPair(WIN_KERNEL);
  return height * width;
}

/** Values that a window sees. */
export const patchOf = (op: OpRecord): number => tapsOf(op) * op.get(WIN_INPUT_CHANNELS);

/** Whether no window reaches over an edge of the map, and the taps of each lie side by side. */
export function staysInside(op: OpRecord): boolean {
  const width = op.get(WIN_OUTPUT_WIDTH);
  const outputs = [op.get(OP_TILES) / Math.ceil(width / op.get(WIN_TILE_COLUMNS)), width];
  return [op.get(WIN_INPUT_HEIGHT), op.get(WIN_INPUT_WIDTH)].every((inputs, axis) => {
    const [kernel, stride, dilation, padding] = [WIN_KERNEL, WIN_STRIDE, WIN_DILATION, WIN_PADDING].map(
      (field) => op.getPair(field)[axis]!,
    ) as [number, number, number, number];
    return dilation === 1 && padding === 0 && (outputs[axis]! - 1) * stride + kernel <= inputs;
  });
}
