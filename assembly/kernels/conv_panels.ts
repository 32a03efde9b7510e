// Convolutions of int8 by panels (panel_lanes.ts): all channels of a tile.
import {
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_WEIGHTS,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_STRIDE,
} from '../layout';
import { look } from '../nvm';
import { gatherRows, spanBytes } from './gather';
import { HAS_WIDE } from './mask';
import { panelChannels, placeOfWindows, widen } from './panel_lanes';
import { groupBias, groupRequant } from './requantize';
import { lanesScale } from './requantize_lanes';
import { isPacked } from './weights';
import { widePanels } from './wide_panels';

/** Whether lanes scale channels `from` to `until`, and weights are int8. */
function hasPanels(op: usize, from: i32, until: i32): bool {
  if (isPacked(op)) return false;
  const group = load<i32>(op, WIN_GROUP);
  for (let first = from; first < until; first += group) {
    const size = min(group, until - first);
    if (!lanesScale(op, groupRequant(op, first, size), size)) return false;
  }
  return true;
}

/**
 * Channels `from` to `until` of `count` windows from `x` on, `step` int16 apart: `rows` runs of `run`, `across` apart. Outputs of
 * windows lie `pixel` bytes apart.
 */
function multiplyPanels(
  op: usize,
  x: usize,
  step: i32,
  across: i32,
  rows: i32,
  run: i32,
  count: i32,
  from: i32,
  until: i32,
  output: usize,
  pixel: i32,
): void {
  const group = load<i32>(op, WIN_GROUP);
  const patch = rows * run;
  const panels = HAS_WIDE && !(run & 3) ? widePanels(op, patch) : 0;
  for (let first = from; first < until; first += group) {
    const size = min(group, until - first);
    const bias = groupBias(op, first, size);
    const pair = groupRequant(op, first, size);
    const stored = look(
      load<usize>(op, OP_WEIGHTS) + first * patch,
      size * patch,
      op + load<usize>(op, OP_SCRATCH2),
    );
    const to = output + first - from;
    // Panels of eight rows begin with a multiple of eight.
    const wide = panels && !(first & 7) ? panels + first * patch * 2 : 0;
    panelChannels(op, x, step, across, rows, run, count, stored, size, bias, pair, to, pixel, wide);
  }
}

/** `multiplyChannels` by panels. Returns false where channels do not go that way, or windows lack room. */
export function panelsOfWindows(
  op: usize,
  columns: usize,
  count: i32,
  patch: i32,
  from: i32,
  until: i32,
  output: usize,
  pixel: i32,
): bool {
  if (!hasPanels(op, from, until)) return false;
  const x = placeOfWindows(patch, 1, count * patch, count);
  if (!x) return false;
  widen(columns, count * patch, x);
  multiplyPanels(op, x, patch, 0, 1, patch, count, from, until, output, pixel);
  return true;
}

/** Channels of a tile's windows by panels, from rows that overlap. Returns false where they do not, or lack room. */
export function panelsOfRows(
  op: usize,
  row: i32,
  column: i32,
  count: i32,
  from: i32,
  until: i32,
  output: usize,
): bool {
  const rows: i32 = load<u16>(op, WIN_KERNEL);
  const inputs = load<i32>(op, WIN_INPUT_CHANNELS);
  const run = <i32>load<u16>(op, WIN_KERNEL + 2) * inputs;
  // Runs so short cost more than laying out windows.
  if (rows == 1 || run < 8 || !hasPanels(op, from, until)) return false;
  const x = placeOfWindows(run, rows, rows * spanBytes(op, count), count);
  if (!x) return false;
  const laidOut = op + load<usize>(op, OP_SCRATCH1);
  const across = gatherRows(op, row, column, count, laidOut);
  if (!across) return false;
  widen(laidOut, rows * across, x);
  const step = <i32>load<u16>(op, WIN_STRIDE + 2) * inputs;
  multiplyPanels(op, x, step, across, rows, run, count, from, until, output, until - from);
  return true;
}
