// Operators that slide a window: their geometry, and pooling.
import type { Window } from '../../model/quantized-network.js';
import type { Handler, TfliteGraph } from './graph.js';
import type { TfliteOperator } from './model.js';

type Pair = readonly [number, number];

/** The first input as a map [height, width, channels]. */
export function featureInput(
  graph: TfliteGraph,
  op: TfliteOperator,
): { tensor: number; shape: [number, number, number] } {
  const { shape } = graph.input(op);
  const tensor = graph.activation(op);
  if (shape.length !== 4 || shape[0] !== 1)
    graph.refuse(op, `on ${graph.describe(graph.input(op))}`, '[1, height, width, channels]');
  const feature = shape.slice(1) as [number, number, number];
  return { tensor: graph.builder.reshape(tensor, feature), shape: feature };
}

/** Geometry and output size of a window, with padding SAME (0) or VALID (1). TFLite's ComputePaddingHeightWidth. */
export function windowOf(
  graph: TfliteGraph,
  op: TfliteOperator,
  input: readonly number[],
  kernel: Pair,
  { padding, stride, dilation }: { padding: number; stride: Pair; dilation: Pair },
): { geometry: Window; output: [number, number] } {
  for (const [what, pair] of Object.entries({ kernel, stride, dilation })) {
    if (pair.some((value) => value < 1 || value > 65535))
      graph.refuse(op, `with ${what} ${pair}`, '1 to 65535');
  }
  if (padding !== 0 && padding !== 1) graph.refuse(op, `with padding ${padding}`, 'SAME or VALID');
  const sizes = [0, 1].map((axis) => {
    const span = (kernel[axis]! - 1) * dilation[axis]! + 1;
    const size = input[axis]!;
    const out = Math.ceil((padding === 0 ? size : size - span + 1) / stride[axis]!);
    const before = padding === 0 ? Math.max((out - 1) * stride[axis]! + span - size, 0) >> 1 : 0;
    return { out, before };
  });
  const [rows, columns] = sizes as [(typeof sizes)[0], (typeof sizes)[0]];
  if (rows.out < 1 || columns.out < 1)
    graph.refuse(op, `with a window of ${kernel} on ${input.slice(0, 2)}`, 'one that fits its input');
  const { shape } = graph.output(op);
  if (shape.length !== 4 || shape[1] !== rows.out || shape[2] !== columns.out)
    graph.refuse(op, `into ${graph.describe(graph.output(op))}`, `${rows.out} by ${columns.out}`);
  return {
    geometry: { kernel, stride, dilation, padding: [rows.before, columns.before] },
    output: [rows.out, columns.out],
  };
}

const pool =
  (kind: 'averagePool2d' | 'maxPool2d'): Handler =>
  (graph, op) => {
    const { tensor: input, shape } = featureInput(graph, op);
    const options = op.options;
    const kernel = [options?.int32(4) ?? 0, options?.int32(3) ?? 0] as const;
    const window = windowOf(graph, op, shape, kernel, {
      padding: options?.int8(0) ?? 0,
      stride: [options?.int32(2) ?? 0, options?.int32(1) ?? 0],
      dilation: [1, 1],
    });
    const output = { ...graph.spec(op, graph.output(op)), shape: [...window.output, shape[2]] };
    const from = graph.builder.spec(input);
    if (Math.abs(from.scale - output.scale) > 1e-6 || from.zeroPoint !== output.zeroPoint)
      graph.refuse(op, `into ${graph.describe(graph.output(op))} of another scale`, 'the scale of its input');
    const clamp = graph.clamp(op, options?.int8(5) ?? 0, output);
    const body = {
      kind,
      name: kind === 'maxPool2d' ? 'max_pool' : 'average_pool',
      ...window.geometry,
      ...clamp,
    };
    graph.define(graph.output(op), graph.builder.add(body, [input], output));
  };

export const averagePool2d = pool('averagePool2d');
export const maxPool2d = pool('maxPool2d');
