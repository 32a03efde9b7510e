// Every C file of an export compiles without a warning, by gcc for Arm and RISC-V and by clang for MSP430.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFiles } from '../host/firmware/build-elf.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { nvmBody, nvmKinds } from '../host/firmware/nvm-bodies/index.js';
import { packageText } from '../host/firmware/sources.js';
import { readImage } from '../host/model/image.js';
import { hasPrograms, temporaryFolder } from './util/native.js';

const arm = { 'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi' };
const riscv = { 'riscv64-unknown-elf-gcc': 'gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf' };
const RV32 = ['-march=rv32imc', '-mabi=ilp32', '--specs=picolibc.specs'];

/** What clang does not come with: the functions that emitted C stands on. */
const STRING_H = `#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
`;

const WARNINGS = ['-std=c99', '-O2', '-Wall', '-Wextra', '-Wconversion', '-Werror'];

const compilers: readonly [
  name: string,
  packages: Record<string, string>,
  flags: string[],
  startup: string,
][] = [
  ['Cortex-M0+', arm, ['-mcpu=cortex-m0plus', '-mthumb'], 'brownout_cortex_m.c'],
  ['Cortex-M4', arm, ['-mcpu=cortex-m4', '-mthumb'], 'brownout_cortex_m.c'],
  ['rv32imc', riscv, RV32, 'brownout_riscv.c'],
  ['msp430', { clang: 'clang' }, ['--target=msp430', '-ffreestanding', '-Iinclude'], ''],
];

const image = readImage(readFileSync(new URL('../../checkpoints/digits.brn', import.meta.url)));
const { PATH } = process.env;

/** The module's code with gemm_s8 on LEA, as docs/ACCEL.md says; TI's header is stood in for. */
function compileForLea(folder: string, compiler: string, flags: string[]): void {
  for (const name of ['brownout_accel_lea.h', 'brownout_accel_lea_windows.h'])
    writeFileSync(join(folder, name), packageText(name));
  const library = fileURLToPath(new URL('../../firmware/boards', import.meta.url));
  const lea = ['-DBROWNOUT_LEA', `-I${library}`, '-c', 'brownout.c', '-o', 'lea.o'];
  execFileSync(compiler, [...WARNINGS, ...flags, ...lea], { cwd: folder, stdio: 'pipe' });
  const object = readFileSync(join(folder, 'lea.o'), 'latin1');
  assert.ok(object.includes('msp_lea_invokeCommand') && object.includes('leaRAM'), 'calls the library');
}

for (const [name, packages, flags, startup] of compilers) {
  const run = hasPrograms(`warnings of a compiler for ${name}`, packages) ? test : test.skip;
  run(`${name}: no warning`, async () => {
    for (const nvm of nvmKinds.filter((kind) => nvmBody(kind).runs === 'part')) {
      const folder = join(temporaryFolder('warnings'), nvm);
      // Nothing is linked here.
      process.env['PATH'] = '/nowhere';
      const target = startup === 'brownout_riscv.c' ? 'rv32imc' : 'cortex-m4';
      const { files } = await exportFirmware(image, { target, nvm }).finally(() => {
        process.env['PATH'] = PATH;
      });
      writeFiles(folder, files);
      mkdirSync(join(folder, 'include'));
      writeFileSync(join(folder, 'include/string.h'), STRING_H);
      const strangers = ['brownout_cortex_m.c', 'brownout_riscv.c'].filter((file) => file !== startup);
      const sources = [...files.keys()].filter((file) => file.endsWith('.c') && !strangers.includes(file));
      assert.ok(sources.length > 4);
      const compiler = Object.keys(packages)[0]!;
      execFileSync(compiler, [...WARNINGS, ...flags, '-c', ...sources], { cwd: folder, stdio: 'pipe' });
      if (name === 'msp430') compileForLea(folder, compiler, flags);
    }
  });
}

test.run();
