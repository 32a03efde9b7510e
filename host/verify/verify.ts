// `verify`: a proof by induction over the cursors that no power failure changes a result (docs/VERIFY.md).
import { acceleratorAccesses } from '../simulator/accelerator-accesses.js';
import { JobKind, OP_TILES } from '../../assembly/layout.js';
import { type GivenInputs, givenSamples } from '../data/given-inputs.js';
import { Random } from '../math/random.js';
import { BrownoutError } from '../error.js';
import { imageOf } from '../ops/given-image.js';
import { type Image, withPolicy } from '../model/image.js';
import { littleEndian } from '../model/values.js';
import { fixedPolicy } from '../plan/policy.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import { targetOf } from '../power/target.js';
import { type Origin, originOf } from '../origin.js';
import { checkOptions } from '../options/table.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';
import { type VerifyOptions, verifyOptions, type VerifySettings } from './options.js';
import { counterexample, type Counterexample } from './counterexample.js';
import { enumerate } from './enumerate.js';
import { badReads } from './bad-reads.js';
import { readErrors } from './read-errors.js';
import { buildsOf, isOwn } from './builds.js';
import { policies, recovery } from './commits.js';
import { type GoldenJob, goldenJob, type JobRequest, type Step } from './job.js';
import { Fault } from './probe.js';
import { dataIndependence } from './data-independence.js';
import { exploreProtocol } from './protocol.js';
import { provisioning } from './provisioning.js';
import { inferenceScenarios, learnScenarios } from './scenario.js';
import { stuckDevice } from './stuck.js';
import { Garbage, type Memory, type Setup, type Subject, type Tally } from './subject.js';
import {
  baseCase,
  compareLiveIn,
  measure,
  type Measured,
  memoryRule,
  progress,
  tilesFromGarbage,
  volatileState,
} from './tiles.js';
import { Refuted, refute, type Violation } from './violation.js';

/** What `brownout verify --json` prints. */
export interface VerifyResult {
  origin: Origin;
  /** Whose signature the image has: the public key in hex; absent: nobody's. */
  signedBy?: string;
  proved: boolean;
  /** All that was explored state by state (the job protocol; with `enumerate`, plain states too) was, to closure. */
  closed: boolean;
  /** Obligations that fail. */
  violations: number;
  /** Cursors that one charge of the device does not get past. */
  stuck: number;
  /** Name of the device whose charge is meant; its capacitor. */
  device: string;
  capacitorUf: number;
  /** Whether that is what the image was compiled for. */
  notes: string[];
  cursors: number;
  tiles: number;
  /** Ways through the job that were proved, and the tiles of each; of images that learn there are several. */
  scenarios: { name: string; tiles: number }[];
  bytesChecked: number;
  garbageFills: number;
  recoveryPairs: number;
  states: number;
  transitions: number;
  mandatoryCommits: number;
  /** Kinds of ops that depend on data, as the proof excepts them; null: the module uses vectors, and is not followed. */
  dataExceptions: string[] | null;
  /** Plain states were explored, too. */
  enumerated: boolean;
  /** The largest share of a charge that booting, one tile and a commit take, in percent, and of which op; simulated. */
  largestTilePercent: number;
  largestTileOp: string | null;
  tear: number;
  /** Bytes that a cut amid a write spoils together. */
  line: number;
  /**
   * What reads NVM that a cut can have torn, which with ECC is a fault. `boot`: boots alone, of slots and the count of boots; no
   * tile does.
   */
  tornReads: 'boot' | 'not shown';
  policy: string;
  job: 'infer' | 'learn';
  moduleBytes: number;
  /** Where the module finds NVM: by views, proved as copies and in place, or in its own memory (`build --nvm mapped`). */
  nvm: 'views' | 'mapped';
  elapsedMs: number;
  counterexample: Counterexample | null;
}

const JOBS = { infer: JobKind.INFER, learn: JobKind.LEARN } as const;

/** Throws `E_KIND` where the image has no such job. */
function jobKind(image: Image, job: keyof typeof JOBS): JobKind {
  const kind = JOBS[job];
  if (image.jobs[kind]!.count > 0) return kind;
  throw new BrownoutError({
    code: 'E_KIND',
    found: `an image without a job "${job}"`,
    expected: 'one that has it',
    hint: job === 'learn' ? 'This image only infers: leave `job` out.' : 'Compile the model again.',
  });
}

/** The input to prove the job on: the one given, the image's own, or noise. */
function inputOf(image: Image, given: GivenInputs): Uint8Array {
  const input = givenSamples(given, image)?.samples[0] ?? image.sample;
  return input ? littleEndian(input).slice() : noise(image, 1);
}

function noise(image: Image, seed: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length: image.input.bytes }, () => random.uint32() >>> 24);
}

/** Throws `E_MODULE` unless a module is one of ours. */
function checkModule(wasm: Uint8Array<ArrayBuffer>): void {
  const refuse = (found: string): never => {
    throw new BrownoutError({
      code: 'E_MODULE',
      found,
      expected:
        'a device module with the imports image.view, nvm.view, nvm.write, nvm.sync, power.low, and accel.* if it has any; or ' +
        'nvm.sync and power.low alone, with NVM in its own memory',
      hint: 'Build one, `brownout build model.brn -o device.wasm`, or leave it out for the one that ships.',
    });
  };
  if (!WebAssembly.validate(wasm)) refuse('a file that is no valid WebAssembly module');
  const module = new WebAssembly.Module(wasm);
  const imports = WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`);
  const accelerated = Object.keys(acceleratorAccesses).map((name) => `accel.${name}`);
  const known = ['image.view', 'nvm.view', 'nvm.write', 'nvm.sync', 'power.low', ...accelerated];
  const unknown = imports.find((name) => !known.includes(name));
  if (!imports.includes('nvm.sync')) refuse('a module without the import nvm.sync, the barrier');
  if (unknown !== undefined) refuse(`a module that imports ${unknown}`);
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  const calls = [
    'boot',
    'feed',
    'submit',
    'run',
    'label',
    'ack',
    'cancel',
    'status',
    'arena',
    'cursor',
    'memory',
  ];
  const missing = calls.find((name) => !names.includes(name));
  if (missing !== undefined) refuse(`a module without the export ${missing}`);
}

/** Image, module and jobs, for every way that jobs can take. Throws `BrownoutError`. */
function setUpAll(image: Image, options: VerifySettings): Setup[] {
  const wasm = Uint8Array.from(options.module ?? moduleBytes(moduleFor(image)));
  const { powered: profile, notes } = targetOf(image, options);
  const kind = jobKind(image, options.job);
  checkModule(wasm);
  const builds = buildsOf(wasm, image, profile.instructionCycles.value);
  const common = { image, wasm, ...builds, profile, notes };
  const scenarios = kind === JobKind.LEARN ? learnScenarios : inferenceScenarios;
  return scenarios(image, inputOf(image, options), noise(image, 2)).map(({ name, jobs }, way) => ({
    ...common,
    way,
    scenario: name,
    jobs,
  }));
}

/** Image, module and the jobs of one way. Throws `BrownoutError`. */
export function setUp(image: Image, given: VerifyOptions, way = 0): Setup {
  const options = checkOptions(verifyOptions, given);
  const setups = setUpAll(image, options);
  const setup = setups[way];
  if (setup) return setup;
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `way ${way}`,
    expected: `0 to ${setups.length - 1}`,
    hint: 'Copy the id that `brownout verify` printed.',
  });
}

/** The golden jobs. */
export function subjectOf(setup: Setup, { tear, line }: Memory, tick: () => void): Subject {
  const { image, metered, sramBytes, profile, jobs } = setup;
  const run = (request: JobRequest, onStep: (step: Step, index: number) => void): GoldenJob =>
    goldenJob(image, metered, { sramBytes, supply: new MeteredSupply(profile) }, request, onStep);
  const steps: Step[] = [];
  const job = { ...run(jobs[0], (step) => steps.push(step)), steps };
  let unlike: number | undefined;
  const other = run(jobs[1], ({ views, written }, index) => {
    if (unlike === undefined && !isSameFootprint({ views, written }, steps[index])) unlike = index;
  });
  return { ...setup, job, other, unlike, garbage: new Garbage(image, other), tear, line, tick };
}

/** Tiles of the two jobs must touch the same bytes: what is proved on one input then holds for others. */
function sameFootprints({ image, unlike }: Subject): void {
  // Learning takes the way that the sample makes it take; what it may touch there is the plan's affair (`compareLiveIn`).
  if (image.learning || unlike === undefined) return;
  refute('reads', 'which bytes a tile touches depends on the input', unlike);
}

const isSameFootprint = (
  { views, written }: Pick<Step, 'views' | 'written'>,
  twin: Pick<Step, 'views' | 'written'> | undefined,
): boolean => JSON.stringify([views, written]) === JSON.stringify([twin?.views, twin?.written]);

/** The image under another policy. Throws `E_POLICY`. */
function underPolicy(image: Image, policy: string | undefined): Image {
  if (policy === undefined || policy === image.metadata.policy) return image;
  if (policy !== 'auto') return withPolicy(image, fixedPolicy(policy), policy);
  throw new BrownoutError({
    code: 'E_POLICY',
    found: 'policy "auto" for an image compiled with another',
    expected: 'every N, low or never',
    hint: 'Compile the model with `auto`: it is chosen from the plan.',
  });
}

class Prover {
  readonly violations: Violation[] = [];

  constructor(readonly tally: Tally) {}

  /** Runs one pass; what it refutes is kept, and the others go on. */
  attempt<T>(pass: () => T): T | undefined {
    try {
      return pass();
    } catch (error) {
      if (error instanceof Refuted) this.violations.push(error.violation);
      else if (error instanceof Fault) this.violations.push({ obligation: 'job', found: error.message });
      else throw error;
      return undefined;
    }
  }

  /** Kinds of ops that depend on data; undefined: the module cannot be followed. */
  dataExceptions: string[] | undefined = [];

  followData(subject: Subject): void {
    this.attempt(() => {
      this.dataExceptions = dataIndependence(subject);
    });
  }

  tiles(subject: Subject, measured: readonly Measured[], mandatory: ReadonlySet<number> | undefined): void {
    this.attempt(() => sameFootprints(subject));
    this.followData(subject);
    this.attempt(() => compareLiveIn(subject, measured));
    this.attempt(() => baseCase(subject, measured));
    if (mandatory) this.attempt(() => memoryRule(subject, measured, mandatory));
    this.attempt(() => volatileState(subject, measured));
    this.attempt(() => tilesFromGarbage(subject, measured, this.tally));
  }
}

/** Whether the time for enumeration is over. */
function deadline(started: bigint, budgetMs = Infinity): () => boolean {
  return () => Number(process.hrtime.bigint() - started) / 1e6 > budgetMs;
}

/** What proving one way through a job came to. Its subject is what memory goes for: none is kept but of the first that fails. */
interface Passed {
  setup: Setup;
  cursors: number;
  tiles: number;
  violations: Violation[];
  stuck: number;
  share: number;
  dataExceptions: string[] | undefined;
  /** Of the op whose tile takes that share. */
  op: string | null;
  mandatory: number;
}

/** Tiles that a job's ops have, once. */
const tilesOf = (image: Image, job: JobKind): number => {
  const { first, count } = image.jobs[job]!;
  return image.ops.slice(first, first + count).reduce((sum, op) => sum + op.get(OP_TILES), 0);
};

class Verification {
  states = 0;
  transitions = 0;
  closed = true;
  readonly tally: Tally = { bytesChecked: 0, garbageFills: 0, recoveryPairs: 0 };
  readonly passed: Passed[] = [];
  /** The first way that is refuted. */
  failed: { passed: Passed; subject: Subject | undefined } | undefined;

  constructor(
    readonly options: VerifySettings & Memory,
    readonly tick: () => void,
    readonly isOver: () => boolean,
  ) {}

  /** One way through a job. `first`: what does not depend on the way is proved with it. */
  prove(setup: Setup, first: boolean): void {
    const prover = new Prover(this.tally);
    const passed: Passed = {
      setup,
      cursors: 0,
      tiles: 0,
      violations: prover.violations,
      stuck: 0,
      share: 0,
      dataExceptions: [],
      op: null,
      mandatory: 0,
    };
    this.passed.push(passed);
    const subject = prover.attempt(() => subjectOf(setup, this.options, this.tick));
    if (!subject) {
      this.closed = false;
      this.failed ??= { passed, subject };
      return;
    }
    passed.cursors = subject.job.cursors.length;
    passed.tiles = subject.job.steps.length;
    const mandatory = prover.attempt(() => policies(subject));
    passed.mandatory = mandatory?.size ?? 0;
    const measured = prover.attempt(() => measure(subject));
    if (measured) {
      prover.tiles(subject, measured, mandatory);
      passed.dataExceptions = prover.dataExceptions;
      const { stuck, share, dearest } = progress(subject, measured);
      passed.stuck = stuck.length;
      passed.share = share;
      passed.op = setup.image.metadata.ops[subject.job.steps[dearest]!.op] ?? null;
    }
    prover.attempt(() => recovery(subject, prover.tally));
    prover.attempt(() => badReads(subject));
    prover.attempt(() => readErrors(subject));
    if (first) this.#explore(prover, subject);
    if (this.options.enumerate) this.#enumerate(prover, subject);
    if (prover.violations.length > 0) this.failed ??= { passed, subject };
  }

  #explore(prover: Prover, subject: Subject): void {
    const explored = prover.attempt(() => exploreProtocol(subject));
    this.closed &&= explored !== undefined;
    this.states += explored?.states ?? 0;
    this.transitions += explored?.transitions ?? 0;
    prover.attempt(() => stuckDevice(subject));
    prover.attempt(() => provisioning(subject));
  }

  #enumerate(prover: Prover, subject: Subject): void {
    const plain = prover.attempt(() => enumerate(subject, { isOver: this.isOver }));
    this.states += plain?.states ?? 0;
    this.transitions += plain?.transitions ?? 0;
    this.closed &&= plain?.closed ?? false;
  }
}

/** Faults of memory that the image was not compiled for: why the proof fails, and what to do. */
function notCompiledFor(
  { unstable, metadata }: Image,
  asked: Pick<Required<VerifyOptions>, 'line' | 'unstable'>,
): string[] {
  const again = (what: string, option: string): string =>
    `The image was not compiled for ${what}: compile it with \`${option}\`.`;
  return [
    ...(asked.unstable && !unstable
      ? [again('words that read differently once a cut has torn them', '--unstable')]
      : []),
    ...(asked.line > (metadata.line ?? 1)
      ? [again(`lines of ${asked.line} bytes that a cut spoils`, `--line ${asked.line}`)]
      : []),
  ];
}

/**
 * Proves on the module itself that no power failure, at any point and any number of times, changes the job's result.
 * Throws `BrownoutError` on wrong options; what is refuted is in the result.
 */
export function verify(image: Uint8Array | Image, given: VerifyOptions = {}): VerifyResult {
  const options = checkOptions(verifyOptions, given);
  const started = process.hrtime.bigint();
  const read = imageOf(image, options.signedBy);
  const named = underPolicy(read, options.policy);
  const model = { ...named, unstable: named.unstable || options.unstable };
  const { tear, job } = options;
  const line = options.line ?? model.metadata.line ?? 1;
  const setups = setUpAll(model, options);
  const tiles = tilesOf(model, jobKind(model, job));
  let done = 0;
  // Of passes over the tiles three, or four with views that may be copies or in place; two over the commits; and the phases of
  // provisioning.
  const passes = setups[0]!.module.mapping ? 3 : 4;
  const total = setups.length * (passes * tiles + 2 * (tiles + 5) + 4);
  const tick = (): void => options.onProgress?.(Math.min(++done, total), total);
  const verification = new Verification({ ...options, line }, tick, deadline(started, options.budgetMs));
  // With learning the protocol is explored where the ring holds something.
  const explored = Math.min(1, setups.length - 1);
  setups.forEach((setup, index) => verification.prove(setup, index === explored));
  const { passed, failed, tally, states, transitions, closed } = verification;
  const sum = (of: (one: Passed) => number): number => passed.reduce((all, one) => all + of(one), 0);
  const violations = sum((one) => one.violations.length);
  const stuck = sum((one) => one.stuck);
  const largest = passed.reduce((a, b) => (b.share > a.share ? b : a));
  return {
    origin: originOf({ image: model.file, module: setups[0]!.wasm }),
    ...(read.signature ? { signedBy: read.signature.signedBy } : {}),
    proved: violations === 0 && stuck === 0,
    closed,
    violations,
    stuck,
    device: setups[0]!.profile.name,
    capacitorUf: setups[0]!.profile.capacitorUf.value,
    notes: [
      ...setups[0]!.notes,
      ...(violations > 0 ? notCompiledFor(named, { line, unstable: options.unstable }) : []),
    ],
    cursors: sum(({ cursors }) => cursors),
    tiles,
    scenarios: passed.map((one) => ({ name: one.setup.scenario, tiles: one.tiles })),
    ...tally,
    states,
    transitions,
    mandatoryCommits: sum(({ mandatory }) => mandatory),
    dataExceptions: passed.some((one) => !one.dataExceptions)
      ? null
      : [...new Set(passed.flatMap((one) => one.dataExceptions!))],
    enumerated: options.enumerate,
    largestTilePercent: largest.share * 100,
    largestTileOp: largest.op,
    tear,
    line,
    tornReads: violations === 0 ? 'boot' : 'not shown',
    policy: model.metadata.policy,
    job,
    moduleBytes: setups[0]!.wasm.length,
    nvm: isOwn(setups[0]!) ? 'mapped' : 'views',
    elapsedMs: Number(process.hrtime.bigint() - started) / 1e6,
    counterexample: failed
      ? counterexample(failed.passed.setup, failed.subject, failed.passed.violations, {
          // What schedules are played on cuts imported writes.
          search: options.search && !isOwn(failed.passed.setup),
          line,
          unstable: model.unstable,
        })
      : null,
  };
}
