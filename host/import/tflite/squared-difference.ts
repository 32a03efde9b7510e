// SQUARED_DIFFERENCE of int8 from ops there are: a difference in steps of its own, and a table of squares. Within two steps of
// TFLite's kernel, which rounds the square once, not its bits.
import type { TensorSpec } from '../../model/quantized-network.js';
import { broadcast, negated, opposite, sumBody } from './elementwise.js';
import type { Handler } from './graph.js';

export const squaredDifference: Handler = (graph, op) => {
  const { builder } = graph;
  const target = graph.output(op);
  const output = graph.spec(op, target);
  const parts = [0, 1].map((slot) => {
    graph.activation(op, slot);
    return builder.reshape(broadcast(graph, op, graph.input(op, slot), target.shape), output.shape);
  }) as [number, number];
  const [a, b] = parts.map((part) => builder.spec(part)) as [TensorSpec, TensorSpec];
  if ([a, b, output].some(({ dtype }) => dtype === 'int16'))
    graph.refuse(op, `into ${graph.describe(target)}`, 'int8');
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
  graph.define(target, builder.add({ kind: 'map', name: 'squared_difference', table }, [made], output));
};
