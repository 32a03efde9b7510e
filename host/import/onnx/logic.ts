// Comparisons, logic and choices: 1 where something is true, 0 where not.
import type { Quantization } from '../../model/quantized-network.js';
import { jointly } from './alike.js';
import { arithmetic, folded } from './arithmetic.js';
import type { Handler, OnnxGraph } from './graph.js';
import { UNARY } from './pointwise.js';
import { identity } from './shapes.js';
import { Steps } from './steps.js';
import type { OnnxNode } from './model.js';

/** Both truth values, exactly. */
const TRUTH: Quantization = { scale: 1, zeroPoint: 0 };

const COMPARISONS: Record<string, (x: number, y: number) => boolean> = {
  Greater: (x, y) => x > y,
  GreaterOrEqual: (x, y) => x >= y,
  Less: (x, y) => x < y,
  LessOrEqual: (x, y) => x <= y,
  Equal: (x, y) => x === y,
  And: (x, y) => x !== 0 && y !== 0,
  Or: (x, y) => x !== 0 || y !== 0,
  Xor: (x, y) => (x !== 0) !== (y !== 0),
};

const truth =
  (f: (x: number, y: number) => boolean) =>
  (x: number, y: number): number =>
    f(x, y) ? 1 : 0;

/** Two values compared, or joined by logic. */
export const compare: Handler = (graph, node) => {
  const f = truth(COMPARISONS[node.op]!);
  const [a, b] = [graph.constant(node, 0), graph.constant(node, 1)];
  if (a && b) return folded(graph, node, a, b, f);
  if (jointly(graph, node, f, { fixed: TRUTH })) return;
  const steps = new Steps(graph, node);
  const [left = '', right = ''] = node.inputs;
  // Of two numbers, their difference and 0; of two truth values, their sum.
  const logic = ['And', 'Or', 'Xor'].includes(node.op);
  const joint = steps.run(arithmetic, logic ? 'Add' : 'Sub', [left, right]);
  const of = (x: number): number => {
    if (!logic) return f(x, 0);
    const sum = Math.round(x);
    return node.op === 'And' ? Number(sum === 2) : node.op === 'Or' ? Number(sum > 0) : Number(sum === 1);
  };
  const { tensor, shape, order } = steps.value(joint);
  const body = { kind: 'unary' as const, f: of, fixed: TRUTH };
  return graph.result(node, graph.add(node, body, [tensor], graph.shapeOf(tensor)), shape, order);
};

const single = (graph: OnnxGraph, node: OnnxNode, slot: number): number | undefined => {
  const constant = graph.constant(node, slot);
  if (!constant) return undefined;
  const [first] = Array.from(constant.values);
  return Array.from(constant.values).every((value) => value === first) ? first : undefined;
};

/** Where a condition holds the second input, elsewhere the third: b + condition · (a − b). */
export const where: Handler = (graph, node) => {
  const constants = [0, 1, 2].map((slot) => graph.constant(node, slot));
  const [condition, a, b] = constants;
  const steps = new Steps(graph, node);
  const [when = '', first = '', second = ''] = node.inputs;
  if (condition && a && b) {
    const chosen = steps.run(arithmetic, 'Mul', [when, first]);
    const not = steps.run(UNARY['Not']!, 'Not', [when]);
    const other = steps.run(arithmetic, 'Mul', [not, second]);
    arithmetic(graph, { ...node, op: 'Add', inputs: [chosen, other] });
    return;
  }
  if (jointly(graph, node, (c, x, y) => (c !== 0 ? x! : y!))) return;
  const always = single(graph, node, 0);
  if (always !== undefined) {
    // What is never chosen only widens the shape.
    const [taken, other] = always !== 0 ? [1, 2] : [2, 1];
    const sizes = [0, taken, other].map(
      (slot) => graph.constant(node, slot)?.shape ?? graph.any(node, slot).shape,
    );
    const largest = Math.max(...sizes.map((shape) => shape.reduce((x, y) => x * y, 1)));
    if (sizes[1]!.reduce((x, y) => x * y, 1) === largest)
      return identity(graph, { ...node, inputs: [node.inputs[taken] ?? ''] });
  }
  if (a && b) {
    // Both constant: their difference, where the condition holds.
    const difference = steps.run(arithmetic, 'Sub', [first, second]);
    const product = steps.run(arithmetic, 'Mul', [when, difference]);
    return arithmetic(graph, { ...node, op: 'Add', inputs: [product, second] });
  }
  const not = steps.run(UNARY['Not']!, 'Not', [when]);
  const left = steps.run(arithmetic, 'Mul', [first, when]);
  const right = steps.run(arithmetic, 'Mul', [second, not]);
  return arithmetic(graph, { ...node, op: 'Add', inputs: [left, right] });
};

/** The remainder by one number, with the sign of the divisor, or of the dividend where `fmod` says so. */
export const modulo: Handler = (graph, node) => {
  const like = graph.integer(node, 'fmod') !== 0;
  const f = (x: number, y: number): number => (like ? x % y : x - y * Math.floor(x / y));
  const [a, b] = [graph.constant(node, 0), graph.constant(node, 1)];
  if (a && b) return folded(graph, node, a, b, f);
  if (!jointly(graph, node, f)) graph.refuse(node, 'of two activations', 'a remainder by one constant');
};

/** Numbers from a start, a step apart, below a limit: of constants. */
export const range: Handler = (graph, node) => {
  const [start, limit, delta] = [0, 1, 2].map((slot) => graph.needConstant(node, slot));
  const [from = 0, to = 0, step = 1] = [start, limit, delta].map((one) => one!.values[0]);
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= 1 << 20)) graph.refuse(node, `of ${count} numbers`, 'fewer');
  const values = Array.from({ length: count }, (_, i) => from + i * step);
  graph.fold(node, { shape: [count], values, integer: start!.integer, bits: 64 });
};
