// The files of a firmware folder: C from the package's firmware/, and what is made for one image and target.
import { readFileSync } from 'node:fs';
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OpKind,
  WIN_BLOCK,
} from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import type { OpRecord } from '../model/record.js';
import { patchOf } from '../ops/shared/window.js';
import { buildDevice } from '../toolchain/build-device.js';
import { parseModule } from '../toolchain/wasm-binary.js';
import { readInterface } from '../toolchain/wasm-interface.js';
import { emitFunctions } from './emit-c.js';
import { asksSupply, type HardwareBoard, type VectorUnit } from './hardware.js';
import { type Checks, type Extras, type FirmwareModule, modelHeader, modelSource } from './model-c.js';
import { NTT_SIZES, nttTables, type Transforms } from './ntt-tables.js';
import { type Earlier, earlierHeader } from './updates.js';
import { type NvmKind, nvmBody } from './nvm-bodies/index.js';
import { type Setting, STACK_BYTES } from './nvm-bodies/nvm-body.js';
import { compilerOf, type MemoryMap, type Target } from './targets.js';
import type { Widths } from './widths/widths.js';

/** The package's C: from dist/host/firmware. */
const folder = new URL('../../../firmware/', import.meta.url);

/** The module itself, in every firmware folder: what was proved, and what the C is made from. */
export const MODULE = 'brownout_module.wasm';

/** What C calls the module's functions. */
const PREFIX = 'brownout_module_';

/** Text of a C file of the package. */
export const packageText = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

type Entry = 'device' | 'bare';

/** What was built in this process: compiling WASM takes seconds. */
const built = new WeakMap<Image, Partial<Record<Entry, Promise<FirmwareModule>>>>();

/** The module of an image as C. Throws `E_TOOL_MISSING` where the compilers of WASM are absent. */
export function firmwareModule(image: Image, entry: Entry = 'device'): Promise<FirmwareModule> {
  const modules = built.get(image) ?? {};
  built.set(image, modules);
  modules[entry] ??= buildModule(image, entry);
  return modules[entry];
}

async function buildModule(image: Image, entry: Entry): Promise<FirmwareModule> {
  return moduleFrom(
    await buildDevice(image, { entry, optimize: 'speed', names: true, accelerated: true }),
    entry,
    transformsOf(image),
  );
}

/** Size of the transforms of an op, and the most blocks that it sums; undefined: it has none. */
function transformOf(op: OpRecord): { size: number; blocks: number } | undefined {
  if (op.kind === OpKind.CONV2D_NTT)
    return { size: op.get(WIN_BLOCK), blocks: patchOf(op) / op.get(WIN_BLOCK) };
  if (op.kind !== OpKind.CIRCULANT_NTT && op.kind !== OpKind.CIRCULANT_SPECTRA) return undefined;
  return { size: op.get(CIRC_BLOCK), blocks: op.get(CIRC_BLOCKS) };
}

/** The transforms of an image. */
export function transformsOf({ ops }: Image): Transforms {
  const transforms = ops.flatMap((op) => transformOf(op) ?? []);
  const sizes = new Set(transforms.map(({ size }) => size));
  return {
    sizes: NTT_SIZES.filter((k) => sizes.has(k)),
    blocks: Math.max(0, ...transforms.map(({ blocks }) => blocks)),
    clamped: ops.some(
      (op) => transformOf(op) !== undefined && (op.get(OP_CLAMP_MIN) > -128 || op.get(OP_CLAMP_MAX) < 127),
    ),
  };
}

/** Those of any image. */
const ANY_TRANSFORMS: Transforms = { sizes: NTT_SIZES, blocks: 0xffff, clamped: true };

/** The module with each local set in one place only, and what of it fits 16 bits: for parts that compute with so many. */
export interface Narrowed {
  split: Uint8Array;
  widths: Widths;
}

/** Constants leave names behind that nothing uses. */
const UNUSED = `#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#endif
`;

/** A module made elsewhere, as C. */
export function moduleFrom(
  wasm: Uint8Array,
  entry: Entry = 'device',
  transforms = ANY_TRANSFORMS,
  narrowed?: Narrowed,
): FirmwareModule {
  const shown = readInterface(parseModule(wasm));
  const transforming = shown.imports.some(({ name }) => name.startsWith('ntt_'));
  const globalValue = (name: string): number => {
    const found = shown.exports.find((item) => item.kind === 'global' && item.name === name);
    return found ? Number(shown.globals[found.index]!.value) : 0;
  };
  const what = entry === 'bare' ? 'The kernels alone' : 'The module';
  const head = `/* ${what}, made from ${wasm.length} bytes of WASM. */\n`;
  const tables = transforming ? nttTables(transforms) : '';
  return {
    wasm,
    text: narrowed
      ? head + UNUSED + tables + emitFunctions(narrowed.split, { prefix: PREFIX, widths: narrowed.widths })
      : head + tables + emitFunctions(wasm, { prefix: PREFIX }),
    arena: globalValue('arena'),
    cursor: globalValue('cursor'),
  };
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

/** link.ld: where everything goes. */
export function linkerScript({ flash, sram, nvm }: MemoryMap, stackBytes = STACK_BYTES): string {
  return `/* Where the part has its memories: correct these for yours. NVM, mapped at ${hex(nvm.origin)}, is not linked into. */
MEMORY {
  FLASH (rx) : ORIGIN = ${hex(flash.origin)}, LENGTH = ${flash.bytes}
  SRAM (rw) : ORIGIN = ${hex(sram.origin)}, LENGTH = ${sram.bytes}
}
ENTRY(brownout_reset)
SECTIONS {
  /* What a boot ROM runs before. */
  .boot2 : { KEEP(*(.boot2)) } > FLASH
  .text : {
    KEEP(*(.vectors))
    *(.text .text.*)
    . = ALIGN(4);
  } > FLASH
  /* Constants of the model, read in place; and the example's input. */
  .image : ALIGN(16) {
    *(.rodata.brownout_signed .rodata.brownout_image .rodata.brownout_sample)
    . = ALIGN(4);
  } > FLASH
  .rodata : {
    *(.rodata .rodata.* .srodata .srodata.*)
    . = ALIGN(4);
  } > FLASH
  .ARM.exidx : { *(.ARM.exidx*) } > FLASH
  .data : ALIGN(4) {
    brownout_link_data = .;
    *(.ramfunc .ramfunc.* .data .data.* .sdata .sdata.*)
    . = ALIGN(4);
    brownout_link_data_end = .;
  } > SRAM AT > FLASH
  brownout_link_data_load = LOADADDR(.data);
  .bss (NOLOAD) : ALIGN(16) {
    brownout_link_bss = .;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(4);
    brownout_link_bss_end = .;
  } > SRAM
  .stack (NOLOAD) : ALIGN(8) {
    brownout_link_stack_bottom = .;
    . += ${stackBytes};
    brownout_link_stack_top = .;
  } > SRAM
}
`;
}

/** What link.ld has of a vector unit: memories, and what lies there. */
function unitLines(unit: VectorUnit | undefined): { memory: string; sections: string } {
  if (!unit) return { memory: '', sections: '' };
  const { ram, stackBytes, vector } = unit;
  const bytes = ram.bytes - stackBytes;
  return {
    memory: `  LEARAM (rw) : ORIGIN = ${hex(ram.origin)}, LENGTH = ${bytes}
  LEASTACK (rw) : ORIGIN = ${hex(ram.origin + bytes)}, LENGTH = ${stackBytes}
  LEAVECTOR (r) : ORIGIN = ${hex(vector)}, LENGTH = 2
`,
    sections: `  .leaRAM (NOLOAD) : { *(.leaRAM .leaRAM.*) } > LEARAM AT > LEARAM :zero
  .leaStack (NOLOAD) : { *(.leaStack .leaStack.*) } > LEASTACK AT > LEASTACK :zero
  .leaVector : { KEEP(*(__interrupt_vector_*)) } > LEAVECTOR :vectors
`,
  };
}

/** link.ld of an MSP430: code, constants and NVM are all in FRAM, and NVM is its end. */
function msp430Script({ flash, sram }: MemoryMap, stackBytes: number, unit?: VectorUnit): string {
  const { memory, sections } = unitLines(unit);
  return `/* The lower FRAM of the part, which 16 bits address; NVM is behind what is linked here (brownout_settings.h). */
MEMORY {
  SRAM (rw) : ORIGIN = ${hex(sram.origin)}, LENGTH = ${sram.bytes}
  FLASH (rx) : ORIGIN = ${hex(flash.origin)}, LENGTH = ${flash.bytes}
${memory}  VECTORS (r) : ORIGIN = 0x0000fffe, LENGTH = 2
}
/* Named, or LLVM's linker loads the file's own headers, too. */
PHDRS { code PT_LOAD; ram PT_LOAD; zero PT_LOAD; vectors PT_LOAD; }
ENTRY(brownout_reset)
SECTIONS {
  .text : { *(.text .text.*) . = ALIGN(2); } > FLASH :code
  .image : ALIGN(16) { *(.rodata.brownout_signed .rodata.brownout_image .rodata.brownout_sample) . = ALIGN(2); } > FLASH
  .rodata : ALIGN(2) { *(.rodata .rodata.*) . = ALIGN(2); } > FLASH
  .data : ALIGN(2) {
    brownout_link_data = .;
    *(.data .data.*)
    . = ALIGN(2);
    brownout_link_data_end = .;
  } > SRAM AT > FLASH :ram
  brownout_link_data_load = LOADADDR(.data);
  .bss (NOLOAD) : ALIGN(16) {
    brownout_link_bss = .;
    *(.bss .bss.* COMMON)
    . = ALIGN(2);
    brownout_link_bss_end = .;
  } > SRAM AT > SRAM :zero
  .stack (NOLOAD) : ALIGN(8) {
    . += ${stackBytes};
    brownout_link_stack_top = .;
  } > SRAM AT > SRAM :zero
${sections}  .vectors : { KEEP(*(.vectors)) } > VECTORS :vectors
}
`;
}

const CFLAGS = ['-std=c99', '-O2', '-Wall', '-Wextra', '-ffunction-sections', '-fdata-sections'];

/** Flags for compiling and linking firmware for a target. */
export const compileFlags = ({ flags, toolchain }: Target): string[] => [
  ...CFLAGS,
  // Of 64-bit machines gcc warns where two types are of one width.
  ...(toolchain ? ['-Wconversion'] : []),
  ...flags,
];

/** Flags for linking firmware for a part; `link.ld` lies beside. */
export const linkFlags = ({ toolchain }: Target): string[] => {
  if (toolchain?.prefix === 'llvm-') return ['-T', 'link.ld', '--gc-sections'];
  return toolchain
    ? ['-nostartfiles', '-T', 'link.ld', '-Wl,--gc-sections,--nmagic', ...toolchain.linkFlags]
    : [];
};

/** Headers of every program. */
const HEADERS = [
  'brownout.h',
  'brownout_update.h',
  'brownout_wasm.h',
  'brownout_string.h',
  'brownout_accel.h',
  'brownout_accel_add.h',
  'brownout_accel_circulant.h',
  'brownout_accel_windows.h',
  'brownout_accel_msp430.h',
  'brownout_accel_depthwise.h',
  'brownout_accel_plain.h',
  'brownout_accel_wide.h',
  'brownout_accel_signs.h',
  'brownout_accel_xnor.h',
  'brownout_accel_xnor_planes.h',
  'brownout_accel_xnor_single.h',
  'brownout_accel_halves.h',
  'brownout_accel_nibbles.h',
  'brownout_accel_winograd.h',
  'brownout_accel_ntt.h',
  'brownout_accel_ntt_dsp.h',
  'brownout_hal.h',
  'brownout_board.h',
];

const isSource = (name: string): boolean => /\.[cS]$/.test(name);

/** Files of a body of NVM, the port that it needs among them. */
export const nvmFiles = ({ nvm, board }: Place): string[] => {
  const { files, port } = nvmBody(nvm);
  return [...files, ...(port ? [board?.ports[port] ?? `brownout_port_${port}.c`] : [])];
};

/** C files of the library. */
export const librarySources = (place: Place): string[] => [
  ...['brownout.c', 'brownout_values.c', 'brownout_model.c'],
  ...nvmFiles(place).filter(isSource),
];

/** Ports of a board that the example prints by, and asks the supply. */
const boardPorts = ({ nvm, board }: Place): string[] => {
  if (!board) return [];
  const { text, power } = board.ports;
  return [text, asksSupply(board, nvm) ? power : undefined].filter((name) => name !== undefined);
};

/** Files of the example and of what it needs of its target, start-up code included: for people to edit. */
export const programFiles = (place: Place): string[] => {
  const { startup, runs } = place.target;
  const signature = place.checks?.signature ? [SIGNATURE_PORT] : [];
  return runs === 'part'
    ? ['main.c', 'brownout_hal.c', ...startup, 'brownout_board.h', ...boardPorts(place), ...signature]
    : ['main.c', 'brownout_hal_posix.c', 'brownout_board_posix.c', 'brownout_board.h', ...signature];
};

/** C files of these. */
export const programSources = (place: Place): string[] => programFiles(place).filter(isSource);

/** Where firmware gets at whoever verifies signatures: to be filled in. */
const SIGNATURE_PORT = 'brownout_port_signature.c';

/** Where a program runs. */
export interface Place {
  target: Target;
  nvm: NvmKind;
  board?: HardwareBoard | undefined;
  checks?: Checks | undefined;
}

/** What a program is built for. */
export interface Part extends Place {
  map: MemoryMap;
  settings: readonly Setting[];
  /** C files that are made for the part, by name. */
  own?: ReadonlyMap<string, string>;
  /** Images whose NVM it takes over. */
  earlier?: readonly Earlier[];
}

/** C files of a program for a part. */
export const partSources = (part: Part): string[] => [
  ...librarySources(part),
  ...programSources(part),
  ...(part.own ?? new Map<string, string>()).keys(),
];

/** brownout_settings.h of a board. */
const settingsHeader = (settings: readonly Setting[]): string =>
  packageText('brownout_settings.h').replace(
    '/* settings */\n',
    settings
      .map(({ name, value = 'BROWNOUT_FILL_IN', what }) =>
        [`/* ${what} */`, `#ifndef ${name}`, `#define ${name} ${value}`, '#endif', ''].join('\n'),
      )
      .join(''),
  );

const CPPFLAGS = 'CPPFLAGS = $(if $(SEMIHOSTING),-DBROWNOUT_SEMIHOSTING)';

/** Of a Makefile: the program's other forms, where they are asked for. `flash` makes what it needs of them itself. */
const otherForms = (prefix: string): string[] => [
  'firmware.hex: firmware.elf',
  `\t${prefix}objcopy -O ihex $< $@`,
  'firmware.bin: firmware.elf',
  `\t${prefix}objcopy -O binary $< $@`,
  '',
];

/** Of a Makefile: where the library of a vector unit is. */
const LIBRARY = [
  '# DSPLIB=FOLDER: where include/ and libdsplib.a of the library are that PORTING.md names.',
  'ifneq ($(MAKECMDGOALS),clean)',
  'ifeq ($(wildcard $(DSPLIB)/include/DSPLib.h),)',
  '$(error give DSPLIB=FOLDER, with include/DSPLib.h and libdsplib.a: PORTING.md says of what)',
  'endif',
  'endif',
  'CPPFLAGS += -I$(DSPLIB)/include',
];

function makefile(part: Part): string {
  const { target, board } = part;
  const objects = partSources(part).map((name) => name.replace(/\.[cS]$/, '.o'));
  const own = [...nvmFiles(part), ...programFiles(part), ...(board?.headers ?? [])];
  const made = ['brownout_model.h', 'brownout_settings.h', 'brownout_module.inc'];
  const headers = new Set([...made, ...HEADERS, ...own.filter((name) => !isSource(name))]);
  const { toolchain } = target;
  const isLlvm = compilerOf(target) === 'clang';
  const program = toolchain ? 'firmware.elf' : 'firmware';
  const library = board?.unit ? ' $(DSPLIB)/libdsplib.a' : '';
  return [
    `# ${target.name}. Made by brownout export; \`make\` builds ${program}.`,
    ...(isLlvm
      ? ['CC = clang', 'ASFLAGS = $(CFLAGS)']
      : [`CROSS ?= ${toolchain?.prefix ?? ''}`, 'CC = $(CROSS)gcc']),
    `CFLAGS = ${compileFlags(target).join(' ')}`,
    // The board's settings are in brownout_settings.h.
    ...(toolchain ? ['# SEMIHOSTING=1 prints through a debugger.', CPPFLAGS] : []),
    ...(board?.unit ? LIBRARY : []),
    `OBJECTS = ${objects.join(' ')}`,
    '',
    `${program}: $(OBJECTS)${toolchain ? ' link.ld' : ''}`,
    ...(toolchain ? ['\t@rm -f firmware.hex firmware.bin firmware.uf2'] : []),
    `\t${[isLlvm ? 'ld.lld' : '$(CC) $(CFLAGS)', ...linkFlags(target), `-o $@ $(OBJECTS)${library}`].join(' ')}`,
    '',
    `$(OBJECTS): ${[...headers].join(' ')}`,
    '',
    ...(toolchain ? otherForms(isLlvm ? 'llvm-' : '$(CROSS)') : []),
    'clean:',
    `\trm -f ${program} $(OBJECTS)`,
    '.PHONY: clean',
    '',
  ].join('\n');
}

/** Files by name that a program around `module` needs, whatever the target. */
export function commonFiles(image: Image, module: FirmwareModule, extras: Extras = {}): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of ['brownout.c', 'brownout_values.c', ...HEADERS]) files.set(name, packageText(name));
  files.set('brownout_settings.h', settingsHeader([]));
  files.set('brownout_module.inc', module.text);
  files.set('brownout_model.h', modelHeader(image, module, extras));
  files.set('brownout_model.c', modelSource(image, extras));
  if (extras.earlier?.length) files.set('brownout_earlier.h', earlierHeader(extras.earlier));
  return files;
}

/** What a tile of two ops in one takes of the stack besides: 1,088 bytes in all on a Cortex-M4 (`npm test -- separable`). */
const FUSED_STACK_BYTES = 512;

/** Stack of a program for `image`; `bytes`: of one whose ops are all plain. */
export const stackFor = ({ ops }: Image, bytes = STACK_BYTES): number =>
  ops.some(({ kind }) => kind === OpKind.SEPARABLE_CONV2D) ? bytes + FUSED_STACK_BYTES : bytes;

/** link.ld of a part. */
const scriptOf = (image: Image, { target, map, nvm, board }: Part): string => {
  const stackBytes = stackFor(image, board?.unit?.coreStackBytes ?? nvmBody(nvm).stackBytes);
  return target.name === 'msp430'
    ? msp430Script(map, stackBytes, board?.unit)
    : linkerScript(map, stackBytes);
};

/** All files of a firmware folder, by name. */
export function firmwareFiles(image: Image, module: FirmwareModule, part: Part): Map<string, string> {
  const { target, nvm, board, settings, own = new Map(), earlier = [], checks } = part;
  const files = commonFiles(image, module, { keepsOld: nvmBody(nvm).keepsOld, earlier, checks });
  for (const name of [...nvmFiles(part), ...programFiles(part), ...(board?.headers ?? [])])
    files.set(name, packageText(name));
  files.set('brownout_settings.h', settingsHeader(settings));
  if (target.toolchain) files.set('link.ld', scriptOf(image, part));
  for (const [name, text] of own) files.set(name, text);
  files.set('Makefile', makefile(part));
  return files;
}
