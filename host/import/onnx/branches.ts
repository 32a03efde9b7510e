// If whose condition is known when compiled: PyTorch's older exporter writes one for every squeeze of a size it does not know.
import type { Handler } from './graph.js';
import type { OnnxNode } from './model.js';

/** The branch that is taken, its nodes in place of the node; `handlerOf` finds who imports one. */
export const branching =
  (handlerOf: (node: OnnxNode) => Handler | undefined): Handler =>
  (graph, node) => {
    const [condition = 0] = Array.from(graph.needConstant(node, 0).values);
    const branch = node.branches?.[condition !== 0 ? 'held' : 'otherwise'];
    if (!branch) return graph.refuse(node, 'without a branch', 'a graph for either case');
    for (const [name, tensor] of branch.constants) graph.fold({ ...node, outputs: [name] }, tensor);
    for (const inner of branch.nodes) {
      const handler = handlerOf(inner);
      if (!handler) return graph.refuse(node, `that holds ${inner.op}`, 'nodes that are supported');
      handler(graph, { ...inner, index: node.index });
    }
    return node.outputs.forEach((output, i) => {
      const made = branch.outputs[i] ?? '';
      const constant = graph.constantNamed(made);
      if (constant) graph.fold(node, constant, i);
      else graph.define(output, graph.any({ ...node, inputs: [made] }));
    });
  };
