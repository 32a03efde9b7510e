// Boards that one can buy: where their memories are, and what puts a program there.
import { BrownoutError } from '../error.js';
import { didYouMean } from '../options/suggest.js';
import type { FlashPage, MemoryMap } from './targets.js';

export interface HardwareBoard {
  name: string;
  core: string;
  map: Pick<MemoryMap, 'flash' | 'sram'>;
  /** Of its flash, where the log is. */
  page: FlashPage;
  /** Whether flash begins with a second-stage boot loader. */
  boots2?: boolean;
  /** OpenOCD's arguments before `-c program`; its own scripts, by name. */
  openocd: string[];
  /** The number in microsoft/uf2's list of families, of boards whose boot loader is a drive. */
  uf2?: { family: number; drive: string };
}

const KIB = 1024;

const BOARDS: readonly HardwareBoard[] = [
  {
    name: 'nrf52840dk',
    core: 'cortex-m4',
    map: {
      flash: { origin: 0, bytes: 1024 * KIB },
      sram: { origin: 0x2000_0000, bytes: 256 * KIB },
    },
    page: { bytes: 4096, define: 'BROWNOUT_FLASH_NRF52' },
    openocd: ['-f', 'board/nordic_nrf52_dk.cfg'],
  },
  {
    name: 'stm32l4-disco',
    core: 'cortex-m4',
    map: {
      flash: { origin: 0x0800_0000, bytes: 1024 * KIB },
      sram: { origin: 0x2000_0000, bytes: 96 * KIB },
    },
    page: { bytes: 2048 },
    openocd: ['-f', 'board/stm32l4discovery.cfg'],
  },
  {
    name: 'rp2040',
    core: 'cortex-m0plus',
    map: {
      flash: { origin: 0x1000_0000, bytes: 2048 * KIB },
      sram: { origin: 0x2000_0000, bytes: 264 * KIB },
    },
    page: { bytes: 4096, define: 'BROWNOUT_FLASH_RP2040' },
    boots2: true,
    openocd: ['-f', 'interface/cmsis-dap.cfg', '-f', 'target/rp2040.cfg'],
    uf2: { family: 0xe48b_ff56, drive: 'RPI-RP2' },
  },
];

export const hardwareNames = BOARDS.map(({ name }) => name);

/** The board called `name`; undefined if it is none of these. */
export const findHardware = (name: string): HardwareBoard | undefined =>
  BOARDS.find((board) => board.name === name);

/** Throws `E_BOARD`. */
export function hardwareCalled(name: string): HardwareBoard {
  const board = findHardware(name);
  if (board) return board;
  throw new BrownoutError({
    code: 'E_BOARD',
    found: `board "${name}"`,
    expected: hardwareNames.join(', '),
    hint: didYouMean(name, hardwareNames, 'Name one of these, or leave `board` out and give `target`.'),
  });
}

/** The command that programs `folder`'s program into a board. */
export function programCommand(board: HardwareBoard, folder: string, drive?: string): string[] {
  if (board.uf2) return ['cp', `${folder}/firmware.uf2`, `${drive ?? `/media/${board.uf2.drive}`}/`];
  return ['openocd', ...board.openocd, '-c', `program "${folder}/firmware.elf" verify reset exit`];
}
