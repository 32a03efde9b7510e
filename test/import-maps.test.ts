// Operators of .tflite files that resize, average and move maps of integers, on the device, against loops written from TFLite's
// reference kernels; and dimensions in every order.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../host/import/import-model.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { run } from '../host/run/run.js';
import { between } from '../samples/networks.js';
import * as fb from '../samples/tflite/flatbuffer-writer.js';
import { int32Tensor, tfliteModel, type TfliteOperator, type TfliteTensor } from '../samples/tflite/model.js';
import { compileUnproved } from './util/compile.js';

/** Shapes of each operator; 20,000 where a long run asks for them. */
const SHAPES = Number(process.env['BROWNOUT_SHAPES'] ?? 6);
const [INT16, INT8] = [7, 9];

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function answer(network: QuantizedNetwork, x: number[]): number[] {
  const image = readImage(compileUnproved(network, { capacitorUf: 1000 }));
  const input = image.metadata.input.dtype === 'int16' ? Int16Array.from(x) : Int8Array.from(x);
  const dtype = input instanceof Int16Array ? ('int16' as const) : ('int8' as const);
  const array = { dtype, shape: [1, ...image.metadata.input.shape], data: input };
  return run(image, { input: array }).outputs.flat();
}

/** What a model of one operator makes of `x`. */
function outputsOf(
  from: TfliteTensor,
  to: TfliteTensor,
  constants: TfliteTensor[],
  op: Pick<TfliteOperator, 'code' | 'options'>,
  x: number[],
): number[] {
  const inputs = [0, ...constants.map((_, i) => i + 2)];
  const file = tfliteModel([from, to, ...constants], [{ ...op, inputs, outputs: [1] }]);
  return answer(importModel(file).network, x);
}

function sweep(name: string, one: (random: Random, what: string) => void): void {
  test(`${name}: ${SHAPES} random shapes`, () => {
    for (let seed = 1; seed <= SHAPES; seed++) one(new Random(seed), `seed ${seed}`);
  });
}

const codes = (random: Random, count: number, most: number): number[] =>
  Array.from({ length: count }, () => random.integer(2 * most + 2) - most - 1);

/** TFLite's ResizeBilinearInteger. */
function bilinear(
  x: number[],
  [height, width, channels]: number[],
  [rows, columns]: number[],
  half: boolean,
): number[] {
  const along = (i: number, from: number, to: number): { at: number; low: number; high: number } => {
    const step = Math.trunc((1024 * from + Math.trunc(to / 2)) / to);
    const at = half ? i * step + Math.trunc(step / 2) - 512 : i * step;
    return {
      at,
      low: Math.max(Math.trunc(at / 1024), 0),
      high: Math.min(Math.trunc((at + 1023) / 1024), from - 1),
    };
  };
  const y: number[] = [];
  for (let row = 0; row < rows!; row++)
    for (let column = 0; column < columns!; column++)
      for (let c = 0; c < channels!; c++) {
        const [v, h] = [along(row, height!, rows!), along(column, width!, columns!)];
        const pixel = (r: number, s: number): number => x[(r * width! + s) * channels! + c]!;
        const [dy, dx] = [v.at - 1024 * v.low, h.at - 1024 * h.low];
        const sum =
          pixel(v.low, h.low) * (1024 - dy) * (1024 - dx) +
          pixel(v.high, h.low) * dy * (1024 - dx) +
          pixel(v.low, h.high) * (1024 - dy) * dx +
          pixel(v.high, h.high) * dy * dx;
        y.push(Math.trunc((sum + (sum > 0 ? 1 : -1) * 2 ** 19) / 2 ** 20));
      }
  return y.map((value) => value || 0);
}

sweep('RESIZE_BILINEAR of int8 and int16 to 1, 2 or 4 times', (random, what) => {
  const map = [between(random, 1, 5), between(random, 1, 5), between(random, 1, 4)];
  const sizes = [0, 1].map((axis) => map[axis]! * [1, 2, 4][random.integer(3)]!);
  if (sizes[0] === map[0] && sizes[1] === map[1]) sizes[0]! *= 2;
  const half = random.integer(2) === 1;
  const type = random.integer(2) ? INT8 : INT16;
  const x = codes(random, sizeOf(map), type === INT8 ? 127 : 32767);
  const zeroPoint = type === INT8 ? random.integer(256) - 128 : 0;
  const like = { type, scale: 0.25, zeroPoint };
  const options = { 2: fb.i8(0), 3: fb.i8(half ? 1 : 0) };
  const [from, to] = [
    { ...like, shape: [1, ...map] },
    { ...like, shape: [1, ...sizes, map[2]!] },
  ];
  const found = outputsOf(from, to, [int32Tensor(sizes)], { code: 23, options }, x);
  assert.equal(found, bilinear(x, map, sizes, half), `${what}: [${map}] to [${sizes}]`);
});

/** TFLite's MultiplyByQuantizedMultiplier, in whole numbers without end. */
function scaled(value: bigint, factor: number, count: number): bigint {
  let [fraction, shift] = [factor, 0];
  while (fraction < 0.5) [fraction, shift] = [fraction * 2, shift - 1];
  while (fraction >= 1) [fraction, shift] = [fraction / 2, shift + 1];
  const up = Math.min(Math.floor(Math.log2(count)), 32, 31 + shift);
  const multiplier = (BigInt(Math.round(fraction * 2 ** 31)) << BigInt(up)) / BigInt(count);
  const by = shift - up;
  const raised = value << BigInt(Math.max(by, 0));
  const product = raised * multiplier;
  // Halves up, then halves away from 0.
  const high = (product + (product >= 0n ? 1n << 30n : 1n - (1n << 30n))) / (1n << 31n);
  const down = BigInt(Math.max(-by, 0));
  const [rest, half] = [high & ((1n << down) - 1n), ((1n << down) - 1n) >> 1n];
  return (high >> down) + (rest > half + (high < 0n ? 1n : 0n) ? 1n : 0n);
}

sweep('MEAN of int16', (random, what) => {
  const map = [between(random, 1, 6), between(random, 2, 6), between(random, 1, 5)];
  const [scale, other] = [random.uniform(0.001, 0.01), random.uniform(0.001, 0.01)].map(Math.fround) as [
    number,
    number,
  ];
  const x = codes(random, sizeOf(map), 32767);
  const count = map[0]! * map[1]!;
  const expected = Array.from({ length: map[2]! }, (_, c) => {
    let sum = 0n;
    for (let i = 0; i < count; i++) sum += BigInt(x[i * map[2]! + c]!);
    return Math.max(-32768, Math.min(32767, Number(scaled(sum, scale / other, count))));
  });
  const from = { type: INT16, scale, shape: [1, ...map] };
  const to = { type: INT16, scale: other, shape: [1, map[2]!] };
  const found = outputsOf(from, to, [int32Tensor([1, 2])], { code: 40 }, x);
  assert.equal(found, expected, `${what}: [${map}] ${scale} ${other}`);
});

sweep('MIRROR_PAD, REVERSE_V2, BROADCAST_TO', (random, what) => {
  const map = [between(random, 2, 4), between(random, 2, 4), between(random, 1, 3)];
  const x = codes(random, sizeOf(map), 127);
  const at = (r: number, s: number, c: number): number => x[(r * map[1]! + s) * map[2]! + c]!;
  const every = (sizes: number[], of: (r: number, s: number, c: number) => number): number[] =>
    Array.from({ length: sizeOf(sizes) }, (_, i) =>
      of(Math.floor(i / sizes[1]! / sizes[2]!), Math.floor(i / sizes[2]!) % sizes[1]!, i % sizes[2]!),
    );
  const from = { shape: [1, ...map] };
  const pads = [random.integer(2), random.integer(2), random.integer(2), 1];
  const padded = [map[0]! + pads[0]! + pads[1]!, map[1]! + pads[2]! + pads[3]!, map[2]!];
  const mirrored = (i: number, size: number): number => (i < 0 ? -i : i < size ? i : 2 * size - 2 - i);
  const amounts = { ...int32Tensor([0, 0, ...pads, 0, 0]), shape: [4, 2] };
  assert.equal(
    outputsOf(from, { shape: [1, ...padded] }, [amounts], { code: 100 }, x),
    every(padded, (r, s, c) => at(mirrored(r - pads[0]!, map[0]!), mirrored(s - pads[2]!, map[1]!), c)),
    `${what}: mirrored`,
  );
  assert.equal(
    outputsOf(from, from, [int32Tensor([2])], { code: 105 }, x),
    every(map, (r, s, c) => at(r, map[1]! - 1 - s, c)),
    `${what}: reversed`,
  );
  const one = [map[0]!, 1, map[2]!];
  assert.equal(
    outputsOf(
      { shape: [1, ...one] },
      from,
      [int32Tensor([1, ...map])],
      { code: 130 },
      x.slice(0, sizeOf(one)),
    ),
    every(map, (r, _, c) => x[r * map[2]! + c]!),
    `${what}: broadcast`,
  );
});

sweep('dimensions in any order, on NVM of lines, too', (random, what) => {
  const rank = between(random, 2, 4);
  const shape = Array.from({ length: rank }, () => between(random, 1, 6));
  const keys = shape.map(() => random.uint32());
  const permutation = [...shape.keys()].sort((a, b) => keys[a]! - keys[b]!);
  const to = permutation.map((axis) => shape[axis]!);
  const wide = random.integer(2) === 1;
  const like = { scale: 1, zeroPoint: 0, ...(wide ? { dtype: 'int16' as const } : {}) };
  const network: QuantizedNetwork = {
    ...{ name: 'turned', input: 0, output: 1 },
    tensors: [
      { ...like, shape },
      { ...like, shape: to },
    ],
    ops: [{ kind: 'transpose', name: 'transpose', inputs: [0], output: 1, permutation }],
  };
  const x = codes(random, sizeOf(shape), wide ? 32767 : 127);
  const stride = (axis: number): number => sizeOf(shape.slice(axis + 1));
  const expected = x.map((_, i) => {
    let [rest, from] = [i, 0];
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += (rest % to[axis]!) * stride(permutation[axis]!);
      rest = Math.floor(rest / to[axis]!);
    }
    return x[from];
  });
  for (const line of [1, 8]) {
    const image = readImage(compileUnproved(network, { line, capacitorUf: 1000 }));
    const data = wide ? Int16Array.from(x) : Int8Array.from(x);
    const input = { dtype: wide ? ('int16' as const) : ('int8' as const), shape: [1, ...shape], data };
    assert.equal(run(image, { input }).outputs.flat(), expected, `${what}: [${shape}] by [${permutation}]`);
  }
});

test.run();
