// Learning in a plan: the steps it adds, and where banks, states, ring and lanes lie (docs/LEARNING.md §2).
import {
  ALIGNMENT,
  GROUP_SHIFT,
  Group,
  S_ENTRIES,
  ENTRY_BYTES,
  STATE_BANKS,
  VERDICT_BYTES,
  WEIGHT_BANKS,
} from '../../../assembly/layout.js';
import { SUMS_BANKS } from '../../../assembly/learning-layout.js';
import { BrownoutError } from '../../error.js';
import type { QuantizedNetwork } from '../../model/quantized-network.js';
import { type LearningHeader, learningHeaderBytes } from '../../model/learning-header.js';
import { opsFor } from '../../learning/geometry.js';
import type { LearningSpec } from '../../learning/spec.js';
import type { SumsSpec } from '../../learning/sums/spec.js';
import type { OpRecord } from '../../model/record.js';
import { layActivations, markCommits, type NvmLimits } from '../buffers.js';
import type { TileLimits } from '../../ops/shared/lowering.js';
import { type Schedule, schedule } from '../schedule.js';
import type { Buffer, Step } from '../step.js';
import { type Bank, bankOf } from './bank.js';
import { mostTurns } from './lower.js';
import { type Job, type LearnStep, learnPath, sumsPath } from './path.js';
import { laneCountOf, type LearnProgram, learnProgram } from './program.js';
import { entryBytes, sumsBank, type SumsProgram, sumsProgram } from './sums.js';

const LABEL_BYTES = 4;
/** Addresses of learning leave room for a group. */
const MOST_NVM = 1 << GROUP_SHIFT;

const align = (address: number): number => Math.ceil(address / ALIGNMENT) * ALIGNMENT;

/**
 * A learned circulant layer has no spectra that were made when it was compiled; and errors go back through the weights of
 * convolutions as they are, through one op after the other.
 */
export function learnable(network: QuantizedNetwork, spec: LearningSpec): QuantizedNetwork {
  const learning = new Set(spec.steps.filter(({ learned }) => learned?.weights).map(({ op }) => op));
  const ops = network.ops.map((op, index) => {
    if (op.kind === 'conv2d') return { ...op, method: 'direct' as const };
    if (op.kind === 'depthwiseConv2d') return { ...op, fuse: 'off' as const };
    return op.kind === 'circulant' && learning.has(index)
      ? { ...op, method: 'auto' as const, spectra: 'computed' as const, learns: true }
      : op;
  });
  return { ...network, ops };
}

/**
 * The ops down to the logits once more, on buffers of their own: `steps` from what the ring keeps up, which read a ring entry;
 * `below`, from the input to there, in the spare entry.
 */
function forwardSteps(
  network: QuantizedNetwork,
  spec: LearningSpec,
  inference: Schedule,
  limits: TileLimits,
): { below: Step[]; steps: Step[]; again: Schedule } {
  const again = schedule(network, limits);
  const kept = again.bufferFor(spec.kept);
  kept.address = Group.SAMPLE << GROUP_SHIFT;
  const steps = again.steps;
  steps.forEach((step, i) => {
    const twin = inference.steps[i]!;
    step.twin = twin;
    step.lowered = { ...step.lowered, constants: [] };
    step.reads.push(...twin.reads.filter(({ buffer }) => buffer.address >>> GROUP_SHIFT === Group.WEIGHTS));
  });
  const of = (ops: readonly number[]): Step[] => steps.filter((step) => ops.includes(again.opOf.get(step)!));
  const spare = { ...kept, address: Group.SPARE << GROUP_SHIFT };
  const below = of(opsFor(network, spec.kept));
  for (const step of below) {
    if (step.writes === kept) step.writes = spare;
    step.reads = step.reads.map((read) => ({
      ...read,
      buffer: read.buffer === again.input ? inference.input : read.buffer === kept ? spare : read.buffer,
    }));
  }
  return { below, steps: of(spec.forward), again };
}

/** Gives buffers the span of steps in which they are needed. */
function findLives(steps: readonly Step[], buffers: readonly Buffer[]): void {
  for (const buffer of buffers) {
    buffer.born = steps.findIndex(({ writes }) => writes === buffer);
    buffer.dies = Math.max(
      buffer.born,
      steps.findLastIndex(({ reads }) => reads.some((read) => read.buffer === buffer)),
    );
  }
}

/** What an image that learns keeps, and how its learn job goes. */
interface Settings extends Pick<
  LearningSpec,
  'ringEntries' | 'lanes' | 'seed' | 'guardEvery' | 'holdOut' | 'validations' | 'margin'
> {
  classes: number;
  entryBytes: number;
  weightBanks: number;
  /** Whether a learn job begins as an inference does, with the same ops. */
  continues: boolean;
  paths: (header: LearningHeader, ops: readonly OpRecord[], job: Job) => LearnStep[][];
}

export class LearningPlan {
  readonly #header: LearningHeader;
  readonly #scratch: Buffer[];
  /** Where scratch begins, and activations of an inference; weight banks lie behind both. */
  #scratchAt = 0;

  constructor(
    readonly program: LearnProgram | SumsProgram,
    readonly bank: Pick<Bank, 'bytes' | 'factory'>,
    readonly settings: Settings,
    scratch: readonly Buffer[],
  ) {
    this.#scratch = [...scratch];
    this.#header = {
      banks: 0,
      bankBytes: bank.bytes,
      factory: 0,
      states: 0,
      stateBytes: align(S_ENTRIES + settings.ringEntries * ENTRY_BYTES),
      firstState: 0,
      ring: 0,
      entryBytes: align(settings.entryBytes),
      entries: settings.ringEntries,
      lanes: 0,
      laneBytes: program.laneBytes,
      laneCount: settings.lanes,
      verdicts: 0,
      label: 0,
      seed: settings.seed,
      classes: settings.classes,
      guardEvery: settings.guardEvery,
      holdOut: settings.holdOut,
      validations: settings.validations,
      margin: settings.margin,
      late: 0,
      below: 0,
    };
  }

  /** Constants besides those of records: bank 0, state 0, the header. */
  get extra(): Uint8Array[] {
    const state = new Uint8Array(this.#header.stateBytes);
    return [this.bank.factory, state, learningHeaderBytes(this.#header)];
  }

  get header(): LearningHeader {
    return this.#header;
  }

  /** Bytes of banks, states, ring and lanes. */
  get #kept(): number {
    const { bankBytes, stateBytes, entryBytes, entries, laneBytes } = this.#header;
    return (
      this.settings.weightBanks * bankBytes +
      STATE_BANKS * stateBytes +
      entries * entryBytes +
      laneCountOf(this.settings) * laneBytes
    );
  }

  /** Places label and verdicts from `start` on; returns where activations may begin. */
  layMailbox(start: number): number {
    this.#header.label = start;
    this.#header.verdicts = align(start + LABEL_BYTES);
    return align(this.#header.verdicts + mostTurns(this.settings) * VERDICT_BYTES);
  }

  /** Places the learn job's scratch from `start` on, beside nothing else. Returns where NVM ends. */
  layScratch(start: number, limits: NvmLimits): number {
    const nvmBytes = limits.nvmBytes - this.#kept;
    // Throws, and says what takes it.
    if (nvmBytes <= start) this.layBanks(start, limits.nvmBytes);
    const turn = this.program.turn;
    findLives(turn, this.#scratch);
    const end = layActivations(this.#scratch, start, { ...limits, nvmBytes });
    markCommits(turn);
    this.#scratchAt = start;
    return end;
  }

  /** Places what outlives jobs behind `start`. Returns where NVM ends. */
  layBanks(start: number, nvmBytes: number): number {
    const header = this.#header;
    header.banks = start;
    if ('wipeScratch' in this.program) this.program.wipeScratch(this.#scratchAt, start);
    header.states = header.banks + this.settings.weightBanks * header.bankBytes;
    header.ring = header.states + STATE_BANKS * header.stateBytes;
    header.lanes = header.ring + header.entries * header.entryBytes;
    const end = header.lanes + laneCountOf(this.settings) * header.laneBytes;
    const most = Math.min(nvmBytes, MOST_NVM);
    if (end <= most) return end;
    const parts = `weight banks, states, the ring of ${header.entries} samples and lanes`;
    const found = `${end} bytes of NVM needed, ${this.#kept} of them for ${parts}`;
    const hint = 'Learn fewer layers, keep a smaller ring, or take a part with more NVM.';
    throw new BrownoutError({ code: 'E_PLAN', found, expected: `at most ${most}`, hint });
  }

  /** First op and count of both jobs, of `all` ops, of which the first `inferring` make an inference. */
  jobs(inferring: number, all: number): [infer: Job, learn: Job] {
    const first = this.settings.continues ? 0 : inferring;
    return [
      { first: 0, count: inferring },
      { first, count: all - first },
    ];
  }

  /** Fills in where ops lead; `base`: index of the first op behind an inference's. */
  link(base: number): void {
    const labelled = this.program.link(base);
    if (this.settings.continues) this.#header.late = labelled - 1;
    else this.#header.below = labelled - 1 - base;
  }

  /** Ways that the learn job takes through the plan's ops. */
  paths(ops: readonly OpRecord[], job: Job): LearnStep[][] {
    return this.settings.paths(this.#header, ops, job);
  }

  /** Where the extra constants came to lie; the header goes to its place in the constants. */
  finish(addresses: readonly number[], constants: Uint8Array, offset: number): void {
    [this.#header.factory, this.#header.firstState] = addresses as [number, number];
    constants.set(learningHeaderBytes(this.#header), addresses[2]! - offset);
  }
}

/** Plans learning for `network`, whose inference is `inference`; its parameters that learn move to the bank. */
export function planLearning(
  network: QuantizedNetwork,
  spec: LearningSpec,
  inference: Schedule,
  limits: TileLimits,
): LearningPlan {
  const bank = bankOf(network, spec, inference.steps, inference.opOf);
  const { below, steps: forward, again } = forwardSteps(network, spec, inference, limits);
  const kept = inference.bufferFor(spec.kept);
  // What the ring keeps lies in it from the start.
  if (spec.late && kept !== inference.input) kept.address = Group.SPARE << GROUP_SHIFT;
  const program = learnProgram({
    network,
    spec,
    bank,
    inference: inference.steps,
    opOf: inference.opOf,
    below,
    forward,
    bufferFor: again.bufferFor,
    input: inference.input,
    limits,
  });
  const written = new Set([...below, ...forward].map(({ writes }) => writes));
  const unplaced = [...written].filter(({ address }) => address === 0);
  const settings: Settings = {
    ...spec,
    classes: spec.loss.classes,
    entryBytes: kept.bytes,
    weightBanks: WEIGHT_BANKS,
    continues: false,
    paths: (header, ops, job) => [learnPath(header, spec, ops, job)],
  };
  return new LearningPlan(program, bank, settings, [...unplaced, ...program.scratch]);
}

/** Plans a head by sums for `spec.network`, whose inference is `inference`; the head's parameters move to the bank. */
export function planSums(spec: SumsSpec, inference: Schedule, limits: TileLimits): LearningPlan {
  const head = inference.steps.find((step) => inference.opOf.get(step) === spec.op)!;
  const bank = sumsBank(spec, head);
  const program = sumsProgram({ spec, bank, inference, limits });
  const settings: Settings = {
    ringEntries: spec.ringEntries,
    lanes: 1,
    seed: 0,
    guardEvery: 0,
    holdOut: 0,
    validations: 0,
    margin: 0,
    classes: spec.classes,
    entryBytes: entryBytes(spec),
    weightBanks: SUMS_BANKS,
    continues: true,
    paths: sumsPath,
  };
  return new LearningPlan(program, bank, settings, program.scratch);
}
