// The shipped digits network, trained upright, on rotated digits: 200 labels, tested on 1,000 others, 5 seeds.
import { readFileSync } from 'node:fs';
import { digitsFrom, quantizeDigits } from '../../samples/digits.js';
import { quantizeValues } from '../../host/model/affine.js';
import { type DigitSet, imageSize, splitDigits } from '../../samples/mnist.js';
import { readNpy } from '../../host/data/npy.js';
import { Random } from '../../host/math/random.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';
import type { Sample } from '../../host/learning/mirror.js';
import type { LearnOptions } from '../../host/learning/spec.js';
import { draw, float, integer, type Method, prototype, sums, tunedSums, unadapted } from './methods.js';

const WIDTH = 28;
export const LABELS = 200;
const UNSEEN = 1000;
/** Images of the training split that rates are tuned on, all of them turned by 45°. */
const TUNING = 400;
const TUNING_DEGREES = 45;
/** Images that the network was trained on, for the prior of a head by sums. */
export const FACTORY = 2000;
export const LEARNABLE: LearnOptions = { layers: 'head:2', late: false };

export function digits(): QuantizedNetwork {
  const file = readFileSync(new URL('../../../checkpoints/digits-float.npy', import.meta.url));
  return quantizeDigits(digitsFrom(readNpy(new Uint8Array(file)).data as Float32Array));
}

/** An image turned about its middle, between pixels bilinearly. */
function rotate(pixels: Float32Array, degrees: number): Float32Array {
  const [sine, cosine] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const middle = (WIDTH - 1) / 2;
  const at = (y: number, x: number): number =>
    y < 0 || x < 0 || y >= WIDTH || x >= WIDTH ? 0 : pixels[y * WIDTH + x]!;
  return Float32Array.from({ length: imageSize }, (_, i) => {
    const [y, x] = [Math.floor(i / WIDTH) - middle, (i % WIDTH) - middle];
    const [fromY, fromX] = [middle + cosine * y - sine * x, middle + sine * y + cosine * x];
    const [top, left] = [Math.floor(fromY), Math.floor(fromX)];
    const [down, right] = [fromY - top, fromX - left];
    const above = at(top, left) * (1 - right) + at(top, left + 1) * right;
    const below = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right;
    return above * (1 - down) + below * down;
  });
}

/** Images of a set as the network takes them, rotated. */
function rotated(
  network: QuantizedNetwork,
  { inputs, labels }: DigitSet,
  indices: Iterable<number>,
  degrees: number,
): Sample[] {
  return [...indices].map((index) => {
    const pixels = rotate(inputs.subarray(index * imageSize, (index + 1) * imageSize), degrees);
    const input = quantizeValues(pixels, network.tensors[network.input]!) as Int8Array;
    return { input, label: labels[index]! };
  });
}

/** Of the training split, to tune rates on. */
export function tuningSamples(network: QuantizedNetwork): Sample[] {
  const { training } = splitDigits();
  const some = new Random(77).shuffle(Array.from(training.labels, (_, i) => i)).slice(0, TUNING);
  return rotated(network, training, some, TUNING_DEGREES);
}

/** Of the training split, upright: what the network was trained on. */
export function factorySamples(network: QuantizedNetwork, count: number): Sample[] {
  const { training } = splitDigits();
  const some = new Random(78).shuffle(Array.from(training.labels, (_, i) => i)).slice(0, count);
  return rotated(network, training, some, 0);
}

export interface Split {
  /** What labels are drawn from, and what is tested on: halves of the held-out digits. */
  pool: Sample[];
  unseen: Sample[];
}

export function splitAt(network: QuantizedNetwork, degrees: number): Split {
  const { heldOut } = splitDigits();
  const all = Array.from(heldOut.labels, (_, i) => i);
  return {
    pool: rotated(
      network,
      heldOut,
      all.filter((i) => i % 2 === 0),
      degrees,
    ),
    unseen: rotated(
      network,
      heldOut,
      all.filter((i) => i % 2 === 1),
      degrees,
    ).slice(0, UNSEEN),
  };
}

export interface DigitsResult {
  degrees: number;
  /** Shares right of the methods, one a seed, and the rate that was tuned. */
  methods: { name: string; learningRate: number | undefined; shares: number[] }[];
}

export interface DigitsOptions {
  angles: readonly number[];
  seeds: number;
  labels: number;
  /** Of the head by sums; 0: its default. */
  rank: number;
  /** Of the methods, those that are run; none: all. */
  names: readonly string[];
}

export function benchDigits({ angles, seeds, labels, rank, names }: DigitsOptions): DigitsResult[] {
  const network = digits();
  const tuning = tuningSamples(network);
  const bySums = (): LearnOptions => ({
    ...{ layers: 'sums', late: false, data: factorySamples(network, FACTORY) },
    ...(rank > 0 ? { rank } : {}),
  });
  const makers: Record<string, () => Method> = {
    none: () => unadapted(network),
    prototype: () => prototype(network),
    last: () => integer('last', network, { ...LEARNABLE, layers: 'last' }, [tuning]),
    bias: () => integer('bias', network, { ...LEARNABLE, layers: 'bias' }, [tuning.slice(0, TUNING / 4)]),
    ours: () => integer('ours', network, LEARNABLE, [tuning]),
    float: () => float(network, LEARNABLE, [tuning]),
    sums: () => sums('sums', network, tunedSums(network, bySums(), [tuning])),
  };
  const chosen = Object.entries(makers).filter(([name]) => names.length === 0 || names.includes(name));
  const methods = chosen.map(([, make]) => make());
  return angles.map((degrees) => {
    const { pool, unseen } = splitAt(network, degrees);
    const streams = Array.from({ length: seeds }, (_, seed) => draw(new Random(1000 + seed), pool, labels));
    const run = ({ name, learningRate, run: learn }: Method): DigitsResult['methods'][number] => {
      const shares = streams.map((stream, seed) => learn(stream, unseen, seed + 1));
      console.error(`${degrees}° ${name} (rate ${learningRate ?? '-'}): ${shares.join(' ')}`);
      return { name, learningRate, shares };
    };
    return { degrees, methods: methods.map(run) };
  });
}
