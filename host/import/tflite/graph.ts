// The state of an import: which tensors of the file are known, as constants or as tensors of the network being built.
import { BrownoutError } from '../../error.js';
import { elementCount, type TensorSpec } from '../../model/quantized-network.js';
import type { ActivationType, Values } from '../../model/values.js';
import { type WeightType, weightTypeOf } from '../../model/weight-types.js';
import type { RealFunction } from '../functions.js';
import type { Mover } from '../moves.js';
import { NetworkBuilder } from '../network-builder.js';
import { Blocked } from '../obstacles.js';
import type { TfliteModel, TfliteOperator, TfliteTensor, TfliteType } from './model.js';

/** Numbers of ActivationFunctionType in the schema. */
export const FUSED = ['NONE', 'RELU', 'RELU_N1_TO_1', 'RELU6', 'TANH', 'SIGN_BIT'];

const BYTES: Partial<Record<TfliteType, number>> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float32: 4,
};

/** A tensor's shape in the network: without the batch of 1. */
const withoutBatch = (shape: readonly number[]): number[] => {
  if (shape.length === 0) return [1];
  return shape.length > 1 && shape[0] === 1 ? shape.slice(1) : [...shape];
};

export class TfliteGraph {
  readonly builder = new NetworkBuilder();
  readonly #model: TfliteModel;
  /** Tensors of the file as tensors of the network. */
  readonly #values = new Map<number, number>();
  /** Integers known at compile time. */
  readonly #folded = new Map<number, number[]>();

  /** Floats between a DEQUANTIZE and a QUANTIZE: what they are of the reals of the integers they are made from. */
  readonly #functions = new Map<number, RealFunction>();

  /** Results of operators that were refused. */
  readonly #blocked = new Set<number>();

  /** What was done that a user should know of. */
  readonly notes = new Set<string>();

  /** Whose kernels results are bit for bit those of. */
  readonly reference: 'tflite' | 'tflm';

  constructor(model: TfliteModel, reference: 'tflite' | 'tflm') {
    this.#model = model;
    this.reference = reference;
  }

  /** Throws `E_TFLITE_OP`, naming the operator. */
  refuse(op: TfliteOperator, found: string, expected: string, hint?: string): never {
    throw new BrownoutError({
      code: 'E_TFLITE_OP',
      found: `op ${op.index} ${op.name} ${found}`,
      expected,
      hint: hint ?? 'Change the model there, or convert it in another way.',
    });
  }

  describe(tensor: TfliteTensor): string {
    return `tensor ${tensor.index} "${tensor.name}" (${tensor.type} [${tensor.shape}])`;
  }

  /** Says that an operator was refused: what uses its results is not looked at. */
  block(op: TfliteOperator): void {
    for (const index of op.outputs) this.#blocked.add(index);
  }

  /** Input `slot` of an operator, undefined if it has none. */
  optional(op: TfliteOperator, slot: number): TfliteTensor | undefined {
    const index = op.inputs[slot] ?? -1;
    if (this.#blocked.has(index)) throw new Blocked();
    return index < 0 ? undefined : this.#model.tensors[index];
  }

  /** Adds ops that copy, for an operator. */
  mover(op: TfliteOperator): Mover {
    const { builder } = this;
    const like = (tensor: number, shape: readonly number[]): TensorSpec => ({
      ...builder.spec(tensor),
      shape,
    });
    return {
      shapeOf: (tensor) => builder.spec(tensor).shape,
      reshape: (tensor, shape) => builder.reshape(tensor, shape),
      slice: (tensor, axis, start, shape) =>
        builder.add({ kind: 'slice', name: 'slice', axis, start }, [tensor], like(tensor, shape)),
      concat: (tensors, axis, shape) =>
        builder.add({ kind: 'concat', name: op.name.toLowerCase(), axis }, tensors, like(tensors[0]!, shape)),
      repeat: (tensor, shape) =>
        builder.add({ kind: 'repeat', name: 'repeat' }, [tensor], like(tensor, shape)),
      transpose: (tensor, permutation, shape) =>
        builder.add({ kind: 'transpose', name: 'transpose', permutation }, [tensor], like(tensor, shape)),
      tooMany: (parts, most) => this.refuse(op, `of ${parts} parts`, `at most ${most}`),
    };
  }

  input(op: TfliteOperator, slot = 0): TfliteTensor {
    return this.optional(op, slot) ?? this.refuse(op, `without input ${slot}`, 'one');
  }

  /** Every output of an operator of several. */
  outputs(op: TfliteOperator): TfliteTensor[] {
    return op.outputs.map((index) => this.#model.tensors[index]!);
  }

  output(op: TfliteOperator): TfliteTensor {
    const [index] = op.outputs;
    if (index === undefined || op.outputs.length !== 1)
      this.refuse(op, `with ${op.outputs.length} outputs`, 'one');
    return this.#model.tensors[index]!;
  }

  isConstant(tensor: TfliteTensor): boolean {
    return tensor.data.length > 0 || this.#folded.has(tensor.index);
  }

  /** The quantized tensor a tensor of the file is. */
  spec(op: TfliteOperator, tensor: TfliteTensor): TensorSpec {
    const { type, shape, scales, zeroPoints } = tensor;
    if (type !== 'int8' && type !== 'uint8' && type !== 'int16') {
      const hint =
        type === 'float32'
          ? 'Quantize the model to int8 when converting it, its input and output too.'
          : undefined;
      this.refuse(op, `on ${this.describe(tensor)}`, 'activations of int8, uint8 or int16', hint);
    }
    const [scale = 0] = scales;
    if (scales.length !== 1 || !(scale > 0 && scale < Infinity))
      this.refuse(
        op,
        `on ${this.describe(tensor)} with ${scales.length} scales, the first ${scale}`,
        'one above 0',
      );
    if (elementCount({ shape }) === 0)
      this.refuse(op, `on ${this.describe(tensor)}`, 'a tensor with elements');
    // Unsigned ones are stored less 128.
    const zeroPoint = (zeroPoints[0] ?? 0) - (type === 'uint8' ? 128 : 0);
    const most = type === 'int16' ? 0 : 127;
    if (!(zeroPoint >= (most && -128) && zeroPoint <= most))
      this.refuse(op, `on ${this.describe(tensor)} with zero point ${zeroPoint}`, `one of ${type}`);
    return {
      shape: withoutBatch(shape),
      scale,
      zeroPoint,
      ...(type === 'int16' ? { dtype: 'int16' as ActivationType } : {}),
    };
  }

  /** The network's tensor that input `slot` is. */
  activation(op: TfliteOperator, slot = 0): number {
    const tensor = this.input(op, slot);
    const value = this.#values.get(tensor.index);
    if (this.#functions.has(tensor.index))
      this.refuse(op, `on ${this.describe(tensor)}, floats that are computed`, 'a QUANTIZE before it');
    if (value !== undefined) return value;
    const what = this.isConstant(tensor) ? 'a constant' : 'nothing that came before';
    return this.refuse(op, `on ${this.describe(tensor)}, ${what}`, 'an activation');
  }

  /** The same where floats are a function of integers: these, and the function. */
  realsOf(op: TfliteOperator): { value: number; f: RealFunction | undefined } {
    const { index } = this.input(op);
    const f = this.#functions.get(index);
    return { value: (f && this.#values.get(index)) ?? this.activation(op), f };
  }

  /** Says that a tensor of floats is a function of the reals that a tensor of the network stands for. */
  defineReals(tensor: TfliteTensor, value: number, f: RealFunction): void {
    this.#values.set(tensor.index, value);
    this.#functions.set(tensor.index, f);
  }

  /** What tensor `index` of floats is of the reals that its integers stand for; undefined: these. */
  functionOf(index: number): RealFunction | undefined {
    return this.#functions.get(index);
  }

  /** Says which tensor of the network tensor `index` of the file is, floats that were computed. */
  answer(index: number, value: number): void {
    this.#functions.delete(index);
    this.#values.set(index, value);
  }

  /** Says which tensor of the network one of the file is. */
  define(tensor: TfliteTensor, value: number): void {
    this.#values.set(tensor.index, value);
  }

  /** The network's tensor that tensor `index` of the file is. */
  value(index: number): number | undefined {
    return this.#values.get(index);
  }

  /** Integers that are known now, of an output. */
  fold(tensor: TfliteTensor, integers: number[]): void {
    this.#folded.set(tensor.index, integers);
  }

  #checkData(op: TfliteOperator, tensor: TfliteTensor, bytes: number): void {
    if (tensor.data.length === bytes) return;
    this.refuse(op, `on ${this.describe(tensor)} of ${tensor.data.length} bytes`, `${bytes}`);
  }

  /** Constant integers of input `slot`: axes, shapes, biases. */
  integers(op: TfliteOperator, slot: number): number[] {
    return this.wideIntegers(op, slot).map(Number);
  }

  /** The same as 64-bit ones. */
  wideIntegers(op: TfliteOperator, slot: number): bigint[] {
    const tensor = this.input(op, slot);
    const folded = this.#folded.get(tensor.index);
    if (folded) return folded.map(BigInt);
    const { type, data } = tensor;
    if (data.length === 0) this.refuse(op, `on ${this.describe(tensor)}, which is computed`, 'a constant');
    if (type !== 'int32' && type !== 'int64')
      this.refuse(op, `on ${this.describe(tensor)}`, 'constants of int32 or int64');
    const count = elementCount(tensor);
    this.#checkData(op, tensor, count * BYTES[type]!);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    return Array.from({ length: count }, (_, i) =>
      type === 'int64' ? view.getBigInt64(i * 8, true) : BigInt(view.getInt32(i * 4, true)),
    );
  }

  /** Constant weights or activations as stored, and how wide. */
  constants(op: TfliteOperator, tensor: TfliteTensor): { values: Values; bits: 4 | 8 | 16 } {
    const { type, data } = tensor;
    const count = elementCount(tensor);
    if (data.length === 0) this.refuse(op, `on ${this.describe(tensor)}, which is computed`, 'a constant');
    if (type === 'int4') {
      this.#checkData(op, tensor, Math.ceil(count / 2));
      const nibble = (i: number): number => ((data[i >> 1]! >> (i & 1 ? 4 : 0)) << 28) >> 28;
      return { values: Int8Array.from({ length: count }, (_, i) => nibble(i)), bits: 4 };
    }
    if (type === 'uint8') {
      this.#checkData(op, tensor, count);
      return { values: Int8Array.from(data, (byte) => byte - 128), bits: 8 };
    }
    if (type === 'int8') {
      this.#checkData(op, tensor, count);
      return { values: Int8Array.from(data, (byte) => (byte << 24) >> 24), bits: 8 };
    }
    if (type !== 'int16')
      this.refuse(op, `on ${this.describe(tensor)}`, 'constants of int8, uint8, int4 or int16');
    this.#checkData(op, tensor, count * 2);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    return { values: Int16Array.from({ length: count }, (_, i) => view.getInt16(i * 2, true)), bits: 16 };
  }

  /** Weights of int8 or int4. */
  weights(op: TfliteOperator, tensor: TfliteTensor): { weights: Int8Array; weightType: WeightType } {
    const { values, bits } = this.constants(op, tensor);
    if (bits === 16 || !(values instanceof Int8Array))
      this.refuse(op, `on ${this.describe(tensor)}`, 'weights of int8 or int4');
    return { weights: values, weightType: weightTypeOf(bits) };
  }

  /** The range that fused activation `code` leaves of an output. TFLite's CalculateActivationRangeQuantized. */
  clamp(op: TfliteOperator, code: number, output: TensorSpec): { clampMin: number; clampMax: number } {
    const most = output.dtype === 'int16' ? 32767 : 127;
    const quantized = (real: number): number => {
      const q = Math.fround(real / output.scale);
      return Math.sign(q) * Math.floor(Math.abs(q) + 0.5) + output.zeroPoint;
    };
    const range = (low: number, high: number): { clampMin: number; clampMax: number } => ({
      clampMin: Math.max(-most - 1, low),
      clampMax: Math.max(Math.max(-most - 1, low), Math.min(most, high)),
    });
    switch (FUSED[code]) {
      case 'NONE':
        return range(-most - 1, most);
      case 'RELU':
        return range(quantized(0), most);
      case 'RELU_N1_TO_1':
        return range(quantized(-1), quantized(1));
      case 'RELU6':
        return range(quantized(0), quantized(6));
      default:
        return this.refuse(
          op,
          `with fused activation ${FUSED[code] ?? code}`,
          'NONE, RELU, RELU6 or RELU_N1_TO_1',
        );
    }
  }
}

/** Imports one operator. */
export type Handler = (graph: TfliteGraph, op: TfliteOperator) => void;
