// The ops of the trainer, values and gradients, against their definitions.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Desk } from '../host/compress/desk-module.js';
import { type Tensor, tensor } from '../host/compress/recorder.js';
import { Tape } from '../host/compress/tape.js';
import { Random } from '../host/math/random.js';
import { checkOp, close, draw, step } from './util/tape-ops.js';
import {
  type Values,
  type ConvolutionShape,
  naiveConvolution,
  naiveMaxPool,
  naiveDense,
  naiveCirculant,
  naiveCrossEntropy,
} from './util/naive-layers.js';

const convolutions: ConvolutionShape[] = [
  { input: [2, 6, 7, 3], weights: [5, 3, 2, 3], stride: [1, 1], padding: 'valid' },
  { input: [3, 5, 5, 1], weights: [9, 5, 5, 1], stride: [1, 1], padding: 'valid' },
  { input: [1, 7, 8, 2], weights: [4, 3, 4, 2], stride: [2, 3], padding: 'valid' },
  { input: [2, 5, 6, 2], weights: [3, 3, 4, 2], stride: [1, 1], padding: 'same' },
  { input: [1, 6, 7, 3], weights: [2, 5, 3, 3], stride: [2, 2], padding: 'same' },
];

test('conv2d agrees with its definition, values and gradients', () => {
  for (const shape of convolutions) {
    checkOp(
      `conv2d ${JSON.stringify(shape)}`,
      [shape.input, shape.weights, [shape.weights[0]]],
      (tape, [x, weights, bias]) => tape.conv2d(x!, weights!, bias!, ...shape.stride, shape.padding),
      ([x, weights, bias]) => naiveConvolution(shape, x!, weights!, bias!),
    );
  }
});

test('conv2d with its pool agrees with both definitions, values and gradients', () => {
  for (const [shape, map] of [
    [{ input: [2, 6, 8, 3], weights: [5, 3, 3, 3], stride: [1, 1], padding: 'valid' }, [2, 4, 6, 5]],
    [{ input: [1, 8, 8, 1], weights: [6, 5, 5, 1], stride: [1, 1], padding: 'valid' }, [1, 4, 4, 6]],
    [{ input: [2, 4, 6, 2], weights: [9, 3, 4, 2], stride: [1, 1], padding: 'same' }, [2, 4, 6, 9]],
    [{ input: [1, 9, 7, 4], weights: [3, 3, 3, 4], stride: [2, 1], padding: 'valid' }, [1, 4, 5, 3]],
    // A kernel of more than 256 weights.
    [{ input: [1, 7, 7, 8], weights: [2, 6, 6, 8], stride: [1, 1], padding: 'valid' }, [1, 2, 2, 2]],
  ] as [ConvolutionShape, [number, number, number, number]][]) {
    const even = map[1] % 2 === 0 && map[2] % 2 === 0;
    checkOp(
      `conv2d ${JSON.stringify(shape)}, pooled`,
      [shape.input, shape.weights, [shape.weights[0]]],
      (tape, [x, weights, bias]) => {
        const y = tape.conv2d(x!, weights!, bias!, ...shape.stride, shape.padding, even);
        const two = { height: 2, width: 2, strideHeight: 2, strideWidth: 2 };
        return even ? y : tape.maxPool2d(y, two);
      },
      ([x, weights, bias]) => naiveMaxPool(map, 2, 2, naiveConvolution(shape, x!, weights!, bias!)),
    );
  }
});

test('maxPool2d agrees with its definition, windows apart and overlapping', () => {
  for (const [channels, window, stride] of [
    [3, 2, 2],
    [3, 3, 2],
    [3, 3, 1],
    [6, 3, 2],
    [6, 2, 2],
  ] as const) {
    const input = [2, 7, 6, channels] as const;
    checkOp(
      `maxPool2d ${window}/${stride}, ${channels} channels`,
      [input],
      (tape, [x]) =>
        tape.maxPool2d(x!, { height: window, width: window, strideHeight: stride, strideWidth: stride }),
      ([x]) => naiveMaxPool(input, window, stride, x!),
    );
  }
});

test('of equals in a window the first has the gradient, and so has the first of none, whatever the channels', () => {
  const random = new Random(5);
  const [height, width, window] = [4, 9, [4, 3]] as const;
  for (let channels = 1; channels <= 9; channels++) {
    const desk = new Desk();
    const [rows, columns] = [height / window[0], width / window[1]];
    const x = Float32Array.from({ length: height * width * channels }, () => random.integer(3));
    x[channels - 1] = NaN;
    const dy = Float32Array.from({ length: rows * columns * channels }, (_, i) => i + 1);
    const [from, gradients] = [desk.place(x), desk.place(dy)];
    const [y, dx] = [desk.place(new Float32Array(dy.length)), desk.place(new Float32Array(x.length))];
    const sizes = [1, height, width, channels, ...window, ...window, 0, 0, rows, columns];
    desk.kernels.maxPool(from, y, ...sizes);
    const largest = desk.floats(y, dy.length).slice();
    desk.kernels.maxPoolGradient(from, y, gradients, dx, ...sizes);
    const expected = new Float32Array(x.length);
    dy.forEach((gradient, i) => {
      const [column, channel] = [Math.floor(i / channels), i % channels];
      const places = Array.from(
        { length: window[0] * window[1] },
        (_, at) =>
          (Math.floor(at / window[1]) * width + column * window[1] + (at % window[1])) * channels + channel,
      );
      expected[places.find((at) => x[at] === largest[i]) ?? places[0]!]! += gradient;
    });
    assert.equal(desk.floats(dx, x.length).slice(), expected, `${channels} channels`);
  }
});

test('relu agrees with its definition', () => {
  checkOp(
    'relu',
    [[3, 7]],
    (tape, [x]) => tape.relu(x!),
    ([x]) => x!.map((value) => Math.max(value, 0)),
  );
});

test('dense agrees with its definition', () => {
  for (const [rows, inputs, outputs] of [
    [1, 1, 1],
    [3, 13, 7],
    [5, 8, 16],
  ] as const) {
    checkOp(
      `dense ${rows}×${inputs}→${outputs}`,
      [[rows, inputs], [outputs, inputs], [outputs]],
      (tape, [x, weights, bias]) => tape.dense(x!, weights!, bias!),
      ([x, weights, bias]) => naiveDense(rows, inputs, x!, weights!, bias!),
    );
  }
});

test('circulant agrees with its definition, with whole and with cut blocks', () => {
  for (const [rows, inputs, outputs, k] of [
    [3, 8, 12, 4],
    [2, 7, 9, 4],
    [1, 5, 5, 8],
    [2, 6, 4, 1],
  ] as const) {
    checkOp(
      `circulant ${inputs}→${outputs} of ${k}`,
      [[rows, inputs], [Math.ceil(outputs / k), Math.ceil(inputs / k), k], [outputs]],
      (tape, [x, vectors, bias]) => tape.circulant(x!, vectors!, bias!),
      ([x, vectors, bias]) => naiveCirculant(rows, inputs, k, x!, vectors!, bias!),
    );
  }
});

test('softmax cross-entropy agrees with its definition', () => {
  const random = new Random(3);
  const desk = new Desk();
  const [rows, classes] = [4, 5];
  const logits = draw(random, rows * classes).map((value) => 4 * value);
  const labels = Array.from({ length: rows }, () => random.integer(classes));
  const zeros = desk.place(new Float32Array(rows * classes));
  const placed = tensor([rows, classes], desk.place(Float32Array.from(logits)), zeros);
  const tape = new Tape(desk);
  const { loss } = tape.softmaxCrossEntropy(placed, desk.place(Uint8Array.from(labels)));
  tape.backward();
  assert.ok(Math.abs(loss - naiveCrossEntropy(classes, logits, labels)) < 1e-6);
  const differences = logits.map((_, at) => {
    const moved = (by: number): number =>
      naiveCrossEntropy(
        classes,
        logits.map((value, i) => (i === at ? value + by : value)),
        labels,
      );
    return (moved(step) - moved(-step)) / (2 * step);
  });
  close(desk.floats(placed.gradient, logits.length), differences, 'logits');
});

test('the GEMM agrees with a triple loop on odd sizes, in every orientation', () => {
  const random = new Random(5);
  for (const [m, n, k] of [
    [1, 1, 1],
    [3, 5, 7],
    [4, 8, 2],
    [5, 9, 257],
    [13, 17, 31],
    [2, 6, 600],
    [9, 23, 0],
  ] as const) {
    const a = Array.from({ length: m * k }, () => random.uniform(-1, 1));
    const b = Array.from({ length: k * n }, () => random.uniform(-1, 1));
    const c = Array.from({ length: m * n }, () => random.uniform(-1, 1));
    for (const aStrides of [
      [k, 1],
      [1, m],
    ] as const)
      for (const bStrides of [
        [n, 1],
        [1, k],
      ] as const) {
        const expected = c.map((start, index) => {
          const [i, j] = [Math.floor(index / n), index % n];
          let sum = start;
          for (let p = 0; p < k; p++)
            sum += a[i * aStrides[0] + p * aStrides[1]]! * b[p * bStrides[0] + j * bStrides[1]]!;
          return sum;
        });
        const desk = new Desk();
        const [aAt, bAt, cAt] = [a, b, c].map((values) => desk.place(Float32Array.from(values))) as [
          number,
          number,
          number,
        ];
        const workspace = desk.allocate(desk.kernels.gemmWorkspaceSize(n));
        desk.kernels.gemm(m, n, k, aAt, ...aStrides, bAt, ...bStrides, cAt, n, workspace);
        close(desk.floats(cAt, m * n), expected, `gemm ${m}×${n}×${k}`);
      }
  }
});

type Shape4 = readonly [number, number, number, number];

/** Calls `visit` for every input under every window: output pixel, input pixel, tap. */
function eachTap(
  [count, height, width]: Shape4,
  [kernelHeight, kernelWidth]: readonly [number, number],
  [strideHeight, strideWidth]: readonly [number, number],
  [top, left, bottom, right]: Shape4,
  visit: (output: number, input: number, tap: number) => void,
): number {
  const outHeight = Math.floor((height + top + bottom - kernelHeight) / strideHeight) + 1;
  const outWidth = Math.floor((width + left + right - kernelWidth) / strideWidth) + 1;
  for (let n = 0; n < count; n++)
    for (let oy = 0; oy < outHeight; oy++)
      for (let ox = 0; ox < outWidth; ox++)
        for (let ky = 0; ky < kernelHeight; ky++)
          for (let kx = 0; kx < kernelWidth; kx++) {
            const [y, x] = [oy * strideHeight - top + ky, ox * strideWidth - left + kx];
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            visit((n * outHeight + oy) * outWidth + ox, (n * height + y) * width + x, ky * kernelWidth + kx);
          }
  return count * outHeight * outWidth;
}

test('depthwiseConv2d agrees with its definition, with one and with several outputs a channel', () => {
  for (const [input, kernel, stride, padding, outputs] of [
    [[2, 5, 6, 5], [3, 2], [1, 1], [0, 0, 0, 0], 5],
    [[1, 6, 5, 3], [3, 3], [2, 1], [1, 1, 0, 1], 6],
  ] as const) {
    checkOp(
      `depthwiseConv2d ${input}`,
      [input, [...kernel, outputs], [outputs]],
      (tape, [x, w, b]) => tape.depthwiseConv2d(x!, w!, b!, stride[0], stride[1], padding),
      ([x, w, b]) => {
        const sums: number[] = [];
        const pixels = eachTap(input, kernel, stride, padding, (to, from, tap) => {
          for (let o = 0; o < outputs; o++) {
            const channel = Math.floor(o / (outputs / input[3]));
            const product = x![from * input[3] + channel]! * w![tap * outputs + o]!;
            sums[to * outputs + o] = (sums[to * outputs + o] ?? 0) + product;
          }
        });
        return Array.from({ length: pixels * outputs }, (_, i) => (sums[i] ?? 0) + b![i % outputs]!);
      },
    );
  }
});

test('pooling agrees with its definition where windows reach over the edge', () => {
  const input = [2, 5, 6, 3] as const;
  const padding = [1, 0, 1, 1] as const;
  const window = { height: 3, width: 2, strideHeight: 2, strideWidth: 2, padding };
  for (const average of [false, true]) {
    checkOp(
      average ? 'averagePool2d' : 'maxPool2d',
      [input],
      (tape, [x]) => (average ? tape.averagePool2d(x!, window) : tape.maxPool2d(x!, window)),
      ([x]) => {
        const seen: number[][] = [];
        eachTap(input, [3, 2], [2, 2], padding, (to, from) => {
          for (let c = 0; c < 3; c++) {
            const at = to * 3 + c;
            seen[at] = [...(seen[at] ?? []), x![from * 3 + c]!];
          }
        });
        return seen.map((values) =>
          average ? values.reduce((a, b) => a + b) / values.length : Math.max(...values),
        );
      },
    );
  }
});

test('add, relu6, hard tanh and dropout agree with their definitions', () => {
  checkOp(
    'add',
    [
      [2, 9],
      [2, 9],
    ],
    (tape, [a, b]) => tape.add(a!, b!),
    ([a, b]) => a!.map((value, i) => value + b![i]!),
  );
  for (const [activation, low, high] of [
    ['relu6', 0, 6],
    ['hardTanh', -1, 1],
  ] as const) {
    const scale = 5;
    checkOp(
      activation,
      [[3, 7]],
      (tape, [x]) => {
        // Five times the operand, so that both ends are met.
        let sum = x!;
        for (let i = 1; i < scale; i++) sum = tape.add(sum, x!);
        return tape.activate(sum, activation);
      },
      ([x]) => x!.map((value) => Math.max(low, Math.min(high, scale * value))),
    );
  }
  const zeroed = (seed: number): boolean[] => {
    const desk = new Desk();
    const x = tensor([1, 1000], desk.place(new Float32Array(1000).fill(1)));
    return [...desk.floats(new Tape(desk, false).dropout(x, 0.25, seed).values, 1000)].map((v) => v === 0);
  };
  const share = zeroed(7).filter(Boolean).length / 1000;
  assert.ok(share > 0.2 && share < 0.3, `${share}`);
  assert.equal(zeroed(7), zeroed(7));
  assert.not.equal(zeroed(7), zeroed(8));
  checkOp(
    'dropout',
    [[4, 9]],
    (tape, [x]) => tape.dropout(x!, 0.25, 7),
    ([x]) => x!.map((value, i) => (zeroed(7)[i] ? 0 : value / 0.75)),
  );
});

test('batch normalisation agrees with its definition, and running statistics follow', () => {
  const [rows, channels] = [11, 3];
  const desk = new Desk();
  const running = [0, 1].map((value) =>
    tensor([channels], desk.place(new Float32Array(channels).fill(value))),
  ) as [Tensor, Tensor];
  const moments = (x: Values, c: number): [number, number] => {
    const own = x.filter((_, i) => i % channels === c);
    const mean = own.reduce((a, b) => a + b) / rows;
    return [mean, own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows];
  };
  // By the batch's own statistics: what the running ones are (the last two operands) changes nothing.
  checkOp(
    'batchNorm',
    [[rows, channels], [channels], [channels], [channels], [channels]],
    (tape, [x, gamma, beta, mean, variance]) =>
      tape.batchNorm(x!, gamma!, beta!, mean!, variance!, 1e-3, 0.1),
    ([x, gamma, beta]) =>
      x!.map((value, i) => {
        const [mean, variance] = moments(x!, i % channels);
        return ((value - mean) / Math.sqrt(variance + 1e-3)) * gamma![i % channels]! + beta![i % channels]!;
      }),
  );
  const values = draw(new Random(9), rows * channels);
  const ones = tensor([channels], desk.place(new Float32Array(channels).fill(1)));
  const zeros = tensor([channels], desk.place(new Float32Array(channels)));
  const x = tensor([rows, channels], desk.place(Float32Array.from(values)));
  new Tape(desk, false).batchNorm(x, ones, zeros, ...running, 1e-3, 0.1);
  close(
    desk.floats(running[0].values, channels),
    [0, 1, 2].map((c) => 0.1 * moments(values, c)[0]),
    'running mean',
  );
  close(
    desk.floats(running[1].values, channels),
    [0, 1, 2].map((c) => 0.9 + 0.1 * moments(values, c)[1]),
    'running variance',
  );
});

test('a convolution of circulant blocks agrees with its definition, with whole and with cut blocks', () => {
  for (const [inChannels, outChannels, k] of [
    [4, 8, 4],
    [3, 6, 4],
  ] as const) {
    const [blocks, rows] = [Math.ceil(inChannels / k), Math.ceil(outChannels / k)];
    const convolution: ConvolutionShape = {
      input: [2, 4, 4, inChannels],
      weights: [outChannels, 2, 3, inChannels],
      stride: [1, 1],
      padding: 'valid',
    };
    checkOp(
      `circulant convolution ${inChannels}→${outChannels} of ${k}`,
      [convolution.input, [rows, 2, 3, blocks, k], [outChannels]],
      (tape, [x, w, b]) => tape.conv2d(x!, tape.unwind(w!, { inChannels, outChannels }), b!),
      ([x, w, b]) => {
        const dense = Array.from({ length: outChannels * 6 * inChannels }, (_, i) => {
          const c = i % inChannels;
          const tap = Math.floor(i / inChannels) % 6;
          const o = Math.floor(i / inChannels / 6);
          const block = (Math.floor(o / k) * 6 + tap) * blocks + Math.floor(c / k);
          return w![block * k + ((o - c + 8 * k) % k)]!;
        });
        return naiveConvolution(convolution, x!, dense, b!);
      },
    );
  }
});

test('rounding gives multiples of the scale, and passes gradients inside the range and its ends', () => {
  const desk = new Desk();
  const place = (values: number[]): Tensor =>
    tensor(
      [1, values.length],
      desk.place(Float32Array.from(values)),
      desk.place(new Float32Array(values.length)),
    );
  const x = place([-3, -0.26, -0.25, 0.24, 0.25, 0.74, 0.75, 9]);
  const ends = place([0, 0]);
  const tape = new Tape(desk);
  // Scale ½, zero point −124: −2 … 125.5.
  const y = tape.round(x, { scale: 0.5, zeroPoint: -124 }, ends.gradient);
  assert.equal(
    [...desk.floats(y.values, 8)].map((v) => v + 0),
    [-2, -0.5, -0.5, 0, 0.5, 0.5, 1, 9],
  );
  desk.floats(y.gradient, 8).set([1, 2, 3, 4, 5, 6, 7, 8]);
  tape.backward();
  assert.equal([...desk.floats(x.gradient, 8)], [0, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal([...desk.floats(ends.gradient, 2)], [1, 0]);
  const scales = desk.place(Float32Array.of(1, 0.5));
  const weights = place([0.4, 0.6, -9, 0.4, 0.6, -9]);
  for (const [interleaved, most, step, expected] of [
    [false, 7, 1, [0, 1, -7, 0.5, 0.5, -3.5]],
    [true, 7, 1, [0, 0.5, -7, 0.5, 1, -3.5]],
    // Odd codes: none is zero.
    [false, 3, 2, [1, 1, -3, 0.5, 0.5, -1.5]],
    [true, 3, 2, [1, 0.5, -3, 0.5, 1, -1.5]],
    [false, 1, 2, [1, 1, -1, 0.5, 0.5, -0.5]],
  ] as const) {
    const format = { most, step };
    const rounded = new Tape(desk, false).roundWeights(weights, scales, { groups: 2, interleaved }, format);
    assert.equal(
      [...desk.floats(rounded.values, 6)].map((v) => v + 0),
      [...expected],
    );
  }
});

test('the loss against soft targets agrees with its definition, at any temperature', () => {
  const random = new Random(4);
  const [rows, classes] = [3, 4];
  for (const [weight, temperature] of [
    [1, 1],
    [0.7, 3],
  ] as const) {
    const logits = draw(random, rows * classes).map((value) => 3 * value);
    const targets = Array.from({ length: rows * classes }, (_, i) => ((i * 7) % 4) + 1).map(
      (value, i, all) =>
        value / all.slice(i - (i % classes), i - (i % classes) + classes).reduce((a, b) => a + b),
    );
    const naive = (z: Values): number => {
      let sum = 0;
      for (let row = 0; row < rows; row++) {
        const powers = z.slice(row * classes, (row + 1) * classes).map((v) => Math.exp(v / temperature));
        const total = powers.reduce((a, b) => a + b);
        powers.forEach((power, j) => {
          sum -= targets[row * classes + j]! * Math.log(power / total);
        });
      }
      return (weight * temperature ** 2 * sum) / rows;
    };
    const desk = new Desk();
    const placed = tensor(
      [rows, classes],
      desk.place(Float32Array.from(logits)),
      desk.place(new Float32Array(rows * classes)),
    );
    const tape = new Tape(desk);
    const loss = tape.softTargetLoss(placed, desk.place(Float32Array.from(targets)), weight, temperature);
    tape.backward();
    assert.ok(Math.abs(loss - naive(logits)) < 1e-5, `${loss} and ${naive(logits)}`);
    const differences = logits.map((_, at) => {
      const moved = (by: number): number => naive(logits.map((value, i) => (i === at ? value + by : value)));
      return (moved(step) - moved(-step)) / (2 * step);
    });
    close(desk.floats(placed.gradient, logits.length), differences, 'logits');
  }
});

test.run();
