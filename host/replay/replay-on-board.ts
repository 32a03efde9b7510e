// Power failures of an emulated board: QEMU is killed at random moments and started again, job after job, and every
// answer that the application delivered is held against the simulator's.
import { join } from 'node:path';
import { C_STEP, C_TICKET, CURSOR_BYTES, OpKind } from '../../assembly/layout.js';
import { noiseInput } from '../data/noise.js';
import { Random } from '../math/random.js';
import { isWhole } from '../model/cursor.js';
import { imageOf } from '../ops/given-image.js';
import { type Image, keepsInputs } from '../model/image.js';
import { littleEndian, type Values } from '../model/values.js';
import { completeJob } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { comparableNvm, firstDifference } from '../simulator/equality.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';
import { buildForBoard, inTemporaryFolder } from '../firmware/build-elf.js';
import { controlBlock } from '../firmware/count-on-board.js';
import { NvmFile, runOnBoard } from '../firmware/qemu.js';
import { sramBytes } from '../firmware/model-c.js';
import { firmwareModule } from '../firmware/sources.js';
import { type Board, boardCalled, CONTROL_OFFSET } from '../firmware/targets.js';
import { type Origin, originOf } from '../origin.js';
import { checkOptions } from '../options/table.js';
import { type BoardReplayOptions, boardReplayOptions } from './board-options.js';

/** What `brownout replay --on … --json` prints. */
export interface BoardReplayResult {
  origin: Origin;
  board: string;
  /** Fewer than asked for if something went wrong. */
  kills: number;
  /** Kills that left a cursor slot half written. */
  tornSlots: number;
  /** Every job was delivered, in order, with the simulator's answer, and the last NVM equals the simulator's. */
  identical: boolean;
  /** Inferences delivered and acknowledged. */
  inferences: number;
  /** Learn jobs, of samples with their label and of labels that came late, and classes forgotten. */
  learningSteps: number;
  /** Answers delivered a second time, under the same ticket: the application died before it acknowledged. */
  repeats: number;
  /** What went wrong, first things first; empty if identical. */
  violations: string[];
}

/** Of an image that learns. */
const LEARN_EVERY = 4;
/** Of an image that forgets: every so many tickets. Others learn before it and after. */
const FORGET_EVERY = 7;
/** Different inputs the jobs go through. */
const INPUTS = 8;
/** Turns of a loop for every byte written, so that writes take a good part of the time and kills fall into them. */
const SLOW = 250;
/** Of 256 answers of the voltage monitor so many are yes: commits, and so torn slots, are many. */
const LOW = 128;
/** Kills fall up to this many times the length of a job behind the emulator's start. */
const JOBS_A_LIFE = 2;

/** The image's own and noise. */
const inputsOf = (image: Image, random: Random): Values[] =>
  Array.from({ length: INPUTS }, (_, i) =>
    i === 0 && image.sample ? image.sample : noiseInput(image, random),
  );

/** A job delivered, as the application says it: kind (A inferred, T learned), ticket, updates so far, answer. */
interface Delivery {
  letter: 'A' | 'T';
  ticket: number;
  line: string;
}

const hex8 = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

/** The simulator's word: a device on steady power that does what firmware/boards/replay.c does, job after job. */
class Golden {
  readonly nvm: SimulatedNvm;
  readonly #device: Device;
  readonly #deliveries: Delivery[] = [];
  readonly #bench: Omit<Bench, 'nvm' | 'elf'>;

  constructor(bench: Omit<Bench, 'nvm' | 'elf'>, sram: number) {
    const { image } = bench;
    this.#bench = bench;
    this.nvm = new SimulatedNvm(image.nvmBytes);
    provision(this.nvm, image);
    const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
    this.#device = new Device(module, { image, nvm: this.nvm, sramBytes: sram });
  }

  /** Delivery number `index`. The simulator goes on as far as that. */
  delivery(index: number): Delivery {
    while (this.#deliveries.length <= index) this.#deliveries.push(this.#next());
    return this.#deliveries[index]!;
  }

  #next(): Delivery {
    const { image, learnEvery, forgetEvery } = this.#bench;
    const { ticket, letter } = this.#deliveries.at(-1) ?? { ticket: 0, letter: 'A' };
    const isLabelled = learnEvery > 0 && keepsInputs(image) && (ticket % learnEvery) % 2 === 1;
    if (letter === 'A' && isLabelled) return this.#process(ticket, 'label');
    if (forgetEvery > 0 && (ticket + 1) % forgetEvery === 0) return this.#process(ticket + 1, 'forget');
    const learns = learnEvery > 0 && (ticket + 1) % learnEvery === 0;
    return this.#process(ticket + 1, learns ? 'learn' : 'infer');
  }

  #process(ticket: number, what: 'infer' | 'learn' | 'label' | 'forget'): Delivery {
    const { image, inputs } = this.#bench;
    const device = this.#device;
    const y = ((Math.imul(ticket, 0x9e37_79b1) >>> 16) & 0xffff) % (image.learning?.classes ?? 1);
    const input = inputs[(ticket - 1) % inputs.length]!;
    const job = { ticket, input, ...(what === 'learn' ? { label: y } : {}) };
    if (what === 'label') device.label(ticket, y);
    if (what === 'forget') device.forget(ticket, y);
    const begun = what === 'label' || what === 'forget';
    const { answer } = completeJob(device, image, job, {}, begun);
    const letter = what === 'infer' ? 'A' : 'T';
    const text = Buffer.from(littleEndian(answer)).toString('hex');
    return { letter, ticket, line: `${letter} ${hex8(ticket)} ${hex8(device.cursorField(C_STEP))} ${text}` };
  }
}

/** What the host heard from the application, held against what it must say. */
class Deliveries {
  /** The last one, and how many there were. */
  last: Delivery | undefined;
  count = 0;
  learningSteps = 0;
  repeats = 0;
  readonly violations: string[] = [];

  constructor(readonly golden: Golden) {}

  hear(line: string, round: number): void {
    if (line === this.last?.line) {
      this.repeats++;
      return;
    }
    const expected = this.golden.delivery(this.count);
    if (line !== expected.line) {
      this.violations.push(`round ${round}: the device said "${line}" where "${expected.line}" comes`);
      return;
    }
    this.last = expected;
    this.count++;
    if (expected.letter === 'T') this.learningSteps++;
  }
}

/** The two cursor slots as they stand. */
function slotsOf(nvm: NvmFile, image: Image): Uint8Array[] {
  return [0, 1].map((slot) => nvm.read(image.slots.offset + slot * image.slotStride, CURSOR_BYTES));
}

const field = (slot: Uint8Array, offset: number): number => Buffer.from(slot).readUInt32LE(offset);

const isTorn = (slot: Uint8Array): boolean => !isWhole(slot) && slot.some((byte) => byte !== 0);

/** Ticket of the newest cursor; of two, the larger ticket is never older. */
function ticketOf(slots: Uint8Array[]): number {
  const whole = slots.filter(isWhole);
  return Math.max(0, ...whole.map((slot) => field(slot, C_TICKET)));
}

interface Bench {
  image: Image;
  /** Every so many tickets one learns; 0: none. */
  learnEvery: number;
  /** The same of those that forget a class. */
  forgetEvery: number;
  board: Board;
  elf: string;
  nvm: NvmFile;
  inputs: readonly Values[];
  random: Random;
}

/** Tells the application when to stop, how slow NVM is, and what SRAM holds; starts the board. */
async function live(bench: Bench, lastTicket: number, killAfterMs?: number): ReturnType<typeof runOnBoard> {
  const { board, elf, nvm, inputs, random, learnEvery, forgetEvery } = bench;
  const garbage = random.uint32();
  nvm.write(
    CONTROL_OFFSET,
    controlBlock(
      { lastTicket, slow: SLOW, low: LOW, garbage, learnEvery, forgetEvery },
      inputs.map(littleEndian),
    ),
  );
  return runOnBoard(board, elf, nvm.path, killAfterMs === undefined ? {} : { killAfterMs });
}

/** Milliseconds that starting the board takes, and a job: by running none, and a few. */
async function measure(bench: Bench, deliveries: Deliveries): Promise<{ startMs: number; jobMs: number }> {
  const time = async (lastTicket: number): Promise<number> => {
    const start = performance.now();
    const { lines } = await live(bench, lastTicket);
    for (const line of lines) deliveries.hear(line, 0);
    return performance.now() - start;
  };
  await time(0);
  const startMs = await time(0);
  const jobMs = ((await time(4)) - startMs) / 4;
  return { startMs, jobMs: Math.max(jobMs, 1) };
}

async function killAgainAndAgain(
  bench: Bench,
  deliveries: Deliveries,
  { kills, progress }: { kills: number; progress: (done: number, total: number) => void },
): Promise<{ done: number; torn: number }> {
  const { startMs, jobMs } = await measure(bench, deliveries);
  let torn = 0;
  let done = 0;
  let before = slotsOf(bench.nvm, bench.image);
  for (let round = 1; round <= kills; round++) {
    const killAfterMs = startMs * 0.7 + bench.random.uniform(0, startMs * 0.3 + jobMs * JOBS_A_LIFE);
    const { lines, exitCode } = await live(bench, 0xffff_ffff, killAfterMs);
    if (exitCode !== null) deliveries.violations.push(`round ${round}: the device ended with ${exitCode}`);
    for (const line of lines) deliveries.hear(line, round);
    const slots = slotsOf(bench.nvm, bench.image);
    // One that an earlier kill tore, and nobody wrote since, does not count again.
    if (slots.some((slot, i) => isTorn(slot) && Buffer.compare(slot, before[i]!) !== 0)) torn++;
    before = slots;
    progress(round, kills);
    done = round;
    if (deliveries.violations.length > 0) break;
  }
  return { done, torn };
}

/** Whether NVM is, byte for byte, what the simulator has after the same jobs; numbering of commits aside. */
function sameNvm({ nvm, image }: Bench, golden: Golden): boolean {
  const found = comparableNvm(nvm.read(0, image.nvmBytes), image, true);
  return firstDifference(found, comparableNvm(golden.nvm.cells, image, true)) < 0;
}

/** One more job, undisturbed, and what is left. */
async function lastWord(bench: Bench, deliveries: Deliveries, round: number): Promise<void> {
  const last = ticketOf(slotsOf(bench.nvm, bench.image)) + 1;
  const { lines, exitCode } = await live(bench, last);
  for (const line of lines) deliveries.hear(line, round);
  const { violations } = deliveries;
  if (exitCode !== 0) violations.push(`at the end the device ended with ${exitCode}`);
  if (deliveries.last?.ticket !== last) {
    violations.push(`at the end ticket ${deliveries.last?.ticket} instead of ${last}`);
  }
  if (!sameNvm(bench, deliveries.golden)) violations.push('the last NVM is another');
}

/**
 * Plays power failures against an emulated board: `kills` times the emulator gets SIGKILL at a random moment and starts
 * again on the NVM it left. Of an image that learns every fourth ticket learns, and of the others every other is labelled
 * once its answer is gone. Throws `E_TOOL_MISSING`, `E_BOARD`.
 */
export async function replayOnBoard(
  file: Uint8Array | Image,
  options: BoardReplayOptions = {},
): Promise<BoardReplayResult> {
  const settings = checkOptions(boardReplayOptions, options);
  const { kills, seed, progress = () => {} } = settings;
  const image = imageOf(file);
  const board = boardCalled(settings.board);
  const module = await firmwareModule(image);
  return inTemporaryFolder(async (folder) => {
    const random = new Random(seed);
    const program = { sources: ['boards/hal_cut.c', 'boards/replay.c'], defines: [] };
    const bench: Bench = {
      image,
      learnEvery: image.learning ? LEARN_EVERY : 0,
      forgetEvery: image.ops.some(({ kind }) => kind === OpKind.FORGET) ? FORGET_EVERY : 0,
      board,
      elf: buildForBoard(folder, image, module, board, program),
      nvm: new NvmFile(join(folder, 'nvm.bin'), board),
      inputs: inputsOf(image, random),
      random,
    };
    const golden = new Golden(bench, sramBytes(image, module));
    bench.nvm.write(0, golden.nvm.cells);
    const deliveries = new Deliveries(golden);
    const { done, torn } = await killAgainAndAgain(bench, deliveries, { kills, progress });
    await lastWord(bench, deliveries, kills + 1);
    const { violations, count, learningSteps, repeats } = deliveries;
    return {
      origin: originOf({ image: image.file, module: module.wasm, seed }),
      board: board.name,
      kills: done,
      tornSlots: torn,
      identical: violations.length === 0,
      inferences: count - learningSteps,
      learningSteps,
      repeats,
      violations,
    };
  });
}
