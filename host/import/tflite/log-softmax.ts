// LOG_SOFTMAX of int8 from ops there are: x − max x − log Σ exp(x − max x). Within a step of TFLite's kernel, not its bits.
import { affine } from '../../model/affine.js';
import { elementCount, quantizeMultiplier, type TensorSpec } from '../../model/quantized-network.js';
import { exponential } from '../float-graph.js';
import { log, type RealFunction } from '../functions.js';
import { permute } from '../moves.js';
import { sumBody } from './elementwise.js';
import type { Handler, TfliteGraph } from './graph.js';
import { largest } from './shapes.js';

const WHOLE = { clampMin: -128, clampMax: 127 };

function table(from: TensorSpec, to: TensorSpec, f: RealFunction): Int8Array {
  return Int8Array.from({ length: 256 }, (_, i) => {
    const steps = f((i - 128 - from.zeroPoint) * from.scale) / to.scale;
    return Math.max(-128, Math.min(127, Math.round(steps) + to.zeroPoint));
  });
}

export const logSoftmax: Handler = (graph, op) => {
  const { builder } = graph;
  const [from, target] = [graph.input(op), graph.output(op)];
  const input = graph.activation(op);
  const spec = builder.spec(input);
  if (spec.dtype === 'int16') graph.refuse(op, `on ${graph.describe(from)}`, 'int8');
  const depth = from.shape.at(-1) ?? 1;
  const rows = elementCount(from) / depth;
  const map = (tensor: number, to: TensorSpec, f: RealFunction): number =>
    builder.add(
      { kind: 'map', name: 'log_softmax', table: table(builder.spec(tensor), to, f) },
      [tensor],
      to,
    );
  const add = (a: number, b: number, to: TensorSpec): number =>
    builder.add({ ...sumBody(op, builder.spec(a), builder.spec(b), to), ...WHOLE }, [a, b], to);
  const repeated = (tensor: number): number => {
    const one = builder.spec(tensor);
    return builder.add({ kind: 'repeat', name: 'repeat' }, [tensor], { ...one, shape: [depth, 1, rows] });
  };
  // A row is a column here, so that what is over rows is a window.
  const columns = builder.reshape(permute(graph.mover(op), input, [rows, depth], [1, 0]), [depth, 1, rows]);
  const most = largest(graph, columns, false);
  const opposite = { ...builder.spec(most), zeroPoint: -spec.zeroPoint - 1 };
  const less = builder.add(
    { kind: 'map', name: 'negate', table: Int8Array.from({ length: 256 }, (_, i) => 127 - i) },
    [most],
    opposite,
  );
  // Differences of integers: exact.
  const shape = [depth, 1, rows];
  const below = add(columns, repeated(less), { shape, scale: spec.scale, zeroPoint: 127 });
  const powers = map(below, { shape, scale: 1 / 256, zeroPoint: -128 }, exponential);
  const total: TensorSpec = { shape: [rows], ...affine(0, depth) };
  const scaling = quantizeMultiplier(1 / 256 / total.scale);
  const sum = builder.add({ kind: 'mean', name: 'sum', scaling, total: true }, [powers], total);
  const logarithm = map(sum, { shape: [rows], ...affine(-log(depth), 0) }, (x) => -log(Math.max(1, x)));
  const float = target.type === 'float32';
  const own = float ? { scale: spec.scale, zeroPoint: 127 } : graph.spec(op, target);
  const made = add(below, repeated(logarithm), { ...own, shape });
  const turned = permute(graph.mover(op), made, [depth, rows], [1, 0]);
  graph.define(target, builder.reshape(turned, from.shape.length > 1 ? from.shape.slice(1) : from.shape));
};

/** In the middle of a model: the same integers, which those that follow take as they are. */
export const dequantize: Handler = (graph: TfliteGraph, op) => {
  graph.define(graph.output(op), graph.activation(op));
};
