// NVM of every kind on models that are cut after each step: nothing acknowledged is lost, and flash wears evenly.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nvmBody, nvmKinds } from '../host/firmware/nvm-bodies/index.js';
import { firmwareFolder, hasPrograms, temporaryFolder } from './util/native.js';
import { build, kinds, play } from './util/nvm-models.js';

/** Seeded workloads of each kind: 100,000 take minutes. */
const WORKLOADS = Number(process.env['BROWNOUT_WORKLOADS'] ?? 300);
/** Boots of each kind in which power fails early. */
const TEARS = 1000;
const nativeTest = hasPrograms('NVM of every kind', { gcc: 'gcc' }) ? test : test.skip;

test('every body of NVM has a model that is cut', () => {
  // A store to mapped NVM is whatever the core makes of it: nothing of the body's own can be cut.
  const modelled = new Set(Object.keys(kinds).map((name) => name.split(/,| with/)[0]!));
  assert.equal(
    nvmKinds.filter((kind) => kind !== 'mapped' && !modelled.has(kind)),
    [],
  );
});

test('docs/FIRMWARE.md has a row for every body of NVM, with its file', () => {
  const text = readFileSync(new URL('../../docs/FIRMWARE.md', import.meta.url), 'utf8');
  for (const kind of nvmKinds) {
    const [row] = new RegExp(`^\\| \`${kind}\` .*$`, 'm').exec(text) ?? [];
    assert.ok(row?.includes(nvmBody(kind).files[0]!), `${kind}: no row with ${nvmBody(kind).files[0]}`);
  }
});

for (const kind of Object.keys(kinds)) {
  nativeTest(`${kind}: ${WORKLOADS} workloads, cut after every step`, () => {
    const [cuts] = play(build(kind), 'cuts', 0, WORKLOADS);
    assert.ok(cuts! >= WORKLOADS * 8, `${cuts} cuts`);
  });
}

nativeTest('memories behind SPI: a region that two bytes cannot address does not compile', () => {
  const flags = ['-DBROWNOUT_NVM_ADDRESS_BYTES=2', '-DBROWNOUT_NVM_ADDRESS=0xfc01u'];
  for (const kind of ['spi-fram', 'eeprom']) {
    const compiled = (...more: string[]): string => build(kind, firmwareFolder, more);
    assert.throws(() => compiled(...flags), /needs more NVM than BROWNOUT_NVM_ADDRESS_BYTES/);
    assert.throws(() => compiled('-DBROWNOUT_NVM_ADDRESS=0xfffc01u'), /needs more NVM/);
    compiled('-DBROWNOUT_NVM_ADDRESS_BYTES=2', '-DBROWNOUT_NVM_ADDRESS=0xfc00u');
  }
});

nativeTest('memories behind SPI: a body that does not wait for the part to come up is found', () => {
  for (const name of ['spi_fram', 'eeprom']) {
    const folder = temporaryFolder('mutant');
    const body = readFileSync(join(firmwareFolder, `brownout_nvm_${name}.c`), 'utf8');
    const mutant = body.replace('  spi_power_up();', '  (void)spi_power_up;\n  brownout_spi_select(0);');
    assert.is.not(mutant, body);
    writeFileSync(join(folder, `brownout_nvm_${name}.c`), mutant);
    const program = build(name.replace('_', '-'), folder);
    assert.throws(() => execFileSync(program, ['cuts', '0', '16'], { stdio: 'pipe' }), /before it is up/);
    // One that does not come up within its patience counts as absent: nothing is asked of it.
    const hasty = build(name.replace('_', '-'), firmwareFolder, ['-DBROWNOUT_NVM_PATIENCE=1u']);
    assert.throws(() => execFileSync(hasty, ['cuts', '0', '16'], { stdio: 'pipe' }), /trap/);
  }
});

nativeTest('memories behind SPI: a body that sleeps while it writes, or is not woken, is found', () => {
  for (const [name, text, instead, found] of [
    [
      'eeprom',
      'void brownout_nvm_sleep(void) {\n  settle();',
      'void brownout_nvm_sleep(void) {',
      /while it writes/,
    ],
    ['spi_fram', '  spi_power_up();', '  static int is_up;\n  if (!is_up++) spi_power_up();', /workload \d+/],
  ] as const) {
    const folder = temporaryFolder('mutant');
    const body = readFileSync(join(firmwareFolder, `brownout_nvm_${name}.c`), 'utf8');
    assert.ok(body.includes(text));
    writeFileSync(join(folder, `brownout_nvm_${name}.c`), body.replace(text, instead));
    const program = build(`${name.replace('_', '-')}, asleep between accesses`, folder);
    assert.throws(() => execFileSync(program, ['cuts', '0', '64'], { stdio: 'pipe' }), found);
  }
});

nativeTest(
  'memories behind SPI: a write that does not take is found by what reads it back, and by nothing else',
  () => {
    for (const kind of ['spi-fram', 'eeprom']) {
      const trusting = build(kind, firmwareFolder, ['-DWEAK']);
      assert.throws(() => execFileSync(trusting, ['cuts', '0', '16'], { stdio: 'pipe' }), /workload \d+/);
      // One that never takes is not waited for: the part counts as broken.
      const never = build(`${kind}, read back`, firmwareFolder, ['-DBROWNOUT_NVM_TRIES=1u']);
      assert.throws(() => execFileSync(never, ['cuts', '0', '16'], { stdio: 'pipe' }), /trap/);
    }
  },
);

const FLASH = Object.keys(kinds).filter((kind) => kind.startsWith('flash'));

nativeTest('flash: pages of hot and of cold data wear within a tenth of each other', () => {
  const [least, most, total] = play(build('flash'), 'wear', 100_000);
  const mean = total! / 8;
  assert.ok(mean > 1000, `${mean} erasures a page`);
  assert.ok(least! > mean * 0.95 && most! < mean * 1.05, `${least} … ${most}, on average ${mean}`);
});

for (const kind of FLASH) {
  nativeTest(`${kind}: power that fails early in every boot spoils slots, but nothing else`, () => {
    const [boots] = play(build(kind), 'tears', TEARS);
    assert.ok(boots! >= TEARS * 64, `${boots} boots`);
  });
}

nativeTest('flash: what does not take, and nobody says so, is written again elsewhere', () => {
  for (const kind of FLASH) {
    const [cuts] = play(build(kind), 'weak', 0, 128);
    assert.ok(cuts! > 5000, `${kind}: ${cuts} cuts`);
  }
});

/** What breaks each promise, by text of brownout_nvm_flash.c; and what finds it. */
const mutants: Record<string, [text: string, instead: string, play?: string[]]> = {
  'an erasure that was cut counts as done': [
    'is_blank_mark(head->mark_before) && is_blank_mark(head->mark_behind) && has_head(page)',
    '(void)head, has_head(page)',
  ],
  'an erasure is not announced': ['if (has_head(page)) {', 'if (page > BROWNOUT_FLASH_PAGES) {'],
  'it is announced before the header alone': [
    '    clear_mark(start + (uint32_t)offsetof(struct page_head, mark_behind));\n',
    '',
    ['tears', '1000'],
  ],
  'it is announced behind the header alone': [
    '    clear_mark(start + (uint32_t)offsetof(struct page_head, mark_before));\n',
    '',
    ['tears', '1000'],
  ],
  'what lives in a page is not copied': [
    'nvm_log.pages[page].live > 0; slot',
    'slot > BROWNOUT_LOG_SLOTS; slot',
  ],
  'checksums are not looked at': [
    'return memcmp((const uint8_t *)from + bytes, &tail, sizeof tail) == 0;',
    '(void)tail; return 1;',
  ],
  'a slot counts as blank by its first byte': ['at < sizeof *record', 'at < 1'],
  'a barrier does nothing': ['void brownout_nvm_sync(void) {\n  flush();', 'void brownout_nvm_sync(void) {'],
  'the oldest record wins': [
    'record->head.sequence > record_at(old)->head.sequence',
    'record->head.sequence < record_at(old)->head.sequence',
  ],
  'spoilt pages stay as they are': [
    '  if (best == BROWNOUT_LOG_NONE) best = salvage();\n',
    '  (void)salvage;\n',
    ['tears', '1000'],
  ],
  'copies are not given up': [
    'copies <= BROWNOUT_LOG_SLOTS',
    'copies < BROWNOUT_LOG_SLOTS',
    ['tears', '1000'],
  ],
  'a record that did not take is believed': [
    'while (memcmp(record_at(location), &record, sizeof record) != 0);',
    'while (0);',
    ['weak', '0', '64'],
  ],
  'a page whose header did not take is believed': [
    'while (!has_head(page));',
    'while (0);',
    ['weak', '0', '128'],
  ],
  'the last free page takes anything': ['(uint32_t)has_room() > 1u', '1u > 0u', ['tears', '2000']],
};

nativeTest('models find what is wrong with a log', () => {
  const source = readFileSync(join(firmwareFolder, 'brownout_nvm_flash.c'), 'utf8');
  for (const [what, [text, instead, how = ['cuts', '0', '256']]] of Object.entries(mutants)) {
    assert.is(source.split(text).length, 2, what);
    const folder = temporaryFolder('mutant');
    writeFileSync(join(folder, 'brownout_nvm_flash.c'), source.replace(text, instead));
    const program = build('flash', folder);
    assert.throws(() => execFileSync(program, how, { stdio: 'pipe' }), /workload \d+/, what);
  }
});

test.run();
