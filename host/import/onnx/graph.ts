// The state of an ONNX import. Activations lie in NHWC; ONNX speaks of NCHW. So each value has, beside its ONNX shape, the
// order its elements are stored in; Reshape, Transpose and Flatten change the order or the shape and cost nothing.
import { BrownoutError } from '../../error.js';
import { elementCount, type Quantization, type Window } from '../../model/quantized-network.js';
import { type FloatGraph, type GraphOp, UNBOUNDED, type WeightedOp } from '../float-graph.js';
import { type OnnxModel, type OnnxNode, type OnnxTensor, readTensor } from './model.js';

export interface Activation {
  tensor: number;
  /** As ONNX has it, batch included. */
  shape: number[];
  /** Where each element, counted as ONNX counts, is stored; undefined: in that place. */
  order: Int32Array | undefined;
  /** Used more than once, or the answer. */
  shared: boolean;
}

type WithoutTensors<Op> = Op extends unknown ? Omit<Op, 'inputs' | 'output' | 'name'> : never;

export const ONE_BY_ONE: Window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] };

/** Where the elements of [1, channels, …] are in NHWC. */
function channelsLast(shape: readonly number[]): Int32Array | undefined {
  const channels = shape[1]!;
  const pixels = elementCount({ shape: shape.slice(2) });
  if (channels === 1 || pixels === 1) return undefined;
  return Int32Array.from(
    { length: channels * pixels },
    (_, i) => (i % pixels) * channels + Math.floor(i / pixels),
  );
}

const sameOrder = (a: Int32Array | undefined, b: Int32Array | undefined): boolean => {
  if (a && b) return a.length === b.length && a.every((value, i) => value === b[i]);
  return (a ?? b)?.every((value, i) => value === i) ?? true;
};

export class OnnxGraph {
  readonly float: FloatGraph = { tensors: [], ops: [], input: 0, output: 0 };
  readonly opset: number;
  readonly #supported: string;
  readonly #constants: Map<string, OnnxTensor>;
  readonly #activations = new Map<string, Activation>();
  readonly #uses = new Map<string, number>();

  constructor(model: OnnxModel, supported: string) {
    this.opset = model.opset;
    this.#constants = new Map(model.constants);
    this.#supported = supported;
    const count = (name: string, by: number): void => {
      this.#uses.set(name, (this.#uses.get(name) ?? 0) + by);
    };
    for (const node of model.nodes) for (const name of node.inputs) count(name, 1);
    for (const { name } of model.outputs) count(name, 2);
  }

  /** Throws `E_ONNX_OP`, naming the node. */
  refuse(node: OnnxNode, found: string, expected: string, hint?: string): never {
    const name = node.name ? ` "${node.name}"` : '';
    throw new BrownoutError({
      code: 'E_ONNX_OP',
      found: `node ${node.index} ${node.op}${name} ${found} (tensor "${node.outputs[0] ?? node.inputs[0] ?? ''}")`,
      expected,
      hint: hint ?? `Supported are ${this.#supported}: change the model, or export it anew.`,
    });
  }

  integer(node: OnnxNode, name: string, absent = 0): number {
    return node.attributes.get(name)?.integer(3, absent) ?? absent;
  }

  integers(node: OnnxNode, name: string): number[] | undefined {
    return node.attributes.get(name)?.integers(8);
  }

  real(node: OnnxNode, name: string, absent: number): number {
    return node.attributes.get(name)?.floats(2)[0] ?? absent;
  }

  text(node: OnnxNode, name: string): string {
    return node.attributes.get(name)?.text(4) ?? '';
  }

  tensorAttribute(node: OnnxNode, name: string): OnnxTensor {
    const attribute = node.attributes.get(name);
    return attribute?.has(5)
      ? readTensor(attribute.message(5))
      : this.refuse(node, `without ${name}`, 'a tensor');
  }

  constant(node: OnnxNode, slot: number): OnnxTensor | undefined {
    return this.#constants.get(node.inputs[slot] ?? '');
  }

  needConstant(node: OnnxNode, slot: number): OnnxTensor {
    const found = this.constant(node, slot);
    return (
      found ?? this.refuse(node, `with input ${slot} "${node.inputs[slot] ?? ''}" computed`, 'a constant')
    );
  }

  /** Constant integers of input `slot`. */
  constantIntegers(node: OnnxNode, slot: number): number[] {
    return Array.from(this.needConstant(node, slot).values);
  }

  activation(node: OnnxNode, slot = 0): Activation {
    const name = node.inputs[slot] ?? '';
    const found = this.#activations.get(name);
    if (!found) {
      const what = this.#constants.has(name) ? 'a constant' : 'made by nothing before it';
      return this.refuse(node, `with input ${slot} "${name}", ${what}`, 'an activation');
    }
    return { ...found, shared: found.shared || (this.#uses.get(name) ?? 0) > 1 };
  }

  isActivation(node: OnnxNode, slot: number): boolean {
    return this.#activations.has(node.inputs[slot] ?? '');
  }

  fold(node: OnnxNode, tensor: OnnxTensor): void {
    this.#constants.set(node.outputs[0] ?? '', tensor);
  }

  define(name: string, activation: Activation): void {
    this.#activations.set(name, activation);
  }

  value(name: string): Activation | undefined {
    return this.#activations.get(name);
  }

  /** Says what a node's first output is. */
  result(node: OnnxNode, tensor: number, shape: number[], order?: Int32Array): void {
    this.define(node.outputs[0] ?? '', { tensor, shape, order, shared: false });
  }

  shapeOf(tensor: number): readonly number[] {
    return this.float.tensors[tensor]!.shape;
  }

  /** Adds an op; returns the tensor it makes. */
  add(
    node: OnnxNode,
    body: WithoutTensors<GraphOp>,
    inputs: readonly number[],
    shape: readonly number[],
    given?: Quantization,
  ): number {
    if (elementCount({ shape }) > 1 << 24) this.refuse(node, `of shape [${shape}]`, 'fewer elements');
    const output = this.float.tensors.push({ shape, ...(given ? { given } : {}) }) - 1;
    const moves = body.kind === 'reshape' || body.kind === 'transpose';
    const name = moves ? body.kind : node.op.toLowerCase();
    this.float.ops.push({ ...body, name, inputs, output } as GraphOp);
    return output;
  }

  reshape(node: OnnxNode, tensor: number, shape: readonly number[]): number {
    if (`${this.shapeOf(tensor)}` === `${shape}`) return tensor;
    return this.add(node, { kind: 'reshape' }, [tensor], shape, this.float.tensors[tensor]!.given);
  }

  /** The op that made a tensor, reshapes aside. */
  producer(tensor: number): GraphOp | undefined {
    const op = this.float.ops.find(({ output }) => output === tensor);
    return op?.kind === 'reshape' ? this.producer(op.inputs[0]!) : op;
  }

  /** The producer, if it is a layer whose weights may still take up what follows. */
  foldable({ tensor, shared }: Activation): WeightedOp | undefined {
    const op = this.producer(tensor);
    const open = op && (op.kind === 'conv2d' || op.kind === 'depthwiseConv2d' || op.kind === 'dense');
    return open && !shared && op.bounds === UNBOUNDED && !this.float.tensors[tensor]!.given ? op : undefined;
  }

  /** A value [1, C, L] or [1, C, H, W] as a map [height, width, channels]. */
  feature(node: OnnxNode, slot = 0): { tensor: number; shape: [number, number, number] } {
    const value = this.activation(node, slot);
    const [batch, channels, height = 1, width = 1] = value.shape;
    if (value.shape.length < 3 || value.shape.length > 4 || batch !== 1)
      this.refuse(node, `on shape [${value.shape}]`, '[1, channels, length] or [1, channels, height, width]');
    const shape: [number, number, number] = [height, width, channels!];
    return { tensor: this.reshape(node, this.inOrder(node, value, channelsLast(value.shape)), shape), shape };
  }

  /** The tensor of a value whose elements lie in `order`; a matrix may be transposed for it. */
  inOrder(node: OnnxNode, value: Activation, order: Int32Array | undefined): number {
    if (sameOrder(value.order, order)) return value.tensor;
    const given = this.float.tensors[value.tensor]!.given;
    const transposed = (rows: number, columns: number): number => {
      const matrix = this.reshape(node, value.tensor, [rows, columns]);
      return this.add(node, { kind: 'transpose' }, [matrix], [columns, rows], given);
    };
    const [, channels = 1] = value.shape;
    const pixels = elementCount({ shape: value.shape.slice(2) });
    const last = channelsLast(value.shape);
    if (sameOrder(value.order, undefined) && sameOrder(order, last)) return transposed(channels, pixels);
    if (sameOrder(order, undefined) && sameOrder(value.order, last)) return transposed(pixels, channels);
    return this.refuse(
      node,
      'on elements in another order than it can work on',
      'maps whose channels stay together',
    );
  }

  /** The result of a windowed op: a map as ONNX has it. */
  mapResult(node: OnnxNode, tensor: number, rank: number): void {
    const [height, width, channels] = this.shapeOf(tensor) as [number, number, number];
    const shape = rank === 3 ? [1, channels, height] : [1, channels, height, width];
    this.result(node, tensor, shape, channelsLast(shape));
  }

  /** Where the graph's input lies: NHWC if it is a map. */
  startAt(name: string, shape: number[], asMap: boolean): void {
    const order = asMap ? channelsLast(shape) : undefined;
    const [, channels = 1, ...pixels] = shape;
    const stored = asMap ? [...pixels, channels] : shape.length > 1 ? shape.slice(1) : shape;
    this.float.tensors.push({ shape: stored });
    this.define(name, { tensor: 0, shape, order, shared: false });
  }
}

export type Handler = (graph: OnnxGraph, node: OnnxNode) => void;
