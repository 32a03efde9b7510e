// UNIDIRECTIONAL_SEQUENCE_LSTM of integers, step by step, TFLite Micro's bits: what flows between the gates is int16, with the
// zero points of int8 taken off. The state begins with zeros at every inference.
import { powerOfTwo } from '../../model/fixed-point.js';
import { type LookupBody, logisticLookup, tanhLookup } from '../../model/lookup.js';
import {
  elementCount,
  quantizeMultiplier,
  type Scaling,
  type TensorSpec,
} from '../../model/quantized-network.js';
import { FUSED, type Handler, type TfliteGraph } from './graph.js';
import type { TfliteOperator } from './model.js';
import { ALL, asWide, int8Range, narrow, rescaleWide, sumWide, widen, type WideRange } from './wide.js';

/** What gates are made of (Q3.12), and what their functions make (Q0.15). */
const [BEFORE, AFTER] = [2 ** -12, 2 ** -15];
/** Slots of a gate's weights of the input; those of the state are four behind, biases eleven. In the order of the sums here. */
const GATES = { input: 1, forget: 2, output: 4, cell: 3 };
/** Most steps that are laid out one behind the other. */
const MOST_STEPS = 256;

const wideOf = (count: number, scale: number): TensorSpec => ({
  shape: [count],
  scale,
  zeroPoint: 0,
  dtype: 'int16',
});

/** The tangent of the cell's state; TFLite takes its scale for the nearest power of two. */
function cellTangent(graph: TfliteGraph, op: TfliteOperator, scale: number): LookupBody {
  const power = powerOfTwo(scale);
  if (power === undefined || power < -30 || power > -4)
    return graph.refuse(op, `whose cell has scale ${scale}`, 'a power of two below 2⁻³');
  const up = 12 + power;
  const argument = up < 0 ? { multiplier: 3, shift: -up } : { multiplier: 3 << up, shift: 0 };
  return { ...tanhLookup(BEFORE), ...argument };
}

/** Weights of all gates, one below the other, and what their sums are multiplied by. */
function weightsOf(
  graph: TfliteGraph,
  op: TfliteOperator,
  from: number,
  scale: number,
): { weights: Int8Array; scalings: Scaling[] } {
  const parts = Object.values(GATES).map((slot) => {
    const tensor = graph.input(op, slot + from);
    const { weights } = graph.weights(op, tensor);
    if (tensor.scales.length !== 1 || (tensor.zeroPoints[0] ?? 0) !== 0)
      graph.refuse(op, `with ${graph.describe(tensor)} of several scales or a zero point`, 'one scale');
    const scaling = quantizeMultiplier((scale * tensor.scales[0]!) / BEFORE);
    return { weights, scalings: Array.from({ length: tensor.shape[0]! }, () => scaling) };
  });
  return {
    weights: Int8Array.from(parts.flatMap(({ weights }) => [...weights])),
    scalings: parts.flatMap(({ scalings }) => scalings),
  };
}

/** Sums of a dense layer, for each of `rows` rows: its biases' type is that of its accumulators. */
function sums(
  graph: TfliteGraph,
  input: number,
  { weights, scalings }: ReturnType<typeof weightsOf>,
  bias: Int32Array | BigInt64Array,
): number {
  const { builder } = graph;
  const inputs = weights.length / bias.length;
  const rows = elementCount(builder.spec(input)) / inputs;
  const window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] } as const;
  const body = {
    ...{ kind: 'conv2d' as const, name: 'gates', ...window, weights, bias, ...ALL },
    multipliers: Int32Array.from(scalings, ({ multiplier }) => multiplier),
    shifts: Int32Array.from(scalings, ({ shift }) => shift),
  };
  const made = builder.add(body, [builder.reshape(input, [rows, 1, inputs])], {
    ...wideOf(0, BEFORE),
    shape: [rows, 1, bias.length],
  });
  return builder.reshape(made, [rows * bias.length]);
}

function refuseVariants(graph: TfliteGraph, op: TfliteOperator): void {
  const given = [9, 10, 11, 16, 17, 20, 21, 22, 23].filter((slot) => (op.inputs[slot] ?? -1) >= 0);
  if (given.length > 0)
    graph.refuse(op, `with inputs ${given.join(', ')}`, 'no peepholes, projection or normalization');
  const activation = FUSED[op.options?.int8(0) ?? 0];
  if (activation !== 'TANH') graph.refuse(op, `of activation ${activation}`, 'TANH');
  if (!op.inputs.slice(1, 9).every((index) => index >= 0))
    graph.refuse(op, 'without one of its gates', 'all four');
}

/** What a step leaves to the next. */
interface Step {
  hidden: number;
  cell: number;
}

interface Layer {
  units: number;
  recurrent: ReturnType<typeof weightsOf>;
  none: Int32Array | BigInt64Array;
  tangent: LookupBody;
  cellScale: number;
  cellRange: WideRange;
  hidden: TensorSpec;
  hiddenRange: WideRange;
}

/** One step: `added` is what its gates take of the input. */
function stepOf(graph: TfliteGraph, layer: Layer, added: number, before: Step | undefined): Step {
  const { builder } = graph;
  const { units, cellScale, hidden } = layer;
  const gates = before
    ? sumWide(
        graph,
        added,
        sums(graph, before.hidden, layer.recurrent, layer.none),
        wideOf(4 * units, BEFORE),
      )
    : added;
  const part = (from: number, start: number, count: number): number =>
    builder.add({ kind: 'slice', name: 'gate', axis: 0, start }, [from], {
      ...builder.spec(from),
      shape: [count],
    });
  const look = (body: LookupBody, from: number): number =>
    builder.add({ ...body, name: 'gate' }, [from], { ...builder.spec(from), scale: AFTER });
  const product = (a: number, b: number, output: TensorSpec, range: WideRange = ALL): number => {
    const factor = (builder.spec(a).scale * builder.spec(b).scale) / output.scale;
    const outputScaling = quantizeMultiplier(factor);
    return builder.add({ kind: 'mul', name: 'gated', outputScaling, ...range }, [a, b], output);
  };
  const open = look(logisticLookup(BEFORE), part(gates, 0, 3 * units));
  const [input, forget, output] = [0, 1, 2].map((i) => part(open, i * units, units)) as [
    number,
    number,
    number,
  ];
  const candidate = look(tanhLookup(BEFORE), part(gates, 3 * units, units));
  const cellSpec = wideOf(units, cellScale);
  const fresh = product(input, candidate, cellSpec);
  const sum = before ? sumWide(graph, product(forget, before.cell, cellSpec), fresh, cellSpec) : fresh;
  const clipped = layer.cellRange.clampMax < ALL.clampMax;
  const cell = clipped ? rescaleWide(graph, sum, cellSpec, 1, layer.cellRange) : sum;
  const made = product(look(layer.tangent, cell), output, { ...hidden, shape: [units] }, layer.hiddenRange);
  return { hidden: made, cell };
}

/** Biases of all gates, of the type that the file has. */
function biasesOf(graph: TfliteGraph, op: TfliteOperator): Int32Array | BigInt64Array {
  const slots = Object.values(GATES).map((slot) => slot + 11);
  const values = slots.flatMap((slot) => graph.wideIntegers(op, slot));
  return graph.input(op, slots[0]).type === 'int64'
    ? BigInt64Array.from(values)
    : Int32Array.from(values, Number);
}

export const lstm: Handler = (graph, op) => {
  refuseVariants(graph, op);
  const { builder } = graph;
  const given = graph.activation(op);
  const from = graph.input(op);
  const spec = builder.spec(given);
  const output = graph.spec(op, graph.output(op));
  const units = graph.input(op, 5).shape[1] ?? 0;
  const steps = elementCount(spec) / (from.shape.at(-1) ?? 1);
  if (!from.shape.slice(0, -1).includes(1) || steps > MOST_STEPS || elementCount(output) !== steps * units)
    graph.refuse(op, `on ${graph.describe(from)}`, `a batch of 1 and at most ${MOST_STEPS} steps`);
  const [state, cell] = [graph.input(op, 18), graph.input(op, 19)];
  const [stateScale = 0, cellScale = 0] = [state.scales[0], cell.scales[0]];
  if (!(stateScale > 0) || cell.type !== 'int16')
    graph.refuse(op, `with ${graph.describe(cell)}`, 'a cell of int16');
  const clip = op.options?.float32(1, 0) ?? 0;
  const most = clip > 0 ? Math.min(32767, Math.trunc(clip / cellScale)) : 32767;
  const wide = spec.dtype === 'int16';
  const hidden = { ...asWide(output), scale: stateScale };
  const bias = biasesOf(graph, op);
  const layer: Layer = {
    units,
    recurrent: weightsOf(graph, op, 4, stateScale),
    none: wide ? new BigInt64Array(4 * units) : new Int32Array(4 * units),
    tangent: cellTangent(graph, op, cellScale),
    cellScale,
    cellRange: clip > 0 ? { clampMin: -most, clampMax: most } : ALL,
    hidden,
    hiddenRange: wide ? ALL : int8Range(output),
  };
  const added = sums(graph, widen(graph, given), weightsOf(graph, op, 0, spec.scale), bias);
  let before: Step | undefined;
  const all: number[] = [];
  for (let t = 0; t < steps; t++) {
    const slice = { kind: 'slice' as const, name: 'step', axis: 0, start: t * 4 * units };
    before = stepOf(graph, layer, builder.add(slice, [added], wideOf(4 * units, BEFORE)), before);
    all.push(before.hidden);
  }
  const whole = { ...hidden, shape: [steps * units] };
  const joined =
    all.length === 1 ? all[0]! : builder.add({ kind: 'concat', name: 'lstm', axis: 0 }, all, whole);
  const made = wide
    ? builder.reshape(joined, output.shape)
    : narrow(graph, builder.reshape(joined, output.shape), output);
  graph.define(graph.output(op), made);
  graph.notes.add(
    'LSTM: its state begins with zeros at every inference; TensorFlow Lite keeps it until it is reset',
  );
};
