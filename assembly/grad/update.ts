// What all updates share: the lanes that are learnt, and how a sum of products changes a parameter (docs/LEARNING.md §7).
import {
  ERROR_BYTES,
  GROUP_MASK,
  GROUP_SHIFT,
  Group,
  OP_BIAS,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT,
  OP_REQUANT,
  OP_SCRATCH0,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_SCRATCH5,
  OP_WEIGHTS,
  T_LANE_COUNT,
  T_VERDICTS,
  VERDICT_BYTES,
  VERDICT_PASSED,
  WIN_KERNEL,
} from '../layout';
import { UPDATE_CLIP, UPDATE_LAYER, UPDATE_LOW, UPDATE_ROWS } from '../learning-layout';
import { fetch, look, put } from '../nvm';
import { LEARN } from '../sram';
import { inLane } from './groups';
import { draw, drawPair, halfOf, key } from './random';

/** An update's state in scratch 0: the largest exponent, then for each lane how far its errors are shifted; −1: not learnt. */
const LANES = 4;

/** Bias changes are as large as they are. */
const BIAS_CLIP = 1 << 30;

/** Which lanes are learnt, and their exponents. */
export function enter(op: usize): void {
  const lanes = op + load<usize>(op, OP_SCRATCH0);
  const count = load<i32>(LEARN, T_LANE_COUNT);
  let most = i32.MIN_VALUE;
  for (let lane = 0; lane < count; lane++) {
    const at = lanes + LANES + (lane << 2);
    const verdict = load<u32>(look(load<u32>(LEARN, T_VERDICTS) + lane * VERDICT_BYTES, VERDICT_BYTES, at));
    const passed = (verdict & VERDICT_PASSED) != 0;
    const exponent = passed
      ? i32.MIN_VALUE
      : load<i32>(look(inLane(load<usize>(op, OP_OUTPUT), lane), 4, at));
    store<i32>(at, exponent);
    most = max(most, exponent);
  }
  store<i32>(lanes, most);
  for (let at = lanes + LANES, end = at + (count << 2); at < end; at += 4) {
    const exponent = load<i32>(at);
    store<i32>(at, exponent == i32.MIN_VALUE ? -1 : min(most - exponent, 16));
  }
}

/** How far the errors of `lane` are shifted; −1: it is not learnt. */
export function shiftOf(op: usize, lane: i32): i32 {
  return load<i32>(op + load<usize>(op, OP_SCRATCH0) + LANES + (lane << 2));
}

/** `count` errors of `lane` from value `from` on. */
export function lookErrors(op: usize, lane: i32, from: i32, count: i32, scratch: usize): usize {
  return look(inLane(load<usize>(op, OP_OUTPUT), lane) + ERROR_BYTES + (from << 1), count << 1, scratch);
}

/** An error brought to the largest exponent. */
// @ts-ignore: decorator
@inline
export function aligned(error: i32, shift: i32): i32 {
  if (shift >= 16) return 0;
  return shift ? (error + (1 << (shift - 1))) >> shift : error;
}

/** How far the product of a sum and the multiplier of the pair at `pair` is shifted down. */
// @ts-ignore: decorator
@inline
function rightOf(op: usize, pair: usize): i32 {
  return 15 - load<i32>(pair, 4) - load<i32>(op + load<usize>(op, OP_SCRATCH0));
}

/** What a parameter loses, for the sum `gradient` (not 0) times `multiplier`, shifted down, and 16 random bits. */
function step(gradient: i32, multiplier: i32, right: i32, clip: i32, random: i32): i32 {
  const product = <i64>gradient * <i64>multiplier;
  // In halves: shifts and bounds of 64 bits are many instructions each on cores of 32.
  const high = <i32>(product >> 32);
  const low = <i32>product;
  let value = high < 0 ? -clip : multiplier ? clip : 0;
  if (right >= 32) {
    value = high >> min(right - 32, 31);
  } else if (right > 0) {
    if (high >> (right - 1) == high >> 31) value = (high << (32 - right)) | ((<u32>low) >>> right);
  } else if (right == 0 && high == low >> 31) {
    value = low;
  }
  return (max(min(value, clip), -clip) + random) >> 16;
}

/** Whether weights learn, or biases alone. */
// @ts-ignore: decorator
@inline
export function hasWeights(op: usize): bool {
  return load<u8>(op, UPDATE_LAYER) != 0;
}

/** Whether output row `row` learns. */
export function learns(op: usize, row: i32): bool {
  return row >= <i32>load<u16>(op, UPDATE_ROWS) && row < <i32>load<u16>(op, UPDATE_ROWS + 2);
}

/** The same place in the free bank. */
export function inNext(address: usize): usize {
  return (address & GROUP_MASK) | (Group.NEXT << GROUP_SHIFT);
}

/** Momentum, n for 1 − 2^−n; 0: none. */
export function momentumOf(op: usize): i32 {
  return load<u8>(op, UPDATE_LAYER + 2);
}

/** Copies the `count` weights from `first` on to SRAM at `high`: high bytes, low ones, and, with momentum, velocities. */
export function fetchWeights(op: usize, first: i32, count: i32, high: usize): void {
  const address = load<usize>(op, OP_WEIGHTS) + first;
  const low = load<usize>(op, UPDATE_LOW);
  fetch(address, count, high);
  fetch(address + low, count, high + count);
  if (momentumOf(op)) fetch(address + first + (low << 1), count << 1, high + (count << 1));
}

/** Writes them to the free bank. */
export function putWeights(op: usize, first: i32, count: i32, high: usize): void {
  const address = inNext(load<usize>(op, OP_WEIGHTS) + first);
  const low = load<usize>(op, UPDATE_LOW);
  put(address, high, count);
  put(address + low, high + count, count);
  if (momentumOf(op)) put(address + first + (low << 1), high + (count << 1), count << 1);
}

/** Zero point · Σ W8 of `count` weights from `first` on: in the free bank, less that in the current one. */
export function weightsChange(op: usize, first: i32, count: i32, scratch: usize): i32 {
  const address = load<usize>(op, OP_WEIGHTS) + first;
  let sum = 0;
  let weight = look(inNext(address), count, scratch);
  for (const end = weight + count; weight < end; weight++) sum += load<i8>(weight);
  weight = look(address, count, scratch);
  for (const end = weight + count; weight < end; weight++) sum -= load<i8>(weight);
  return sum * load<i16>(op, OP_INPUT_ZERO_POINT);
}

/** The key of an update's random numbers: `what` is 0 for weights, 1 for biases. */
export function keyOf(op: usize, what: u32): u32 {
  return key(load<u8>(op, UPDATE_LAYER + 1), what);
}

/** The pairs of output row `row`: {m, s, mb, sb}. */
export function lookPairs(op: usize, row: i32): usize {
  return look(load<usize>(op, OP_REQUANT) + (row << 4), 16, op + load<usize>(op, OP_SCRATCH5));
}

/** The velocity at `at`, a part of it lost, and `more`. */
function accelerate(at: usize, momentum: i32, more: i32): i32 {
  const before: i32 = load<i16>(at);
  const lost = (abs(before) + (1 << momentum) - 1) >> momentum;
  const after = max(min((before < 0 ? before + lost : before - lost) + more, 32767), -32768);
  store<i16>(at, after);
  return after;
}

/** Weight `i` of the `count` that `fetchWeights` copied to `high` loses so much. */
// @ts-ignore: decorator
@inline
function lose(less: i32, momentum: i32, high: usize, i: i32, count: i32): void {
  if (momentum) less = accelerate(high + (count << 1) + (i << 1), momentum, less);
  const low = high + count + i;
  const before = ((<i32>load<i8>(high + i)) << 8) + <i32>load<u8>(low);
  const after = max(min(before - less, 127 * 256 + 255), -127 * 256);
  store<u8>(high + i, after >> 8);
  store<u8>(low, after);
}

/** Changes weight `i` of the `count` that `fetchWeights` copied to `high`, number `index` of the layer, by its sum. */
export function change(
  op: usize,
  gradient: i32,
  pair: usize,
  key: u32,
  index: u32,
  high: usize,
  i: i32,
  count: i32,
): void {
  const momentum = momentumOf(op);
  if (!gradient && !momentum) return;
  const clip = load<i32>(op, UPDATE_CLIP);
  const less = gradient ? step(gradient, load<i32>(pair), rightOf(op, pair), clip, draw(key, index)) : 0;
  lose(less, momentum, high, i, count);
}

/**
 * The folded bias of output `row`, for the sum of its errors and the change of its weights' sum, to the free bank.
 * `pair`: {mb, sb}.
 */
function changeBias(op: usize, row: i32, gradient: i32, pair: usize, key: u32, folded: i32): void {
  const scratch = op + load<usize>(op, OP_SCRATCH4);
  const address = load<usize>(op, OP_BIAS) + (row << 2);
  const before = load<i32>(look(address, 4, scratch));
  const less = gradient ? step(gradient, load<i32>(pair), rightOf(op, pair), BIAS_CLIP, draw(key, row)) : 0;
  store<i32>(scratch, before - less - folded);
  put(inNext(address), scratch, 4);
}

/** Changes the `count` weights of one output row from `first` on by the sums at `sums`; `pairs`: of that row. */
export function changeRun(op: usize, sums: usize, pairs: usize, first: i32, count: i32): void {
  const high = op + load<usize>(op, OP_SCRATCH3);
  const key = keyOf(op, 0);
  const momentum = momentumOf(op);
  const clip = load<i32>(op, UPDATE_CLIP);
  const multiplier = load<i32>(pairs);
  const right = rightOf(op, pairs);
  fetchWeights(op, first, count, high);
  let drawn: u32 = drawPair(key, first >>> 1);
  for (let i = 0; i < count; i++, sums += 4) {
    const index = first + i;
    if (!(index & 1)) drawn = drawPair(key, index >>> 1);
    const gradient = load<i32>(sums);
    if (!gradient && !momentum) continue;
    const less = gradient ? step(gradient, multiplier, right, clip, halfOf(drawn, index)) : 0;
    lose(less, momentum, high, i, count);
  }
  putWeights(op, first, count, high);
}

/**
 * Changes the folded bias of output `row` by `total`, the sum of its errors, and by `folded`, what is the change of its weights
 * times what their inputs are taken less; `pairs`: of that row.
 */
// @ts-ignore: decorator
@inline
export function changeFolded(op: usize, row: i32, total: i32, pairs: usize, folded: i32): void {
  changeBias(op, row, total, pairs + 8, keyOf(op, 1), folded);
}

/** Taps of a window. */
// @ts-ignore: decorator
@inline
export function tapsOf(op: usize): i32 {
  return load<u16>(op, WIN_KERNEL) * load<u16>(op, WIN_KERNEL + 2);
}
