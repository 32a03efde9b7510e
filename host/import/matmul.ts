// Products of two activations, exact whatever their zero points: Σ (a − za)·(b − zb) of int8, by parts whose zero points are 0.
import { elementCount, type Matmul, type TensorSpec } from '../model/quantized-network.js';
import type { NetworkBuilder } from './network-builder.js';

/** q − zero as int8 values that add up to it: one, or two where some do not fit. */
function centred(builder: NetworkBuilder, tensor: number): number[] {
  const spec = builder.spec(tensor);
  const { zeroPoint } = spec;
  if (zeroPoint === 0) return [tensor];
  const main = (q: number): number => Math.max(-128, Math.min(127, q - zeroPoint));
  const table = (f: (q: number) => number): Int8Array =>
    Int8Array.from({ length: 256 }, (_, i) => f(i - 128));
  return [main, (q: number) => q - zeroPoint - main(q)].map((f) =>
    builder.add({ kind: 'map', name: 'centre', table: table(f) }, [tensor], { ...spec, zeroPoint: 0 }),
  );
}

/** What a product becomes besides its inputs: the multiplier of its sums, and its clamp. */
export type Product = Pick<Matmul, 'name' | 'multipliers' | 'shifts' | 'clampMin' | 'clampMax'>;

/** a [M, K] by b [N, K] transposed, both in any shape of as many elements; the result is [M, 1, N]. */
export function product(
  builder: NetworkBuilder,
  [a, b]: readonly [number, number],
  depth: number,
  output: TensorSpec,
  body: Product,
): number {
  const rowsOf = (tensor: number): number => elementCount(builder.spec(tensor)) / depth;
  const [rows, outputs] = [rowsOf(a), rowsOf(b)];
  const [left, right] = [centred(builder, a), centred(builder, b)];
  const pairs = left.flatMap((one) => right.map((other) => [one, other] as const));
  /** Parts side by side along the depth. */
  const joined = (parts: readonly number[], count: number): number => {
    const { scale } = builder.spec(parts[0]!);
    const shaped = parts.map((part) => builder.reshape(part, [count, 1, depth]));
    const shape = [count, 1, depth * parts.length];
    if (parts.length === 1) return shaped[0]!;
    return builder.add({ kind: 'concat', name: 'centred', axis: 2 }, shaped, { shape, scale, zeroPoint: 0 });
  };
  const inputs = [
    joined(
      pairs.map(([one]) => one),
      rows,
    ),
    joined(
      pairs.map(([, other]) => other),
      outputs,
    ),
  ];
  return builder.add({ kind: 'matmul', ...body }, inputs, { ...output, shape: [rows, 1, outputs] });
}
