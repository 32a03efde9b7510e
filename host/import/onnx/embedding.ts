// Rows of a constant table by numbers that are computed: embeddings of words, letters, classes.
import { elementCount } from '../../model/quantized-network.js';
import { affine } from '../../model/affine.js';
import type { OnnxGraph } from './graph.js';
import type { OnnxNode, OnnxTensor } from './model.js';

/** Rows of a table: numbers of them are int8. */
const MOST_ROWS = 256;

/** Each column of the table is a function of the row's number: a table of 256 on the device. */
export function embedding(graph: OnnxGraph, node: OnnxNode, table: OnnxTensor): void {
  const { tensor, shape, order } = graph.any(node, 1);
  const [rows = 0, ...row] = table.shape;
  const width = elementCount({ shape: row });
  if (graph.integer(node, 'axis') !== 0 || rows === 0 || rows > MOST_ROWS)
    graph.refuse(
      node,
      `by computed numbers along dimension ${graph.integer(node, 'axis')} of [${table.shape}]`,
      `a table of at most ${MOST_ROWS} rows, its first dimension`,
    );
  const count = elementCount({ shape });
  const numbers = graph.reshape(node, graph.inOrder(node, { tensor, shape, order }, undefined), [count, 1]);
  let [low, high] = [0, 0];
  for (const value of Array.from(table.values)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const fixed = affine(low, high);
  const at = (x: number): number => Math.max(0, Math.min(rows - 1, Math.round(x)));
  const columns = Array.from({ length: width }, (_, column) => {
    const f = (x: number): number => table.values[at(x) * width + column]!;
    return graph.add(node, { kind: 'unary', f, fixed }, [numbers], [count, 1]);
  });
  const made =
    width === 1 ? columns[0]! : graph.add(node, { kind: 'concat', axis: 1 }, columns, [count, width]);
  graph.result(node, made, [...shape, ...row]);
}
