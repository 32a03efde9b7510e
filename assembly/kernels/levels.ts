// Of each int8 how many of two bounds it reaches: 0, 1 or 2. Four at a time in builds made for speed.
import { XNOR_HIGH, XNOR_LOW } from '../xnor-layout';
import { SPEED } from './mask';

const TOPS: u32 = 0x80808080;

/**
 * Bit 1 of each byte: whether that of `x` is at least a bound, whose lower seven bits in every byte are `rest`. A bound of 0
 * or more is reached by what is no less than 0 and has lower bits that reach its own; one below 0 by what is either.
 */
// @ts-ignore: decorator
@inline
function reached(x: u32, rest: u32, below: bool): u32 {
  const difference = (x | TOPS) - rest;
  return ((below ? difference | ~x : difference & ~x) & TOPS) >>> 6;
}

// @ts-ignore: decorator
@inline
function word(
  from: usize,
  offset: usize,
  rest: u32,
  restHigh: u32,
  below: bool,
  belowHigh: bool,
  same: bool,
): u32 {
  const x = load<u32>(from + offset, 0, 1);
  const low = reached(x, rest, below);
  return same ? low : (low + reached(x, restHigh, belowHigh)) >>> 1;
}

/** `length` whole words; which bounds are below 0, and whether they are one, is known when compiling. */
// @ts-ignore: decorator
@inline
function words(
  to: usize,
  from: usize,
  length: i32,
  low: i32,
  high: i32,
  below: bool,
  belowHigh: bool,
  same: bool,
): void {
  const rest = ((<u32>low) & 0x7f) * 0x01010101;
  const restHigh = ((<u32>high) & 0x7f) * 0x01010101;
  for (const most = to + (length & ~7); to < most; to += 8, from += 8) {
    store<u32>(to, word(from, 0, rest, restHigh, below, belowHigh, same), 0, 1);
    store<u32>(to, word(from, 4, rest, restHigh, below, belowHigh, same), 4, 1);
  }
  if (length & 4) store<u32>(to, word(from, 0, rest, restHigh, below, belowHigh, same), 0, 1);
}

/** `length` inputs at `from`, as levels to `to`. */
export function levels(op: usize, to: usize, from: usize, length: i32): void {
  const low: i32 = load<i8>(op, XNOR_LOW);
  const high: i32 = load<i8>(op, XNOR_HIGH);
  const whole = SPEED ? length & ~3 : 0;
  if (SPEED && low == high) {
    if (low < 0) words(to, from, whole, low, low, true, true, true);
    else words(to, from, whole, low, low, false, false, true);
  } else if (SPEED) {
    if (high < 0) words(to, from, whole, low, high, true, true, false);
    else if (low < 0) words(to, from, whole, low, high, true, false, false);
    else words(to, from, whole, low, high, false, false, false);
  }
  for (let i = whole; i < length; i++) {
    const x: i32 = load<i8>(from + i);
    store<u8>(to + i, i32(x >= low) + i32(x >= high));
  }
}
