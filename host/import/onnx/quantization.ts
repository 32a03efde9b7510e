// QuantizeLinear, DequantizeLinear, and QONNX's Quant: what the file says of scales is kept as it is.
import { elementCount, type Quantization } from '../../model/quantized-network.js';
import type { Bounds } from '../float-graph.js';
import { affine } from '../../model/affine.js';
import { roundEven } from '../functions.js';
import type { Handler, Integers, OnnxGraph } from './graph.js';
import type { OnnxNode, OnnxTensor } from './model.js';
import { bounded } from './pointwise.js';
import { Steps } from './steps.js';

/** What a quantizer does to reals. */
interface Quantizer {
  integers: Integers;
  /** Least and largest integer, as ONNX counts. */
  low: number;
  high: number;
  bits: number;
}

const rangeOf = (bits: number, unsigned: boolean): [low: number, high: number] =>
  unsigned ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];

/** The one scale and zero point of a quantizer of activations. */
function quantizerOf(graph: OnnxGraph, node: OnnxNode): Quantizer {
  const scales = graph.needConstant(node, 1).values;
  const zero = node.inputs[2] ? graph.needConstant(node, 2) : undefined;
  const [scale = 0] = Array.from(scales);
  const zeroPoint = zero?.values[0] ?? 0;
  const unsigned = zero?.unsigned ?? true;
  const bits = zero?.bits ?? 8;
  const [low, high] = rangeOf(bits, unsigned);
  if (scales.length !== 1 || !(scale > 0 && scale < Infinity) || !(zeroPoint >= low && zeroPoint <= high))
    graph.refuse(
      node,
      `with ${scales.length} scales, the first ${scale}, and zero point ${zeroPoint}`,
      'one scale above 0, and a zero point of its type',
    );
  return { integers: { scale, zeroPoint, offset: unsigned ? 128 : 0 }, low, high, bits };
}

/** Rounds input 0 to the integers of a quantizer, whose bounds are put where they can. */
function quantize(graph: OnnxGraph, node: OnnxNode, { integers, low, high, bits }: Quantizer): void {
  const { scale, zeroPoint, offset } = integers;
  const real = (q: number): number => scale * (q - zeroPoint);
  if (bits > 8) {
    // Sixteen bits are as good as reals to eight: their range is what counts.
    const value = graph.activation(node);
    graph.give(value.tensor, affine(real(low), real(high)));
    graph.result(node, value.tensor, value.shape, value.order, { ...integers, offset: Number.NaN });
    return;
  }
  const bounds: Bounds = [real(low), real(high)];
  if (bits < 8) bounded(graph, node, bounds);
  const value = bits < 8 ? graph.value(node.outputs[0] ?? '')! : graph.activation(node);
  const { tensor, shape, order } = value;
  const given: Quantization = { scale, zeroPoint: zeroPoint - offset };
  if (graph.give(tensor, given)) {
    graph.result(node, tensor, shape, order, integers);
    return;
  }
  const made = graph.add(node, { kind: 'unary', f: (x) => x }, [tensor], graph.shapeOf(tensor), given);
  graph.result(node, made, shape, order, integers);
}

/** Where scales and zero points of constants come from: one, one a slice of a dimension, or one a block. */
function parameterAt(
  graph: OnnxGraph,
  node: OnnxNode,
  shape: readonly number[],
  scales: OnnxTensor,
): (i: number) => number {
  if (scales.values.length === 1) return () => 0;
  const axis = graph.integer(node, 'axis', 1);
  const along = axis < 0 ? axis + shape.length : axis;
  const block = graph.integer(node, 'block_size');
  const inner = elementCount({ shape: shape.slice(along + 1) });
  const size = shape[along] ?? 0;
  const parts = block > 0 ? Math.ceil(size / block) : size;
  const expected = block > 0 ? (elementCount({ shape }) / size / (inner || 1)) * parts * inner : size;
  if (scales.values.length !== expected || size === 0)
    graph.refuse(node, `with ${scales.values.length} scales`, `one, or ${expected} along dimension ${along}`);
  if (block === 0) return (i) => Math.floor(i / inner) % size;
  return (i) => {
    const [outer, at] = [Math.floor(i / inner / size), Math.floor(i / inner) % size];
    return (outer * parts + Math.floor(at / block)) * inner + (i % inner);
  };
}

export const quantizeLinear: Handler = (graph, node) => {
  const constant = graph.constant(node, 0);
  if (!constant) {
    quantize(graph, node, quantizerOf(graph, node));
    return;
  }
  const scales = graph.needConstant(node, 1);
  const zeros = node.inputs[2] ? graph.needConstant(node, 2) : undefined;
  const at = parameterAt(graph, node, constant.shape, scales);
  const { bits = 8, unsigned = true } = zeros ?? {};
  const [low, high] = rangeOf(bits, unsigned);
  const values = Array.from(constant.values, (x, i) => {
    const zero = zeros?.values[zeros.values.length === 1 ? 0 : at(i)] ?? 0;
    return Math.max(low, Math.min(high, roundEven(x / scales.values[at(i)]!) + zero));
  });
  graph.fold(node, { shape: constant.shape, values, integer: true, bits, unsigned });
};

/** The reals of constant integers. */
function dequantizeConstant(graph: OnnxGraph, node: OnnxNode, constant: OnnxTensor): void {
  const scales = graph.needConstant(node, 1);
  const zeros = node.inputs[2] ? graph.needConstant(node, 2).values : [0];
  const { shape } = constant;
  const at = parameterAt(graph, node, shape, scales);
  const zeroAt = (i: number): number => zeros[zeros.length === 1 ? 0 : at(i)] ?? 0;
  const values = Array.from(constant.values, (q, i) => (q - zeroAt(i)) * (scales.values[at(i)] ?? 0));
  // Weights with a zero point, and those of blocks, are quantized again, symmetrically.
  const symmetric = Array.from(zeros).every((zero) => zero === 0) && shape.length > 1;
  const kept = symmetric && graph.integer(node, 'block_size') === 0 && (constant.bits ?? 8) <= 8;
  const axis = graph.integer(node, 'axis', 1);
  graph.fold(node, {
    shape,
    values,
    integer: false,
    ...(kept ? { scales: Array.from(scales.values), axis: axis < 0 ? axis + shape.length : axis } : {}),
  });
}

export const dequantizeLinear: Handler = (graph, node) => {
  const constant = graph.constant(node, 0);
  if (constant) return dequantizeConstant(graph, node, constant);
  const { tensor, shape, order, integers } = graph.any(node);
  if (!integers) return graph.refuse(node, 'on reals', 'integers: a QuantizeLinear before it');
  const { integers: own } = quantizerOf(graph, node);
  // Without a zero point its type is that of the input.
  const to = node.inputs[2] ? own : { ...own, offset: integers.offset };
  if (to.scale === integers.scale && to.zeroPoint === integers.zeroPoint) {
    return graph.result(node, tensor, shape, order);
  }
  if (Number.isNaN(integers.offset))
    graph.refuse(node, 'of 16 bits with another scale than its QuantizeLinear', 'the same scale');
  const from = graph.givenOf(tensor)!;
  const given = { scale: to.scale, zeroPoint: to.zeroPoint - integers.offset };
  const body = { kind: 'reinterpret' as const, from, to: given };
  return graph.result(node, graph.add(node, body, [tensor], graph.shapeOf(tensor), given), shape, order);
};

/** A node on integers that are left in their scale: on the reals that they stand for, rounded again. */
export const onIntegers =
  (handler: Handler): Handler =>
  (graph, node) => {
    const value = graph.isActivation(node, 0) ? graph.any(node) : undefined;
    const integers = value?.integers;
    const given = value && graph.givenOf(value.tensor);
    if (!integers || integers.numbers || !given) return handler(graph, node);
    const steps = new Steps(graph, node);
    const { tensor, shape, order } = value;
    const inputs = [steps.define({ tensor, shape, order }), ...node.inputs.slice(1)];
    const made = steps.value(steps.run(handler, node.op, inputs, node.attributes));
    const exact = graph.give(made.tensor, given)
      ? made.tensor
      : graph.add(node, { kind: 'unary', f: (x) => x }, [made.tensor], graph.shapeOf(made.tensor), given);
    return graph.result(node, exact, made.shape, made.order, integers);
  };

/** QONNX's Quant: rounds to integers of any number of bits and back to reals. */
export const quant: Handler = (graph, node) => {
  const scales = graph.needConstant(node, 1);
  const zeros = graph.needConstant(node, 2);
  const bits = graph.needConstant(node, 3).values[0] ?? 8;
  const signed = graph.integer(node, 'signed', 1) !== 0;
  const narrow = graph.integer(node, 'narrow', 0) !== 0 ? 1 : 0;
  const mode = (graph.text(node, 'rounding_mode') || 'ROUND').toUpperCase();
  const round = { ROUND: roundEven, CEIL: Math.ceil, FLOOR: Math.floor }[mode];
  if (!round) return graph.refuse(node, `with rounding mode ${mode}`, 'ROUND, CEIL or FLOOR');
  const top = 2 ** (signed ? bits - 1 : bits) - 1;
  const [low, high] = signed ? [-top - 1 + narrow, top] : [0, top - narrow];
  const constant = graph.constant(node, 0);
  if (constant) {
    const { shape } = constant;
    const along = scales.shape.findIndex((size) => size > 1);
    const axis = along < 0 ? 0 : along + shape.length - scales.shape.length;
    const inner = elementCount({ shape: shape.slice(axis + 1) });
    const at = (list: ArrayLike<number>, i: number): number =>
      list[list.length === 1 ? 0 : Math.floor(i / inner) % list.length] ?? 0;
    const values = Array.from(constant.values, (x, i) => {
      const [scale, zero] = [at(scales.values, i), at(zeros.values, i)];
      return scale * (Math.max(low, Math.min(high, round(x / scale + zero))) - zero);
    });
    const kept = bits <= 8 && signed && Array.from(zeros.values).every((zero) => zero === 0);
    const own = kept ? { scales: Array.from(scales.values), axis } : {};
    return graph.fold(node, { shape, values, integer: false, ...own });
  }
  const [scale = 0, zeroPoint = 0] = [scales.values[0], zeros.values[0]];
  if (scales.values.length !== 1 || !(scale > 0))
    graph.refuse(node, `with ${scales.values.length} scales`, 'one above 0');
  const offset = signed ? 0 : 128;
  if (bits > 8) return quantize(graph, node, { integers: { scale, zeroPoint, offset }, low, high, bits });
  quantize(graph, node, { integers: { scale, zeroPoint, offset }, low, high, bits: narrow ? 7 : bits });
  const { tensor, shape, order } = graph.value(node.outputs[0] ?? '')!;
  return graph.result(node, tensor, shape, order);
};

/** QONNX's BipolarQuant: the sign, times a scale. */
export const bipolarQuant: Handler = (graph, node) => {
  const [scale = 1] = Array.from(graph.needConstant(node, 1).values);
  const f = (x: number): number => (x >= 0 ? scale : -scale);
  const constant = graph.constant(node, 0);
  if (constant) {
    const { shape } = constant;
    return graph.fold(node, {
      shape,
      values: Array.from(constant.values, f),
      integer: false,
      scales: [scale],
      axis: 0,
    });
  }
  const { tensor, shape, order } = graph.activation(node);
  const given = { scale, zeroPoint: 0 };
  return graph.result(
    node,
    graph.add(node, { kind: 'unary', f, sign: true }, [tensor], graph.shapeOf(tensor), given),
    shape,
    order,
  );
};
