// Nodes that work value by value: activations, and functions of one value.
import type { Quantization } from '../../model/quantized-network.js';
import { type Bounds, exponential, UNBOUNDED } from '../float-graph.js';
import {
  arcSine,
  arcTangent,
  erf,
  gelu as exactGelu,
  geluTanh,
  hyperbolicCosine,
  hyperbolicSine,
  log,
  logistic,
  type RealFunction,
  roundEven,
  softplus,
  tanh as hyperbolic,
} from '../functions.js';
import { cosineOfTurns } from '../../math/real-functions.js';
import type { Handler, OnnxGraph } from './graph.js';
import { typeName, typeOf, type OnnxNode } from './model.js';

/** A function of one value, with the scale of its output if it has a range of its own. */
function unary(
  graph: OnnxGraph,
  node: OnnxNode,
  f: RealFunction,
  { fixed, whole = false }: { fixed?: Quantization; whole?: boolean } = {},
): void {
  const constant = graph.constant(node, 0);
  if (constant) {
    const values = Array.from(constant.values, f);
    graph.fold(node, { shape: constant.shape, values, integer: constant.integer });
    return;
  }
  const { tensor, shape, order } = graph.activation(node);
  const body = { kind: 'unary' as const, f, ...(fixed ? { fixed } : {}), ...(whole ? { whole } : {}) };
  graph.result(node, graph.add(node, body, [tensor], graph.shapeOf(tensor)), shape, order);
}

/** Clamps input 0, given in reals: the layer before does it, if it can. */
export function bounded(graph: OnnxGraph, node: OnnxNode, bounds: Bounds): void {
  const value = graph.any(node);
  const { tensor, shape, order, integers } = value;
  if (!(bounds[0] <= bounds[1]))
    graph.refuse(node, `from ${bounds[0]} to ${bounds[1]}`, 'least before largest');
  const layer = graph.boundable(value);
  const [low, high] = layer?.bounds ?? UNBOUNDED;
  const both: Bounds = [Math.max(low, bounds[0]), Math.min(high, bounds[1])];
  // On the integers of a quantizer; or a clamp of reals that are rounded later.
  const fits = layer && both[0] <= both[1] && (integers !== undefined || !graph.givenOf(tensor));
  if (fits) {
    layer.bounds = both;
    graph.result(node, tensor, shape, order, integers);
    return;
  }
  const f = (x: number): number => Math.max(bounds[0], Math.min(bounds[1], x));
  const given = integers && graph.givenOf(tensor);
  const made = graph.add(node, { kind: 'unary', f }, [tensor], graph.shapeOf(tensor), given);
  graph.result(node, made, shape, order, integers);
}

export const relu: Handler = (graph, node) => {
  if (graph.constant(node, 0)) return unary(graph, node, (x) => Math.max(0, x));
  // On integers 0 is the integer, not the real.
  const { integers } = graph.any(node);
  return bounded(graph, node, [integers ? -integers.scale * integers.zeroPoint : 0, Infinity]);
};

export const clip: Handler = (graph, node) => {
  const limit = (slot: number, name: string, absent: number): number => {
    if (node.inputs[slot]) return graph.needConstant(node, slot).values[0] ?? absent;
    return graph.real(node, name, absent);
  };
  const [low, high] = [limit(1, 'min', -Infinity), limit(2, 'max', Infinity)];
  if (graph.constant(node, 0)) return unary(graph, node, (x) => Math.max(low, Math.min(high, x)));
  const { integers } = graph.any(node);
  const real = (q: number): number =>
    integers && Number.isFinite(q) ? integers.scale * (q - integers.zeroPoint) : q;
  return bounded(graph, node, [real(low), real(high)]);
};

const PROBABILITY: Quantization = { scale: 1 / 256, zeroPoint: -128 };
const SIGNED_UNIT: Quantization = { scale: 1 / 128, zeroPoint: 0 };

const of =
  (f: RealFunction, options: { fixed?: Quantization; whole?: boolean } = {}): Handler =>
  (graph, node) =>
    unary(graph, node, f, options);

const part = (x: number): number => Math.max(0, Math.min(1, x));
const sine = (x: number): number => cosineOfTurns(x / (2 * Math.PI) - 0.25);
const cosine = (x: number): number => cosineOfTurns(x / (2 * Math.PI));

/** A function with numbers from attributes, each with what it is where it is left out. */
const withReals =
  (
    defaults: Record<string, number>,
    f: (x: number, values: number[]) => number,
    fixed?: Quantization,
  ): Handler =>
  (graph, node) => {
    const values = Object.entries(defaults).map(([name, absent]) => graph.real(node, name, absent));
    unary(graph, node, (x) => f(x, values), fixed ? { fixed } : {});
  };

/** Functions of one value, by the node's name. */
export const UNARY: Record<string, Handler> = {
  Sigmoid: of(logistic, { fixed: PROBABILITY }),
  Tanh: of(hyperbolic, { fixed: SIGNED_UNIT }),
  HardSigmoid: withReals(
    { alpha: 0.2, beta: 0.5 },
    (x, [alpha, beta]) => part(alpha! * x + beta!),
    PROBABILITY,
  ),
  HardSwish: of((x) => x * part(x / 6 + 0.5)),
  LeakyRelu: withReals({ alpha: 0.01 }, (x, [alpha]) => (x < 0 ? alpha! * x : x)),
  Elu: withReals({ alpha: 1 }, (x, [alpha]) => (x < 0 ? alpha! * (exponential(x) - 1) : x)),
  Celu: withReals({ alpha: 1 }, (x, [alpha]) => (x < 0 ? alpha! * (exponential(x / alpha!) - 1) : x)),
  Selu: withReals({ alpha: 1.6732632423543772, gamma: 1.0507009873554805 }, (x, [alpha, gamma]) =>
    x > 0 ? gamma! * x : gamma! * alpha! * (exponential(x) - 1),
  ),
  ThresholdedRelu: withReals({ alpha: 1 }, (x, [alpha]) => (x > alpha! ? x : 0)),
  Softplus: of(softplus),
  Softsign: of((x) => x / (1 + Math.abs(x)), { fixed: SIGNED_UNIT }),
  Mish: of((x) => x * hyperbolic(softplus(x))),
  Swish: withReals({ alpha: 1 }, (x, [alpha]) => x * logistic(alpha! * x)),
  Gelu: (graph, node) =>
    unary(graph, node, graph.text(node, 'approximate') === 'tanh' ? geluTanh : exactGelu),
  'com.microsoft.Gelu': of(exactGelu),
  'com.microsoft.QuickGelu': withReals({ alpha: 1.702 }, (x, [alpha]) => x * logistic(alpha! * x)),
  Abs: of(Math.abs),
  Neg: of((x) => -x),
  Exp: of(exponential),
  Log: of(log),
  Sqrt: of((x) => Math.sqrt(Math.max(0, x))),
  Reciprocal: of((x) => (x === 0 ? 0 : 1 / x)),
  Erf: of(erf, { fixed: SIGNED_UNIT }),
  // No node of ONNX: tf2onnx writes it for TensorFlow's, of Keras' exact GELU.
  Erfc: of((x) => 1 - erf(x)),
  Tan: of((x) => sine(x) / cosine(x)),
  Asin: of(arcSine),
  Acos: of((x) => Math.PI / 2 - arcSine(x)),
  Atan: of(arcTangent),
  Sinh: of(hyperbolicSine),
  Cosh: of(hyperbolicCosine),
  Asinh: of((x) => Math.sign(x) * log(Math.abs(x) + Math.sqrt(x * x + 1))),
  Acosh: of((x) => log(x + Math.sqrt(Math.max(0, x * x - 1)))),
  Atanh: of((x) => 0.5 * (log(1 + x) - log(1 - x))),
  Shrink: withReals({ lambd: 0.5, bias: 0 }, (x, [limit, bias]) =>
    x < -limit! ? x + bias! : x > limit! ? x - bias! : 0,
  ),
  // Integers are neither.
  IsNaN: of(() => 0, { fixed: { scale: 1, zeroPoint: 0 } }),
  IsInf: of(() => 0, { fixed: { scale: 1, zeroPoint: 0 } }),
  Sin: of(sine, { fixed: SIGNED_UNIT }),
  Cos: of(cosine, { fixed: SIGNED_UNIT }),
  Floor: of(Math.floor, { whole: true }),
  Ceil: of(Math.ceil, { whole: true }),
  Round: of(roundEven, { whole: true }),
  Sign: of(Math.sign, { whole: true }),
  Not: of((x) => (x === 0 ? 1 : 0), { fixed: { scale: 1, zeroPoint: 0 } }),
};

/** To another type: whole numbers are cut off; reals stay reals. */
export const cast: Handler = (graph, node) => {
  const to = graph.integer(node, 'to');
  const target = typeOf(to);
  if (!target) return graph.refuse(node, `to ${typeName(to)}`, 'a number type');
  const bool = typeName(to) === 'bool';
  const round = (x: number): number => (bool ? Number(x !== 0) : Math.trunc(x));
  const constant = graph.constant(node, 0);
  if (constant) {
    const values = target.integer ? Array.from(constant.values, round) : constant.values;
    graph.fold(node, { ...constant, values, integer: target.integer, unsigned: target.unsigned ?? false });
    return;
  }
  const value = graph.any(node);
  const { integers, tensor, shape, order } = value;
  if (integers?.scale === 1 && integers.zeroPoint === 0 && target.integer) {
    // Numbers that are whole themselves.
    graph.define(node.outputs[0] ?? '', value);
  } else if (integers) {
    // Integers as reals, or as wider integers: what they stand for changes, not they.
    const from = graph.givenOf(tensor)!;
    const given = { scale: 1, zeroPoint: -integers.offset };
    const body = { kind: 'reinterpret' as const, from, to: given };
    const made = graph.add(node, body, [tensor], graph.shapeOf(tensor), given);
    graph.result(node, made, shape, order);
  } else if (!target.integer) graph.result(node, tensor, shape, order);
  else unary(graph, node, round, { whole: true });
};
