// Constants where an activation is asked for: what depends on nothing, made from any activation there is.
import { elementCount, type Quantization } from '../../model/quantized-network.js';
import { affineOf } from '../../model/affine.js';
import { UNBOUNDED } from '../float-graph.js';
import type { Activation, OnnxGraph } from './graph.js';
import type { OnnxNode, OnnxTensor } from './model.js';

const ZERO: Quantization = { scale: 1, zeroPoint: 0 };

/** A constant as a value: zeros in place of elements of `near`, and the constant added. */
export function held(graph: OnnxGraph, node: OnnxNode, constant: OnnxTensor, near: Activation): Activation {
  const { shape, values } = constant;
  const count = elementCount({ shape });
  const mover = graph.mover(node);
  const all = elementCount(near);
  const row = graph.reshape(node, near.tensor, [all]);
  const some = count < all ? mover.slice(row, 0, 0, [count]) : row;
  const nothing = graph.add(node, { kind: 'unary', f: () => 0, fixed: ZERO }, [some], [Math.min(count, all)]);
  const copies = Math.ceil(count / all);
  const many = copies > 1 ? mover.repeat(nothing, [copies * all]) : nothing;
  const zeros = copies * all > count ? mover.slice(many, 0, 0, [count]) : many;
  const reals = Float64Array.from(values);
  const given = affineOf(reals);
  const made = graph.add(node, { kind: 'add', bounds: UNBOUNDED, constant: reals }, [zeros], [count], given);
  return { tensor: graph.reshape(node, made, shape), shape: [...shape], order: undefined };
}
