// Models of NVM that are cut after each step (test/c/): compiled with the bodies of a folder, and played.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileNative, firmwareFolder, temporaryFolder } from './native.js';

const NVM_BYTES = 1024;
const models = fileURLToPath(new URL('../../../test/c/', import.meta.url));

/** Program, C file of test/c/, compiler flags. */
export const kinds: Record<string, [source: string, flags: string[]]> = {
  flash: [
    'flash.c',
    ['-DBROWNOUT_FLASH_PAGE_BYTES=512u', '-DBROWNOUT_FLASH_PAGES=8u', '-DBROWNOUT_FLASH_SECTOR_BYTES=32u'],
  ],
  'flash with large sectors': [
    'flash.c',
    ['-DBROWNOUT_FLASH_PAGE_BYTES=2048u', '-DBROWNOUT_FLASH_SECTOR_BYTES=128u'],
  ],
  // As many sectors as its pages may hold.
  'flash with as many sectors as there may be': [
    'flash.c',
    [
      '-DBROWNOUT_FLASH_PAGE_BYTES=512u',
      '-DBROWNOUT_FLASH_PAGES=6u',
      '-DBROWNOUT_FLASH_SECTOR_BYTES=64u',
      '-DBROWNOUT_NVM_BYTES=(BROWNOUT_LOG_MOST * BROWNOUT_FLASH_SECTOR_BYTES)',
    ],
  ],
  'spi-fram': ['spi.c', []],
  'spi-fram, 3 bytes of address': [
    'spi.c',
    ['-DBROWNOUT_NVM_ADDRESS_BYTES=3', '-DPART_ADDRESS_BYTES=3', '-DBROWNOUT_NVM_ADDRESS=0x180u'],
  ],
  'spi-fram, a region over 64 KB': ['spi.c', ['-DPART_ADDRESS_BYTES=3', '-DBROWNOUT_NVM_ADDRESS=0xff00u']],
  eeprom: ['spi.c', ['-DEEPROM']],
  'eeprom with small pages': [
    'spi.c',
    ['-DEEPROM', '-DBROWNOUT_NVM_PAGE_BYTES=16u', '-DBROWNOUT_NVM_ADDRESS=0x108u'],
  ],
  'spi-fram, asleep between accesses': ['spi.c', ['-DBROWNOUT_NVM_SLEEP=0xb9', '-DPART_SLEEP=0xb9']],
  'eeprom, asleep between accesses': [
    'spi.c',
    ['-DEEPROM', '-DBROWNOUT_NVM_SLEEP=0xb9', '-DPART_SLEEP=0xb9'],
  ],
  'spi-fram, read back': ['spi.c', ['-DWEAK', '-DBROWNOUT_NVM_READ_BACK']],
  'eeprom, read back': ['spi.c', ['-DEEPROM', '-DWEAK', '-DBROWNOUT_NVM_READ_BACK']],
  file: ['file.c', []],
};

/** The program of a kind's model, with the bodies in folder `nvm`. */
export function build(kind: string, nvm = firmwareFolder, more: string[] = []): string {
  const folder = temporaryFolder('hal');
  writeFileSync(
    join(folder, 'brownout_model.h'),
    `#ifndef BROWNOUT_NVM_BYTES\n#include <stdint.h>\n#define BROWNOUT_NVM_BYTES ${NVM_BYTES}u\n#endif\n`,
  );
  const [source, flags] = kinds[kind]!;
  const program = join(folder, 'model');
  compileNative(
    program,
    [join(models, source)],
    ['-O2', '-Wconversion', '-I', nvm, '-I', folder, ...flags, ...more],
  );
  return program;
}

/** The numbers that a run of it prints. Throws where the model finds something. */
export const play = (program: string, ...args: (string | number)[]): number[] =>
  execFileSync(program, args.map(String), { cwd: dirname(program), encoding: 'utf8' })
    .trim()
    .split(' ')
    .map(Number);
