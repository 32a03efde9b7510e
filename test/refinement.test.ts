// The proof through the flash layer: whatever a cut does to the log of firmware/brownout_nvm_flash.c, what the engine reads
// afterwards is NVM that host/verify allows for. Writes and barriers are those of real jobs.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { valuesFrom } from '../host/model/values.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { TracedNvm } from '../host/simulator/traced-nvm.js';
import { moduleBytes, moduleFor } from '../host/toolchain/modules.js';
import { playOnLog } from './util/flash-job.js';
import { firmwareFolder, hasPrograms, temporaryFolder } from './util/native.js';

const nativeTest = hasPrograms('the proof through the flash layer', { gcc: 'gcc' }) ? test : test.skip;
/** Other draws of what a cut leaves. */
const SEED = Number(process.env['BROWNOUT_SEED'] ?? 1);

const imageOf = (name: string): Image =>
  readImage(readFileSync(new URL(`../../checkpoints/${name}.brn`, import.meta.url)));

/** Writes, views and barriers of jobs on steady power, from boot to acknowledgement; the last `learns` of them learn. */
function traceOf(image: Image, { jobs, learns }: { jobs: number; learns: number }): TracedNvm {
  const nvm = new TracedNvm(image);
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(image))), {
    image,
    nvm,
    sramBytes: 65536,
    observe: (access, address, length) => {
      if (access === 'view') nvm.see(address, length);
    },
  });
  const random = new Random(5);
  for (let ticket = 1; ticket <= jobs; ticket++) {
    const bytes = Uint8Array.from({ length: image.input.bytes }, () => random.integer(256));
    const input = valuesFrom(bytes, image.metadata.input.dtype);
    const label = ticket > jobs - learns ? { label: 3 } : {};
    completeJob(device, image, { ticket, input, ...label }, {}, ticket > 1);
  }
  return nvm;
}

/** Erased often. */
const SMALL_PAGES = ['-DBROWNOUT_FLASH_PAGE_BYTES=1024u', '-DBROWNOUT_FLASH_SPREAD=0u'];
const sizes: Record<string, string[]> = {
  'pages of 4 KB': [],
  'pages of 1 KB, cold ones moved at once': SMALL_PAGES,
};
/** Inferences, of different inputs, so that the log comes around. */
const JOBS = 8;

for (const [name, flags] of Object.entries(sizes)) {
  nativeTest(
    `digits, ${name}: every cut leaves a prefix of the writes, all before the last barrier in it`,
    () => {
      const image = imageOf('digits');
      const found = playOnLog(traceOf(image, { jobs: JOBS, learns: 0 }), { flags, seed: SEED });
      assert.ok(found.cuts > 4000 && found.erasures > 0, JSON.stringify(found));
      assert.ok(
        found.whole > 0 && found.none > 0 && found.whole + found.none < found.cuts,
        JSON.stringify(found),
      );
      console.log(`digits, ${name}: ${JSON.stringify(found)}`);
    },
  );
}

nativeTest('a learning step: every cut leaves a prefix of the writes', () => {
  const image = imageOf('digits-learn');
  const found = playOnLog(traceOf(image, { jobs: 1, learns: 1 }), { flags: SMALL_PAGES, seed: SEED });
  assert.ok(found.cuts > 4000, JSON.stringify(found));
  console.log(`digits-learn: ${JSON.stringify(found)}`);
});

/** What leaves states that are no prefix, by text of brownout_nvm_flash.c. */
const mutants: Record<string, [text: string, instead: string]> = {
  'what a sector held is forgotten where it is written in part': [
    'brownout_nvm_view(sector * BROWNOUT_FLASH_SECTOR_BYTES, BROWNOUT_FLASH_SECTOR_BYTES, nvm_log.buffer);',
    'memset(nvm_log.buffer, 0, sizeof nvm_log.buffer);',
  ],
  'a barrier does nothing': ['void brownout_nvm_sync(void) {\n  flush();', 'void brownout_nvm_sync(void) {'],
  'checksums are not looked at': [
    'return memcmp((const uint8_t *)from + bytes, &tail, sizeof tail) == 0;',
    '(void)tail; return 1;',
  ],
  'what lives in a page is not copied': [
    'nvm_log.pages[page].live > 0; slot',
    'slot > BROWNOUT_LOG_SLOTS; slot',
  ],
  'an erasure is not announced': ['if (has_head(page)) {', 'if (page > BROWNOUT_FLASH_PAGES) {'],
};

nativeTest('a log that leaves anything else is found', () => {
  const source = readFileSync(join(firmwareFolder, 'brownout_nvm_flash.c'), 'utf8');
  // The state of an image that learns has much that a job leaves alone: pages that are erased hold what still counts.
  const image = imageOf('digits-learn');
  const trace = traceOf(image, { jobs: 2 * JOBS, learns: 0 });
  for (const [what, [text, instead]] of Object.entries(mutants)) {
    assert.is(source.split(text).length, 2, what);
    const folder = temporaryFolder('mutant');
    writeFileSync(join(folder, 'brownout_nvm_flash.c'), source.replace(text, instead));
    assert.throws(
      () => playOnLog(trace, { flags: SMALL_PAGES, nvm: folder, seed: SEED }),
      /workload \d+/,
      what,
    );
  }
});

test.run();
