// A network whose head can learn by sums: its last layer dense, and as many classes as there may ever be.
import {
  elementCount,
  type Circulant,
  type QuantizedNetwork,
  type QuantizedOp,
} from '../../model/quantized-network.js';
import { inputOf, outputOf } from '../geometry.js';

/** Weights of the dense layer that a circulant one is, bit for bit. */
function denseWeights({ weights, blockSize: k }: Circulant, inputs: number, outputs: number): Int8Array {
  const blocks = Math.ceil(inputs / k);
  return Int8Array.from({ length: outputs * inputs }, (_, at) => {
    const [o, i] = [Math.floor(at / inputs), at % inputs];
    const block = Math.floor(o / k) * blocks + Math.floor(i / k);
    return weights[block * k + (((o % k) - (i % k) + k) % k)]!;
  });
}

/** The same network with the op that makes `logits` dense, if it is circulant. */
export function withDenseHead(network: QuantizedNetwork, logits: number): QuantizedNetwork {
  const ops = network.ops.map((op): QuantizedOp => {
    if (op.output !== logits || op.kind !== 'circulant') return op;
    const [inputs, outputs] = [inputOf(network, op), outputOf(network, op)].map((tensor) =>
      elementCount(tensor),
    ) as [number, number];
    const { name, inputs: from, output, bias, multipliers, shifts, clampMin, clampMax } = op;
    const weights = denseWeights(op, inputs, outputs);
    return {
      kind: 'dense',
      name,
      inputs: from,
      output,
      bias,
      multipliers,
      shifts,
      clampMin,
      clampMax,
      weights,
    };
  });
  return { ...network, ops };
}
