// State that an image keeps from one inference to the next: two banks in NVM, of which the cursor says which is in force. An
// inference reads that one and writes the other; its last op has them change places, and the cursor that says so is the one
// that says DONE (docs/DESIGN.md §3).
import {
  ALIGNMENT,
  GROUP_SHIFT,
  Group,
  OP_KIND,
  OP_TILES,
  OpKind,
  STATE_BANKS,
} from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import { learningHeaderBytes, type LearningHeader, streamHeader } from '../model/learning-header.js';
import {
  elementCount,
  type NetworkState,
  type QuantizedNetwork,
  type QuantizedOp,
  tensorBytes,
} from '../model/quantized-network.js';
import { OpRecord } from '../model/record.js';
import type { TensorRegion } from '../model/tensor-table.js';
import { littleEndian } from '../model/values.js';
import { arenaFor } from '../ops/shared/lowering.js';
import type { PathStep } from './grain.js';
import type { Interval } from './interval.js';
import type { Schedule } from './schedule.js';
import type { Step } from './step.js';

/** Addresses leave room for a group. */
const MOST_NVM = 1 << GROUP_SHIFT;

const align = (address: number): number => Math.ceil(address / ALIGNMENT) * ALIGNMENT;

/** A network each of whose states has an output tensor of its own, which nothing else lies in. */
export function withOwnStates(network: QuantizedNetwork): QuantizedNetwork {
  if (!network.states) return network;
  const rootOf = network.tensors.map((_, index) => index);
  for (const op of network.ops) if (op.kind === 'reshape') rootOf[op.output] = rootOf[op.inputs[0]!]!;
  const { states, input, output } = network;
  const taken = new Set(
    [input, output, ...states.map((state) => state.input)].map((tensor) => rootOf[tensor]),
  );
  const tensors = [...network.tensors];
  const ops: QuantizedOp[] = [...network.ops];
  const own = states.map((state): NetworkState => {
    const root = rootOf[state.output]!;
    if (!taken.has(root)) {
      taken.add(root);
      return state;
    }
    const copy = tensors.push(tensors[state.output]!) - 1;
    const body = { kind: 'slice' as const, name: `keep ${state.name}`, axis: 0, start: 0 };
    ops.push({ ...body, inputs: [state.output], output: copy });
    return { ...state, output: copy };
  });
  return { ...network, tensors, ops, states: own };
}

/** What a state is at first, as bytes. */
function initialBytes(network: QuantizedNetwork, { input, initial }: NetworkState): Uint8Array {
  const tensor = network.tensors[input]!;
  const values =
    tensor.dtype === 'int16' ? new Int16Array(elementCount(tensor)) : new Int8Array(elementCount(tensor));
  if (initial.length === 1) values.fill(initial[0]!);
  else values.set(initial);
  return littleEndian(values);
}

function flipStep(): Step {
  const record = new OpRecord();
  record.set(OP_KIND, OpKind.FLIP);
  record.set(OP_TILES, 1);
  const nowhere = { bytes: 0, born: 0, dies: 0, address: 0 };
  return {
    name: 'flip',
    lowered: { record, constants: [], arenaBytes: arenaFor([]) },
    reads: [],
    writes: nowhere,
  };
}

/** Where the states of a network lie. */
export class StreamPlan {
  /** The last step of an inference. */
  readonly step = flipStep();
  readonly #first: Uint8Array;
  /** Where states lie in a bank. */
  readonly regions: TensorRegion[] = [];
  header: LearningHeader;

  /** Gives the buffers of states, as `withOwnStates` has them, their addresses. */
  constructor(network: QuantizedNetwork, { bufferFor }: Pick<Schedule, 'bufferFor'>) {
    const states = network.states ?? [];
    const sizes = states.map(({ input }) => align(tensorBytes(network.tensors[input]!)));
    this.#first = new Uint8Array(sizes.reduce((sum, bytes) => sum + bytes, 0));
    let at = 0;
    states.forEach((state, i) => {
      bufferFor(state.input).address = (Group.STATE << GROUP_SHIFT) + at;
      bufferFor(state.output).address = (Group.STATE_NEXT << GROUP_SHIFT) + at;
      this.#first.set(initialBytes(network, state), at);
      const tensor = network.tensors[state.input]!;
      this.regions.push({ offset: at, bytes: tensorBytes(tensor), type: tensor.dtype ?? 'int8' });
      at += sizes[i]!;
    });
    this.header = streamHeader(0, at, 0);
  }

  /** Constants besides those of records: the first state, and the header. */
  get extra(): Uint8Array[] {
    return [this.#first, learningHeaderBytes(this.header)];
  }

  /** Places both banks behind `start`. Returns where NVM ends. */
  layBanks(start: number, nvmBytes: number): number {
    const end = start + STATE_BANKS * this.header.stateBytes;
    const most = Math.min(nvmBytes, MOST_NVM);
    this.header.states = start;
    if (end <= most) return end;
    throw new BrownoutError({
      code: 'E_PLAN',
      found: `${end} bytes of NVM needed, ${end - start} of them for two banks of state`,
      expected: `at most ${most}`,
      hint: 'Take a part with more NVM, or a model that keeps less from step to step.',
    });
  }

  /** Where the extra constants came to lie; the header goes to its place in the constants. */
  finish([firstState = 0, header = 0]: readonly number[], constants: Uint8Array, offset: number): void {
    this.header.firstState = firstState;
    constants.set(learningHeaderBytes(this.header), header - offset);
  }

  /** The way of an inference from each bank that may be in force, and what of the banks it must leave alone. */
  ways(ops: number): { path: PathStep[]; retained: Interval[]; final: Interval[] }[] {
    const { header } = this;
    const banks = [1, 2].map((bank): Interval => {
      const start = header.states + (bank - 1) * header.stateBytes;
      return [start, start + header.stateBytes];
    });
    return [0, 1, 2].map((bank) => {
      const cursor = { step: 0, banks: bank << 8, sample: 0, turn: 0 };
      return {
        path: Array.from({ length: ops }, (_, op) => ({ op, place: { header, cursor } })),
        retained: bank === 0 ? [] : [banks[bank - 1]!],
        final: [banks[bank === 1 ? 1 : 0]!],
      };
    });
  }
}
