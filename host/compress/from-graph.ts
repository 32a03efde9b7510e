// An imported graph as a network that can be trained.
import { BrownoutError, checkFields } from '../error.js';
import type { Bounds, FloatGraph, GraphOp, WeightedOp } from '../import/float-graph.js';
import { elementCount, type Window } from '../model/quantized-network.js';
import type { FloatNetwork } from './float-network.js';
import { type Activation, boundsOf, type FloatLayer, type Padding } from './layers.js';

const ACTIVATIONS: readonly Activation[] = ['none', 'relu', 'relu6', 'hardTanh'];

function refuse(op: GraphOp, found: string, expected: string): never {
  throw new BrownoutError({
    code: 'E_TRAIN_OP',
    found: `${op.kind} "${op.name}"${found}`,
    expected,
    hint: '`brownout compile` takes more models than `compress` trains: quantize this one as it is.',
  });
}

function activationOf(op: GraphOp, bounds: Bounds): Activation {
  const found = ACTIVATIONS.find((activation) => `${boundsOf(activation)}` === `${bounds}`);
  return (
    found ?? refuse(op, ` with outputs from ${bounds[0]} to ${bounds[1]}`, ACTIVATIONS.slice(1).join(', '))
  );
}

/** Padding on all four sides; below 0 where windows leave something at the end. */
function paddingOf(
  op: GraphOp,
  window: Window,
  input: readonly number[],
  output: readonly number[],
): Padding {
  if (window.dilation.some((by) => by !== 1)) refuse(op, ` with dilation ${window.dilation}`, 'dilation 1');
  const behind = (axis: 0 | 1): number => {
    const reach = (output[axis]! - 1) * window.stride[axis] + window.kernel[axis];
    return reach - input[axis]! - window.padding[axis];
  };
  return [window.padding[0], window.padding[1], behind(0), behind(1)];
}

function weighted(op: WeightedOp, input: readonly number[], output: readonly number[]): FloatLayer {
  const parameters = {
    name: op.name,
    weights: Float32Array.from(op.weights),
    bias: Float32Array.from(op.bias),
    activation: activationOf(op, op.bounds),
  };
  if (op.kind === 'dense' || op.kind === 'circulant') {
    const sizes = { inputs: elementCount({ shape: input }), outputs: op.bias.length };
    if (op.kind === 'dense') return { kind: 'dense', ...sizes, ...parameters };
    return { kind: 'circulant', ...sizes, blockSize: op.blockSize!, ...parameters };
  }
  const { kernel, stride } = op.window!;
  return {
    kind: op.kind,
    inChannels: input[2]!,
    outChannels: output[2]!,
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideHeight: stride[0],
    strideWidth: stride[1],
    padding: paddingOf(op, op.window!, input, output),
    ...(op.kind === 'conv2d' && op.blockSize ? { blockSize: op.blockSize } : {}),
    ...parameters,
  };
}

function layerOf(graph: FloatGraph, op: GraphOp, nameOf: (tensor: number) => string | undefined): FloatLayer {
  const { shape: input } = graph.tensors[op.inputs[0]!]!;
  const { shape: output } = graph.tensors[op.output]!;
  const { name } = op;
  switch (op.kind) {
    case 'conv2d':
    case 'depthwiseConv2d':
    case 'dense':
    case 'circulant':
      return weighted(op, input, output);
    case 'maxPool2d':
    case 'averagePool2d':
      return {
        kind: op.kind,
        name,
        poolHeight: op.window.kernel[0],
        poolWidth: op.window.kernel[1],
        strideHeight: op.window.stride[0],
        strideWidth: op.window.stride[1],
        padding: paddingOf(op, op.window, input, output),
      };
    case 'mean': {
      const [height = 1, width = 1] = input.length === 3 ? input : [];
      if (input.length !== 3) refuse(op, ` of shape [${input}]`, 'a map');
      const pool = { poolHeight: height, poolWidth: width, strideHeight: height, strideWidth: width };
      return { kind: 'averagePool2d', name, ...pool };
    }
    case 'add': {
      const other = nameOf(op.inputs[1]!);
      if (other === undefined) refuse(op, ' of the input itself', 'the outputs of two layers');
      return { kind: 'add', name, other, activation: activationOf(op, op.bounds) };
    }
    case 'reshape':
      return { kind: 'reshape', name, shape: output };
    case 'softmax':
      if (op !== graph.ops.findLast(({ kind }) => kind !== 'reshape'))
        refuse(op, ' before the end', 'softmax as the last op');
      return { kind: 'softmax', name };
    default:
      return refuse(
        op,
        '',
        'Conv, Gemm, MatMul, BatchNormalization, pooling, Add, Softmax, reshaping, Relu, Clip to 0…6 or −1…1',
      );
  }
}

/** A network to train from an imported graph. Throws `E_TRAIN_OP`. */
export function fromGraph(graph: FloatGraph): FloatNetwork {
  checkFields(graph, 'a float graph', 'tensors', 'ops', 'input', 'output');
  const network: FloatNetwork = { inputShape: graph.tensors[graph.input]!.shape, layers: [] };
  /** Names of the layers that make tensors. */
  const makers = new Map<number, string>();
  const names = new Map<string, number>();
  // Answers are taken as they come: what only reshapes them at the end is left out.
  const last = graph.ops.findLastIndex(({ kind }) => kind !== 'reshape');
  for (const op of graph.ops.slice(0, last + 1)) {
    const uses = (names.get(op.name) ?? 0) + 1;
    names.set(op.name, uses);
    if (graph.tensors[op.output]!.given)
      refuse(
        op,
        ', whose outputs the file rounds to integers of its own',
        'floats: training gives activations 8 bits, as kernels take them, and weights 8, 4, 2 or 1 (--bits)',
      );
    const made = layerOf(graph, op, (tensor) => makers.get(tensor));
    const layer = uses === 1 ? made : { ...made, name: `${op.name}_${uses}` };
    const reads = makers.get(op.inputs[0]!);
    const previous = network.layers.at(-1)?.name;
    if (reads === undefined && previous !== undefined)
      refuse(op, ' that reads the network’s input', 'one first layer');
    network.layers.push(reads === previous || reads === undefined ? layer : { ...layer, input: reads });
    makers.set(op.output, layer.name);
  }
  return network;
}
