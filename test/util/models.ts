// Small models written for the tests: .tflite and .onnx files of every op that importers take.
import * as fb from '../../samples/tflite/flatbuffer-writer.js';
import { int32Bytes, int32Tensor, OP, tfliteModel, type TfliteTensor } from '../../samples/tflite/model.js';

const INT32 = 2;

const some = (count: number, seed: number): Int8Array =>
  Int8Array.from({ length: count }, (_, i) => ((i * 37 + seed * 101) % 255) - 127);

/** A 1-D convolution as converters write it, a branch, shape arithmetic, a dense layer and softmax. */
function branching(): Uint8Array {
  const tensors: TfliteTensor[] = [
    { shape: [1, 12, 3], zeroPoint: 3 },
    int32Tensor([1]),
    { shape: [1, 1, 12, 3], zeroPoint: 3 },
    { shape: [4, 1, 3, 3], scales: [0.01, 0.02, 0.015, 0.01], data: some(36, 1) },
    { shape: [4], type: INT32, data: int32Bytes([10, -20, 30, 0]) },
    { shape: [1, 1, 12, 4], zeroPoint: -10 },
    { shape: [1, 1, 1, 4], zeroPoint: 5, scale: 0.1, data: some(4, 2) },
    { shape: [1, 1, 12, 4], zeroPoint: -3 },
    { shape: [1, 1, 12, 8], zeroPoint: -3 },
    { shape: [4], type: INT32 },
    int32Tensor([0]),
    int32Tensor([1]),
    { shape: [], type: INT32 },
    int32Tensor([96]),
    { shape: [2], type: INT32 },
    { shape: [1, 96], zeroPoint: -3 },
    { shape: [5, 96], scale: 0.02, data: some(480, 3) },
    { shape: [1, 5], zeroPoint: 0 },
    { shape: [1, 5], scale: 1 / 256, zeroPoint: -128 },
  ];
  const conv = { 0: fb.i8(0), 1: fb.i32(1), 2: fb.i32(1), 3: fb.i8(1), 4: fb.i32(1), 5: fb.i32(1) };
  return tfliteModel(tensors, [
    { code: OP.EXPAND_DIMS, inputs: [0, 1], outputs: [2] },
    { code: OP.CONV_2D, inputs: [2, 3, 4], outputs: [5], options: conv },
    { code: OP.ADD, inputs: [5, 6], outputs: [7], options: { 0: fb.i8(0) } },
    { code: OP.CONCATENATION, inputs: [7, 7], outputs: [8], options: { 0: fb.i32(3), 1: fb.i8(0) } },
    { code: OP.SHAPE, inputs: [8], outputs: [9] },
    { code: OP.STRIDED_SLICE, inputs: [9, 10, 11, 11], outputs: [12], options: { 4: fb.i32(1) } },
    { code: OP.PACK, inputs: [12, 13], outputs: [14], options: { 0: fb.i32(2), 1: fb.i32(0) } },
    { code: OP.RESHAPE, inputs: [8, 14], outputs: [15] },
    { code: OP.FULLY_CONNECTED, inputs: [15, 16, -1], outputs: [17], options: { 0: fb.i8(0) } },
    { code: OP.SOFTMAX, inputs: [17], outputs: [18], options: { 0: fb.f32(1) } },
  ]);
}

/** A residual map with padding, depthwise, pooling, a gate, a mean. */
function residual(): Uint8Array {
  const window = { 0: fb.i8(0), 1: fb.i32(2), 2: fb.i32(2), 3: fb.i32(1), 4: fb.i8(3) };
  const pool = { 0: fb.i8(1), 1: fb.i32(2), 2: fb.i32(2), 3: fb.i32(2), 4: fb.i32(2), 5: fb.i8(0) };
  return tfliteModel(
    [
      { shape: [1, 6, 7, 4] },
      { shape: [4, 2], type: INT32, data: int32Bytes([0, 0, 1, 1, 1, 0, 0, 0]) },
      { shape: [1, 8, 8, 4] },
      { shape: [1, 3, 3, 4], scales: [0.01, 0.01, 0.02, 0.03], axis: 3, data: some(36, 4) },
      { shape: [4], type: INT32, data: int32Bytes([1, 2, 3, 4]) },
      { shape: [1, 4, 4, 4], zeroPoint: -20 },
      { shape: [1, 4, 4, 4] },
      int32Tensor([1, 2]),
      { shape: [1, 1, 1, 4], scale: 0.25 },
      { shape: [1, 1, 1, 4], scale: 1 / 256, zeroPoint: -128 },
      { shape: [1, 4, 4, 4], scale: 0.3 },
      { shape: [1, 4, 4, 4] },
    ],
    [
      { code: OP.PAD, inputs: [0, 1], outputs: [2] },
      { code: OP.DEPTHWISE_CONV_2D, inputs: [2, 3, 4], outputs: [5], options: window },
      { code: OP.MAX_POOL_2D, inputs: [2], outputs: [6], options: pool },
      { code: OP.MEAN, inputs: [6, 7], outputs: [8], options: { 0: fb.i8(1) } },
      { code: OP.LOGISTIC, inputs: [8], outputs: [9] },
      { code: OP.MUL, inputs: [6, 9], outputs: [10], options: { 0: fb.i8(0) } },
      { code: OP.ADD, inputs: [10, 5], outputs: [11], options: { 0: fb.i8(1) } },
    ],
  );
}

/** Differences, tables, dimensions that change places, a part, and an argmax. */
function rearranging(): Uint8Array {
  const shape = [1, 3, 4, 5];
  return tfliteModel(
    [
      { shape, zeroPoint: 4 },
      { shape: [5], scale: 0.25, zeroPoint: 3, data: some(5, 6) },
      { shape, zeroPoint: -4 },
      { shape, scale: 0.25 },
      int32Tensor([0, 3, 1, 2]),
      { shape: [1, 5, 3, 4], scale: 0.25 },
      int32Tensor([0, 1, 0, 0]),
      int32Tensor([1, 3, -1, -1]),
      { shape: [1, 3, 3, 4], scale: 0.25 },
      { shape: [1, 3, 3, 4], scale: 0.5 },
      { shape: [1, 36], scale: 0.5 },
      int32Tensor([1, 36]),
      int32Tensor([1]),
      { shape: [1], type: INT32 },
    ],
    [
      { code: OP.SUB, inputs: [0, 1], outputs: [2], options: { 0: fb.i8(0) } },
      { code: OP.HARD_SWISH, inputs: [2], outputs: [3] },
      { code: OP.TRANSPOSE, inputs: [3, 4], outputs: [5] },
      { code: OP.SLICE, inputs: [5, 6, 7], outputs: [8] },
      { code: OP.LEAKY_RELU, inputs: [8], outputs: [9], options: { 0: fb.f32(0.2) } },
      { code: OP.RESHAPE, inputs: [9, 11], outputs: [10] },
      { code: OP.ARG_MAX, inputs: [10, 12], outputs: [13] },
    ],
  );
}

/** A convolution of int8 over [1, 8, 8, 2], dilated by 2 itself or between SPACE_TO_BATCH_ND and its opposite. */
export function dilated(around: boolean): Uint8Array {
  const conv = {
    0: fb.i8(1),
    1: fb.i32(1),
    2: fb.i32(1),
    3: fb.i8(0),
    4: fb.i32(around ? 1 : 2),
    5: fb.i32(around ? 1 : 2),
  };
  const pads: TfliteTensor = {
    shape: around ? [2, 2] : [4, 2],
    type: 2,
    data: int32Bytes(around ? [2, 2, 2, 2] : [0, 0, 2, 2, 2, 2, 0, 0]),
  };
  const weights = Int8Array.from({ length: 54 }, (_, i) => ((i * 37) % 200) - 100);
  const tensors: TfliteTensor[] = [
    { shape: [1, 8, 8, 2], scale: 0.05, zeroPoint: 5 },
    int32Tensor([2, 2]),
    pads,
    { shape: around ? [4, 6, 6, 2] : [1, 12, 12, 2], scale: 0.05, zeroPoint: 5 },
    { shape: [3, 3, 3, 2], scales: [0.01, 0.02, 0.015], data: weights },
    { shape: [3], type: 2, scales: [0.0005, 0.001, 0.00075], data: int32Bytes([100, -200, 300]) },
    { shape: around ? [4, 4, 4, 3] : [1, 8, 8, 3], scale: 0.4, zeroPoint: -9 },
    { shape: [2, 2], type: 2, data: int32Bytes([0, 0, 0, 0]) },
    { shape: [1, 8, 8, 3], scale: 0.4, zeroPoint: -9 },
  ];
  const before = around
    ? { code: 38, inputs: [0, 1, 2], outputs: [3] }
    : { code: OP.PAD, inputs: [0, 2], outputs: [3] };
  const middle = { code: OP.CONV_2D, inputs: [3, 4, 5], outputs: [6], options: conv };
  return tfliteModel(tensors, [
    before,
    middle,
    ...(around ? [{ code: 37, inputs: [6, 1, 7], outputs: [8] }] : []),
  ]);
}

/** Choices of int8, which are made of other operators: GREATER, SELECT, DIV, ARG_MAX, ONE_HOT, CAST. */
function choosing(): Uint8Array {
  const flat = { shape: [1, 6], scale: 0.05, zeroPoint: 3 };
  const [FLOAT, BOOL] = [0, 6];
  return tfliteModel(
    [
      flat,
      { shape: [], scale: 0.05, zeroPoint: 3, data: [23] },
      { shape: [1, 6], type: BOOL },
      flat,
      int32Tensor([1]),
      { shape: [1], type: INT32 },
      int32Tensor([6]),
      { shape: [], type: FLOAT, data: new Uint8Array(Float32Array.of(1).buffer) },
      { shape: [], type: FLOAT, data: new Uint8Array(Float32Array.of(0).buffer) },
      { shape: [1, 6], type: FLOAT },
      { shape: [1, 6], scale: 1 / 64 },
      { ...flat, scale: 0.1 },
    ],
    [
      { code: 61, inputs: [0, 1], outputs: [2] },
      { code: 64, inputs: [2, 0, 1], outputs: [3] },
      { code: OP.ARG_MAX, inputs: [3, 4], outputs: [5] },
      { code: 85, inputs: [5, 6, 7, 8], outputs: [9], options: { 0: fb.i32(-1) } },
      { code: 114, inputs: [9], outputs: [10] },
      { code: OP.MUL, inputs: [10, 3], outputs: [11], options: { 0: fb.i8(0) } },
    ],
  );
}

export const tfliteModels = (): Uint8Array[] => [
  ...[branching(), residual(), rearranging(), choosing(), dilated(true)],
];

type Piece = number[];
const varint = (value: number | bigint): Piece => {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
};
const integer = (id: number, value: number): Piece => [...varint(id << 3), ...varint(value)];
const bytes = (id: number, content: ArrayLike<number>): Piece => [
  ...varint((id << 3) | 2),
  ...varint(content.length),
  ...Array.from(content),
];
const text = (id: number, value: string): Piece => bytes(id, new TextEncoder().encode(value));
const float = (id: number, value: number): Piece => [
  ...varint((id << 3) | 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];

export interface TestNode {
  op: string;
  inputs: string[];
  outputs: string[];
  integers?: Record<string, number[] | number>;
  reals?: Record<string, number>;
  texts?: Record<string, string>;
  /** Graphs inside the node, each with the names of its results. */
  graphs?: Record<string, { nodes: TestNode[]; outputs: string[] }>;
}

export type TestConstant = {
  shape: number[];
  values: Float32Array | Int8Array | BigInt64Array | Int32Array | Uint8Array;
};

function constantMessage(name: string, { shape, values }: TestConstant): Piece {
  const types: [unknown, number][] = [
    [Float32Array, 1],
    [Uint8Array, 2],
    [Int8Array, 3],
    [Int32Array, 6],
    [BigInt64Array, 7],
  ];
  const type = types.find(([kind]) => values.constructor === kind)![1];
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return [
    ...shape.flatMap((size) => integer(1, size)),
    ...integer(2, type),
    ...text(8, name),
    ...bytes(9, raw),
  ];
}

function valueMessage(name: string, shape: number[]): Piece {
  const dimensions = shape.flatMap((size) => bytes(1, integer(1, size)));
  return [...text(1, name), ...bytes(2, bytes(1, [...integer(1, 1), ...bytes(2, dimensions)]))];
}

/** An .onnx file from the input `x` to the last node's first output. */
export function onnxModel(
  shape: number[],
  nodes: TestNode[],
  constants: Record<string, TestConstant>,
  { opset = 17 } = {},
): Uint8Array {
  const nodeMessage = (node: TestNode): Piece => [
    ...node.inputs.flatMap((name) => text(1, name)),
    ...node.outputs.flatMap((name) => text(2, name)),
    ...text(4, node.op),
    ...attributes(node),
  ];
  const attributes = ({ integers = {}, reals = {}, texts = {}, graphs = {} }: TestNode): Piece => [
    ...Object.entries(graphs).flatMap(([name, graph]) => {
      const inner = graph.nodes.flatMap((node) => bytes(1, nodeMessage(node)));
      const results = graph.outputs.flatMap((output) => bytes(12, text(1, output)));
      return bytes(5, [...text(1, name), ...bytes(6, [...inner, ...results]), ...integer(20, 5)]);
    }),
    ...Object.entries(texts).flatMap(([name, value]) =>
      bytes(5, [...text(1, name), ...text(4, value), ...integer(20, 3)]),
    ),
    ...Object.entries(integers).flatMap(([name, value]) =>
      bytes(5, [
        ...text(1, name),
        ...(typeof value === 'number'
          ? [...integer(3, value), ...integer(20, 2)]
          : [...value.flatMap((item) => integer(8, item)), ...integer(20, 7)]),
      ]),
    ),
    ...Object.entries(reals).flatMap(([name, value]) =>
      bytes(5, [...text(1, name), ...float(2, value), ...integer(20, 1)]),
    ),
  ];
  const graph = [
    ...nodes.flatMap((node) => bytes(1, nodeMessage(node))),
    ...Object.entries(constants).flatMap(([name, constant]) => bytes(5, constantMessage(name, constant))),
    ...bytes(11, valueMessage('x', shape)),
    ...text(2, 'graph'),
    ...bytes(12, [...text(1, nodes.at(-1)!.outputs[0]!), ...bytes(2, bytes(1, integer(1, 1)))]),
  ];
  return Uint8Array.from([...integer(1, 8), ...bytes(7, graph), ...bytes(8, integer(2, opset))]);
}

const reals = (shape: number[], seed: number): TestConstant => {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: Float32Array.from(some(count, seed), (q) => q / 200) };
};

/** Convolution, normalization, residual sum, transposes, pooling, flatten, dense, softmax; of three channels. */
export function onnxFloat(): Uint8Array {
  const nodes: TestNode[] = [
    {
      op: 'Conv',
      inputs: ['x', 'w1', 'b1'],
      outputs: ['c1'],
      integers: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    },
    { op: 'BatchNormalization', inputs: ['c1', 'g', 'b1', 'm', 'v'], outputs: ['n1'] },
    { op: 'Relu', inputs: ['n1'], outputs: ['r1'] },
    {
      op: 'Conv',
      inputs: ['r1', 'w2'],
      outputs: ['c2'],
      integers: { group: 4, kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    },
    { op: 'HardSwish', inputs: ['c2'], outputs: ['h2'] },
    { op: 'Add', inputs: ['h2', 'r1'], outputs: ['s'] },
    { op: 'MaxPool', inputs: ['s'], outputs: ['p'], integers: { kernel_shape: [2, 2], strides: [2, 2] } },
    { op: 'Transpose', inputs: ['p'], outputs: ['t'], integers: { perm: [0, 2, 3, 1] } },
    { op: 'Transpose', inputs: ['t'], outputs: ['u'], integers: { perm: [0, 3, 1, 2] } },
    { op: 'Flatten', inputs: ['u'], outputs: ['f'], integers: { axis: 1 } },
    { op: 'MatMul', inputs: ['f', 'w3'], outputs: ['d'] },
    { op: 'Add', inputs: ['d', 'b3'], outputs: ['e'] },
    { op: 'Tanh', inputs: ['e'], outputs: ['y'] },
  ];
  const variance = { shape: [4], values: Float32Array.of(1, 0.5, 2, 1.5) };
  return onnxModel([1, 3, 6, 4], nodes, {
    w1: reals([4, 3, 3, 3], 1),
    b1: reals([4], 2),
    g: reals([4], 3),
    m: reals([4], 4),
    v: variance,
    w2: reals([4, 1, 3, 3], 5),
    w3: reals([24, 5], 6),
    b3: reals([5], 7),
  });
}

/** The same kind of thing as quantizers write it. */
export function onnxQdq(): Uint8Array {
  const q = (name: string, from: string): TestNode[] => [
    { op: 'QuantizeLinear', inputs: [from, 's', 'z'], outputs: [`${name}q`] },
    { op: 'DequantizeLinear', inputs: [`${name}q`, 's', 'z'], outputs: [name] },
  ];
  const nodes: TestNode[] = [
    ...q('a', 'x'),
    { op: 'DequantizeLinear', inputs: ['w', 'ws'], outputs: ['wd'], integers: { axis: 0 } },
    { op: 'Conv', inputs: ['a', 'wd'], outputs: ['c'], integers: { kernel_shape: [2, 2] } },
    { op: 'Relu', inputs: ['c'], outputs: ['r'] },
    ...q('d', 'r'),
    { op: 'GlobalAveragePool', inputs: ['d'], outputs: ['g'] },
    ...q('h', 'g'),
    { op: 'Flatten', inputs: ['h'], outputs: ['f'] },
    { op: 'Softmax', inputs: ['f'], outputs: ['y'], integers: { axis: -1 } },
  ];
  return onnxModel([1, 2, 5, 4], nodes, {
    s: { shape: [], values: Float32Array.of(0.02) },
    z: { shape: [], values: Uint8Array.of(120) },
    w: { shape: [3, 2, 2, 2], values: some(24, 8) },
    ws: { shape: [3], values: Float32Array.of(0.01, 0.02, 0.005) },
  });
}

/** A branch that is known, the place of the largest, classes, running sums. */
function onnxChoices(): Uint8Array {
  const known = { nodes: [{ op: 'Squeeze', inputs: ['x'], outputs: ['s'] }], outputs: ['s'] };
  const nodes: TestNode[] = [
    { op: 'If', inputs: ['yes'], outputs: ['c'], graphs: { then_branch: known, else_branch: known } },
    { op: 'CumSum', inputs: ['c', 'a'], outputs: ['u'], integers: { reverse: 1 } },
    { op: 'LRN', inputs: ['x'], outputs: ['l'], integers: { size: 3 }, reals: { alpha: 0.5 } },
    { op: 'ArgMax', inputs: ['u'], outputs: ['i'], integers: { axis: 0, keepdims: 0 } },
    { op: 'OneHot', inputs: ['i', 'd', 'v'], outputs: ['h'], integers: { axis: 0 } },
    { op: 'Add', inputs: ['h', 'l'], outputs: ['y'] },
  ];
  const one = (value: number): TestConstant => ({ shape: [1], values: BigInt64Array.of(BigInt(value)) });
  const values = { shape: [2], values: Float32Array.of(0, 1) };
  return onnxModel([1, 4, 4], nodes, { yes: one(1), a: one(1), d: one(4), v: values });
}

export const onnxModels = (): Uint8Array[] => [onnxFloat(), onnxQdq(), onnxChoices()];
