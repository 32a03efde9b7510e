// Candidates that change weights: cut off, rounded too far, in another order, or simply others.
import { outputOf, type WeightedOp } from '../../import/float-graph.js';
import { type Candidate, evaluateWith, isWeighted, type Scene } from '../scene.js';
import { stepsOf } from './order.js';

/** Numbers that a candidate counts as fitted which explains everything and names nothing. */
const LAST_RESORT = 60;

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

function cutAt(scene: Scene, op: WeightedOp, from: number, fitted: number): Candidate {
  const weights = op.weights.map((weight, i) => (i < from ? weight : 0));
  return {
    cause: 'truncated-weights',
    summary: `truncated weights: the last ${op.weights.length - from} of ${op.weights.length} are missing`,
    fitted,
    outputs: evaluateWith(scene, { ...op, weights }),
  };
}

/** Weights that end too early: from the image where they are known, else every sixteenth. */
function cutOff(scene: Scene, op: WeightedOp): Candidate[] {
  const { weights } = scene;
  if (!weights)
    return Array.from({ length: 15 }, (_, i) =>
      cutAt(scene, op, Math.round((op.weights.length * (i + 1)) / 16), 1),
    );
  let end = weights.length;
  while (end > 0 && weights[end - 1] === 0) end--;
  const lost = op.weights.subarray(end).filter((weight) => weight !== 0).length;
  return lost > 0 ? [cutAt(scene, op, end, 0)] : [];
}

/** Whether nearly all weights of the image are those, within a step. */
function alike(op: WeightedOp, found: Float64Array, expected: Float64Array): boolean {
  const steps = stepsOf(op);
  const near = found.filter((weight, i) => {
    return Math.abs(weight - expected[i]!) <= steps[op.kind === 'circulant' ? 0 : outputOf(op, i)]!;
  });
  return near.length > 0.9 * found.length;
}

/** Low bits lost, downwards or towards zero. */
function lowBits(scene: Scene, op: WeightedOp): Candidate[] {
  const steps = stepsOf(op);
  return [1, 2, 3, 4, 5, 6].flatMap((bits) =>
    [Math.floor, Math.trunc].flatMap((cut): Candidate[] => {
      const weights = op.weights.map((weight, i) => {
        const step = steps[op.kind === 'circulant' ? 0 : outputOf(op, i)]!;
        return cut(Math.round(weight / step) / 2 ** bits) * 2 ** bits * step;
      });
      if (scene.weights && !alike(op, scene.weights, weights)) return [];
      const candidate = {
        cause: 'truncated-weights',
        summary: `truncated weights: their lowest ${bits === 1 ? 'bit is' : `${bits} bits are`} cut off`,
        fitted: 0,
        outputs: evaluateWith(scene, { ...op, weights }),
      };
      return [candidate];
    }),
  );
}

/** What kind of others the device's weights are: the model's with input channels moved, or lost here and there. */
function nature(
  op: WeightedOp,
  weights: Float64Array,
  channels: number,
): Pick<Candidate, 'cause' | 'summary'> {
  const lost = weights.filter((weight, i) => weight === 0 && op.weights[i] !== 0).length;
  const steps = stepsOf(op);
  const close = (i: number, j: number): boolean =>
    Math.abs(weights[i]! - op.weights[j]!) <= 1.5 * steps[op.kind === 'circulant' ? 0 : outputOf(op, i)]!;
  const same = op.weights.filter((_, i) => close(i, i)).length;
  const kept = op.weights.length - lost;
  if (lost > 0 && same >= kept) {
    return {
      cause: 'truncated-weights',
      summary: `truncated weights: ${lost} of ${weights.length} are missing`,
    };
  }
  if (op.kind !== 'depthwiseConv2d' && op.kind !== 'circulant' && channels > 1) {
    const rows = weights.length / channels;
    const agree = (to: number, from: number): number => {
      let count = 0;
      for (let row = 0; row < rows; row++) if (close(row * channels + to, row * channels + from)) count++;
      return count / rows;
    };
    const order = Array.from({ length: channels }, (_, to) => {
      let [best, most] = [to, agree(to, to)];
      for (let from = 0; from < channels && most < 0.999; from++) {
        const share = agree(to, from);
        if (share > most) [best, most] = [from, share];
      }
      return { best, most };
    });
    const moved = order.filter(({ best }, to) => best !== to).length;
    if (
      moved > 0 &&
      new Set(order.map(({ best }) => best)).size === channels &&
      order.every(({ most }) => most > 0.95)
    )
      return {
        cause: 'channel-order',
        summary: `swapped channels: its weights have ${moved} of ${channels} input channels elsewhere`,
      };
  }
  const share = 1 - same / weights.length;
  return { cause: 'weights', summary: `other weights: ${percent(share)} of them are not the model's` };
}

/** The image's own weights in the reference's op. */
function substituted(scene: Scene, op: WeightedOp): Candidate[] {
  const { weights, graph } = scene;
  if (!weights || weights.length !== op.weights.length) return [];
  const { shape } = graph.tensors[op.inputs[0]!]!;
  const channels = op.kind === 'dense' ? op.weights.length / op.bias.length : (shape.at(-1) ?? 1);
  const outputs = evaluateWith(scene, { ...op, weights });
  const kind = nature(op, weights, channels);
  // Whatever is wrong with weights, their own values explain it: only where nothing with a name of its own does.
  return [{ ...kind, fitted: kind.cause === 'weights' ? LAST_RESORT : 6, outputs }];
}

/** The image's own biases in the reference's op: off by a multiple of each output's sum of weights, or just others. */
function otherBiases(scene: Scene, op: WeightedOp): Candidate[] {
  const { bias } = scene;
  if (!bias || bias.length !== op.bias.length || op.kind === 'circulant') return [];
  const sums = new Float64Array(bias.length);
  op.weights.forEach((weight, i) => {
    sums[outputOf(op, i)]! += weight;
  });
  let [product, square, all] = [0, 0, 0];
  bias.forEach((b, o) => {
    const off = b - op.bias[o]!;
    product += off * sums[o]!;
    square += sums[o]! ** 2;
    all += off ** 2;
  });
  const delta = square > 0 ? product / square : 0;
  const isShift = all - delta * product < 0.02 * all;
  const outputs = evaluateWith(scene, { ...op, bias });
  return [
    isShift
      ? {
          cause: 'zero-point',
          summary: `wrong zero point of its input, in its biases: off by ${Number(delta.toPrecision(3))} (in the input's units)`,
          fitted: 1,
          outputs,
        }
      : { cause: 'weights', summary: 'other biases than the model has', fitted: LAST_RESORT, outputs },
  ];
}

export function otherWeights(scene: Scene): Candidate[] {
  const { op } = scene;
  if (!isWeighted(op)) return [];
  const unbiased: Candidate = {
    cause: 'fusion',
    summary: 'unsupported fusion: its biases are missing',
    fitted: 0,
    outputs: evaluateWith(scene, { ...op, bias: op.bias.map(() => 0) }),
  };
  return [
    ...cutOff(scene, op),
    ...lowBits(scene, op),
    ...substituted(scene, op),
    ...otherBiases(scene, op),
    unbiased,
  ];
}
