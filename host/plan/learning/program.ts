// The learn job as steps (docs/LEARNING.md §1): forward again with what learning needs kept, loss, backward, updates.
import {
  GROUP_SHIFT,
  Group,
  ERROR_BYTES,
  OP_BIAS,
  OP_INPUT,
  OP_REQUANT,
  OP_WEIGHTS,
  WIN_GROUP,
} from '../../../assembly/layout.js';
import { LOOP_TURN, LOSS_TURN, TURN_FINISH, TURN_UPDATE } from '../../../assembly/learning-layout.js';
import { elementCount, type QuantizedNetwork, tensorBytes } from '../../model/quantized-network.js';
import { littleEndian } from '../../model/values.js';
import type { PassableOp, WeightedOp } from '../../learning/geometry.js';
import type { BackwardStep, ErrorTerm, LearningSpec } from '../../learning/spec.js';
import { align, type LoweredOp, type TileLimits } from '../../ops/shared/lowering.js';
import { lowerCopy } from '../../ops/map.js';
import type { Buffer, Step } from '../step.js';
import type { Bank } from './bank.js';
import {
  errorBytes,
  lowerAddGrad,
  lowerFinish,
  lowerGrad,
  lowerLoop,
  lowerLoss,
  lowerRescale,
  lowerTurn,
  lowerUpdate,
} from './lower.js';
import { sizeWipe, wipeEntries, wipeStep } from './wipe.js';

/** Steps that learning adds to an image, and where their buffers are. */
export interface LearnProgram {
  /** Behind the inference: the input kept for a late label. */
  tail: Step[];
  /** The learn job. */
  steps: Step[];
  /** Of those, the steps that have buffers of their own: of one turn, and what comes before all turns. */
  turn: Step[];
  /** Fills in jumps; `base`: index of the job's first record. Returns the op that a late label begins at. */
  link: (base: number) => number;
  /** Buffers that have no address yet. */
  scratch: Buffer[];
  laneBytes: number;
  /** Takes in where scratch came to lie, and activations of an inference. */
  wipeScratch: (start: number, end: number) => void;
}

export interface ProgramInput {
  network: QuantizedNetwork;
  spec: LearningSpec;
  bank: Bank;
  /** The inference's steps, of which op of the network, and the buffer of its input. */
  inference: readonly Step[];
  opOf: ReadonlyMap<Step, number>;
  /** Steps of the same ops on other buffers: up to what the ring keeps, none where that is the input; and from there on. */
  below: readonly Step[];
  forward: readonly Step[];
  /** Buffer of a tensor in `forward`. */
  bufferFor: (tensor: number) => Buffer;
  input: Buffer;
  limits: TileLimits;
}

/** Bits of what comes back from one of several readers. */
const TERM_BITS = 16;

const nowhere: Buffer = { bytes: 0, born: -1, dies: -1, address: 0 };
const inGroup = (group: Group, bytes: number): Buffer => ({
  ...nowhere,
  bytes,
  address: group << GROUP_SHIFT,
});

/** The input goes to the spare entry. */
const keepInput = ({ network, input, limits }: ProgramInput): Step => ({
  name: 'keep',
  lowered: lowerCopy(network.tensors[network.input]!, limits),
  reads: [{ field: OP_INPUT, buffer: input, offset: 0 }],
  writes: inGroup(Group.SPARE, input.bytes),
});

/** Behind the step that frees an entry, which commits: zeros over it, where the image asks for that. */
function wipeSpare({ spec, network, limits }: ProgramInput, learn: boolean): Step[] {
  const bytes = tensorBytes(network.tensors[spec.kept]!);
  return spec.wipes ? [wipeEntries({ bytes, learn }, limits)] : [];
}

/** Lanes that an image has: judging turns have one of their own. */
export const laneCountOf = ({
  lanes,
  guardEvery,
  holdOut,
}: Pick<LearningSpec, 'lanes' | 'guardEvery' | 'holdOut'>): number =>
  lanes + (guardEvery > 0 || holdOut > 0 ? 1 : 0);

/** Behind the inference of an image that learns: the ring takes in what is in the spare entry. */
function tailOf(given: ProgramInput): Step[] {
  const { spec, below } = given;
  if (!spec.late) return [];
  const lowered = lowerFinish(spec, false);
  const kept: Step = { name: 'kept', lowered, reads: [], writes: nowhere, commits: spec.wipes };
  return [...(below.length > 0 ? [] : [keepInput(given)]), kept, ...wipeSpare(given, false)];
}

/** Composes the job; its buffers are scratch, but for what lanes keep. */
class Composer {
  readonly steps: Step[] = [];
  readonly scratch: Buffer[] = [];
  turn: Step[] = [];
  laneBytes = 0;
  wipeScratch: Step | undefined;
  /** Inputs of layers whose weights learn, by the buffer that each has in `forward`. */
  readonly #inputs = new Map<Buffer, Buffer>();
  /** The spec's errors, in their order. */
  readonly #errors: Buffer[] = [];
  readonly #updates: Step[] = [];

  constructor(readonly given: ProgramInput) {}

  #lane(bytes: number): Buffer {
    const address = (Group.LANE << GROUP_SHIFT) | this.laneBytes;
    this.laneBytes += align(bytes);
    return { ...nowhere, bytes, address };
  }

  #scratch(bytes: number): Buffer {
    const buffer = { ...nowhere, bytes };
    this.scratch.push(buffer);
    return buffer;
  }

  #add(
    name: string,
    lowered: LoweredOp,
    writes: Buffer,
    reads: readonly [number, Buffer][] = [],
    commits = false,
  ): Step {
    const step = {
      name,
      lowered,
      writes,
      commits,
      reads: reads.map(([field, buffer]) => ({ field, buffer, offset: 0 })),
    };
    this.steps.push(step);
    return step;
  }

  compose(): void {
    const { network, spec, below } = this.given;
    this.steps.push(...(below.length > 0 ? below : [keepInput(this.given)]));
    const turn = this.#add('turn', lowerTurn(spec), nowhere);
    this.#keepInputs();
    this.steps.push(...this.given.forward);
    this.#errors.push(this.#errorOf(0));
    const loss = this.#add(
      'loss',
      lowerLoss(spec, network),
      this.#errors[0]!,
      [[OP_INPUT, this.given.bufferFor(spec.loss.tensor)]],
      true,
    );
    for (let error = 1; error < spec.errors.length; error++) this.#errors.push(this.#backward(error));
    const loop = this.#add('loop', lowerLoop(), nowhere, [], true);
    const update = this.steps.length;
    this.turn = [...below, ...this.steps.slice(this.steps.indexOf(turn) + 1, this.steps.indexOf(loop))];
    this.#makeUpdates();
    this.steps.push(...this.#updates);
    const finish = this.#add('finish', lowerFinish(spec, true), nowhere, [], spec.wipes);
    if (spec.wipes) this.#wipe();
    this.#jumps = { turn, loss, loop, update, finish };
  }

  /** Zeros over the entry that gave way, and over what lanes and scratch have of samples. */
  #wipe(): void {
    const { spec, limits } = this.given;
    const lanes = {
      name: 'wipe lanes',
      address: Group.LANE << GROUP_SHIFT,
      bytes: this.laneBytes * laneCountOf(spec),
    };
    this.wipeScratch = wipeStep({ name: 'wipe scratch', learn: true }, limits);
    this.steps.push(...wipeSpare(this.given, true));
    this.steps.push(wipeStep({ ...lanes, learn: true }, limits), this.wipeScratch);
  }

  #jumps: { turn: Step; loss: Step; loop: Step; update: number; finish: Step } | undefined;

  /** Fills in where ops jump to; `base`: index of the job's first record. Returns the op that a late label begins at. */
  link(base: number): number {
    const { turn, loss, loop, update, finish } = this.#jumps!;
    const indexOf = (step: Step): number => base + this.steps.indexOf(step);
    turn.lowered.record.set(TURN_UPDATE, base + update);
    turn.lowered.record.set(TURN_FINISH, indexOf(finish));
    loss.lowered.record.set(LOSS_TURN, indexOf(turn));
    loop.lowered.record.set(LOOP_TURN, indexOf(turn));
    return indexOf(turn);
  }

  /** Inputs of layers whose weights learn move to the lane; what the ring keeps is copied there. */
  #keepInputs(): void {
    const { network, spec, bufferFor, limits } = this.given;
    for (const { op, learned } of spec.steps) {
      const tensor = network.ops[op]!.inputs[0]!;
      const buffer = bufferFor(tensor);
      if (!learned?.weights || this.#inputs.has(buffer)) continue;
      const lane = this.#lane(tensorBytes(network.tensors[tensor]!));
      this.#inputs.set(buffer, lane);
      if (buffer.address >>> GROUP_SHIFT !== Group.SAMPLE) buffer.address = lane.address;
      else this.#add('sample', lowerCopy(network.tensors[tensor]!, limits), lane, [[OP_INPUT, buffer]]);
    }
  }

  /** A buffer for one of the spec's errors: in the lane if an update reads it. */
  #errorOf(index: number): Buffer {
    const { network, spec } = this.given;
    const bytes = errorBytes(elementCount(network.tensors[spec.errors[index]!.tensor]!));
    const isKept = spec.steps.some(({ error, learned }) => learned && error === index);
    return isKept ? this.#lane(bytes) : this.#scratch(bytes);
  }

  /** Channels of a group of depthwise weights, as the forward kernel has them. */
  #groupOf(op: number): number {
    const step = this.given.inference.find((candidate) => this.given.opOf.get(candidate) === op)!;
    return step.lowered.record.get(WIN_GROUP);
  }

  /** One of the spec's errors, of those above it: what comes back from each reader of its tensor, and the sum of that. */
  #backward(index: number): Buffer {
    const { network, spec, bufferFor } = this.given;
    const { tensor, bits, masked, terms } = spec.errors[index]!;
    const count = elementCount(network.tensors[tensor]!);
    const { zeroPoint } = network.tensors[tensor]!;
    const { name } = network.ops.find(({ output }) => output === tensor)!;
    /** Sums to an error; `above` has their exponent. The last one is that of the tensor. */
    const rescale = (last: boolean, sums: Buffer, above: Buffer, offset = 0): Buffer => {
      const error = last ? this.#errorOf(index) : this.#scratch(errorBytes(count));
      const reads = [
        { field: OP_INPUT, buffer: sums, offset },
        { field: OP_BIAS, buffer: above, offset: 0 },
      ];
      if (last && masked) reads.push({ field: OP_WEIGHTS, buffer: bufferFor(tensor), offset: 0 });
      const lowered = lowerRescale(count, zeroPoint, last ? bits : TERM_BITS);
      this.#add(`${name} error`, lowered, error).reads.push(...reads);
      return error;
    };
    const add = (first: Buffer, second: Buffer | undefined, term: ErrorTerm, last: boolean): Buffer => {
      const sums = this.#scratch(ERROR_BYTES + 4 * count);
      const reads: [number, Buffer][] = [[OP_INPUT, first]];
      if (second) reads.push([OP_WEIGHTS, second]);
      this.#add(`${name} sum`, lowerAddGrad(count, second ? term : undefined), sums, reads);
      return rescale(last, sums, sums, ERROR_BYTES);
    };
    const isSum = terms.length > 1;
    const cameBack = ({ from }: ErrorTerm): Buffer => {
      if ('error' in from) return this.#errors[from.error]!;
      const step = spec.steps[from.step]!;
      return rescale(!isSum, this.#gradient(step), this.#errors[step.error]!);
    };
    const [first, ...others] = terms as [ErrorTerm, ...ErrorTerm[]];
    const error = cameBack(first);
    if (!isSum) return 'error' in first.from ? add(error, undefined, first, true) : error;
    return others.reduce((sum, term, i) => add(sum, cameBack(term), term, i === others.length - 1), error);
  }

  /** The sums of a step's gradient for its input. */
  #gradient(step: BackwardStep): Buffer {
    const { network, bank, bufferFor, inference, opOf, limits } = this.given;
    const op = network.ops[step.op] as PassableOp;
    const tensor = op.inputs[0]!;
    const sums = this.#scratch(elementCount(network.tensors[tensor]!) * 4);
    const reads: [number, Buffer][] = [[OP_INPUT, this.#errors[step.error]!]];
    const grad = lowerGrad(network, op, step, this.#groupOf(step.op), limits);
    if (op.kind === 'maxPool2d') reads.push([OP_REQUANT, bufferFor(tensor)]);
    const layer = bank.layers.get(step.op);
    if (layer?.weights) reads.push([OP_WEIGHTS, layer.weights]);
    const added = this.#add(`${op.name} back`, grad, sums, reads);
    const own = inference.find((candidate) => opOf.get(candidate) === step.op)!;
    if (!layer?.weights && op.kind === 'circulant') {
      // The forward kernel may have spectra.
      grad.constants.push({ field: OP_WEIGHTS, bytes: littleEndian(op.weights) });
    } else if (!layer?.weights && own.lowered.constants.some(({ field }) => field === OP_WEIGHTS)) {
      added.sharesWeightsOf = own;
    }
    return sums;
  }

  #makeUpdates(): void {
    const { network, spec, bank, bufferFor, limits } = this.given;
    for (const { op, learned, error } of spec.steps) {
      if (!learned) continue;
      const layer = network.ops[op] as WeightedOp;
      const { weights, low, bias } = bank.layers.get(op)!;
      const input = learned.weights ? this.#inputs.get(bufferFor(layer.inputs[0]!))! : nowhere;
      const settings = { low, group: this.#groupOf(op), lanes: spec.lanes };
      const lowered = lowerUpdate(network, layer, learned, settings, limits);
      const reads = [
        { field: OP_INPUT, buffer: input, offset: 0 },
        { field: OP_BIAS, buffer: bias, offset: 0 },
        ...(weights ? [{ field: OP_WEIGHTS, buffer: weights, offset: 0 }] : []),
      ];
      this.#updates.push({ name: `${layer.name} update`, lowered, reads, writes: this.#errors[error]! });
    }
  }
}

/** The steps that learning adds. */
export function learnProgram(given: ProgramInput): LearnProgram {
  const composer = new Composer(given);
  composer.compose();
  const { steps, turn, scratch, laneBytes } = composer;
  return {
    ...{ tail: tailOf(given), steps, turn, scratch, laneBytes },
    link: (base) => composer.link(base),
    wipeScratch: (start, end) => {
      if (composer.wipeScratch) sizeWipe(composer.wipeScratch, start, end - start);
    },
  };
}
