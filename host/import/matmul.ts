// Products of two activations, exact whatever their zero points: Σ (a − za)·(b − zb) of int8, by parts whose zero points are 0.
import { elementCount, type Matmul, type TensorSpec } from '../model/quantized-network.js';
import type { NetworkBuilder } from './network-builder.js';

/** q − zero as int8 values that add up to it: one, two where some do not fit, three where one is 255. */
function centred(builder: NetworkBuilder, tensor: number): number[] {
  const spec = builder.spec(tensor);
  const { zeroPoint } = spec;
  if (zeroPoint === 0) return [tensor];
  const parts: number[] = [];
  let rest = Array.from({ length: 256 }, (_, i) => i - 128 - zeroPoint);
  while (rest.some((value) => value !== 0)) {
    const table = Int8Array.from(rest, (value) => Math.max(-128, Math.min(127, value)));
    rest = rest.map((value, i) => value - table[i]!);
    parts.push(builder.add({ kind: 'map', name: 'centre', table }, [tensor], { ...spec, zeroPoint: 0 }));
  }
  return parts;
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
