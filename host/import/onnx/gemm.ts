// Gemm. A third input that is computed, as tf2onnx has it where a product and a sum follow each other, is added after it.
import { arithmetic } from './arithmetic.js';
import type { Handler } from './graph.js';
import { gemmOfConstants } from './layers.js';

export const gemm: Handler = (graph, node) => {
  if (!graph.isActivation(node, 2)) return gemmOfConstants(graph, node);
  const [a = '', b = '', added = ''] = node.inputs;
  if (graph.real(node, 'beta', 1) !== 1)
    graph.refuse(node, 'with a beta', 'a beta of 1, where its third input is computed');
  const product = `${node.outputs[0]}#${node.index}.product`;
  gemmOfConstants(graph, { ...node, inputs: [a, b], outputs: [product] });
  return arithmetic(graph, { ...node, op: 'Add', inputs: [product, added] });
};
