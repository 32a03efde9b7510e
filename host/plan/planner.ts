// The planner: where every byte of NVM lies, how ops become tiles, and where a commit is mandatory.
import {
  ALIGNMENT,
  CONSTANT,
  DIAGNOSTICS_BYTES,
  HEADER_BYTES,
  OP_BYTES,
  OP_FLAG_COMMIT,
  OP_FLAG_PLAIN,
  OP_OUTPUT,
  OP_TILES,
  OP_WEIGHTS,
  TENSOR_BYTES,
} from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import type { Plan } from '../model/plan.js';
import type { Port } from '../model/ports.js';
import { type Region, type TensorRegion, tensorTableBytes } from '../model/tensor-table.js';
import { type QuantizedNetwork, tensorBytes } from '../model/quantized-network.js';
import type { LearningSpec } from '../learning/spec.js';
import type { SumsSpec } from '../learning/sums/spec.js';
import { layActivations, markCommits } from './buffers.js';
import type { Lower, TileLimits } from '../ops/shared/lowering.js';
import { type PathStep, placeGrains } from './grain.js';
import type { Interval } from './interval.js';
import { checkLines, checkMemoryRule, type MemoryRuleInput } from './memory-rule.js';
import { recordOp } from '../ops/record.js';
import { type Schedule, schedule } from './schedule.js';
import type { Buffer, Step } from './step.js';
import { inferencePath, keptRegions } from './learning/path.js';
import { planLearning, type LearningPlan, learnable, planSums } from './learning/plan.js';
import { StreamPlan } from './stream.js';

export interface PlanOptions extends TileLimits {
  /** Bytes of NVM the image may take. */
  nvmBytes: number;
  /** Whether buffers may overlap at all, at the price of mandatory commits: not where nothing commits on the way. */
  overlap: boolean;
  /** What a commit takes, in µJ. */
  commitUj: number;
  /** What the image learns on the device. */
  learning?: LearningSpec;
  /** A head by sums that it learns, in place of that. */
  sums?: SumsSpec;
  /** Bytes that a cut amid a write spoils together, neighbours included; default 1. */
  line?: number;
  /** Words that a cut has torn may read differently every time; default false. */
  unstable?: boolean;
  /** How ops become records, if what other plans found of them serves as well. */
  lower?: Lower;
}

/** Bytes between the two cursor slots: a cache line, an FRAM row, a flash program unit of most parts. */
const SLOT_STRIDE = 64;

/** Bytes of constants from which on equal ones are looked for. */
const LEAST_SHARED = 512;

const align = (address: number): number => Math.ceil(address / ALIGNMENT) * ALIGNMENT;

/**
 * Puts addresses into the records and constants behind each other, from byte `offset` of the image on, `extra` ones last.
 * Returns the constants' bytes and the addresses of the extra ones.
 */
function fillRecords(
  steps: readonly Step[],
  offset: number,
  extra: readonly Uint8Array[],
): { bytes: Uint8Array; addresses: number[] } {
  const constants = steps.flatMap((step) => step.lowered.constants);
  const all = [...constants.map(({ bytes }) => bytes), ...extra];
  const image = new Uint8Array(all.reduce((sum, bytes) => sum + align(bytes.length), 0) + ALIGNMENT);
  let at = 0;
  // `offset` is a multiple of any unit.
  const place = (bytes: Uint8Array, unit: number): number => {
    const from = Math.ceil(at / unit) * unit;
    image.set(bytes, from);
    at = from + bytes.length;
    return CONSTANT + offset + from;
  };
  // Steps of a sequence have the same weights: they lie there once.
  const placed = new Map<string, number>();
  const once = (bytes: Uint8Array, unit: number): number => {
    if (bytes.length < LEAST_SHARED) return place(bytes, unit);
    const content = Buffer.from(bytes).toString('latin1');
    const address = placed.get(content) ?? place(bytes, unit);
    placed.set(content, address);
    return address;
  };
  for (const { lowered, reads, writes } of steps) {
    for (const { field, buffer, offset: inside } of reads) lowered.record.set(field, buffer.address + inside);
    lowered.record.set(OP_OUTPUT, writes.address + (lowered.outputOffset ?? 0));
    for (const { field, also, bytes, unit = 4 * lowered.record.valueBytes } of lowered.constants) {
      const address = once(bytes, unit);
      lowered.record.set(field, address);
      if (also !== undefined) lowered.record.set(also, address);
    }
  }
  for (const { lowered, twin, sharesWeightsOf } of steps) {
    if (sharesWeightsOf) lowered.record.set(OP_WEIGHTS, sharesWeightsOf.lowered.record.get(OP_WEIGHTS));
    for (const { field, also } of twin?.lowered.constants ?? []) {
      lowered.record.set(field, twin!.lowered.record.get(field));
      if (also !== undefined) lowered.record.set(also, twin!.lowered.record.get(also));
    }
  }
  const addresses = extra.map((bytes) => place(bytes, ALIGNMENT));
  return { bytes: image.slice(0, align(at)), addresses };
}

/** Sets the flags of records: mandatory commits, and what needs nothing special. */
function setFlags(steps: readonly Step[]): void {
  for (const { lowered, commits } of steps) {
    const { record } = lowered;
    if (commits) record.mark(OP_FLAG_COMMIT);
    if (!record.isLearning && recordOp(record).isPlain(record)) record.mark(OP_FLAG_PLAIN);
  }
}

/** A way of a job through its ops, what it must leave alone, and what must be right when it is done. */
type Way = Required<Pick<MemoryRuleInput, 'retained' | 'final'>> & { path: PathStep[] };

function waysOf(
  { input, output, jobs, ops }: Plan,
  learning: LearningPlan | undefined,
  stream: StreamPlan | undefined,
): Way[] {
  const asInterval = ({ offset, bytes }: Region): Interval => [offset, offset + bytes];
  const retained = [asInterval(input)];
  const final = [asInterval(output)];
  if (stream)
    return stream.ways(ops.length).map((way) => ({
      path: way.path,
      retained: [...retained, ...way.retained],
      final: [...final, ...way.final],
    }));
  if (!learning) return [{ path: ops.map((_, op) => ({ op, place: undefined })), retained, final }];
  const { header } = learning;
  const records = ops.map(({ record }) => record);
  retained.push(...keptRegions(header));
  // Banks, states and the ring, wherever the job leaves its own.
  final.push([header.banks, header.lanes]);
  return [
    { path: inferencePath(header, jobs[0]!), retained, final },
    ...learning.paths(records, jobs[1]!).map((path) => ({ path, retained, final })),
  ];
}

/** Gives ops their grains. Throws `E_MEMORY_RULE` where a job breaks the rule, `E_PLAN` where lines cannot be kept apart. */
function checkJobs(
  plan: Plan,
  learning: LearningPlan | undefined,
  stream: StreamPlan | undefined,
  line: number,
): void {
  const { input, nvmBytes } = plan;
  const ops = plan.ops.map(({ record }) => record);
  const ways = waysOf(plan, learning, stream);
  if (line > 1) for (const { path } of ways) placeGrains(ops, path, line);
  const nameOf = (op: number): string => plan.ops[op]!.name;
  for (const way of ways) {
    const rule = { ...way, ops, nvmBytes, mutable: [input.offset, nvmBytes] as const, line, nameOf };
    checkMemoryRule(rule);
    checkLines(rule);
  }
}

/** The plan of a network's states. Throws `E_PLAN` where it is to learn as well. */
function streamOf(model: QuantizedNetwork, inference: Schedule, { learning }: PlanOptions): StreamPlan {
  if (!learning) return new StreamPlan(model, inference);
  throw new BrownoutError({
    code: 'E_PLAN',
    found: `a network that keeps ${model.states!.length} states and is to learn`,
    expected: 'one of the two',
    hint: 'Compile it without --learn.',
  });
}

/** Share of an inference's energy that commits may take so that buffers overlap where NVM would hold them side by side. */
const OVERLAP_PAYS = 0.001;

/**
 * Mandatory commits that overlapping buffers are worth. None where lines are kept apart: what may be one grain is not known
 * before buffers have addresses. None of an image that learns, whose job reads what an inference has left.
 */
function affordableCommits(steps: readonly Step[], options: PlanOptions): number {
  const { line = 1, learning, sums, cost, commitUj } = options;
  if (line > 1 || learning || sums) return 0;
  const inferenceUj = steps.reduce((sum, { lowered }) => sum + cost(lowered.record).inferenceUj, 0);
  return Math.floor((OVERLAP_PAYS * inferenceUj) / commitUj);
}

/** Where a buffer lies. */
const regionOf = ({ address, bytes }: Buffer): Region => ({ offset: address, bytes });

/** What is learnt, by sums or by gradients. */
function learningPlan(
  network: QuantizedNetwork,
  inference: Schedule,
  options: PlanOptions,
): LearningPlan | undefined {
  const { sums, learning } = options;
  if (sums) return planSums(sums, inference, options);
  return learning && planLearning(network, learning, inference, options);
}

/** What the input and the output of a model consist of. */
function tensorTableOf(
  model: QuantizedNetwork,
  input: Region,
  output: Region,
): Record<'inputs' | 'outputs', TensorRegion[]> {
  const partsOf = (region: Region, index: number, ports: readonly Port[] = []): TensorRegion[] => {
    const type = model.tensors[index]!.dtype ?? 'int8';
    let { offset } = region;
    const parts = ports.map(({ tensor }) => {
      offset += tensorBytes(tensor);
      return { offset: offset - tensorBytes(tensor), bytes: tensorBytes(tensor), type };
    });
    return parts.length > 0 ? parts : [{ ...region, type }];
  };
  return {
    inputs: partsOf(input, model.input, model.inputs),
    outputs: partsOf(output, model.output, model.outputs),
  };
}

/**
 * Lays out `network`, whose states have tensors of their own (`withOwnStates`). Throws `E_PLAN` where something does not fit,
 * `E_MEMORY_RULE` never (it would be our fault).
 */
export function planNetwork(network: QuantizedNetwork, options: PlanOptions): Plan {
  const model = options.learning ? learnable(network, options.learning) : network;
  const oneRecord = options.learning !== undefined || options.sums !== undefined;
  const inference = schedule(model, { ...options, oneRecord }, options.lower);
  const learning = learningPlan(model, inference, options);
  const stream = model.states && streamOf(model, inference, options);
  const tail = learning?.program.tail ?? (stream ? [stream.step] : []);
  const inferring = [...inference.steps, ...tail];
  const steps = [...inferring, ...(learning?.program.steps ?? [])];
  const lowered = steps.map((step) => step.lowered);
  const constantsOffset = HEADER_BYTES + steps.length * OP_BYTES;
  // The table of tensors is filled in when they have addresses.
  const entries = (model.inputs?.length ?? 1) + (model.outputs?.length ?? 1) + (model.states?.length ?? 0);
  const extra = [new Uint8Array(entries * TENSOR_BYTES), ...((learning ?? stream)?.extra ?? [])];
  // The record with which the state begins is not written again: it shares no line with a slot.
  const slotsOffset = SLOT_STRIDE;
  const diagnosticsOffset = slotsOffset + 2 * SLOT_STRIDE;
  const { input: inputBuffer, output: outputBuffer, activations } = inference;
  inputBuffer.address = align(diagnosticsOffset + DIAGNOSTICS_BYTES);
  outputBuffer.address = align(inputBuffer.address + inputBuffer.bytes);
  const mailboxEnd = align(outputBuffer.address + outputBuffer.bytes);
  const start = learning ? learning.layMailbox(mailboxEnd) : mailboxEnd;
  const inferenceEnd = layActivations(
    activations.filter(({ address }) => address === 0),
    start,
    { ...options, commits: affordableCommits(inference.steps, options) },
  );
  const nvmBytes = learning
    ? learning.layBanks(Math.max(inferenceEnd, learning.layScratch(start, options)), options.nvmBytes)
    : (stream?.layBanks(inferenceEnd, options.nvmBytes) ?? inferenceEnd);
  learning?.link(inferring.length);
  const { bytes: constantBytes, addresses } = fillRecords(steps, constantsOffset, extra);
  const [tableAddress, ...others] = addresses as [number, ...number[]];
  const [input, output] = [regionOf(inputBuffer), regionOf(outputBuffer)];
  const tensors = {
    offset: tableAddress - CONSTANT,
    ...tensorTableOf(model, input, output),
    states: stream?.regions ?? [],
  };
  constantBytes.set(tensorTableBytes(tensors), tensors.offset - constantsOffset);
  (learning ?? stream)?.finish(others, constantBytes, CONSTANT + constantsOffset);
  markCommits(inferring);
  setFlags(steps);
  const plan: Plan = {
    ops: lowered.map(({ record, constants }, index) => ({
      name: steps[index]!.name,
      op: inference.opOf.get(steps[index]!),
      record,
      constantBytes: constants.reduce((sum, c) => sum + c.bytes.length, 0),
    })),
    constantBytes,
    plan: { offset: HEADER_BYTES, bytes: steps.length * OP_BYTES },
    constants: { offset: constantsOffset, bytes: constantBytes.length },
    slots: { offset: slotsOffset, bytes: 2 * SLOT_STRIDE },
    slotStride: SLOT_STRIDE,
    diagnostics: { offset: diagnosticsOffset, bytes: DIAGNOSTICS_BYTES },
    input,
    output,
    tensors,
    nvmBytes,
    unstable: options.unstable ?? false,
    arenaBytes: Math.max(...lowered.map((l) => l.arenaBytes)),
    tileCount: inferring.reduce((sum, step) => sum + step.lowered.record.get(OP_TILES), 0),
    jobs: learning?.jobs(inferring.length, steps.length) ?? [
      { first: 0, count: steps.length },
      { first: 0, count: 0 },
    ],
    learning: others.length > 0 ? others.at(-1)! - CONSTANT : 0,
  };
  checkJobs(plan, learning, stream, options.line ?? 1);
  return plan;
}
