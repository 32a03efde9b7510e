// Candidates that change what an op looks at: padding, strides, an op left out.
import type { Window } from '../../model/quantized-network.js';
import type { GraphOp } from '../../import/float-graph.js';
import { type Candidate, evaluateWith, type Scene } from '../scene.js';

/** Paddings tried along each axis, at most. */
const MOST_PADDING = 6;

/** Windows that begin elsewhere. */
function paddings(scene: Scene): Candidate[] {
  const { op } = scene;
  if (!('window' in op) || !op.window) return [];
  const { kernel, dilation, padding } = op.window;
  const choices = [0, 1].map((axis) => {
    const span = Math.max((kernel[axis]! - 1) * dilation[axis]!, padding[axis]!);
    return Array.from({ length: Math.min(span, MOST_PADDING) + 1 }, (_, size) => size);
  }) as [number[], number[]];
  return choices[0].flatMap((top) =>
    choices[1].flatMap((left): Candidate[] => {
      if (top === padding[0] && left === padding[1]) return [];
      const window: Window = { ...(op.window as Window), padding: [top, left] };
      return [
        {
          cause: 'padding',
          summary: `wrong padding: ${top} above and ${left} to the left instead of ${padding[0]} and ${padding[1]}`,
          fitted: 0,
          outputs: evaluateWith(scene, { ...op, window } as GraphOp),
        },
      ];
    }),
  );
}

/** Padded with something else than zero: with what the input's integers call 0, or with its least value. */
function fillers(scene: Scene): Candidate[] {
  const { op, graph, inputs } = scene;
  if (!('window' in op) || !op.window || !('weights' in op)) return [];
  const { window } = op;
  const [height = 1, width = 1, channels = 1] = graph.tensors[op.inputs[0]!]!.shape;
  const bottom = (window.kernel[0] - 1) * window.dilation[0];
  const right = (window.kernel[1] - 1) * window.dilation[1];
  if (window.padding[0] + window.padding[1] + bottom + right === 0) return [];
  const shape = [height + window.padding[0] + bottom, width + window.padding[1] + right, channels];
  const given = graph.tensors[op.inputs[0]!]!.given;
  const values = new Set<number>();
  if (given) values.add(-given.zeroPoint * given.scale).add((-128 - given.zeroPoint) * given.scale);
  values.delete(0);
  const padded = { ...graph, tensors: [...graph.tensors, { shape }] };
  const moved = {
    ...op,
    inputs: [padded.tensors.length - 1],
    window: { ...window, padding: [0, 0] as const },
  } as GraphOp;
  return [...values].map((value) => ({
    cause: 'padding',
    summary: `wrong padding: with ${Number(value.toPrecision(3))} instead of 0`,
    fitted: 0,
    outputs: evaluateWith(
      { ...scene, graph: padded },
      moved,
      inputs.map(([x]) => {
        const y = new Float64Array(shape[0]! * shape[1]! * channels).fill(value);
        for (let row = 0; row < height; row++)
          y.set(
            x!.subarray(row * width * channels, (row + 1) * width * channels),
            ((row + window.padding[0]) * shape[1]! + window.padding[1]) * channels,
          );
        return [y];
      }),
    ),
  }));
}

/** Without the ops that the reference has in front of this one and the device has not. */
function bypassed(scene: Scene): Candidate[] {
  if (!scene.direct) return [];
  const outputs = evaluateWith(scene, scene.op, scene.direct);
  return [
    scene.atInput
      ? {
          cause: 'input-scaling',
          summary: 'missing normalization: the device lacks the ops that scale the input',
          fitted: 0,
          outputs,
        }
      : {
          cause: 'fusion',
          summary: 'unsupported fusion: an op in front of it is missing',
          fitted: 0,
          outputs,
        },
  ];
}

export const geometry = (scene: Scene): Candidate[] => [
  ...paddings(scene),
  ...fillers(scene),
  ...bypassed(scene),
];
