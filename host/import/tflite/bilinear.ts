// RESIZE_BILINEAR of integers to twice or four times the size, TFLite's bits: for each place between two pixels a depthwise
// convolution of 2 × 2 whole weights, whose sums are rounded once.
import { elementCount, quantizeMultiplier } from '../../model/quantized-network.js';
import { gather } from '../moves.js';
import type { Handler } from './graph.js';

/** Where a row or column of the output lies: after pixel `k + offset`, and by how many 1,024ths. */
interface Place {
  offset: number;
  share: number;
}

/** TFLite's ComputeInterpolationValuesInteger, for the places of one step; undefined where steps differ. */
function placesOf(from: number, to: number, halfPixels: boolean): Place[] | undefined {
  const times = to / from;
  if (![1, 2, 4].includes(times)) return undefined;
  const step = 1024 / times;
  return Array.from({ length: times }, (_, i) => {
    const at = i * step + (halfPixels ? step / 2 - 512 : 0);
    const offset = Math.floor(at / 1024);
    return { offset, share: at - 1024 * offset };
  });
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

/** Shares of four pixels as the least whole numbers. */
function weightsOf(row: Place, column: Place): number[] {
  const down = [1024 - row.share, row.share];
  const across = [1024 - column.share, column.share];
  const products = down.flatMap((y) => across.map((x) => y * x));
  const divisor = products.reduce(greatestDivisor);
  return products.map((product) => product / divisor);
}

export const resizeBilinear: Handler = (graph, op) => {
  const from = graph.input(op);
  const target = graph.output(op);
  const [rows = 0, columns = 0] = graph.integers(op, 1);
  const [, height = 1, width = 1, channels = 1] = from.shape;
  const [corners, half] = [2, 3].map((field) => (op.options?.int8(field) ?? 0) !== 0) as [boolean, boolean];
  const down = corners ? undefined : placesOf(height, rows, half);
  const across = corners ? undefined : placesOf(width, columns, half);
  const output = graph.spec(op, target);
  const input = graph.activation(op);
  const spec = graph.builder.spec(input);
  if (from.shape.length !== 4 || !down || !across || spec.scale !== output.scale)
    return graph.refuse(
      op,
      `of ${graph.describe(from)} to [${rows},${columns}]${corners ? ' with aligned corners' : ''}`,
      'a map of one scale, to 1, 2 or 4 times its size, without aligned corners',
    );
  const { builder } = graph;
  const mover = graph.mover(op);
  const most = output.dtype === 'int16' ? 32767 : 127;
  // Integers are rounded as they are, not less their zero point.
  const plain = { ...spec, zeroPoint: 0 };
  const whole = builder.reinterpret(input, { ...plain, shape: [height, width, channels] });
  const shifted = new Map<string, number>();
  const indices = (size: number, offset: number): number[] =>
    Array.from({ length: size + 1 }, (_, i) => Math.max(0, Math.min(size - 1, i + offset)));
  /** The map from a pixel before it on, or from the first; ends are repeated. */
  const beginningAt = (row: number, column: number): number => {
    const key = `${row},${column}`;
    const known = shifted.get(key);
    if (known !== undefined) return known;
    const tall = gather(mover, whole, [height, width, channels], 0, indices(height, row));
    const made = gather(mover, tall, [height + 1, width, channels], 1, indices(width, column));
    shifted.set(key, made);
    return made;
  };
  const place = (row: Place, column: Place): number => {
    const weights = weightsOf(row, column);
    const sum = weights.reduce((a, b) => a + b, 0);
    // Twice the weights: halving them first, as requantization does, then rounds nothing.
    const { multiplier, shift } = quantizeMultiplier(1 / (2 * sum));
    const body = {
      kind: 'depthwiseConv2d' as const,
      name: 'resize_bilinear',
      kernel: [2, 2] as const,
      stride: [1, 1] as const,
      dilation: [1, 1] as const,
      padding: [0, 0] as const,
      weights: Int8Array.from({ length: 4 * channels }, (_, i) => 2 * weights[Math.floor(i / channels)]!),
      bias: new Int32Array(channels),
      multipliers: Int32Array.of(multiplier),
      shifts: Int32Array.of(shift),
      clampMin: -most - 1,
      clampMax: most,
    };
    return builder.add(body, [beginningAt(row.offset, column.offset)], {
      ...plain,
      shape: [height, width, channels],
    });
  };
  const join = (parts: number[], axis: number, shape: number[]): number => {
    if (parts.length === 1) return builder.reshape(parts[0]!, shape);
    return builder.add({ kind: 'concat', name: 'resize_bilinear', axis }, parts, { ...plain, shape });
  };
  const bands = down.map((row) =>
    builder.reshape(
      join(
        across.map((column) => place(row, column)),
        2,
        [height, width, across.length * channels],
      ),
      [height, 1, columns * channels],
    ),
  );
  const made = join(bands, 1, [height, down.length, columns * channels]);
  if (elementCount(output) !== rows * columns * channels)
    graph.refuse(op, `into ${graph.describe(target)}`, `[1,${rows},${columns},${channels}]`);
  return graph.define(target, builder.reinterpret(made, output));
};
