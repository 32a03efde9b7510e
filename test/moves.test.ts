// Parts, copies and rearrangements that importers make of ops that copy, against index arithmetic.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { broadcast, gather, type Mover, permute } from '../host/import/moves.js';
import { orderOf, permutationBetween } from '../host/import/onnx/order.js';
import { Random } from '../host/math/random.js';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
const stridesOf = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** Ops on arrays of numbers, each checked against its shapes. */
class Arrays {
  readonly tensors: { shape: readonly number[]; data: number[] }[] = [];

  add(shape: readonly number[], data: number[]): number {
    assert.is(data.length, sizeOf(shape), `elements of [${shape}]`);
    return this.tensors.push({ shape, data }) - 1;
  }

  readonly mover: Mover = {
    shapeOf: (tensor) => this.tensors[tensor]!.shape,
    reshape: (tensor, shape) => this.add(shape, this.tensors[tensor]!.data),
    slice: (tensor, axis, start, to) => {
      const { shape, data } = this.tensors[tensor]!;
      const [inner, row, count] = [shape.slice(axis + 1), shape.slice(axis), to.slice(axis)].map(sizeOf);
      return this.add(
        to,
        Array.from({ length: sizeOf(to) }, (_, i) => {
          return data[Math.floor(i / count!) * row! + start * inner! + (i % count!)]!;
        }),
      );
    },
    concat: (tensors, axis, to) => {
      const outer = sizeOf(to.slice(0, axis));
      const rows = Array.from({ length: outer }, (_, row) =>
        tensors.flatMap((tensor) => {
          const { data } = this.tensors[tensor]!;
          return data.slice((row * data.length) / outer, ((row + 1) * data.length) / outer);
        }),
      );
      return this.add(to, rows.flat());
    },
    repeat: (tensor, to) => {
      const { data } = this.tensors[tensor]!;
      return this.add(
        to,
        Array.from({ length: sizeOf(to) }, (_, i) => data[i % data.length]!),
      );
    },
    transpose: (tensor, permutation, to) => {
      const { shape, data } = this.tensors[tensor]!;
      assert.equal([...permutation].sort(), [...shape.keys()]);
      assert.equal(
        to,
        permutation.map((axis) => shape[axis]!),
      );
      const strides = stridesOf(shape);
      const taken = elements(
        to,
        permutation.map((axis) => strides[axis]!),
      );
      return this.add(
        to,
        taken.map((at) => data[at]!),
      );
    },
    tooMany: (parts, most) => assert.unreachable(`${parts} parts, at most ${most}`) as never,
  };
}

/** The element of an array that lies at `index` of another, whose axis a takes strides[a] there. */
function elements(to: readonly number[], strides: readonly number[]): number[] {
  return Array.from({ length: sizeOf(to) }, (_, i) => {
    let [rest, at] = [i, 0];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      at += (rest % to[axis]!) * strides[axis]!;
      rest = Math.floor(rest / to[axis]!);
    }
    return at;
  });
}

test('20,000 random shapes: permuted, gathered, broadcast', () => {
  const random = new Random(5);
  for (let round = 0; round < 20_000; round++) {
    const arrays = new Arrays();
    const rank = 1 + random.integer(5);
    const shape = Array.from({ length: rank }, () => 1 + random.integer(4));
    const all = arrays.add(
      shape,
      Array.from({ length: sizeOf(shape) }, (_, i) => i),
    );
    const data = (tensor: number): number[] => arrays.tensors[tensor]!.data;
    const keys = shape.map(() => random.uint32());
    const permutation = [...shape.keys()].sort((a, b) => keys[a]! - keys[b]!);
    const strides = stridesOf(shape);
    const to = permutation.map((axis) => shape[axis]!);
    const permuted = elements(
      to,
      permutation.map((axis) => strides[axis]!),
    );
    assert.equal(
      data(permute(arrays.mover, all, shape, permutation)),
      permuted,
      `[${shape}] by ${permutation}`,
    );
    const found = permutationBetween(undefined, orderOf(shape, permutation), sizeOf(shape))!;
    assert.equal(data(permute(arrays.mover, all, found.sizes, found.permutation)), permuted);

    const axis = random.integer(rank);
    const indices = Array.from({ length: 1 + random.integer(6) }, () => random.integer(shape[axis]!));
    const [outer, inner] = [shape.slice(0, axis), shape.slice(axis + 1)].map(sizeOf);
    const gathered = Array.from({ length: outer! }, (_, row) =>
      indices.flatMap((index) =>
        Array.from({ length: inner! }, (_, i) => (row * shape[axis]! + index) * inner! + i),
      ),
    ).flat();
    assert.equal(data(gather(arrays.mover, all, shape, axis, indices)), gathered, `[${shape}] ${indices}`);

    const from = shape.map((size) => (random.integer(2) ? 1 : size));
    const small = arrays.add(
      from,
      Array.from({ length: sizeOf(from) }, (_, i) => i),
    );
    const spread = stridesOf(from).map((stride, i) => (from[i] === 1 ? 0 : stride));
    assert.equal(data(broadcast(arrays.mover, small, from, shape)), elements(shape, spread), `${from}`);
  }
});

test.run();
