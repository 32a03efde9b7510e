// How long NVM lasts: the forecasts against the bodies of firmware/, compiled natively, and against counts by hand.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_FLAG_COMMIT, OP_TILES } from '../assembly/layout.js';
import { analyze } from '../host/analyze/analyze.js';
import { Random } from '../host/math/random.js';
import { FlashLog } from '../host/firmware/flash-log.js';
import { readImage } from '../host/model/image.js';
import type { NvmAction } from '../host/simulator/traced-nvm.js';
import { playOnLog } from './util/flash-job.js';
import { hasPrograms } from './util/native.js';

const nativeTest = hasPrograms('wear of flash', { gcc: 'gcc' }) ? test : test.skip;
const image = readImage(readFileSync(new URL('../../checkpoints/digits.brn', import.meta.url)));

/** Writes to a few hot places and to cold ones, some of them of bytes that are there, and barriers. */
function workload(random: Random, nvmBytes: number, count: number): NvmAction[] {
  return Array.from({ length: count }, (): NvmAction => {
    if (random.integer(3) === 0) return { what: 'sync', address: 0, bytes: new Uint8Array() };
    const length = 1 + random.integer(300);
    const address = random.integer(8) > 0 ? random.integer(3) * 400 : random.integer(nvmBytes - length);
    return { what: 'write', address, bytes: Uint8Array.from({ length }, () => random.integer(3)) };
  });
}

for (const [pageBytes, sectorBytes] of [
  [4096, 128],
  [1024, 64],
] as const) {
  nativeTest(`flash of ${pageBytes}-byte pages wears as forecast, erasure for erasure`, () => {
    const nvmBytes = 6144;
    const actions = workload(new Random(pageBytes), nvmBytes, 20_000);
    const initial = new Uint8Array(nvmBytes).fill(3);
    const flags = [
      `-DBROWNOUT_FLASH_PAGE_BYTES=${pageBytes}u`,
      `-DBROWNOUT_FLASH_SECTOR_BYTES=${sectorBytes}u`,
    ];
    const { erasures, least, most, cuts } = playOnLog({ initial, actions }, { seed: 0, flags });
    const log = new FlashLog(nvmBytes, { pageBytes, sectorBytes });
    log.write(0, initial);
    log.sync();
    for (const { what, address, bytes } of actions) {
      if (what === 'write') log.write(address, bytes);
      else log.sync();
    }
    const found = log.pages.map((page) => page.erasures);
    assert.is(cuts, 0);
    assert.is(
      found.reduce((sum, count) => sum + count, 0),
      erasures,
    );
    assert.equal([Math.min(...found), Math.max(...found)], [least, most]);
    assert.ok(most > 50, `${most} erasures`);
  });
}

test('analyze forecasts every kind of NVM', () => {
  const { endurance } = analyze(image);
  const of = (name: string): (typeof endurance)[number] => endurance.find(({ nvm }) => nvm === name)!;
  assert.equal(
    endurance.map(({ nvm }) => nvm),
    ['mapped', 'fram', 'mram', 'spi-fram', 'eeprom', 'flash'],
  );
  for (const { wearPerInference, lasts, lifetimeInferences } of endurance) {
    assert.ok(wearPerInference > 0);
    assert.is(lifetimeInferences, Math.floor(lasts / wearPerInference));
  }
  // Slots take turns at commits: every so many tiles, where overlapping buffers ask for one, submitted, acknowledged.
  let [commits, since] = [2, 0];
  for (const op of image.ops) {
    for (let tile = 1; tile <= op.get(OP_TILES); tile++) {
      since++;
      const mandatory = op.has(OP_FLAG_COMMIT) && tile === op.get(OP_TILES);
      if (!mandatory && since < image.policy.every) continue;
      commits++;
      since = 0;
    }
  }
  if (since > 0) commits++;
  assert.ok(Math.abs(of('mapped').wearPerInference - commits / 2) <= 0.5, JSON.stringify(endurance));
  // Slots are pages of the latch, and no cursor is like the one before.
  assert.is(of('eeprom').wearPerInference, of('mapped').wearPerInference);
  assert.is(of('eeprom').lasts, 1e6);
  // The log spreads 80 records an inference over 280 slots, but for what they copy.
  const { wearPerInference, unit } = of('flash');
  assert.is(unit, 'page');
  assert.ok(wearPerInference > 80 / 280 / 4 && wearPerInference < (80 / 280) * 4, `${wearPerInference}`);
  // One erasure for every write would be many times worse.
  assert.ok(of('flash').lifetimeInferences > 1e4 / of('mapped').wearPerInference);
});

test.run();
