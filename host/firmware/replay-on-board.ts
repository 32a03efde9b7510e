// Power failures of an emulated board: QEMU is killed at random moments and started again, job after job, and every
// answer that the application delivered is held against the simulator's.
import { join } from 'node:path';
import { C_TICKET, CURSOR_BYTES } from '../../assembly/layout.js';
import { Random } from '../data/random.js';
import { isWhole } from '../model/cursor.js';
import { type Image, readImage } from '../model/image.js';
import { littleEndian, type Values, valuesFrom } from '../model/values.js';
import { completeJob } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { comparableNvm, firstDifference } from '../simulator/equality.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { moduleBytes } from '../toolchain/modules.js';
import { buildForBoard, inTemporaryFolder } from './build-elf.js';
import { controlBlock } from './count-on-board.js';
import { NvmFile, runOnBoard } from './qemu.js';
import { firmwareModule, sramBytes } from './sources.js';
import { type Board, boardCalled, CONTROL_OFFSET } from './targets.js';

export interface BoardReplayOptions {
  /** Default `qemu-mps2-an386`. */
  board?: string;
  /** Times the emulator is killed; default 200. */
  kills?: number;
  /** Of the inputs besides the image's own, and of the moments; default 1. */
  seed?: number;
  progress?: (done: number, total: number) => void;
}

/** What `brownout replay --on … --json` prints. */
export interface BoardReplayResult {
  board: string;
  /** Fewer than asked for if something went wrong. */
  kills: number;
  /** Kills that left a cursor slot half written. */
  tornSlots: number;
  /** Every ticket was delivered, in order, with the simulator's answer, and the last NVM equals the simulator's. */
  identical: boolean;
  /** Jobs delivered and acknowledged. */
  inferences: number;
  /** Of jobs that train; this version has none. */
  trainingSteps: number;
  /** Answers delivered a second time, under the same ticket: the application died before it acknowledged. */
  repeats: number;
  /** What went wrong, first things first; empty if identical. */
  violations: string[];
}

/** Different inputs the jobs go through. */
const INPUTS = 8;
/** Turns of a loop for every byte written, so that writes take a good part of the time and kills fall into them. */
const SLOW = 250;
/** Of 256 answers of the voltage monitor so many are yes: commits, and so torn slots, are many. */
const LOW = 128;
/** Kills fall up to this many times the length of a job behind the emulator's start. */
const JOBS_A_LIFE = 2;

function inputsOf(image: Image, random: Random): Values[] {
  const { bytes } = image.input;
  const { dtype } = image.metadata.input;
  const other = (): Values =>
    valuesFrom(
      Uint8Array.from({ length: bytes }, () => random.integer(256)),
      dtype,
    );
  return Array.from({ length: INPUTS }, (_, i) => (i === 0 && image.sample ? image.sample : other()));
}

/** The simulator's word: a device that takes jobs one after the other on steady power. */
class Golden {
  readonly nvm: SimulatedNvm;
  readonly #device: Device;

  constructor(
    private readonly image: Image,
    private readonly inputs: readonly Values[],
    sram: number,
  ) {
    this.nvm = new SimulatedNvm(image.nvmBytes);
    provision(this.nvm, image);
    const module = new WebAssembly.Module(moduleBytes('device'));
    this.#device = new Device(module, { nvm: this.nvm, sramBytes: sram });
  }

  /** Processes `ticket`; returns the answer in hexadecimal. */
  process(ticket: number): string {
    const input = this.inputs[(ticket - 1) % this.inputs.length]!;
    const { answer } = completeJob(this.#device, this.image, { ticket, input });
    return Buffer.from(answer.buffer).toString('hex');
  }
}

/** What the host heard from the application, held against what it must say. */
class Deliveries {
  last = 0;
  repeats = 0;
  readonly violations: string[] = [];

  constructor(private readonly answers: readonly string[]) {}

  hear(line: string, round: number): void {
    const [letter, ticketText = '', answer] = line.split(' ');
    const ticket = Number.parseInt(ticketText, 16);
    if (letter !== 'A') {
      this.#violate(round, `the device said "${line}"`);
      return;
    }
    if (ticket !== this.last && ticket !== this.last + 1) {
      this.#violate(round, `ticket ${ticket} behind ticket ${this.last}`);
    } else if (answer !== this.answers[(ticket - 1) % this.answers.length]) {
      this.#violate(round, `ticket ${ticket} has another answer: ${answer}`);
    }
    if (ticket === this.last) this.repeats++;
    this.last = ticket;
  }

  #violate(round: number, what: string): void {
    this.violations.push(`round ${round}: ${what}`);
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
  board: Board;
  elf: string;
  nvm: NvmFile;
  inputs: readonly Values[];
  random: Random;
}

/** Tells the application when to stop, how slow NVM is, and what SRAM holds; starts the board. */
async function live(bench: Bench, lastTicket: number, killAfterMs?: number): ReturnType<typeof runOnBoard> {
  const { board, elf, nvm, inputs, random } = bench;
  const garbage = random.uint32();
  nvm.write(
    CONTROL_OFFSET,
    controlBlock({ lastTicket, slow: SLOW, low: LOW, garbage }, inputs.map(littleEndian)),
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

/** Whether NVM is, byte for byte, what the simulator has after the last two jobs; numbering of commits aside. */
function sameNvm(bench: Bench, golden: Golden, last: number): boolean {
  for (let ticket = Math.max(1, last - 1); ticket <= last; ticket++) golden.process(ticket);
  const found = comparableNvm(bench.nvm.read(0, bench.image.nvmBytes), bench.image, true);
  return firstDifference(found, comparableNvm(golden.nvm.cells, bench.image, true)) < 0;
}

/**
 * Plays power failures against an emulated board: `kills` times the emulator gets SIGKILL at a random moment and starts
 * again on the NVM it left. Throws `E_TOOL_MISSING`, `E_BOARD`.
 */
export async function replayOnBoard(
  file: Uint8Array | Image,
  { board: name = 'qemu-mps2-an386', kills = 200, seed = 1, progress = () => {} }: BoardReplayOptions = {},
): Promise<BoardReplayResult> {
  const image = file instanceof Uint8Array ? readImage(file) : file;
  const board = boardCalled(name);
  const module = await firmwareModule(image);
  return inTemporaryFolder(async (folder) => {
    const random = new Random(seed);
    const inputs = inputsOf(image, random);
    const program = { sources: ['boards/hal-cut.c', 'boards/replay.c'], defines: [] };
    const elf = buildForBoard(folder, image, module, board, program);
    const nvm = new NvmFile(join(folder, 'nvm.bin'), board);
    const sram = sramBytes(image, module);
    const first = new Golden(image, inputs, sram);
    nvm.write(0, first.nvm.cells);
    const deliveries = new Deliveries(inputs.map((_, i) => first.process(i + 1)));
    const bench: Bench = { image, board, elf, nvm, inputs, random };
    const { done, torn } = await killAgainAndAgain(bench, deliveries, { kills, progress });
    // The last word: one more job, undisturbed.
    const last = ticketOf(slotsOf(nvm, image)) + 1;
    const { lines, exitCode } = await live(bench, last);
    for (const line of lines) deliveries.hear(line, kills + 1);
    const { violations } = deliveries;
    if (exitCode !== 0) violations.push(`at the end the device ended with ${exitCode}`);
    if (deliveries.last !== last) violations.push(`at the end ticket ${deliveries.last} instead of ${last}`);
    if (!sameNvm(bench, new Golden(image, inputs, sram), last)) violations.push('the last NVM is another');
    return {
      board: board.name,
      kills: done,
      tornSlots: torn,
      identical: violations.length === 0,
      inferences: deliveries.last,
      trainingSteps: 0,
      repeats: deliveries.repeats,
      violations,
    };
  });
}
