// A network whose last layer can learn by sums: behind it a head that reads a projected sample and the factory's logits, and
// answers with those logits until it has learnt.
import { BrownoutError } from '../../error.js';
import {
  type Concat,
  type Dense,
  elementCount,
  type QuantizedNetwork,
  type QuantizedOp,
  type TensorSpec,
} from '../../model/quantized-network.js';
import { reachOf } from '../reach.js';
import type { Projection, SumsSpec } from './spec.js';

/** Of int8 logits that pass through: 64 · q, halved six times. */
const ONE = 64;
const ONE_SHIFT = -5;
const MULTIPLIER = 2 ** 30;
/** Values of projected samples stand for themselves. */
const PLAIN = { scale: 1, zeroPoint: 0 };
const KINDS: readonly QuantizedOp['kind'][] = ['dense', 'circulant', 'conv2d', 'mean', 'averagePool2d'];

/** The op that makes the logits, its input what is projected. Throws `E_LEARN`. */
export function lastLayer(network: QuantizedNetwork): { op: number; features: number; logits: number } {
  let { logits } = reachOf(network);
  const maker = (): number => network.ops.findIndex(({ output }) => output === logits);
  let op = maker();
  // A reshape only renames.
  for (; network.ops[op]?.kind === 'reshape'; op = maker()) logits = network.ops[op]!.inputs[0]!;
  const last = network.ops[op];
  const features = last?.inputs[0] ?? -1;
  if (last && KINDS.includes(last.kind) && network.tensors[features]!.dtype !== 'int16')
    return { op, features, logits };
  throw new BrownoutError({
    code: 'E_LEARN',
    found: `logits that ${last ? `${last.kind} "${last.name}" makes` : 'nothing makes'}`,
    expected: `one of ${KINDS.join(', ')} of int8 values`,
    hint: 'A head by sums learns from what the last layer reads.',
  });
}

/** The projection as a dense op; its outputs are int8 about 0. */
function projectionOp(
  { rank, inputs, weights, offsets, shifts }: Projection,
  zeroPoint: number,
): Omit<Dense, 'inputs' | 'output'> {
  const bias = offsets.map((offset, i) => {
    let sum = 0;
    for (let j = 0; j < inputs; j++) sum += weights[i * inputs + j]!;
    return offset + zeroPoint * sum;
  });
  return {
    kind: 'dense',
    name: 'project',
    weights,
    bias,
    multipliers: new Int32Array(rank).fill(MULTIPLIER),
    shifts: Int32Array.from(shifts, (shift) => 1 - shift),
    clampMin: -128,
    clampMax: 127,
  };
}

/** Accumulator of a class that is not there: its logit is the least there is. */
const ABSENT = -(2 ** 30);

/** The head as it ships: the factory's logits, as they are, and classes that are reserved. */
function factoryHead(
  name: string,
  rank: number,
  { shape, zeroPoint }: TensorSpec,
  reserve: number,
): Omit<Dense, 'inputs' | 'output'> {
  const classes = elementCount({ shape });
  const weights = new Int8Array((classes + reserve) * (rank + classes));
  for (let c = 0; c < classes; c++) weights[c * (rank + classes) + rank + c] = ONE;
  return {
    kind: 'dense',
    name,
    weights,
    bias: new Int32Array(classes + reserve).fill(ABSENT).fill(-ONE * zeroPoint, 0, classes),
    multipliers: Int32Array.of(MULTIPLIER),
    shifts: Int32Array.of(ONE_SHIFT),
    clampMin: -128,
    clampMax: 127,
  };
}

type Headed = Pick<SumsSpec, 'network' | 'op' | 'features' | 'projected' | 'joined' | 'logits'>;

/** Tensors of `network` with `reserve` more logits, and as many more values of what comes after them. */
function widened({ tensors, ops }: QuantizedNetwork, logits: number, reserve: number): TensorSpec[] {
  const behind = new Set([logits]);
  for (const { inputs, output } of ops) if (inputs.some((input) => behind.has(input))) behind.add(output);
  return tensors.map((tensor, index) =>
    behind.has(index)
      ? { ...tensor, shape: [...tensor.shape.slice(0, -1), tensor.shape.at(-1)! + reserve] }
      : tensor,
  );
}

/**
 * `network` with a projection of what its last layer reads, and a head behind both that makes the logits, of `reserve` classes
 * more.
 */
export function withHead(network: QuantizedNetwork, projection: Projection, reserve: number): Headed {
  const { op, features, logits } = lastLayer(network);
  const last = network.ops[op]!;
  const spec = network.tensors[logits]!;
  const classes = elementCount(spec);
  const { rank } = projection;
  const tensors = widened(network, logits, reserve);
  const add = (tensor: TensorSpec): number => tensors.push(tensor) - 1;
  const factory = add(spec);
  const asTheyAre = add({ shape: [classes], ...PLAIN });
  const projected = add({ shape: [rank], ...PLAIN });
  const joined = add({ shape: [rank + classes], ...PLAIN });
  const join: Concat = {
    kind: 'concat',
    name: 'join',
    axis: 0,
    inputs: [projected, asTheyAre],
    output: joined,
  };
  const ops: QuantizedOp[] = [
    ...network.ops.slice(0, op),
    { ...last, output: factory },
    { kind: 'reshape', name: 'join', inputs: [factory], output: asTheyAre },
    {
      ...projectionOp(projection, network.tensors[features]!.zeroPoint),
      inputs: [features],
      output: projected,
    },
    join,
    { ...factoryHead(`${last.name} by sums`, rank, spec, reserve), inputs: [joined], output: logits },
    ...network.ops.slice(op + 1),
  ];
  return { network: { ...network, tensors, ops }, op: op + 4, features, projected, joined, logits };
}
