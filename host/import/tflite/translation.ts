// A float .tflite model while it is said in ONNX' nodes: names, constants, nodes.
import { elementCount } from '../../model/quantized-network.js';
import { halfToFloat, type OnnxAttribute, type OnnxNode, type OnnxTensor } from '../onnx/model.js';
import { FUSED } from './graph.js';
import type { TfliteModel, TfliteOperator, TfliteTensor } from './model.js';

/** Values of attributes: a whole number, whole numbers, or `{ real }`, `{ text }`. */
export type Attributes = Record<string, number | readonly number[] | { real: number } | { text: string }>;

/** A model while it is said in nodes. */
export class Translation {
  readonly nodes: OnnxNode[] = [];
  readonly constants = new Map<string, OnnxTensor>();
  readonly #model: TfliteModel;
  #op: TfliteOperator = { index: 0, name: '', inputs: [], outputs: [], options: undefined };
  #serial = 0;

  constructor(model: TfliteModel) {
    this.#model = model;
  }

  begin(op: TfliteOperator): void {
    this.#op = op;
  }

  tensor(index: number): TfliteTensor {
    return this.#model.tensors[index]!;
  }

  /** The name of a tensor: the file's, if no other has it. */
  name(index: number): string {
    if (index < 0) return '';
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

  #constant(index: number): OnnxTensor | undefined {
    const tensor = this.tensor(index);
    return tensor.data.length > 0 ? readConstant(tensor) : undefined;
  }

  /** Says that an output is known: constants stored in another type than they are used in. */
  fold(tensor: OnnxTensor): void {
    this.constants.set(this.output(), tensor);
  }

  shape(slot: number): readonly number[] {
    return this.tensor(this.#op.inputs[slot]!).shape;
  }

  output(slot = 0): string {
    return this.name(this.#op.outputs[slot] ?? -1);
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
    case 'int8':
    case 'uint8': {
      const values = list(1, (at) => (type === 'int8' ? view.getInt8(at) : view.getUint8(at)));
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
