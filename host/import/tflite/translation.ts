// A float .tflite model while it is said in ONNX' nodes: names, constants, nodes.
import { BrownoutError } from '../../error.js';
import { elementCount } from '../../model/quantized-network.js';
import { halfToFloat, type OnnxAttribute, type OnnxNode, type OnnxTensor } from '../onnx/model.js';
import { FUSED } from './graph.js';
import type { TfliteModel, TfliteOperator, TfliteTensor, TfliteType } from './model.js';

/** Values of attributes: a whole number, whole numbers, or `{ real }`, `{ text }`. */
export type Attributes = Record<string, number | readonly number[] | { real: number } | { text: string }>;

/** What an operator is in nodes. */
export type Rule = (t: Translation, op: TfliteOperator) => void;

/** Constant integers of input `slot`. */
export const integersOf = (t: Translation, slot: number): number[] =>
  Array.from(t.constants.get(t.input(slot))?.values ?? []);

/** Types whose integers stand for reals, and their bits. */
const INTEGERS: Partial<Record<TfliteType, number>> = { int8: 8, uint8: 8, int16: 16 };

/** A model while it is said in nodes. */
export class Translation {
  readonly nodes: OnnxNode[] = [];
  readonly constants = new Map<string, OnnxTensor>();
  readonly #model: TfliteModel;
  #op: TfliteOperator = { index: 0, name: '', inputs: [], outputs: [], options: undefined };
  #serial = 0;
  /** Inputs of the model that stand for reals, under the names these have. */
  readonly #renamed = new Map<number, string>();
  /** How far apart the taps of a convolution lie that takes a tensor: what SPACE_TO_BATCH_ND says. */
  readonly apart = new Map<number, readonly number[]>();

  constructor(model: TfliteModel) {
    this.#model = model;
  }

  begin(op: TfliteOperator): void {
    this.#op = op;
  }

  tensor(index: number): TfliteTensor {
    return this.#model.tensors[index]!;
  }

  /** The scale of a tensor of integers that stand for reals. */
  #scaled(index: number): TfliteTensor | undefined {
    const tensor = this.#model.tensors[index];
    return tensor && INTEGERS[tensor.type] && (tensor.scales[0] ?? 0) > 0 ? tensor : undefined;
  }

  /** Rounds reals to the integers that the file has for them. */
  #round(tensor: TfliteTensor, from: string, to: string): void {
    const zero = this.constant([tensor.zeroPoints[0] ?? 0], []);
    const bits = INTEGERS[tensor.type]!;
    this.constants.set(zero, { ...this.constants.get(zero)!, unsigned: tensor.type === 'uint8', bits });
    const scale = this.constant([tensor.scales[0]!], [], false);
    const integers = this.add('QuantizeLinear', [from, scale, zero]);
    this.add('DequantizeLinear', [integers, scale, zero], {}, [to]);
  }

  /** An input of the model: of integers, the reals they stand for. */
  start(index: number): void {
    const tensor = this.#scaled(index);
    if (!tensor) return;
    const name = this.name(index);
    this.#round(tensor, name, `${name}:real`);
    this.#renamed.set(index, `${name}:real`);
  }

  /** Rounds what the operator has made, where the file has integers for it. */
  settle(): void {
    for (const index of this.#op.outputs) {
      const tensor = this.#scaled(index);
      const made = `${this.name(index)}:exact`;
      const constant = this.constants.get(made);
      if (tensor && constant) this.constants.set(this.name(index), constant);
      else if (tensor) this.#round(tensor, made, this.name(index));
    }
  }

  /** An operator of a form that there is no rule for: `what` says which. */
  unknown(what: string): void {
    this.add(what, [], {}, [this.output()], 'tflite');
    this.nodes.at(-1)!.label = `op ${this.#op.index} ${what}`;
  }

  /** Dilations of a convolution, apart as its input says. */
  dilations(own: readonly [number, number]): number[] {
    const block = this.apart.get(this.#op.inputs[0] ?? -1);
    return own.map((one, axis) => one * (block?.[axis] ?? 1));
  }

  /** Says that a window's result lies apart as its input does; returns whether it `can`. */
  keepApart(can: boolean): boolean {
    const { name, inputs, outputs } = this.#op;
    const block = this.apart.get(inputs[0] ?? -1);
    if (!block) return true;
    if (can) this.apart.set(outputs[0]!, block);
    else this.unknown(`${name} with padding or strides after SPACE_TO_BATCH_ND`);
    return can;
  }

  /** The name of a tensor: the file's, if no other has it. */
  name(index: number): string {
    if (index < 0) return '';
    const renamed = this.#renamed.get(index);
    if (renamed !== undefined) return renamed;
    const { name } = this.tensor(index);
    const alone = name !== '' && this.#model.tensors.every((one) => one.index === index || one.name !== name);
    return alone ? name : `tensor ${index}`;
  }

  /** The name of input `slot`; constants are read. */
  input(slot: number, make: (tensor: OnnxTensor) => OnnxTensor = (tensor) => tensor, kind = ''): string {
    const index = this.#op.inputs[slot] ?? -1;
    if (index < 0) return '';
    const base = this.name(index);
    const name = `${base}${kind}`;
    const read = this.constants.get(base) ?? this.#constant(index);
    if (read && !this.constants.has(name)) this.constants.set(name, make(read));
    return name;
  }

  /** The name of biases in input `slot`, as reals; '' where there are none. */
  bias(slot: number): string {
    const index = this.#op.inputs[slot] ?? -1;
    const scales = index < 0 ? [] : this.tensor(index).scales;
    if (!(scales[0]! > 0)) return this.input(slot);
    const real = (tensor: OnnxTensor): OnnxTensor => {
      const values = Array.from(tensor.values, (q, i) => q * scales[i % scales.length]!);
      return tensor.integer ? { ...tensor, values, integer: false } : tensor;
    };
    return this.input(slot, real, ':bias');
  }

  #constant(index: number): OnnxTensor | undefined {
    const tensor = this.tensor(index);
    return tensor.data.length > 0 ? readConstant(tensor) : undefined;
  }

  /** Says that an output is known: constants stored in another type than they are used in. */
  fold(tensor: OnnxTensor): void {
    this.constants.set(this.output(), tensor);
  }

  shape(slot: number): readonly number[] {
    const index = this.#op.inputs[slot] ?? -1;
    return index < 0 ? this.refuse(`without input ${slot}`, 'one') : this.tensor(index).shape;
  }

  /** Throws `E_TFLITE_OP`, naming the operator. */
  refuse(found: string, expected: string): never {
    const { index, name } = this.#op;
    throw new BrownoutError({
      code: 'E_TFLITE_OP',
      found: `op ${index} ${name} ${found}`,
      expected,
      hint: 'Change the model there, or convert it in another way.',
    });
  }

  output(slot = 0): string {
    const index = this.#op.outputs[slot] ?? -1;
    return this.#scaled(index) ? `${this.name(index)}:exact` : this.name(index);
  }

  outputShape(slot = 0): readonly number[] {
    const index = this.#op.outputs[slot];
    return index === undefined ? [] : this.tensor(index).shape;
  }

  constant(values: readonly number[], shape: number[] = [values.length], integer = true): string {
    const name = `#${this.#serial++}`;
    this.constants.set(name, { shape, values, integer });
    return name;
  }

  /** Adds a node; returns the name of its first result. */
  add(
    op: string,
    inputs: string[],
    attributes: Attributes = {},
    outputs = [`#${this.#serial++}`],
    domain = '',
  ): string {
    const entries = Object.entries(attributes).map(([name, value]): [string, OnnxAttribute] => {
      if (typeof value === 'number') return [name, { integer: value }];
      return [name, 'length' in value ? { integers: [...value] } : value];
    });
    const { index, name } = this.#op;
    this.nodes.push({
      index,
      op,
      domain,
      name: '',
      label: `op ${index} ${name}`,
      inputs,
      outputs,
      attributes: new Map(entries),
    });
    return outputs[0]!;
  }

  /** The result of the operator: `value` under its fused activation and in its shape. */
  finish(value: string, fused = 0, shape?: readonly number[]): void {
    const activation = FUSED[fused] ?? 'NONE';
    let made = value;
    const clip = (min: number, max: number): string =>
      this.add('Clip', [made], { min: { real: min }, ...(max < Infinity ? { max: { real: max } } : {}) });
    if (activation === 'RELU') made = this.add('Relu', [made]);
    else if (activation === 'RELU6') made = clip(0, 6);
    else if (activation === 'RELU_N1_TO_1') made = clip(-1, 1);
    else if (activation === 'TANH') made = this.add('Tanh', [made]);
    if (shape) this.add('Reshape', [made, this.constant(shape)], {}, [this.output()]);
    else this.add('Identity', [made], {}, [this.output()]);
  }
}

/** A constant as reals or integers. */
function readConstant({ type, shape, data, scales, zeroPoints, axis }: TfliteTensor): OnnxTensor | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = elementCount({ shape });
  const list = (bytes: number, read: (at: number) => number): number[] | undefined =>
    data.length === count * bytes ? Array.from({ length: count }, (_, i) => read(i * bytes)) : undefined;
  const reals = (values: number[] | undefined): OnnxTensor | undefined =>
    values && { shape, values, integer: false };
  switch (type) {
    case 'float32':
      return reals(list(4, (at) => view.getFloat32(at, true)));
    case 'float16':
      return reals(list(2, (at) => halfToFloat(view.getUint16(at, true))));
    case 'int32':
    case 'int64': {
      const values =
        type === 'int32'
          ? list(4, (at) => view.getInt32(at, true))
          : list(8, (at) => Number(view.getBigInt64(at, true)));
      return values && { shape, values, integer: true };
    }
    case 'bool':
      return reals(list(1, (at) => view.getUint8(at)));
    case 'int4':
    case 'int16':
    case 'int8':
    case 'uint8': {
      const nibble = (at: number): number => ((data[at >> 1]! >> (at & 1 ? 4 : 0)) << 28) >> 28;
      const half = data.length === Math.ceil(count / 2);
      const values =
        type === 'int4'
          ? half
            ? Array.from({ length: count }, (_, i) => nibble(i))
            : undefined
          : type === 'int16'
            ? list(2, (at) => view.getInt16(at, true))
            : list(1, (at) => (type === 'int8' ? view.getInt8(at) : view.getUint8(at)));
      if (!values || scales.length === 0) return values && { shape, values, integer: true };
      const inner = elementCount({ shape: shape.slice(axis + 1) });
      const at = (all: number[], i: number): number =>
        all[all.length === 1 ? 0 : Math.floor(i / inner) % all.length] ?? 0;
      const real = values.map((q, i) => (q - at(zeroPoints, i)) * at(scales, i));
      const kept = zeroPoints.every((zero) => zero === 0) ? { scales, axis } : {};
      return { shape, values: real, integer: false, ...kept };
    }
    default:
      return undefined;
  }
}

/** The same constant with its dimensions in another order. */
export function turned(tensor: OnnxTensor, permutation: readonly number[]): OnnxTensor {
  const { shape, values } = tensor;
  const to = permutation.map((axis) => shape[axis]!);
  const strides = shape.map((_, axis) => elementCount({ shape: shape.slice(axis + 1) }));
  const moved = Array.from({ length: values.length }, (_, i) => {
    let [rest, at] = [i, 0];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      at += (rest % to[axis]!) * strides[permutation[axis]!]!;
      rest = Math.floor(rest / to[axis]!);
    }
    return values[at]!;
  });
  const axis = tensor.axis === undefined ? {} : { axis: permutation.indexOf(tensor.axis) };
  return { ...tensor, ...axis, shape: to, values: moved };
}
