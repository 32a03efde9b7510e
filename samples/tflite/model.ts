// A .tflite file from tensors and operators.
import * as fb from './flatbuffer-writer.js';

export interface TfliteTensor {
  shape: number[];
  /** Default int8. */
  type?: number;
  scale?: number;
  zeroPoint?: number;
  scales?: number[];
  axis?: number;
  /** What an operator keeps from one inference to the next. */
  variable?: boolean;
  data?: ArrayLike<number>;
}

export interface TfliteOperator {
  code: number;
  inputs: number[];
  outputs: number[];
  options?: Parameters<typeof fb.table>[0];
  /** Of code 32: the name of a custom operator. */
  custom?: string;
}

const INT8 = 9;
const INT32 = 2;

/** Constants of int32 as bytes. */
export const int32Bytes = (values: readonly number[]): Uint8Array =>
  new Uint8Array(Int32Array.from(values).buffer);
export const int32Tensor = (values: readonly number[]): TfliteTensor => {
  return { shape: [values.length], type: INT32, data: int32Bytes(values) };
};

/** Numbers of BuiltinOptions by those of the operators. */
const OPTIONS: Record<number, number> = {
  ...{ 0: 11, 1: 5, 2: 10, 3: 1, 4: 2, 5: 94, 9: 8, 17: 5, 18: 21, 22: 17, 25: 9, 26: 19, 27: 6, 36: 23 },
  ...{
    40: 27,
    41: 28,
    43: 30,
    45: 32,
    49: 35,
    56: 40,
    67: 49,
    74: 27,
    77: 55,
    82: 27,
    83: 59,
    88: 64,
    89: 27,
  },
  ...{ 97: 74, 98: 75, 102: 79, 44: 71, 23: 15, 126: 101 },
};

export function tfliteModel(tensors: TfliteTensor[], operators: TfliteOperator[], input = 0): Uint8Array {
  const buffers = [
    fb.table({}),
    ...tensors.map(({ data }) => fb.table(data ? { 0: fb.bytesVector(data) } : {})),
  ];
  const quantization = ({ scale = 0.5, zeroPoint = 0, scales, axis = 0 }: TfliteTensor): fb.Node => {
    const all = scales ?? [scale];
    const zeros = all.map(() => (scales ? 0 : zeroPoint));
    return fb.table({ 2: fb.f32Vector(all), 3: fb.i64Vector(zeros), 6: fb.i32(axis) });
  };
  const codes = [...new Set(operators.map(({ code }) => code))];
  const graph = fb.table({
    0: fb.nodes(
      tensors.map((tensor, i) =>
        fb.table({
          0: fb.i32Vector(tensor.shape),
          1: fb.i8(tensor.type ?? INT8),
          2: fb.i32(i + 1),
          3: fb.bytesVector([...`t${i}`].map((c) => c.charCodeAt(0))),
          4: fb.ref(quantization(tensor)),
          ...(tensor.variable ? { 5: fb.i8(1) } : {}),
        }),
      ),
    ),
    1: fb.i32Vector([input]),
    2: fb.i32Vector(operators.at(-1)!.outputs),
    3: fb.nodes(
      operators.map(({ code, inputs, outputs, options }) =>
        fb.table({
          0: fb.i32(codes.indexOf(code)),
          1: fb.i32Vector(inputs),
          2: fb.i32Vector(outputs),
          ...(options ? { 3: fb.i8(OPTIONS[code] ?? 0), 4: fb.ref(fb.table(options)) } : {}),
        }),
      ),
    ),
  });
  const root = fb.table({
    0: fb.i32(3),
    1: fb.nodes(
      codes.map((code) => {
        const custom = operators.find((op) => op.code === code)?.custom;
        const name = custom ? { 1: fb.bytesVector([...custom].map((c) => c.charCodeAt(0))) } : {};
        return fb.table({ 0: fb.i8(Math.min(code, 127)), 3: fb.i32(code), ...name });
      }),
    ),
    2: fb.nodes([graph]),
    4: fb.nodes(buffers),
  });
  return fb.writeFlatbuffer(root, 'TFL3');
}

/** Numbers of builtin operators. */
export const OP = {
  ADD: 0,
  AVERAGE_POOL_2D: 1,
  CONCATENATION: 2,
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 4,
  FULLY_CONNECTED: 9,
  LOGISTIC: 14,
  MAX_POOL_2D: 17,
  MUL: 18,
  RELU6: 21,
  RESHAPE: 22,
  SOFTMAX: 25,
  PAD: 34,
  MEAN: 40,
  STRIDED_SLICE: 45,
  EXPAND_DIMS: 70,
  SHAPE: 77,
  TRANSPOSE: 39,
  SUB: 41,
  ARG_MAX: 56,
  SLICE: 65,
  LEAKY_RELU: 98,
  HARD_SWISH: 117,
  PACK: 83,
};
