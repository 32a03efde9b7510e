// The ways errors take: from the logits down, op by op, as far as the gradient of every reader of a tensor is known.
import { MOST_CLASSES } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import { elementCount, type QuantizedNetwork, type QuantizedOp } from '../model/quantized-network.js';
import { inputOf, isPassable, isWeighted, opsFor, outputOf, passesAsItIs, rootsOf } from './geometry.js';

/** Why learning goes no further down. */
export interface Obstacle {
  op: QuantizedOp;
  why: string;
}

export interface Reach {
  /** Tensor of the logits. */
  logits: number;
  /** Ops that errors reach, from the logits down, by their indices in the network; those that pass them as they are left out. */
  ops: number[];
  /** The first op that errors do not pass; undefined if all ways lead to the network's input. */
  obstacle: Obstacle | undefined;
}

/** Input scale over beta, of a softmax's fixed point. */
const SOFTMAX_ONE = 2 ** 26;

/** Why errors do not pass an op. */
function refusal(network: QuantizedNetwork, op: QuantizedOp): string | undefined {
  if (!isPassable(op) && !passesAsItIs(op)) return `no gradient is known of ${op.kind}`;
  if ([inputOf(network, op), outputOf(network, op)].some(({ dtype }) => dtype === 'int16'))
    return 'its activations are int16';
  if (op.kind === 'mean' && op.total) return 'it is a sum';
  if ('weightType' in op && op.weightType && op.weightType !== 'int8')
    return `its weights are ${op.weightType}`;
  if (op.kind === 'dense' && (op.weightZeroPoint ?? 0) !== 0) return 'its weights have a zero point';
  if (op.kind === 'conv2d' && (op.blockSize ?? 1) > 1) return 'its kernels are block-circulant';
  if (op.kind === 'circulant' && op.multipliers.length > 1) return 'its outputs have a scale each';
  return undefined;
}

const makerOf = (network: QuantizedNetwork, tensor: number): number =>
  network.ops.findIndex(({ output }) => output === tensor);

function fail(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_LEARN', found, expected, hint });
}

/** The logits: what a last softmax reads, else the network's output. */
function logitsOf(network: QuantizedNetwork): number {
  let tensor = network.output;
  let op = network.ops[makerOf(network, tensor)];
  while (op?.kind === 'reshape') {
    tensor = op.inputs[0]!;
    op = network.ops[makerOf(network, tensor)];
  }
  if (op?.kind !== 'softmax') return network.output;
  const input = inputOf(network, op);
  if (input.shape.at(-1) !== elementCount(input)) {
    fail(
      `softmax "${op.name}" over rows of [${input.shape}]`,
      'one row of classes',
      'Learn a network with one answer.',
    );
  }
  const { multiplier, shift } = op.inputScaling;
  const beta = (multiplier * 2 ** (shift - 31)) / (input.scale * SOFTMAX_ONE);
  if (Math.abs(beta - 1) > 0.01) {
    fail(`softmax "${op.name}" with beta ${beta.toFixed(3)}`, 'beta 1', 'Fold beta into the last layer.');
  }
  return op.inputs[0]!;
}

/**
 * Walks from the logits to the input. A tensor's error is known where that is so of all its readers on a way to the logits.
 * Errors: E_LEARN where the answer is not one of 2 to 256 classes.
 */
export function reachOf(network: QuantizedNetwork): Reach {
  const logits = logitsOf(network);
  const { dtype } = network.tensors[logits]!;
  const classes = elementCount(network.tensors[logits]!);
  if (classes < 2 || classes > MOST_CLASSES) {
    fail(`${classes} outputs`, `2 to ${MOST_CLASSES} classes`, 'A loss over classes is what learning knows.');
  }
  if (dtype === 'int16') fail('int16 logits', 'int8', 'Quantize the network to int8.');
  const roots = rootsOf(network);
  const ops: number[] = [];
  const blocked = new Set<number>();
  let obstacle: Obstacle | undefined;
  for (const index of opsFor(network, logits).reverse()) {
    const op = network.ops[index]!;
    if (op.kind === 'reshape') continue;
    const why = blocked.has(roots[op.output]!) ? 'a reader of its output does not' : refusal(network, op);
    if (why === undefined) {
      if (isPassable(op)) ops.push(index);
      continue;
    }
    obstacle ??= { op, why };
    for (const input of op.inputs) blocked.add(roots[input]!);
  }
  return { logits, ops, obstacle };
}

/** Of what errors reach those with weights. */
export const weightedIn = (network: QuantizedNetwork, reach: Reach): number[] =>
  reach.ops.filter((index) => isWeighted(network.ops[index]!));
