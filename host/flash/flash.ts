// Puts a firmware folder on a board: on an emulated one its own sources, linked for the board's memories; on one of
// hardware the program it holds, through OpenOCD or a boot loader that is a drive.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readUserFile } from '../data/files.js';
import { BrownoutError, ExitCode, checkText, refuseArgument } from '../error.js';
import { hex } from '../model/image-error.js';
import { loadSegments, programForms } from '../firmware/binaries.js';
import { inTemporaryFolder, linkElf } from '../firmware/build-elf.js';
import { type HardwareBoard, programCommand } from '../firmware/hardware.js';
import { layoutNamed } from '../firmware/layouts.js';
import { type Manifest, manifestOf } from '../firmware/manifest.js';
import { NvmFile, runOnBoard } from '../firmware/qemu.js';
import { linkerScript, MODULE } from '../firmware/sources.js';
import { boardCalled, emulatedFor, targetCalled } from '../firmware/targets.js';
import { requireTool } from '../firmware/tools.js';
import { type Origin, originOf } from '../origin.js';
import { checkOptions } from '../options/table.js';
import { type FlashOptions, flashOptions } from './options.js';

/** Stack of a folder's program on an emulated board, whatever its image asks for. */
const FOLDER_STACK_BYTES = 4096;

/** What `brownout flash --json` prints. */
export interface FlashResult {
  /** The module is that of the folder. */
  origin: Origin;
  board: string;
  /** What the program printed. */
  output: string[];
  /** What main returned. */
  exitCode: number;
  /** The file that is the board's NVM; the next run goes on from it. */
  nvm: string;
}

const ELF = 'firmware.elf';

/** The command that builds the program of a folder. */
const buildCommand = (folder: string, { layout }: Manifest): string =>
  layoutNamed(layout).build?.(folder) ?? '';

/** A setting, or a function, that only a person can fill in. */
const OPEN = [
  /^#define (?!BROWNOUT_FILL_IN)(\w+) BROWNOUT_FILL_IN\b/gm,
  /^ +BROWNOUT_FILL_IN_BODY\((\w+)\)/gm,
];

/** What is still to be filled in, with the file that it is in. */
function openNeeds(folder: string, { files }: Manifest): string[] {
  const sources = Object.keys(files).filter((name) => /\.[ch]$/.test(name) && existsSync(join(folder, name)));
  return sources.flatMap((name) => {
    const text = new TextDecoder().decode(readUserFile(join(folder, name)));
    return OPEN.flatMap((pattern) => [...text.matchAll(pattern)].map(([, what]) => `${what} (${name})`));
  });
}

/** Refuses a folder that is not ported yet, or whose program is older than what was filled in. */
function checkPorted(folder: string, manifest: Manifest): void {
  const open = openNeeds(folder, manifest);
  if (open.length > 0) {
    throw new BrownoutError({
      code: 'E_PORTING',
      found: `nothing filled in at ${open.join(', ')}`,
      expected: 'what PORTING.md of the folder lists',
      hint: `Fill it in, then build: \`${buildCommand(folder, manifest)}\`.`,
    });
  }
  const sha256 = (name: string): string =>
    createHash('sha256')
      .update(readUserFile(join(folder, name)))
      .digest('hex');
  const files = Object.entries(manifest.files);
  const isExported = files.some(([name]) => name === ELF);
  const sources = files.filter(([name]) => /\.([chS]|inc|ld)$/.test(name) && existsSync(join(folder, name)));
  const written = (name: string): number => statSync(join(folder, name)).mtimeMs;
  // Older, as make sees it; beside the program that the export made, a file is as new as what it holds.
  const changed = sources.find(
    ([name, hash]) => written(name) > written(ELF) && !(isExported && sha256(name) === hash),
  );
  if (!changed) return;
  throw new BrownoutError({
    code: 'E_FIRMWARE',
    found: `a program from before ${changed[0]} was changed`,
    expected: 'one that is built from what is in the folder',
    hint: `Run \`${buildCommand(folder, manifest)}\`.`,
  });
}

/** Of firmware: the module that it is made from. */
function originOfFolder(folder: string): Origin {
  const path = join(folder, MODULE);
  return originOf(existsSync(path) ? { module: readUserFile(path) } : {});
}

/** What to do with a folder that no emulated board runs; then comes what else. */
function otherWay(folder: string, manifest: Manifest): string {
  if (manifest.board !== null) return `Name \`--board ${manifest.board}\`; or `;
  if (manifest.nvm === 'file')
    return `It runs on this machine: \`${buildCommand(folder, manifest)} && ${join(folder, 'firmware')}\`; or `;
  return 'Fill in what PORTING.md lists, and program the part with its own tool; or ';
}

/**
 * Links the C files of `folder` for an emulated board and runs them once. NVM is a file that stays.
 * Throws `E_BOARD`, `E_TOOL_MISSING`, `E_FIRMWARE` where the folder holds no firmware for a Cortex-M.
 */
export async function flash(folder: string, options: FlashOptions = {}): Promise<FlashResult> {
  checkText(folder, 'a folder that `brownout export` has written');
  if (!existsSync(folder))
    refuseArgument(folder, 'a folder that `brownout export` has written', 'Export the image first.');
  const { board: name, nvm } = checkOptions(flashOptions, options);
  const manifest = manifestOf(folder);
  const board = boardCalled(name ?? emulatedFor(manifest?.target));
  const target = targetCalled(board.core);
  if (manifest && manifest.nvm !== 'mapped') {
    throw new BrownoutError({
      code: 'E_NVM',
      found: `firmware for ${manifest.nvm}${manifest.board === null ? '' : ` of ${manifest.board}`}`,
      expected: `mapped NVM, which ${board.name} has`,
      hint: `${otherWay(folder, manifest)}export for it: \`brownout export model.brn --target ${target.name} -o another/\`.`,
    });
  }
  const names = readdirSync(folder).filter((file) => /\.(c|h|inc)$/.test(file));
  const missing = [...target.startup, 'brownout_module.inc'].filter((file) => !names.includes(file));
  if (missing.length > 0) {
    throw new BrownoutError({
      code: 'E_FIRMWARE',
      found: `"${folder}"${manifest ? ` (${manifest.target}, ${manifest.layout})` : ''} without ${missing.join(', ')}`,
      expected: `a folder that \`brownout export --target ${target.name}\` has written`,
      hint: `Export for it: \`brownout export model.brn --target ${target.name} -o another/\`.`,
    });
  }
  return inTemporaryFolder(async (build) => {
    for (const file of names) writeFileSync(join(build, file), readUserFile(join(folder, file)));
    writeFileSync(join(build, 'link.ld'), linkerScript(board, FOLDER_STACK_BYTES));
    const sources = names.filter((file) => file.endsWith('.c'));
    const defines = ['BROWNOUT_SEMIHOSTING', `BROWNOUT_NVM_ADDRESS=${board.nvm.origin}u`];
    const elf = linkElf(build, sources, { target, defines });
    const file = new NvmFile(nvm ?? join(folder, `${board.name}.nvm`), board);
    const { lines, exitCode } = await runOnBoard(board, elf, file.path);
    return {
      origin: originOfFolder(folder),
      board: board.name,
      output: lines,
      exitCode: exitCode ?? -1,
      nvm: file.path,
    };
  });
}

/** What `brownout flash --board <hardware> --json` prints. */
export interface ProgramResult {
  /** The module is that of the folder. */
  origin: Origin;
  board: string;
  command: string[];
  /** Whether the command was run. */
  programmed: boolean;
}

export interface ProgramOptions {
  board: HardwareBoard;
  /** Only says what it would do. */
  dryRun?: boolean;
  /** Where the boot loader's drive is mounted. */
  drive?: string;
}

/**
 * Programs a board with `firmware.elf` or `firmware.uf2` of `folder`. Throws `E_FIRMWARE` where that is missing or linked for
 * other memories, `E_PORTING` as long as something is to be filled in, `E_TOOL_MISSING`, `E_PROGRAM` where the command fails.
 */
export function program(folder: string, { board, dryRun = false, drive }: ProgramOptions): ProgramResult {
  const { flash: range } = board.map;
  const manifest = manifestOf(folder);
  const elf = join(folder, ELF);
  if (!existsSync(elf)) throw noProgram(folder, board, manifest);
  const segments = loadSegments(readUserFile(elf));
  // Vectors of an MSP430 are the last words that 16 bits address.
  const end = board.isFram ? 0x1_0000 : range.origin + range.bytes;
  const fits = segments.every(({ address, bytes }) => {
    return address >= range.origin && address + bytes.length <= end;
  });
  if (segments.length === 0 || !fits) {
    throw new BrownoutError({
      code: 'E_FIRMWARE',
      found: fits ? 'a program of no bytes' : `a program at ${hex(segments[0]!.address)}`,
      expected: `one for ${board.name}, whose flash begins at ${hex(range.origin)}`,
      hint: `Export its image again with \`--board ${board.name} -o ${folder}\`.`,
    });
  }
  if (manifest) checkPorted(folder, manifest);
  refreshForms(folder, programForms(segments, board.uf2?.family));
  const command = programCommand(board, folder, drive);
  if (!dryRun) runProgrammer(command);
  return { origin: originOfFolder(folder), board: board.name, command, programmed: !dryRun };
}

/** There is no program to put on a board: how to come by one. */
function noProgram(folder: string, board: HardwareBoard, manifest: Manifest | undefined): BrownoutError {
  const { build } = layoutNamed(manifest?.layout);
  const found = `no ${ELF} in "${folder}"`;
  const again = (to: string): string => `export its image again with \`--board ${board.name} -o ${to}\``;
  if (build)
    return new BrownoutError({
      code: 'E_FIRMWARE',
      found,
      expected: `one for ${board.name}`,
      hint: `Run \`${build(folder)}\`, or ${again(folder)}.`,
    });
  const layout = manifest!.layout;
  return new BrownoutError({
    code: 'E_FIRMWARE',
    found: `${found}, whose layout is ${layout}`,
    expected: 'a program that make or CMake has built',
    hint: `PORTING.md says how it is built and put on a board; or ${again('another/')}, whose layout is make.`,
  });
}

/** Makes the other forms of a program anew that are there, or wanted, and are of an older one. */
function refreshForms(folder: string, forms: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, bytes] of forms) {
    const path = join(folder, name);
    if (!existsSync(path) || !Buffer.from(readUserFile(path)).equals(bytes)) writeFileSync(path, bytes);
  }
}

function runProgrammer([tool, ...args]: string[]): void {
  if (tool === 'openocd' || tool === 'mspdebug') requireTool(tool);
  const { status, stderr } = spawnSync(tool!, args, { encoding: 'utf8' });
  if (status === 0) return;
  throw new BrownoutError(
    {
      code: 'E_PROGRAM',
      found: `${tool} ended with ${status}: ${stderr.trim().split('\n').at(-1)}`,
      expected: 'a board that is connected and powered',
      hint: 'Check the cable; `dryRun` shows the command.',
    },
    ExitCode.DEVICE,
  );
}
