// An .onnx file as plain objects. Field numbers are those of onnx.proto.
import { BrownoutError } from '../../error.js';
import { inlineFunctions, type OnnxFunction } from './functions.js';
import type { OnnxAttribute, OnnxBranch, OnnxNode, OnnxTensor } from './node.js';
import { damaged, Message } from './protobuf.js';

export type { OnnxAttribute, OnnxNode, OnnxTensor } from './node.js';

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

/** Reads a file that lies beside the model, by its name. */
export type ReadBeside = (name: string) => Uint8Array;

const MOST_ELEMENTS = 1 << 24;
const MOST_NODES = 4096;
const OPSET_UNSAID = 17;

/** Data types of onnx.proto that are read, by number: their name, and bits of one element in raw data. */
const TYPES: Record<number, { name: string; bits: number; integer: boolean; unsigned?: boolean }> = {
  1: { name: 'float32', bits: 32, integer: false },
  2: { name: 'uint8', bits: 8, integer: true, unsigned: true },
  3: { name: 'int8', bits: 8, integer: true },
  4: { name: 'uint16', bits: 16, integer: true, unsigned: true },
  5: { name: 'int16', bits: 16, integer: true },
  6: { name: 'int32', bits: 32, integer: true },
  7: { name: 'int64', bits: 64, integer: true },
  9: { name: 'bool', bits: 8, integer: true, unsigned: true },
  10: { name: 'float16', bits: 16, integer: false },
  11: { name: 'float64', bits: 64, integer: false },
  12: { name: 'uint32', bits: 32, integer: true, unsigned: true },
  13: { name: 'uint64', bits: 64, integer: true, unsigned: true },
  16: { name: 'bfloat16', bits: 16, integer: false },
  21: { name: 'uint4', bits: 4, integer: true, unsigned: true },
  22: { name: 'int4', bits: 4, integer: true },
};

const FLOAT = 1;

/** What a data type is called. */
export const typeName = (type: number): string => TYPES[type]?.name ?? `data type ${type}`;
/** What kind of numbers a data type has; undefined: not one that is read. */
export const typeOf = (type: number): { bits: number; integer: boolean; unsigned?: boolean } | undefined =>
  TYPES[type];

/** The file is sound, but not a model that can be taken: says why. */
export function refuseModel(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_ONNX_MODEL', found, expected, hint });
}

const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

function checkShape(shape: number[], what: string): number {
  const count = elementsOf(shape);
  const sound = shape.length <= 8 && shape.every((size) => Number.isInteger(size) && size >= 0);
  if (!sound || count > MOST_ELEMENTS)
    damaged(`${what} of shape [${shape.slice(0, 9)}]`, `${MOST_ELEMENTS} elements at most`);
  return count;
}

/** IEEE half precision. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const WORD = new DataView(new ArrayBuffer(4));

function bfloatToFloat(bits: number): number {
  WORD.setUint32(0, bits << 16);
  return WORD.getFloat32(0);
}

/** Values in raw bytes, by type. */
function rawValues(raw: Uint8Array, type: number, count: number): Float32Array | number[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const { bits, unsigned } = TYPES[type]!;
  const read = (i: number): number => {
    switch (TYPES[type]!.name) {
      case 'float64':
        return view.getFloat64(i * 8, true);
      case 'float16':
        return halfToFloat(view.getUint16(i * 2, true));
      case 'bfloat16':
        return bfloatToFloat(view.getUint16(i * 2, true));
      default:
    }
    if (bits === 64) return Number(unsigned ? view.getBigUint64(i * 8, true) : view.getBigInt64(i * 8, true));
    if (bits === 32) return unsigned ? view.getUint32(i * 4, true) : view.getInt32(i * 4, true);
    if (bits === 16) return unsigned ? view.getUint16(i * 2, true) : view.getInt16(i * 2, true);
    if (bits === 4) {
      const nibble = (view.getUint8(i >> 1) >> (i & 1 ? 4 : 0)) & 15;
      return unsigned ? nibble : (nibble << 28) >> 28;
    }
    return unsigned ? view.getUint8(i) : view.getInt8(i);
  };
  if (type === FLOAT) return Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * 4, true));
  return Array.from({ length: count }, (_, i) => read(i));
}

/** Bytes of a constant that lies in another file. */
function externalBytes(message: Message, name: string, beside: ReadBeside | undefined): Uint8Array {
  const entries = new Map(message.messages(13).map((entry) => [entry.text(1), entry.text(2)]));
  const location = entries.get('location') ?? '';
  if (!beside) {
    refuseModel(
      `constant "${name}" in another file, "${location}"`,
      'that file beside the model',
      'Give the model as a file, or save it in one with onnx.save_model(…, save_as_external_data=False).',
    );
  }
  // Only files of the model's own folder: a path may name anything.
  if (location === '' || /[\\/]|^\.\.?$/.test(location.replace(/^\.\//, '')))
    damaged(`constant "${name}" in file "${location}"`, 'a file of the model’s folder');
  const file = beside(location.replace(/^\.\//, ''));
  const offset = Number(entries.get('offset') ?? 0);
  const length = Number(entries.get('length') ?? file.length - offset);
  if (!(offset >= 0 && length >= 0 && offset + length <= file.length))
    damaged(`constant "${name}" at ${offset} of "${location}"`, `bytes inside its ${file.length}`);
  return file.subarray(offset, offset + length);
}

/** Values in the field of their type. */
function fieldValues(message: Message, type: number): number[] {
  const { name, bits } = TYPES[type]!;
  if (name === 'float32') return message.floats(4);
  if (name === 'float64') return message.doubles(10);
  if (name === 'int64') return message.integers(7);
  if (name === 'uint64' || name === 'uint32') return message.integers(11);
  const words = message.integers(5);
  if (name === 'float16') return words.map(halfToFloat);
  if (name === 'bfloat16') return words.map(bfloatToFloat);
  if (bits !== 4) return words;
  return words
    .flatMap((word) => [word & 15, (word >> 4) & 15])
    .map((n) => (name === 'int4' ? (n << 28) >> 28 : n));
}

/** A TensorProto. Throws `E_ONNX`, `E_ONNX_MODEL`. */
export function readTensor(message: Message, beside?: ReadBeside): OnnxTensor {
  const name = message.text(8);
  const shape = message.integers(1);
  const count = checkShape(shape, `constant "${name}"`);
  const type = message.integer(2);
  const known = TYPES[type];
  if (!known) {
    const all = Object.values(TYPES).map((one) => one.name);
    refuseModel(
      `constant "${name}" of ${typeName(type)}`,
      all.join(', '),
      'Export the model with constants of one of these types.',
    );
  }
  const { bits, integer, unsigned = false } = known;
  let values: ArrayLike<number>;
  if (message.has(9) || message.integer(14) !== 0) {
    const raw = message.has(9) ? message.all(9).at(-1)! : externalBytes(message, name, beside);
    const need = Math.ceil((count * bits) / 8);
    if (raw.length !== need) damaged(`constant "${name}" of ${raw.length} bytes`, `${need}`);
    values = rawValues(raw, type, count);
  } else {
    const found = fieldValues(message, type);
    values = bits === 4 ? found.slice(0, count) : found;
  }
  if (values.length !== count) damaged(`constant "${name}" of ${values.length} values`, `${count}`);
  return { shape, values, integer, unsigned, bits };
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

function readAttribute(message: Message): OnnxAttribute {
  const texts = (list: Uint8Array[]): string[] =>
    list.map((text) => new TextDecoder().decode(text.subarray(0, 4096)));
  return {
    ...(message.has(3) ? { integer: message.integer(3) } : {}),
    ...(message.has(2) ? { real: message.floats(2)[0] ?? 0 } : {}),
    ...(message.has(4) ? { text: message.text(4) } : {}),
    ...(message.has(8) ? { integers: message.integers(8) } : {}),
    ...(message.has(7) ? { reals: message.floats(7) } : {}),
    ...(message.has(9) ? { texts: texts(message.all(9)) } : {}),
    ...(message.has(5) ? { tensor: message.message(5) } : {}),
    ...(message.has(21) ? { reference: message.text(21) } : {}),
  };
}

const names = (list: Uint8Array[]): string[] => list.map((name) => new TextDecoder().decode(name));
const ownDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/** How deep graphs may lie in each other. */
const MOST_DEPTH = 4;

function readNode(node: Message, index: number, depth = 0): OnnxNode {
  const found = {
    index,
    op: node.text(4),
    domain: ownDomain(node.text(7)),
    name: node.text(3),
    inputs: names(node.all(1)),
    outputs: names(node.all(2)),
    attributes: new Map(node.messages(5).map((attribute) => [attribute.text(1), readAttribute(attribute)])),
  };
  return found.op === 'If' && depth < MOST_DEPTH ? withBranches(found, node, depth) : found;
}

/** An If with its graphs, and what these take from around them among its inputs. */
function withBranches(found: OnnxNode, node: Message, depth: number): OnnxNode {
  const graphOf = (name: string): OnnxBranch => {
    const attribute = node.messages(5).find((one) => one.text(1) === name);
    const graph = (attribute ?? new Message(new Uint8Array())).message(6);
    return {
      nodes: graph.messages(1).map((inner, i) => readNode(inner, i, depth + 1)),
      constants: new Map(graph.messages(5).map((tensor) => [tensor.text(8), readTensor(tensor)])),
      outputs: graph.messages(12).map((value) => value.text(1)),
    };
  };
  const branches = { held: graphOf('then_branch'), otherwise: graphOf('else_branch') };
  const taken = Object.values(branches).flatMap(({ nodes, constants, outputs }) => {
    const own = new Set([...constants.keys(), ...nodes.flatMap((inner) => inner.outputs)]);
    return [...nodes.flatMap((inner) => inner.inputs), ...outputs].filter((name) => name && !own.has(name));
  });
  return { ...found, inputs: [...found.inputs, ...new Set(taken)], branches };
}

function readFunction(message: Message): OnnxFunction {
  return {
    key: `${ownDomain(message.text(10))}.${message.text(1)}`,
    inputs: names(message.all(4)),
    outputs: names(message.all(5)),
    defaults: new Map(message.messages(11).map((attribute) => [attribute.text(1), readAttribute(attribute)])),
    nodes: message.messages(7).map((node, i) => readNode(node, i)),
  };
}

/** Reads an .onnx file; functions of the file are put in place of the nodes that call them. Throws `E_ONNX…`. */
export function readOnnx(bytes: Uint8Array, beside?: ReadBeside): OnnxModel {
  const model = new Message(bytes);
  const graph = model.message(7);
  const messages = graph.messages(1);
  if (messages.length === 0 || messages.length > MOST_NODES)
    damaged(`a graph of ${messages.length} nodes`, `1 to ${MOST_NODES}`);
  const opsets = model.messages(8).filter((set) => ownDomain(set.text(1)) === '');
  const constants = new Map(graph.messages(5).map((tensor) => [tensor.text(8), readTensor(tensor, beside)]));
  const functions = new Map(
    model.messages(25).map((message) => {
      const one = readFunction(message);
      return [one.key, one];
    }),
  );
  return {
    // Without nodes of ONNX’ own, it is nowhere asked.
    opset: opsets.at(-1)?.integer(2) ?? OPSET_UNSAID,
    nodes: inlineFunctions(
      messages.map((node, i) => readNode(node, i)),
      functions,
      MOST_NODES,
    ),
    constants,
    inputs: graph
      .messages(11)
      .map(readValue)
      .filter(({ name }) => !constants.has(name)),
    outputs: graph.messages(12).map(readValue),
  };
}
