// Checks a quantized network before anything is laid out: what importers and users hand in may be wrong.
import { BrownoutError } from '../error.js';
import {
  type Add,
  type Conv2d,
  elementBytes,
  elementCount,
  type Mul,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type Scaling,
  type TensorSpec,
  type Window,
} from './quantized-network.js';
import { WEIGHT_TYPES, type WeightType } from './weight-types.js';

function refuse(op: QuantizedOp, found: string, expected: string): never {
  const hint = 'Check what built the network: shapes and arrays must fit each other.';
  throw new BrownoutError({
    code: 'E_NETWORK',
    found: `${op.kind} "${op.name}" with ${found}`,
    expected,
    hint,
  });
}

function checkLength(op: QuantizedOp, what: string, found: number, expected: number): void {
  if (found !== expected) refuse(op, `${found} ${what}`, `${expected}`);
}

function checkWindow(op: QuantizedOp & Window): void {
  const sound = (value: number, least: number): boolean =>
    Number.isInteger(value) && value >= least && value < 65536;
  for (const pair of [op.kernel, op.stride, op.dilation]) {
    if (pair.length !== 2 || !pair.every((value) => sound(value, 1)))
      refuse(op, `window [${pair}]`, 'pairs from 1 to 65535');
  }
  if (op.padding.length !== 2 || !op.padding.every((value) => sound(value, 0))) {
    refuse(op, `padding [${op.padding}]`, 'a pair from 0 to 65535');
  }
}

function checkScaling(op: QuantizedOp, { multiplier, shift }: Scaling, mostShift = 30): void {
  const sound =
    Number.isInteger(multiplier) && multiplier >= 0 && multiplier < 2 ** 31 && Number.isInteger(shift);
  if (!sound || shift < -31 || shift > mostShift) {
    const expected = `a multiplier below 2³¹ and a shift from −31 to ${mostShift}`;
    refuse(op, `scaling ${multiplier}·2^${shift}`, expected);
  }
}

/** The reduced scaling of int64 accumulators needs a bit to round by. */
const MOST_SHIFT_INT64 = 14;

function checkRequantization(op: QuantizedOp & Requantization, outputs: number, wide: boolean): void {
  const int64 = op.bias instanceof BigInt64Array;
  if (int64 && !wide) refuse(op, 'int64 biases', 'int32 biases with int8 activations');
  checkLength(op, 'biases', op.bias.length, outputs);
  if (op.multipliers.length !== 1) checkLength(op, 'multipliers', op.multipliers.length, outputs);
  checkLength(op, 'shifts', op.shifts.length, op.multipliers.length);
  op.multipliers.forEach((multiplier, i) => {
    checkScaling(op, { multiplier, shift: op.shifts[i]! }, int64 ? MOST_SHIFT_INT64 : undefined);
  });
}

function checkClamp(op: QuantizedOp, low: number, high: number, wide: boolean): void {
  const most = wide ? 32767 : 127;
  if (low >= -most - 1 && high <= most && low <= high) return;
  refuse(op, `clamp ${low}…${high}`, `a range within −${most + 1}…${most}`);
}

/** Ops whose kernels take int16. A concat of int16 cannot change scales. */
const INT16_KINDS: readonly QuantizedOp['kind'][] = [
  'conv2d',
  'depthwiseConv2d',
  'dense',
  'maxPool2d',
  'averagePool2d',
  'add',
  'mul',
  'softmax',
  'pad',
  'transpose',
  'repeat',
  'concat',
  'slice',
  'reshape',
];

/** Whether the op is of int16. */
function isInt16(op: QuantizedOp, inputs: readonly TensorSpec[], output: TensorSpec): boolean {
  const types = [...inputs, output].map(({ dtype = 'int8' }) => dtype);
  if (types.some((type) => type !== types[0])) refuse(op, `tensors of ${types.join(', ')}`, 'one type');
  const wide = types[0] === 'int16';
  if (wide && !INT16_KINDS.includes(op.kind)) refuse(op, 'int16 tensors', 'int8');
  if (wide && op.kind === 'concat' && inputs.some(({ scale }) => scale !== output.scale))
    refuse(op, 'int16 tensors of several scales', 'one scale');
  return wide;
}

/** Channels of a map, or elements of a vector. */
const last = (tensor: TensorSpec): number => tensor.shape.at(-1) ?? 1;

function checkElementwise(op: Add | Mul, output: TensorSpec): void {
  checkScaling(op, op.outputScaling);
  if (op.kind === 'add') for (const scaling of op.inputScalings) checkScaling(op, scaling);
  if (!op.constant) return;
  const { values, zeroPoint } = op.constant;
  checkLength(op, 'constants', values.length, elementCount(output));
  checkTensor({ shape: [values.length], scale: 1, zeroPoint, dtype: output.dtype ?? 'int8' }, -1);
  if (values.BYTES_PER_ELEMENT !== elementBytes(output))
    refuse(op, 'constants of another type', 'that of its output');
}

function checkMatrix(op: QuantizedOp, input: TensorSpec, output: TensorSpec): void {
  const [rows, columns] = input.shape;
  if (input.shape.length === 2 && `${output.shape}` === `${columns},${rows}`) return;
  refuse(op, `shapes [${input.shape}] and [${output.shape}]`, 'a matrix and its transpose');
}

function checkConvolution(op: Conv2d, input: TensorSpec, output: TensorSpec): void {
  const k = op.blockSize ?? 1;
  if (!Number.isInteger(k) || k < 1 || k > 4096 || (k & (k - 1)) !== 0)
    refuse(op, `blocks of ${k}`, 'a power of two');
  if (k > 1 && (op.weightType ?? 'int8') !== 'int8')
    refuse(op, `circulant blocks of ${op.weightType}`, 'int8 weights, or no blocks');
  const blocks = (tensor: TensorSpec): number => Math.ceil(last(tensor) / k);
  const weights = blocks(output) * blocks(input) * k;
  checkLength(op, 'weights', op.weights.length, weights * op.kernel[0] * op.kernel[1]);
}

function checkWeights(op: QuantizedOp, type: WeightType, weights: Int8Array): void {
  if (!(type in WEIGHT_TYPES)) refuse(op, `weights of ${type}`, Object.keys(WEIGHT_TYPES).join(', '));
  const { least, most } = WEIGHT_TYPES[type];
  const beyond = weights.find((w) => w < least || w > most);
  if (beyond !== undefined) refuse(op, `weight ${beyond} of ${type}`, `weights from ${least} to ${most}`);
}

function checkOp(op: QuantizedOp, inputs: readonly TensorSpec[], output: TensorSpec): void {
  const input = inputs[0]!;
  const wide = isInt16(op, inputs, output);
  if ('clampMin' in op) checkClamp(op, op.clampMin, op.clampMax, wide);
  if ('kernel' in op) checkWindow(op);
  if ('bias' in op)
    checkRequantization(
      op,
      op.kind === 'dense' || op.kind === 'circulant' ? elementCount(output) : last(output),
      wide,
    );
  if ('weightType' in op && op.weightType) checkWeights(op, op.weightType, op.weights);
  switch (op.kind) {
    case 'conv2d':
      checkConvolution(op, input, output);
      break;
    case 'depthwiseConv2d':
      checkLength(op, 'weights', op.weights.length, last(output) * op.kernel[0] * op.kernel[1]);
      break;
    case 'dense': {
      checkLength(op, 'weights', op.weights.length, elementCount(input) * elementCount(output));
      const zero = op.weightZeroPoint ?? 0;
      if (!Number.isInteger(zero) || zero < -128 || zero > 127)
        refuse(op, `weight zero point ${zero}`, 'an int8');
      break;
    }
    case 'maxPool2d':
    case 'averagePool2d':
      checkLength(op, 'output channels', last(output), last(input));
      break;
    case 'add':
    case 'mul':
      checkElementwise(op, output);
      break;
    case 'map':
    case 'logistic':
    case 'requantize':
    case 'reshape':
      if (op.kind === 'map') checkLength(op, 'entries of its table', op.table.length, 256);
      checkLength(op, 'output elements', elementCount(output), elementCount(input));
      break;
    case 'transpose':
      checkMatrix(op, input, output);
      break;
    case 'repeat':
      checkLength(op, 'output elements beyond whole inputs', elementCount(output) % elementCount(input), 0);
      break;
    case 'softmax':
      checkScaling(op, op.inputScaling);
      checkLength(op, 'output elements', elementCount(output), elementCount(input));
      break;
    case 'mean':
      checkScaling(op, op.scaling);
      checkLength(op, 'output elements', elementCount(output), last(input));
      break;
    case 'pad':
      checkLength(op, 'output rows', output.shape[0]!, input.shape[0]! + op.rows[0] + op.rows[1]);
      checkLength(op, 'output columns', output.shape[1]!, input.shape[1]! + op.columns[0] + op.columns[1]);
      break;
    case 'concat':
      checkLength(
        op,
        'output elements',
        elementCount(output),
        inputs.reduce((sum, t) => sum + elementCount(t), 0),
      );
      break;
    case 'slice':
    case 'circulant':
  }
}

function fail(found: string, expected: string): never {
  throw new BrownoutError({ code: 'E_NETWORK', found, expected, hint: 'Check what built the network.' });
}

function checkTensor({ shape, scale, zeroPoint, dtype = 'int8' }: TensorSpec, index: number): void {
  if (shape.length === 0 || !shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    fail(`tensor ${index} of shape [${shape}]`, 'whole numbers above 0');
  }
  if (dtype !== 'int8' && dtype !== 'int16') fail(`tensor ${index} of ${dtype}`, 'int8 or int16');
  const most = dtype === 'int16' ? 0 : 127;
  const least = dtype === 'int16' ? 0 : -128;
  if (!(scale > 0) || !Number.isInteger(zeroPoint) || zeroPoint < least || zeroPoint > most) {
    const expected = dtype === 'int16' ? 'zero point 0, as int16 has' : 'an int8 zero point';
    fail(`tensor ${index} with scale ${scale}, zero point ${zeroPoint}`, `a scale above 0, ${expected}`);
  }
}

/** Inputs each kind of op takes; others take one. */
const INPUTS: Partial<Record<QuantizedOp['kind'], number>> = { add: 2, mul: 2 };

/** Throws `E_NETWORK`, naming the op and what does not fit. */
export function validateNetwork(network: QuantizedNetwork): void {
  network.tensors.forEach(checkTensor);
  const known = new Set([network.input]);
  if (!network.tensors[network.input])
    fail(`input tensor ${network.input}`, `0–${network.tensors.length - 1}`);
  for (const op of network.ops) {
    const constant = 'constant' in op && op.constant ? 1 : undefined;
    const count = constant ?? INPUTS[op.kind] ?? (op.kind === 'concat' ? op.inputs.length : 1);
    checkLength(op, 'inputs', op.inputs.length, Math.max(count, 1));
    for (const input of op.inputs)
      if (!known.has(input)) refuse(op, `input tensor ${input}`, 'one made before it');
    const output = network.tensors[op.output];
    if (!output || known.has(op.output)) refuse(op, `output tensor ${op.output}`, 'a tensor of its own');
    checkOp(
      op,
      op.inputs.map((input) => network.tensors[input]!),
      output,
    );
    known.add(op.output);
  }
  if (!known.has(network.output) || network.output === network.input) {
    fail(`output tensor ${network.output}`, 'one that an op makes');
  }
}
