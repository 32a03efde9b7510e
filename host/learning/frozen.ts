// The part of a network below the earliest layer that learns: its result for an input never changes.
import { BrownoutError } from '../error.js';
import {
  elementCount,
  quantizeMultiplier,
  type Add,
  type Concat,
  type Mul,
  type Pad,
  type QuantizedNetwork,
  type QuantizedOp,
  type Scaling,
  type TensorSpec,
} from '../model/quantized-network.js';
import { logistic } from '../model/fixed-point.js';
import { permutedFrom } from '../model/permutation.js';
import { kernelOf, shippedParameters } from './forward.js';
import { inputOf, isPassable, isWeighted, mapShape, opsFor, outputOf } from './geometry.js';
import { clampTo, scaleInt32 } from './integer.js';

export type Operation = (inputs: readonly Int8Array[]) => Int8Array;

const scaled = (value: number, { multiplier, shift }: Scaling): number =>
  scaleInt32(value, multiplier, shift);
const table = (f: (q: number) => number): Operation => {
  const values = Int8Array.from({ length: 256 }, (_, i) => f(i - 128));
  return ([x]) => x!.map((q) => values[q + 128]!);
};
const int8 = (value: number): number => clampTo(value, -128, 127);

function elementwise(network: QuantizedNetwork, op: Add | Mul): Operation {
  const { zeroPoint } = outputOf(network, op);
  const first = inputOf(network, op).zeroPoint;
  const second = op.constant ? op.constant.zeroPoint : network.tensors[op.inputs[1]!]!.zeroPoint;
  const raw =
    op.kind === 'mul'
      ? (a: number, b: number): number => a * b
      : (a: number, b: number): number =>
          scaled(a << op.leftShift, op.inputScalings[0]) + scaled(b << op.leftShift, op.inputScalings[1]);
  return ([x, other]) => {
    const y = op.constant?.values ?? other!;
    return x!.map((q, i) => {
      const value = scaled(raw(q - first, y[i]! - second), op.outputScaling) + zeroPoint;
      return clampTo(value, op.clampMin, op.clampMax);
    });
  };
}

function pad(network: QuantizedNetwork, op: Pad): Operation {
  const [height, width, channels] = mapShape(inputOf(network, op));
  const output = outputOf(network, op);
  const columns = mapShape(output)[1];
  const { zeroPoint } = inputOf(network, op);
  return ([x]) => {
    const y = new Int8Array(elementCount(output)).fill(zeroPoint);
    for (let row = 0; row < height; row++) {
      const from = row * width * channels;
      y.set(
        x!.subarray(from, from + width * channels),
        ((row + op.rows[0]) * columns + op.columns[0]) * channels,
      );
    }
    return y;
  };
}

/** Elements of one step along `axis`, and of all of it. */
function runs({ shape }: TensorSpec, axis: number): [step: number, run: number] {
  const at = (axis + shape.length) % shape.length;
  const step = elementCount({ shape: shape.slice(at + 1) });
  return [step, step * shape[at]!];
}

function concat(network: QuantizedNetwork, op: Concat): Operation {
  const output = outputOf(network, op);
  const [, whole] = runs(output, op.axis);
  const maps = op.inputs.map((index) => {
    const input = network.tensors[index]!;
    if (input.scale === output.scale && input.zeroPoint === output.zeroPoint) return undefined;
    const scaling = quantizeMultiplier(input.scale / output.scale);
    return table((q) => int8(scaled(q - input.zeroPoint, scaling) + output.zeroPoint));
  });
  return (inputs) => {
    const y = new Int8Array(elementCount(output));
    let start = 0;
    inputs.forEach((values, which) => {
      const [, run] = runs(network.tensors[op.inputs[which]!]!, op.axis);
      const x = maps[which]?.([values]) ?? values;
      for (let i = 0; i * run < x.length; i++) y.set(x.subarray(i * run, (i + 1) * run), i * whole + start);
      start += run;
    });
    return y;
  };
}

/** A function that computes `op` as the network ships it. Errors: E_LEARN of ops that only the device computes. */
export function operationOf(network: QuantizedNetwork, op: QuantizedOp): Operation {
  if (isPassable(op)) {
    const kernel = kernelOf(network, op);
    const parameters = isWeighted(op)
      ? shippedParameters(network, op)
      : { weights: new Int8Array(0), folded: new Int32Array(0) };
    return ([x]) => kernel(x!, parameters).slice();
  }
  const [input, output] = [inputOf(network, op), outputOf(network, op)];
  switch (op.kind) {
    case 'reshape':
      return ([x]) => x!;
    case 'add':
    case 'mul':
      return elementwise(network, op);
    case 'requantize':
      return table((q) => int8(scaled(q - input.zeroPoint, op.scaling) + output.zeroPoint));
    case 'map':
      return table((q) => op.table[q + 128]!);
    case 'logistic':
      return table((q) => logistic(q, input));
    case 'pad':
      return pad(network, op);
    case 'concat':
      return concat(network, op);
    case 'slice': {
      const [step, run] = runs(input, op.axis);
      const [, kept] = runs(output, op.axis);
      return ([x]) =>
        Int8Array.from({ length: elementCount(output) }, (_, i) => {
          return x![Math.floor(i / kept) * run + op.start * step + (i % kept)]!;
        });
    }
    case 'transpose': {
      const from = permutedFrom(input.shape, op.permutation ?? [1, 0]);
      return ([x]) => x!.map((_, i) => x![from[i]!]!);
    }
    case 'repeat':
      return ([x]) => Int8Array.from({ length: elementCount(output) }, (_, i) => x![i % x!.length]!);
    case 'matmul':
    case 'lookup':
    case 'convert':
    case 'softmax':
      throw new BrownoutError({
        code: 'E_LEARN',
        found: `${op.kind} "${op.name}" below the layers that learn`,
        expected: 'ops that the desk mirrors',
        hint: 'Tune the learning rate elsewhere; the device learns all the same.',
      });
  }
}

/** Values of one tensor for inputs, remembered for each input array. */
export class FrozenPart {
  private readonly operations: { run: Operation; inputs: readonly number[]; output: number }[];
  private readonly known = new WeakMap<Int8Array, Int8Array>();

  constructor(
    private readonly network: QuantizedNetwork,
    readonly tensor: number,
  ) {
    this.operations = opsFor(network, tensor).map((index) => {
      const op = network.ops[index]!;
      return { run: operationOf(network, op), inputs: op.inputs, output: op.output };
    });
  }

  /** The tensor's values for an input, which must not change from then on. */
  features(input: Int8Array): Int8Array {
    const remembered = this.known.get(input);
    if (remembered) return remembered;
    const values = new Map([[this.network.input, input]]);
    for (const { run, inputs, output } of this.operations) {
      values.set(output, run(inputs.map((index) => values.get(index)!)));
    }
    const features = values.get(this.tensor)!;
    this.known.set(input, features);
    return features;
  }
}
