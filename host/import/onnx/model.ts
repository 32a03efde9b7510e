// An .onnx file as plain objects. Field numbers are those of onnx.proto.
import { damaged, Message } from './protobuf.js';

/** Constant values; integers as they are, reals as float32. */
export interface OnnxTensor {
  shape: number[];
  values: ArrayLike<number>;
  /** Real = scale · (value − zero point) along `axis`, where it came through DequantizeLinear: then `values` are reals. */
  scales?: number[];
  axis?: number;
  /** Of uint8. */
  unsigned?: boolean;
  integer: boolean;
}

export interface OnnxNode {
  index: number;
  op: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Message>;
}

export interface OnnxValue {
  name: string;
  /** 0: not known when exported (the batch). */
  shape: number[];
  type: number;
}

export interface OnnxModel {
  opset: number;
  nodes: OnnxNode[];
  constants: Map<string, OnnxTensor>;
  inputs: OnnxValue[];
  outputs: OnnxValue[];
}

const MOST_ELEMENTS = 1 << 24;
const MOST_NODES = 4096;
export const FLOAT = 1;
const [UINT8, INT8, INT32, INT64, BOOL, FLOAT16, DOUBLE] = [2, 3, 6, 7, 9, 10, 11];
const BYTES: Record<number, number> = {
  [FLOAT]: 4,
  [UINT8]: 1,
  [INT8]: 1,
  [INT32]: 4,
  [INT64]: 8,
  [BOOL]: 1,
  [DOUBLE]: 8,
};

const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

function checkShape(shape: number[], what: string): number {
  const count = elementsOf(shape);
  const sound = shape.length <= 8 && shape.every((size) => Number.isInteger(size) && size >= 0);
  if (!sound || count > MOST_ELEMENTS)
    damaged(`${what} of shape [${shape.slice(0, 9)}]`, `${MOST_ELEMENTS} elements at most`);
  return count;
}

/** Values in raw bytes, by type. */
function rawValues(raw: Uint8Array, type: number, count: number): Float32Array | number[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const read = (i: number): number => {
    if (type === DOUBLE) return view.getFloat64(i * 8, true);
    if (type === INT64) return Number(view.getBigInt64(i * 8, true));
    if (type === INT32) return view.getInt32(i * 4, true);
    return type === INT8 ? view.getInt8(i) : view.getUint8(i);
  };
  if (type === FLOAT) return Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * 4, true));
  return Array.from({ length: count }, (_, i) => read(i));
}

/** A TensorProto. */
export function readTensor(message: Message): OnnxTensor {
  const name = message.text(8);
  const shape = message.integers(1);
  const count = checkShape(shape, `constant "${name}"`);
  const type = message.integer(2);
  const size = BYTES[type];
  if (size === undefined) {
    const what = type === FLOAT16 ? 'float16' : `data type ${type}`;
    damaged(`constant "${name}" of ${what}`, 'float32, float64, int8, uint8, int32, int64 or bool');
  }
  if (message.integer(14) !== 0) damaged(`constant "${name}" in another file`, 'constants inside the model');
  const integer = type !== FLOAT && type !== DOUBLE;
  let values: ArrayLike<number>;
  if (message.has(9)) {
    const raw = message.all(9).at(-1)!;
    if (raw.length !== count * size) damaged(`constant "${name}" of ${raw.length} bytes`, `${count * size}`);
    values = rawValues(raw, type, count);
  } else if (type === FLOAT) values = message.floats(4);
  else values = message.integers(type === INT64 ? 7 : 5);
  if (values.length !== count) damaged(`constant "${name}" of ${values.length} values`, `${count}`);
  return { shape, values, integer, unsigned: type === UINT8 };
}

function readValue(message: Message): OnnxValue {
  const tensor = message.message(2).message(1);
  const name = message.text(1);
  const shape = tensor
    .message(2)
    .messages(1)
    .map((dimension) => Math.max(dimension.integer(1), 0));
  checkShape(shape, `tensor "${name}"`);
  return { name, shape, type: tensor.integer(1) };
}

/** Reads an .onnx file. Throws `E_ONNX`. */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  const model = new Message(bytes);
  const graph = model.message(7);
  const messages = graph.messages(1);
  if (messages.length === 0 || messages.length > MOST_NODES)
    damaged(`a graph of ${messages.length} nodes`, `1 to ${MOST_NODES}`);
  const opsets = model.messages(8).filter((set) => ['', 'ai.onnx'].includes(set.text(1)));
  const constants = new Map(graph.messages(5).map((tensor) => [tensor.text(8), readTensor(tensor)]));
  const names = (list: Uint8Array[]): string[] => list.map((name) => new TextDecoder().decode(name));
  return {
    opset: opsets.at(-1)?.integer(2) ?? 0,
    nodes: messages.map((node, index) => ({
      index,
      op: node.text(4),
      name: node.text(3),
      inputs: names(node.all(1)),
      outputs: names(node.all(2)),
      attributes: new Map(node.messages(5).map((attribute) => [attribute.text(1), attribute])),
    })),
    constants,
    inputs: graph
      .messages(11)
      .map(readValue)
      .filter(({ name }) => !constants.has(name)),
    outputs: graph.messages(12).map(readValue),
  };
}
