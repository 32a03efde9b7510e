// The model itself in real arithmetic, from its file: what the device is held against.
import { equalizeGraph } from '../import/equalize.js';
import { dequantizeNetwork } from '../import/dequantize-network.js';
import { type Bounds, type FloatGraph, type GraphOp, runOp, UNBOUNDED } from '../import/float-graph.js';
import { floatGraphOf } from '../import/import-model.js';
import { importTflite } from '../import/tflite/import-tflite.js';
import type { Quantization } from '../model/quantized-network.js';

export interface Reference {
  graph: FloatGraph;
  channelsFirst: boolean;
  /** Quantization of the input that the file itself states. */
  input?: Quantization;
}

/** Reads a .tflite or .onnx file; `equalized`: as the image's layers were. Throws what `importModel` throws. */
export function readReference(bytes: Uint8Array, equalized: boolean): Reference {
  const float = floatGraphOf(bytes);
  if (!float) {
    const { network } = importTflite(bytes);
    return {
      graph: dequantizeNetwork(network),
      channelsFirst: false,
      input: network.tensors[network.input]!,
    };
  }
  const { graph: own, channelsFirst } = float;
  const graph = equalized ? equalizeGraph(own).graph : own;
  const { given } = graph.tensors[graph.input]!;
  return { graph, channelsFirst, ...(given ? { input: given } : {}) };
}

/** Ops whose values lie within the range of their operand's. */
const KEEPS_RANGE: readonly GraphOp['kind'][] = [
  'maxPool2d',
  'averagePool2d',
  'mean',
  'reshape',
  'transpose',
  'repeat',
  'slice',
  'pad',
];

/** Ops that only move values, which the device may do without. */
const MOVES: readonly GraphOp['kind'][] = ['reshape', 'transpose', 'repeat', 'slice', 'concat'];

/** Least and largest value that the ops up to `op` leave: the ends of an activation's range are no saturation. */
export function naturalBounds(graph: FloatGraph, op: GraphOp): Bounds {
  if (op.kind === 'softmax' || (op.kind === 'unary' && op.fixed)) return [0, 0];
  const own = 'bounds' in op && op.bounds ? op.bounds : UNBOUNDED;
  if (own[0] > -Infinity || own[1] < Infinity || op.inputs.length !== 1 || !KEEPS_RANGE.includes(op.kind))
    return own;
  const maker = graph.ops.find(({ output }) => output === op.inputs[0]);
  return maker ? naturalBounds(graph, maker) : own;
}

export interface Operands {
  values: Float64Array[];
  /** The same, leaving out ops that the device has no layer for; undefined: there are none that can be left out. */
  direct: Float64Array[] | undefined;
  atInput: boolean;
}

/** Operands of `op` from the tensors that the device has (`known`), through ops of the reference that it has not. */
export function operandsOf(
  graph: FloatGraph,
  op: GraphOp,
  known: ReadonlyMap<number, Float64Array>,
): Operands {
  let [atInput, skipped] = [false, false];
  const value = (tensor: number, leaveOut: boolean): Float64Array => {
    const found = known.get(tensor);
    if (found) {
      if (tensor === graph.input) atInput = true;
      return found;
    }
    const maker = graph.ops.find(({ output }) => output === tensor)!;
    const inputs = maker.inputs.map((input) => value(input, leaveOut));
    const made = runOp(graph, maker, inputs);
    if (MOVES.includes(maker.kind)) return made;
    skipped = true;
    return leaveOut && inputs.length === 1 && inputs[0]!.length === made.length ? inputs[0]! : made;
  };
  const values = op.inputs.map((tensor) => value(tensor, false));
  const direct = skipped ? op.inputs.map((tensor) => value(tensor, true)) : undefined;
  return { values, direct, atInput };
}
