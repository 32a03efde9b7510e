import {
  ALIGNMENT,
  DENSE_CHUNK,
  DENSE_GROUP,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  OP_KIND,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
} from '../../../assembly/layout.js';
import { elementCount, type Dense, type TensorSpec } from '../../model/quantized-network.js';
import {
  type TileLimits,
  type LoweredOp,
  align,
  packWeights,
  weightBytes,
  arenaFor,
  placeAreas,
  refuse,
  tooLarge,
  foldBias,
  rowSums,
  requantization,
  requantBytes,
} from './lowering.js';
import { denseTileCycles } from '../cost.js';
import { OpRecord } from '../record.js';

export function lowerDense(op: Dense, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const inputs = elementCount(input);
  const outputs = elementCount(output);
  if (op.weights.length !== inputs * outputs) {
    refuse(
      op,
      `with ${op.weights.length} weights`,
      `${outputs} × ${inputs}`,
      'Check the shapes of its tensors.',
    );
  }
  const areasOf = (group: number, chunk: number): number[] => [
    chunk,
    weightBytes(op.weightBits, chunk, group).sram,
    group * 4,
    requantBytes(op, group),
    group,
  ];
  let group = outputs;
  let chunk = inputs;
  const fits = (): boolean => arenaFor(areasOf(group, chunk)) <= limits.arenaBytes;
  for (let parts = 1; group > 1 && (!fits() || denseTileCycles(group, inputs) > limits.tileCycles);) {
    group = Math.ceil(outputs / ++parts);
  }
  while (!fits() && chunk > ALIGNMENT) chunk = align(chunk / 2);
  if (!fits()) tooLarge(op, arenaFor(areasOf(1, ALIGNMENT)), limits);
  const record = new OpRecord();
  record.set(OP_KIND, OpKind.DENSE_S8);
  record.set(OP_TILES, Math.ceil(outputs / group));
  record.set(DENSE_INPUTS, inputs);
  record.set(DENSE_OUTPUTS, outputs);
  record.set(DENSE_GROUP, group);
  record.set(DENSE_CHUNK, chunk);
  const bias = foldBias(op.bias, rowSums(op.weights, outputs), input.zeroPoint);
  const constants = [
    { field: OP_WEIGHTS, bytes: packWeights(op.weights, inputs, op.weightBits, record) },
    ...requantization(op, bias, output, record),
  ];
  return { record, constants, arenaBytes: placeAreas(record, areasOf(group, chunk)) };
}
