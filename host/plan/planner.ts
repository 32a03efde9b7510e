// The planner: where every byte of NVM lies, how ops become tiles, and where a commit is mandatory.
import {
  ALIGNMENT,
  DIAGNOSTICS_BYTES,
  HEADER_BYTES,
  OP_BYTES,
  OP_FLAG_COMMIT,
  OP_FLAG_PLAIN,
  OP_INPUT,
  OP_KIND,
  OP_OUTPUT,
  OP_TILES,
} from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import { type QuantizedNetwork, tensorBytes } from '../model/quantized-network.js';
import { lower } from './lower/index.js';
import type { LoweredOp, TileLimits } from './lower/lowering.js';
import { checkMemoryRule } from './memory-rule.js';
import { isPlain } from './plain.js';
import type { OpRecord } from './record.js';

export interface Region {
  offset: number;
  bytes: number;
}

export interface PlanOptions extends TileLimits {
  /** Bytes of NVM the image may take; buffers overlap, at the price of mandatory commits, only where they must. */
  nvmBytes: number;
  /** Whether buffers may overlap at all: not where nothing commits on the way. */
  overlap: boolean;
}

export interface Plan {
  ops: { name: string; record: OpRecord; constantBytes: number }[];
  /** Constants as they stand in NVM, from `constants.offset` on. */
  constantBytes: Uint8Array;
  plan: Region;
  constants: Region;
  slots: Region;
  slotStride: number;
  diagnostics: Region;
  input: Region;
  output: Region;
  nvmBytes: number;
  arenaBytes: number;
  tileCount: number;
}

/** Bytes between the two cursor slots: a cache line, an FRAM row, a flash program unit of most parts. */
const SLOT_STRIDE = 64;

const align = (address: number): number => Math.ceil(address / ALIGNMENT) * ALIGNMENT;

/** Which buffer each tensor lives in: a reshape's output is its input. */
function bufferOf(network: QuantizedNetwork): number[] {
  const buffer = network.tensors.map((_, index) => index);
  for (const op of network.ops) if (op.kind === 'reshape') buffer[op.output] = buffer[op.inputs[0]!]!;
  return buffer;
}

interface Buffer {
  bytes: number;
  /** Op that writes it; −1: the input. */
  born: number;
  /** Last op that reads it. */
  dies: number;
  address: number;
}

/** Places activations behind `start`, each beside all others; or, to save NVM, over those already dead. */
function placeBuffers(buffers: Buffer[], start: number, share: boolean): number {
  let end = start;
  const placed: Buffer[] = [];
  for (const buffer of buffers) {
    const alive = placed
      .filter((other) => !share || other.dies >= buffer.born)
      .sort((a, b) => a.address - b.address);
    let address = start;
    for (const other of alive) {
      if (address + buffer.bytes <= other.address) break;
      address = Math.max(address, align(other.address + other.bytes));
    }
    buffer.address = address;
    placed.push(buffer);
    end = Math.max(end, align(address + buffer.bytes));
  }
  return end;
}

/** A record of the plan, and the buffers it touches. */
interface Step {
  name: string;
  lowered: LoweredOp;
  reads: { field: number; buffer: Buffer; offset: number }[];
  writes: Buffer;
}

/** Marks the ops after which a commit is mandatory: where the next output lies over bytes read since the last one. */
function markCommits(steps: readonly Step[]): void {
  let read: Buffer[] = [];
  steps.forEach(({ reads, writes }, index) => {
    const clash = read.some(
      (b) => b.address < writes.address + writes.bytes && writes.address < b.address + b.bytes,
    );
    if (clash) {
      const { record } = steps[index - 1]!.lowered;
      record.set(OP_KIND, record.get(OP_KIND) | OP_FLAG_COMMIT);
      read = [];
    }
    read.push(...reads.map(({ buffer }) => buffer));
  });
}

/** The steps of a network in order, the buffers they use, and those of the input and the answer. */
interface Schedule {
  steps: Step[];
  input: Buffer;
  output: Buffer;
  /** All others. */
  activations: Buffer[];
}

function schedule(network: QuantizedNetwork, limits: TileLimits): Schedule {
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
  for (const op of network.ops) {
    if (op.kind === 'reshape') continue;
    const tensors = op.inputs.map((tensor) => network.tensors[tensor]!);
    for (const lowered of lower(op, tensors, network.tensors[op.output]!, limits)) {
      const addresses: LoweredOp['inputs'] = lowered.inputs ?? [{ field: OP_INPUT, input: 0 }];
      const reads = addresses.map(({ field, input: which, offset = 0 }) => {
        const buffer = bufferFor(op.inputs[which]!, -1);
        buffer.dies = steps.length;
        return { field, buffer, offset };
      });
      steps.push({ name: op.name, lowered, reads, writes: bufferFor(op.output, steps.length) });
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
  const activations = [...buffers.values()].filter((buffer) => buffer !== input && buffer !== output);
  return { steps, input, output, activations };
}

/** Gives activations their addresses behind `start`, shared only where they must be; returns where NVM ends. */
function layActivations(activations: Buffer[], start: number, { nvmBytes, overlap }: PlanOptions): number {
  let end = placeBuffers(activations, start, false);
  if (end > nvmBytes && overlap) end = placeBuffers(activations, start, true);
  if (end <= nvmBytes) return end;
  throw new BrownoutError({
    code: 'E_PLAN',
    found: `${end} bytes of NVM needed`,
    expected: `at most ${nvmBytes}`,
    hint: overlap
      ? 'Take a part with more NVM, compute the spectra of circulant layers (spectra), or compress the network further.'
      : 'The policy "never" cannot share buffers: choose another policy, or a part with more NVM.',
  });
}

/** Puts addresses into the records and constants behind each other, from NVM address `offset` on. */
function fillRecords(steps: readonly Step[], offset: number): Uint8Array {
  const constants = steps.flatMap((step) => step.lowered.constants);
  const image = new Uint8Array(constants.reduce((sum, { bytes }) => sum + align(bytes.length), 0));
  let at = 0;
  for (const { lowered, reads, writes } of steps) {
    for (const { field, buffer, offset: inside } of reads) lowered.record.set(field, buffer.address + inside);
    lowered.record.set(OP_OUTPUT, writes.address + (lowered.outputOffset ?? 0));
    for (const { field, also, bytes } of lowered.constants) {
      lowered.record.set(field, offset + at);
      if (also !== undefined) lowered.record.set(also, offset + at);
      image.set(bytes, at);
      at += align(bytes.length);
    }
  }
  return image;
}

/** Lays out `network`. Throws `E_PLAN` where something does not fit, `E_MEMORY_RULE` never (it would be our fault). */
export function planNetwork(network: QuantizedNetwork, options: PlanOptions): Plan {
  const { steps, input: inputBuffer, output: outputBuffer, activations } = schedule(network, options);
  const lowered = steps.map((step) => step.lowered);
  const constantsOffset = HEADER_BYTES + steps.length * OP_BYTES;
  const constantsBytes = lowered
    .flatMap((l) => l.constants)
    .reduce((sum, c) => sum + align(c.bytes.length), 0);
  const slotsOffset = Math.ceil((constantsOffset + constantsBytes) / SLOT_STRIDE) * SLOT_STRIDE;
  const diagnosticsOffset = slotsOffset + 2 * SLOT_STRIDE;
  inputBuffer.address = align(diagnosticsOffset + DIAGNOSTICS_BYTES);
  outputBuffer.address = align(inputBuffer.address + inputBuffer.bytes);
  const nvmBytes = layActivations(activations, align(outputBuffer.address + outputBuffer.bytes), options);
  const constantBytes = fillRecords(steps, constantsOffset);
  markCommits(steps);
  for (const { record } of lowered)
    if (isPlain(record)) record.set(OP_KIND, record.get(OP_KIND) | OP_FLAG_PLAIN);
  const input = { offset: inputBuffer.address, bytes: inputBuffer.bytes };
  checkMemoryRule({
    ops: lowered.map((l) => l.record),
    nvmBytes,
    mutable: [input.offset, nvmBytes],
    retained: [[input.offset, input.offset + input.bytes]],
    nameOf: (op) => steps[op]!.name,
  });
  return {
    ops: lowered.map(({ record, constants }, index) => ({
      name: steps[index]!.name,
      record,
      constantBytes: constants.reduce((sum, c) => sum + c.bytes.length, 0),
    })),
    constantBytes,
    plan: { offset: HEADER_BYTES, bytes: steps.length * OP_BYTES },
    constants: { offset: constantsOffset, bytes: constantsBytes },
    slots: { offset: slotsOffset, bytes: 2 * SLOT_STRIDE },
    slotStride: SLOT_STRIDE,
    diagnostics: { offset: diagnosticsOffset, bytes: DIAGNOSTICS_BYTES },
    input,
    output: { offset: outputBuffer.address, bytes: outputBuffer.bytes },
    nvmBytes,
    arenaBytes: Math.max(...lowered.map((l) => l.arenaBytes)),
    tileCount: lowered.reduce((sum, l) => sum + l.record.get(OP_TILES), 0),
  };
}
