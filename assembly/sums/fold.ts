// Samples that wait, and the job's own, are added to the sums: all of them, into the free bank (docs/LEARNING.md §10).
import {
  EntryKind,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
} from '../layout';
import {
  FOLD_DECAY,
  MOST_SUM,
  SIXTEENTHS,
  SUMS_AT,
  SUMS_COUNTS,
  SUMS_HALVINGS,
  SUMS_SAMPLES,
} from '../learning-layout';
import { entryAddress } from '../grad/groups';
import { entryCount, entryOf, fetchState, givenLabel, kindOf, labelOf, ownEntry } from '../grad/state';
import { HAS_DECAY, SPEED } from '../kernels/mask';
import { fetch, look, put } from '../nvm';
import { classesOf, meansAt, productsAt, rankOf, totalsAt } from './place';

// The list that `enter` makes: how many samples, how often sums are halved, then {entry, class} of each.
const HALVED = 4;
const SAMPLES = 8;

function list(op: usize): usize {
  return op + load<usize>(op, OP_SCRATCH1);
}

/** The projected sample of entry `entry`. */
function sample(op: usize, entry: u32): usize {
  return look(entryAddress(entry), rankOf(op), op + load<usize>(op, OP_SCRATCH3));
}

/** Copies `count` int32 of the sums from `offset` on, what is kept of them. */
function fetchSums(op: usize, offset: usize, count: i32, to: usize): void {
  fetch(load<usize>(op, SUMS_AT) + offset, count << 2, to);
  const decay = HAS_DECAY ? load<i32>(op, FOLD_DECAY) : 0;
  if (!decay) return;
  for (const end = to + (count << 2); to < end; to += 4)
    store<i32>(to, load<i32>(to) - (load<i32>(to) >> decay));
}

/** Lists the samples: the job's own, and those that wait. */
function gather(op: usize): void {
  const samples = list(op);
  const state = fetchState(op + load<usize>(op, OP_SCRATCH0));
  store<i32>(samples, ownEntry(), SAMPLES);
  store<i32>(samples, givenLabel(op + load<usize>(op, OP_SCRATCH2)), SAMPLES + 4);
  let end = samples + SAMPLES + 8;
  for (let i = 0; i < entryCount(); i++) {
    const entry = entryOf(state, i);
    if (kindOf(entry) != EntryKind.LEARN) continue;
    store<u32>(end, i);
    store<u32>(end, labelOf(entry), 4);
    end += 8;
  }
  store<u32>(samples, (end - samples - SAMPLES) >> 3);
}

/** The largest sum that was there, of those that no other can be larger than: counts, and squares. */
function largest(op: usize): i32 {
  const one = op + load<usize>(op, OP_SCRATCH4);
  const rank = rankOf(op);
  let most = 0;
  for (let i = 0; i < rank + classesOf(op); i++) {
    const at = i < rank ? productsAt(op, i) + (i << 2) : SUMS_COUNTS + ((i - rank) << 2);
    fetchSums(op, at, 1, one);
    most = max(most, load<i32>(one));
  }
  return most;
}

export function enter(op: usize): void {
  gather(op);
  store<i32>(list(op), i32(largest(op) >= MOST_SUM), HALVED);
}

function write(op: usize, offset: usize, source: usize, bytes: i32): void {
  put(load<usize>(op, OP_OUTPUT) + offset, source, bytes);
}

/** Halvings and samples so far. */
function writeHeader(op: usize): void {
  const header = op + load<usize>(op, OP_SCRATCH4);
  fetch(load<usize>(op, SUMS_AT), SUMS_COUNTS, header);
  store<u32>(header, load<u32>(header, SUMS_HALVINGS) + load<u32>(list(op), HALVED), SUMS_HALVINGS);
  store<u32>(header, load<u32>(header, SUMS_SAMPLES) + load<u32>(list(op)), SUMS_SAMPLES);
  write(op, 0, header, SUMS_COUNTS);
}

/** total / count in 1/256, within int16. */
function meanOf(total: i32, count: i32): i32 {
  // Most totals are so small that 32 bits do, which is faster.
  const mean: i64 = SPEED && abs(total) < 1 << 22 ? (total << 8) / count : ((<i64>total) << 8) / <i64>count;
  return <i32>max<i64>(min<i64>(mean, 32767), -32768);
}

/** Count and means of class `c`, which has `added` samples more, for its totals. */
function writeClass(op: usize, c: i32, totals: usize, added: i32): void {
  const rank = rankOf(op);
  const one = op + load<usize>(op, OP_SCRATCH4);
  const means = op + load<usize>(op, OP_SCRATCH3);
  fetchSums(op, SUMS_COUNTS + (c << 2), 1, one);
  const count = (load<i32>(one) + added * SIXTEENTHS) >> load<i32>(list(op), HALVED);
  store<i32>(one, count);
  write(op, SUMS_COUNTS + (c << 2), one, 4);
  for (let i = 0; i < rank; i++)
    store<i16>(means + (i << 1), count > 0 ? meanOf(load<i32>(totals + (i << 2)), count) : 0);
  write(op, meansAt(op, c), means, rank << 1);
}

/** A class, its totals first; or a row of products. */
export function tile(op: usize, index: i32): void {
  const row = index - classesOf(op);
  const ofClass = row < 0;
  const at = ofClass ? totalsAt(op, index) : productsAt(op, row);
  const width = ofClass ? rankOf(op) : row + 1;
  const samples = list(op);
  const sums = op + load<usize>(op, OP_SCRATCH2);
  const last = sums + (width << 2);
  let added = 0;
  if (index == 0) writeHeader(op);
  fetchSums(op, at, width, sums);
  const end = samples + SAMPLES + (load<i32>(samples) << 3);
  for (let one = samples + SAMPLES; one < end; one += 8) {
    if (ofClass && load<i32>(one, 4) != index) continue;
    let p = sample(op, load<u32>(one));
    const factor = ofClass ? SIXTEENTHS : SIXTEENTHS * <i32>load<i8>(p + row);
    for (let sum = sums; sum < last; sum += 4, p++)
      store<i32>(sum, load<i32>(sum) + factor * <i32>load<i8>(p));
    added++;
  }
  const halved = load<i32>(samples, HALVED);
  if (halved) for (let sum = sums; sum < last; sum += 4) store<i32>(sum, load<i32>(sum) >> halved);
  write(op, at, sums, width << 2);
  if (ofClass) writeClass(op, index, sums, added);
}
