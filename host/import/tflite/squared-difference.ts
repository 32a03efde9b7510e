// SQUARED_DIFFERENCE, TFLite's bits: each in steps of twice the larger scale, their difference, its square rescaled. Of int8 in
// int16, 128 times as large first, as TFLite shifts them.
import { quantizeMultiplier, type TensorSpec } from '../../model/quantized-network.js';
import { broadcast, negated } from './elementwise.js';
import type { Handler } from './graph.js';
import { ALL, asWide, int8Range, narrow, rescaleWide, sumWide, widen } from './wide.js';

export const squaredDifference: Handler = (graph, op) => {
  const { builder } = graph;
  const target = graph.output(op);
  const output = graph.spec(op, target);
  const wide = output.dtype === 'int16';
  const up = wide ? 1 : 128;
  const parts = [0, 1].map((slot) => {
    graph.activation(op, slot);
    return builder.reshape(broadcast(graph, op, graph.input(op, slot), target.shape), output.shape);
  });
  const [a, b] = parts.map((part) => builder.spec(part).scale) as [number, number];
  const step: TensorSpec = { ...asWide(output), scale: 2 * Math.max(a, b) };
  const [first, second] = parts.map((part) => {
    const { scale } = builder.spec(part);
    const raised = wide ? part : rescaleWide(graph, widen(graph, part), asWide(builder.spec(part)), up);
    return rescaleWide(graph, raised, step, scale / step.scale);
  }) as [number, number];
  const less = sumWide(graph, first, negated(graph, second), step);
  const outputScaling = quantizeMultiplier(step.scale ** 2 / (up ** 2 * output.scale));
  const range = wide ? ALL : int8Range(output);
  const square = { kind: 'mul' as const, name: 'square', outputScaling, ...range };
  const made = builder.add(square, [less, less], asWide(output));
  graph.define(target, wide ? made : narrow(graph, made, output));
};
