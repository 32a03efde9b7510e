// What firmware of each model takes, held by bench/budget.json, and what a module with an image's own kernels saves.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  firmwareImages,
  measureFirmware,
  measureGuards,
  measureSpecialised,
} from '../bench/firmware-models.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { boardPackages, hasPrograms } from './util/native.js';

const sizeTest = hasPrograms('sizes of firmware', boardPackages('qemu-mps2-an386')) ? test : test.skip;
const { firmwareModels } = JSON.parse(
  readFileSync(new URL('../../bench/budget.json', import.meta.url), 'utf8'),
) as { firmwareModels: Record<string, { codeBytes: number; ramBytes: number }> };

const images = firmwareImages();
for (const [name, limits] of Object.entries(firmwareModels)) {
  const make = images[name];
  if (!make) {
    console.log(`skipped: firmware of ${name}: set BROWNOUT_DATA to the folder that holds models/`);
    test.skip(`firmware of ${name}`, () => {});
    continue;
  }
  sizeTest(`firmware of ${name} keeps to its code and SRAM`, async () => {
    const { codeBytes, staticBytes, stackBytes } = await measureFirmware(make());
    const found = { codeBytes, ramBytes: staticBytes + stackBytes };
    for (const what of ['codeBytes', 'ramBytes'] as const) {
      assert.ok(found[what] <= limits[what], `${what} ${found[what]} > ${limits[what]}`);
      assert.ok(found[what] > limits[what] * 0.85, `${what} only ${found[what]}: lower the budget`);
    }
  });
}

sizeTest('digits: checks at begin, an erasure and the check of the plan take 1.2 KB at most', async () => {
  const { bare, begin, erase, plan } = await measureGuards(images['digits']!());
  const [checks, erasing, steering] = [begin - bare, erase - begin, plan - erase];
  assert.ok(checks > 0 && erasing > 0 && steering > 0, `${bare}, ${begin}, ${erase}, ${plan}`);
  assert.ok(plan - bare <= 1229, `${checks} + ${erasing} + ${steering} bytes`);
});

sizeTest('digits: its own module is at most 60 % of the generic one, and takes at most 90 %', async () => {
  assert.ok(moduleBytes('digits').length <= 0.6 * moduleBytes('device').length);
  const { own, generic, fast } = await measureSpecialised(images['digits']!());
  assert.ok(own <= 0.9 * generic, `${own} of ${generic} instructions`);
  // Both made for speed, with the same bodies: what folding alone saves.
  assert.ok(own <= 0.91 * fast, `${own} of ${fast} instructions`);
});

test.run();
