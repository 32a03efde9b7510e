// Parts, copies and rearrangements of tensors, made of ops that copy: what both importers' Slice, Split, Gather, Resize … are.
import { elementCount } from '../model/quantized-network.js';

/** What an importer adds ops by; shapes are those in which tensors are stored. */
export interface Mover {
  shapeOf(tensor: number): readonly number[];
  reshape(tensor: number, shape: readonly number[]): number;
  slice(tensor: number, axis: number, start: number, shape: readonly number[]): number;
  /** Tensors of one scale. */
  concat(tensors: readonly number[], axis: number, shape: readonly number[]): number;
  /** The tensor again and again. */
  repeat(tensor: number, shape: readonly number[]): number;
  /** Dimensions in the order `permutation`. */
  transpose(tensor: number, permutation: readonly number[], shape: readonly number[]): number;
  /** More parts than an op is made of: throws. */
  tooMany(parts: number, most: number): never;
}

/** Most parts that one op is made of. */
const MOST_PARTS = 256;

/** Which elements along a dimension: `count` from `start` on, `step` apart. */
export interface Range {
  start: number;
  count: number;
  step?: number;
}

/** Elements before, along and after `axis`. */
function around(shape: readonly number[], axis: number): [outer: number, size: number, inner: number] {
  const product = (part: readonly number[]): number => elementCount({ shape: part });
  return [product(shape.slice(0, axis)), shape[axis]!, product(shape.slice(axis + 1))];
}

/** Evenly spaced elements along `axis` of a tensor of `shape`. */
export function cut(
  mover: Mover,
  tensor: number,
  shape: readonly number[],
  axis: number,
  { start, count, step = 1 }: Range,
): number {
  const to = shape.map((size, i) => (i === axis ? count : size));
  const [outer, size, inner] = around(shape, axis);
  if (count === size && start === 0) return mover.reshape(tensor, to);
  const rows = mover.reshape(tensor, [outer, size, inner]);
  const take = (first: number, taken: number): number =>
    taken === size ? rows : mover.slice(rows, 1, first, [outer, taken, inner]);
  if (step === 1 || count === 1) return mover.reshape(take(start, count), to);
  // Whole steps, of each of which the first element; the last is on its own where its step is not whole.
  const whole = Math.min(count, Math.floor((size - start) / step));
  const parts: number[] = [];
  if (whole > 0) {
    const steps = mover.reshape(take(start, whole * step), [outer * whole, step, inner]);
    const firsts = mover.slice(steps, 1, 0, [outer * whole, 1, inner]);
    parts.push(mover.reshape(firsts, [outer, whole, inner]));
  }
  if (whole < count) parts.push(take(start + whole * step, 1));
  const made = parts.length === 1 ? parts[0]! : mover.concat(parts, 1, [outer, count, inner]);
  return mover.reshape(made, to);
}

/** Every element along `axis` `copies` times, one copy after the other. */
export function stretch(
  mover: Mover,
  tensor: number,
  shape: readonly number[],
  axis: number,
  copies: number,
): number {
  const to = shape.map((size, i) => (i === axis ? size * copies : size));
  if (copies === 1) return mover.reshape(tensor, to);
  const [outer, size, inner] = around(shape, axis);
  if (outer * size === 1) return mover.reshape(mover.repeat(tensor, [copies, inner]), to);
  if (copies > MOST_PARTS) mover.tooMany(copies, MOST_PARTS);
  const rows = mover.reshape(tensor, [outer * size, inner]);
  const parts = Array.from({ length: copies }, () => rows);
  return mover.reshape(mover.concat(parts, 1, [outer * size, copies * inner]), to);
}

/** A tensor of dimensions of 1 where `to` has more, again and again along these. */
export function broadcast(
  mover: Mover,
  tensor: number,
  from: readonly number[],
  to: readonly number[],
): number {
  const own = [...Array.from({ length: to.length - from.length }, () => 1), ...from];
  // Neighbours that are both repeated, or both not, are one dimension.
  const groups: { size: number; copies: number }[] = [];
  to.forEach((size, axis) => {
    if (size === 1) return;
    const repeated = own[axis] === 1;
    const before = groups.at(-1);
    if (before && repeated === before.copies > 1) {
      if (repeated) before.copies *= size;
      else before.size *= size;
    } else groups.push(repeated ? { size: 1, copies: size } : { size, copies: 1 });
  });
  const shape = groups.map(({ size }) => size);
  let made = tensor;
  for (let axis = groups.length - 1; axis >= 0; axis--) {
    const { copies } = groups[axis]!;
    if (copies === 1) continue;
    made = stretch(mover, mover.reshape(made, [...shape]), [...shape], axis, copies);
    shape[axis] = copies;
  }
  return mover.reshape(made, to);
}

/** Elements `indices` along `axis`, in that order, any of them any number of times. */
export function gather(
  mover: Mover,
  tensor: number,
  shape: readonly number[],
  axis: number,
  indices: readonly number[],
): number {
  const to = shape.map((size, i) => (i === axis ? indices.length : size));
  const size = shape[axis]!;
  const [first = 0, second = first] = indices;
  const step = second - first;
  if (indices.length === 1 || (step >= 1 && indices.every((index, i) => index === first + i * step)))
    return cut(mover, tensor, shape, axis, { start: first, count: indices.length, step: Math.max(1, step) });
  const copies = indices.length / size;
  if (Number.isInteger(copies) && indices.every((index, i) => index === Math.floor(i / copies)))
    return stretch(mover, tensor, shape, axis, copies);
  // Runs of neighbours, joined.
  const runs: Range[] = [];
  for (const index of indices) {
    const run = runs.at(-1);
    if (run && run.start + run.count === index) run.count++;
    else runs.push({ start: index, count: 1 });
  }
  if (runs.length > MOST_PARTS) mover.tooMany(runs.length, MOST_PARTS);
  const [outer, , inner] = around(shape, axis);
  const parts = runs.map((run) => {
    return mover.reshape(cut(mover, tensor, shape, axis, run), [outer, run.count, inner]);
  });
  return mover.reshape(mover.concat(parts, 1, [outer, indices.length, inner]), to);
}

/** Dimensions in the order `permutation`; those that stay together are moved as one. */
export function permute(
  mover: Mover,
  tensor: number,
  shape: readonly number[],
  permutation: readonly number[],
): number {
  const to = permutation.map((axis) => shape[axis]!);
  // Dimensions of 1 do not count.
  const groups: number[][] = [];
  for (const axis of permutation.filter((one) => shape[one] !== 1)) {
    const before = groups.at(-1);
    const next = shape.findIndex((size, i) => i > (before?.at(-1) ?? shape.length) && size !== 1);
    if (before && next === axis) before.push(axis);
    else groups.push([axis]);
  }
  const order = [...groups].sort((a, b) => a[0]! - b[0]!);
  const sizes = order.map((group) => elementCount({ shape: group.map((axis) => shape[axis]!) }));
  const places = groups.map((group) => order.indexOf(group));
  if (places.every((place, i) => place === i)) return mover.reshape(tensor, to);
  // What the device goes through one by one: all but the longest dimension, and the innermost where it stays.
  const still = places.at(-1) === places.length - 1 ? sizes.at(-1)! : 1;
  const moving = still > 1 ? sizes.slice(0, -1) : sizes;
  const parts = elementCount({ shape: moving }) / Math.max(...moving);
  if (parts > MOST_PARTS) mover.tooMany(parts, MOST_PARTS);
  const turned = places.map((place) => sizes[place]!);
  return mover.reshape(mover.transpose(mover.reshape(tensor, sizes), places, turned), to);
}
