// Replays on power traces: what they report adds up, does not depend on when they run, and opens in a browser.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { main } from '../host/cli.js';
import { readNpy } from '../host/data/npy.js';
import { shippedImage } from '../host/demo/demo.js';
import type { BrownoutError } from '../host/error.js';
import type { Timeline } from '../host/power/recorder.js';
import { parseTrace } from '../host/power/trace.js';
import type { ReplayOptions } from '../host/replay/options.js';
import { replay } from '../host/replay/replay.js';
import { replayHtml } from '../host/replay/page.js';
import { size } from '../host/size/size.js';
import { findChromium, Page } from './util/chromium.js';

const root = new URL('../../', import.meta.url);
const image = shippedImage();
const samples = new URL('checkpoints/digits-samples.npy', root);
const input = readNpy(new Uint8Array(readFileSync(samples)));
const folder = mkdtempSync(join(tmpdir(), 'brownout-replay-'));
test.after(() => rmSync(folder, { recursive: true }));

const near = (found: number, expected: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${what}: ${found}, expected ${expected}`);

test('every µJ and every inference is accounted for', () => {
  const options: ReplayOptions[] = [
    { trace: 'rf' },
    { trace: 'rf', onLow: 'run' },
    { trace: 'rf:mean_off_ms=2000', converter: 'bq25504', esrOhm: 2 },
    { trace: 'kinetic', converter: 'diode', capacitorUf: 100, policy: 'every 4' },
    { trace: 'constant:power_uw=800', device: 'stm32u5', converter: 'bq25570', policy: 'low' },
  ];
  for (const option of options) {
    const what = JSON.stringify(option);
    const result = replay(image, { input, inferences: 4, timeline: true, ...option });
    assert.is(result.identical, true, what);
    assert.is(result.boots, result.cuts + 1);
    const { harvested, ...rest } = result.energyUj;
    const sum = Object.values(rest).reduce((a, b) => a + b, 0);
    near(sum / harvested, 1, 1e-9, `${what}: balance`);
    const ops = result.ops.reduce((a, { energyUj }) => a + energyUj, 0);
    near(ops, rest.useful + rest.reexecuted, 1e-6, `${what}: ops`);
    const again = result.ops.reduce((a, { reexecutedUj }) => a + reexecutedUj, 0);
    near(again, rest.reexecuted, 1e-6, `${what}: again`);
    const { min, median, max } = result.latencyMs;
    assert.ok(min > 0 && min <= median && median <= max);
    const { timeline } = result;
    assert.is(timeline!.cuts.length, result.cuts);
    assert.is(timeline!.commits.length, result.commits);
    assert.is(timeline!.on.length, result.boots);
    assert.is(timeline!.inferences.length, 4);
    near(timeline!.inferences.at(-1)!.toUs / 1000, result.onMs + result.offMs + result.sleepMs, 1e-3, 'time');
    assert.ok(
      timeline!.tiles.every(
        ({ fromUs, toUs }, i, all) => fromUs <= toUs && (i === 0 || all[i - 1]!.toUs <= fromUs + 1e-6),
      ),
    );
    assert.ok(result.wear.writesPerInference >= 1);
  }
});

test('under RF little work is done again, and on steady power commits cost little', () => {
  for (const seed of [1, 2]) {
    const options = { input, inferences: 75, seed } as const;
    const run = replay(image, { ...options, trace: 'rf:mean_off_ms=400', onLow: 'run' });
    assert.ok(run.cuts > 150 && run.reexecutedPercent < 5, `${run.reexecutedPercent} %`);
    const sleep = replay(image, { ...options, trace: 'rf:mean_off_ms=1500' });
    assert.ok(sleep.cuts > 10 && sleep.reexecutedPercent < 1, `${sleep.cuts}: ${sleep.reexecutedPercent} %`);
    assert.ok(sleep.reexecutedPercent + sleep.bootPercent < 5, `${sleep.bootPercent} % boots`);
    assert.ok(run.overheadPercent < 1, `${run.overheadPercent} %`);
  }
});

test('recordings are played in a loop', () => {
  const trace = parseTrace('time_ms,power_mw\n0,3\n30,0\n60,3\n', { name: 'short.csv' });
  const result = replay(image, { trace, capacitorUf: 47 });
  assert.is(result.trace, 'short.csv');
  assert.ok(result.identical && result.onMs > 60);
});

test('a device that cannot get on says at which tile, what that takes, and the capacitor that does', () => {
  const options = { trace: 'rf', device: 'msp430fr5994' };
  let hint = '';
  assert.throws(
    () => replay(image, { ...options, capacitorUf: 30 }),
    (error: BrownoutError) => {
      ({ hint } = error);
      const sum = [...error.found.matchAll(/ (\d+\.\d)(,|$)/g)].reduce((all, [, uj]) => all + Number(uj), 0);
      const given = Number(/the (\d+\.\d) µJ/.exec(error.expected)![1]);
      assert.ok(sum > given && sum < 10 * given, `${error.found}; ${error.expected}`);
      return (
        error.code === 'E_NO_PROGRESS' && error.exitCode === 3 && /tile \d+ of op "fc1"/.test(error.found)
      );
    },
  );
  const capacitorUf = /of (\S+uF)/.exec(hint)![1]!;
  assert.ok(replay(image, { ...options, capacitorUf }).identical);
  // Behind a converter that loses some of it, too.
  const diode = { ...options, converter: 'diode', capacitorUf: 100 };
  assert.throws(
    () => replay(image, diode),
    (error: BrownoutError) => error.code === 'E_NO_PROGRESS' && /of (\S+uF)/.test(error.hint),
  );
  for (const [options, code] of [
    [{ trace: 'constant:power_uw=0' }, 'E_TRACE_DARK'],
    [{ onLow: 'dance' }, 'E_OPTION'],
    [{ inferences: 0 }, 'E_OPTION'],
    [{ device: 'z80' }, 'E_DEVICE'],
    [{ policy: 'often' }, 'E_POLICY'],
    [{ colour: 'red' }, 'E_OPTION'],
  ] as const) {
    const refused = (): unknown => replay(image, options as ReplayOptions);
    assert.throws(refused, (error: BrownoutError) => error.code === code, JSON.stringify(options));
  }
});

test('size finds the smallest capacitor and the quickest', () => {
  const result = size(image, { trace: 'rf', capacitorsUf: [470, 2, 22, 100] });
  assert.equal(
    result.rows.map(({ capacitorUf, works, error }) => [capacitorUf, works, error]),
    [
      [2, false, 'E_NO_PROGRESS'],
      [22, true, null],
      [100, true, null],
      [470, true, null],
    ],
  );
  assert.is(result.smallestUf, 22);
  const medians = result.rows.flatMap((row) => (row.latencyMs ? [row.latencyMs.median] : []));
  const fastest = result.rows.find(({ capacitorUf }) => capacitorUf === result.fastestUf);
  assert.is(fastest!.latencyMs!.median, Math.min(...medians));
});

/** Runs a command line in this process. */
async function command(...args: string[]): Promise<{ code: number; out: string }> {
  const { log, error } = console;
  let out = '';
  console.log = console.error = (line: string) => {
    out += `${line}\n`;
  };
  try {
    return { code: await main(args), out };
  } finally {
    Object.assign(console, { log, error });
  }
}

test('the command writes the same JSON and the same page each time', async () => {
  const csv = join(folder, 'rf.csv');
  writeFileSync(csv, 'time_ms,power_uw\n0,1800\n55,0\n90,1200\n150,0\n260,0\n');
  const file = new URL('checkpoints/digits.brn', root).pathname;
  const page = join(folder, 'out.html');
  const args = ['replay', file, '--trace', csv, '--capacitor', '68uF', '--report', page, '--on-low', 'run'];
  const [first, bytes] = [await command(...args, '--json'), readFileSync(page, 'utf8')];
  const second = await command(...args, '--json');
  assert.is(first.code, 0, first.out);
  assert.is(first.out, second.out);
  assert.is(readFileSync(page, 'utf8'), bytes);
  const parsed = JSON.parse(first.out) as Record<string, unknown>;
  for (const key of [
    'identical',
    'cuts',
    'inferences',
    'energyUj',
    'latencyMs',
    'reexecutedPercent',
    'overheadPercent',
  ])
    assert.ok(key in parsed, key);
  assert.not.ok('timeline' in parsed);
  const timed = await command('replay', file, '--trace', csv, '--timeline', '--json');
  const { timeline, cuts } = JSON.parse(timed.out) as { timeline: Timeline; cuts: number };
  assert.is(timeline.cuts.length, cuts);
  assert.ok(timeline.volts.length > 10 && timeline.harvest.length > 3);
  assert.match(
    bytes,
    `brownout replay ${file} --trace ${csv} --capacitor 68uF --report ${page} --on-low run`,
  );
  // What the chart code writes where a mark saves a file is no link of this page.
  assert.not.match(bytes, /(src|href)="(?!\$\{)|https?:/);
  const text = await command(...args);
  for (const word of ['identical', 'dead time', 'largest tile', 'reexecuted', 'conv2'])
    assert.match(text.out, word);
  for (const [wrong, code] of [
    [['--trace', csv, '--capacitor', '10'], 'E_OPTION'],
    [['--trace', join(folder, 'none.csv')], 'E_FILE'],
    [['--trace', csv, '--cuts', '100'], 'E_USAGE'],
    [['--capacitor', '10uF'], 'E_USAGE'],
    [[], 'E_USAGE'],
  ] as const) {
    const failed = await command('replay', file, ...wrong, '--json');
    assert.is(failed.code, 2);
    assert.match(failed.out, code);
  }
  const sized = await command('size', file, '--trace', 'rf', '--json');
  assert.is(sized.code, 0);
  assert.is((JSON.parse(sized.out) as { rows: unknown[] }).rows.length, 15);
});

const chromium = findChromium('the page of a replay');

(chromium ? test : test.skip)(
  'the page opens in a browser without network, zooms to a tile and says what it is',
  async () => {
    const result = replay(image, { trace: 'rf', onLow: 'run', timeline: true });
    const path = join(folder, 'page.html');
    writeFileSync(path, replayHtml(result, 'brownout replay <&> "quoted"'));
    const page = new Page(chromium!);
    try {
      await page.open(pathToFileURL(path).href);
      const code = await page.evaluate('document.querySelector("code").textContent');
      assert.is(code, 'brownout replay <&> "quoted"');
      const view = async (): Promise<{ from: number; to: number }> =>
        JSON.parse((await page.evaluate('JSON.stringify(window.view)')) as string);
      const box = JSON.parse(
        (await page.evaluate(
          'JSON.stringify(document.getElementById("chart").getBoundingClientRect())',
        )) as string,
      ) as { x: number; y: number; width: number; height: number };
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const before = await view();
      near(before.to, result.timeline!.inferences.at(-1)!.toUs, 1, 'the whole run');
      const picture = await page.screenshot();
      assert.equal([...picture.subarray(1, 4)], [...Buffer.from('PNG')]);
      await page.mouse('mouseWheel', x, y, -1000);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const zoomed = await view();
      assert.ok(zoomed.to - zoomed.from < (before.to - before.from) / 2, JSON.stringify(zoomed));
      await page.evaluate('document.getElementById("tile").click()');
      const tile = await view();
      assert.ok(tile.to - tile.from < 20_000 && tile.to - tile.from >= 20, JSON.stringify(tile));
      await page.mouse('mouseMoved', x, y);
      const tip = await page.evaluate('document.getElementById("tip").textContent');
      assert.match(String(tip), /ms · 2\.\d{3} V · on · inference 1 · \w+, tile \d+ \(/);
      assert.not.equal(await page.screenshot(), picture);
    } finally {
      await page.close();
    }
  },
);

test.run();
