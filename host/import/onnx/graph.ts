// The state of an ONNX import. Activations lie in NHWC; ONNX speaks of NCHW. So each value has, beside its ONNX shape, the
// order its elements are stored in; Reshape, Transpose and Flatten change the order or the shape and cost nothing.
import { BrownoutError } from '../../error.js';
import { elementCount, type Quantization, type Window } from '../../model/quantized-network.js';
import {
  type Bounds,
  type FloatGraph,
  type GraphOp,
  KEEPS_SCALE,
  UNBOUNDED,
  type WeightedOp,
} from '../float-graph.js';
import { type Mover, permute } from '../moves.js';
import { Blocked } from '../obstacles.js';
import {
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type ReadBeside,
  readTensor,
} from './model.js';
import { channelsLast, type Order, permutationBetween, sameOrder } from './order.js';

/** What the integers of a quantized value stand for: real = scale · (integer − zeroPoint), as ONNX counts them. */
export interface Integers extends Quantization {
  /** ONNX's integer less the one that is stored: 128 of unsigned ones. */
  offset: number;
  /** They number rows of a table: reals as they are. */
  numbers?: boolean;
}

export interface Activation {
  tensor: number;
  /** As ONNX has it, batch included. */
  shape: number[];
  /** Where each element, counted as ONNX counts, is stored; undefined: in that place. */
  order: Order;
  /** After QuantizeLinear: ONNX means the integers, the tensor stands for the reals. */
  integers?: Integers;
}

type WithoutTensors<Op> = Op extends unknown ? Omit<Op, 'inputs' | 'output' | 'name'> : never;

export const ONE_BY_ONE: Window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0] };

/** Ops whose clamp may still be narrowed. */
export type BoundedOp = Extract<GraphOp, { bounds?: Bounds }>;
const isBounded = (op: GraphOp): op is BoundedOp =>
  ['conv2d', 'depthwiseConv2d', 'dense', 'add', 'mul'].includes(op.kind);

/** Values of a constant that is computed: more than a device holds, and more than is worth the time. */
const MOST_COMPUTED = 1 << 22;

export class OnnxGraph {
  readonly float: FloatGraph = { tensors: [], ops: [], input: 0, output: 0 };
  readonly opset: number;
  /** The batch that the file has, where it was fixed to 1. */
  batch = 1;
  /** What was done that a user should know of. */
  readonly notes: string[] = [];
  /** Of refusals. */
  readonly #code: string;
  readonly #beside: ReadBeside | undefined;
  readonly #constants: Map<string, OnnxTensor>;
  readonly #activations = new Map<string, Activation>();
  /** Names that values have had, by their tensor. */
  readonly #names = new Map<number, string[]>();
  /** The op that makes a tensor, and those that take it. */
  readonly #makers = new Map<number, GraphOp>();
  readonly #takers = new Map<number, GraphOp[]>();
  readonly #uses = new Map<string, number>();
  /** Results of nodes that were refused. */
  readonly #blocked = new Set<string>();

  constructor(model: OnnxModel, outputs: readonly string[], code: string, beside?: ReadBeside) {
    this.#code = code;
    this.opset = model.opset;
    this.#constants = new Map(model.constants);
    this.#beside = beside;
    const count = (name: string, by: number): void => {
      this.#uses.set(name, (this.#uses.get(name) ?? 0) + by);
    };
    for (const node of model.nodes) for (const name of node.inputs) count(name, 1);
    for (const name of outputs) count(name, 2);
  }

  /** What a node is called in messages. */
  describe(node: OnnxNode): string {
    if (node.label) return node.label;
    const name = node.name ? ` "${node.name}"` : '';
    const op = node.domain ? `${node.domain}.${node.op}` : node.op;
    return `node ${node.index} ${op}${name}`;
  }

  /** Throws `E_ONNX_OP`, naming the node. */
  refuse(node: OnnxNode, found: string, expected: string, hint?: string): never {
    throw new BrownoutError({
      code: this.#code,
      found: `${this.describe(node)} ${found} (tensor "${node.outputs[0] ?? node.inputs[0] ?? ''}")`,
      expected,
      hint: hint ?? 'Change the model there, or export it in another way.',
    });
  }

  attribute(node: OnnxNode, name: string): OnnxAttribute | undefined {
    return node.attributes.get(name);
  }

  integer(node: OnnxNode, name: string, absent = 0): number {
    return node.attributes.get(name)?.integer ?? absent;
  }

  integers(node: OnnxNode, name: string): number[] | undefined {
    const attribute = node.attributes.get(name);
    return attribute && (attribute.integers ?? []);
  }

  real(node: OnnxNode, name: string, absent: number): number {
    return node.attributes.get(name)?.real ?? absent;
  }

  text(node: OnnxNode, name: string): string {
    return node.attributes.get(name)?.text ?? '';
  }

  tensorAttribute(node: OnnxNode, name: string): OnnxTensor {
    const tensor = node.attributes.get(name)?.tensor;
    return tensor ? readTensor(tensor, this.#beside) : this.refuse(node, `without ${name}`, 'a tensor');
  }

  /** Says that a node was refused: what uses its results is not looked at. */
  block(node: OnnxNode): void {
    for (const name of node.outputs) this.#blocked.add(name);
  }

  #check(name: string): void {
    if (this.#blocked.has(name)) throw new Blocked();
  }

  constant(node: OnnxNode, slot: number): OnnxTensor | undefined {
    const name = node.inputs[slot] ?? '';
    this.#check(name);
    return this.#constants.get(name);
  }

  /** A constant by its name. */
  constantNamed(name: string): OnnxTensor | undefined {
    return this.#constants.get(name);
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

  /** Input `slot`, reals or integers. */
  any(node: OnnxNode, slot = 0): Activation {
    const name = node.inputs[slot] ?? '';
    this.#check(name);
    const found = this.#activations.get(name);
    if (!found) {
      const what = this.#constants.has(name) ? 'a constant' : 'made by nothing before it';
      return this.refuse(node, `with input ${slot} "${name}", ${what}`, 'an activation');
    }
    return found;
  }

  /** Input `slot`, as reals. */
  activation(node: OnnxNode, slot = 0): Activation {
    const value = this.any(node, slot);
    if (value.integers && !value.integers.numbers)
      this.refuse(
        node,
        `on the integers "${node.inputs[slot]}"`,
        'reals: a DequantizeLinear before it',
        'Integers without scales say nothing: give the model they were converted from, such as the .tflite.',
      );
    return value;
  }

  isActivation(node: OnnxNode, slot: number): boolean {
    this.#check(node.inputs[slot] ?? '');
    return this.#activations.has(node.inputs[slot] ?? '');
  }

  /** Refuses a constant of more values than are computed. */
  checkComputed(node: OnnxNode, count: number): void {
    if (count > MOST_COMPUTED)
      this.refuse(node, `making ${count} values that are known`, `at most ${MOST_COMPUTED}`);
  }

  fold(node: OnnxNode, tensor: OnnxTensor, output = 0): void {
    this.checkComputed(node, tensor.values.length);
    this.#constants.set(node.outputs[output] ?? '', tensor);
  }

  define(name: string, activation: Activation): void {
    this.#activations.set(name, activation);
    const names = this.#names.get(activation.tensor);
    if (names) names.push(name);
    else this.#names.set(activation.tensor, [name]);
  }

  value(name: string): Activation | undefined {
    return this.#activations.get(name);
  }

  /** Says what a node's first output is. */
  result(node: OnnxNode, tensor: number, shape: readonly number[], order?: Order, integers?: Integers): void {
    this.define(node.outputs[0] ?? '', {
      tensor,
      shape: [...shape],
      order,
      ...(integers ? { integers } : {}),
    });
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
    const before = body.kind === 'unary' ? this.maker(inputs[0]!) : undefined;
    if (before?.kind === 'unary' && body.kind === 'unary' && !this.float.tensors[before.output]!.given) {
      // Two functions, one after the other, are one.
      const { f } = body;
      return this.add(node, { ...body, f: (x) => f(before.f(x)) }, before.inputs, shape, given);
    }
    if (elementCount({ shape }) > 1 << 24) this.refuse(node, `of shape [${shape}]`, 'fewer elements');
    const output = this.float.tensors.push({ shape, ...(given ? { given } : {}) }) - 1;
    const moves = body.kind === 'reshape' || body.kind === 'transpose';
    const name = moves ? body.kind : node.op.toLowerCase();
    const op = { ...body, name, inputs, output } as GraphOp;
    this.float.ops.push(op);
    this.#makers.set(output, op);
    for (const input of inputs) this.#takers.set(input, [...(this.#takers.get(input) ?? []), op]);
    return output;
  }

  reshape(node: OnnxNode, tensor: number, shape: readonly number[]): number {
    if (`${this.shapeOf(tensor)}` === `${shape}`) return tensor;
    // What was only renamed is renamed from what it was.
    const made = this.maker(tensor);
    if (made?.kind === 'reshape') return this.reshape(node, made.inputs[0]!, shape);
    return this.add(node, { kind: 'reshape' }, [tensor], shape);
  }

  /** Adds ops that copy, for a node. */
  mover(node: OnnxNode): Mover {
    return {
      shapeOf: (tensor) => this.shapeOf(tensor),
      reshape: (tensor, shape) => this.reshape(node, tensor, shape),
      slice: (tensor, axis, start, shape) => this.add(node, { kind: 'slice', axis, start }, [tensor], shape),
      concat: (tensors, axis, shape) => {
        // Copies of one tensor keep its scale.
        const given = this.givenOf(tensors[0]!);
        return this.add(node, { kind: 'concat', axis }, tensors, shape, given);
      },
      repeat: (tensor, shape) => this.add(node, { kind: 'repeat' }, [tensor], shape),
      transpose: (tensor, permutation, shape) =>
        this.add(node, { kind: 'transpose', permutation }, [tensor], shape),
      tooMany: (parts, most) => this.refuse(node, `of ${parts} parts`, `at most ${most}`),
    };
  }

  /** Whether any node, or whoever reads the answer, takes a value. */
  isUsed(name: string): boolean {
    return name !== '' && (this.#uses.get(name) ?? 0) > 0;
  }

  /** The op that made a tensor, reshapes aside. */
  producer(tensor: number): GraphOp | undefined {
    const op = this.maker(tensor);
    return op?.kind === 'reshape' ? this.producer(op.inputs[0]!) : op;
  }

  /** The op that made a tensor. */
  maker(tensor: number): GraphOp | undefined {
    return this.#makers.get(tensor);
  }

  /** Whether nothing else needs this tensor, nor what it was reshaped from: its producer may be changed. */
  #isSole(tensor: number, by?: GraphOp): boolean {
    if (this.#takers.get(tensor)?.some((op) => op !== by)) return false;
    for (const name of this.#names.get(tensor) ?? [])
      if (this.#activations.get(name)?.tensor === tensor && (this.#uses.get(name) ?? 0) > 1) return false;
    const op = this.maker(tensor);
    return op?.kind !== 'reshape' || this.#isSole(op.inputs[0]!, op);
  }

  /** The producer, if it is a layer whose weights may still take up what follows. */
  foldable({ tensor }: Activation): WeightedOp | undefined {
    const op = this.producer(tensor);
    const open = op && (op.kind === 'conv2d' || op.kind === 'depthwiseConv2d' || op.kind === 'dense');
    return open && op.bounds === UNBOUNDED && !this.givenOf(tensor) && this.#isSole(tensor) ? op : undefined;
  }

  /** The producer, if a clamp may be put into it. */
  boundable({ tensor }: Activation): BoundedOp | undefined {
    const op = this.producer(tensor);
    return op && isBounded(op) && this.#isSole(tensor) ? op : undefined;
  }

  /** The tensor whose quantization this one has. */
  #origin(tensor: number): number {
    const op = this.maker(tensor);
    return op && KEEPS_SCALE.includes(op.kind) ? this.#origin(op.inputs[0]!) : tensor;
  }

  /** The quantization that the file gives a tensor. */
  givenOf(tensor: number): Quantization | undefined {
    return this.float.tensors[this.#origin(tensor)]!.given;
  }

  /** Gives a tensor a quantization; returns whether it has it now: not if it had another, or its op has one of its own. */
  give(tensor: number, { scale, zeroPoint }: Quantization): boolean {
    const origin = this.#origin(tensor);
    const { given } = this.float.tensors[origin]!;
    if (given) return given.scale === scale && given.zeroPoint === zeroPoint;
    if (this.maker(origin)?.kind === 'softmax') return false;
    this.float.tensors[origin]!.given = { scale, zeroPoint };
    return true;
  }

  /** A value [1, C, L] or [1, C, H, W] as a map [height, width, channels]. */
  feature(
    node: OnnxNode,
    slot = 0,
    value = this.activation(node, slot),
  ): { tensor: number; shape: [number, number, number] } {
    const [batch, channels, height = 1, width = 1] = value.shape;
    if (value.shape.length < 3 || value.shape.length > 4 || batch !== 1)
      this.refuse(node, `on shape [${value.shape}]`, '[1, channels, length] or [1, channels, height, width]');
    const shape: [number, number, number] = [height, width, channels!];
    return { tensor: this.reshape(node, this.inOrder(node, value, channelsLast(value.shape)), shape), shape };
  }

  /** The tensor of a value whose elements lie in `order`; they are moved for it where they do not. */
  inOrder(node: OnnxNode, value: Activation, order: Order): number {
    if (sameOrder(value.order, order)) return value.tensor;
    const moves = permutationBetween(value.order, order, elementCount(value));
    if (!moves)
      return this.refuse(
        node,
        `on [${value.shape}] in another order than it can work on`,
        'dimensions, each of which stays whole',
      );
    return permute(this.mover(node), value.tensor, moves.sizes, moves.permutation);
  }

  /** The result of a windowed op: a map as ONNX has it. */
  mapResult(node: OnnxNode, tensor: number, rank: number, integers?: Integers): void {
    const [height, width, channels] = this.shapeOf(tensor) as [number, number, number];
    const shape = rank === 3 ? [1, channels, height] : [1, channels, height, width];
    this.result(node, tensor, shape, channelsLast(shape), integers);
  }

  /** Where an input of the graph lies: NHWC if it is a map. Returns its tensor. */
  startAt(name: string, shape: number[], asMap: boolean, integers?: Integers): number {
    const order = asMap ? channelsLast(shape) : undefined;
    const [, channels = 1, ...pixels] = shape;
    const own = shape.length > 1 && shape[0] === 1 ? shape.slice(1) : shape;
    const stored = asMap ? [...pixels, channels] : own;
    const given = integers && { scale: integers.scale, zeroPoint: integers.zeroPoint - integers.offset };
    const tensor = this.float.tensors.push({ shape: stored, ...(given ? { given } : {}) }) - 1;
    this.define(name, { tensor, shape, order, ...(integers ? { integers } : {}) });
    return tensor;
  }
}

export type Handler = (graph: OnnxGraph, node: OnnxNode) => void;
