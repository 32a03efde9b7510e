import type { QuantizedNetwork, QuantizedOp, TensorSpec } from '../../host/model/quantized-network.js';

const ONE: TensorSpec = { shape: [2], scale: 1, zeroPoint: 0 };
const HALF = { multiplier: 2 ** 30, shift: 0 };

const sum = (a: number, b: number, output: number): QuantizedOp => ({
  kind: 'add',
  name: 'sum',
  inputs: [a, b],
  output,
  leftShift: 20,
  inputScalings: [HALF, HALF],
  outputScaling: { multiplier: 2 ** 30, shift: -18 },
  clampMin: -128,
  clampMax: 127,
});

/** The sum of two inputs of two numbers each, twice. */
export function sumOfTwo(): QuantizedNetwork {
  const whole = { ...ONE, shape: [4] };
  return {
    name: 'sum',
    tensors: [whole, ONE, ONE, ONE, whole],
    ops: [
      { kind: 'slice', name: 'x', axis: 0, start: 0, inputs: [0], output: 1 },
      { kind: 'slice', name: 's', axis: 0, start: 2, inputs: [0], output: 2 },
      sum(1, 2, 3),
      { kind: 'concat', name: 'both', axis: 0, inputs: [3, 3], output: 4 },
    ],
    input: 0,
    output: 4,
    inputs: [
      { name: 'x', tensor: ONE },
      { name: 'total', tensor: ONE },
    ],
    outputs: [
      { name: 'y', tensor: ONE },
      { name: 'total', tensor: ONE },
    ],
  };
}

/** The sum of all inputs so far, from `initial` on; the answer is the state itself. */
export function counter(initial: readonly number[]): QuantizedNetwork {
  return {
    name: 'counter',
    tensors: [ONE, ONE, ONE],
    ops: [sum(0, 1, 2)],
    input: 0,
    output: 2,
    states: [{ name: 'total', input: 1, output: 2, initial }],
  };
}
