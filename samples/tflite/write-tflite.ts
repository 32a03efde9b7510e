// A quantized network as a .tflite file, as converters write it.
import {
  elementCount,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
  type Window,
} from '../../host/model/quantized-network.js';
import * as fb from './flatbuffer-writer.js';
import { int32Bytes, int32Tensor, OP, tfliteModel, type TfliteOperator, type TfliteTensor } from './model.js';

type Weighted = QuantizedOp & Requantization & { weights: Int8Array };
const [SAME, VALID] = [0, 1];
const [NONE, RELU, RELU6] = [0, 1, 3];
const INT32 = 2;

function activation(op: { clampMin: number; clampMax: number }, { zeroPoint }: TensorSpec): number {
  if (op.clampMin !== zeroPoint) return NONE;
  return op.clampMax < 127 ? RELU6 : RELU;
}

class Writer {
  readonly tensors: TfliteTensor[];
  readonly operators: TfliteOperator[] = [];
  readonly #network: QuantizedNetwork;

  constructor(network: QuantizedNetwork) {
    this.#network = network;
    this.tensors = network.tensors.map(({ shape, scale, zeroPoint }) => ({
      shape: [1, ...shape],
      scale,
      zeroPoint,
    }));
  }

  add(tensor: TfliteTensor): number {
    return this.tensors.push(tensor) - 1;
  }

  spec = (tensor: number): TensorSpec => this.#network.tensors[tensor]!;

  /** The weights and biases of a layer as tensors. */
  constants(op: Weighted, shape: number[], axis: number): [number, number] {
    const [input, output] = [this.spec(op.inputs[0]!), this.spec(op.output)];
    const each = Array.from(
      op.multipliers,
      (m, i) => (m * 2 ** (op.shifts[i]! - 31) * output.scale) / input.scale,
    );
    // One for all channels is written once: runtimes that know no others of dense layers look for it.
    const scales = each.every((scale) => scale === each[0]) ? each.slice(0, 1) : each;
    const weights = this.add({ shape, scales, axis, data: op.weights });
    const bias = this.add({
      shape: [op.bias.length],
      type: INT32,
      scales: scales.map((scale) => scale * input.scale),
      data: int32Bytes([...(op.bias as Int32Array)]),
    });
    return [weights, bias];
  }

  /** SAME or VALID, whichever the padding is; otherwise a PAD in front. */
  padding(op: Window & QuantizedOp): { input: number; padding: number } {
    const [from, to] = [this.spec(op.inputs[0]!).shape, this.spec(op.output).shape];
    const spans = [0, 1].map((axis) => (op.kernel[axis]! - 1) * op.dilation[axis]! + 1);
    const needed = [0, 1].map((axis) =>
      Math.max(0, (to[axis]! - 1) * op.stride[axis]! + spans[axis]! - from[axis]!),
    );
    const same = [0, 1].every(
      (axis) =>
        op.padding[axis] === needed[axis]! >> 1 && to[axis] === Math.ceil(from[axis]! / op.stride[axis]!),
    );
    const none = [0, 1].every(
      (axis) =>
        op.padding[axis] === 0 && to[axis] === Math.ceil((from[axis]! - spans[axis]! + 1) / op.stride[axis]!),
    );
    if (none) return { input: op.inputs[0]!, padding: VALID };
    if (same) return { input: op.inputs[0]!, padding: SAME };
    const after = [0, 1].map((axis) =>
      Math.max(0, (to[axis]! - 1) * op.stride[axis]! + spans[axis]! - from[axis]! - op.padding[axis]!),
    );
    const amounts = [0, 0, op.padding[0], after[0]!, op.padding[1], after[1]!, 0, 0];
    const shape = [1, from[0]! + op.padding[0] + after[0]!, from[1]! + op.padding[1] + after[1]!, from[2]!];
    const { scale, zeroPoint } = this.spec(op.inputs[0]!);
    const padded = this.add({ shape, scale, zeroPoint });
    const list = this.add({ ...int32Tensor(amounts), shape: [4, 2] });
    this.operators.push({ code: OP.PAD, inputs: [op.inputs[0]!, list], outputs: [padded] });
    return { input: padded, padding: VALID };
  }

  windowed(op: Weighted & Window): void {
    const depthwise = op.kind === 'depthwiseConv2d';
    const outputs = op.bias.length;
    const channels = this.spec(op.inputs[0]!).shape[2]!;
    const { input, padding } = this.padding(op);
    const shape = depthwise ? [1, ...op.kernel, outputs] : [outputs, ...op.kernel, channels];
    const [weights, bias] = this.constants(op, shape, depthwise ? 3 : 0);
    const stride = { 0: fb.i8(padding), 1: fb.i32(op.stride[1]), 2: fb.i32(op.stride[0]) };
    const fused = fb.i8(activation(op, this.spec(op.output)));
    const [x, y] = [fb.i32(op.dilation[1]), fb.i32(op.dilation[0])];
    const options = depthwise
      ? { ...stride, 3: fb.i32(outputs / channels), 4: fused, 5: x, 6: y }
      : { ...stride, 3: fused, 4: x, 5: y };
    const code = depthwise ? OP.DEPTHWISE_CONV_2D : OP.CONV_2D;
    this.operators.push({ code, inputs: [input, weights, bias], outputs: [op.output], options });
  }

  write(op: QuantizedOp): void {
    const { inputs, output } = op;
    const outputs = [output];
    const push = (code: number, options?: TfliteOperator['options'], more: number[] = []): void => {
      this.operators.push({ code, inputs: [...inputs, ...more], outputs, ...(options ? { options } : {}) });
    };
    const fused = 'clampMin' in op ? fb.i8(activation(op, this.spec(output))) : fb.i8(NONE);
    if (op.kind === 'conv2d' || op.kind === 'depthwiseConv2d') this.windowed(op);
    else if (op.kind === 'dense') {
      const depth = elementCount(this.spec(inputs[0]!));
      push(OP.FULLY_CONNECTED, { 0: fused }, this.constants(op, [op.bias.length, depth], 0));
    } else if (op.kind === 'add') push(OP.ADD, { 0: fused });
    else if (op.kind === 'mul') push(OP.MUL, { 0: fused });
    else if (op.kind === 'reshape')
      push(OP.RESHAPE, undefined, [this.add(int32Tensor([1, ...this.spec(output).shape]))]);
    else if (op.kind === 'softmax') push(OP.SOFTMAX, { 0: fb.f32(1) });
    else if (op.kind === 'mean') push(OP.MEAN, { 0: fb.i8(1) }, [this.add(int32Tensor([1, 2]))]);
    else if (op.kind === 'averagePool2d' || op.kind === 'maxPool2d') {
      const { input, padding } = this.padding(op);
      const [height, width] = op.kernel;
      const code = op.kind === 'maxPool2d' ? OP.MAX_POOL_2D : OP.AVERAGE_POOL_2D;
      const strides = { 1: fb.i32(op.stride[1]), 2: fb.i32(op.stride[0]) };
      const options = { 0: fb.i8(padding), ...strides, 3: fb.i32(width), 4: fb.i32(height), 5: fb.i8(NONE) };
      this.operators.push({ code, inputs: [input], outputs, options });
    } else throw new Error(`no way to write ${op.kind}`);
  }
}

/** The file. Windows that are neither SAME nor VALID get a PAD in front. */
export function writeTflite(network: QuantizedNetwork): Uint8Array {
  const writer = new Writer(network);
  for (const op of network.ops) writer.write(op);
  return tfliteModel(writer.tensors, writer.operators, network.input);
}
