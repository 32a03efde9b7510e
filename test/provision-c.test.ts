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
import { readImage } from '../host/model/image.js';
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

/** What `brownout_provision` writes between its barriers; `edit` changes the C. */
async function recorded(edit: (text: string) => string = (text) => text): Promise<Write[][]> {
  const folder = join(temporaryFolder('provision'), 'firmware');
  const { files } = await exportFirmware(image, { target: 'cortex-m4' });
  writeFirmwareFolder(folder, files);
  const source = readFileSync(join(firmwareFolder, 'brownout.c'), 'utf8');
  const changed = edit(source);
  writeFileSync(join(folder, 'brownout.c'), changed);
  writeFileSync(join(folder, 'recorder.c'), RECORDER);
  const program = join(folder, 'provision');
  const names = readdirSync(folder)
    .filter((name) => /^(recorder|brownout|brownout_model)\.c$/.test(name))
    .map((name) => join(folder, name));
  compileNative(program, names, ['-O1', '-I', folder, '-Wno-unused-function', '-Wno-unused-parameter']);
  const bytes = execFileSync(program, { maxBuffer: 1 << 24 });
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

test.run();
