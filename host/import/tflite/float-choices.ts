// Operators of .tflite files that choose, number or fill, said in ONNX' nodes; and SPACE_TO_BATCH_ND around a convolution, which
// is one whose taps lie apart.
import type { Rule } from './translation.js';
import { integersOf } from './translation.js';

/** ONNX' numbers of the types of .tflite files. */
export const NUMBERS: Partial<Record<string, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};

const cast: Rule = (t, { outputs }) => {
  const { type } = t.tensor(outputs[0]!);
  t.add('Cast', [t.input(0)], { to: NUMBERS[type] ?? 0 }, [t.output()]);
};

const argExtreme =
  (op: string): Rule =>
  (t) => {
    const [axis = 0] = integersOf(t, 1);
    t.add(op, [t.input(0)], { axis, keepdims: 0 }, [t.output()]);
  };

const oneHot: Rule = (t, { options }) => {
  const values = [3, 2].map((slot) => t.constants.get(t.input(slot))?.values[0] ?? 0);
  const depth = t.constant(integersOf(t, 1));
  const axis = options?.int32(0, -1) ?? -1;
  t.add('OneHot', [t.input(0), depth, t.constant(values, [2], false)], { axis }, [t.output()]);
};

const cumSum: Rule = (t, { options }) => {
  const [exclusive, reverse] = [0, 1].map((field) => options?.int8(field) ?? 0) as [number, number];
  t.add('CumSum', [t.input(0), t.input(1)], { exclusive, reverse }, [t.output()]);
};

const floorDiv: Rule = (t) => {
  t.add('Floor', [t.add('Div', [t.input(0), t.input(1)])], {}, [t.output()]);
};

const fill: Rule = (t) => {
  const shape = integersOf(t, 0);
  const value = t.constants.get(t.input(1))?.values[0];
  if (value === undefined || shape.length === 0) t.unknown('FILL of what is computed');
  else t.finish(t.add('Expand', [t.input(1), t.constant(shape)]));
};

const zeros: Rule = (t) => {
  t.add('Mul', [t.input(0), t.constant([0], [], false)], {}, [t.output()]);
};

const rank: Rule = (t) => {
  t.fold({ shape: [], values: [t.shape(0).length], integer: true });
};

const embeddingLookup: Rule = (t) => {
  t.add('Gather', [t.input(1), t.input(0)], { axis: 0 }, [t.output()]);
};

/** Elements on the other side of the edges; SYMMETRIC takes the edges as well. */
const mirrorPad: Rule = (t, { options }) => {
  const amounts = integersOf(t, 1);
  const edge = (options?.int8(0) ?? 0) !== 0 ? 1 : 0;
  let made = t.input(0);
  t.shape(0).forEach((size, axis) => {
    const [before = 0, after = 0] = amounts.slice(2 * axis, 2 * axis + 2);
    if (before === 0 && after === 0) return;
    const most = size - 1 + edge;
    if (!(before >= 0 && after >= 0 && before <= most && after <= most)) {
      t.unknown('MIRROR_PAD by more than there is');
      return;
    }
    const places = Array.from({ length: before + size + after }, (_, i) => {
      const at = i - before;
      return at < 0 ? -at - edge : at >= size ? 2 * size - 2 + edge - at : at;
    });
    made = t.add('Gather', [made, t.constant(places)], { axis });
  });
  t.finish(made);
};

/** Padding; that the taps of what follows lie apart is kept with the tensor. */
const spaceToBatch: Rule = (t, { outputs }) => {
  const block = integersOf(t, 1);
  const amounts = integersOf(t, 2);
  const rest = t.shape(0).length - 1 - block.length;
  if (block.length < 1 || block.length > 2 || amounts.length !== 2 * block.length || rest < 0) {
    t.unknown('SPACE_TO_BATCH_ND of blocks that are computed');
    return;
  }
  const side = (which: number): number[] => [
    0,
    ...block.map((_, axis) => amounts[2 * axis + which]!),
    ...new Array<number>(rest).fill(0),
  ];
  t.apart.set(outputs[0]!, block);
  t.finish(t.add('Pad', [t.input(0), t.constant([...side(0), ...side(1)])]));
};

const batchToSpace: Rule = (t, { inputs }) => {
  const crops = integersOf(t, 2);
  const block = t.apart.get(inputs[0]!);
  if (!block || `${block}` !== `${integersOf(t, 1)}` || crops.length !== 2 * block.length) {
    t.unknown('BATCH_TO_SPACE_ND that is not after SPACE_TO_BATCH_ND and a convolution');
    return;
  }
  const starts = block.map((_, axis) => crops[2 * axis]!);
  const ends = block.map((_, axis) => starts[axis]! + t.outputShape()[axis + 1]!);
  const axes = block.map((_, axis) => axis + 1);
  t.finish(t.add('Slice', [t.input(0), t.constant(starts), t.constant(ends), t.constant(axes)]));
};

export const CHOICES: Record<string, Rule> = {
  CAST: cast,
  ARG_MAX: argExtreme('ArgMax'),
  ARG_MIN: argExtreme('ArgMin'),
  ONE_HOT: oneHot,
  CUMSUM: cumSum,
  FLOOR_DIV: floorDiv,
  FLOOR_MOD: (t) => {
    t.add('Mod', [t.input(0), t.input(1)], {}, [t.output()]);
  },
  FILL: fill,
  ZEROS_LIKE: zeros,
  RANK: rank,
  EMBEDDING_LOOKUP: embeddingLookup,
  MIRROR_PAD: mirrorPad,
  SPACE_TO_BATCH_ND: spaceToBatch,
  BATCH_TO_SPACE_ND: batchToSpace,
};
