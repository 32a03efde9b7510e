// Running a float network on the desk module.
import { BrownoutError } from '../error.js';
import { Desk } from './desk-module.js';
import type { FloatNetwork, ForwardResult, LabelledData } from './float-network.js';
import { elements } from './layers.js';
import { PlacedNetwork } from './placed-network.js';
import { tensor, type Tensor } from './recorder.js';
import { Tape } from './tape.js';

const chunk = 64;

/** Runs inputs through the network, a chunk at a time; `use` gets each chunk's results, a tensor of `rows` a layer. */
function inChunks(
  network: FloatNetwork,
  inputs: Float32Array,
  count: number,
  use: (desk: Desk, results: readonly Tensor[], first: number) => void,
): void {
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
  for (let first = 0; first < count; first += chunk) {
    const mark = desk.mark();
    const rows = Math.min(chunk, count - first);
    const batch = desk.place(inputs.subarray(first * inputSize, (first + rows) * inputSize));
    const x = tensor([rows, ...network.inputShape], batch);
    use(desk, placed.apply(new Tape(desk, false), x), first);
    desk.release(mark);
  }
}

/** Puts a chunk's rows, from row `first` on, where they belong among those of all `count` inputs. */
function collect(
  desk: Desk,
  { shape, values }: Tensor,
  first: number,
  count: number,
  to?: Float32Array,
): Float32Array {
  const rowSize = elements(shape.slice(1));
  const all = to ?? new Float32Array(count * rowSize);
  all.set(desk.floats(values, elements(shape)), first * rowSize);
  return all;
}

/**
 * Runs `count` inputs [count][height][width][channels] through the network in float32. The same bits on every machine,
 * and a row's result does not depend on the other rows. Throws `E_SHAPE`.
 */
export function forward(network: FloatNetwork, inputs: Float32Array, count: number): ForwardResult {
  const activations: Float32Array[] = [];
  inChunks(network, inputs, count, (desk, results, first) =>
    results.forEach((result, i) => {
      activations[i] = collect(desk, result, first, count, activations[i]);
    }),
  );
  return { outputs: activations.at(-1) ?? inputs, activations };
}

/** What `answersOf` has found so far. */
const known = new WeakMap<FloatNetwork, WeakMap<Float32Array, Float32Array>>();

/** The outputs of `forward`, found once for a network and inputs, neither of which may change. */
export function answersOf(network: FloatNetwork, inputs: Float32Array, count: number): Float32Array {
  const own = known.get(network) ?? new WeakMap<Float32Array, Float32Array>();
  known.set(network, own);
  let answers = own.get(inputs);
  if (answers) return answers;
  inChunks(network, inputs, count, (desk, results, first) => {
    answers = collect(desk, results.at(-1)!, first, count, answers);
  });
  own.set(inputs, answers!);
  return answers!;
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
