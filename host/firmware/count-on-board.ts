// Counting instructions on an emulated board: ops one by one with the bare kernels, and a whole inference.
import { join } from 'node:path';
import type { Image } from '../model/image.js';
import { littleEndian } from '../model/values.js';
import {
  type BoardProgram,
  buildForBoard,
  elfSize,
  type FirmwareSize,
  inTemporaryFolder,
} from './build-elf.js';
import { NvmFile, runOnBoard } from './qemu.js';
import type { FirmwareModule } from './model-c.js';
import { firmwareModule } from './sources.js';
import { type Board, CONTROL_OFFSET, targetCalled } from './targets.js';

/** Instructions of one op, counted. */
export interface OpInstructions {
  enter: number;
  tiles: number;
  dearestTile: number;
}

/** Instructions of a job, counted; SRAM views in place unless said otherwise. */
export interface JobInstructions {
  /** Start-up data, boot checks and, on blank NVM, provisioning. */
  begin: number;
  /** Feeding and submitting the input. */
  submit: number;
  run: number;
  ack: number;
  /** Stack that the job took, at most. */
  stackBytes: number;
  size: FirmwareSize;
}

/** The control block of firmware/boards/brownout_boards.h, with inputs behind it. */
export function controlBlock(
  fields: Partial<
    Record<'lastTicket' | 'cutUnits' | 'slow' | 'garbage' | 'learnEvery' | 'low' | 'forgetEvery', number>
  >,
  inputs: readonly Uint8Array[],
): Uint8Array {
  const { lastTicket = 1, cutUnits = 0xffff_ffff, slow = 0, garbage = 1 } = fields;
  const { learnEvery = 0, low = 0, forgetEvery = 0 } = fields;
  const head = Uint32Array.of(
    lastTicket,
    inputs.length,
    cutUnits,
    slow,
    garbage,
    learnEvery,
    low,
    forgetEvery,
  );
  return Buffer.concat([new Uint8Array(head.buffer), ...inputs]);
}

/** Builds and runs firmware/boards/count.c; returns the fields of each line after its letter, and the program's size. */
async function count(
  image: Image,
  board: Board,
  module: FirmwareModule,
  defines: string[],
  { kernels, stackBytes }: Pick<BoardProgram, 'kernels' | 'stackBytes'> = {},
): Promise<{ rows: number[][]; size: FirmwareSize; output: Uint8Array }> {
  return inTemporaryFolder(async (folder) => {
    const program = {
      sources: ['brownout_hal.c', 'brownout_nvm_mapped.c', 'boards/count.c'],
      defines,
      kernels,
      stackBytes,
    };
    const elf = buildForBoard(folder, image, module, board, program);
    const input = image.sample ? littleEndian(image.sample) : new Uint8Array(image.input.bytes);
    const nvm = new NvmFile(join(folder, 'nvm.bin'), board);
    if (defines.includes('BROWNOUT_BARE')) {
      nvm.write(image.input.offset, input);
    }
    nvm.write(CONTROL_OFFSET, controlBlock({}, [input]));
    const { lines, exitCode } = await runOnBoard(board, elf, nvm.path, { countInstructions: true });
    if (exitCode !== 0) throw new Error(`${board.name} ended with ${exitCode}:\n${lines.join('\n')}`);
    const rows = lines.map((line) =>
      line
        .split(' ')
        .slice(1)
        .map((field) => Number.parseInt(field, 16)),
    );
    const output = nvm.read(image.output.offset, image.output.bytes);
    return { rows, size: elfSize(elf, targetCalled(board.core).toolchain!), output };
  });
}

/**
 * Instructions of every op of `image` on its sample input, views of NVM in place, and the output they computed.
 * `kernels`: C to run instead of what is made from WASM. Throws `E_TOOL_MISSING`.
 */
export async function countOps(
  image: Image,
  board: Board,
  kernels?: string,
): Promise<{ ops: OpInstructions[]; output: Uint8Array }> {
  const module = await firmwareModule(image, 'bare');
  const { rows, output } = await count(image, board, module, ['BROWNOUT_BARE'], { kernels });
  const scale = board.instructionsPerTick;
  const ops = rows.map(([enter, tiles, dearestTile]) => ({
    enter: enter! * scale,
    tiles: tiles! * scale,
    dearestTile: dearestTile! * scale,
  }));
  return { ops, output };
}

/**
 * Instructions of a whole job; `copy`: views are copies, as of NVM behind a bus; `module`: another than the one with the
 * image's own kernels; `stackBytes`: what such a one asks for. Throws `E_TOOL_MISSING`.
 */
export async function countJob(
  image: Image,
  board: Board,
  options: { copy?: boolean; module?: FirmwareModule; stackBytes?: number } = {},
): Promise<JobInstructions> {
  const { copy = false, stackBytes } = options;
  const module = options.module ?? (await firmwareModule(image));
  const { rows, size } = await count(image, board, module, copy ? ['BROWNOUT_NVM_COPY'] : [], { stackBytes });
  const [begin, submit, run, ack, untouched] = rows[0]!;
  if (untouched === 0)
    throw new RangeError(
      `${image.metadata.name} on ${board.name}: ${size.stackBytes} bytes of stack are too few`,
    );
  const scale = board.instructionsPerTick;
  return {
    begin: begin! * scale,
    submit: submit! * scale,
    run: run! * scale,
    ack: ack! * scale,
    stackBytes: size.stackBytes - untouched!,
    size,
  };
}
