// Work of kernels that slide a window over a map, segment by segment of its output rows.
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
  WIN_PART,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../../assembly/layout.js';
import type { OpRecord } from '../../model/record.js';
import { cut, type Part, total, type Work } from './work.js';

/** What a tile sees: columns it makes, rows of the map under its windows, and columns of those. */
export interface Segment {
  columns: number;
  rows: number;
  span: number;
}

interface Axis {
  inputs: number;
  kernel: number;
  stride: number;
  dilation: number;
  padding: number;
}

/** Inputs inside the map under outputs `first` to `last`. */
function inside({ inputs, kernel, stride, dilation, padding }: Axis, first: number, last: number): number {
  const from = Math.max(first * stride - padding, 0);
  const to = Math.min(last * stride - padding + (kernel - 1) * dilation + 1, inputs);
  return Math.max(to - from, 0);
}

/** Taps of the window of output `at` that are inside the map. */
function tapsInside({ inputs, kernel, stride, dilation, padding }: Axis, at: number): number {
  let count = 0;
  for (let tap = 0; tap < kernel; tap++) {
    const input = at * stride - padding + tap * dilation;
    if (input >= 0 && input < inputs) count++;
  }
  return count;
}

function axisOf(op: OpRecord, axis: 0 | 1): Axis {
  const pair = (field: number): number => op.getPair(field)[axis]!;
  return {
    inputs: op.get(axis === 0 ? WIN_INPUT_HEIGHT : WIN_INPUT_WIDTH),
    kernel: pair(WIN_KERNEL),
    stride: pair(WIN_STRIDE),
    dilation: pair(WIN_DILATION),
    padding: pair(WIN_PADDING),
  };
}

/** How often each value comes. */
function tally<T>(values: Iterable<T>, key: (value: T) => string): (readonly [number, T])[] {
  const found = new Map<string, [number, T]>();
  for (const value of values) {
    const known = found.get(key(value));
    if (known) known[0]++;
    else found.set(key(value), [1, value]);
  }
  return [...found.values()];
}

/**
 * Work of the tiles of a record with a window: of a full tile, and of all, edges of the map as they are. `tile`: of a segment and
 * so many channels: parts of them may not be equal.
 */
export function windowWork(
  op: OpRecord,
  tile: (segment: Segment, channels: number) => Part,
): Pick<Work, 'tile' | 'all'> {
  const width = op.get(WIN_OUTPUT_WIDTH);
  const columns = Math.min(op.get(WIN_TILE_COLUMNS), width);
  const perRow = Math.ceil(width / columns);
  const outputs = op.get(WIN_OUTPUT_CHANNELS);
  const channels = op.get(WIN_PART) || outputs;
  const parts = Math.ceil(outputs / channels);
  const height = op.get(OP_TILES) / perRow / parts;
  const [down, across] = [axisOf(op, 0), axisOf(op, 1)];
  const rows = tally(
    Array.from({ length: height }, (_, y) => tapsInside(down, y)),
    String,
  );
  const segments = tally(
    Array.from({ length: perRow }, (_, i) => {
      const size = Math.min(columns, width - i * columns);
      return { columns: size, span: inside(across, i * columns, i * columns + size - 1) };
    }),
    ({ columns: size, span }) => `${size} ${span}`,
  );
  const most = {
    rows: Math.max(...rows.map(([, n]) => n)),
    columns,
    span: Math.max(...segments.map(([, { span }]) => span)),
  };
  const all = rows.flatMap(([often, n]) =>
    segments.map(([times, segment]) => {
      const whole = cut(outputs, channels, (size) => tile({ ...segment, rows: n }, size)).all;
      return [often * times, whole] as const;
    }),
  );
  return { tile: tile(most, channels), all: total(all) };
}

/** Bytes of `count` pixels of a record's input. */
export const pixelBytes = (op: OpRecord, count: number): number =>
  count * op.get(WIN_INPUT_CHANNELS) * op.valueBytes;
