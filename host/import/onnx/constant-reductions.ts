// Reductions of constants, which shapes are computed by.
import { elementCount } from '../../model/quantized-network.js';
import type { Handler, OnnxGraph } from './graph.js';
import { reducedAxes } from './layers.js';
import type { OnnxNode, OnnxTensor } from './model.js';

const FUNCTIONS: Record<string, (values: number[]) => number> = {
  ReduceSum: (values) => values.reduce((x, y) => x + y, 0),
  ReduceProd: (values) => values.reduce((x, y) => x * y, 1),
  ReduceMean: (values) => values.reduce((x, y) => x + y, 0) / values.length,
  ReduceMax: (values) => values.reduce((x, y) => Math.max(x, y)),
  ReduceMin: (values) => values.reduce((x, y) => Math.min(x, y)),
};

function reduceConstant(graph: OnnxGraph, node: OnnxNode, { shape, values, integer }: OnnxTensor): void {
  const axes = reducedAxes(graph, node, shape.length);
  const to = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const groups = Array.from({ length: elementCount({ shape: to }) }, (): number[] => []);
  for (let i = 0; i < values.length; i++) {
    let [rest, at, stride] = [i, 0, 1];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (!axes.includes(axis)) at += (rest % shape[axis]!) * stride;
      stride *= to[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    groups[at]!.push(values[i]!);
  }
  const f = FUNCTIONS[node.op]!;
  const kept = graph.integer(node, 'keepdims', 1) ? to : to.filter((_, axis) => !axes.includes(axis));
  graph.fold(node, { shape: kept, values: groups.map(f), integer, ...(integer ? { bits: 64 } : {}) });
}

/** A handler of reductions that takes constants, too. */
export const reducing =
  (handler: Handler): Handler =>
  (graph, node) => {
    const constant = graph.constant(node, 0);
    if (constant && constant.values.length > 0) reduceConstant(graph, node, constant);
    else handler(graph, node);
  };

/** Products are of constants alone. */
export const reduceProd: Handler = reducing((graph, node) => {
  graph.refuse(node, 'of an activation', 'a constant');
});
