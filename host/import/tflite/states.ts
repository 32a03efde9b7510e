// Variables of a model: what it keeps from one inference to the next. An image takes them as inputs, and gives them as outputs.
import { elementCount } from '../../model/quantized-network.js';
import type { TfliteModel, TfliteOperator, TfliteTensor } from './model.js';

/** A variable: its name, its tensor as operators read it, and what it holds before the first inference. */
export interface Variable {
  name: string;
  tensor: TfliteTensor;
  initial: number[];
}

type Graph = Omit<TfliteModel, 'others'>;

const nameOf = ({ options }: TfliteOperator, resource: number): string =>
  options?.text(1) || `variable ${resource}`;

/** Names of variables by the tensors that stand for them in a graph. */
const handlesOf = (graph: Graph): Map<number, string> =>
  new Map(
    graph.operators
      .filter(({ name }) => name === 'VAR_HANDLE')
      .map((op) => [op.outputs[0] ?? -1, nameOf(op, op.outputs[0] ?? -1)]),
  );

/** Integers of a constant, as they are stored here: one if all are equal. */
function integersOf({ type, data, shape }: TfliteTensor): number[] | undefined {
  const bytes = type === 'int16' ? 2 : 1;
  if (data.length !== elementCount({ shape }) * bytes || !['int8', 'uint8', 'int16'].includes(type))
    return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const values = Array.from({ length: data.length / bytes }, (_, i) => {
    if (type === 'int16') return view.getInt16(i * 2, true);
    return type === 'int8' ? view.getInt8(i) : view.getUint8(i) - 128;
  });
  return values.every((value) => value === values[0]) ? values.slice(0, 1) : values;
}

/** The variables that a model reads, and by what tensors it does. */
export function variablesOf(model: TfliteModel): { variables: Variable[]; handles: Map<number, string> } {
  const handles = handlesOf(model);
  const given = new Map<string, number[]>();
  for (const graph of model.others) {
    const own = handlesOf(graph);
    for (const { name, inputs } of graph.operators) {
      const [resource = -1, value = -1] = inputs;
      const variable = own.get(resource);
      const integers =
        name === 'ASSIGN_VARIABLE' && value >= 0 ? integersOf(graph.tensors[value]!) : undefined;
      if (variable !== undefined && integers) given.set(variable, integers);
    }
  }
  const variables = new Map<string, Variable>();
  for (const { name, inputs, outputs } of model.operators) {
    const variable = name === 'READ_VARIABLE' ? handles.get(inputs[0] ?? -1) : undefined;
    const tensor = model.tensors[outputs[0] ?? -1];
    if (variable === undefined || !tensor || variables.has(variable)) continue;
    const zero = (tensor.zeroPoints[0] ?? 0) - (tensor.type === 'uint8' ? 128 : 0);
    variables.set(variable, { name: variable, tensor, initial: given.get(variable) ?? [zero] });
  }
  // What operators keep themselves.
  for (const { name, inputs } of model.operators) {
    const tensor = name === 'SVDF' ? model.tensors[inputs[4] ?? -1] : undefined;
    if (!tensor) continue;
    const own = tensor.name || `state ${tensor.index}`;
    variables.set(own, { name: own, tensor, initial: [tensor.zeroPoints[0] ?? 0] });
  }
  return { variables: [...variables.values()], handles };
}
