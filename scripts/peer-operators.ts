// What others take, from their own public lists, beside what the importers here take: a table of docs/IMPORT.md.
import { ONNX_NODES } from '../host/import/onnx/import-onnx.js';
import { FLOAT_OPERATORS } from '../host/import/tflite/float.js';
import { INTEGER_OPERATORS } from '../host/import/tflite/import-tflite.js';

interface Peer {
  name: string;
  /** The list: file, commit, date. */
  source: string;
  operators: string;
}

const TFLITE: Peer[] = [
  {
    name: 'TensorFlow Lite Micro, operators of the schema',
    source: 'python_ops_resolver.cc, commit 03e16b2',
    operators:
      'ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO CALL_ONCE CAST CEIL ' +
      'CONCATENATION CONV_2D COS CUMSUM DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE DIV ELU EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV ' +
      'FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS ' +
      'LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAX_POOL_2D MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NEG ' +
      'NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_MAX RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR ' +
      'ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE ' +
      'SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE',
  },
];

const ONNX: Peer[] = [
  {
    name: 'onnx2c',
    source: 'src/graph.cc and node.cc, commit ea045cc of 2026-04-15',
    operators:
      'Abs Acos Acosh Add And Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift Cast Ceil Celu Clip Concat Constant ' +
      'ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh DequantizeLinear Div Dropout DynamicQuantizeLinear Elu Equal Erf Exp ' +
      'Expand Flatten Floor Gather Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity ' +
      'InstanceNormalization LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul MatMulInteger Max MaxPool ' +
      'Mean Min Mod Mul Neg Not Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RandomUniform Range Reciprocal ' +
      'ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ' +
      'ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Tan Tanh ' +
      'ThresholdedRelu Transpose Unsqueeze Upsample Where Xor',
  },
  {
    name: 'esp-dl',
    source: 'operator_support_state.md, commit 20ace1c of 2025-06-23',
    operators:
      'Add AveragePool Clip Concat Conv Div Elu Equal Exp Flatten Gather Gemm GlobalAveragePool Greater GreaterOrEqual HardSigmoid ' +
      'HardSwish LeakyRelu Less LessOrEqual Log MatMul MaxPool Mul Pad PRelu Relu Reshape Resize ReverseSequence Sigmoid Slice Softmax ' +
      'Split Sqrt Squeeze Sub Tanh Transpose Unsqueeze',
  },
];

/** One row a peer: how many it lists, how many of these are taken here, which are not, and how many more are. */
export function peerTable(): string {
  const row = ({ name, source, operators }: Peer, own: readonly string[]): string => {
    const theirs = operators.split(' ');
    const missing = theirs.filter((one) => !own.includes(one));
    const more = own.filter((one) => !one.includes('.') && !theirs.includes(one)).length;
    const cells = [name, source, theirs.length, theirs.length - missing.length, missing.join(', '), more];
    return `| ${cells.join(' | ')} |`;
  };
  const tflite = [...new Set([...INTEGER_OPERATORS, ...FLOAT_OPERATORS])];
  return [
    '| | its list | operators | of these here | not here | more here |',
    '| --- | --- | --- | --- | --- | --- |',
    ...TFLITE.map((peer) => row(peer, tflite)),
    ...ONNX.map((peer) => row(peer, ONNX_NODES)),
  ].join('\n');
}
