// `node dist/bench/bitnetmcu.js [--seeds 1] [--epochs 60] [--widths 64,36,24,16]`: BitNetMCU's published recipe
// (https://github.com/cpldcpu/BitNetMCU, trainingparameters.yaml and its documentation, read for facts; no code taken), trained on the
// same 10,000 images and tested on the same 5,000 as bench/few-bits.ts, to be compared at equal bytes. Images of 16 × 16, three dense
// layers of equal width and one of ten outputs, no biases; every layer's input divided by its root mean square and rounded to 8 bits
// by its largest magnitude; 2-bit weights without a zero, ±0.5 and ±1.5 of the layer's mean magnitude; Adam at 0.001, cosine, batches
// of 128, 60 epochs over each image as it is and once turned, moved and scaled at random. Departures: turns are drawn once within
// ±14°, whose deviation is that of its two within ±10°, and clipping is that of its first release, not the later iteration.
// Accuracy of the rounded forward pass in floats; bytes are of weights alone. Needs BROWNOUT_DATA; half a minute of a core a width.
import { augment } from '../host/compress/augment.js';
import { Desk } from '../host/compress/desk-module.js';
import { Random } from '../host/math/random.js';
import { table } from '../host/report/text.js';
import { digitsData } from '../samples/datasets.js';
import { meanAndDeviation } from './from-scratch.js';

const [SIDE, SMALL, CLASSES, BATCH] = [28, 16, 10, 128];
const AUGMENTATION = { rotationRadians: 0.247, shiftPixels: 2.8, scale: 0.1 };
const RATE = 0.001;
const [MEAN, DEVIATION] = [0.1307, 0.3081];

/** Weights of the triangle that an output of SMALL takes of SIDE inputs, as image libraries scale down. */
const TRIANGLES = Array.from({ length: SMALL }, (_, to) => {
  const scale = SIDE / SMALL;
  const centre = (to + 0.5) * scale;
  const row = Float64Array.from({ length: SIDE }, (_, from) =>
    Math.max(0, 1 - Math.abs((from + 0.5 - centre) / scale)),
  );
  const sum = row.reduce((a, b) => a + b);
  return row.map((weight) => weight / sum);
});

/** An image of SMALL × SMALL from one of SIDE × SIDE, normalised. */
function shrink(image: Float32Array, to: Float32Array): void {
  const across = new Float64Array(SIDE * SMALL);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SMALL; x++) {
      let sum = 0;
      for (let from = 0; from < SIDE; from++) sum += TRIANGLES[x]![from]! * image[y * SIDE + from]!;
      across[y * SMALL + x] = sum;
    }
  for (let y = 0; y < SMALL; y++)
    for (let x = 0; x < SMALL; x++) {
      let sum = 0;
      for (let from = 0; from < SIDE; from++) sum += TRIANGLES[y]![from]! * across[from * SMALL + x]!;
      to[y * SMALL + x] = (sum - MEAN) / DEVIATION;
    }
}

function shrinkAll(images: Float32Array): Float32Array {
  const count = images.length / SIDE ** 2;
  const small = new Float32Array(count * SMALL ** 2);
  for (let i = 0; i < count; i++)
    shrink(
      images.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2),
      small.subarray(i * SMALL ** 2, (i + 1) * SMALL ** 2),
    );
  return small;
}

/** A layer of the network in the desk module's memory. */
interface Layer {
  inputs: number;
  outputs: number;
  weights: Float32Array;
  rounded: Float32Array;
  gradient: Float32Array;
  first: Float64Array;
  second: Float64Array;
  /** Of a batch: inputs divided by their root mean square, rounded; root mean squares; outputs; and gradients of both. */
  x: Float32Array;
  normal: Float32Array;
  roots: Float64Array;
  y: Float32Array;
  dx: Float32Array;
  dy: Float32Array;
}

class Network {
  private readonly desk = new Desk();
  private readonly layers: Layer[];
  private readonly workspace: number;
  private steps = 0;

  constructor(width: number, seed: number) {
    const { desk } = this;
    const random = new Random(seed);
    const floats = (count: number): Float32Array => desk.floats(desk.place(new Float32Array(count)), count);
    const sizes = [SMALL ** 2, width, width, width, CLASSES];
    this.layers = sizes.slice(1).map((outputs, i): Layer => {
      const inputs = sizes[i]!;
      const weights = floats(inputs * outputs);
      const bound = 1 / Math.sqrt(inputs);
      weights.forEach((_, at) => (weights[at] = random.uniform(-bound, bound)));
      return {
        ...{
          inputs,
          outputs,
          weights,
          rounded: floats(inputs * outputs),
          gradient: floats(inputs * outputs),
        },
        ...{ first: new Float64Array(inputs * outputs), second: new Float64Array(inputs * outputs) },
        ...{ x: floats(BATCH * inputs), normal: floats(BATCH * inputs), roots: new Float64Array(BATCH) },
        ...{ y: floats(BATCH * outputs), dx: floats(BATCH * inputs), dy: floats(BATCH * outputs) },
      };
    });
    this.workspace = desk.allocate(desk.kernels.gemmWorkspaceSize(SMALL ** 2));
  }

  /** c = a · b. */
  private multiply(
    [m, n, k]: readonly number[],
    a: readonly [Float32Array, number, number],
    b: readonly [Float32Array, number, number],
    c: Float32Array,
  ): void {
    c.fill(0);
    const [left, right] = [a, b].map(([array, ...strides]) => [array.byteOffset, ...strides]);
    this.desk.kernels.gemm(m!, n!, k!, ...left!, ...right!, c.byteOffset, n!, this.workspace);
  }

  /** Logits of `rows` inputs. */
  forward(inputs: Float32Array, rows: number): Float32Array {
    let from = inputs;
    for (const layer of this.layers) {
      const { inputs: n, outputs, weights, rounded, x, normal, roots, y } = layer;
      const unit = weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length || 1e-5;
      for (let i = 0; i < weights.length; i++)
        rounded[i] = (Math.min(1, Math.max(-2, Math.round(weights[i]! / unit - 0.5))) + 0.5) * unit;
      // A ReLU before every layer but the first.
      const least = from === inputs ? -Infinity : 0;
      for (let row = 0; row < rows; row++) {
        const [start, end] = [row * n, (row + 1) * n];
        let [sum, most] = [0, 1e-5];
        for (let i = start; i < end; i++) sum += Math.max(from[i]!, least) ** 2;
        const root = Math.sqrt(sum / n) || 1;
        roots[row] = root;
        for (let i = start; i < end; i++) {
          normal[i] = Math.max(from[i]!, least) / root;
          most = Math.max(most, Math.abs(normal[i]!));
        }
        for (let i = start; i < end; i++) x[i] = (Math.round((normal[i]! * 127) / most) * most) / 127;
      }
      this.multiply([rows, outputs, n], [x, n, 1], [rounded, 1, n], y);
      from = y;
    }
    return from;
  }

  /** One step of Adam on a batch. */
  train(inputs: Float32Array, labels: Uint8Array, rate: number): void {
    const rows = labels.length;
    const logits = this.forward(inputs, rows);
    const { dy } = this.layers.at(-1)!;
    for (let row = 0; row < rows; row++) {
      const own = logits.subarray(row * CLASSES, (row + 1) * CLASSES);
      const most = Math.max(...own);
      const powers = Array.from(own, (y) => Math.exp(y - most));
      const sum = powers.reduce((a, b) => a + b);
      powers.forEach((power, i) => {
        dy[row * CLASSES + i] = (power / sum - (i === labels[row] ? 1 : 0)) / rows;
      });
    }
    this.steps++;
    for (let at = this.layers.length - 1; at >= 0; at--) {
      this.backward(at, rows);
      this.update(this.layers[at]!, rate);
    }
  }

  /** Gradients of a layer's weights, and of the layer before; rounding passes them on. */
  private backward(at: number, rows: number): void {
    const { inputs: n, outputs, rounded, gradient, x, normal, roots, dx, dy } = this.layers[at]!;
    this.multiply([outputs, n, rows], [dy, 1, outputs], [x, n, 1], gradient);
    const before = this.layers[at - 1];
    if (!before) return;
    this.multiply([rows, n, outputs], [dy, outputs, 1], [rounded, n, 1], dx);
    for (let row = 0; row < rows; row++) {
      let along = 0;
      for (let i = row * n; i < (row + 1) * n; i++) along += normal[i]! * dx[i]!;
      for (let i = row * n; i < (row + 1) * n; i++)
        before.dy[i] = before.y[i]! > 0 ? (dx[i]! - (normal[i]! * along) / n) / roots[row]! : 0;
    }
  }

  private update({ weights, gradient, first, second }: Layer, rate: number): void {
    const [one, two] = [1 - 0.9 ** this.steps, 1 - 0.999 ** this.steps];
    for (let i = 0; i < weights.length; i++) {
      first[i] = 0.9 * first[i]! + 0.1 * gradient[i]!;
      second[i] = 0.999 * second[i]! + 0.001 * gradient[i]! ** 2;
      weights[i] = weights[i]! - (rate * first[i]!) / one / (Math.sqrt(second[i]! / two) + 1e-8);
    }
  }

  /** In percent. */
  accuracy(inputs: Float32Array, labels: Uint8Array): number {
    let right = 0;
    for (let first = 0; first < labels.length; first += BATCH) {
      const rows = Math.min(BATCH, labels.length - first);
      const logits = this.forward(inputs.subarray(first * SMALL ** 2, (first + rows) * SMALL ** 2), rows);
      for (let row = 0; row < rows; row++) {
        const own = logits.subarray(row * CLASSES, (row + 1) * CLASSES);
        if (own.indexOf(Math.max(...own)) === labels[first + row]) right++;
      }
    }
    return (100 * right) / labels.length;
  }
}

/** All images once turned, moved and scaled at random. */
function changed(images: Float32Array, random: Random): Float32Array {
  const desk = new Desk();
  const from = desk.place(images);
  const to = desk.allocate(images.byteLength);
  const count = images.length / SIDE ** 2;
  for (const [name, ...values] of augment(desk, from, to, count, [SIDE, SIDE, 1], AUGMENTATION, random))
    (desk.kernels[name] as (...all: number[]) => void)(...values);
  return shrinkAll(desk.floats(to, images.length).slice());
}

function run(width: number, seed: number, epochs: number): number {
  const random = new Random(seed);
  const network = new Network(width, seed);
  const plain = shrinkAll(data.training.inputs);
  const { labels } = data.training;
  const count = 2 * labels.length;
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const [batch, classes] = [new Float32Array(BATCH * SMALL ** 2), new Uint8Array(BATCH)];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const turned = changed(data.training.inputs, random);
    const rate = (RATE / 2) * (1 + Math.cos((Math.PI * epoch) / epochs));
    random.shuffle(order);
    for (let first = 0; first < count; first += BATCH) {
      const members = order.subarray(first, Math.min(first + BATCH, count));
      members.forEach((member, row) => {
        const at = member % labels.length;
        const source = member < labels.length ? plain : turned;
        batch.set(source.subarray(at * SMALL ** 2, (at + 1) * SMALL ** 2), row * SMALL ** 2);
        classes[row] = labels[at]!;
      });
      network.train(batch, classes.subarray(0, members.length), rate);
    }
  }
  return network.accuracy(shrinkAll(data.test.inputs), data.test.labels);
}

const given = process.argv.slice(2);
const option = (name: string, otherwise: string): string => {
  const at = given.indexOf(name);
  return at < 0 ? otherwise : given[at + 1]!;
};
const numbers = (name: string, otherwise: string): number[] => option(name, otherwise).split(',').map(Number);
const [seeds, widths, [epochs]] = [
  numbers('--seeds', '1'),
  numbers('--widths', '64,36,24,16'),
  numbers('--epochs', '60'),
];
const data = digitsData();
const rows = widths.map((width) => {
  const found = seeds.map((seed) => run(width, seed, epochs!));
  const [mean, deviation] = meanAndDeviation(found);
  const bytes = (SMALL ** 2 * width + 2 * width ** 2 + width * CLASSES) / 4;
  const row = [
    `${width}`,
    `${bytes} B`,
    `${mean.toFixed(2)} ± ${deviation.toFixed(2)} %`,
    found.map((one) => one.toFixed(2)).join(' / '),
  ];
  console.error(row.join('; '));
  return row;
});
console.log(
  `BitNetMCU's recipe, 2-bit weights, 10,000 images, ${epochs} epochs, test inputs, seeds ${seeds.join(', ')}`,
);
console.log(table([['width', 'weights', 'accuracy', 'by seed'], ...rows]));
