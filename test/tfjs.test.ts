// The trainer's layers and gradients against TensorFlow.js, where it is installed: it is no dependency.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Desk } from '../host/compress/desk-module.js';
import { elements } from '../host/compress/layers.js';
import { tensor, type Tensor } from '../host/compress/recorder.js';
import { Tape } from '../host/compress/tape.js';
import { Random } from '../host/math/random.js';

/** A tensor of TensorFlow.js; operations that chain. */
interface Peer {
  shape: number[];
  add(other: Peer | number): Peer;
  sub(other: Peer): Peer;
  mul(other: Peer | number): Peer;
  sqrt(): Peer;
  div(other: Peer): Peer;
  sum(): Peer;
  reshape(shape: readonly number[]): Peer;
  transpose(order: readonly number[]): Peer;
  dataSync(): Float32Array;
}

type Pads = 'valid' | 'same' | [[number, number], [number, number], [number, number], [number, number]];

/** What of TensorFlow.js is called here. */
interface TensorFlow {
  ready(): Promise<void>;
  setBackend(name: string): Promise<boolean>;
  tensor(values: Float32Array | Int32Array, shape: readonly number[], dtype?: 'int32'): Peer;
  valueAndGrads(
    f: (...operands: Peer[]) => Peer,
  ): (operands: Peer[], dy?: Peer) => { value: Peer; grads: Peer[] };
  conv2d(x: Peer, filter: Peer, strides: [number, number], pad: Pads): Peer;
  depthwiseConv2d(x: Peer, filter: Peer, strides: [number, number], pad: Pads): Peer;
  maxPool(x: Peer, size: [number, number], strides: [number, number], pad: Pads): Peer;
  avgPool(x: Peer, size: [number, number], strides: [number, number], pad: Pads): Peer;
  matMul(a: Peer, b: Peer, transposeA: boolean, transposeB: boolean): Peer;
  gather(x: Peer, indices: Peer): Peer;
  moments(x: Peer, axis: number): { mean: Peer; variance: Peer };
  relu(x: Peer): Peer;
  relu6(x: Peer): Peer;
  clipByValue(x: Peer, low: number, high: number): Peer;
  losses: { softmaxCrossEntropy(oneHot: Peer, logits: Peer): Peer };
}

const INSTALL = 'npm install --no-save @tensorflow/tfjs';

/** In the folder that BROWNOUT_PEERS names, or in node_modules. */
async function find(): Promise<TensorFlow | undefined> {
  const require = createRequire(join(process.env['BROWNOUT_PEERS'] ?? process.cwd(), 'package.json'));
  try {
    require.resolve('@tensorflow/tfjs');
  } catch {
    return undefined;
  }
  const found = require('@tensorflow/tfjs') as TensorFlow;
  await found.setBackend('cpu');
  await found.ready();
  return found;
}

const found = await find();
if (!found)
  console.log(`skipped: gradients against TensorFlow.js: it is not installed. To enable: ${INSTALL}`);
const tf = found!;
const check = found ? test : test.skip;

/** Of the largest value of an array: a few roundings of float32 sums of some hundred products. */
const TOLERANCE = 2e-6;
let worst = 0;
test.after(() => {
  if (found)
    console.log(`largest difference, relative to the largest of its array: ${worst.toExponential(1)}`);
});

function compare(name: string, ours: Float32Array, theirs: Float32Array): void {
  assert.is(ours.length, theirs.length, `${name}: count`);
  const scale = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(scale > 1e-3, `${name}: zeros show nothing`);
  const difference = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i]!)), 0) / scale;
  worst = Math.max(worst, difference);
  assert.ok(difference <= TOLERANCE, `${name}: off by ${difference} of its largest`);
}

interface Case {
  name: string;
  /** Of the operands, all of which get gradients. */
  shapes: readonly (readonly number[])[];
  /** Largest magnitude of the operands; default 1. */
  reach?: number;
  ours: (tape: Tape, operands: Tensor[]) => Tensor;
  theirs: (...operands: Peer[]) => Peer;
}

/** Values, and gradients of Σ weight · value by every operand. */
function agree({ name, shapes, reach = 1, ours, theirs }: Case): void {
  const random = new Random(shapes.flat().reduce((a, b) => a * 31 + b, 7));
  const draw = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => random.uniform(-reach, reach));
  const desk = new Desk();
  const drawn = shapes.map((shape) => draw(elements(shape)));
  const operands = drawn.map((values, i) =>
    tensor(shapes[i]!, desk.place(values), desk.place(new Float32Array(values.length))),
  );
  const tape = new Tape(desk);
  const result = ours(tape, operands);
  const count = elements(result.shape);
  const weighting = draw(count);
  desk.floats(result.gradient, count).set(weighting);
  tape.backward();
  const peers = drawn.map((values, i) => tf.tensor(values, shapes[i]!));
  const { value, grads } = tf.valueAndGrads(theirs)(peers, tf.tensor(weighting, result.shape));
  assert.equal(value.shape, [...result.shape], `${name}: shape`);
  compare(name, desk.floats(result.values, count).slice(), value.dataSync());
  operands.forEach(({ gradient, shape }, i) =>
    compare(
      `${name}, gradient of operand ${i}`,
      desk.floats(gradient, elements(shape)).slice(),
      grads[i]!.dataSync(),
    ),
  );
}

const pads = ([top, left, bottom, right]: readonly [number, number, number, number]): Pads => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
];
const asIs = ['valid', 'same'] as const;

check('convolutions, with any padding and stride', () => {
  for (const [stride, padding] of [
    [[1, 1], 'valid'],
    [[2, 3], 'valid'],
    [[1, 1], 'same'],
    [[2, 2], 'same'],
    [
      [1, 2],
      [2, 0, 1, 3],
    ],
  ] as const) {
    agree({
      name: `conv2d ${stride} ${padding}`,
      shapes: [[3, 9, 11, 5], [7, 3, 4, 5], [7]],
      ours: (tape, [x, w, b]) => tape.conv2d(x!, w!, b!, stride[0], stride[1], padding),
      theirs: (x, w, b) => {
        const pad = typeof padding === 'string' ? padding : pads(padding);
        return tf.conv2d(x, w.transpose([1, 2, 3, 0]), [...stride], pad).add(b);
      },
    });
  }
});

check('depthwise convolutions, with one and with several outputs a channel', () => {
  for (const padding of asIs)
    for (const [stride, several] of [
      [1, 1],
      [2, 1],
      [1, 3],
    ] as const) {
      agree({
        name: `depthwiseConv2d ${padding} ${stride} ${several}`,
        shapes: [[2, 8, 7, 4], [3, 2, 4 * several], [4 * several]],
        ours: (tape, [x, w, b]) => tape.depthwiseConv2d(x!, w!, b!, stride, stride, padding),
        theirs: (x, w, b) => {
          const filter = w.reshape([3, 2, 4, several]);
          return tf.depthwiseConv2d(x, filter, [stride, stride], padding).add(b);
        },
      });
    }
});

check('dense layers', () => {
  for (const [rows, inputs, outputs] of [
    [32, 256, 64],
    [5, 13, 7],
  ] as const) {
    agree({
      name: `dense ${inputs} → ${outputs}`,
      shapes: [[rows, inputs], [outputs, inputs], [outputs]],
      ours: (tape, [x, w, b]) => tape.dense(x!, w!, b!),
      theirs: (x, w, b) => tf.matMul(x, w, false, true).add(b),
    });
  }
});

/** Where each weight of [outputs][taps][inputs] is among first columns [block row][tap][block][k]. */
function columnIndices(outputs: number, taps: number, inputs: number, k: number): Int32Array {
  const blocks = Math.ceil(inputs / k);
  return Int32Array.from({ length: outputs * taps * inputs }, (_, i) => {
    const [o, tap, c] = [Math.floor(i / inputs / taps), Math.floor(i / inputs) % taps, i % inputs];
    const block = (Math.floor(o / k) * taps + tap) * blocks + Math.floor(c / k);
    return block * k + ((((o - c) % k) + k) % k);
  });
}

function unwound(columns: Peer, shape: readonly number[], k: number): Peer {
  const [outputs, inputs] = [shape[0]!, shape.at(-1)!];
  const count = elements(shape);
  const indices = columnIndices(outputs, count / outputs / inputs, inputs, k);
  const flat = columns.reshape([elements(columns.shape)]);
  return tf.gather(flat, tf.tensor(indices, [count], 'int32')).reshape(shape);
}

check('circulant dense layers, with whole and with cut blocks', () => {
  for (const [rows, inputs, outputs, k] of [
    [8, 64, 32, 16],
    [3, 21, 13, 8],
  ] as const) {
    agree({
      name: `circulant ${inputs} → ${outputs} of ${k}`,
      shapes: [[rows, inputs], [Math.ceil(outputs / k), Math.ceil(inputs / k), k], [outputs]],
      ours: (tape, [x, columns, b]) => tape.circulant(x!, columns!, b!),
      theirs: (x, columns, b) => tf.matMul(x, unwound(columns, [outputs, inputs], k), false, true).add(b),
    });
  }
});

check('circulant convolutions, with whole and with cut blocks', () => {
  for (const [inChannels, outChannels, k] of [
    [8, 16, 4],
    [6, 10, 4],
  ] as const) {
    agree({
      name: `circulant convolution ${inChannels} → ${outChannels} of ${k}`,
      shapes: [
        [2, 7, 6, inChannels],
        [Math.ceil(outChannels / k), 3, 2, Math.ceil(inChannels / k), k],
        [outChannels],
      ],
      ours: (tape, [x, columns, b]) =>
        tape.conv2d(x!, tape.unwind(columns!, { inChannels, outChannels }), b!, 1, 1, 'same'),
      theirs: (x, columns, b) => {
        const weights = unwound(columns, [outChannels, 3, 2, inChannels], k);
        return tf.conv2d(x, weights.transpose([1, 2, 3, 0]), [1, 1], 'same').add(b);
      },
    });
  }
});

/**
 * Over the edge as a sum of ones over a count of ones: avgPool's own gradient divides by the whole window there, which its
 * values do not (tfjs 4.22, avgMultiplier).
 */
function meanOf(x: Peer, size: number, strides: [number, number], padding: 'valid' | 'same'): Peer {
  if (padding === 'valid') return tf.avgPool(x, [size, size], strides, padding);
  const ones = (shape: readonly number[]): Peer =>
    tf.tensor(new Float32Array(elements(shape)).fill(1), shape);
  const filter = ones([size, size, x.shape[3]!, 1]);
  const sum = (of: Peer): Peer => tf.depthwiseConv2d(of, filter, strides, padding);
  return sum(x).div(sum(ones(x.shape)));
}

check('pooling, windows apart and overlapping, over the edge too', () => {
  for (const padding of asIs)
    for (const [size, stride] of [
      [2, 2],
      [3, 2],
      [3, 1],
    ] as const) {
      const at = [stride, stride] as [number, number];
      const window = { height: size, width: size, strideHeight: stride, strideWidth: stride, padding };
      const name = `${size} by ${stride} ${padding}`;
      const shapes = [[2, 9, 8, 5]];
      agree({
        ...{ name: `maxPool2d ${name}`, shapes },
        ours: (tape, [x]) => tape.maxPool2d(x!, window),
        theirs: (x) => tf.maxPool(x, [size, size], at, padding),
      });
      agree({
        ...{ name: `averagePool2d ${name}`, shapes },
        ours: (tape, [x]) => tape.averagePool2d(x!, window),
        theirs: (x) => meanOf(x, size, at, padding),
      });
    }
});

check('residual sums and activations', () => {
  const shape = [4, 33];
  agree({
    name: 'add',
    shapes: [shape, shape],
    ours: (tape, [a, b]) => tape.add(a!, b!),
    theirs: (a, b) => a.add(b),
  });
  // Both branches of a residual read one tensor: its gradient is the sum of theirs.
  agree({
    name: 'a residual around a dense layer',
    shapes: [shape, [33, 33], [33]],
    ours: (tape, [x, w, b]) => tape.add(tape.dense(x!, w!, b!), x!),
    theirs: (x, w, b) => tf.matMul(x, w, false, true).add(b).add(x),
  });
  for (const [activation, theirs] of [
    ['relu', (x: Peer) => tf.relu(x)],
    ['relu6', (x: Peer) => tf.relu6(x)],
    ['hardTanh', (x: Peer) => tf.clipByValue(x, -1, 1)],
  ] as const) {
    agree({
      ...{ name: activation, shapes: [shape], reach: 9 },
      ours: (tape, [x]) => tape.activate(x!, activation),
      theirs,
    });
  }
});

check('batch normalisation by the batch’s own statistics', () => {
  const channels = 6;
  const shape = [4, 5, 3, channels];
  agree({
    name: 'batchNorm',
    shapes: [shape, [channels], [channels]],
    reach: 2,
    ours(tape, [x, gamma, beta]) {
      const running = [beta!, beta!].map(({ values }) => tensor([channels], values)) as [Tensor, Tensor];
      return tape.batchNorm(x!, gamma!, beta!, ...running, 1e-3, 0);
    },
    theirs(x, gamma, beta) {
      const rows = x.reshape([elements(shape) / channels, channels]);
      const { mean, variance } = tf.moments(rows, 0);
      return rows.sub(mean).div(variance.add(1e-3).sqrt()).mul(gamma).add(beta).reshape(shape);
    },
  });
});

check('softmax cross-entropy', () => {
  const [rows, classes] = [17, 10];
  const random = new Random(4);
  const desk = new Desk();
  const values = Float32Array.from({ length: rows * classes }, () => random.uniform(-6, 6));
  const labels = Uint8Array.from({ length: rows }, () => random.integer(classes));
  const logits = tensor([rows, classes], desk.place(values), desk.place(new Float32Array(values.length)));
  const tape = new Tape(desk);
  const { loss } = tape.softmaxCrossEntropy(logits, desk.place(labels));
  tape.backward();
  const oneHot = new Float32Array(values.length);
  labels.forEach((label, row) => {
    oneHot[row * classes + label] = 1;
  });
  const targets = tf.tensor(oneHot, logits.shape);
  const theirs = tf.valueAndGrads((x) => tf.losses.softmaxCrossEntropy(targets, x));
  const { value, grads } = theirs([tf.tensor(values, logits.shape)]);
  compare('loss', Float32Array.of(loss), value.dataSync());
  compare('gradient of logits', desk.floats(logits.gradient, values.length), grads[0]!.dataSync());
});

test.run();
