// The trainer's last forward pass: a quantized network in the device's own integers, batch by batch on the desk module.
// Every answer is the device's, bit for bit (test/compress.test.ts, and the last step of every `compress`).
import { BrownoutError } from '../error.js';
import type {
  Add,
  AveragePool2d,
  Circulant,
  Conv2d,
  Dense,
  DepthwiseConv2d,
  MapTable,
  MaxPool2d,
  QuantizedNetwork,
  QuantizedOp,
  Softmax,
  TensorSpec,
} from '../model/quantized-network.js';
import { elementCount } from '../model/quantized-network.js';
import { Desk } from './desk-module.js';
import { tensor, type Tensor } from './recorder.js';
import { Tape } from './tape.js';

const chunk = 64;
/** Products that one sum may have, so that it is exact: see assembly/desk/integer.ts. */
const MOST_PRODUCTS = 8192;

type Weighted = Conv2d | DepthwiseConv2d | Dense | Circulant;

/** A batch of one tensor: int8 at `values`. */
interface Batch {
  values: number;
  spec: TensorSpec;
}

function refuse(op: QuantizedOp, found: string): never {
  throw new BrownoutError({
    code: 'E_NETWORK',
    found: `${op.kind} "${op.name}" ${found}`,
    expected: 'an op that the integer forward pass has',
    hint: 'Run the compiled image instead: `brownout run`.',
  });
}

/** Weights with circulant blocks written out: [out][taps][in]. */
function denseWeights(op: Weighted, inputs: number, outputs: number): Int8Array {
  const k = 'blockSize' in op ? (op.blockSize ?? 1) : 1;
  if (k === 1) return op.weights;
  const taps = op.kind === 'conv2d' ? op.kernel[0] * op.kernel[1] : 1;
  const blocks = Math.ceil(inputs / k);
  return Int8Array.from({ length: outputs * taps * inputs }, (_, i) => {
    const [c, o] = [i % inputs, Math.floor(i / inputs / taps)];
    const row = Math.floor(o / k) * taps + (Math.floor(i / inputs) % taps);
    return op.weights[(row * blocks + Math.floor(c / k)) * k + (((o % k) - (c % k) + k) % k)]!;
  });
}

/** A quantized network, its weights in a desk module. */
export class IntegerNetwork {
  private readonly desk = new Desk();
  private readonly tape: Tape;
  /** By op: weights as float nibbles, high then low, and addresses of biases, multipliers and shifts. */
  private readonly placed = new Map<
    QuantizedOp,
    { high: Tensor; low: Tensor; zeros: Tensor; pairs: [bias: number, multipliers: number, shifts: number] }
  >();

  constructor(private readonly network: QuantizedNetwork) {
    this.tape = new Tape(this.desk, false);
    for (const op of network.ops) {
      if (
        op.kind === 'conv2d' ||
        op.kind === 'depthwiseConv2d' ||
        op.kind === 'dense' ||
        op.kind === 'circulant'
      )
        this.place(op);
    }
  }

  private place(op: Weighted): void {
    const { desk, network } = this;
    const input = network.tensors[op.inputs[0]!]!;
    const flat = op.kind === 'dense' || op.kind === 'circulant';
    const inputs = flat ? elementCount(input) : input.shape.at(-1)!;
    const outputs = op.bias.length;
    const weights = denseWeights(op, inputs, outputs);
    if (op.bias instanceof BigInt64Array || (op.kind === 'dense' && op.weightZeroPoint))
      refuse(op, 'with wide biases or a zero point of weights');
    if (weights.length / outputs > MOST_PRODUCTS)
      refuse(op, `with ${weights.length / outputs} products a sum`);
    const window = 'kernel' in op ? op.kernel : [1, 1];
    const shape = flat ? [outputs, inputs] : [outputs, ...window, inputs];
    const put = (part: (weight: number) => number): Tensor => {
      const parts = new Float32Array(weights.length);
      for (let i = 0; i < parts.length; i++) parts[i] = part(weights[i]!);
      return tensor(op.kind === 'depthwiseConv2d' ? [...window, outputs] : shape, desk.place(parts));
    };
    const pairs = [op.bias as Int32Array, op.multipliers, op.shifts].map((values) => desk.place(values));
    this.placed.set(op, {
      // w = 16 · high + low, low in 0 … 15.
      high: put((weight) => weight >> 4),
      low: put((weight) => weight & 15),
      zeros: tensor([outputs], desk.place(new Float32Array(outputs))),
      pairs: pairs as [number, number, number],
    });
  }

  /** Answers [count][outputs] for int8 inputs [count][…]. */
  run(inputs: Int8Array, count: number): Int8Array {
    const { desk, network } = this;
    const inputSize = elementCount(network.tensors[network.input]!);
    const outputSize = elementCount(network.tensors[network.output]!);
    const answers = new Int8Array(count * outputSize);
    for (let first = 0; first < count; first += chunk) {
      const rows = Math.min(chunk, count - first);
      const mark = desk.mark();
      const batches: Batch[] = [];
      const batch = inputs.subarray(first * inputSize, (first + rows) * inputSize);
      batches[network.input] = { values: desk.place(batch), spec: network.tensors[network.input]! };
      for (const op of network.ops) {
        const spec = network.tensors[op.output]!;
        const values = this.op(
          op,
          op.inputs.map((at) => batches[at]!),
          spec,
          rows,
        );
        batches[op.output] = { values, spec };
      }
      const answer = desk.bytes(batches[network.output]!.values, rows * outputSize);
      answers.set(new Int8Array(answer.buffer, answer.byteOffset, answer.length), first * outputSize);
      desk.release(mark);
    }
    return answers;
  }

  private op(op: QuantizedOp, inputs: Batch[], output: TensorSpec, rows: number): number {
    const [a, b] = inputs as [Batch, Batch];
    switch (op.kind) {
      case 'reshape':
        return a.values;
      case 'map':
        return this.lookUp(op, a, rows);
      case 'conv2d':
      case 'depthwiseConv2d':
      case 'dense':
      case 'circulant':
        return this.weighted(op, a, output, rows);
      case 'maxPool2d':
      case 'averagePool2d':
        return this.pool(op, a, output, rows);
      case 'add':
        return this.add(op, a, b, output, rows);
      case 'softmax':
        return this.softmax(op, a, rows);
      default:
        return refuse(op, 'is not an op of trained networks');
    }
  }

  /** A batch as floats, less its zero point. */
  private widen({ values, spec }: Batch, rows: number): Tensor {
    const count = rows * elementCount(spec);
    const to = this.desk.allocate(4 * count);
    this.desk.kernels.widen(values, to, count, spec.zeroPoint);
    return tensor([rows, ...spec.shape], to);
  }

  private lookUp({ table }: MapTable, { values, spec }: Batch, rows: number): number {
    const { desk } = this;
    const count = rows * elementCount(spec);
    const to = desk.allocate(count);
    const [from, found] = [desk.bytes(values, count), desk.bytes(to, count)];
    // A byte is the int8 plus 256, if that is below 0; entries count from −128.
    from.forEach((byte, i) => {
      found[i] = table[byte ^ 128]!;
    });
    return to;
  }

  private weighted(op: Weighted, input: Batch, output: TensorSpec, rows: number): number {
    const { desk, tape } = this;
    const { high, low, zeros, pairs } = this.placed.get(op)!;
    const x = this.widen(input, rows);
    const sums = [high, low].map((weights) => {
      if (op.kind === 'dense' || op.kind === 'circulant') return tape.dense(x, weights, zeros);
      const padding = this.padding(op, input.spec, output);
      return tape[op.kind](x, weights, zeros, ...op.stride, padding);
    }) as [Tensor, Tensor];
    const channels = op.bias.length;
    const positions = elementCount(output) / channels;
    const to = desk.allocate(rows * elementCount(output));
    desk.kernels.requantizeSums(
      ...[sums[0].values, sums[1].values, to, rows * positions, channels, ...pairs],
      ...[op.multipliers.length > 1 ? 1 : 0, output.zeroPoint, op.clampMin, op.clampMax],
    );
    return to;
  }

  /** The padding behind that makes the output as large as it is. */
  private padding(
    { kernel, stride, dilation, padding }: Conv2d | DepthwiseConv2d | MaxPool2d | AveragePool2d,
    input: TensorSpec,
    output: TensorSpec,
  ): [number, number, number, number] {
    if (dilation[0] !== 1 || dilation[1] !== 1) throw new RangeError('dilated windows are not trained');
    const behind = (axis: 0 | 1): number =>
      (output.shape[axis]! - 1) * stride[axis] + kernel[axis] - input.shape[axis]! - padding[axis];
    // Below 0 where windows leave something at the end.
    return [padding[0], padding[1], behind(0), behind(1)];
  }

  private pool(op: MaxPool2d | AveragePool2d, input: Batch, output: TensorSpec, rows: number): number {
    const { desk, tape } = this;
    // Means are of the integers themselves: the device does not take the zero point off.
    const x = this.widen({ ...input, spec: { ...input.spec, zeroPoint: 0 } }, rows);
    const [height, width] = op.kernel;
    const [strideHeight, strideWidth] = op.stride;
    const padding = this.padding(op, input.spec, output);
    const y = tape[op.kind](x, { height, width, strideHeight, strideWidth, padding });
    const to = desk.allocate(rows * elementCount(output));
    desk.kernels.narrow(y.values, to, rows * elementCount(output), 0);
    return to;
  }

  private add(op: Add, a: Batch, b: Batch, output: TensorSpec, rows: number): number {
    const { desk } = this;
    const count = rows * elementCount(output);
    const to = desk.allocate(count);
    const [x, y] = op.inputScalings;
    desk.kernels.addIntegers(
      ...[a.values, b.values, to, count, a.spec.zeroPoint, b.spec.zeroPoint, op.leftShift],
      ...[x.multiplier, x.shift, y.multiplier, y.shift],
      ...[op.outputScaling.multiplier, op.outputScaling.shift, output.zeroPoint, op.clampMin, op.clampMax],
    );
    return to;
  }

  private softmax(op: Softmax, { values, spec }: Batch, rows: number): number {
    const depth = spec.shape.at(-1)!;
    const count = rows * elementCount(spec);
    const to = this.desk.allocate(count);
    const { multiplier, shift } = op.inputScaling;
    this.desk.kernels.softmaxIntegers(values, to, count / depth, depth, multiplier, shift, op.diffMin);
    return to;
  }
}
