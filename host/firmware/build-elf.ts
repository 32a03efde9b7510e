// Compiling firmware with the cross compiler, and what it weighs.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrownoutError } from '../error.js';
import type { Image } from '../model/image.js';
import { commonFiles, compileFlags, linkerScript, linkFlags, packageText, stackFor } from './sources.js';
import type { FirmwareModule } from './model-c.js';
import { STACK_BYTES } from './nvm-bodies/nvm-body.js';
import {
  type Board,
  compilerOf,
  CONTROL_OFFSET,
  type MemoryMap,
  type Target,
  targetCalled,
  type Toolchain,
} from './targets.js';
import { type Compiler, requireLibrary, requireTool } from './tools.js';

/** Lines of a compiler that an error repeats. */
const MOST_WORDS = 4;

/** Calls `work` with a new folder, and removes it afterwards. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'brownout-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes files by name into a folder. */
export function writeFiles(folder: string, files: ReadonlyMap<string, string | Uint8Array>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
}

/** Runs a compiler or linker. Throws `E_TOOL_MISSING` where it or its library is missing, `E_COMPILE` with its words. */
function compile(compiler: Compiler | 'ld.lld', args: string[], folder: string): void {
  const { status, stderr } = spawnSync(requireTool(compiler), args, {
    cwd: folder,
    encoding: 'utf8',
    // Its words are looked at, not only shown.
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 1 << 26,
  });
  if (status === 0) return;
  if (compiler !== 'ld.lld') requireLibrary(compiler);
  const words = stderr.split('\n').filter((line) => /error|undefined|overflowed|cannot/.test(line));
  throw new BrownoutError({
    code: 'E_COMPILE',
    found: words.slice(0, MOST_WORDS).join('; ') || `${compiler} that ended with ${status}`,
    expected: `C that ${compiler} compiles and links`,
    hint: 'Correct the file it names, or export into another folder for the files as they were.',
  });
}

/** Links the C files `sources` of `folder` to `firmware.elf` there; returns its path. Throws `E_TOOL_MISSING`, `E_COMPILE`. */
export function linkElf(
  folder: string,
  sources: string[],
  { target, defines }: { target: Target; defines: string[] },
  flags: string[] = [],
): string {
  const elf = join(folder, 'firmware.elf');
  const compiler = compilerOf(target);
  const all = [...compileFlags(target), ...flags, ...defines.map((d) => `-D${d}`), ...sources];
  if (compiler === 'clang') {
    compile(compiler, [...all, '-c'], folder);
    const objects = sources.map((name) => name.replace(/\.[cS]$/, '.o'));
    compile('ld.lld', [...linkFlags(target), ...objects, '-o', elf], folder);
  } else compile(compiler, [...all, ...linkFlags(target), '-o', elf], folder);
  return elf;
}

/** What a program weighs, in bytes. */
export interface FirmwareSize {
  /** Code and constants besides the image. */
  codeBytes: number;
  /** The image, and a sample input. */
  imageBytes: number;
  /** Static data: the module's SRAM and the application's. */
  staticBytes: number;
  stackBytes: number;
}

/** Sizes of a linked program, by its sections. Throws `E_TOOL_MISSING`. */
export function elfSize(elf: string, { prefix }: Toolchain): FirmwareSize {
  const text = execFileSync(requireTool(`${prefix}size`), ['-A', '-d', elf], { encoding: 'utf8' });
  const section = (name: string): number => {
    return Number(new RegExp(`^\\${name}\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  };
  const data = section('.data');
  return {
    codeBytes: section('.text') + section('.rodata') + section('.ARM.exidx') + data,
    imageBytes: section('.image'),
    staticBytes: data + section('.bss'),
    stackBytes: section('.stack') || STACK_BYTES,
  };
}

/** What runs on an emulated board, besides the module. */
export interface BoardProgram {
  /** C files of the package's firmware/. */
  sources: string[];
  defines: string[];
  /** Text in place of brownout.c: kernels written by hand, to measure against. */
  kernels?: string | undefined;
  /** Stack; that which the image's own module takes by default. */
  stackBytes?: number | undefined;
}

/** Builds a program of ours around a module for an emulated board, in `folder`. Throws `E_TOOL_MISSING`. */
export function buildForBoard(
  folder: string,
  image: Image,
  module: FirmwareModule,
  board: Board,
  program: BoardProgram,
): string {
  const files = commonFiles(image, module);
  const target = targetCalled(board.core);
  const own = ['boards/brownout_boards.h', ...target.startup, ...program.sources];
  for (const name of own) files.set(name.replace('boards/', ''), packageText(name));
  if (program.kernels !== undefined) files.set('brownout.c', program.kernels);
  files.set('link.ld', linkerScript(board satisfies MemoryMap, program.stackBytes ?? stackFor(image)));
  writeFiles(folder, files);
  const names = [
    'brownout.c',
    'brownout_model.c',
    ...[...files.keys()].filter((name) => {
      return name.endsWith('.c') && name !== 'brownout.c' && name !== 'brownout_model.c';
    }),
  ];
  const defines = [
    ...program.defines,
    'BROWNOUT_SEMIHOSTING',
    `BROWNOUT_NVM_ADDRESS=${board.nvm.origin}u`,
    `BROWNOUT_CONTROL_OFFSET=${CONTROL_OFFSET}u`,
  ];
  return linkElf(folder, names, { target, defines });
}
