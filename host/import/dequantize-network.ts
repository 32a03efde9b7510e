// The real arithmetic that a quantized network stands for: weights, biases and clamps as reals, no rounding anywhere.
import {
  type Mul,
  type Add,
  elementCount,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
} from '../model/quantized-network.js';
import { lookUp } from '../model/lookup.js';
import { unwindBlocks } from '../ops/conv2d.js';
import {
  type Bounds,
  exponential,
  type FloatGraph,
  type GraphOp,
  UNBOUNDED,
  outputOf,
  type WeightedOp,
} from './float-graph.js';

type Weighted = QuantizedOp & Requantization & { weights: Int8Array };

/**
 * Clamps as reals. At the end of the integers' range nothing is clamped, but for what every tensor of that kind has: a
 * least value of 0 (rectified), and 6 above it (ReLU6).
 */
function boundsOf(op: { clampMin: number; clampMax: number }, output: TensorSpec): Bounds {
  const most = output.dtype === 'int16' ? 32767 : 127;
  const real = (q: number): number => (q - output.zeroPoint) * output.scale;
  const rectified = op.clampMin === output.zeroPoint;
  const six = rectified && Math.abs(real(op.clampMax) - 6) < 1.5 * output.scale;
  const low = op.clampMin > -most - 1 || rectified ? real(op.clampMin) : -Infinity;
  const high = six ? 6 : op.clampMax < most ? real(op.clampMax) : Infinity;
  return low === -Infinity && high === Infinity ? UNBOUNDED : [low, high];
}

/** What one unit of an op's weights is worth: its multiplier times the output's over the input's scale. */
function weightScales(op: Requantization, input: TensorSpec, output: TensorSpec): number[] {
  return Array.from(op.multipliers, (multiplier, i) => {
    return (multiplier * 2 ** (op.shifts[i]! - 31) * output.scale) / input.scale;
  });
}

function weightedOp(
  op: Weighted,
  [input]: readonly TensorSpec[],
  output: TensorSpec,
): Omit<WeightedOp, 'inputs' | 'output'> {
  const scales = weightScales(op, input!, output);
  const at = (o: number): number => scales[scales.length === 1 ? 0 : o]!;
  const zero = op.kind === 'dense' ? (op.weightZeroPoint ?? 0) : 0;
  const bias = Float64Array.from(
    op.bias as ArrayLike<number | bigint>,
    (b, o) => Number(b) * input!.scale * at(o),
  );
  const k = op.kind === 'conv2d' ? (op.blockSize ?? 1) : 1;
  const integers =
    op.kind === 'conv2d' && k > 1 ? unwindBlocks(op, k, input!.shape[2]!, bias.length) : op.weights;
  const shape = { kind: op.kind, bias, weights: integers } as unknown as WeightedOp;
  return {
    kind: op.kind as WeightedOp['kind'],
    name: op.name,
    weights: Float64Array.from(integers, (q, i) => (q - zero) * at(outputOf(shape, i))),
    bias,
    scales,
    bounds: boundsOf(op, output),
    ...('kernel' in op ? { window: op } : {}),
    ...(op.kind === 'circulant' ? { blockSize: op.blockSize } : {}),
  };
}

/** The constant operand of an element-wise op, with the scale that its multipliers imply. */
function constantOf(op: Add | Mul, input: TensorSpec, output: TensorSpec): Float64Array | undefined {
  const { constant } = op;
  if (!constant) return undefined;
  const factor = ({ multiplier, shift }: { multiplier: number; shift: number }): number =>
    multiplier * 2 ** (shift - 31);
  const scale =
    op.kind === 'mul'
      ? (factor(op.outputScaling) * output.scale) / input.scale
      : factor(op.inputScalings[1]) * factor(op.outputScaling) * 2 ** op.leftShift * output.scale;
  return Float64Array.from(constant.values, (q) => (q - constant.zeroPoint) * scale);
}

/** A table of 256 as a function of reals: straight between its entries. */
function tableFunction(table: Int8Array, input: TensorSpec, output: TensorSpec): (x: number) => number {
  const entry = (q: number): number =>
    (table[Math.max(0, Math.min(255, q + 128))]! - output.zeroPoint) * output.scale;
  return (x) => {
    const q = x / input.scale + input.zeroPoint;
    const low = Math.floor(q);
    return entry(low) + (q - low) * (entry(low + 1) - entry(low));
  };
}

const logistic = (x: number): number => 1 / (1 + exponential(-x));

function realOp(op: QuantizedOp, inputs: readonly TensorSpec[], output: TensorSpec): object {
  const [input] = inputs as [TensorSpec];
  switch (op.kind) {
    case 'conv2d':
    case 'depthwiseConv2d':
    case 'dense':
    case 'circulant':
      return weightedOp(op as Weighted, inputs, output);
    case 'maxPool2d':
    case 'averagePool2d':
      return { window: op, bounds: boundsOf(op, output) };
    case 'add': {
      const constant = constantOf(op, input, output);
      return { bounds: boundsOf(op, output), ...(constant ? { constant } : {}) };
    }
    case 'mul': {
      const constant = constantOf(op, input, output);
      return { bounds: boundsOf(op, output), ...(constant ? { constant } : {}) };
    }
    case 'mean':
      return op.total ? { total: true } : {};
    case 'logistic':
      return { kind: 'unary', f: logistic };
    case 'requantize':
      return { kind: 'unary', f: (x: number) => x };
    case 'map':
      return { kind: 'unary', f: tableFunction(op.table, input, output) };
    case 'lookup':
      return { kind: 'unary', f: (x: number) => lookUp(op, x / input.scale) * output.scale };
    case 'convert':
      return { kind: 'unary', f: (x: number) => (x / input.scale) * output.scale };
    case 'concat':
      return { axis: op.axis };
    case 'slice':
      return { axis: op.axis, start: op.start };
    case 'pad':
      return { rows: op.rows, columns: op.columns };
    case 'reshape': {
      const same = input.scale === output.scale && input.zeroPoint === output.zeroPoint;
      return same ? {} : { kind: 'reinterpret', from: input, to: output };
    }
    case 'matmul':
    case 'softmax':
    case 'transpose':
    case 'repeat':
      return {};
  }
}

/** Softmax of int8 has its beta in the multiplier: x · beta, then softmax. */
function betaOf(op: QuantizedOp, input: TensorSpec): number {
  if (op.kind !== 'softmax') return 1;
  const { multiplier, shift } = op.inputScaling;
  const factor = multiplier * 2 ** (shift - 31);
  const beta =
    input.dtype === 'int16' ? (factor * 10) / 65535 / input.scale : factor / (2 ** 26 * input.scale);
  return Math.abs(beta - 1) < 1e-3 ? 1 : beta;
}

/** `network` as a float graph over the same tensors. */
export function dequantizeNetwork(network: QuantizedNetwork): FloatGraph {
  const { input, output } = network;
  const tensors = network.tensors.map(({ shape, scale, zeroPoint }) => ({
    shape,
    given: { scale, zeroPoint },
  }));
  const ops = network.ops.flatMap((op): GraphOp[] => {
    const specs = op.inputs.map((tensor) => network.tensors[tensor]!);
    const made = network.tensors[op.output]!;
    const { name, inputs, kind } = op;
    const real = { kind, name, inputs, output: op.output, ...realOp(op, specs, made) } as GraphOp;
    const beta = betaOf(op, specs[0]!);
    if (beta === 1) return [real];
    const scaled = tensors.push({ ...tensors[inputs[0]!]! }) - 1;
    return [
      { kind: 'unary', name: `${name}_beta`, inputs, output: scaled, f: (x) => x * beta },
      { ...real, inputs: [scaled] },
    ];
  });
  const constants = (network.states ?? []).map(({ input: tensor, initial }) => {
    const spec = network.tensors[tensor]!;
    const values = Float64Array.from({ length: elementCount(spec) }, (_, i) => {
      return (initial[initial.length === 1 ? 0 : i]! - spec.zeroPoint) * spec.scale;
    });
    return { tensor, values };
  });
  return { tensors, ops, input, output, ...(constants.length > 0 ? { constants } : {}) };
}
