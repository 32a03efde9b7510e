// One schedule of power failures on the simulated device: what became of the jobs, told boot by boot.
import { ErrorCode, Status } from '../../assembly/error.js';
import { C_KIND, C_OP, C_STATE, C_TICKET, C_TILE, OP_TILES } from '../../assembly/layout.js';
import { Random } from '../math/random.js';
import { type Image, withPolicy } from '../model/image.js';
import { CountdownPower } from '../simulator/countdown-power.js';
import { Device, PowerCut } from '../simulator/device.js';
import { comparableNvm, firstDifference } from '../simulator/equality.js';
import { type CutOutcome, SimulatedNvm, writtenThrough } from '../simulator/nvm.js';
import { randomOutcome } from '../simulator/outcome.js';
import { provision } from '../simulator/provision.js';
import { deviceAt, type JobRequest, request } from './job.js';
import type { Cut, Schedule } from './schedule.js';

/** How it ended. */
export type CutsVerdict =
  'identical' | 'wrong answer' | 'job lost' | 'job done twice' | 'wrong NVM' | 'device error';

export interface CutsOutcome {
  verdict: CutsVerdict;
  /** What shows it, a sentence. */
  detail: string;
  /** What happened, a line for each event. */
  story: string[];
  /** Units used on steady power, for choosing cuts. */
  units: number;
}

/** What steady power leaves behind, and when each tile ran. */
export interface SteadyRun {
  answers: Map<number, Uint8Array>;
  nvm: Uint8Array;
  /** 1 where the jobs wrote, or what outlives them lies: where lines are spoilt, only that is compared. */
  written: Uint8Array;
  units: number;
  /** Units used when a tile of the first job began; the last is where its final commit began. */
  tileUnits: number[];
  /** Units used when each cursor's first byte was to be written. */
  commitUnits: number[];
  /** Units used when `submit` of the first job began, and when `ack` did. */
  submitUnits: number;
  ackUnits: number;
}

const dropped: CutOutcome = { order: () => [], keeps: () => false };

/** Plays jobs on one module and one image, through whatever cuts. */
export class CutsPlayer {
  #scheduled: Image | undefined;

  constructor(
    readonly image: Image,
    readonly module: WebAssembly.Module,
    readonly sramBytes: number,
    readonly jobs: readonly JobRequest[],
  ) {}

  /** The image of a schedule that says itself when to commit. */
  get scheduled(): Image {
    this.#scheduled ??= withPolicy(this.image, { every: 0, low: false }, 'as scheduled');
    return this.#scheduled;
  }

  /** The jobs on steady power. Throws where the module fails even so. */
  steady({ tear, sequence, commits }: Omit<Schedule, 'cuts'>): SteadyRun {
    const play = new Play(this, { tear, sequence, cuts: [], ...(commits === undefined ? {} : { commits }) });
    const failed = play.run();
    if (failed) throw new DeviceFailure(failed.detail);
    return {
      answers: play.answers,
      nvm: play.comparable(),
      written: play.written,
      units: play.power.used,
      tileUnits: play.tileUnits,
      commitUnits: play.commitUnits,
      submitUnits: play.submitUnits,
      ackUnits: play.ackUnits,
    };
  }

  /** What goes wrong on steady power, if anything does. */
  fails(): { verdict: CutsVerdict; detail: string } | undefined {
    try {
      this.steady({ tear: 1, sequence: 0 });
      return undefined;
    } catch (error) {
      return { verdict: 'device error', detail: `on steady power, ${(error as Error).message}` };
    }
  }

  /** The jobs through `schedule`, held against steady power. */
  play(schedule: Schedule, steady?: SteadyRun): CutsOutcome {
    const play = new Play(this, schedule);
    let failed: { verdict: CutsVerdict; detail: string } | undefined;
    try {
      failed = play.run();
      steady ??= this.steady(schedule);
    } catch (error) {
      const { name, message } = error as Error;
      failed = { verdict: 'device error', detail: `${name}: ${message}` };
    }
    const { verdict, detail } = failed ?? play.judge(steady!);
    return { verdict, detail, story: [...play.story, `${verdict}: ${detail}`], units: play.power.used };
  }
}

/** One playing of a schedule. */
class Play {
  readonly power = new CountdownPower();
  readonly answers = new Map<number, Uint8Array>();
  readonly story: string[] = [];
  readonly tileUnits: number[] = [];
  readonly written: Uint8Array;
  readonly commitUnits: number[] = [];
  submitUnits = 0;
  ackUnits = 0;
  readonly #line: number;
  readonly #image: Image;
  readonly #nvm: SimulatedNvm;
  readonly #device: Device;
  readonly #jobs: readonly JobRequest[];
  readonly #cuts: readonly Cut[];
  readonly #commits: Schedule['commits'];
  #wrong: { verdict: CutsVerdict; detail: string } | undefined;
  /** Submissions that began a job, by ticket. */
  readonly #started = new Map<number, number>();
  #job = 0;

  constructor(player: CutsPlayer, schedule: Schedule) {
    const { image, module, sramBytes, jobs } = player;
    const { commits, line = 1 } = schedule;
    this.#line = line;
    this.#image = commits === undefined ? image : player.scheduled;
    this.#nvm = new SimulatedNvm(image.nvmBytes, {
      tearUnit: schedule.tear,
      lineBytes: this.#line,
      unstable: schedule.unstable ?? false,
    });
    this.written = new Uint8Array(image.nvmBytes);
    if (image.learning) this.written.fill(1, image.learning.banks, image.learning.lanes);
    if (image.stream) this.written.fill(1, image.stream.states, image.nvmBytes);
    const start = jobs[0]?.start;
    if (start) this.#nvm.load(deviceAt(this.#image, schedule.sequence, start));
    else provision(this.#nvm, this.#image, { sequence: schedule.sequence });
    const observe = (access: string, address: number, length: number): void =>
      this.#observe(access, address, length);
    this.#device = new Device(module, {
      image: this.#image,
      nvm: this.#nvm,
      sramBytes,
      supply: this.power,
      observe,
    });
    this.#jobs = jobs;
    this.#cuts = schedule.cuts;
    this.#commits = commits;
  }

  /** NVM at the end, with what the number of commits decides taken out. */
  comparable(): Uint8Array {
    return comparableNvm(this.#nvm.cells, this.#image, true);
  }

  /** Plays to the end. Returns what went wrong on the way. */
  run(): { verdict: CutsVerdict; detail: string } | undefined {
    for (let boot = 0; boot <= this.#cuts.length; boot++) {
      const cut = this.#cuts[boot];
      this.power.left = cut?.after ?? Infinity;
      try {
        this.#live(boot + 1);
        return this.#wrong;
      } catch (error) {
        if (error instanceof DeviceFailure) return { verdict: 'device error', detail: error.message };
        if (!(error instanceof PowerCut)) throw error;
        this.#fail(cut!);
      }
    }
    return this.#wrong;
  }

  judge(steady: SteadyRun): { verdict: CutsVerdict; detail: string } {
    if (this.#wrong) return this.#wrong;
    for (const [ticket, expected] of steady.answers) {
      const answer = this.answers.get(ticket);
      const at = answer ? firstDifference(answer, expected) : 0;
      if (!answer) return { verdict: 'job lost', detail: `job ${ticket} has no answer` };
      if (at >= 0) {
        const values = `${signed(answer[at]!)} instead of ${signed(expected[at]!)}`;
        return { verdict: 'wrong answer', detail: `byte ${at} of the answer to job ${ticket} is ${values}` };
      }
    }
    const [found, expected] = [this.comparable(), steady.nvm];
    // Bytes beside those written may be spoilt.
    for (let at = 0; this.#line > 1 && at < found.length; at++)
      if (steady.written[at] === 0) found[at] = expected[at]!;
    const at = firstDifference(found, expected);
    if (at >= 0) return { verdict: 'wrong NVM', detail: `byte ${at} differs from what steady power leaves` };
    return { verdict: 'identical', detail: 'answers and final NVM are those of steady power' };
  }

  /** An app from power-up on: it asks for its job, runs it, takes the answer, acknowledges. */
  #live(boot: number): void {
    const device = this.#device;
    const code = this.#expect(device.boot(), 'boot');
    this.story.push(`boot ${boot}: ${this.#standing(code)}`);
    for (; this.#job < this.#jobs.length; this.#job++) {
      const job = this.#jobs[this.#job]!;
      this.#complete(job);
      if (this.answers.has(job.ticket)) continue;
      this.#wrong ??= { verdict: 'job lost', detail: `job ${job.ticket} is over without an answer` };
      return;
    }
  }

  #complete(job: JobRequest): void {
    const device = this.#device;
    if (this.#job === 0 && this.submitUnits === 0) this.submitUnits = this.power.used;
    const idle = device.status() === Status.IDLE;
    let state = request({ device }, job);
    if (state === ErrorCode.E_INPUT) {
      this.#expect(
        device.feed(new Int8Array(job.input.buffer, job.input.byteOffset, job.input.length)),
        'feed',
      );
      state = this.#expect(request({ device }, job), 'submit');
      this.story.push(`  job ${job.ticket} submitted`);
    }
    if (idle && state === Status.RUN) this.#count(job.ticket);
    this.#expect(state, 'submit');
    while (device.status() === Status.RUN) {
      const from = this.#position();
      this.#expect(device.run(this.#budget(from)), 'run');
      this.story.push(`  ran to ${this.#place()} and committed`);
    }
    if (device.status() !== Status.DONE) return;
    if (this.#job === 0) this.ackUnits ||= this.power.used;
    const { offset, bytes } = this.#image.output;
    const answer = this.#nvm.present.slice(offset, offset + bytes);
    const before = this.answers.get(job.ticket);
    if (before && Buffer.compare(before, answer) !== 0)
      this.#wrong ??= { verdict: 'wrong answer', detail: `job ${job.ticket} answers twice, differently` };
    this.answers.set(job.ticket, before ?? answer);
    this.#expect(device.ack(job.ticket), 'ack');
    this.story.push(`  job ${job.ticket} answered and acknowledged`);
  }

  /** Tiles done of the job. */
  #position(): number {
    const op = this.#device.cursorField(C_OP);
    const { first } = this.#image.jobs[this.#device.cursorField(C_KIND)] ?? { first: 0 };
    const before = this.#image.ops.slice(first, op).reduce((sum, record) => sum + record.get(OP_TILES), 0);
    return before + this.#device.cursorField(C_TILE);
  }

  #budget(from: number): number {
    if (this.#commits === undefined) return 0;
    if (this.#commits === 'every') return 1;
    const next = this.#commits.find((tile) => tile > from);
    return next === undefined ? 0 : next - from;
  }

  /** Where a cursor stands, for people. */
  #place(): string {
    const op = this.#device.cursorField(C_OP);
    const state = this.#device.cursorField(C_STATE);
    if (state !== Status.RUN) return state === Status.DONE ? 'the end' : 'no job';
    return `op ${op} (${this.#image.metadata.ops[op] ?? '?'}), tile ${this.#device.cursorField(C_TILE)}`;
  }

  #standing(code: number): string {
    const ticket = this.#device.cursorField(C_TICKET);
    if (code === Status.IDLE) return ticket === 0 ? 'no job yet' : `no job; the last was ${ticket}`;
    return code === Status.DONE ? `job ${ticket} is done` : `job ${ticket} goes on at ${this.#place()}`;
  }

  #expect(code: number, doing: string): number {
    if (code >= 0) return code;
    throw new DeviceFailure(`${doing} returns ${ErrorCode[code] ?? code} to the app`);
  }

  #fail({ after, unsynced }: Cut): void {
    const { pendingBytes } = this.#nvm;
    const where = `${after} units after power-up, at ${this.#place()}`;
    const fates = { written: 'reach NVM', dropped: 'are lost' };
    const fate =
      typeof unsynced === 'number' ? `are torn and reordered as seed ${unsynced} says` : fates[unsynced];
    const unsettled =
      pendingBytes > 0 ? `${pendingBytes} bytes not behind a barrier ${fate}` : 'nothing is unsynced';
    this.story.push(`  power fails ${where}; ${unsettled}`);
    const outcomes = { written: writtenThrough, dropped };
    this.#device.cut(typeof unsynced === 'number' ? randomOutcome(new Random(unsynced)) : outcomes[unsynced]);
  }

  /** Notes when each tile of the first job writes, and when each cursor is written. */
  #observe(access: string, address: number, length: number): void {
    const { slots } = this.#image;
    if (access === 'write') this.written.fill(1, address, address + length);
    const slot = address >= slots.offset && address < slots.offset + slots.bytes;
    if (access === 'view' && !slot && !this.#isDiagnostic(address) && this.#nvm.readsAsError(address, length))
      this.#wrong ??= {
        verdict: 'device error',
        detail: `NVM ${address} … ${address + length} is read, part of which reads as an error since a cut`,
      };
    if (access === 'write' && slot) this.commitUnits.push(this.power.used);
    if (access !== 'write' || slot || this.#job > 0 || this.#device.cursorField(C_STATE) !== Status.RUN)
      return;
    this.tileUnits[this.#position()] ??= this.power.used;
  }

  /** Boot reads slots and its count of boots whatever they read as: the fault's handler returns, and a checksum decides. */
  #isDiagnostic(address: number): boolean {
    const { offset, bytes } = this.#image.diagnostics;
    return address >= offset && address < offset + bytes;
  }

  /** A submission that the device took, and did not know before. */
  #count(ticket: number): void {
    const starts = (this.#started.get(ticket) ?? 0) + 1;
    this.#started.set(ticket, starts);
    if (starts > 1)
      this.#wrong ??= { verdict: 'job done twice', detail: `job ${ticket} began ${starts} times` };
  }
}

/** The device answered the app with an error that no power failure may cause. */
class DeviceFailure extends Error {
  override readonly name = 'DeviceFailure';
}

const signed = (byte: number): number => (byte << 24) >> 24;
