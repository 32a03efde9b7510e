// Running a float network on the desk module.
import { BrownoutError } from '../error.js';
import { Desk } from './desk-module.js';
import type { FloatNetwork, ForwardResult, LabelledData } from './float-network.js';
import { elements } from './layers.js';
import { PlacedNetwork } from './placed-network.js';
import { tensor } from './recorder.js';
import { Tape } from './tape.js';

const chunk = 64;

/**
 * Runs `count` inputs [count][height][width][channels] through the network in float32. The same bits on every machine,
 * and a row's result does not depend on the other rows. Throws `E_SHAPE`.
 */
export function forward(network: FloatNetwork, inputs: Float32Array, count: number): ForwardResult {
  const inputSize = elements(network.inputShape);
  if (inputs.length !== count * inputSize) {
    throw new BrownoutError({
      code: 'E_SHAPE',
      found: `${inputs.length} input values for ${count} inputs`,
      expected: `${inputSize} for each`,
      hint: `The network takes ${network.inputShape.join('×')}.`,
    });
  }
  const desk = new Desk();
  const placed = new PlacedNetwork(desk, network);
  const activations: Float32Array[] = [];
  for (let first = 0; first < count; first += chunk) {
    const mark = desk.mark();
    const rows = Math.min(chunk, count - first);
    const batch = desk.place(inputs.subarray(first * inputSize, (first + rows) * inputSize));
    const x = tensor([rows, ...network.inputShape], batch);
    placed.apply(new Tape(desk, false), x).forEach(({ shape, values }, index) => {
      const rowSize = elements(shape) / rows;
      activations[index] ??= new Float32Array(count * rowSize);
      activations[index].set(desk.floats(values, rows * rowSize), first * rowSize);
    });
    desk.release(mark);
  }
  return { outputs: activations.at(-1) ?? inputs, activations };
}

/** The share of rows whose largest output, the first of equals, is at their label. */
export function shareCorrect(outputs: ArrayLike<number>, labels: Uint8Array): number {
  const classes = outputs.length / labels.length;
  let correct = 0;
  labels.forEach((label, row) => {
    let best = 0;
    for (let j = 1; j < classes; j++) {
      if (outputs[row * classes + j]! > outputs[row * classes + best]!) best = j;
    }
    if (best === label) correct++;
  });
  return correct / labels.length;
}

/** The share of `inputs` whose largest output is at their label. */
export function accuracy(network: FloatNetwork, { inputs, labels }: LabelledData): number {
  return shareCorrect(forward(network, inputs, labels.length).outputs, labels);
}
