// Which records a network's ops become, in order, and the buffers they use.
import { OP_INPUT } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import { FUSED_NAMES } from '../model/metadata.js';
import { type QuantizedNetwork, tensorBytes } from '../model/quantized-network.js';
import { lower } from '../ops/index.js';
import type { Lower, LoweredOp, TileLimits } from '../ops/shared/lowering.js';
import { fuseAt } from './fuse.js';
import type { Buffer, Step } from './step.js';

/** Which buffer each tensor lives in: a reshape's output is its input. */
function bufferOf(network: QuantizedNetwork): number[] {
  const buffer = network.tensors.map((_, index) => index);
  for (const op of network.ops) if (op.kind === 'reshape') buffer[op.output] = buffer[op.inputs[0]!]!;
  return buffer;
}

/** The buffer that a record has for itself. */
const writtenBy = ({ ownBytes }: LoweredOp, step: number): Buffer | undefined =>
  ownBytes === undefined ? undefined : { bytes: ownBytes, born: step, dies: step, address: 0 };

/** The steps of a network in order, the buffers they use, and those of the input and the answer. */
export interface Schedule {
  steps: Step[];
  /** Index of the network's op that a step is of. */
  opOf: Map<Step, number>;
  bufferFor: (tensor: number) => Buffer;
  input: Buffer;
  output: Buffer;
  /** All others. */
  activations: Buffer[];
}

export function schedule(network: QuantizedNetwork, limits: TileLimits, toRecords: Lower = lower): Schedule {
  const bufferIndex = bufferOf(network);
  const buffers = new Map<number, Buffer>();
  const bufferFor = (tensor: number, born: number): Buffer => {
    const index = bufferIndex[tensor]!;
    let buffer = buffers.get(index);
    if (!buffer) {
      buffer = { bytes: tensorBytes(network.tensors[index]!), born, dies: born, address: 0 };
      buffers.set(index, buffer);
    }
    return buffer;
  };
  const input = bufferFor(network.input, -1);
  const steps: Step[] = [];
  const own: Buffer[] = [];
  const opOf: Schedule['opOf'] = new Map();
  for (let index = 0; index < network.ops.length; index++) {
    const first = network.ops[index]!;
    if (first.kind === 'reshape') continue;
    const fused = fuseAt(network, index, limits);
    // Of ops in one record the step is the last one's: what it makes.
    if (fused) index += fused.count - 1;
    const op = network.ops[index] as typeof first;
    const tensors = op.inputs.map((tensor) => network.tensors[tensor]!);
    const records = fused ? [fused.lowered] : toRecords(op, tensors, network.tensors[op.output]!, limits);
    for (const lowered of records) {
      const addresses: LoweredOp['inputs'] = lowered.inputs ?? [{ field: OP_INPUT, input: 0 }];
      const reads = addresses.map(({ field, input: which, offset = 0 }) => {
        const buffer = which === 'own' ? own.at(-1)! : bufferFor(first.inputs[which]!, -1);
        buffer.dies = steps.length;
        return { field, buffer, offset };
      });
      const writes = writtenBy(lowered, steps.length) ?? bufferFor(op.output, steps.length);
      if (lowered.ownBytes !== undefined) own.push(writes);
      const name = fused ? `${first.name}${FUSED_NAMES}${op.name}` : op.name;
      const step = { name, lowered, reads, writes };
      steps.push(step);
      opOf.set(step, index);
    }
  }
  if (steps.length === 0) {
    throw new BrownoutError({
      code: 'E_PLAN',
      found: `network "${network.name}" without ops`,
      expected: 'at least one op besides reshape',
      hint: 'Check what the importer or builder produced.',
    });
  }
  const output = bufferFor(network.output, steps.length - 1);
  const activations = [...buffers.values(), ...own].filter((buffer) => buffer !== input && buffer !== output);
  return { steps, opOf, bufferFor: (tensor) => bufferFor(tensor, -1), input, output, activations };
}
