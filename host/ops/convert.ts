// Between int8 and int16: bytes copied by maps of int8, so that no kernel has two types. Values are little-endian.
import { OP_INPUT } from '../../assembly/layout.js';
import { type Convert, elementCount, type TensorSpec } from '../model/quantized-network.js';
import { lowerRows } from './map.js';
import { type NetworkOp, one } from './op.js';
import { checkLength, unsound } from './shared/check.js';
import type { LoweredOp, TileLimits } from './shared/lowering.js';

const lowByte = (value: number): number => (value << 24) >> 24;

/** One record for each byte that is made. */
function lowerConvert(input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp[] {
  const count = elementCount(input);
  const bytes: TensorSpec = { shape: [count], scale: 1, zeroPoint: 0 };
  if (output.dtype !== 'int16') {
    const zero = output.zeroPoint;
    const rows = { count, length: 1, inputStride: 2, outputStride: 1 };
    const table = zero === 0 ? undefined : (q: number): number => lowByte(q + zero);
    return [lowerRows(bytes, rows, table, limits)];
  }
  const zero = input.zeroPoint;
  const rows = { count, length: 1, inputStride: 1, outputStride: 2 };
  const lower = lowerRows(bytes, rows, zero === 0 ? undefined : (q) => lowByte(q - zero), limits);
  const upper = lowerRows(bytes, rows, (q) => (q - zero) >> 8, limits);
  const inputs = [{ field: OP_INPUT, input: 0 }];
  return [
    { ...lower, inputs },
    { ...upper, inputs, outputOffset: 1 },
  ];
}

export const convert: NetworkOp<Convert> = {
  inputs: one,
  int16: true,
  check(op, [input], output) {
    checkLength(op, 'output elements', elementCount(output), elementCount(input!));
    const types = [input!, output].map(({ dtype = 'int8' }) => dtype);
    if (types[0] === types[1]) unsound(op, `two tensors of ${types[0]}`, 'int8 and int16');
  },
  lower: (_, [input], output, limits) => lowerConvert(input!, output, limits),
};
