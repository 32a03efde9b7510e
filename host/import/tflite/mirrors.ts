// Operators that take elements again, or the other way round: MIRROR_PAD, REVERSE_V2, BROADCAST_TO.
import { broadcast, gather } from '../moves.js';
import type { Handler } from './graph.js';
import { axesOf, define, shaped } from './shapes.js';

/** Around each dimension its elements mirrored; mode 0 leaves the one at the edge out, mode 1 takes it again. */
export const mirrorPad: Handler = (graph, op) => {
  const shape = [...graph.input(op).shape];
  const amounts = graph.integers(op, 1);
  const again = (op.options?.int8(0) ?? 0) === 1 ? 1 : 0;
  let value = shaped(graph, op);
  shape.forEach((size, axis) => {
    const [before = 0, after = 0] = amounts.slice(2 * axis, 2 * axis + 2);
    if (before + after === 0) return;
    const most = size - 1 + again;
    if (!(before >= 0 && after >= 0 && before <= most && after <= most))
      graph.refuse(op, `by [${amounts}] of [${graph.input(op).shape}]`, 'less than there is to mirror');
    const indices = Array.from({ length: before + size + after }, (_, i) => {
      const at = i - before;
      if (at < 0) return -at - again;
      return at < size ? at : 2 * size - 2 - at + again;
    });
    value = gather(graph.mover(op), value, shape, axis, indices);
    shape[axis] = indices.length;
  });
  define(graph, op, graph.output(op), value);
};

export const reverse: Handler = (graph, op) => {
  const { shape } = graph.input(op);
  const axes = axesOf(graph, op, graph.integers(op, 1), shape.length);
  const made = axes.reduce(
    (value, axis) => {
      const size = shape[axis]!;
      return gather(
        graph.mover(op),
        value,
        shape,
        axis,
        Array.from({ length: size }, (_, i) => size - 1 - i),
      );
    },
    shaped(graph, op),
  );
  define(graph, op, graph.output(op), made);
};

export const broadcastTo: Handler = (graph, op) => {
  const { shape } = graph.input(op);
  const target = graph.output(op);
  const own = target.shape.slice(target.shape.length - shape.length);
  if (own.length !== shape.length || shape.some((size, axis) => size !== 1 && size !== own[axis]))
    graph.refuse(op, `of [${shape}] into ${graph.describe(target)}`, 'a shape that it broadcasts to');
  define(graph, op, target, broadcast(graph.mover(op), shaped(graph, op), shape, target.shape));
};
