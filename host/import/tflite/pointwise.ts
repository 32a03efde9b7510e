// Operators of one input, value by value or row by row: LOGISTIC, RELU…, SOFTMAX, QUANTIZE, DEQUANTIZE.
import { scale } from '../../model/fixed-point.js';
import { logisticLookup } from '../../model/lookup.js';
import { quantizeMultiplier, type TensorSpec } from '../../model/quantized-network.js';
import type { Handler, TfliteGraph } from './graph.js';
import type { TfliteOperator } from './model.js';
import { lookUpReal, realTable } from './tables.js';
import { ALL, asWide, int8Range, lookUpWide, narrow, rescaleWide, widen } from './wide.js';

export const logistic: Handler = (graph, op) => {
  const output = graph.spec(op, graph.output(op));
  if (output.dtype === 'int16') return lookUpWide(graph, op, logisticLookup);
  if (
    graph.builder.spec(graph.activation(op)).dtype === 'int16' ||
    output.scale !== 1 / 256 ||
    output.zeroPoint !== -128
  )
    graph.refuse(op, `into ${graph.describe(graph.output(op))}`, 'int8 with scale 1/256 and zero point −128');
  const made = graph.builder.add({ kind: 'logistic', name: 'logistic' }, [graph.activation(op)], output);
  graph.define(graph.output(op), made);
};

/** From int8 to int16, or back. */
function between(graph: TfliteGraph, input: number, output: TensorSpec, factor: number): number {
  const wide = widen(graph, input);
  if (output.dtype === 'int16') return rescaleWide(graph, wide, output, factor);
  return narrow(graph, rescaleWide(graph, wide, asWide(output), factor, int8Range(output)), output);
}

/** A table of y = clamp(zero + round((x − zero) · factor)). */
function rescale(
  graph: TfliteGraph,
  op: TfliteOperator,
  name: string,
  factor: number,
  clamp: { clampMin: number; clampMax: number },
): void {
  const input = graph.activation(op);
  const from = graph.builder.spec(input);
  const output: TensorSpec = graph.spec(op, graph.output(op));
  if (from.dtype === 'int16' && output.dtype === 'int16') {
    const made = rescaleWide(graph, input, output, factor, clamp.clampMin === -128 ? ALL : clamp);
    graph.define(graph.output(op), made);
    return;
  }
  if (from.dtype === 'int16' || output.dtype === 'int16') {
    graph.define(graph.output(op), between(graph, input, output, factor));
    return;
  }
  const { multiplier, shift } = quantizeMultiplier(factor);
  if (!(factor < Infinity) || shift > 22)
    graph.refuse(op, `with scales that multiply by ${factor}`, 'less than 2²²');
  const whole = clamp.clampMin === -128 && clamp.clampMax === 127;
  if (whole && from.scale === output.scale && from.zeroPoint === output.zeroPoint) {
    // From int8 to uint8 and back: the same integers.
    graph.define(graph.output(op), graph.builder.reshape(input, output.shape));
    return;
  }
  const table = Int8Array.from({ length: 256 }, (_, i) => {
    const value = scale(i - 128 - from.zeroPoint, multiplier, shift) + output.zeroPoint;
    return Math.max(clamp.clampMin, Math.min(clamp.clampMax, value));
  });
  graph.define(graph.output(op), graph.builder.add({ kind: 'map', name, table }, [input], output));
}

/** A stand-alone activation: rescaled and clamped, as TFLite's ReluX. */
export const relu =
  (fused: number): Handler =>
  (graph, op) => {
    const from = graph.builder.spec(graph.activation(op));
    const output = graph.spec(op, graph.output(op));
    rescale(graph, op, 'relu', Math.fround(from.scale / output.scale), graph.clamp(op, fused, output));
  };

export const softmax: Handler = (graph, op) => {
  const input = graph.activation(op);
  const { scale: from, dtype, shape } = graph.builder.spec(input);
  // After a DEQUANTIZE, floats are what is made of integers: those of int8 have one scale.
  // TFLite Micro's softmax of int8 into int16 keeps more of the same numbers.
  const { type } = graph.output(op);
  const tail =
    (type === 'float32' || (type === 'int16' && graph.output(op).zeroPoints[0] === -32768)) &&
    dtype !== 'int16';
  const output = tail
    ? ({ shape, scale: 1 / 256, zeroPoint: -128 } as TensorSpec)
    : graph.spec(op, graph.output(op));
  const wide = output.dtype === 'int16';
  const expected = wide ? 1 / 32768 : 1 / 256;
  if (output.scale !== expected || dtype !== output.dtype || (!wide && output.zeroPoint !== -128))
    graph.refuse(op, `into ${graph.describe(graph.output(op))}`, `the type of its input, scale ${expected}`);
  const beta = op.options?.float32(0, 0) ?? 0;
  const factor = wide ? (beta * from) / (10 / 65535) : Math.min(beta * from * 2 ** 26, 2 ** 31 - 1);
  const inputScaling = quantizeMultiplier(factor);
  if (!(factor > 0) || inputScaling.shift > 31 || (!wide && inputScaling.shift < 0))
    graph.refuse(op, `with beta ${beta}`, 'one above 0, fit for the scale of its input');
  const diffMin = wide ? 0 : -Math.floor((31 * 2 ** 26) / 2 ** inputScaling.shift);
  const body = { kind: 'softmax' as const, name: 'softmax', inputScaling, diffMin };
  graph.define(graph.output(op), graph.builder.add(body, [input], output));
};

/** To another scale; from the model's float or uint8 input, the quantized tensor is the network's input. */
export const quantize: Handler = (graph, op) => {
  const from = graph.input(op);
  if (graph.value(from.index) === undefined && !graph.isConstant(from)) {
    // The host quantizes: see `importTflite`, which makes the output of a first QUANTIZE the network's input.
    graph.refuse(op, `on ${graph.describe(from)}`, 'an int8 activation, or the input of the model');
  }
  const { value, f } = graph.realsOf(op);
  if (f) {
    const [spec, output] = [graph.builder.spec(value), graph.spec(op, graph.output(op))];
    if (spec.dtype === 'int16' && output.dtype === 'int16') return lookUpReal(graph, op, value, f);
    if (spec.dtype === 'int16' || output.dtype === 'int16')
      graph.refuse(
        op,
        `into ${graph.describe(graph.output(op))}`,
        'the type of what the floats are made from',
      );
    const body = { kind: 'map' as const, name: 'quantize', table: realTable(spec, output, f) };
    graph.define(graph.output(op), graph.builder.add(body, [value], output));
    return;
  }
  // To wider integers at the end: the answer keeps the scale it has.
  if (graph.output(op).type === 'int32') {
    graph.define(graph.output(op), graph.activation(op));
    return;
  }
  const spec = graph.builder.spec(graph.activation(op));
  const output = graph.spec(op, graph.output(op));
  rescale(graph, op, 'quantize', spec.scale / output.scale, { clampMin: -128, clampMax: 127 });
};
