// Learning on the device again, in plain TypeScript from docs/LEARNING.md: the oracle that banks are compared with, byte by
// byte, and what the desk tries learning rates on.
import { BrownoutError } from '../error.js';
import { elementCount, type QuantizedNetwork } from '../model/quantized-network.js';
import { kernelOf, type Parameters, shippedParameters } from './forward.js';
import { FrozenPart, operationOf } from './frozen.js';
import { isWeighted, type PassableOp, rootsOf } from './geometry.js';
import { addErrors, addErrorsDown, type ErrorValues, inOneUnit, rescale } from './gradients.js';
import { randomKey } from './integer.js';
import { lossOf } from './loss.js';
import { EntryKind, LearningState } from './sample-ring.js';
import type { BackwardStep, ErrorSpec, LearningSpec } from './spec.js';
import { bankBytes, factoryLayer, type LaneOfLayer, type LayerBank, updateLayer } from './weight-bank.js';

const REPLAY_KEY = 0x52455031;
/** Validation entries with which the guard judges. */
const GUARD_LEAST = 4;
/** Bits of what comes back from one of several readers. */
const TERM_BITS = 16;
const NO_PARAMETERS: Parameters = { weights: new Int8Array(0), folded: new Int32Array(0) };

/** A sample as it is learnt. */
interface Turn {
  right: boolean;
  loss: number;
  /** One a backward step, if it was learnt. */
  lanes: LaneOfLayer[] | undefined;
}

export interface Sample {
  input: Int8Array;
  label: number;
}

export interface LearningCursor {
  step: number;
  banks: number;
  sample: number;
}

export class LearningMirror {
  step = 0;
  protected current = 0;
  protected good = 0;
  private stateBank = 0;
  private spare = 0;
  private state: LearningState;
  /** Weight banks 0 … 3: layers from the input. */
  protected readonly banks: LayerBank[][];
  private readonly ring: Int8Array[];
  private readonly frozen: FrozenPart;
  /** Of layers between those that learn. */
  private readonly shipped: Map<number, Parameters>;
  /** Ops from what the ring keeps up to the logits. */
  private readonly upwards: {
    inputs: readonly number[];
    output: number;
    run: (x: readonly Int8Array[], bank: number) => Int8Array;
  }[];
  /** Of each tensor the one that it is but for its shape. */
  private readonly roots: readonly number[];

  /** `frozen` may be shared by mirrors of one network whose earliest learned layer is the same. */
  constructor(
    private readonly network: QuantizedNetwork,
    private readonly spec: LearningSpec,
    frozen?: FrozenPart,
  ) {
    const steps = [...spec.steps].reverse();
    this.roots = rootsOf(network);
    this.upwards = spec.forward.map((index) => {
      const op = network.ops[index]!;
      const step = steps.find((candidate) => candidate.op === index);
      const kernel = step && kernelOf(network, this.opOf(step));
      const run = kernel
        ? ([x]: readonly Int8Array[], bank: number) => kernel(x!, this.parametersOf(step, bank))
        : operationOf(network, op);
      return { inputs: op.inputs, output: op.output, run };
    });
    const factory = steps.flatMap((step) => (step.learned ? [factoryLayer(network, step)] : []));
    this.banks = [factory, [], [], []];
    this.shipped = new Map(
      steps.flatMap(({ op: index, learned }) => {
        const op = network.ops[index]!;
        return !learned && isWeighted(op) ? [[index, shippedParameters(network, op)] as const] : [];
      }),
    );
    this.state = new LearningState(spec.ringEntries);
    const inputBytes = elementCount(network.tensors[network.input]!);
    this.ring = Array.from({ length: spec.ringEntries }, () => new Int8Array(inputBytes));
    this.frozen = frozen ?? LearningMirror.frozenPart(network, spec);
  }

  /** What mirrors of a network may share: the part below the earliest layer that learns. */
  static frozenPart(network: QuantizedNetwork, spec: LearningSpec): FrozenPart {
    return new FrozenPart(network, spec.kept);
  }

  /**
   * One labelled sample learnt: a learn job from start to end. The input must not change from then on. Returns the turns'
   * samples: the mini-batch, with those right and sure; none if the sample is held out.
   */
  learn(input: Int8Array, label: number, ticket: number): Sample[] {
    this.checkLabel(label);
    this.checkInput(input);
    this.ring[this.spare] = input;
    return this.job(this.spare, label, ticket);
  }

  /** The truth about an input that `infer` kept. Errors: E_TICKET if it is not, or no longer, kept. */
  label(ticket: number, label: number): Sample[] {
    this.checkLabel(label);
    const index = this.state.entries.findIndex(
      (entry) => entry.kind === EntryKind.UNLABELLED && entry.ticket === ticket,
    );
    if (index < 0) {
      throw new BrownoutError({
        code: 'E_TICKET',
        found: `ticket ${ticket}`,
        expected: 'one of a kept input without a label',
        hint: 'Label earlier, or compile with a larger ring.',
      });
    }
    return this.job(index, label, ticket);
  }

  /** Logits; the input is kept for a late label if the image keeps inputs. It must not change from then on. */
  infer(input: Int8Array, ticket: number): Int8Array {
    this.checkInput(input);
    const logits = this.logits(input);
    if (!this.spec.late) return logits;
    this.ring[this.spare] = input;
    const state = this.nextState();
    state.take(this.spare, ticket, 0, EntryKind.UNLABELLED);
    this.spare = state.evict(this.spec.validations);
    this.commitState(state);
    return logits;
  }

  /** Back to the weights the image shipped with; samples and counters stay. */
  restore(): void {
    this.current = 0;
    this.good = 0;
  }

  /** Logits with the current weights; nothing is kept. */
  logits(input: Int8Array): Int8Array {
    return this.run(input, this.current).slice();
  }

  /** The first of the largest logits. */
  classify(input: Int8Array): number {
    const logits = this.run(input, this.current);
    return logits.indexOf(logits.reduce((a, b) => Math.max(a, b), -128));
  }

  /** The current weight bank, or the good one, as NVM has it. */
  weightBank(which: 'current' | 'good' = 'current'): Uint8Array {
    return bankBytes(this.banks[this[which]]!);
  }

  /** The state bank in force, as NVM has it. */
  stateBytes(): Uint8Array {
    return this.state.bytes();
  }

  /** An entry of the ring, padded to 16: what the lowest layer that learns reads of the input. */
  ringEntry(index: number): Uint8Array {
    const entry = this.frozen.features(this.ring[index]!);
    const bytes = new Uint8Array(Math.ceil(entry.length / 16) * 16);
    bytes.set(new Uint8Array(entry.buffer, entry.byteOffset, entry.length));
    return bytes;
  }

  /** The cursor's words between two jobs. */
  cursor(): LearningCursor {
    const banks = this.current | (this.good << 4) | (this.stateBank << 8);
    return { step: this.step, banks, sample: this.spare << 16 };
  }

  /** Counters and the ring's table, to read. */
  get summary(): Readonly<LearningState> {
    return this.state;
  }

  private opOf(step: BackwardStep): PassableOp {
    return this.network.ops[step.op] as PassableOp;
  }

  private checkLabel(label: number): void {
    if (Number.isInteger(label) && label >= 0 && label < this.spec.loss.classes) return;
    throw new BrownoutError({
      code: 'E_LABEL',
      found: `label ${label}`,
      expected: `a whole number from 0 to ${this.spec.loss.classes - 1}`,
      hint: 'Labels count from 0.',
    });
  }

  private checkInput(input: Int8Array): void {
    const expected = elementCount(this.network.tensors[this.network.input]!);
    if (input.length === expected) return;
    throw new BrownoutError({
      code: 'E_SHAPE',
      found: `${input.length} input values`,
      expected: `${expected}`,
      hint: 'Give one input of the network.',
    });
  }

  private parametersOf(step: BackwardStep, bank: number): Parameters {
    if (step.learned) return this.banks[bank]![step.learned.layer]!;
    return this.shipped.get(step.op) ?? NO_PARAMETERS;
  }

  /** Logits, valid until the next run as all values are; those of the tensors from what the ring keeps up into `values`. */
  private run(input: Int8Array, bank: number, values = new Map<number, Int8Array>()): Int8Array {
    const { kept, loss } = this.spec;
    values.set(this.roots[kept]!, this.frozen.features(input));
    for (const { inputs, output, run } of this.upwards) {
      const x = inputs.map((tensor) => values.get(this.roots[tensor]!)!);
      values.set(this.roots[output]!, run(x, bank));
    }
    return values.get(this.roots[loss.tensor]!)!;
  }

  /** docs/LEARNING.md §6: an error from those above it, of which `errors` has all. */
  private errorOf(
    { tensor, bits, masked, terms }: ErrorSpec,
    bank: number,
    values: ReadonlyMap<number, Int8Array>,
    errors: readonly ErrorValues[],
  ): ErrorValues {
    const y = values.get(tensor)!;
    const rescaled = (sums: ErrorValues, last: boolean): ErrorValues => {
      const maskedAt = last && masked ? this.network.tensors[tensor]!.zeroPoint : undefined;
      const delta = sums.delta.slice();
      return { delta, exponent: sums.exponent + rescale(delta, last ? bits : TERM_BITS, y, maskedAt) };
    };
    const cameBack = (from: ErrorSpec['terms'][number]['from']): ErrorValues => {
      if ('error' in from) return errors[from.error]!;
      const step = this.spec.steps[from.step]!;
      const { delta, exponent } = errors[step.error]!;
      const sums = new Int32Array(y.length);
      const { weights } = this.parametersOf(step, bank);
      addErrorsDown(this.network, this.opOf(step), weights, y, inOneUnit(delta, step.ratios), sums);
      return rescaled({ delta: sums, exponent }, terms.length === 1);
    };
    const [first, ...others] = terms;
    const error = cameBack(first!.from);
    if (others.length > 0) {
      return others.reduce((sum, term, i) => {
        return rescaled(addErrors(sum, cameBack(term.from), term), i === others.length - 1);
      }, error);
    }
    return 'error' in first!.from ? rescaled(addErrors(error, undefined, first!), true) : error;
  }

  /** docs/LEARNING.md §5 for one sample; §6 if it is learnt. */
  private turn({ input, label }: Sample, bank: number, learns: boolean): Turn {
    const { loss: spec } = this.spec;
    const values = new Map<number, Int8Array>();
    const logits = this.run(input, bank, values);
    const { zeroPoint } = this.network.tensors[spec.tensor]!;
    const { errors, loss, right } = lossOf(spec, logits, zeroPoint, label);
    const learnt = learns && !(right && loss <= spec.sure);
    if (!learnt) return { right, loss, lanes: undefined };
    const made: ErrorValues[] = [{ delta: errors, exponent: 0 }];
    for (const error of this.spec.errors.slice(1)) made.push(this.errorOf(error, bank, values, made));
    const lanes = this.spec.steps.map((step) => {
      const x = values.get(this.roots[this.opOf(step).inputs[0]!]!)!;
      return { x: x.slice(), ...made[step.error]! };
    });
    return { right, loss, lanes };
  }

  /** A learn entry to learn again, drawn evenly over labels; undefined if there are none. */
  private replay(turn: number): Sample | undefined {
    const { seed, loss } = this.spec;
    const h = randomKey(seed, this.step, REPLAY_KEY, turn);
    const learn = this.state.of(EntryKind.LEARN);
    if (learn.length === 0) return undefined;
    const start = h % loss.classes;
    const distance = (label: number): number => (label - start + loss.classes) % loss.classes;
    const nearest = Math.min(...learn.map(({ label }) => distance(label)));
    const candidates = learn.filter(({ label }) => distance(label) === nearest);
    return this.sampleOf(candidates[(h >>> 16) % candidates.length]!);
  }

  private sampleOf(entry: LearningState['entries'][number]): Sample {
    return { input: this.ring[this.state.entries.indexOf(entry)]!, label: entry.label };
  }

  private rightOf(samples: readonly Sample[], bank: number): number {
    return samples.filter((sample) => this.turn(sample, bank, false).right).length;
  }

  private job(own: number, label: number, ticket: number): Sample[] {
    const { spec, state } = this;
    const { labelled } = state;
    const held = spec.holdOut > 0 && labelled % spec.holdOut === spec.holdOut - 1;
    const first = this.turn({ input: this.ring[own]!, label }, this.current, !held);
    const learnt = first.lanes ? [first.lanes] : [];
    const batch = held ? [] : [{ input: this.ring[own]!, label }];
    for (let t = 1; t < spec.lanes && !held; t++) {
      const sample = this.replay(t);
      if (!sample) continue;
      batch.push(sample);
      const { lanes } = this.turn(sample, this.current, true);
      if (lanes) learnt.push(lanes);
    }
    const validation = state.of(EntryKind.VALIDATION).map((entry) => this.sampleOf(entry));
    const due =
      spec.guardEvery > 0 && (labelled + 1) % spec.guardEvery === 0 && validation.length >= GUARD_LEAST;
    const right = due ? this.rightOf(validation, this.current) : 0;
    const back = due && right + spec.margin < this.rightOf(validation, this.good);

    const next = this.nextState();
    const kind = held ? EntryKind.VALIDATION : EntryKind.LEARN;
    if (own === this.spare) next.take(own, ticket, label, kind);
    else next.entries[own] = { ...next.entries[own]!, ticket, label, kind };
    next.record(first.loss, first.right, !first.lanes && !held);
    if (back) {
      next.rollbacks++;
      this.current = this.good;
    } else {
      const before = this.current;
      if (learnt.length > 0) this.update(learnt);
      if (due) {
        this.good = before;
        next.goodRight = right;
      }
    }
    if (own === this.spare) this.spare = next.evict(spec.validations);
    this.commitState(next);
    return batch;
  }

  /** Layers of the next weight bank, from the current one, for what was learnt. */
  protected nextLayers(learnt: readonly LaneOfLayer[][]): LayerBank[] {
    const next: LayerBank[] = [];
    this.spec.steps.forEach((backward, i) => {
      if (!backward.learned) return;
      const { layer } = backward.learned;
      const lanes = learnt.map((lane) => lane[i]!);
      const bank = this.banks[this.current]![layer]!;
      next[layer] = updateLayer(this.network, backward, bank, lanes, this.spec.seed, this.step);
    });
    return next;
  }

  /** Writes the free bank, makes it the current one, and counts the step. */
  protected update(learnt: readonly LaneOfLayer[][]): void {
    const free = [1, 2, 3].find((bank) => bank !== this.current && bank !== this.good)!;
    this.banks[free] = this.nextLayers(learnt);
    this.current = free;
    this.step++;
  }

  private nextState(): LearningState {
    const next = Object.assign(new LearningState(this.spec.ringEntries), this.state);
    return Object.assign(next, { entries: this.state.entries.map((entry) => ({ ...entry })) });
  }

  private commitState(state: LearningState): void {
    this.state = state;
    this.stateBank = this.stateBank === 1 ? 2 : 1;
  }
}
