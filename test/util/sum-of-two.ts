import type { QuantizedNetwork } from '../../host/model/quantized-network.js';

/** The sum of two inputs of two numbers each; with `initial` the second is what the first answer was. */
export function sumOfTwo(initial?: number[]): QuantizedNetwork {
  const one = { shape: [2], scale: 1, zeroPoint: 0 };
  const whole = { shape: [4], scale: 1, zeroPoint: 0 };
  const half = { multiplier: 2 ** 30, shift: 0 };
  return {
    name: 'sum',
    tensors: [whole, one, one, one, whole],
    ops: [
      { kind: 'slice', name: 'x', axis: 0, start: 0, inputs: [0], output: 1 },
      { kind: 'slice', name: 's', axis: 0, start: 2, inputs: [0], output: 2 },
      {
        kind: 'add',
        name: 'sum',
        inputs: [1, 2],
        output: 3,
        leftShift: 20,
        inputScalings: [half, half],
        outputScaling: { multiplier: 2 ** 30, shift: -18 },
        clampMin: -128,
        clampMax: 127,
      },
      { kind: 'concat', name: 'both', axis: 0, inputs: [3, 3], output: 4 },
    ],
    input: 0,
    output: 4,
    inputs: [
      { name: 'x', tensor: one },
      { name: 'total', tensor: one, ...(initial ? { initial } : {}) },
    ],
    outputs: [
      { name: 'y', tensor: one },
      { name: 'total', tensor: one },
    ],
  };
}
