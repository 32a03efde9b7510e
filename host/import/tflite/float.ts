// .tflite files of float32 and float16, and those whose weights alone are integers (dynamic range): said in ONNX' nodes, so
// that both formats have one way to a float graph. TFLite has channels last: where a node has them first, a Transpose
// before and after it says so, and costs nothing.
import { elementCount } from '../../model/quantized-network.js';
import type { OnnxModel } from '../onnx/model.js';
import { FUSED } from './graph.js';
import type { TfliteModel, TfliteOperator } from './model.js';
import { nearest } from './resize.js';
import { CHOICES, NUMBERS } from './float-choices.js';
import { type Attributes, integersOf, type Rule, Translation, turned } from './translation.js';

const FLOAT = 1;
const TO_FIRST = [0, 3, 1, 2];
const TO_LAST = [0, 2, 3, 1];

const padding = (code: number): { text: string } => ({ text: code === 0 ? 'SAME_UPPER' : 'VALID' });

/** A node that has channels first, between the two Transposes. */
function windowed(t: Translation, op: string, inputs: string[], attributes: Attributes, fused: number): void {
  const plain = `${attributes['strides']}` === '1,1' && attributes['dilations'] !== undefined;
  if (!t.keepApart(plain && JSON.stringify(attributes['auto_pad']) === JSON.stringify(padding(1)))) return;
  const first = t.add('Transpose', [t.input(0)], { perm: TO_FIRST });
  const made = t.add(op, [first, ...inputs], attributes);
  t.finish(t.add('Transpose', [made], { perm: TO_LAST }), fused);
}

const conv: Rule = (t, { options }) => {
  const weights = t.input(1, (tensor) => turned(tensor, [0, 3, 1, 2]), ':oihw');
  const part = t.shape(1)[3] ?? 1;
  windowed(
    t,
    'Conv',
    [weights, ...(t.bias(2) ? [t.bias(2)] : [])],
    {
      auto_pad: padding(options?.int8(0) ?? 0),
      strides: [options?.int32(2) ?? 1, options?.int32(1) ?? 1],
      dilations: t.dilations([options?.int32(5, 1) ?? 1, options?.int32(4, 1) ?? 1]),
      group: (t.shape(0)[3] ?? 1) / part,
    },
    options?.int8(3) ?? 0,
  );
};

const depthwise: Rule = (t, { options }) => {
  const weights = t.input(1, (tensor) => turned(tensor, [3, 0, 1, 2]), ':oihw');
  windowed(
    t,
    'Conv',
    [weights, ...(t.bias(2) ? [t.bias(2)] : [])],
    {
      auto_pad: padding(options?.int8(0) ?? 0),
      strides: [options?.int32(2) ?? 1, options?.int32(1) ?? 1],
      dilations: t.dilations([options?.int32(6, 1) ?? 1, options?.int32(5, 1) ?? 1]),
      group: t.shape(0)[3] ?? 1,
    },
    options?.int8(4) ?? 0,
  );
};

const pool =
  (op: string): Rule =>
  (t, { options }) =>
    windowed(
      t,
      op,
      [],
      {
        auto_pad: padding(options?.int8(0) ?? 0),
        strides: [options?.int32(2) ?? 1, options?.int32(1) ?? 1],
        kernel_shape: [options?.int32(4) ?? 1, options?.int32(3) ?? 1],
      },
      options?.int8(5) ?? 0,
    );

const dense: Rule = (t, { options }) => {
  const [outputs = 1, depth = 1] = t.shape(1);
  const rows = elementCount({ shape: t.shape(0) }) / depth;
  const flat = t.add('Reshape', [t.input(0), t.constant([rows, depth])]);
  const bias = t.bias(2);
  const made = t.add('Gemm', [flat, t.input(1), ...(bias ? [bias] : [])], { transB: 1 });
  const shaped = t.outputShape().length > 0 ? t.outputShape() : [rows, outputs];
  t.finish(made, options?.int8(0) ?? 0, shaped);
};

/** A node of the same inputs, with the fused activation of option 0. */
const plain =
  (op: string, fusedField = -1): Rule =>
  (t, { inputs, options }) =>
    t.finish(
      t.add(
        op,
        inputs.map((_, slot) => t.input(slot)),
      ),
      fusedField < 0 ? 0 : (options?.int8(fusedField) ?? 0),
    );

/** A node of one input, with attributes. */
const unary =
  (op: string, attributes: (op: TfliteOperator) => Attributes = () => ({}), domain = ''): Rule =>
  (t, operator) => {
    t.add(op, [t.input(0)], attributes(operator), [t.output()], domain);
  };

const fusedAlone =
  (fused: number): Rule =>
  (t) =>
    t.finish(t.input(0), fused);

const powered =
  (exponent: number): Rule =>
  (t) => {
    t.add('Pow', [t.input(0), t.constant([exponent], [], false)], {}, [t.output()]);
  };

const reshaped: Rule = (t) => t.finish(t.input(0), 0, t.outputShape());

const reduced =
  (op: string): Rule =>
  (t) => {
    const axes = t.input(1);
    const list = t.constants.get(axes);
    const made = t.add(op, [t.input(0)], { axes: list ? Array.from(list.values) : [], keepdims: 1 });
    t.finish(made, 0, t.outputShape());
  };

const softmax: Rule = (t, { options }) => {
  const beta = options?.float32(0, 0) ?? 1;
  const input = beta === 1 ? t.input(0) : t.add('Mul', [t.input(0), t.constant([beta], [], false)]);
  t.add('Softmax', [input], { axis: -1 }, [t.output()]);
};

const concatenation: Rule = (t, { inputs, options }) => {
  const made = t.add(
    'Concat',
    inputs.map((_, slot) => t.input(slot)),
    { axis: options?.int32(0) ?? 0 },
  );
  t.finish(made, options?.int8(1) ?? 0);
};

const slice: Rule = (t) => {
  const [starts, sizes] = [integersOf(t, 1), integersOf(t, 2)];
  const ends = starts.map((start, i) => (sizes[i] === -1 ? t.shape(0)[i]! : start + (sizes[i] ?? 0)));
  t.finish(t.add('Slice', [t.input(0), t.constant(starts), t.constant(ends)]));
};

const stridedSlice: Rule = (t, { options }) => {
  const [begin, end, strides] = [1, 2, 3].map((slot) => integersOf(t, slot)) as [
    number[],
    number[],
    number[],
  ];
  const [beginMask, endMask, ellipsis, newAxis, shrink] = [0, 1, 2, 3, 4].map(
    (f) => options?.int32(f) ?? 0,
  ) as number[];
  if (ellipsis || newAxis) {
    t.unknown('STRIDED_SLICE with an ellipsis or a new axis');
    return;
  }
  const masked = (mask: number, axis: number): boolean => (mask & (1 << axis)) !== 0;
  const backwards = (axis: number): boolean => (strides[axis] ?? 1) < 0;
  const far = 2 ** 31 - 1;
  const starts = begin.map((value, axis) => (masked(beginMask!, axis) ? (backwards(axis) ? far : 0) : value));
  const ends = end.map((value, axis) => {
    if (masked(shrink!, axis)) return starts[axis] === -1 ? far : starts[axis]! + 1;
    return masked(endMask!, axis) ? (backwards(axis) ? -far : far) : value;
  });
  const axes = t.constant(begin.map((_, axis) => axis));
  const made = t.add('Slice', [t.input(0), t.constant(starts), t.constant(ends), axes, t.constant(strides)]);
  t.finish(made, 0, t.outputShape());
};

const split =
  (slots: { input: number; axis: number }): Rule =>
  (t, { outputs }) => {
    const [axis = 0] = integersOf(t, slots.axis);
    const along = axis < 0 ? axis + t.shape(slots.input).length : axis;
    const sizes = outputs.map((_, i) => t.outputShape(i)[along] ?? 0);
    const names = outputs.map((_, i) => t.output(i));
    t.add('Split', [t.input(slots.input), t.constant(sizes)], { axis: along }, names);
  };

const unpack: Rule = (t, { outputs, options }) => {
  const axis = options?.int32(1) ?? 0;
  const parts = outputs.map((_, i) => `${t.output(i)}:part`);
  t.add('Split', [t.input(0), t.constant(outputs.map(() => 1))], { axis }, parts);
  parts.forEach((part, i) => {
    t.add('Reshape', [part, t.constant(t.outputShape(i))], {}, [t.output(i)]);
  });
};

const pack: Rule = (t, { inputs, options }) => {
  const shape = t.outputShape();
  const given = options?.int32(1) ?? 0;
  const axis = given < 0 ? given + shape.length : given;
  const one = t.constant(shape.map((size, i) => (i === axis ? 1 : size)));
  const parts = inputs.map((_, slot) => t.add('Reshape', [t.input(slot), one]));
  t.add('Concat', parts, { axis }, [t.output()]);
};

const pad: Rule = (t) => {
  const amounts = integersOf(t, 1);
  const rank = t.shape(0).length;
  const pads = [0, 1].flatMap((side) =>
    Array.from({ length: rank }, (_, axis) => amounts[2 * axis + side] ?? 0),
  );
  const fill = t.input(2);
  t.add('Pad', [t.input(0), t.constant(pads), ...(fill ? [fill] : [])], {}, [t.output()]);
};

const transpose: Rule = (t) => {
  t.add('Transpose', [t.input(0)], { perm: integersOf(t, 1) }, [t.output()]);
};

const gather: Rule = (t, { options }) => {
  t.add('Gather', [t.input(0), t.input(1)], { axis: options?.int32(0) ?? 0 }, [t.output()]);
};

const resizeNearest: Rule = (t, { options }) => {
  const [rows = 0, columns = 0] = integersOf(t, 1);
  const [, height = 1, width = 1] = t.shape(0);
  const [corners, half] = [0, 1].map((field) => (options?.int8(field) ?? 0) !== 0) as [boolean, boolean];
  const down = t.add('Gather', [t.input(0), t.constant(nearest(height, rows, corners, half))], { axis: 1 });
  t.add('Gather', [down, t.constant(nearest(width, columns, corners, half))], { axis: 2 }, [t.output()]);
};

const resizeBilinear: Rule = (t, { options }) => {
  const [, , , channels = 1] = t.shape(0);
  const [corners, half] = [2, 3].map((field) => (options?.int8(field) ?? 0) !== 0);
  const mode = corners ? 'align_corners' : half ? 'half_pixel' : 'asymmetric';
  const first = t.add('Transpose', [t.input(0)], { perm: TO_FIRST });
  const sizes = t.constant([1, channels, ...integersOf(t, 1)]);
  const attributes = { mode: { text: 'linear' }, coordinate_transformation_mode: { text: mode } };
  const made = t.add('Resize', [first, '', '', sizes], attributes);
  t.finish(t.add('Transpose', [made], { perm: TO_LAST }), 0);
};

const transposeConv: Rule = (t, { options }) => {
  const weights = t.input(1, (tensor) => turned(tensor, [3, 0, 1, 2]), ':iohw');
  const [, rows = 1, columns = 1] = t.outputShape();
  const first = t.add('Transpose', [t.input(2)], { perm: TO_FIRST });
  const bias = t.bias(3);
  const made = t.add('ConvTranspose', [first, weights, ...(bias ? [bias] : [])], {
    strides: [options?.int32(2) ?? 1, options?.int32(1) ?? 1],
    output_shape: [rows, columns],
  });
  t.finish(t.add('Transpose', [made], { perm: TO_LAST }), options?.int8(3) ?? 0);
};

const batchMatmul: Rule = (t, { options }) => {
  const side = (slot: number): string => {
    if ((options?.int8(slot) ?? 0) === 0) return t.input(slot);
    const axes = t.shape(slot).map((_, axis) => axis);
    return t.add('Transpose', [t.input(slot)], {
      perm: [...axes.slice(0, -2), axes.length - 1, axes.length - 2],
    });
  };
  t.add('MatMul', [side(0), side(1)], {}, [t.output()]);
};

/** Blocks of pixels to channels, or back. */
const blocks =
  (toSpace: boolean): Rule =>
  (t, { options }) => {
    const size = options?.int32(0) ?? 1;
    const [, height = 1, width = 1, channels = 1] = t.shape(0);
    const view = toSpace
      ? [height, width, size, size, channels / size / size]
      : [height / size, size, width / size, size, channels];
    const viewed = t.add('Reshape', [t.input(0), t.constant(view)]);
    t.finish(t.add('Transpose', [viewed], { perm: [0, 2, 1, 3, 4] }), 0, t.outputShape());
  };

/** LSTM of a whole sequence: ONNX has its gates in another order (i, o, f, c), in one matrix each. */
const sequenceLstm: Rule = (t, { options }) => {
  const order = [0, 3, 1, 2];
  const join = (first: number, kind: string, zeros = 0): string => {
    const parts = order.map((gate) => t.constants.get(t.input(first + gate)));
    if (parts.some((part) => !part) || zeros > 1 << 18) return '';
    const values = parts.flatMap((part) => Array.from(part!.values));
    const [rows = 1, ...rest] = parts[0]!.shape;
    const name = `${t.output()}:${kind}`;
    const all = [...values, ...new Array<number>(zeros).fill(0)];
    t.constants.set(name, { shape: [1, 4 * rows + zeros, ...rest], values: all, integer: false });
    return name;
  };
  const units = t.shape(6)[0] ?? 1;
  const others = [9, 10, 11, 16, 17, 20, 21, 22, 23].some((slot) => t.input(slot) !== '');
  const [input, recurrent, bias] = [join(1, 'w'), join(5, 'r'), join(12, 'b', 4 * units)];
  const [fused, clip, , timeMajor] = [
    options?.int8(0) ?? 0,
    options?.float32(1, 0) ?? 0,
    0,
    options?.int8(3) ?? 0,
  ];
  if (others || !input || !recurrent || !bias || FUSED[fused] !== 'TANH') {
    t.unknown('UNIDIRECTIONAL_SEQUENCE_LSTM with peepholes, a projection or normalization');
    return;
  }
  const first = timeMajor ? t.input(0) : t.add('Transpose', [t.input(0)], { perm: [1, 0, 2] });
  const made = t.add('LSTM', [first, input, recurrent, bias], {
    hidden_size: units,
    cell_clip: { real: clip },
  });
  const steps = t.add('Squeeze', [made], { axes: [1] });
  if (timeMajor) t.finish(steps);
  else t.finish(t.add('Transpose', [steps], { perm: [1, 0, 2] }));
};

/** A square of a difference. */
const squaredDifference: Rule = (t) => {
  const less = t.add('Sub', [t.input(0), t.input(1)]);
  t.add('Mul', [less, less], {}, [t.output()]);
};

const reverse: Rule = (t) => {
  const axes = integersOf(t, 1);
  const each = (value: number): string => t.constant(axes.map(() => value));
  const inputs = [t.input(0), each(-1), each(-(2 ** 31)), t.constant(axes), each(-1)];
  t.add('Slice', inputs, {}, [t.output()]);
};

const notEqual: Rule = (t) => {
  t.add('Not', [t.add('Equal', [t.input(0), t.input(1)])], {}, [t.output()]);
};

/** The same values; constants stored in another type than they are used in stay constants. */
const copied: Rule = (t) => {
  const constant = t.constants.get(t.input(0));
  if (constant) t.fold(constant);
  else t.finish(t.input(0));
};

const RULES: Record<string, Rule> = {
  UNIDIRECTIONAL_SEQUENCE_LSTM: sequenceLstm,
  SQUARED_DIFFERENCE: squaredDifference,
  L2_NORMALIZATION: unary('LpNormalization', () => ({ axis: -1, p: 2 })),
  ADD_N: plain('Sum'),
  GREATER: plain('Greater'),
  GREATER_EQUAL: plain('GreaterOrEqual'),
  LESS: plain('Less'),
  LESS_EQUAL: plain('LessOrEqual'),
  EQUAL: plain('Equal'),
  NOT_EQUAL: notEqual,
  LOGICAL_AND: plain('And'),
  LOGICAL_OR: plain('Or'),
  LOGICAL_NOT: plain('Not'),
  SELECT: plain('Where'),
  SELECT_V2: plain('Where'),
  REVERSE_V2: reverse,
  BROADCAST_TO: plain('Expand'),
  CONV_2D: conv,
  DEPTHWISE_CONV_2D: depthwise,
  FULLY_CONNECTED: dense,
  AVERAGE_POOL_2D: pool('AveragePool'),
  MAX_POOL_2D: pool('MaxPool'),
  MEAN: reduced('ReduceMean'),
  SUM: reduced('ReduceSum'),
  ADD: plain('Add', 0),
  SUB: plain('Sub', 0),
  MUL: plain('Mul', 0),
  DIV: plain('Div', 0),
  MAXIMUM: plain('Max'),
  MINIMUM: plain('Min'),
  POW: plain('Pow'),
  PRELU: plain('PRelu'),
  RELU: fusedAlone(1),
  RELU_N1_TO_1: fusedAlone(2),
  RELU6: fusedAlone(3),
  LOGISTIC: unary('Sigmoid'),
  TANH: unary('Tanh'),
  HARD_SWISH: unary('HardSwish'),
  LEAKY_RELU: unary('LeakyRelu', ({ options }) => ({ alpha: { real: options?.float32(0, 0) ?? 0 } })),
  ELU: unary('Elu'),
  EXP: unary('Exp'),
  LOG: unary('Log'),
  SQRT: unary('Sqrt'),
  RSQRT: powered(-0.5),
  SQUARE: powered(2),
  ABS: unary('Abs'),
  NEG: unary('Neg'),
  FLOOR: unary('Floor'),
  CEIL: unary('Ceil'),
  ROUND: unary('Round'),
  SIGN: unary('Sign'),
  SIN: unary('Sin'),
  COS: unary('Cos'),
  GELU: unary('Gelu', ({ options }) => ({
    approximate: { text: (options?.int8(0) ?? 0) ? 'tanh' : 'none' },
  })),
  SOFTMAX: softmax,
  LOG_SOFTMAX: unary('LogSoftmax', () => ({ axis: -1 })),
  RESHAPE: reshaped,
  SQUEEZE: reshaped,
  EXPAND_DIMS: reshaped,
  CONCATENATION: concatenation,
  SLICE: slice,
  STRIDED_SLICE: stridedSlice,
  SPLIT: split({ input: 1, axis: 0 }),
  SPLIT_V: split({ input: 0, axis: 2 }),
  UNPACK: unpack,
  PACK: pack,
  PAD: pad,
  PADV2: pad,
  TRANSPOSE: transpose,
  TRANSPOSE_CONV: transposeConv,
  RESIZE_BILINEAR: resizeBilinear,
  BATCH_MATMUL: batchMatmul,
  REDUCE_MAX: reduced('ReduceMax'),
  REDUCE_MIN: reduced('ReduceMin'),
  TILE: plain('Tile'),
  GATHER: gather,
  RESIZE_NEAREST_NEIGHBOR: resizeNearest,
  DEPTH_TO_SPACE: blocks(true),
  SPACE_TO_DEPTH: blocks(false),
  // What is stored in fewer bits stands for reals: see `Translation.settle`.
  QUANTIZE: copied,
  DEQUANTIZE: copied,
  SHAPE: unary('Shape'),
  ...CHOICES,
};

/** Names of the operators that float models may have. */
export const FLOAT_OPERATORS: readonly string[] = Object.keys(RULES);

/** A model in ONNX' nodes: what it has in integers stands for reals. Operators there is no rule for become nodes nobody knows. */
export function floatModelOf(model: TfliteModel): OnnxModel {
  const t = new Translation(model);
  const inputs = values(t, model.inputs);
  for (const index of model.inputs) t.start(index);
  for (const op of model.operators) {
    t.begin(op);
    const rule = Object.hasOwn(RULES, op.name) ? RULES[op.name] : undefined;
    if (rule) rule(t, op);
    else
      t.add(
        op.name,
        op.inputs.map((_, slot) => t.input(slot)),
        {},
        op.outputs.map((_, slot) => t.output(slot)),
        'tflite',
      );
    t.settle();
  }
  return { opset: 13, nodes: t.nodes, constants: t.constants, inputs, outputs: values(t, model.outputs) };
}

function values(t: Translation, list: readonly number[]): OnnxModel['inputs'] {
  return list.map((index) => {
    const { shape, type } = t.tensor(index);
    const number = type === 'int32' || type === 'int64' ? NUMBERS[type] : undefined;
    return { name: t.name(index), shape: [...shape], type: number ?? FLOAT };
  });
}
