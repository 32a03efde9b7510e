// Nodes of several values that are all made of one, value by value: one function of it, which is one table on the device.
import { elementCount } from '../../model/quantized-network.js';
import type { GraphOp } from '../float-graph.js';
import type { OnnxGraph } from './graph.js';
import type { OnnxNode } from './model.js';
import { sameOrder } from './order.js';

/** A tensor, and what another one is of it. */
interface Origin {
  tensor: number;
  f: (x: number) => number;
}

/** Functions one after the other that are made one. */
const MOST_FUNCTIONS = 64;

/** What a tensor is made from value by value, the nearest first: itself, and what comes before functions of one value. */
function originsOf(graph: OnnxGraph, tensor: number): Origin[] {
  const origins: Origin[] = [{ tensor, f: (x) => x }];
  while (origins.length < MOST_FUNCTIONS) {
    const { tensor: at, f } = origins.at(-1)!;
    const op: GraphOp | undefined = graph.maker(at);
    // What the file gives a scale is rounded there.
    if (!op || graph.float.tensors[at]!.given) break;
    if (op.kind === 'unary') origins.push({ tensor: op.inputs[0]!, f: (x) => f(op.f(x)) });
    else if (op.kind === 'reshape') origins.push({ tensor: op.inputs[0]!, f });
    else break;
  }
  return origins;
}

/** Options of functions of one value. */
type Unary = Extract<GraphOp, { kind: 'unary' }>;

/**
 * Makes a node one function of the value that all its inputs are made of, the single numbers among them aside; returns whether
 * it could.
 */
export function jointly(
  graph: OnnxGraph,
  node: OnnxNode,
  f: (...values: number[]) => number,
  options: Pick<Unary, 'fixed'> = {},
): boolean {
  const slots = node.inputs.map((_, slot) => slot);
  const moving = slots.filter((slot) => graph.isActivation(node, slot));
  const first = moving[0];
  if (first === undefined) return false;
  const value = graph.activation(node, first);
  const count = elementCount(value);
  const parts: Origin[][] = [];
  for (const slot of slots) {
    const constant = graph.constant(node, slot);
    if (constant) {
      const [single = 0] = Array.from(constant.values);
      const even = Array.from(constant.values).every((one) => one === single);
      if (!even || elementCount(constant) > count || constant.shape.length > value.shape.length) return false;
      parts.push([{ tensor: -1, f: () => single }]);
      continue;
    }
    const other = graph.activation(node, slot);
    const alike = `${other.shape}` === `${value.shape}` && sameOrder(other.order, value.order);
    if (!alike) return false;
    parts.push(originsOf(graph, other.tensor));
  }
  for (const { tensor } of parts[first]!) {
    const functions = parts.map((origins) =>
      origins.find((origin) => origin.tensor === tensor || origin.tensor === -1),
    );
    if (functions.some((one) => !one)) continue;
    const all = functions.map((one) => one!.f);
    const whole = (x: number): number => f(...all.map((one) => one(x)));
    const made = graph.add(node, { kind: 'unary', f: whole, ...options }, [tensor], graph.shapeOf(tensor));
    graph.result(node, graph.reshape(node, made, graph.shapeOf(value.tensor)), value.shape, value.order);
    return true;
  }
  return false;
}
