// An MSP430 on `mspdebug sim`: memory that is FRAM where a part has FRAM, lives that end at an instruction, cycles counted.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportFirmware } from '../../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../../host/export/folder.js';
import { linkElf } from '../../host/firmware/build-elf.js';
import { targetCalled } from '../../host/firmware/targets.js';
import type { Image } from '../../host/model/image.js';
import { littleEndian, type Values } from '../../host/model/values.js';
import { temporaryFolder } from './native.js';

/** What differs from the part: the multiplier of 16 bits, and text that goes to a console. */
const DEFINES = ['BROWNOUT_MULTIPLIER=0x130', 'BROWNOUT_TEXT_CONSOLE=0xff'];
const DEVICES = [
  'simio add hwmult m',
  'simio add tracer t',
  'simio add console c',
  'simio config c base 0xff',
];
const SRAM = '0x1c00 0x2000';

/** Programs that it takes, with their packages. */
export const MSP430_PROGRAMS = { clang: 'clang', 'ld.lld': 'lld', 'llvm-size': 'llvm', mspdebug: 'mspdebug' };

/** Addresses of the symbols of an ELF file of 32 bits. */
function symbolsOf(elf: Uint8Array): Map<string, number> {
  const view = Buffer.from(elf);
  const at = view.readUInt32LE(32);
  const sections = Array.from({ length: view.readUInt16LE(48) }, (_, i) => at + 40 * i);
  const table = sections.find((section) => view.readUInt32LE(section + 4) === 2)!;
  const names = view.readUInt32LE(sections[view.readUInt32LE(table + 24)]! + 16);
  const [start, bytes] = [view.readUInt32LE(table + 16), view.readUInt32LE(table + 20)];
  const symbols = new Map<string, number>();
  for (let symbol = start; symbol < start + bytes; symbol += 16) {
    const name = names + view.readUInt32LE(symbol);
    symbols.set(view.toString('latin1', name, view.indexOf(0, name)), view.readUInt32LE(symbol + 4));
  }
  return symbols;
}

/** What a part did. */
export interface MspRun {
  lines: string[];
  nvm: Uint8Array;
  /** Of the last life, as mspdebug 0.22 counts them. */
  cycles: number;
  instructions: number;
}

/** A program for the board, as it is exported, and what it does on the simulator. */
export class Msp430 {
  readonly codeBytes: number;
  readonly #folder: string;
  readonly #elf: string;
  readonly #symbols: Map<string, number>;

  private constructor(
    private readonly image: Image,
    folder: string,
    codeBytes: number,
    defines: string[],
  ) {
    this.codeBytes = codeBytes;
    this.#folder = folder;
    const target = targetCalled('msp430');
    const objects = /^OBJECTS = (.*)$/m.exec(readFileSync(join(folder, 'Makefile'), 'utf8'))![1]!.split(' ');
    const sources = objects.map((name) => name.replace('.o', /_(asm|runtime)\.o$/.test(name) ? '.S' : '.c'));
    this.#elf = linkElf(folder, sources, { target, defines: [...DEFINES, ...defines] });
    this.#symbols = symbolsOf(readFileSync(this.#elf));
  }

  static async build(image: Image, defines: string[] = []): Promise<Msp430> {
    const folder = join(temporaryFolder('msp430'), 'app');
    const { files, usage } = await exportFirmware(image, { board: 'msp430fr5994', verify: false });
    writeFirmwareFolder(folder, files);
    return new Msp430(image, folder, usage!.codeBytes, defines);
  }

  /** Lives of so many instructions each, one after the other; then one to the end. SRAM is other garbage each time. */
  run(
    lives: readonly number[] = [],
    { input, nvm = new Uint8Array(this.image.nvmBytes) }: { input?: Values; nvm?: Uint8Array } = {},
  ): MspRun {
    const settings = readFileSync(join(this.#folder, 'brownout_settings.h'), 'utf8');
    const at = Number(/BROWNOUT_NVM_ADDRESS (0x\w+)u/.exec(settings)![1]);
    const file = (name: string, bytes: Uint8Array): string => {
      const path = join(this.#folder, name);
      writeFileSync(path, bytes);
      return path;
    };
    const left = join(this.#folder, 'nvm.left');
    const boot = (life: number): string[] => [
      `fill ${SRAM} ${[1, 77, 201].map((n) => `0x${((life * n + 0xa5) & 255).toString(16)}`).join(' ')}`,
      'reset',
      'simio config t clear',
    ];
    const commands = [
      ...DEVICES,
      `prog ${this.#elf}`,
      `load_raw ${file('nvm.given', nvm)} ${at}`,
      ...(input
        ? [`load_raw ${file('sample', littleEndian(input))} ${this.#symbols.get('brownout_sample')}`]
        : []),
      `setbreak ${this.#symbols.get('brownout_board_end')}`,
      ...lives.flatMap((count, life) => [...boot(life), `step ${count}`]),
      ...boot(lives.length),
      'run',
      'simio info t',
      `save_raw ${at} ${this.image.nvmBytes} ${left}`,
    ];
    const out = execFileSync('mspdebug', ['-q', 'sim', ...commands], {
      encoding: 'latin1',
      maxBuffer: 1 << 26,
    });
    const found = (name: string): number =>
      Number(new RegExp(`${name}: +(\\d+)`).exec(out)?.[1] ?? Number.NaN);
    return {
      lines: out.split('\n').filter((line) => /^(ticket|error|fault|given up|provisioned)/.test(line)),
      nvm: new Uint8Array(readFileSync(left)),
      cycles: found('MCLK'),
      instructions: found('Instruction count'),
    };
  }
}
