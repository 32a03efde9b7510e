// What firmware is built for: cores, and the boards that QEMU emulates.
import { BrownoutError } from '../error.js';
import { didYouMean } from '../options/suggest.js';
import type { Compiler } from './tools.js';

/** A range of the address space. */
export interface Range {
  origin: number;
  bytes: number;
}

/** Where a part has its memories. */
export interface MemoryMap {
  flash: Range;
  sram: Range;
  /** Mapped non-volatile memory. */
  nvm: Range;
}

/** A toolchain: what the names of its programs begin with, and flags of the linker. */
export interface Toolchain {
  prefix: 'arm-none-eabi-' | 'riscv64-unknown-elf-' | 'llvm-';
  linkFlags: string[];
}

/** How a part erases its own flash. */
export interface FlashPage {
  bytes: number;
}

/** Where firmware runs: on a part, or on the machine at hand. */
export type Runs = 'part' | 'desk';

export interface Target {
  name: string;
  runs: Runs;
  /** Flags of the compiler. */
  flags: string[];
  /** None for the machine at hand. */
  toolchain: Toolchain | undefined;
  /** Files of firmware/ with start-up code; none for the machine at hand. */
  startup: readonly string[];
  /** Of a part that computes with 16 bits: how far behind the beginning of SRAM its last byte is. */
  farthest?: number;
}

const ARM: Toolchain = { prefix: 'arm-none-eabi-', linkFlags: [] };
/** Clang, whose driver knows no linker of MSP430 parts but TI's: LLVM's is called by its own name. */
const LLVM: Toolchain = { prefix: 'llvm-', linkFlags: [] };
const RISCV: Toolchain = { prefix: 'riscv64-unknown-elf-', linkFlags: [] };

const thumb = (core: string): Target => ({
  name: core,
  runs: 'part',
  flags: [`-mcpu=${core}`, '-mthumb', '-mfloat-abi=soft'],
  toolchain: ARM,
  startup: ['brownout_cortex_m.c', 'brownout_startup.h'],
});

/** For size: at -O2 a core without long multiplication gets a frame of 3 KB, and code of three times the bytes. */
const small = (target: Target): Target => ({ ...target, flags: ['-Os', ...target.flags] });

export const targets: readonly Target[] = [
  small(thumb('cortex-m0plus')),
  ...['cortex-m3', 'cortex-m4', 'cortex-m7', 'cortex-m33'].map(thumb),
  {
    name: 'rv32imc',
    runs: 'part',
    flags: ['-march=rv32imc', '-mabi=ilp32', '-mcmodel=medany', '--specs=picolibc.specs'],
    toolchain: RISCV,
    startup: ['brownout_riscv.c', 'brownout_startup.h'],
  },
  {
    name: 'msp430',
    runs: 'part',
    flags: ['-Oz', '--target=msp430', '-mhwmult=16bit', '-ffreestanding'],
    toolchain: LLVM,
    startup: [
      'brownout_msp430.c',
      'brownout_msp430_asm.S',
      'brownout_msp430_lea_asm.S',
      'brownout_msp430_runtime.S',
    ],
    farthest: 0xffff - 0x1c00,
  },
  { name: 'posix', runs: 'desk', flags: [], toolchain: undefined, startup: [] },
  // Files for runtimes that load WASM; nothing is compiled.
  { name: 'wasm', runs: 'part', flags: [], toolchain: undefined, startup: [] },
];

/** An emulated board with non-volatile memory. */
export interface Board extends MemoryMap {
  name: string;
  emulator: 'qemu-system-arm' | 'qemu-system-riscv32';
  /** Arguments that make a file the board's NVM. */
  machine: (nvmFile: string) => string[];
  core: string;
  /** Instructions per tick of the clock that firmware/boards/count.c reads, when one takes a nanosecond. */
  instructionsPerTick: number;
}

const MIB = 1 << 20;
/** Bytes of QEMU's file, which is all of the board's PSRAM. */
const NVM_BYTES = 16 * MIB;
/** The last MiB is between host and program. */
export const CONTROL_OFFSET = 15 * MIB;

const fileBackend = (file: string): string[] => {
  const path = file.replaceAll(',', ',,');
  return ['-object', `memory-backend-file,id=nv,size=${NVM_BYTES},mem-path=${path},share=on`];
};

const mps2 = (name: string, core: string): Board => ({
  name: `qemu-mps2-${name}`,
  emulator: 'qemu-system-arm',
  machine: (file) => ['-M', `mps2-${name},memory-backend=nv`, ...fileBackend(file)],
  core,
  flash: { origin: 0, bytes: 4 * MIB },
  sram: { origin: 0x2000_0000, bytes: 4 * MIB },
  nvm: { origin: 0x2100_0000, bytes: NVM_BYTES },
  instructionsPerTick: 40,
});

/** A board with two banks of memory: one for flash and SRAM, one that is a file. */
const riscvVirt: Board = {
  name: 'qemu-riscv-virt',
  emulator: 'qemu-system-riscv32',
  machine: (file) => [
    ...['-M', 'virt', '-bios', 'none', '-m', `${(2 * NVM_BYTES) / MIB}M`, '-smp', '2'],
    ...['-object', `memory-backend-ram,id=ram,size=${NVM_BYTES}`, ...fileBackend(file)],
    ...['-numa', 'node,nodeid=0,memdev=ram,cpus=0', '-numa', 'node,nodeid=1,memdev=nv,cpus=1'],
  ],
  core: 'rv32imc',
  flash: { origin: 0x8000_0000, bytes: 8 * MIB },
  sram: { origin: 0x8080_0000, bytes: 4 * MIB },
  nvm: { origin: 0x8100_0000, bytes: NVM_BYTES },
  instructionsPerTick: 1,
};

const BOARDS: readonly Board[] = [
  mps2('an385', 'cortex-m3'),
  mps2('an386', 'cortex-m4'),
  // The core without its double-precision unit; PSRAM elsewhere.
  { ...mps2('an500', 'cortex-m7'), nvm: { origin: 0x6000_0000, bytes: NVM_BYTES } },
  {
    ...mps2('an505', 'cortex-m33'),
    // Secure aliases: the core starts there.
    flash: { origin: 0x1000_0000, bytes: 4 * MIB },
    sram: { origin: 0x3800_0000, bytes: 2 * MIB },
    nvm: { origin: 0x8000_0000, bytes: NVM_BYTES },
    instructionsPerTick: 50,
  },
  riscvVirt,
];

function find<T extends { name: string }>(list: readonly T[], name: string, what: string): T {
  const found = list.find((candidate) => candidate.name === name);
  if (found) return found;
  throw new BrownoutError({
    code: what === 'board' ? 'E_BOARD' : 'E_TARGET',
    found: `${what} "${name}"`,
    expected: list.map((candidate) => candidate.name).join(', '),
    hint: didYouMean(
      name,
      list.map((candidate) => candidate.name),
    ),
  });
}

export const targetNames = targets.map(({ name }) => name);
export const boardNames = BOARDS.map(({ name }) => name);

/** The target called `name`. Throws `E_TARGET`. */
export const targetCalled = (name: string): Target => find(targets, name, 'target');

/** The emulated board for firmware of a target: one with its core, or one that runs any Cortex-M's sources. */
export const emulatedFor = (target = 'cortex-m4'): string =>
  (BOARDS.find(({ core }) => core === target) ?? boardCalled('qemu-mps2-an386')).name;

/** The board called `name`. Throws `E_BOARD`. */
export const boardCalled = (name: string): Board => find(BOARDS, name, 'board');

/** The compiler of a target. */
export function compilerOf({ toolchain }: Target): Compiler {
  if (!toolchain) return 'gcc';
  return toolchain.prefix === 'llvm-' ? 'clang' : `${toolchain.prefix}gcc`;
}
