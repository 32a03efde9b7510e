// Operators of one int8 that are a table of 256: as TFLite's reference kernels compute it, or as reals, rounded.
import { scale, tanh } from '../../model/fixed-point.js';
import { lookUp, realLookup, tanhLookup } from '../../model/lookup.js';
import { quantizeMultiplier, type Scaling, type TensorSpec } from '../../model/quantized-network.js';
import { exponential } from '../float-graph.js';
import { rangeOfTable } from '../ranges.js';
import { gelu as exactGelu, geluTanh, log, type RealFunction } from '../functions.js';
import { cosineOfTurns } from '../../math/real-functions.js';
import type { Handler, TfliteGraph } from './graph.js';
import { hardSwishTable } from './hard-swish.js';
import type { TfliteOperator } from './model.js';
import { ALL, lookUpWide, rescaleWide, sumWide } from './wide.js';

const int8 = (value: number): number => Math.max(-128, Math.min(127, value));

/** A table op from int8 to int8. */
function tabulate(
  graph: TfliteGraph,
  op: TfliteOperator,
  make: (from: TensorSpec, to: TensorSpec) => Int8Array,
): void {
  const input = graph.activation(op);
  const [from, output] = [graph.builder.spec(input), graph.spec(op, graph.output(op))];
  if (from.dtype === 'int16' || output.dtype === 'int16')
    graph.refuse(op, `into ${graph.describe(graph.output(op))}`, 'int8');
  const name = op.name.toLowerCase();
  graph.define(
    graph.output(op),
    graph.builder.add({ kind: 'map', name, table: make(from, output) }, [input], output),
  );
}

const table = (f: (q: number) => number): Int8Array => Int8Array.from({ length: 256 }, (_, i) => f(i - 128));

export const hardSwish: Handler = (graph, op) => tabulate(graph, op, hardSwishTable);

/** TFLite's QuantizeLeakyRelu and Prelu of one slope: two multipliers, one for each side of 0. */
export function slopeTable(
  from: TensorSpec,
  to: TensorSpec,
  [ratio, below]: readonly [above: number, below: number],
  refuse: () => never,
): Int8Array {
  const [positive, negative] = [ratio, Math.abs(below)].map(quantizeMultiplier) as [Scaling, Scaling];
  if ([positive, negative].some(({ multiplier, shift }) => !(multiplier >= 0) || shift > 22)) refuse();
  const sign = below < 0 ? -1 : 1;
  return table((q) => {
    const value = q - from.zeroPoint;
    const { multiplier, shift } = value >= 0 ? positive : negative;
    return int8(to.zeroPoint + scale(value >= 0 ? value : sign * value, multiplier, shift));
  });
}

/** What a leaky ReLU multiplies by above 0 and below: quotients of float32 in TFLite, of float64 in TFLite Micro. */
function slopesOf(
  graph: TfliteGraph,
  from: TensorSpec,
  to: TensorSpec,
  alpha: number,
): [above: number, below: number] {
  if (graph.reference === 'tflm') return [from.scale / to.scale, (from.scale * alpha) / to.scale];
  const below = Math.fround(Math.fround(from.scale * alpha) / to.scale);
  return [Math.fround(from.scale / to.scale), below];
}

/** The same of int16: what is above 0 and what is below, each rescaled, and their sum. */
function slopeWide(graph: TfliteGraph, op: TfliteOperator, alpha: number): void {
  const input = graph.activation(op);
  const [from, output] = [graph.builder.spec(input), graph.spec(op, graph.output(op))];
  const [ratio, below] = slopesOf(graph, from, output, alpha);
  const upper = rescaleWide(graph, input, output, ratio, { ...ALL, clampMin: 0 });
  const lower =
    below < 0
      ? rescaleWide(graph, input, output, -below, { ...ALL, clampMin: 0 }, -1)
      : rescaleWide(graph, input, output, below, { ...ALL, clampMax: 0 });
  graph.define(graph.output(op), sumWide(graph, upper, lower, output));
}

export const leakyRelu: Handler = (graph, op) => {
  const slope = op.options?.float32(0, 0) ?? 0;
  if (graph.output(op).type === 'int16') slopeWide(graph, op, slope);
  else leakyTable(graph, op);
};

const leakyTable: Handler = (graph, op) =>
  tabulate(graph, op, (from, to) => {
    const alpha = op.options?.float32(0, 0) ?? 0;
    const refuse = (): never =>
      graph.refuse(op, `with alpha ${alpha}`, 'scales that multiply by less than 2²²');
    return slopeTable(from, to, slopesOf(graph, from, to, alpha), refuse);
  });

export const tangent: Handler = (graph, op) => {
  if (graph.output(op).type === 'int16') lookUpWide(graph, op, tanhLookup);
  else tangentTable(graph, op);
};

const tangentTable: Handler = (graph, op) =>
  tabulate(graph, op, (from, to) => {
    if (to.scale !== 1 / 128 || to.zeroPoint !== 0)
      graph.refuse(op, `into ${graph.describe(graph.output(op))}`, 'scale 1/128 and zero point 0');
    return table((q) => tanh(q, from));
  });

export const absolute: Handler = (graph, op) => {
  if (graph.output(op).type !== 'int16') return absoluteTable(graph, op);
  const input = graph.activation(op);
  const [from, output] = [graph.builder.spec(input), graph.spec(op, graph.output(op))];
  const ratio = Math.fround(from.scale / output.scale);
  const [upper, lower] = ([1, -1] as const).map((sign) =>
    rescaleWide(graph, input, output, ratio, { ...ALL, clampMin: 0 }, sign),
  ) as [number, number];
  return graph.define(graph.output(op), sumWide(graph, upper, lower, output));
};

/** TFLite's Abs of int8: the distance to the zero point, rescaled where scales differ. */
const absoluteTable: Handler = (graph, op) =>
  tabulate(graph, op, (from, to) => {
    const { multiplier, shift } = quantizeMultiplier(Math.fround(from.scale / to.scale));
    const same = from.scale === to.scale;
    return table((q) => {
      const distance = Math.abs(q - from.zeroPoint);
      return int8((same ? distance : scale(distance, multiplier, shift)) + to.zeroPoint);
    });
  });

/** A real function, rounded to the nearest of the output's in float32. TFLite's LUTPopulate. */
const real =
  (f: RealFunction): Handler =>
  (graph, op) => {
    if (graph.output(op).type === 'float32') {
      const { value, f: before = (x) => x } = graph.realsOf(op);
      graph.defineReals(graph.output(op), value, (x) => Math.fround(f(before(x))));
      return;
    }
    if (graph.output(op).type === 'int16' && graph.input(op).type === 'int16')
      lookUpReal(graph, op, graph.activation(op), f);
    else tabulate(graph, op, (from, to) => realTable(from, to, f));
  };

/** Steps of 65,536 by which a table of 512 may be off, half a step of int8: logarithms and roots near 0 are off by thousands. */
const MOST_OFF = 128;

/** A real function of int16 into int16; refused where it bends too much between two entries of a table. */
export function lookUpReal(graph: TfliteGraph, op: TfliteOperator, input: number, f: RealFunction): void {
  const output = graph.spec(op, graph.output(op));
  const { scale: from } = graph.builder.spec(input);
  const body = realLookup(from, output.scale, f);
  for (let q = -32768; q < 32768; q++) {
    const exact = Math.max(-32768, Math.min(32767, f(q * from) / output.scale));
    const off = Math.abs(lookUp(body, q) - exact);
    if (!(off <= MOST_OFF))
      graph.refuse(
        op,
        `of int16, off by ${Math.round(off)} steps at ${q} where it is a table of 512`,
        `a function that such a table holds to ${MOST_OFF} steps`,
        'Leave that op in float, or quantize the model to int8, where a table has every value.',
      );
  }
  graph.define(
    graph.output(op),
    graph.builder.add({ ...body, name: op.name.toLowerCase() }, [input], output),
  );
}

/** A real function of what the integers stand for. */
export function realTable(from: TensorSpec, to: TensorSpec, f: RealFunction): Int8Array {
  const inverse = Math.fround(1 / to.scale);
  return table((q) => {
    const value = Math.fround(f(Math.fround(Math.fround(from.scale) * (q - from.zeroPoint))));
    const steps = Math.fround(value * inverse);
    return int8(Math.sign(steps) * Math.floor(Math.abs(steps) + 0.5) + to.zeroPoint);
  });
}

/** The answer of a model that ends in floats that are computed: a table, with a scale for what it holds. */
export function realAnswer(graph: TfliteGraph, op: TfliteOperator, index: number): void {
  const f = graph.functionOf(index);
  const value = graph.value(index);
  if (!f || value === undefined) return;
  const spec = graph.builder.spec(value);
  if (spec.dtype === 'int16') graph.refuse(op, 'of int16, at the end of the model', 'a QUANTIZE after it');
  const output = { ...rangeOfTable(f, spec), shape: spec.shape };
  const body = { kind: 'map' as const, name: op.name.toLowerCase(), table: realTable(spec, output, f) };
  graph.answer(index, graph.builder.add(body, [value], output));
}

/** A handler of integers, and a function for floats between a DEQUANTIZE and a QUANTIZE. */
export const orReal =
  (handler: Handler, f: (op: TfliteOperator) => RealFunction): Handler =>
  (graph, op) => {
    const floats = graph.output(op).type === 'float32' && graph.input(op).type === 'float32';
    (floats ? real(f(op)) : handler)(graph, op);
  };

/** LEAKY_RELU of floats. */
export function leaky(op: TfliteOperator): RealFunction {
  const slope = op.options?.float32(0, 0) ?? 0;
  return (x) => (x < 0 ? slope * x : x);
}

export const negate = real((x) => -x);
export const square = real((x) => x * x);
export const squareRoot = real((x) => Math.sqrt(Math.max(0, x)));
/** Of 0 and below, the largest there is. */
export const reciprocalRoot = real((x) => (x > 0 ? 1 / Math.sqrt(x) : Number.MAX_VALUE));
export const exp = real(exponential);
export const logarithm = real(log);
export const elu = real((x) => (x < 0 ? exponential(x) - 1 : x));
export const floor = real(Math.floor);
export const ceil = real(Math.ceil);
export const sign = real(Math.sign);
export const sine = real((x) => cosineOfTurns(x / (2 * Math.PI) - 0.25));
export const cosine = real((x) => cosineOfTurns(x / (2 * Math.PI)));
export const gelu: Handler = (graph, op) =>
  real((op.options?.int8(0) ?? 0) === 0 ? exactGelu : geluTanh)(graph, op);
