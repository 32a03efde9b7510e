// NVM of every kind on models that are cut after each step: nothing acknowledged is lost, and flash wears evenly.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileNative, firmwareFolder, hasPrograms, temporaryFolder } from './util/native.js';

/** Seeded workloads of each kind: 100,000 take minutes. */
const WORKLOADS = Number(process.env['BROWNOUT_WORKLOADS'] ?? 300);
const NVM_BYTES = 1024;
const nativeTest = hasPrograms('NVM of every kind', { gcc: 'gcc' }) ? test : test.skip;
const models = fileURLToPath(new URL('../../test/c/', import.meta.url));

/** Program, C file of test/c/, compiler flags. */
const kinds: Record<string, [source: string, flags: string[]]> = {
  flash: ['flash.c', ['-DFLASH_PAGE_BYTES=512u', '-DFLASH_PAGES=8u', '-DFLASH_SECTOR_BYTES=32u']],
  'flash with large sectors': ['flash.c', ['-DFLASH_PAGE_BYTES=2048u', '-DFLASH_SECTOR_BYTES=128u']],
  'spi-fram': ['spi.c', []],
  'spi-fram, 3 bytes of address': ['spi.c', ['-DNVM_ADDRESS_BYTES=3', '-DNVM_ADDRESS=0x180u']],
  eeprom: ['spi.c', ['-DEEPROM']],
  'eeprom with small pages': ['spi.c', ['-DEEPROM', '-DNVM_PAGE_BYTES=16u', '-DNVM_ADDRESS=0x108u']],
  file: ['file.c', []],
};

function build(kind: string, nvm = firmwareFolder): string {
  const folder = temporaryFolder('hal');
  writeFileSync(join(folder, 'model.h'), `#include <stdint.h>\n#define BROWNOUT_NVM_BYTES ${NVM_BYTES}u\n`);
  const [source, flags] = kinds[kind]!;
  const program = join(folder, 'model');
  compileNative(program, [join(models, source)], ['-O2', '-Wconversion', '-I', nvm, '-I', folder, ...flags]);
  return program;
}

const play = (program: string, ...args: (string | number)[]): number[] =>
  execFileSync(program, args.map(String), { encoding: 'utf8' }).trim().split(' ').map(Number);

for (const kind of Object.keys(kinds)) {
  nativeTest(`${kind}: ${WORKLOADS} workloads, cut after every step`, () => {
    const [cuts] = play(build(kind), 'cuts', 0, WORKLOADS);
    assert.ok(cuts! >= WORKLOADS * 8, `${cuts} cuts`);
  });
}

nativeTest('flash: pages of hot and of cold data wear within a tenth of each other', () => {
  const [least, most, total] = play(build('flash'), 'wear', 100_000);
  const mean = total! / 8;
  assert.ok(mean > 1000, `${mean} erasures a page`);
  assert.ok(least! > mean * 0.95 && most! < mean * 1.05, `${least} … ${most}, on average ${mean}`);
});

/** What breaks each promise, by text of nvm-flash.c. */
const mutants: Record<string, [text: string, instead: string]> = {
  'an erasure that was cut counts as done': ['page_head(page)->erasures < words[1]', '0'],
  'an erasure is not announced': ['  append(INTENT, data);\n', ''],
  'what lives in a page is not copied': ['slot < SLOTS && nvm_log.pages[page].live > 0', 'slot > SLOTS'],
  'checksums are not looked at': [
    'return memcmp((const uint8_t *)from + bytes, &tail, sizeof tail) == 0;',
    '(void)tail; return 1;',
  ],
  'a slot counts as blank by its first byte': ['at < sizeof *record', 'at < 1'],
  'a barrier does nothing': ['void nvm_sync(void) {\n  flush();', 'void nvm_sync(void) {'],
  'the oldest record wins': [
    'record->head.sequence > record_at(old)->head.sequence',
    'record->head.sequence < record_at(old)->head.sequence',
  ],
};

nativeTest('models find what is wrong with a log', () => {
  const source = readFileSync(join(firmwareFolder, 'nvm-flash.c'), 'utf8');
  for (const [what, [text, instead]] of Object.entries(mutants)) {
    assert.is(source.split(text).length, 2, what);
    const folder = temporaryFolder('mutant');
    writeFileSync(join(folder, 'nvm-flash.c'), source.replace(text, instead));
    const program = build('flash', folder);
    assert.throws(() => execFileSync(program, ['cuts', '0', '256'], { stdio: 'pipe' }), /workload \d+/, what);
  }
});

test.run();
