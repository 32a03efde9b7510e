// A board under QEMU: SRAM that dies with the process, NVM that is a file and survives it.
import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { BrownoutError } from '../error.js';
import type { Board } from './targets.js';
import { requireTool } from './tools.js';

export interface RunOptions {
  /** Every instruction takes a nanosecond of the emulated clock (default: as fast as it goes). */
  countInstructions?: boolean;
  /** Kills the emulator (SIGKILL) after so many milliseconds. */
  killAfterMs?: number;
  /** Longest time a run may take before it counts as hung; default 120,000. */
  timeoutMs?: number;
  /** Processor time, in seconds, after which it counts as hung, too; default: none. */
  processorSeconds?: number;
}

export interface BoardRun {
  /** Whole lines the program printed; a last one without its end is left out. */
  lines: string[];
  /** Exit code of the program; null if it was killed. */
  exitCode: number | null;
}

const HANG_MS = 120_000;
/** Becomes the program behind the limit, under it. */
const LIMITED = 'ulimit -t "$0"; exec "$@"';

/** Runs `elf` on a board whose NVM is the file `nvmPath` until it ends or is killed. Throws `E_TOOL_MISSING`. */
export function runOnBoard(
  board: Board,
  elf: string,
  nvmPath: string,
  options: RunOptions = {},
): Promise<BoardRun> {
  const { countInstructions = false, killAfterMs, timeoutMs = HANG_MS, processorSeconds } = options;
  const args = [
    ...[...board.machine(nvmPath), '-nographic', '-monitor', 'none', '-serial', 'none'],
    ...['-semihosting-config', 'enable=on,target=native', '-kernel', elf],
    ...(countInstructions ? ['-icount', 'shift=0'] : []),
  ];
  const command = [requireTool(board.emulator), ...args];
  if (processorSeconds !== undefined) command.unshift('sh', '-c', LIMITED, `${processorSeconds}`);
  // No shell stays between: a kill must hit the emulator itself.
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let hung = false;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const kill = setTimeout(() => {
      hung = killAfterMs === undefined;
      child.kill('SIGKILL');
    }, killAfterMs ?? timeoutMs);
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      clearTimeout(kill);
      const text = Buffer.concat(chunks).toString('utf8');
      if (hung) reject(new Error(`${board.name} did not end within ${timeoutMs} ms:\n${text}`));
      else if (signal !== null && killAfterMs === undefined)
        reject(new Error(`${board.name} was stopped by ${signal}:\n${text.slice(0, 4000)}`));
      else resolve({ lines: text.split('\n').slice(0, -1), exitCode });
    });
  });
}

/** A file that is a board's NVM, as the host sees it while the board is off. */
export class NvmFile {
  constructor(
    readonly path: string,
    private readonly board: Board,
  ) {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > 0 && size !== board.nvm.bytes) {
      throw new BrownoutError({
        code: 'E_OUTPUT',
        found: `"${path}", a file of ${size} bytes`,
        expected: `the NVM of ${board.name}, ${board.nvm.bytes} bytes, or a new file`,
        hint: `Name another file, such as \`${path}.nvm\`.`,
      });
    }
    this.#open('a+', (file) => ftruncateSync(file, board.nvm.bytes));
  }

  #open(mode: string, work: (file: number) => void): void {
    const file = openSync(this.path, mode);
    try {
      work(file);
    } finally {
      closeSync(file);
    }
  }

  read(address: number, bytes: number): Uint8Array {
    const into = new Uint8Array(bytes);
    this.#open('r', (file) => {
      for (let at = 0; at < bytes;) at += readSync(file, into, at, bytes - at, address + at) || bytes;
    });
    return into;
  }

  write(address: number, bytes: Uint8Array): void {
    if (address + bytes.length > this.board.nvm.bytes) throw new RangeError(`${address} + ${bytes.length}`);
    this.#open('r+', (file) => writeSync(file, bytes, 0, bytes.length, address));
  }
}
