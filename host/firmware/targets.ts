// What firmware is built for: cores, and the boards that QEMU emulates.
import { BrownoutError } from '../error.js';

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

export interface Target {
  name: string;
  /** Flags of the compiler; none for the machine at hand. */
  flags: string[];
  posix: boolean;
}

const thumb = (core: string): Target => ({
  name: core,
  flags: [`-mcpu=${core}`, '-mthumb', '-mfloat-abi=soft'],
  posix: false,
});

const TARGETS: readonly Target[] = [
  ...['cortex-m0plus', 'cortex-m3', 'cortex-m4', 'cortex-m33'].map(thumb),
  { name: 'posix', flags: [], posix: true },
];

/** An emulated board with non-volatile memory. */
export interface Board extends MemoryMap {
  name: string;
  /** QEMU's machine, and the memory that becomes a file. */
  machine: string;
  core: string;
  /** Instructions per tick of SysTick when one takes a nanosecond. */
  instructionsPerTick: number;
}

const MIB = 1 << 20;
/** Bytes of QEMU's file, which is all of the board's PSRAM. */
const NVM_BYTES = 16 * MIB;
/** The last MiB is between host and program. */
export const CONTROL_OFFSET = 15 * MIB;

const mps2 = (name: string, core: string): Board => ({
  name: `qemu-mps2-${name}`,
  machine: `mps2-${name}`,
  core,
  flash: { origin: 0, bytes: 4 * MIB },
  sram: { origin: 0x2000_0000, bytes: 4 * MIB },
  nvm: { origin: 0x2100_0000, bytes: NVM_BYTES },
  instructionsPerTick: 40,
});

const BOARDS: readonly Board[] = [
  mps2('an385', 'cortex-m3'),
  mps2('an386', 'cortex-m4'),
  {
    ...mps2('an505', 'cortex-m33'),
    // Secure aliases: the core starts there.
    flash: { origin: 0x1000_0000, bytes: 4 * MIB },
    sram: { origin: 0x3800_0000, bytes: 2 * MIB },
    nvm: { origin: 0x8000_0000, bytes: NVM_BYTES },
    instructionsPerTick: 50,
  },
];

function find<T extends { name: string }>(list: readonly T[], name: string, what: string): T {
  const found = list.find((candidate) => candidate.name === name);
  if (found) return found;
  throw new BrownoutError({
    code: what === 'board' ? 'E_BOARD' : 'E_TARGET',
    found: `${what} "${name}"`,
    expected: list.map((candidate) => candidate.name).join(', '),
    hint: 'Name one of these.',
  });
}

export const targetNames = TARGETS.map(({ name }) => name);
export const boardNames = BOARDS.map(({ name }) => name);

/** The target called `name`. Throws `E_TARGET`. */
export const targetCalled = (name: string): Target => find(TARGETS, name, 'target');

/** The board called `name`. Throws `E_BOARD`. */
export const boardCalled = (name: string): Board => find(BOARDS, name, 'board');
