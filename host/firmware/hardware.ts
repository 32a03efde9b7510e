// Boards that one can buy: where their memories are, what their ports are, and what puts a program there.
import { BrownoutError } from '../error.js';
import { didYouMean } from '../options/suggest.js';
import type { NvmKind } from './nvm-bodies/index.js';
import type { PortKind, Setting } from './nvm-bodies/nvm-body.js';
import type { FlashPage, MemoryMap, Range } from './targets.js';

/** What is known of NVM of a kind on a board. */
export type BoardNvm =
  /** Ran to the right answer, and through cuts, in an emulator or on models of its registers: where. */
  | { runs: string }
  /** Builds; a person fills in settings or functions first (host/firmware/support.ts derives which). */
  | { needs: string }
  /** Cannot be: why. */
  | { refused: string };

/** A vector unit beside the core that the kernels use. */
export interface VectorUnit {
  /** What says so to the C. */
  setting: Setting;
  /** Where its operands lie, and what its library keeps behind them; apart from the core's SRAM. */
  ram: Range;
  stackBytes: number;
  /** The core's stack, in the SRAM that is left. */
  coreStackBytes: number;
  /** Where its interrupt's vector is. */
  vector: number;
  /** The maker's library that drives it, which does not come with this. */
  library: { name: string; what: string };
}

export interface HardwareBoard {
  name: string;
  core: string;
  /** Its profile, whose NVM counts where the board's own is not asked for. */
  device: string;
  map: Pick<MemoryMap, 'flash' | 'sram'>;
  /** Of its flash, where the log is; absent: it has none. */
  page?: FlashPage;
  /** Its program memory is FRAM, and holds NVM, too. */
  isFram?: boolean;
  /** Files of firmware/ for its peripherals. */
  ports: Readonly<Partial<Record<PortKind | 'text' | 'power', string>>>;
  nvm: Readonly<Record<Exclude<NvmKind, 'file'>, BoardNvm>>;
  /** Headers of its ports, and of its unit's body of the kernels. */
  headers: readonly string[];
  /** Of its ports: pins. */
  pins: Readonly<Record<'spi' | 'text', readonly Setting[]>>;
  /** When its monitor warns; absent: it has none. */
  threshold?: Setting;
  /** The vector unit that its kernels use; absent: none. */
  unit?: VectorUnit;
  /** Whether flash begins with a second-stage boot loader. */
  boots2?: boolean;
  /** OpenOCD's arguments before `-c program`; its own scripts, by name. Absent: by mspdebug. */
  openocd?: string[];
  /** The number in microsoft/uf2's list of families, of boards whose boot loader is a drive. */
  uf2?: { family: number; drive: string };
}

const KIB = 1024;
const NO_MAPPED = { refused: 'no non-volatile memory in its address space takes stores' };

/** Pins of SPI, in the order SCK, MOSI, MISO, chip select; undefined: only a person can say. */
function spiPins(how: string, pins: readonly (number | undefined)[]): Setting[] {
  return ['SCK', 'MOSI', 'MISO', 'CS'].map((name, i) => ({
    name: `BROWNOUT_SPI_PIN_${name}`,
    value: pins[i] === undefined ? undefined : `${pins[i]}u`,
    what: `${name === 'CS' ? 'chip select' : name} of the memory: ${how}`,
  }));
}

function textPin(pin: number, what: string): Setting[] {
  return [{ name: 'BROWNOUT_TEXT_PIN', value: `${pin}u`, what }];
}

/** When the monitor warns: `value` as its port takes it. */
const warnsAt = (value: number, what: string): Setting => ({
  name: 'BROWNOUT_POWER_THRESHOLD',
  value: `${value}u`,
  what: `when the supply is low: ${what}`,
});

const MSP430FR5994 = {
  core: 'msp430',
  isFram: true,
  ports: {},
  headers: [],
  pins: { spi: [], text: [] },
} as const;

/** What 16 bits address: 47.9 KB of its 256 KB of FRAM. */
const MSP430_FLASH = { origin: 0x4000, bytes: 0xbf80 };

/** NVM of it, `mapped` known to be so. */
const msp430Nvm = (mapped: BoardNvm): HardwareBoard['nvm'] => ({
  mapped,
  'spi-fram': { refused: 'its own FRAM is nearer' },
  eeprom: { refused: 'its own FRAM is nearer' },
  flash: { refused: 'it has no flash' },
});

const BOARDS: readonly HardwareBoard[] = [
  {
    name: 'nrf52840dk',
    core: 'cortex-m4',
    device: 'nrf52840',
    map: {
      flash: { origin: 0, bytes: 1024 * KIB },
      sram: { origin: 0x2000_0000, bytes: 256 * KIB },
    },
    page: { bytes: 4096 },
    ports: {
      spi: 'brownout_port_spi_nrf52.c',
      flash: 'brownout_port_flash_nrf52.c',
      text: 'brownout_port_text_nrf52.c',
      power: 'brownout_port_power_nrf52.c',
    },
    headers: ['brownout_registers.h'],
    pins: {
      // Of the header in the shape of an Arduino: D13, D11, D12, D10 (nRF52840 DK hardware guide).
      spi: spiPins('32 · port + pin', [32 + 15, 32 + 13, 32 + 14, 32 + 12]),
      text: textPin(6, 'to the debugger, whose serial port it is'),
    },
    threshold: warnsAt(8, 'VDD falls below 1.7 V at 4, and 0.1 V more a step, to 2.8 V at 15 (POFCON)'),
    nvm: {
      mapped: NO_MAPPED,
      'spi-fram': { runs: 'models of its registers' },
      eeprom: { runs: 'models of its registers' },
      flash: { runs: 'models of its registers' },
    },
    openocd: ['-f', 'board/nordic_nrf52_dk.cfg'],
  },
  {
    name: 'stm32l4-disco',
    core: 'cortex-m4',
    device: 'stm32l4',
    map: {
      flash: { origin: 0x0800_0000, bytes: 1024 * KIB },
      sram: { origin: 0x2000_0000, bytes: 96 * KIB },
    },
    page: { bytes: 2048 },
    ports: {
      spi: 'brownout_port_spi_stm32l4.c',
      flash: 'brownout_port_flash_stm32l4.c',
      text: 'brownout_port_text_stm32l4.c',
      power: 'brownout_port_power_stm32l4.c',
    },
    headers: ['brownout_registers.h'],
    pins: {
      // SPI1 shares its pins with what is on the board.
      spi: spiPins('16 · port + pin, A being 0; SPI1', [undefined, undefined, undefined, undefined]),
      text: textPin(16 * 3 + 5, 'PD5, to the debugger, whose serial port it is'),
    },
    threshold: warnsAt(1, 'VDD is below 2.0, 2.2, 2.4, 2.5, 2.6, 2.8, 2.9 V at 0 to 6 (PVD)'),
    nvm: {
      mapped: NO_MAPPED,
      'spi-fram': { runs: 'models of its registers' },
      eeprom: { runs: 'models of its registers' },
      flash: { runs: 'models of its registers' },
    },
    openocd: ['-f', 'board/stm32l4discovery.cfg'],
  },
  {
    name: 'rp2040',
    core: 'cortex-m0plus',
    device: 'rp2040',
    map: {
      flash: { origin: 0x1000_0000, bytes: 2048 * KIB },
      sram: { origin: 0x2000_0000, bytes: 264 * KIB },
    },
    page: { bytes: 4096 },
    ports: {
      spi: 'brownout_port_spi_rp2040.c',
      flash: 'brownout_port_flash_rp2040.c',
      text: 'brownout_port_text_rp2040.c',
      power: 'brownout_port_power_rp2040.c',
    },
    headers: ['brownout_registers.h', 'brownout_port_rp2040.h'],
    pins: {
      // The default pins of a Raspberry Pi Pico.
      spi: spiPins('GPIO of SPI0', [18, 19, 16, 17]),
      text: textPin(0, 'GPIO of UART0'),
    },
    threshold: warnsAt(2400, 'VSYS is below so many mV'),
    nvm: {
      mapped: NO_MAPPED,
      'spi-fram': { runs: 'rp2040js' },
      eeprom: { runs: 'rp2040js' },
      flash: { runs: 'rp2040js' },
    },
    boots2: true,
    openocd: ['-f', 'interface/cmsis-dap.cfg', '-f', 'target/rp2040.cfg'],
    uf2: { family: 0xe48b_ff56, drive: 'RPI-RP2' },
  },
  {
    ...MSP430FR5994,
    name: 'msp430fr5994',
    device: 'msp430fr5994',
    map: { flash: MSP430_FLASH, sram: { origin: 0x1c00, bytes: 8 * KIB } },
    nvm: msp430Nvm({ runs: 'mspdebug sim' }),
  },
  {
    ...MSP430FR5994,
    name: 'msp430fr5994-lea',
    device: 'msp430fr5994-lea',
    // The upper half of SRAM is LEA's (SLASE54).
    map: { flash: MSP430_FLASH, sram: { origin: 0x1c00, bytes: 4 * KIB } },
    nvm: msp430Nvm({ needs: 'hardware' }),
    headers: ['brownout_accel_lea.h', 'brownout_accel_lea_windows.h'],
    unit: {
      setting: { name: 'BROWNOUT_LEA', value: '1', what: 'sums of products by LEA: brownout_accel_lea.h' },
      ram: { origin: 0x2c00, bytes: 4 * KIB },
      stackBytes: 0x138,
      // 378 bytes were used on mspdebug (`npm test -- lea`); the rest is the library's.
      coreStackBytes: 640,
      vector: 0xffb4,
      library: {
        name: 'MSP DSP Library',
        what: 'TI’s, built for the part in its small memory model: `make DSPLIB=FOLDER`, which has include/ and libdsplib.a',
      },
    },
  },
];

export const hardwareBoards = BOARDS;
export const hardwareNames = BOARDS.map(({ name }) => name);

/** The board called `name`; undefined if it is none of these. */
export const findHardware = (name: string): HardwareBoard | undefined =>
  BOARDS.find((board) => board.name === name);

/**
 * Whether the port of a board's monitor is used. Not with a log in flash: while it warns, nothing may be programmed, so what is
 * to be known early enough needs another monitor.
 */
export const asksSupply = ({ ports }: HardwareBoard, nvm: NvmKind): boolean =>
  ports.power !== undefined && nvm !== 'flash';

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
  if (!board.openocd) return ['mspdebug', 'tilib', `prog ${folder}/firmware.elf`];
  return ['openocd', ...board.openocd, '-c', `program "${folder}/firmware.elf" verify reset exit`];
}
