// LSTM, GRU and RNN: unrolled over the steps of their sequence. What the inputs give is one product for all steps.
import { elementCount } from '../../model/quantized-network.js';
import { arithmetic } from './arithmetic.js';
import type { Handler, OnnxGraph } from './graph.js';
import { matMul } from './layers.js';
import type { OnnxNode } from './model.js';
import { clip, UNARY } from './pointwise.js';
import { concat, gather, reshape, slice } from './shapes.js';
import { Steps } from './steps.js';

/** Steps of a sequence; each is some dozen ops. */
const MOST_STEPS = 256;
/** Gates of a cell, as ONNX orders them: i, o, f, c of an LSTM; z, r, h of a GRU. */
const GATES: Record<string, number> = { LSTM: 4, GRU: 3, RNN: 1 };
const USUAL: Record<string, string[]> = {
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
  RNN: ['Tanh'],
};

/** One direction of a recurrent node. */
interface Direction {
  steps: Steps;
  /** Units. */
  size: number;
  /** Recurrent weights, [units, gates · units]. */
  recurrent: Float64Array;
  /** Recurrent biases of a GRU's last gate, where the reset gate is applied after the product. */
  late: Float64Array | undefined;
  activations: readonly string[];
  /** The least and largest that TensorFlow Lite lets the cell's state be; 0: any. */
  cellClip: number;
}

const axis = (value: number): OnnxNode['attributes'] => new Map([['axis', { integer: value }]]);

const add = ({ steps }: Direction, a: string, b: string): string => steps.run(arithmetic, 'Add', [a, b]);
const mul = ({ steps }: Direction, a: string, b: string): string => steps.run(arithmetic, 'Mul', [a, b]);
const sub = ({ steps }: Direction, a: string, b: string): string => steps.run(arithmetic, 'Sub', [a, b]);
const apply = ({ steps, activations }: Direction, which: number, x: string): string => {
  const op = activations[which]!;
  return steps.run(UNARY[op]!, op, [x]);
};

/** Gates `from` to `to` of a row of them. */
function gates({ steps, size }: Direction, x: string, from: number, to: number): string {
  const list = (value: number): string => steps.constant([value], [1], true);
  return steps.run(slice, 'Slice', [x, list(from * size), list(to * size), list(1)]);
}

/** h · R of gates `from` to `to`; undefined where h is 0. */
function recur(
  cell: Direction,
  h: string | undefined,
  from: number,
  to: number,
  bias?: Float64Array,
): string | undefined {
  const { steps, size, recurrent } = cell;
  const [width, whole] = [(to - from) * size, recurrent.length / size];
  if (h === undefined) return bias && steps.constant(bias, [1, width]);
  const weights = new Float64Array(size * width);
  for (let i = 0; i < size; i++)
    for (let o = 0; o < width; o++) weights[i * width + o] = recurrent[i * whole + from * size + o]!;
  const made = steps.run(matMul, 'MatMul', [h, steps.constant(weights, [size, width])]);
  return bias ? add(cell, made, steps.constant(bias, [1, width])) : made;
}

const sum = (cell: Direction, x: string, more: string | undefined): string =>
  more === undefined ? x : add(cell, x, more);

interface State {
  h: string | undefined;
  c: string | undefined;
}

/** One step: `x` has what the input gives to all gates, biases included. */
type Cell = (cell: Direction, x: string, state: State) => State;

const clipped = ({ steps, cellClip }: Direction, x: string): string => {
  const bounds = new Map([
    ['min', { real: -cellClip }],
    ['max', { real: cellClip }],
  ]);
  return steps.run(clip, 'Clip', [x], bounds);
};

const lstm: Cell = (cell, x, { h, c }) => {
  const all = sum(cell, x, recur(cell, h, 0, 4));
  const open = apply(cell, 0, gates(cell, all, 0, 3));
  const [i, o, f] = [0, 1, 2].map((gate) => gates(cell, open, gate, gate + 1)) as [string, string, string];
  const fresh = mul(cell, i, apply(cell, 1, gates(cell, all, 3, 4)));
  const whole = c === undefined ? fresh : add(cell, mul(cell, f, c), fresh);
  const next = cell.cellClip > 0 ? clipped(cell, whole) : whole;
  return { h: mul(cell, o, apply(cell, 2, next)), c: next };
};

const gru: Cell = (cell, x, { h }) => {
  const open = apply(cell, 0, sum(cell, gates(cell, x, 0, 2), recur(cell, h, 0, 2)));
  const [z, r] = [gates(cell, open, 0, 1), gates(cell, open, 1, 2)];
  const own = gates(cell, x, 2, 3);
  let rest: string | undefined;
  if (cell.late) {
    const made = recur(cell, h, 2, 3, cell.late);
    rest = made && mul(cell, r, made);
  } else rest = recur(cell, h && mul(cell, r, h), 2, 3);
  const fresh = apply(cell, 1, sum(cell, own, rest));
  // (1 − z) · fresh + z · h
  const next =
    h === undefined
      ? sub(cell, fresh, mul(cell, z, fresh))
      : add(cell, fresh, mul(cell, z, sub(cell, h, fresh)));
  return { h: next, c: undefined };
};

const rnn: Cell = (cell, x, { h }) => ({
  h: apply(cell, 0, sum(cell, x, recur(cell, h, 0, 1))),
  c: undefined,
});

const CELLS: Record<string, Cell> = { LSTM: lstm, GRU: gru, RNN: rnn };

/** What a state is at first: undefined where it is 0. */
function stateAt(steps: Steps, slot: number, direction: number, size: number): string | undefined {
  const { graph, node } = steps;
  const name = node.inputs[slot] ?? '';
  if (name === '') return undefined;
  const constant = graph.constant(node, slot);
  if (constant && Array.from(constant.values).every((value) => value === 0)) return undefined;
  const row = (given: string): string =>
    steps.run(reshape, 'Reshape', [given, steps.constant([1, size], [2], true)]);
  if (constant)
    graph.refuse(
      node,
      `with input ${slot} "${name}" that is not 0 at first`,
      'zeros, or an input of the model',
    );
  return row(steps.run(gather, 'Gather', [name, steps.constant([direction], [1], true)], axis(0)));
}

/** The weights of one direction, turned: [inputs, gates · units]; and its biases. */
function weightsOf(
  graph: OnnxGraph,
  node: OnnxNode,
  direction: number,
  late: boolean,
): {
  input: Float64Array;
  recurrent: Float64Array;
  bias: Float64Array;
  lateBias: Float64Array | undefined;
} {
  const [w, r] = [graph.needConstant(node, 1), graph.needConstant(node, 2)];
  const turned = ({ shape, values }: typeof w): Float64Array => {
    const [, rows = 0, columns = 0] = shape;
    return Float64Array.from({ length: rows * columns }, (_, i) => {
      return values[(direction * rows + (i % rows)) * columns + Math.floor(i / rows)]!;
    });
  };
  const width = w.shape[1] ?? 0;
  const given = node.inputs[3]
    ? graph.needConstant(node, 3).values
    : new Float64Array(2 * width * (w.shape[0] ?? 1));
  const size = r.shape[2] ?? 1;
  const from = direction * 2 * width;
  const bias = Float64Array.from({ length: width }, (_, i) => {
    // The reset gate is applied to this bias, too.
    const apart = late && i >= 2 * size;
    return given[from + i]! + (apart ? 0 : given[from + width + i]!);
  });
  const lateBias = late
    ? Float64Array.from({ length: size }, (_, i) => given[from + width + 2 * size + i]!)
    : undefined;
  return { input: turned(w), recurrent: turned(r), bias, lateBias };
}

/** What can be taken: a batch of 1, the usual cells. */
function checkNode(
  graph: OnnxGraph,
  node: OnnxNode,
): { size: number; activations: string[]; length: number; depth: number } {
  const layout = graph.integer(node, 'layout');
  const { shape } = graph.activation(node);
  const [length = 0, batch = 0] = layout === 0 ? shape : [shape[1] ?? 0, shape[0] ?? 0];
  const size = graph.integer(node, 'hidden_size', graph.needConstant(node, 2).shape[2] ?? 0);
  const both = graph.text(node, 'direction') === 'bidirectional' ? 2 : 1;
  const usual = USUAL[node.op]!;
  const activations = node.attributes.get('activations')?.texts ?? [];
  const found = activations.length > 0 ? activations : Array.from({ length: both }, () => usual).flat();
  if (batch !== 1 || shape.length !== 3) graph.refuse(node, `on shape [${shape}]`, 'a batch of 1');
  if (length > MOST_STEPS) graph.refuse(node, `of ${length} steps`, `at most ${MOST_STEPS}`);
  if (found.some((name) => !Object.hasOwn(UNARY, name) && name !== 'Relu') || found.includes('Relu'))
    graph.refuse(node, `with activations ${found.join(', ')}`, usual.join(', '));
  if (
    graph.real(node, 'clip', 0) !== 0 ||
    graph.integer(node, 'input_forget') !== 0 ||
    (node.inputs[7] ?? '') !== ''
  )
    graph.refuse(node, 'with clip, input_forget or peepholes', 'a plain cell');
  const lengths = graph.constant(node, 4);
  if ((node.inputs[4] ?? '') !== '' && lengths?.values[0] !== length)
    graph.refuse(node, 'with sequence_lens', 'sequences of one length');
  return { size, activations: found, length, depth: shape[2] ?? 0 };
}

/** All steps in one direction: the state after each, in the sequence's order. */
function unroll(
  graph: OnnxGraph,
  node: OnnxNode,
  steps: Steps,
  direction: number,
  backwards: boolean,
): State[] {
  const { size, activations, length, depth } = checkNode(graph, node);
  const late = node.op === 'GRU' && graph.integer(node, 'linear_before_reset') !== 0;
  const { input, recurrent, bias, lateBias } = weightsOf(graph, node, direction, late);
  const width = size * GATES[node.op]!;
  if (input.length !== depth * width || recurrent.length !== size * width)
    graph.refuse(
      node,
      `with weights of ${input.length} and ${recurrent.length} values`,
      `${depth} · ${width} and ${size} · ${width}`,
    );
  const names = USUAL[node.op]!.length;
  const own = activations.slice(direction * names, (direction + 1) * names);
  const cellClip = graph.real(node, 'cell_clip', 0);
  const cell: Direction = { steps, size, recurrent, late: lateBias, activations: own, cellClip };
  const rows = steps.run(reshape, 'Reshape', [
    node.inputs[0] ?? '',
    steps.constant([length, depth], [2], true),
  ]);
  const product = steps.run(matMul, 'MatMul', [rows, steps.constant(input, [depth, width])]);
  const biased = add(cell, product, steps.constant(bias, [1, width]));
  let state: State = {
    h: stateAt(steps, 5, direction, size),
    c: node.op === 'LSTM' ? stateAt(steps, 6, direction, size) : undefined,
  };
  const states: State[] = [];
  for (let step = 0; step < length; step++) {
    const at = backwards ? length - 1 - step : step;
    const x =
      length === 1 ? biased : steps.run(gather, 'Gather', [biased, steps.constant([at], [1], true)], axis(0));
    state = CELLS[node.op]!(cell, x, state);
    states[at] = state;
  }
  return states;
}

/** LSTM, GRU, RNN. Outputs: every step's state, and the last one's. */
export const recurrent: Handler = (graph, node) => {
  const steps = new Steps(graph, node);
  const kind = graph.text(node, 'direction') || 'forward';
  const backwards = kind === 'bidirectional' ? [false, true] : [kind === 'reverse'];
  const all = backwards.map((back, direction) => unroll(graph, node, steps, direction, back));
  const { size, length } = checkNode(graph, node);
  const count = all.length;
  const batchFirst = graph.integer(node, 'layout') !== 0;
  const joined = (names: string[], shape: number[]): string => {
    const one = names.length === 1 ? names[0]! : steps.run(concat, 'Concat', names, axis(0));
    return steps.run(reshape, 'Reshape', [one, steps.constant(shape, [shape.length], true)]);
  };
  const wanted = (output: number): boolean => graph.isUsed(node.outputs[output] ?? '');
  if (wanted(0)) {
    const rows = Array.from({ length }, (_, at) => all.map((states) => states[at]!.h!)).flat();
    steps.finish(joined(rows, batchFirst ? [1, length, count, size] : [length, count, 1, size]), 0);
  }
  const last = (states: State[], direction: number): State => states[backwards[direction] ? 0 : length - 1]!;
  const shape = batchFirst ? [1, count, size] : [count, 1, size];
  if (wanted(1))
    steps.finish(
      joined(
        all.map((states, i) => last(states, i).h!),
        shape,
      ),
      1,
    );
  if (wanted(2))
    steps.finish(
      joined(
        all.map((states, i) => last(states, i).c!),
        shape,
      ),
      2,
    );
  if (elementCount({ shape }) === 0) graph.refuse(node, 'of no units', 'some');
};
