// Gemm. A third input that is computed, as tf2onnx has it where a product and a sum follow each other, is added after it.
import { arithmetic, spread } from './arithmetic.js';
import type { Handler, OnnxGraph } from './graph.js';
import type { OnnxNode } from './model.js';
import { gemmOfConstants } from './layers.js';

/** A product of two constant matrices, as recurrent cells have of a first state of zeros; returns whether it is one. */
export function productOfConstants(graph: OnnxGraph, node: OnnxNode): boolean {
  const [a, b] = [graph.constant(node, 0), graph.constant(node, 1)];
  const added = node.inputs[2] ? graph.constant(node, 2) : undefined;
  if (!a || !b || a.shape.length !== 2 || b.shape.length !== 2 || (node.inputs[2] && !added)) return false;
  const [turnA, turnB] = [graph.integer(node, 'transA') !== 0, graph.integer(node, 'transB') !== 0];
  const [rows, depth] = (turnA ? [...a.shape].reverse() : a.shape) as [number, number];
  const [below, columns] = (turnB ? [...b.shape].reverse() : b.shape) as [number, number];
  if (depth !== below) graph.refuse(node, `of [${a.shape}] and [${b.shape}]`, 'matrices that fit');
  graph.checkComputed(node, rows * columns * depth);
  const [alpha, beta] = [graph.real(node, 'alpha', 1), graph.real(node, 'beta', 1)];
  const terms = added ? spread(added, [rows, columns], undefined) : new Float64Array(rows * columns);
  const values = terms.map((term, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let sum = 0;
    for (let k = 0; k < depth; k++)
      sum +=
        a.values[turnA ? k * rows + row : row * depth + k]! *
        b.values[turnB ? column * depth + k : k * columns + column]!;
    return alpha * sum + beta * term;
  });
  graph.fold(node, { shape: [rows, columns], values, integer: false });
  return true;
}

export const gemm: Handler = (graph, node) => {
  if (productOfConstants(graph, node)) return undefined;
  if (!graph.isActivation(node, 2)) return gemmOfConstants(graph, node);
  const [a = '', b = '', added = ''] = node.inputs;
  if (graph.real(node, 'beta', 1) !== 1)
    graph.refuse(node, 'with a beta', 'a beta of 1, where its third input is computed');
  const product = `${node.outputs[0]}#${node.index}.product`;
  gemmOfConstants(graph, { ...node, inputs: [a, b], outputs: [product] });
  return arithmetic(graph, { ...node, op: 'Add', inputs: [product, added] });
};
