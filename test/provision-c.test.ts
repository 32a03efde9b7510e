// Provisioning as firmware does it, in C: cut within every phase, over NVM of any content, it leaves no device that looks
// ready. What the C writes is recorded here, and cut by the proof's own obligation.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware } from '../host/export/export-firmware.js';
import { Random } from '../host/math/random.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { Status } from '../assembly/error.js';
import { cursorBytes, idleFields, slotAddress } from '../host/model/cursor.js';
import { readImage } from '../host/model/image.js';
import { deviceAt } from '../host/verify/job.js';
import type { Write } from '../host/verify/probe.js';
import { provisioning } from '../host/verify/provisioning.js';
import { setUp, subjectOf } from '../host/verify/verify.js';
import { Refuted } from '../host/verify/violation.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { compileNative, firmwareFolder, hasPrograms, temporaryFolder } from './util/native.js';

const image = readImage(compileUnproved(layered(new Random(2))));
const native = hasPrograms('provisioning in C', { gcc: 'gcc' }) ? test : test.skip;

/** Records what the calls of the HAL are given: address, length and bytes of writes; a length of 0 is a barrier. */
const RECORDER = `
#include <stdio.h>
#include <stdlib.h>
#include "brownout.h"
#include "brownout_hal.h"
void brownout_nvm_begin(void) {}
const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) { (void)address; (void)length; return scratch; }
void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  fwrite(&address, 1, 4, stdout); fwrite(&length, 1, 4, stdout); fwrite(source, 1, length, stdout);
}
void brownout_nvm_sync(void) { const uint32_t none[2] = {0, 0}; fwrite(none, 1, 8, stdout); }
int brownout_power_low(void) { return 0; }
void brownout_trap(void) { exit(70); }
int main(void) { brownout_provision(); return 0; }
`;

/** Begins on the NVM of a file, the view named on the command line read as ones; prints the state, and the bytes written. */
const BEGINNER = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "brownout.h"
#include "brownout_hal.h"
static uint8_t nvm[1u << 20];
static long bad, views, written;
void brownout_nvm_begin(void) {}
const void *brownout_nvm_view(uint32_t address, uint32_t length, void *scratch) {
  memcpy(scratch, nvm + address, length);
  if (views++ == bad) memset(scratch, 0xff, length);
  return scratch;
}
void brownout_nvm_write(uint32_t address, const void *source, uint32_t length) {
  memcpy(nvm + address, source, length);
  written += length;
}
void brownout_nvm_sync(void) {}
int brownout_power_low(void) { return 0; }
void brownout_trap(void) { exit(70); }
int main(int count, char **words) {
  FILE *file = fopen(words[1], "rb");
  int32_t state;
  if (count < 3 || !file) return 71;
  if (fread(nvm, 1, sizeof nvm, file) == 0) return 72;
  bad = atol(words[2]);
  state = brownout_begin();
  printf("%d %ld %ld", (int)state, written, views);
  return 0;
}
`;

/** Firmware with another main, `edit` changing brownout.c. Returns the program. */
async function built(main: string, edit: (text: string) => string = (text) => text): Promise<string> {
  const folder = join(temporaryFolder('provision'), 'firmware');
  const { files } = await exportFirmware(image, { target: 'cortex-m4' });
  writeFirmwareFolder(folder, files);
  const source = readFileSync(join(firmwareFolder, 'brownout.c'), 'utf8');
  const changed = edit(source);
  writeFileSync(join(folder, 'brownout.c'), changed);
  writeFileSync(join(folder, 'recorder.c'), main);
  const program = join(folder, 'provision');
  const names = readdirSync(folder)
    .filter((name) => /^(recorder|brownout|brownout_model)\.c$/.test(name))
    .map((name) => join(folder, name));
  compileNative(program, names, ['-O1', '-I', folder, '-Wno-unused-function', '-Wno-unused-parameter']);
  return program;
}

/** What `brownout_provision` writes between its barriers; `edit` changes the C. */
async function recorded(edit?: (text: string) => string): Promise<Write[][]> {
  const bytes = execFileSync(await built(RECORDER, edit), { maxBuffer: 1 << 24 });
  const phases: Write[][] = [[]];
  for (let at = 0; at < bytes.length;) {
    const [address, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    at += 8;
    if (length === 0) phases.push([]);
    else phases.at(-1)!.push({ address, bytes: new Uint8Array(bytes.subarray(at, at + length)) });
    at += length;
  }
  assert.equal(phases.pop(), [], 'a barrier after the last write');
  return phases;
}

const cut = (phases: Write[][]): number =>
  provisioning(
    subjectOf(setUp(image, {}), { tear: 1, line: 1 }, () => {}),
    phases,
  );

native(
  'the C leaves NVM as the simulator does, and no cut of it leaves a device that looks ready',
  async () => {
    const phases = await recorded();
    assert.is(phases.length, 3);
    assert.ok(cut(phases) > 150);
  },
);

const MUTANTS: [name: string, from: string, to: string][] = [
  [
    'the record written at once',
    'brownout_nvm_write(4, brownout_first_state + 4, BROWNOUT_STATE_BYTES - 4)',
    'brownout_nvm_write(0, brownout_first_state, BROWNOUT_STATE_BYTES)',
  ],
  [
    'the second slot not cleared',
    '  brownout_nvm_write(BROWNOUT_SLOT1, zeros, BROWNOUT_CURSOR_BYTES);\n',
    '',
  ],
  [
    'no barrier before the magic',
    'BROWNOUT_CURSOR_BYTES);\n  brownout_nvm_sync();\n  brownout_nvm_write(0, brownout_first_state, 4);',
    'BROWNOUT_CURSOR_BYTES);\n  brownout_nvm_write(0, brownout_first_state, 4);',
  ],
];

for (const [name, from, to] of MUTANTS)
  native(`caught: ${name}`, async () => {
    const phases = await recorded((text) => {
      assert.ok(text.includes(from));
      return text.replace(from, to);
    });
    assert.throws(
      () => cut(phases),
      (error: unknown) => error instanceof Refuted,
    );
  });

/** What begin says, with one view after another read as ones, on a device amid its answer. */
async function begun(edit?: (text: string) => string): Promise<{ states: Set<number>; wiped: number }> {
  const program = await built(BEGINNER, edit);
  const file = join(temporaryFolder('begin'), 'nvm');
  const nvm = deviceAt(image, 0);
  const done = { ...idleFields(image.imageId), state: Status.DONE, ticket: 7 };
  nvm.set(cursorBytes(done, 8), slotAddress(image, 0));
  nvm.set(cursorBytes(done, 7), slotAddress(image, 1));
  writeFileSync(file, nvm);
  const run = (bad: number): number[] =>
    execFileSync(program, [file, `${bad}`], { encoding: 'utf8' })
      .split(' ')
      .map(Number);
  const views = run(-1)[2]!;
  const runs = Array.from({ length: views }, (_, bad) => run(bad));
  return {
    states: new Set(runs.map(([state]) => state!)),
    wiped: runs.filter(([, written]) => written! > 0).length,
  };
}

native(
  'one bad read at power-up loses nothing: it is read again before anything is provisioned',
  async () => {
    const { states, wiped } = await begun();
    assert.equal([...states], [Status.DONE]);
    assert.is(wiped, 0);
    const once = await begun((text) => text.replace('#define BROWNOUT_READS 3', '#define BROWNOUT_READS 1'));
    assert.ok(once.wiped > 0);
  },
);

test.run();
