// The digits network as a .tflite file, as a converter would write it: what people bring. Circulant layers become dense ones.
import { elementCount, type QuantizedNetwork, type QuantizedOp } from '../host/model/quantized-network.js';
import { writeTflite } from './tflite/write-tflite.js';

/** A circulant layer's weights as a dense layer has them, [out][in]: y[r] = Σ c[(r − i) mod k]·x[i] in each block. */
function dense(network: QuantizedNetwork, op: QuantizedOp): QuantizedOp {
  if (op.kind !== 'circulant') return op;
  const { blockSize: k, method: _, spectra: __, ...rest } = op;
  const inputs = elementCount(network.tensors[op.inputs[0]!]!);
  const outputs = elementCount(network.tensors[op.output]!);
  const blocks = Math.ceil(inputs / k);
  const weights = Int8Array.from({ length: outputs * inputs }, (___, at) => {
    const [row, column] = [Math.floor(at / inputs), at % inputs];
    const block = Math.floor(row / k) * blocks + Math.floor(column / k);
    return op.weights[block * k + (((row % k) - (column % k) + k) % k)]!;
  });
  const all = <T extends Int32Array>(values: T): Int32Array =>
    values.length === outputs ? values : new Int32Array(outputs).fill(values[0]!);
  return { ...rest, kind: 'dense', weights, multipliers: all(op.multipliers), shifts: all(op.shifts) };
}

/** The file. */
export function digitsTflite(network: QuantizedNetwork): Uint8Array {
  return writeTflite({ ...network, ops: network.ops.map((op) => dense(network, op)) });
}
