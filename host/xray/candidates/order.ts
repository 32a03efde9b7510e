// Candidates that put things into another order: channels, layouts, the matrix of a dense layer.
import { outputOf, type WeightedOp } from '../../import/float-graph.js';
import { elementCount } from '../../model/quantized-network.js';
import { type Candidate, evaluateWith, isWeighted, type Scene } from '../scene.js';

/** Channels up to which every order is tried. */
const FEW = 4;
/** Channels up to which outputs are matched one by one. */
const MOST_MATCHED = 256;

function permutations(count: number): number[][] {
  if (count === 0) return [[]];
  return permutations(count - 1).flatMap((rest) =>
    Array.from({ length: count }, (_, at) => [...rest.slice(0, at), count - 1, ...rest.slice(at)]),
  );
}

const isIdentity = (order: readonly number[]): boolean => order.every((from, to) => from === to);

const named = (order: readonly number[]): string => {
  if (order.length === 3 && `${order}` === '2,1,0') return 'RGB and BGR are swapped';
  const moved = order.filter((from, to) => from !== to).length;
  return order.length <= 8
    ? `they come as [${order.join(', ')}]`
    : `${moved} of ${order.length} are elsewhere`;
};

/** The operand's channels in another order. */
function inputOrders(scene: Scene): Candidate[] {
  const { op, inputs, graph } = scene;
  const { shape } = graph.tensors[op.inputs[0]!]!;
  const channels = shape.at(-1) ?? 1;
  if (channels < 2 || op.inputs.length > 1) return [];
  const identity = Array.from({ length: channels }, (_, c) => c);
  const orders =
    channels <= FEW
      ? permutations(channels).filter((order) => !isIdentity(order))
      : [[...identity].reverse()];
  return orders.map((order) => ({
    cause: 'channel-order',
    summary: `swapped channels of its input: ${named(order)}`,
    fitted: 0,
    outputs: evaluateWith(
      scene,
      op,
      inputs.map(([x]) => [x!.map((_, i) => x![i - (i % channels) + order[i % channels]!]!)]),
    ),
  }));
}

/** Shapes that a flat operand may have had: of the op's own input, and of what was flattened. */
function mapShapes({ graph, op }: Scene): (readonly number[])[] {
  const shapes: (readonly number[])[] = [];
  for (let tensor: number | undefined = op.inputs[0]; tensor !== undefined;) {
    shapes.push(graph.tensors[tensor]!.shape);
    const maker = graph.ops.find(({ output }) => output === tensor);
    tensor = maker?.kind === 'reshape' ? maker.inputs[0] : undefined;
  }
  return shapes.filter((shape) => shape.length === 3 && shape[2]! > 1 && shape[0]! * shape[1]! > 1);
}

/** The operand with channels first where the model has them last, and the other way round. */
function layouts(scene: Scene): Candidate[] {
  const { op, inputs } = scene;
  if (op.inputs.length > 1) return [];
  return mapShapes(scene).flatMap((shape) => {
    const [pixels, channels] = [shape[0]! * shape[1]!, shape[2]!];
    const turned = (rows: number, columns: number): Float64Array[] =>
      evaluateWith(
        scene,
        op,
        inputs.map(([x]) => [x!.map((_, i) => x![(i % rows) * columns + Math.floor(i / rows)]!)]),
      );
    return [
      {
        cause: 'channel-order',
        summary: 'channel order: its input lies channels first (NCHW) where the model has them last',
        fitted: 0,
        outputs: turned(pixels, channels),
      },
      {
        cause: 'channel-order',
        summary: 'channel order: its input lies channels last (NHWC) where the model has them first',
        fitted: 0,
        outputs: turned(channels, pixels),
      },
    ];
  });
}

/** The output's channels, each matched with the one of the reference that it is nearest to. */
function outputOrder(scene: Scene): Candidate[] {
  const { device, spec } = scene;
  const channels = spec.shape.at(-1) ?? 1;
  if (channels < 2 || channels > MOST_MATCHED) return [];
  const clean = evaluateWith(scene);
  const distance = (to: number, from: number): number => {
    let sum = 0;
    device.forEach((row, sample) => {
      const step = Math.max(1, Math.floor(row.length / channels / 64)) * channels;
      for (let at = 0; at + channels <= row.length; at += step)
        sum += (row[at + to]! - clean[sample]![at + from]!) ** 2;
    });
    return sum;
  };
  const taken = new Set<number>();
  const order = Array.from({ length: channels }, (_, to) => {
    let best = to;
    let least = taken.has(to) ? Infinity : distance(to, to) * (1 - 1e-9);
    for (let from = 0; from < channels; from++) {
      if (taken.has(from) || from === to) continue;
      const far = distance(to, from);
      if (far < least) [best, least] = [from, far];
    }
    taken.add(best);
    return best;
  });
  if (isIdentity(order)) return [];
  const outputs = clean.map((row) => row.map((_, i) => row[i - (i % channels) + order[i % channels]!]!));
  return [
    {
      cause: 'channel-order',
      summary: `swapped channels of its output: ${named(order)}`,
      fitted: 1,
      outputs,
    },
  ];
}

/** The matrix of a dense layer (or a 1×1 convolution) read the other way round, as reals and as the integers stored. */
function transposed(scene: Scene): Candidate[] {
  const { op, graph } = scene;
  const pointwise = op.kind === 'conv2d' && op.window!.kernel.every((size) => size === 1);
  if (!isWeighted(op) || (op.kind !== 'dense' && !pointwise)) return [];
  const outputs = op.bias.length;
  const inputs =
    op.kind === 'dense' ? elementCount(graph.tensors[op.inputs[0]!]!) : op.weights.length / outputs;
  const scales = stepsOf(op);
  const other = (o: number, i: number): number => {
    // Stored [in][out], read as [out][in].
    const flat = o * inputs + i;
    return (flat % outputs) * inputs + Math.floor(flat / outputs);
  };
  // Stored [out][in], and taken for [in][out].
  const back = (o: number, i: number): number => i * outputs + o;
  return [other, back].flatMap((from) =>
    [true, false].map((integers): Candidate => {
      const weights = op.weights.map((_, at) => {
        const [o, i] = [Math.floor(at / inputs), at % inputs];
        const source = from(o, i);
        const step = integers ? scales[o]! / scales[Math.floor(source / inputs)]! : 1;
        return op.weights[source]! * step;
      });
      return {
        cause: 'transposed-dense',
        summary: `transposed dense layer: its ${inputs}×${outputs} weights are read the other way round`,
        fitted: 0,
        outputs: evaluateWith(scene, { ...op, weights }),
      };
    }),
  );
}

/** The step that each output's weights are rounded to: the file's, or of 127 steps a side. */
export function stepsOf(op: WeightedOp): Float64Array {
  const steps = new Float64Array(op.bias.length);
  if (op.scales) return steps.map((_, o) => op.scales![op.scales!.length === 1 ? 0 : o]! || 1);
  op.weights.forEach((weight, i) => {
    const o = outputOf(op, i);
    steps[o] = Math.max(steps[o]!, Math.abs(weight) / 127);
  });
  return steps.map((step) => step || 1);
}

export const orders = (scene: Scene): Candidate[] => [
  ...inputOrders(scene),
  ...layouts(scene),
  ...outputOrder(scene),
  ...transposed(scene),
];
