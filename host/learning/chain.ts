// The way errors take: from the logits down, op by op, as far as gradients are known and tensors have one reader.
import { MOST_CLASSES } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import { elementCount, type QuantizedNetwork, type QuantizedOp } from '../model/quantized-network.js';
import { inputOf, isPassable, isWeighted, outputOf } from './geometry.js';

/** Why learning goes no further down. */
export interface Obstacle {
  op: QuantizedOp;
  why: string;
}

export interface Chain {
  /** Tensor of the logits. */
  logits: number;
  /** Ops from the logits down, reshapes left out, by their indices in the network. */
  ops: number[];
  /** What stopped the walk; undefined if it reached the network's input. */
  obstacle: Obstacle | undefined;
}

/** Input scale over beta, of a softmax's fixed point. */
const SOFTMAX_ONE = 2 ** 26;

/** Why errors do not pass an op. */
function refusal(network: QuantizedNetwork, op: QuantizedOp): string | undefined {
  if (!isPassable(op)) return `no gradient is known of ${op.kind}`;
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

/** Walks from the logits to the input. Errors: E_LEARN where the answer is not one of 2 to 256 classes. */
export function chainOf(network: QuantizedNetwork): Chain {
  const logits = logitsOf(network);
  const { dtype } = network.tensors[logits]!;
  const classes = elementCount(network.tensors[logits]!);
  if (classes < 2 || classes > MOST_CLASSES) {
    fail(`${classes} outputs`, `2 to ${MOST_CLASSES} classes`, 'A loss over classes is what learning knows.');
  }
  if (dtype === 'int16') fail('int16 logits', 'int8', 'Quantize the network to int8.');
  const ops: number[] = [];
  for (let tensor = logits; tensor !== network.input;) {
    const index = makerOf(network, tensor);
    const op = network.ops[index]!;
    const readers = network.ops.filter(({ inputs }) => inputs.includes(tensor)).length;
    const several = tensor === logits ? readers > 1 : readers !== 1 || tensor === network.output;
    const why = several
      ? 'its output has several readers'
      : op.kind === 'reshape'
        ? undefined
        : refusal(network, op);
    if (why !== undefined) return { logits, ops, obstacle: { op, why } };
    if (op.kind !== 'reshape') ops.push(index);
    tensor = op.inputs[0]!;
  }
  return { logits, ops, obstacle: undefined };
}

/** Of a chain's ops those with weights. */
export const weightedIn = (network: QuantizedNetwork, chain: Chain): number[] =>
  chain.ops.filter((index) => isWeighted(network.ops[index]!));
