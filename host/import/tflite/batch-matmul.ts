// BATCH_MATMUL of two activations of int8, bit for bit: sums of int32, whatever the zero points.
import { elementCount, quantizeMultiplier } from '../../model/quantized-network.js';
import { product } from '../matmul.js';
import { cut, permute } from '../moves.js';
import type { Handler } from './graph.js';

/** Matrices that one operator is made of, one after the other. */
const MOST_MATRICES = 64;

export const batchMatmul: Handler = (graph, op) => {
  const { builder } = graph;
  const [a, b, target] = [graph.input(op, 0), graph.input(op, 1), graph.output(op)];
  const sides = [graph.activation(op, 0), graph.activation(op, 1)];
  const output = graph.spec(op, target);
  const transposed = [0, 1].map((field) => (op.options?.int8(field) ?? 0) !== 0);
  const counts = [a, b].map(({ shape }) => elementCount({ shape: shape.slice(0, -2) }));
  const count = Math.max(...counts);
  const sizes = [a, b].map(({ shape }, side) => {
    const last = shape.slice(-2);
    return transposed[side] ? [last[1]!, last[0]!] : last;
  });
  const [[rows = 0, depth = 0], [below = 0, outputs = 0]] = sizes as [number[], number[]];
  const even = counts.every((own) => own === 1 || own === count);
  const narrow = [...sides.map((side) => builder.spec(side)), output].every(({ dtype }) => dtype !== 'int16');
  if (depth !== below || !even || !narrow || count > MOST_MATRICES)
    graph.refuse(
      op,
      `of ${graph.describe(a)} and ${graph.describe(b)}`,
      'matrices of int8 that fit, at most 64',
    );
  const mover = graph.mover(op);
  /** Matrices of a side: the left one [rows, depth], the right one [outputs, depth]. */
  const matrices = sides.map((side, which) => {
    const last = which === 0 ? [rows, depth] : [depth, outputs];
    const stored = transposed[which] ? [last[1]!, last[0]!] : last;
    const own = counts[which]!;
    // The right one is turned, unless the file has it so.
    const turn = which === 0 ? transposed[0] : !transposed[1];
    return Array.from({ length: count }, (_, i) => {
      const at = own === 1 ? 0 : i;
      const part = cut(mover, side, [own, ...stored], 0, { start: at, count: 1 });
      return turn ? permute(mover, part, stored, [1, 0]) : part;
    });
  });
  const specs = sides.map((side) => builder.spec(side).scale) as [number, number];
  const { multiplier, shift } = quantizeMultiplier((specs[0] * specs[1]) / output.scale);
  const body = {
    name: 'batch_matmul',
    multipliers: Int32Array.of(multiplier),
    shifts: Int32Array.of(shift),
    clampMin: -128,
    clampMax: 127,
  };
  const parts = Array.from({ length: count }, (_, i) =>
    product(builder, [matrices[0]![i]!, matrices[1]![i]!], depth, output, body),
  );
  const whole = { ...output, shape: [count * rows, 1, outputs] };
  const made =
    parts.length === 1
      ? parts[0]!
      : builder.add({ kind: 'concat', name: 'batch_matmul', axis: 0 }, parts, whole);
  graph.define(target, builder.reshape(made, output.shape));
};
