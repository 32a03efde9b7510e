// Weight banks and the update from one to the next: docs/LEARNING.md §2, §7.
import { elementCount, type QuantizedNetwork } from '../model/quantized-network.js';
import type { Parameters } from './forward.js';
import { shippedParameters } from './forward.js';
import { inputOf, outputRows, type WeightedOp } from './geometry.js';
import { biasGradients, weightGradients } from './gradients.js';
import { bitLength, clampTo, draw, multiplyShift, randomKey, roundShift } from './integer.js';
import type { BackwardStep } from './spec.js';

export interface LayerBank extends Parameters {
  /** Low bytes of the master weights; none where only biases learn. */
  low: Uint8Array;
  /** With momentum. */
  velocity: Int16Array;
  /** Running means of inputs, in 256ths of a step, half a step more; none where inputs are not centred. */
  means: Int16Array;
}

const FACTORY_LOW = 128;
const LARGEST = 127 * 256 + 255;
const SMALLEST = -127 * 256;
const BIAS_CLIP = 2 ** 30;

/** A layer as weight bank 0 has it. */
export function factoryLayer(network: QuantizedNetwork, step: BackwardStep): LayerBank {
  const op = network.ops[step.op] as WeightedOp;
  const input = inputOf(network, op);
  const { weights, folded } = shippedParameters(network, op);
  return {
    weights,
    folded,
    low: new Uint8Array(step.learned!.weights ? weights.length : 0).fill(FACTORY_LOW),
    velocity: new Int16Array(step.learned!.momentum > 0 ? weights.length : 0),
    means: new Int16Array(step.learned!.means > 0 ? elementCount(input) : 0).fill(
      256 * input.zeroPoint + FACTORY_LOW,
    ),
  };
}

/** A weight bank's bytes, each array padded to 16. */
export function bankBytes(layers: readonly LayerBank[]): Uint8Array {
  const arrays = layers.flatMap(({ weights, low, folded, velocity, means }) => {
    const bytes = new Uint8Array(folded.length * 4);
    const view = new DataView(bytes.buffer);
    folded.forEach((value, i) => {
      view.setInt32(4 * i, value, true);
    });
    const speeds = new Uint8Array(velocity.length * 2);
    const words = new DataView(speeds.buffer);
    velocity.forEach((value, i) => {
      words.setInt16(2 * i, value, true);
    });
    const halves = [Uint8Array.from(means, (mean) => mean >> 8), Uint8Array.from(means)];
    return low.length > 0
      ? [new Uint8Array(weights.buffer, weights.byteOffset, weights.length), low, speeds, ...halves, bytes]
      : [bytes];
  });
  const padded = (bytes: Uint8Array): number => Math.ceil(bytes.length / 16) * 16;
  const all = new Uint8Array(arrays.reduce((sum, bytes) => sum + padded(bytes), 0));
  let at = 0;
  for (const bytes of arrays) {
    all.set(bytes, at);
    at += padded(bytes);
  }
  return all;
}

/** One lane that is learnt, as one layer sees it. */
export interface LaneOfLayer {
  /** The layer's input. */
  x: Int8Array;
  delta: Int32Array;
  exponent: number;
}

/** Change of a parameter times 2^16, before rounding. */
function changeOf(sum: number, multiplier: number, shift: number, exponent: number, clip: number): number {
  const r = 15 - shift - exponent;
  if (r > 62) return sum < 0 && multiplier > 0 ? -1 : 0;
  if (r < 0) return multiplier > 0 ? Math.sign(sum) * clip : 0;
  return clampTo(multiplyShift(sum, multiplier, r), -clip, clip);
}

/** A velocity after it has lost 2^−momentum of it, rounded up. */
const slower = (velocity: number, momentum: number): number =>
  Math.sign(velocity) * (Math.abs(velocity) - Math.ceil(Math.abs(velocity) / 2 ** momentum));

/** Which output row, or block row, a weight belongs to. */
function rowOf(op: WeightedOp, rows: number): (index: number) => number {
  if (op.kind === 'depthwiseConv2d') return (index) => index % rows;
  const length = op.weights.length / (op.kind === 'circulant' ? Math.ceil(rows / op.blockSize) : rows);
  return (index) => Math.floor(index / length);
}

/** Running means after the lanes' inputs, one after the other. */
function movedMeans(means: Int16Array, lanes: readonly LaneOfLayer[], share: number): Int16Array {
  return means.map((mean, i) =>
    lanes.reduce((before, { x }) => before + ((256 * x[i]! + 128 - before) >> share), mean),
  );
}

/** The next bank of one layer, all of it. */
export function updateLayer(
  network: QuantizedNetwork,
  { op: index, learned }: BackwardStep,
  bank: LayerBank,
  lanes: readonly LaneOfLayer[],
  seed: number,
  step: number,
): LayerBank {
  const op = network.ops[index] as WeightedOp;
  const { layer, weights, rows, pairs, clip, momentum, means } = learned!;
  const outputs = outputRows(network, op);
  const z = inputOf(network, op).zeroPoint;
  const exponent = lanes.reduce((most, lane) => Math.max(most, lane.exponent), -Infinity);
  const sums = new Int32Array(weights ? bank.weights.length : 0);
  const biasSums = new Int32Array(outputs);
  /** What input i is taken less. */
  const middle = means > 0 ? Int32Array.from(bank.means, (mean) => mean >> 8) : undefined;
  for (const lane of lanes) {
    const r = exponent - lane.exponent;
    const delta = lane.delta.map((value) => (r >= 16 ? 0 : roundShift(value, r)));
    if (weights)
      weightGradients(
        network,
        op,
        rows,
        Int32Array.from(lane.x, (q, i) => q - (middle ? middle[i]! : z)),
        delta,
        sums,
      );
    biasGradients(network, op, delta, biasSums);
  }
  const pairAt = op.kind === 'circulant' ? () => 0 : (row: number) => 4 * row;
  const next = {
    weights: bank.weights.slice(),
    low: bank.low.slice(),
    folded: bank.folded.slice(),
    velocity: bank.velocity.slice(),
    means: movedMeans(bank.means, lanes, Math.min(means, bitLength(step))),
  };
  const key = randomKey(seed, step, layer, 0);
  const weightRow = rowOf(op, outputs);
  /** By output row or block row: what its weights have grown by, times what their inputs are taken less. */
  const grown = new Int32Array(outputs);
  sums.forEach((sum, i) => {
    if (sum === 0 && momentum === 0) return;
    const row = weightRow(i);
    const at = pairAt(row);
    let change =
      sum === 0 ? 0 : (changeOf(sum, pairs[at]!, pairs[at + 1]!, exponent, clip) + draw(key, i)) >> 16;
    if (momentum > 0) {
      change = clampTo(slower(bank.velocity[i]!, momentum) + change, -32768, 32767);
      next.velocity[i] = change;
    }
    const master = clampTo(bank.weights[i]! * 256 + bank.low[i]! - change, SMALLEST, LARGEST);
    next.weights[i] = master >> 8;
    next.low[i] = master & 255;
    const less = middle ? middle[i % middle.length]! : z;
    grown[row]! += less * (next.weights[i]! - bank.weights[i]!);
  });
  const biasKey = randomKey(seed, step, layer, 1);
  for (let o = rows[0]; o < rows[1]; o++) {
    const at = pairAt(o);
    const sum = biasSums[o]!;
    const rounded =
      (changeOf(sum, pairs[at + 2]!, pairs[at + 3]!, exponent, BIAS_CLIP) + draw(biasKey, o)) >> 16;
    const row = op.kind === 'circulant' ? Math.floor(o / op.blockSize) : o;
    next.folded[o]! -= (sum === 0 ? 0 : rounded) + grown[row]!;
  }
  return next;
}
