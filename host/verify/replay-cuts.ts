// One schedule of power failures on the simulated device: what became of the jobs, told boot by boot.
import { createHash } from 'node:crypto';
import { ErrorCode, Status } from '../../assembly/error.js';
import { C_KIND, C_OP, C_STATE, C_TICKET, C_TILE, OP_TILES } from '../../assembly/layout.js';
import { type Image, withPolicy } from '../model/image.js';
import { CountdownPower } from '../simulator/countdown-power.js';
import { Device, PowerCut } from '../simulator/device.js';
import { comparableNvm, firstDifference } from '../simulator/equality.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { deviceAt, type JobRequest, request } from './job.js';
import { type Access, JournalNvm, outcomeOf } from './journal-nvm.js';
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
  /** All that was written, and every barrier: what NVM holds at a first cut follows from it, and no boot is played for it. */
  journal: readonly Access[];
  marks: readonly Mark[];
}

/** What the app knew from so many units on. */
interface Mark {
  used: number;
  job: number;
  answers: ReadonlyMap<number, Uint8Array>;
  started: ReadonlyMap<number, number>;
}

/** A device that one schedule after the other is played on: to make one costs more than to boot it. */
interface Bench {
  power: CountdownPower;
  nvm: JournalNvm;
  device: Device;
  play: Play | undefined;
}

/** Plays jobs on one module and one image, through whatever cuts. */
export class CutsPlayer {
  #scheduled: Image | undefined;
  readonly #benches = new Map<string, Bench>();
  readonly #provisioned = new Map<string, Uint8Array>();

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

  /** A device, on which what was played before has left nothing but the garbage that its SRAM holds at power-up. */
  bench({ commits, tear, line = 1, unstable = false }: Schedule): Bench {
    const key = `${commits === undefined} ${tear} ${line} ${unstable}`;
    const known = this.#benches.get(key);
    if (known) return known;
    const power = new CountdownPower();
    const nvm = new JournalNvm(this.image.nvmBytes, { tearUnit: tear, lineBytes: line, unstable });
    const bench: Bench = {
      power,
      nvm,
      device: new Device(this.module, {
        image: commits === undefined ? this.image : this.scheduled,
        nvm,
        sramBytes: this.sramBytes,
        supply: power,
        observe: (access, address, length) => bench.play?.observe(access, address, length),
      }),
      play: undefined,
    };
    this.#benches.set(key, bench);
    return bench;
  }

  /** What NVM holds before the first boot. */
  provisioned({ commits, sequence }: Schedule): Uint8Array {
    const key = `${commits === undefined} ${sequence}`;
    let cells = this.#provisioned.get(key);
    if (cells) return cells;
    const image = commits === undefined ? this.image : this.scheduled;
    const start = this.jobs[0]?.start;
    if (start) cells = deviceAt(image, sequence, start);
    else {
      const nvm = new SimulatedNvm(image.nvmBytes);
      provision(nvm, image, { sequence });
      cells = nvm.cells;
    }
    this.#provisioned.set(key, cells);
    return cells;
  }

  /** What NVM holds after the one cut of `schedule`; undefined where the journal does not tell. */
  afterCut(schedule: Schedule, steady: SteadyRun): Uint8Array | undefined {
    const play = new Play(this, schedule, steady);
    return play.rewind(schedule.cuts[0]!) ? this.bench(schedule).nvm.cells : undefined;
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
      journal: play.journal,
      marks: play.marks,
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

  /**
   * The jobs through `schedule`, held against steady power. With `seen`, which grows, no device is booted that stands where
   * one of an earlier schedule stood after its last cut: undefined then.
   */
  play(schedule: Schedule, steady?: SteadyRun): CutsOutcome;
  play(schedule: Schedule, steady: SteadyRun, seen: Set<string>): CutsOutcome | undefined;
  play(schedule: Schedule, steady?: SteadyRun, seen?: Set<string>): CutsOutcome | undefined {
    let failed: { verdict: CutsVerdict; detail: string } | undefined;
    const attempt = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        const { name, message } = error as Error;
        failed ??= { verdict: 'device error', detail: `${name}: ${message}` };
      }
    };
    let play!: Play;
    // Before, as both are played on one device.
    attempt(() => (steady ??= this.steady(schedule)));
    const onSteady = failed;
    attempt(() => {
      play = new Play(this, schedule, seen && steady);
      failed = play.run(seen);
    });
    if (play.isKnown) return undefined;
    const { verdict, detail } = failed ?? onSteady ?? play.judge(steady!);
    return { verdict, detail, story: [...play.story, `${verdict}: ${detail}`], units: play.power.used };
  }
}

/** One playing of a schedule. */
class Play {
  readonly power: CountdownPower;
  readonly marks: Mark[] = [];
  readonly answers = new Map<number, Uint8Array>();
  readonly story: string[] = [];
  readonly tileUnits: number[] = [];
  readonly written: Uint8Array;
  readonly commitUnits: number[] = [];
  submitUnits = 0;
  ackUnits = 0;
  readonly #line: number;
  readonly #image: Image;
  readonly #nvm: JournalNvm;
  readonly #device: Device;
  readonly #jobs: readonly JobRequest[];
  readonly #cuts: readonly Cut[];
  readonly #commits: Schedule['commits'];
  #wrong: { verdict: CutsVerdict; detail: string } | undefined;
  /** Submissions that began a job, by ticket. */
  readonly #started = new Map<number, number>();
  readonly #hides: boolean;
  #job = 0;

  /** Whether it ended before its last boot, as a device has been seen to go on from there. */
  isKnown = false;

  /** With `steady`, what comes before the first cut is taken from there. */
  constructor(
    player: CutsPlayer,
    schedule: Schedule,
    readonly steady?: SteadyRun,
  ) {
    const { image, jobs } = player;
    const { commits, line = 1, unstable = false } = schedule;
    this.#line = line;
    this.#image = commits === undefined ? image : player.scheduled;
    const bench = player.bench(schedule);
    bench.play = this;
    [this.power, this.#nvm, this.#device] = [bench.power, bench.nvm, bench.device];
    this.power.used = 0;
    this.#nvm.load(player.provisioned(schedule));
    this.#nvm.begin(schedule.cuts.length === 0);
    this.written = new Uint8Array(image.nvmBytes);
    if (image.learning) this.written.fill(1, image.learning.banks, image.learning.lanes);
    if (image.stream) this.written.fill(1, image.stream.states, image.nvmBytes);
    // Faults of memory are not among its cells.
    this.#hides = unstable || line > 1;
    this.#jobs = jobs;
    this.#cuts = schedule.cuts;
    this.#commits = commits;
  }

  /** NVM at the end, with what the number of commits decides taken out. */
  comparable(): Uint8Array {
    return comparableNvm(this.#nvm.cells, this.#image, true);
  }

  /** What was done to NVM. */
  get journal(): readonly Access[] {
    return this.#nvm.journal ?? [];
  }

  /** Plays to the end. Returns what went wrong on the way. */
  run(seen?: Set<string>): { verdict: CutsVerdict; detail: string } | undefined {
    for (let boot = 0; boot <= this.#cuts.length; boot++) {
      const cut = this.#cuts[boot];
      if (cut && boot === 0 && this.rewind(cut)) continue;
      if (!cut && boot > 0 && seen && !this.#hides && !this.#wrong && this.#wasSeen(seen)) {
        this.isKnown = true;
        return undefined;
      }
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

  /** NVM and the app as the first cut leaves them; false where the journal does not tell. */
  rewind({ after, unsynced }: Cut): boolean {
    const { journal = [], marks = [], units = 0 } = this.steady ?? {};
    if (journal.length === 0 || after >= units) return false;
    let left = after;
    for (const access of journal) {
      if (access === 'sync') {
        if (left-- === 0) break;
        this.#nvm.sync();
        continue;
      }
      const written = access.bytes.subarray(0, left);
      this.#nvm.write(access.address, written);
      left -= written.length;
      if (written.length < access.bytes.length) break;
    }
    this.power.used = after;
    const mark = marks.findLast(({ used }) => used <= after);
    if (mark) {
      this.#job = mark.job;
      for (const [ticket, answer] of mark.answers) this.answers.set(ticket, answer);
      for (const [ticket, times] of mark.started) this.#started.set(ticket, times);
    }
    this.#nvm.cut(outcomeOf(unsynced));
    return true;
  }

  /** Whether an app that knows the same has been at a device whose NVM holds the same. */
  #wasSeen(seen: Set<string>): boolean {
    const hash = createHash('sha1').update(this.#nvm.cells);
    for (const answer of this.answers.values()) hash.update(answer);
    const app = [this.#commits, this.#job, [...this.#started], [...this.answers.keys()]];
    const key = `${JSON.stringify(app)} ${hash.digest('base64')}`;
    return seen.size === seen.add(key).size;
  }

  /** Notes what the app knows from now on. */
  #mark(): void {
    if (!this.#nvm.journal) return;
    const { used } = this.power;
    this.marks.push({
      used,
      job: this.#job,
      answers: new Map(this.answers),
      started: new Map(this.#started),
    });
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
      this.#mark();
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
    this.#mark();
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
    this.#device.cut(outcomeOf(unsynced));
  }

  /** Notes when each tile of the first job writes, and when each cursor is written. */
  observe(access: string, address: number, length: number): void {
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
    this.#mark();
    if (starts > 1)
      this.#wrong ??= { verdict: 'job done twice', detail: `job ${ticket} began ${starts} times` };
  }
}

/** The device answered the app with an error that no power failure may cause. */
class DeviceFailure extends Error {
  override readonly name = 'DeviceFailure';
}

const signed = (byte: number): number => (byte << 24) >> 24;
