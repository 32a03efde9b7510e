// Checks a quantized network before anything is laid out: what importers and users hand in may be wrong.
import {
  elementCount,
  type QuantizedNetwork,
  type QuantizedOp,
  type TensorSpec,
} from '../model/quantized-network.js';
import { entryOf } from './index.js';
import { checkLength, checkTensor, checkWeights, checkWindow, fail, unsound } from './shared/check.js';

function checkClamp(op: QuantizedOp, low: number, high: number, wide: boolean): void {
  const most = wide ? 32767 : 127;
  if (low >= -most - 1 && high <= most && low <= high) return;
  unsound(op, `clamp ${low}…${high}`, `a range within −${most + 1}…${most}`);
}

/** Whether the op is of int16. */
function isInt16(op: QuantizedOp, inputs: readonly TensorSpec[], output: TensorSpec): boolean {
  const types = [...inputs, output].map(({ dtype = 'int8' }) => dtype);
  if (op.kind === 'convert') return false;
  if (types.some((type) => type !== types[0])) unsound(op, `tensors of ${types.join(', ')}`, 'one type');
  const wide = types[0] === 'int16';
  if (wide && op.kind !== 'reshape' && !entryOf(op).int16) unsound(op, 'int16 tensors', 'int8');
  return wide;
}

/** The table of tensors counts them in a byte. */
const MOST_STATES = 255;

const inputCount = (op: QuantizedOp): number => (op.kind === 'reshape' ? 1 : entryOf(op).inputs(op));

function checkOp(op: QuantizedOp, inputs: readonly TensorSpec[], output: TensorSpec): void {
  const wide = isInt16(op, inputs, output);
  if ('clampMin' in op) checkClamp(op, op.clampMin, op.clampMax, wide);
  if ('kernel' in op) checkWindow(op);
  if ('weightType' in op && op.weightType) checkWeights(op, op.weightType, op.weights);
  if (op.kind === 'reshape')
    checkLength(op, 'output elements', elementCount(output), elementCount(inputs[0]!));
  else entryOf(op).check(op, inputs, output, wide);
}

/** Throws `E_NETWORK`, naming the op and what does not fit. */
export function validateNetwork(network: QuantizedNetwork): void {
  network.tensors.forEach(checkTensor);
  const { states = [] } = network;
  const known = new Set([network.input, ...states.map(({ input }) => input)]);
  if (states.length > MOST_STATES) fail(`${states.length} states`, `at most ${MOST_STATES}`);
  if (!network.tensors[network.input])
    fail(`input tensor ${network.input}`, `0–${network.tensors.length - 1}`);
  for (const op of network.ops) {
    checkLength(op, 'inputs', op.inputs.length, inputCount(op));
    for (const input of op.inputs)
      if (!known.has(input)) unsound(op, `input tensor ${input}`, 'one made before it');
    const output = network.tensors[op.output];
    if (!output || known.has(op.output)) unsound(op, `output tensor ${op.output}`, 'a tensor of its own');
    checkOp(
      op,
      op.inputs.map((input) => network.tensors[input]!),
      output,
    );
    known.add(op.output);
  }
  for (const { name, input, output, initial } of states) {
    const [from, to] = [network.tensors[input], network.tensors[output]];
    const sizes = from && to && elementCount(from) === elementCount(to) && from.dtype === to.dtype;
    const begins = from && (initial.length === 1 || initial.length === elementCount(from));
    if (!sizes || !begins || input === network.input || !known.has(output))
      fail(
        `state "${name}" of tensors ${input} and ${output}`,
        'tensors of one size, the second made by an op',
      );
  }
  if (!known.has(network.output) || network.output === network.input) {
    fail(`output tensor ${network.output}`, 'one that an op makes');
  }
}
