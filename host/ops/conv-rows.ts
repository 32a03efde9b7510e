// Convolutions by rows (`OP_FLAG_ROWS`): a vector unit reads windows where rows of the map lie, so that none is laid out.
import { WIN_INPUT_CHANNELS, WIN_KERNEL, WIN_STRIDE } from '../../assembly/layout.js';
import { type Conv2d, elementBytes, type TensorSpec } from '../model/quantized-network.js';
import type { OpRecord } from '../model/record.js';
import { gemmCounts } from './shared/gemm-work.js';
import { LEA_WORDS, windowsCounts } from './shared/lea-windows.js';
import { align, arenaFor, equalParts, type TileLimits } from './shared/lowering.js';
import { columnChoices, patchOf } from './shared/window.js';
import type { Counts } from './shared/work.js';

/** Whether a vector unit takes windows where rows lie: of int8, whose taps are side by side, and which its RAM holds. */
export function inRows(
  op: Conv2d,
  input: TensorSpec,
  channels: number,
  { unit, line = 1 }: TileLimits,
): boolean {
  const { kernel, stride, dilation, blockSize = 1, weightType = 'int8' } = op;
  const length = 2 * Math.ceil((kernel[0] * channels) / 2) * kernel[1];
  return (
    unit === true &&
    line === 1 &&
    elementBytes(input) === 1 &&
    blockSize === 1 &&
    weightType === 'int8' &&
    dilation.every((n) => n === 1) &&
    stride[1] <= kernel[1] &&
    kernel[0] * kernel[1] > 1 &&
    2 * length <= LEA_WORDS
  );
}

/** Bytes of the rows under `columns` windows, laid out. */
const rowsBytes = ({ kernel, stride }: Conv2d, columns: number, channels: number): number =>
  kernel[0] * ((columns - 1) * stride[1] + kernel[1]) * channels;

/** `areas` of SRAM of a tile of `columns` whose rows are multiplied: what lays windows out has room for some of them. */
export function withRows(
  areas: number[],
  op: Conv2d,
  columns: number,
  channels: number,
  { arenaBytes }: TileLimits,
): number[] {
  const patch = op.kernel[0] * op.kernel[1] * channels;
  const least = Math.max(patch, rowsBytes(op, columns, channels));
  const left = arenaBytes - arenaFor(areas.with(1, 0));
  const held = patch * Math.min(columns, Math.floor(left / patch));
  return areas.with(1, Math.max(least, align(held) > left ? 0 : held));
}

/** Cuts into parts of the channels of several columns: all that SRAM holds. */
export function* partsOf<Made extends { end: number }>(
  width: number,
  outputs: number,
  cutInto: (columns: number, part: number) => Made,
  { arenaBytes }: TileLimits,
): Generator<Made> {
  for (const columns of columnChoices(width)) {
    for (const part of equalParts(outputs)) {
      const made = cutInto(columns, part);
      if (made.end <= arenaBytes) yield made;
    }
  }
}

/** What a vector unit multiplies where rows lie, and what other bodies take for it. */
export function rowsCounts(op: OpRecord, columns: number, rows: number, room: boolean): Counts {
  const [height, width] = op.getPair(WIN_KERNEL);
  const others = Object.entries(gemmCounts(columns, rows, patchOf(op), room));
  return {
    ...Object.fromEntries(others.filter(([name]) => !name.startsWith('unit'))),
    unitCalled: 1,
    ...windowsCounts({
      ...{ pixel: op.get(WIN_INPUT_CHANNELS), skip: op.getPair(WIN_STRIDE)[1] },
      ...{ height, width, count: columns, rows },
    }),
  };
}
