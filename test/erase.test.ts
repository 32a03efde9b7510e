// brownout_erase, cut in every step: nothing of what NVM held is left once it is done, and no cut leaves anything between.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware } from '../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import type { NvmKind } from '../host/firmware/nvm-bodies/index.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';

const image = readImage(compileUnproved(layered(new Random(2))));
const native = hasPrograms('erasing in C', { gcc: 'gcc' }) ? test : test.skip;

/** A part that loses power in step `cut_at`, a byte written or a barrier; and what is tried on it. */
const START = `
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "brownout.h"
#include "brownout_hal.h"
static jmp_buf off;
static uint32_t steps, cut_at;
static void fail(const char *what, uint32_t at) { printf("%s, cut %u\\n", what, at); exit(1); }
int brownout_power_low(void) { return 0; }
void brownout_trap(void) { fail("trap", cut_at); }
static void step(void) { if (++steps == cut_at) longjmp(off, 1); }
/* Personal data: a byte that nothing else has a run of. */
enum { SECRET = 0xa7 };
`;

const MEMORY = `
static uint8_t part[BROWNOUT_NVM_BYTES];
#define CELLS part
void brownout_nvm_begin(void) {}
const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) { return memcpy(scratch, part + address, length); }
void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  const uint8_t *bytes = source;
  for (; length > 0; length--) { step(); part[address++] = *bytes++; }
}
void brownout_nvm_sync(void) { step(); }
`;

/** Steps are units programmed and pages erased, each done or not. */
const FLASH = `
#include "brownout_nvm_flash.h"
static uint8_t part[BROWNOUT_FLASH_PAGES * BROWNOUT_FLASH_PAGE_BYTES];
#define CELLS part
const uint8_t *brownout_flash_at(uint32_t offset) { return part + offset; }
void brownout_flash_program(uint32_t offset, const void *source, uint32_t bytes) {
  uint32_t at;
  for (at = 0; at < bytes; at += 8) { step(); memcpy(part + offset + at, (const uint8_t *)source + at, 8); }
}
void brownout_flash_erase(uint32_t page) { step(); memset(part + page * BROWNOUT_FLASH_PAGE_BYTES, 0xff, BROWNOUT_FLASH_PAGE_BYTES); }
`;

const MAIN = `
static int secrets(void) {
  uint32_t i, run = 0;
  for (i = 0; i < sizeof CELLS; i++) { run = CELLS[i] == SECRET ? run + 1 : 0; if (run >= 8) return 1; }
  return 0;
}
static int lies_in(uint32_t address) {
  uint8_t scratch[1];
  return *(const uint8_t *)brownout_nvm_view(address, 1, scratch) != 0;
}
int main(void) {
  static uint8_t before[sizeof CELLS];
  static uint8_t secret[BROWNOUT_NVM_BYTES - BROWNOUT_DIAGNOSTICS - BROWNOUT_DIAGNOSTICS_BYTES];
  const uint32_t from = BROWNOUT_DIAGNOSTICS + BROWNOUT_DIAGNOSTICS_BYTES;
  uint32_t i, old = 0, gone = 0, cuts = 0;
  memset(part, 0xff, sizeof part);
  if (brownout_begin() != BROWNOUT_IDLE) fail("begin", 0);
  memset(secret, SECRET, sizeof secret);
  brownout_nvm_write(from, secret, sizeof secret);
  brownout_nvm_sync();
  /* Written over, and so still somewhere in a log. */
  brownout_nvm_write(from, secret, 64);
  memset(secret, SECRET ^ 1, 32);
  brownout_nvm_write(from, secret, 64);
  brownout_nvm_sync();
  memcpy(before, part, sizeof part);
  if (!secrets()) fail("no secret to erase", 0);
  for (i = 1;; i++) {
    memcpy(part, before, sizeof part);
    steps = 0;
    cut_at = 0;
    brownout_nvm_begin();
    if (brownout_begin() != BROWNOUT_IDLE) fail("begin", i);
    steps = 0;
    cut_at = i;
    if (setjmp(off) == 0) {
      if (brownout_erase() != BROWNOUT_IDLE) fail("erase", i);
      cut_at = 0;
      if (secrets()) fail("left after the erasure", i);
      for (i = 64; i < BROWNOUT_SLOT0; i++) if (lies_in(i)) fail("no zero", i);
      for (i = from; i < BROWNOUT_NVM_BYTES; i++) if (lies_in(i)) fail("no zero", i);
      if (brownout_ticket() != 0 || brownout_status() != BROWNOUT_IDLE) fail("not as provisioned", i);
      break;
    }
    cuts++;
    cut_at = 0;
    if (brownout_begin() != BROWNOUT_IDLE) fail("begin after a cut", i);
    if (secrets()) {
      uint32_t at;
      for (at = from + 64; at < BROWNOUT_NVM_BYTES; at++) if (!lies_in(at)) fail("erased in part", i);
      old++;
    } else gone++;
  }
  printf("%u %u %u\\n", cuts, old, gone);
  return 0;
}
`;

async function erased(kind: NvmKind, edit = (text: string): string => text): Promise<number[]> {
  const folder = join(temporaryFolder('erase'), 'firmware');
  const { files } = await exportFirmware(image, { target: 'cortex-m4', nvm: kind, verify: false });
  writeFirmwareFolder(folder, files);
  const source = join(folder, 'brownout.c');
  const text = readFileSync(source, 'utf8');
  const changed = edit(text);
  assert.ok(edit === undefined || changed.length > 0);
  writeFileSync(source, changed);
  const isLog = kind === 'flash';
  writeFileSync(join(folder, 'trial.c'), START + (isLog ? FLASH : MEMORY) + MAIN);
  const sources = ['trial.c', 'brownout.c', 'brownout_model.c', ...(isLog ? ['brownout_nvm_flash.c'] : [])];
  const program = join(folder, 'trial');
  const flags = ['-O1', '-I', folder, '-Wno-unused-function', '-Wno-unused-parameter', '-Wno-clobbered'];
  compileNative(
    program,
    sources.map((name) => join(folder, name)),
    flags,
  );
  return execFileSync(program, { encoding: 'utf8' }).trim().split(' ').map(Number);
}

for (const kind of ['mapped', 'flash'] as const)
  native(
    `${kind}: a cut in every step of an erasure leaves all or nothing, and in the end nothing`,
    async () => {
      const [cuts = 0, old = 0, gone = 0] = await erased(kind);
      assert.ok(cuts > 100 && old > 0 && gone > cuts / 2, `${cuts} cuts: ${old} old, ${gone} gone`);
      assert.is(old + gone, cuts);
    },
  );

const MUTANTS: [name: string, kind: NvmKind, from: string, to: string][] = [
  ['the rest not erased', 'mapped', 'while (at < BROWNOUT_NVM_BYTES)', 'while (at < BROWNOUT_NVM_BYTES / 2)'],
  [
    'begin that forgets the erasure',
    'mapped',
    'if (marked > 0) erase();',
    'if (marked > BROWNOUT_READS) erase();',
  ],
  ['no mark', 'mapped', '  brownout_nvm_write(BROWNOUT_JOURNAL, erasing, sizeof erasing);\n', ''],
  ['records that were written over kept', 'flash', '  brownout_nvm_forget();\n', ''],
];

for (const [name, kind, from, to] of MUTANTS)
  native(`caught: ${name}`, async () => {
    let refuted = false;
    try {
      await erased(kind, (text) => {
        assert.ok(text.includes(from), from);
        return text.replace(from, to);
      });
    } catch (error) {
      refuted = /, cut \d+/.test(String((error as { stdout?: string }).stdout));
    }
    assert.ok(refuted);
  });

test.run();
