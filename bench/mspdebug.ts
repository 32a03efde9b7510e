// An MSP430 on `mspdebug sim`: memory that is FRAM where a part has FRAM, lives that end at an instruction, cycles counted.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportFirmware } from '../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { linkElf, writeFiles } from '../host/firmware/build-elf.js';
import { hardwareCalled } from '../host/firmware/hardware.js';
import { moduleOfTarget } from '../host/firmware/module-of-target.js';
import { nvmBody } from '../host/firmware/nvm-bodies/index.js';
import { firmwareFiles, packageText, partSources } from '../host/firmware/sources.js';
import { type MemoryMap, type Range, targetCalled } from '../host/firmware/targets.js';
import type { Image } from '../host/model/image.js';
import { littleEndian, type Values } from '../host/model/values.js';

/** What differs from the part: the multiplier of 16 bits, and text that goes to a console. */
const DEFINES = ['BROWNOUT_MULTIPLIER=0x130', 'BROWNOUT_TEXT_CONSOLE=0xff'];
const DEVICES = [
  'simio add hwmult m',
  'simio add tracer t',
  'simio add console c',
  'simio config c base 0xff',
];
const BOARD = hardwareCalled('msp430fr5994');
const LEA_BOARD = hardwareCalled('msp430fr5994-lea');

/** What clearing a word takes, a loop of four instructions. */
export const LEA_FILL_CYCLES = 8;

/** What LEA does of a command, as C: sums of products. */
const LEA_WHOLE = `
  const _q15 *a = (const _q15 *)(uintptr_t)(LEAPMS0 << 2);
  const uint16_t *p = (const uint16_t *)(uintptr_t)(LEAPMS1 << 2);
  const MSP_LEA_MAC_PARAMS *sum = (const MSP_LEA_MAC_PARAMS *)p;
  const MSP_LEA_MPYMATRIXROW_PARAMS *row = (const MSP_LEA_MPYMATRIXROW_PARAMS *)p;
  if (command == LEACMD__MAC) {
    const _q15 *b = (const _q15 *)(uintptr_t)(sum->input2 << 2);
    _iq31 all = 0;
    for (uint16_t n = sum->vectorSize; n; n--) all += (_iq31)*a++ * *b++ * 2;
    *(_iq31 *)(uintptr_t)(sum->output << 2) = all;
  } else {
    const _q15 *b = (const _q15 *)(uintptr_t)(row->colVector << 2);
    _q15 *to = (_q15 *)(uintptr_t)(row->output << 2);
    for (uint16_t m = 0; m < row->colSize; m++) {
      _iq31 all = 0;
      for (uint16_t i = 0; i < row->rowSize; i++) all += (_iq31)a[i] * b[i * row->colSize + m];
      *to++ = (_q15)(all >> 15);
    }
  }
`;

/** Sums of the matrix command are 0, as what is rounded must be like sums: LEA_FILL_CYCLES each. */
const LEA_CORE = `
  if (command == LEACMD__MPYMATRIXROW) {
    const MSP_LEA_MPYMATRIXROW_PARAMS *row = (const MSP_LEA_MPYMATRIXROW_PARAMS *)(uintptr_t)(LEAPMS1 << 2);
    uint16_t to = row->output << 2, words = row->colSize;
    __asm__ volatile("1: clr 0(%0)\\n\\tincd %0\\n\\tdec %1\\n\\tjnz 1b" : "+r"(to), "+r"(words) : : "memory");
  }
`;

/**
 * TI's library for LEA as far as the simulator shows it, which has none: `whole` computes what LEA would, else nothing, so that
 * what is counted is the core's. Locking, invoking and the interrupt are as the library has them, but for its sleep.
 */
const leaFiles = (whole: boolean): Map<string, string> =>
  new Map([
    ['DSPLib.h', packageText('boards/DSPLib.h').replace('"leaRAM"', '".leaRAM"')],
    [
      'lea.c',
      `#include "DSPLib.h"
      volatile uint16_t LEAPMS0, LEAPMS1, LEAPMCTL, msp_lea_ifg;
      static volatile uint16_t locked, busy, invoked;
      volatile uint16_t lea_flags;
      void msp_lea_init(void) { LEAPMCTL = LEACMDEN; }
      static uint16_t stop(void) {
        uint16_t state;
        __asm__ volatile("mov r2, %0\\n\\tdint\\n\\tnop" : "=r"(state) : : "memory");
        return state;
      }
      static void go_on(uint16_t state) { __asm__ volatile("mov %0, r2\\n\\tnop" : : "r"(state) : "memory"); }
      bool msp_lea_acquireLock(void) {
        const uint16_t state = stop();
        const bool is_free = !((busy & 1u) || locked);
        if (is_free) locked = true;
        go_on(state);
        return is_free;
      }
      void msp_lea_freeLock(void) { locked = false; }
      __attribute__((naked, noinline)) static void interrupt(void) {
        __asm__ volatile("push r12\\n\\tmov &lea_flags, r12\\n\\tbis r12, &lea_flags\\n\\tmov r12, &msp_lea_ifg\\n\\t"
                         "bic #0, 2(r1)\\n\\tpop r12\\n\\tret");
      }
      void msp_lea_invokeCommand(uint16_t command) {
        const uint16_t state = stop();
        msp_lea_ifg = 0;
        invoked = command | 0x40u;
        ${whole ? LEA_WHOLE : LEA_CORE}
        interrupt();
        go_on(state);
      }\n`,
    ],
  ]);

/** Whether kernels use LEA: `whole` with sums, `core` for what the core does beside it. */
export type Lea = 'none' | 'whole' | 'core';

/** Programs that it takes, with their packages. */
export const MSP430_PROGRAMS = { clang: 'clang', 'ld.lld': 'lld', 'llvm-size': 'llvm', mspdebug: 'mspdebug' };

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'brownout-msp430-'));
  folders.push(folder);
  return folder;
}

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

/** Of a program without an image: code, the words that it leaves at `results`, and a stack. */
const SMALL_SCRIPT = `SECTIONS {
  . = 0x4400; .text : { *(.text .text.*) *(.rodata .rodata.*) }
  . = 0x8000; .bss (NOLOAD) : { *(.bss .bss.*) }
  .vectors 0xfffe : { KEEP(*(.vectors)) }
}
ENTRY(reset)
`;
const SMALL_START = `#include <stdint.h>
void fill(void);
void end(void);
__attribute__((noinline)) void end(void) { for (;;) __asm__ volatile("" ::: "memory"); }
__attribute__((naked)) void reset(void) { __asm__ volatile("mov #0x3f00, r1\\n call #fill\\n br #end"); }
__attribute__((section(".vectors"), used)) static void (*const vector)(void) = reset;
`;

/** The firmware's assembler without its start-up code. */
function assemblerText(): string {
  const text = packageText('brownout_msp430_asm.S');
  const [start, end] = ['/* After reset:', '/* 16 and 32 bits,'].map((mark) => text.indexOf(mark));
  return text.slice(0, start) + text.slice(end);
}

/**
 * The bytes that `fill()` of `text`, C, leaves in `results`, an array of so many: what LLVM calls is the firmware's, and so is its
 * assembler.
 */
export function runC(text: string, bytes: number): Uint8Array {
  const folder = newFolder();
  const [runtime, assembler, beside] = [
    'brownout_msp430_runtime.S',
    'brownout_msp430_asm.S',
    'brownout_msp430_lea_asm.S',
  ] as const;
  writeFiles(
    folder,
    new Map([
      ['small.c', SMALL_START + text],
      ['link.ld', SMALL_SCRIPT],
      ['brownout_settings.h', ''],
      [runtime, packageText(runtime)],
      [assembler, assemblerText()],
      [beside, packageText(beside)],
    ]),
  );
  const settings = { target: targetCalled('msp430'), defines: DEFINES };
  const elf = linkElf(folder, ['small.c', runtime, assembler, beside], settings, [`-I${folder}`]);
  const symbols = symbolsOf(readFileSync(elf));
  const left = join(folder, 'results');
  const commands = [
    ...DEVICES,
    `prog ${elf}`,
    'reset',
    `setbreak ${symbols.get('end')}`,
    'run',
    `save_raw ${symbols.get('results')} ${bytes} ${left}`,
  ];
  execFileSync('mspdebug', ['-q', 'sim', ...commands], { stdio: 'ignore' });
  return new Uint8Array(readFileSync(left));
}

/** What a part did. */
export interface MspRun {
  lines: string[];
  nvm: Uint8Array;
  /** Of the last life, as mspdebug 0.22 counts them. */
  cycles: number;
  instructions: number;
  /** Of the stack, bytes from its top down to the last that was changed. */
  stackBytes: number;
}

/** Where a program went through a function, and when. */
export interface Mark {
  name: string;
  cycles: number;
}

/** What SRAM holds at the beginning of a life, again and again. */
const garbageOf = (life: number): number[] => [1, 77, 201].map((n) => (life * n + 0xa5) & 255);

const hex = (value: number): string => `0x${value.toString(16)}`;

/** A program for the board, as it is exported, and what it does on the simulator. */
export class Msp430 {
  readonly #elf: string;
  readonly #symbols: Map<string, number>;

  private constructor(
    private readonly image: Image,
    readonly codeBytes: number,
    private readonly folder: string,
    private readonly sram: Range,
    sources: string[],
    defines: readonly string[],
  ) {
    const target = targetCalled('msp430');
    const settings = { target, defines: [...DEFINES, ...defines] };
    this.#elf = linkElf(folder, sources, settings, [`-I${folder}`]);
    this.#symbols = symbolsOf(readFileSync(this.#elf));
  }

  /** As `export` writes it; with LEA, TI's library stood in for. */
  static async build(image: Image, defines: readonly string[] = [], lea: Lea = 'none'): Promise<Msp430> {
    const folder = join(newFolder(), 'app');
    const board = lea === 'none' ? BOARD : LEA_BOARD;
    const { files, usage } = await exportFirmware(image, { board: board.name, verify: false });
    const more = lea === 'none' ? new Map<string, string>() : leaFiles(lea === 'whole');
    writeFirmwareFolder(folder, files);
    writeFiles(folder, more);
    const objects = /^OBJECTS = (.*)$/m.exec(readFileSync(join(folder, 'Makefile'), 'utf8'))![1]!.split(' ');
    const sources = objects.map((name) => name.replace('.o', /_(asm|runtime)\.o$/.test(name) ? '.S' : '.c'));
    sources.push(...[...more.keys()].filter((name) => name.endsWith('.c')));
    return new Msp430(image, usage?.codeBytes ?? 0, folder, board.map.sram, sources, defines);
  }

  /** The same on a part whose SRAM is elsewhere, and larger: for what is counted there alone. Throws `E_COMPILE`. */
  static async onOther(image: Image, sram: Range, lea: Lea = 'none'): Promise<Msp430> {
    const board = lea === 'none' ? BOARD : LEA_BOARD;
    const more = lea === 'none' ? new Map<string, string>() : leaFiles(lea === 'whole');
    const folder = newFolder();
    const target = { ...targetCalled('msp430'), farthest: 0xffff - sram.origin };
    const { settings, flashBytes } = nvmBody('mapped').place({
      map: { ...BOARD.map, sram, nvm: sram } satisfies MemoryMap,
      ...{ nvmBytes: image.nvmBytes, page: undefined, isFram: true },
    });
    const { origin, bytes } = BOARD.map.flash;
    const map = { flash: { origin, bytes: bytes - flashBytes }, sram, nvm: sram };
    const all = [...settings, ...(board.unit ? [board.unit.setting] : [])];
    const part = { target, nvm: 'mapped', board, map, settings: all } as const;
    writeFiles(folder, firmwareFiles(image, await moduleOfTarget(image, target), part));
    writeFiles(folder, more);
    const sources = [...partSources(part), ...[...more.keys()].filter((name) => name.endsWith('.c'))];
    return new Msp430(image, 0, folder, sram, sources, []);
  }

  /** How deep the stack went in a life that began with `garbage` in SRAM, which is `sram` now. */
  #stackBytes(sram: Uint8Array, garbage: readonly number[]): number {
    const at = (name: string): number => this.#symbols.get(name)! - this.sram.origin;
    const [bottom, top] = [at('brownout_link_bss_end'), at('brownout_link_stack_top')];
    let deepest = bottom;
    while (deepest < top && sram[deepest] === garbage[deepest % garbage.length]) deepest++;
    return top - deepest;
  }

  #file(name: string, bytes: Uint8Array | string): string {
    const path = join(this.folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  get #nvmAt(): number {
    const settings = readFileSync(join(this.folder, 'brownout_settings.h'), 'utf8');
    return Number(/BROWNOUT_NVM_ADDRESS (0x\w+)u/.exec(settings)![1]);
  }

  /** What mspdebug says to the commands, the program and NVM loaded. SRAM is other garbage in each life. */
  #say(commands: (boot: (life: number) => string[]) => string[], nvm: Uint8Array, input?: Values): string {
    const { origin, bytes } = this.sram;
    const boot = (life: number): string[] => [
      `fill ${hex(origin)} ${hex(bytes)} ${garbageOf(life).map(hex).join(' ')}`,
      'reset',
      'simio config t clear',
    ];
    const all = [
      ...DEVICES,
      `prog ${this.#elf}`,
      `load_raw ${this.#file('nvm.given', nvm)} ${this.#nvmAt}`,
      ...(input
        ? [`load_raw ${this.#file('sample', littleEndian(input))} ${this.#symbols.get('brownout_sample')}`]
        : []),
      `setbreak ${this.#symbols.get('brownout_board_end')}`,
      ...commands(boot),
    ];
    const script = this.#file('commands', `${all.join('\n')}\n`);
    const options = { encoding: 'latin1', maxBuffer: 1 << 28 } as const;
    return execFileSync('mspdebug', ['-q', 'sim', `read ${script}`], options);
  }

  /** Lives of so many instructions each, one after the other; then one to the end. */
  run(
    lives: readonly number[] = [],
    { input, nvm = new Uint8Array(this.image.nvmBytes) }: { input?: Values; nvm?: Uint8Array } = {},
  ): MspRun {
    const [left, sram] = [join(this.folder, 'nvm.left'), join(this.folder, 'sram.left')];
    const out = this.#say(
      (boot) => [
        ...lives.flatMap((count, life) => [...boot(life), `step ${count}`]),
        ...boot(lives.length),
        'run',
        'simio info t',
        `save_raw ${this.#nvmAt} ${this.image.nvmBytes} ${left}`,
        `save_raw ${this.sram.origin} ${this.sram.bytes} ${sram}`,
      ],
      nvm,
      input,
    );
    const found = (name: string): number =>
      Number(new RegExp(`${name}: +(\\d+)`).exec(out)?.[1] ?? Number.NaN);
    return {
      lines: out.split('\n').filter((line) => /^(ticket|error|fault|given up|provisioned)/.test(line)),
      nvm: new Uint8Array(readFileSync(left)),
      cycles: found('MCLK'),
      instructions: found('Instruction count'),
      stackBytes: this.#stackBytes(new Uint8Array(readFileSync(sram)), garbageOf(lives.length)),
    };
  }

  /** Every time that a life goes through one of `names`, at most `most` times; the last is the end. Throws where one is none. */
  marks(
    names: readonly string[],
    most: number,
    nvm: Uint8Array = new Uint8Array(this.image.nvmBytes),
  ): Mark[] {
    const places = new Map(
      [...names, 'brownout_board_end'].map((name) => {
        const at = this.#symbols.get(name);
        if (at === undefined) throw new RangeError(`no function ${name} in the program`);
        return [at, name] as const;
      }),
    );
    const out = this.#say(
      (boot) => [
        ...[...places.keys()].map((at) => `setbreak ${at}`),
        ...boot(0),
        ...Array.from({ length: most }, () => ['run', 'simio info t']).flat(),
      ],
      nvm,
    );
    const marks: Mark[] = [];
    for (const [, pc, cycles] of out.matchAll(/\( *PC: *([0-9a-f]+)\)[\s\S]*?MCLK: +(\d+)/g)) {
      const name = places.get(Number.parseInt(pc!, 16));
      if (name === undefined) continue;
      marks.push({ name, cycles: Number(cycles) });
      if (name === 'brownout_board_end') return marks;
    }
    return marks;
  }
}
