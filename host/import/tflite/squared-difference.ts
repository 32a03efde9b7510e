// SQUARED_DIFFERENCE from ops there are: a difference in steps of its own, and its square, of int8 a table. Of int16 TFLite
// Micro's bits; of int8, whose differences have more than 8, within two steps of TFLite's kernel, which rounds the square once.
import { quantizeMultiplier, type TensorSpec } from '../../model/quantized-network.js';
import { broadcast, negated, opposite, sumBody } from './elementwise.js';
import type { Handler, TfliteGraph } from './graph.js';
import { ALL, rescaleWide, sumWide } from './wide.js';

/** TFLite Micro's of int16, to the bit: each in steps of twice the larger scale, their difference, its square rescaled. */
function squareWide(graph: TfliteGraph, parts: readonly [number, number], output: TensorSpec): number {
  const { builder } = graph;
  const [a, b] = parts.map((part) => builder.spec(part).scale) as [number, number];
  const step = { ...output, scale: 2 * Math.max(a, b) };
  const [first, second] = parts.map((part) =>
    rescaleWide(graph, part, step, builder.spec(part).scale / step.scale),
  ) as [number, number];
  const less = sumWide(graph, first, negated(graph, second), step);
  const outputScaling = quantizeMultiplier(step.scale ** 2 / output.scale);
  return builder.add({ kind: 'mul', name: 'square', outputScaling, ...ALL }, [less, less], output);
}

export const squaredDifference: Handler = (graph, op) => {
  const { builder } = graph;
  const target = graph.output(op);
  const output = graph.spec(op, target);
  const parts = [0, 1].map((slot) => {
    graph.activation(op, slot);
    return builder.reshape(broadcast(graph, op, graph.input(op, slot), target.shape), output.shape);
  }) as [number, number];
  const [a, b] = parts.map((part) => builder.spec(part)) as [TensorSpec, TensorSpec];
  if (output.dtype === 'int16') return graph.define(target, squareWide(graph, parts, output));
  // The largest difference whose square the output holds.
  const most = Math.sqrt((127 - output.zeroPoint) * output.scale);
  const difference: TensorSpec = { shape: output.shape, scale: (most || 1) / 127, zeroPoint: 0 };
  const less = negated(graph, parts[1]);
  const body = { ...sumBody(op, a, opposite(b), difference), clampMin: -128, clampMax: 127 };
  const made = builder.add(body, [parts[0], less], difference);
  const table = Int8Array.from({ length: 256 }, (_, i) => {
    const square = ((i - 128) * difference.scale) ** 2;
    return Math.max(-128, Math.min(127, Math.round(square / output.scale) + output.zeroPoint));
  });
  return graph.define(
    target,
    builder.add({ kind: 'map', name: 'squared_difference', table }, [made], output),
  );
};
