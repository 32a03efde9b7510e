// A float network as the graph that importers make and the quantizer takes.
import type { FloatGraph, GraphOp, WeightedOp } from '../import/float-graph.js';
import type { Window } from '../model/quantized-network.js';
import { BrownoutError } from '../error.js';
import type { FloatNetwork } from './float-network.js';
import {
  boundsOf,
  elements,
  type FloatLayer,
  inputsOf,
  type Padding,
  tensorShapes,
  windowGeometry,
} from './layers.js';
import type { QuantizationScheme } from './rounding.js';
import { checkSigns, isSign, SIGNS, UNSIGNED } from './signs.js';

function windowOf(
  input: readonly number[],
  kernel: readonly [number, number],
  stride: readonly [number, number],
  padding: Padding,
): Window {
  const { padTop, padLeft } = windowGeometry(input, kernel, stride, padding);
  return { kernel, stride, dilation: [1, 1], padding: [padTop, padLeft] };
}

type Body = GraphOp extends infer Op
  ? Op extends GraphOp
    ? Omit<Op, 'name' | 'inputs' | 'output'>
    : never
  : never;

function refuse(layer: FloatLayer, expected: string): never {
  throw new BrownoutError({
    code: 'E_NETWORK',
    found: `${layer.kind} "${layer.name}" in a network to be quantized`,
    expected,
    hint: 'Call foldBatchNorm before.',
  });
}

/** What a layer is in a graph; undefined where the device needs nothing. */
function bodyOf(
  layer: FloatLayer,
  input: readonly number[],
  how: QuantizationScheme['weights'][number],
): Body | undefined {
  const weighted = (): Pick<WeightedOp, 'weights' | 'bias' | 'scales' | 'bits' | 'bounds'> => {
    const { weights, bias, activation } = layer as FloatLayer & { kind: 'dense' };
    return {
      weights: new Float64Array(weights),
      bias: new Float64Array(bias),
      bounds: boundsOf(activation),
      ...(how ? { scales: Array.from(how.scales), ...(how.bits === 8 ? {} : { bits: how.bits }) } : {}),
    };
  };
  switch (layer.kind) {
    case 'conv2d':
    case 'depthwiseConv2d': {
      const { kernelHeight, kernelWidth, strideHeight, strideWidth, padding } = layer;
      const blockSize = layer.kind === 'conv2d' ? (layer.blockSize ?? 1) : 1;
      return {
        kind: layer.kind,
        window: windowOf(input, [kernelHeight, kernelWidth], [strideHeight, strideWidth], padding),
        ...(blockSize > 1 ? { blockSize } : {}),
        ...weighted(),
      };
    }
    case 'dense':
      return { kind: 'dense', ...weighted() };
    case 'circulant':
      return {
        kind: 'circulant',
        blockSize: layer.blockSize,
        ...(layer.method ? { method: layer.method } : {}),
        ...weighted(),
      };
    case 'maxPool2d':
    case 'averagePool2d': {
      const { poolHeight, poolWidth, strideHeight, strideWidth, padding = 'valid' } = layer;
      const window = windowOf(input, [poolHeight, poolWidth], [strideHeight, strideWidth], padding);
      return { kind: layer.kind, window };
    }
    case 'add':
      return { kind: 'add', bounds: boundsOf(layer.activation) };
    case 'reshape':
    case 'softmax':
      return { kind: layer.kind };
    case 'dropout':
      return undefined;
    case 'batchNorm':
      return refuse(layer, 'batch normalisation folded into the layer before it');
  }
}

/** The step to −1 and 1. */
const STEP: Body = { kind: 'unary', f: (x) => (x >= 0 ? 1 : -1), fixed: SIGNS, sign: true };

/** The network as a graph whose tensors and weights are quantized by `scheme`. */
export function toGraph({ inputShape, layers }: FloatNetwork, scheme: QuantizationScheme): FloatGraph {
  checkSigns(layers);
  const shapes = tensorShapes(inputShape, layers);
  const reading = inputsOf(layers);
  const graph: FloatGraph = {
    tensors: [{ shape: inputShape, given: scheme.activations[0]! }],
    ops: [],
    input: 0,
    output: 0,
  };
  /** Where each of the network's tensors is in the graph. */
  const places = [0];
  /** The network's tensors of which signs are to be taken: behind pools, so that the step is right before what reads it. */
  const waiting = new Set<number>();
  const add = (body: Body, name: string, inputs: number[], tensor: FloatGraph['tensors'][number]): number => {
    const output = graph.tensors.push(tensor) - 1;
    graph.ops.push({ ...body, name, inputs, output } as GraphOp);
    return output;
  };
  reading.forEach((reads, index) => {
    const layer = layers[index]!;
    const inputs = reads.map((tensor) => places[tensor]!);
    const shape = shapes[reads[0]!]!;
    const body = bodyOf(layer, shape, scheme.weights[index]);
    if (!body) {
      places.push(inputs[0]!);
      return;
    }
    if ((layer.kind === 'dense' || layer.kind === 'circulant') && shape.length > 1) {
      const { given } = graph.tensors[inputs[0]!]!;
      const flat = { shape: [elements(shape)], ...(given ? { given } : {}) };
      inputs[0] = add({ kind: 'reshape' }, 'flatten', [inputs[0]!], flat);
    }
    const unsigned = isSign(layer) || (layer.kind === 'maxPool2d' && waiting.has(reads[0]!));
    const own = unsigned ? UNSIGNED : scheme.activations[index + 1]!;
    const tensor = { shape: shapes[index + 1]!, ...(layer.kind === 'softmax' ? {} : { given: own }) };
    let place = add(body, layer.name, inputs, tensor);
    const readers = layers.filter((_, at) => reading[at]!.includes(index + 1));
    if (unsigned && readers.length === 1 && readers[0]!.kind === 'maxPool2d') waiting.add(index + 1);
    else if (unsigned) place = add(STEP, `${layer.name} sign`, [place], { ...tensor, given: SIGNS });
    places.push(place);
  });
  graph.output = places.at(-1)!;
  return graph;
}
