// An op of the trainer's tape against its definition: values, and gradients by finite differences.
import * as assert from 'uvu/assert';
import { Desk } from '../../host/compress/desk-module.js';
import { elements } from '../../host/compress/layers.js';
import { type Tensor, tensor } from '../../host/compress/recorder.js';
import { Tape } from '../../host/compress/tape.js';
import { Random } from '../../host/math/random.js';
import type { Values } from './naive-layers.js';

// Operands are odd multiples of 2⁻¹⁰, all different and none near zero: float32 holds them exactly, and no maximum or
// sign changes within a finite difference's step.
export const step = 2 ** -12;

export function draw(random: Random, count: number): number[] {
  const ranks = random.shuffle(Array.from({ length: count }, (_, index) => index));
  return ranks.map((rank) => (2 * rank + 1 - count) / 1024 + (rank * 2 < count ? -0.25 : 0.25));
}

export function close(found: Float32Array, expected: Values, name: string): void {
  assert.is(found.length, expected.length, `${name}: count`);
  const scale = Math.max(...expected.map(Math.abs));
  found.forEach((value, index) => {
    const error = Math.abs(value - expected[index]!);
    assert.ok(error <= 2e-5 * scale + 1e-6, `${name}[${index}]: ${value}, expected ${expected[index]}`);
  });
}

/**
 * Checks a tape op against its oracle: the values, then d(Σ weight · output)/d(every operand) against central
 * differences of the oracle. The weighting is made by a dense layer of one output, itself an op under test.
 */
export function checkOp(
  name: string,
  shapes: readonly (readonly number[])[],
  op: (tape: Tape, operands: Tensor[]) => Tensor,
  oracle: (operands: readonly Values[]) => number[],
): void {
  const random = new Random(shapes.flat().reduce((a, b) => a * 31 + b, 7));
  const desk = new Desk();
  const operands = shapes.map((shape) => draw(random, elements(shape)));
  const place = (values: Values, shape: readonly number[]): Tensor =>
    tensor(shape, desk.place(Float32Array.from(values)), desk.place(new Float32Array(values.length)));
  const placed = operands.map((values, index) => place(values, shapes[index]!));

  const tape = new Tape(desk);
  const result = op(tape, placed);
  const expected = oracle(operands);
  close(desk.floats(result.values, elements(result.shape)), expected, name);

  const weighting = draw(random, expected.length);
  const flat = tensor([1, expected.length], result.values, result.gradient);
  const sum = tape.dense(flat, place(weighting, [1, expected.length]), place([0], [1]));
  desk.floats(sum.gradient, 1)[0] = 1;
  tape.backward();

  const objective = (): number =>
    oracle(operands).reduce((total, value, i) => total + value * weighting[i]!, 0);
  operands.forEach((values, index) => {
    const differences = values.map((value, at) => {
      values[at] = value + step;
      const above = objective();
      values[at] = value - step;
      const below = objective();
      values[at] = value;
      return (above - below) / (2 * step);
    });
    close(
      desk.floats(placed[index]!.gradient, values.length),
      differences,
      `${name}, gradient of operand ${index}`,
    );
  });
}
