// What all pages share: ticks people can read, charts that lose no peak, hashes that anyone can check, files to save.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shippedImage } from '../host/demo/demo.js';
import { HarvestRecord } from '../host/power/harvest-record.js';
import { parseTrace } from '../host/power/trace.js';
import { estimatesOf } from '../host/profiles/estimates.js';
import { DEVICES, deviceProfile } from '../host/profiles/index.js';
import { replayHtml } from '../host/replay/page.js';
import { replayText } from '../host/replay/report.js';
import { replay } from '../host/replay/replay.js';
import { drawingOf, shownOf, timelineChart } from '../host/replay/timeline-chart.js';
import { axisUnit, CHART_CODE, type Chart, chartSvg, linePath, ticks } from '../host/report/chart.js';
import { csvOf } from '../host/report/html.js';
import { progressLines } from '../host/report/progress.js';
import { chartFile, figure } from '../host/report/page.js';
import { Random } from '../host/math/random.js';

const image = shippedImage();
const root = new URL('../../', import.meta.url);

test('ticks are multiples of 1, 2 or 5 times a power of ten, within the axis, as many as asked and no fewer than needed', () => {
  assert.equal(
    ticks(0, 10, 5).map(({ text }) => text),
    ['0', '2', '4', '6', '8', '10'].filter((_, i, all) => all.length <= 6 || i % 2 === 0),
  );
  assert.equal(
    ticks(2.31, 2.83, 5).map(({ text }) => text),
    ['2.4', '2.6', '2.8'],
  );
  assert.equal(
    ticks(-1500, 12_000, 6).map(({ text }) => text),
    ['0', '5,000', '10,000'],
  );
  assert.equal(
    ticks(-0.25, 0.25, 6).map(({ text }) => text),
    ['−0.2', '−0.1', '0.0', '0.1', '0.2'],
  );
  const random = new Random(7);
  for (let i = 0; i < 2000; i++) {
    const size = 10 ** random.uniform(-9, 9);
    const from = random.uniform(-3, 3) * size;
    const to = from + size * random.uniform(0.001, 4);
    const most = 2 + random.integer(9);
    const found = ticks(from, to, most);
    assert.ok(
      found.length <= most + 1 && found.length >= Math.floor(most / 2.5) - 1,
      `${from} ${to} ${most}`,
    );
    for (const { value, text } of found) {
      assert.ok(value >= from - size * 1e-6 && value <= to + size * 1e-6);
      const read = Number(text.replaceAll(',', '').replace('−', '-'));
      assert.ok(Math.abs(read - value) <= Math.abs(value) * 1e-9 + size * 1e-9, `${text} for ${value}`);
    }
    assert.is(new Set(found.map(({ text }) => text)).size, found.length, 'no two alike');
  }
});

test('axes are in units that people use', () => {
  const axis = (unit: string, to: number, scale: number) =>
    axisUnit({ label: '', unit, from: 0, to, scale }).unit;
  assert.is(axis('s', 24e6, 1e-6), 's');
  assert.is(axis('s', 24e3, 1e-6), 'ms');
  assert.is(axis('s', 240, 1e-6), 'µs');
  assert.is(axis('W', 1500, 1e-6), 'mW');
  assert.is(axis('V', 2.8, 1), 'V');
  assert.is(axis('bytes', 0.5, 1), 'bytes');
});

test('a line of many points keeps its highest and lowest', () => {
  const points = Array.from({ length: 50_000 }, (_, i) => [i, i === 31_234 ? 9 : i === 7 ? -9 : 0]);
  const path = linePath(
    points,
    (x) => x / 100,
    (y) => y,
    false,
  );
  assert.match(path, /312\.3 9\.0/);
  assert.match(path, /0\.1 -9\.0/);
  assert.ok(path.length < 30_000, `${path.length}`);
});

test('what is shown of a list is what a view needs: each entry that touches it', () => {
  const list = [0, 10, 20, 30, 40];
  const view = (from: number, to: number): number[] => shownOf(list, (at) => at, from, to);
  assert.equal(view(12, 28), [10, 20, 30]);
  assert.equal(view(-5, -1), [0]);
  assert.equal(view(99, 100), [40]);
  assert.equal(view(0, 40), list);
});

test('harvest keeps its energy however long a trace is', () => {
  const random = new Random(3);
  const record = new HarvestRecord();
  let [timeUs, energy] = [0, 0];
  for (let i = 0; i < 100_000; i++) {
    const [durationUs, powerUw] = [random.uniform(1, 900), random.uniform(0, 2000)];
    record.add(timeUs, durationUs, powerUw);
    timeUs += durationUs;
    energy += durationUs * powerUw;
  }
  const { points } = record;
  assert.ok(points.length < 20_000, `${points.length}`);
  const kept = points.reduce((sum, point, i) => {
    return sum + point.powerUw * ((points[i + 1]?.timeUs ?? timeUs) - point.timeUs);
  }, 0);
  assert.ok(Math.abs(kept / energy - 1) < 1e-6, `${kept / energy}`);
});

test('the harvest of a replay is the trace, and what it holds is what was harvested', () => {
  const text = 'time_ms,power_uw\n0,1800\n55,0\n90,1200\n150,0\n260,0\n';
  const trace = parseTrace(text, { name: 'x.csv' });
  const { timeline, energyUj } = replay(image, { trace, timeline: true });
  const { harvest, inferences } = timeline!;
  assert.equal(
    harvest.slice(0, 5).map(({ powerUw }) => powerUw),
    [1800, 0, 1200, 0, 1800],
  );
  assert.equal(
    harvest.slice(0, 4).map(({ timeUs }) => Math.round(timeUs)),
    [0, 55_000, 90_000, 150_000],
  );
  const end = inferences.at(-1)!.toUs;
  const sum = harvest.reduce((total, { timeUs, powerUw }, i) => {
    return total + (powerUw * ((harvest[i + 1]?.timeUs ?? end) - timeUs)) / 1e6;
  }, 0);
  assert.ok(Math.abs(sum / energyUj.harvested - 1) < 1e-6, `${sum} ${energyUj.harvested}`);
});

test('results and pages say what they were made from, and hashes are those of sha256sum', () => {
  const hash = (path: string): string =>
    createHash('sha256')
      .update(readFileSync(new URL(path, root)))
      .digest('hex');
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
  const result = replay(image, { trace: 'rf', seed: 5, policy: 'every 4', timeline: true });
  const { traceSha256, ...origin } = result.origin;
  assert.equal(origin, {
    version,
    imageSha256: hash('checkpoints/digits.brn'),
    moduleSha256: hash('dist/wasm/device.wasm'),
    seed: 5,
  });
  assert.match(traceSha256!, /^[0-9a-f]{64}$/);
  const other = (options: object): string | undefined =>
    replay(image, { trace: 'rf', ...options }).origin.traceSha256;
  assert.is(other({ seed: 5 }), traceSha256);
  assert.is.not(other({ seed: 6 }), traceSha256);
  assert.is.not(other({ seed: 5, trace: 'rf:on_uw=1501' }), traceSha256);
  // A recording: pieces of (µs, µW, V) as float64, nothing else.
  const trace = parseTrace('time_ms,power_uw\n0,1800\n60,0\n100,1800\n', { name: 'x.csv' });
  const bytes = Buffer.alloc(trace.segments.length * 24);
  trace.segments.forEach(({ durationUs, powerUw }, i) => {
    bytes.writeDoubleLE(durationUs, i * 24);
    bytes.writeDoubleLE(powerUw, i * 24 + 8);
    bytes.writeBigUInt64LE(0x7ff8000000000000n, i * 24 + 16);
  });
  assert.is(other({ trace }), createHash('sha256').update(bytes).digest('hex'));
  const page = replayHtml(result, 'brownout replay x');
  for (const text of [
    version,
    result.origin.imageSha256!,
    traceSha256!,
    'planScale',
    'turn-on',
    'warning',
    'turn-off',
  ])
    assert.ok(page.includes(text), text);
  assert.match(page, 'prefers-color-scheme:dark');
});

test('every estimated constant of every device is named, and no other', () => {
  for (const name of DEVICES) {
    const profile = deviceProfile(name);
    const text = JSON.stringify(profile);
    assert.is(estimatesOf(profile).length, text.split('"provenance":"estimated"').length - 1, name);
  }
});

test('the chart of a replay has all its ops in the legend, and is the same in the page and here', () => {
  const result = replay(image, { trace: 'rf', timeline: true });
  const drawing = drawingOf(result.timeline!, result);
  const chart = timelineChart(drawing, 0, drawing.endUs, 1000);
  const svg = chartSvg(chart);
  for (const { name } of result.ops) assert.ok(svg.includes(`>${name}</text>`), name);
  for (const word of ['voltage, V', 'harvested, mW', 'time, ms', 'turn-on', 'asleep', 'commits'])
    assert.ok(svg.includes(word), word);
  const inPage = new Function(
    'D',
    'from',
    'to',
    `${CHART_CODE}\n${String(shownOf)}\n${String(timelineChart)}\nreturn chartSvg(timelineChart(D, from, to, 1000));`,
  ) as (D: object, from: number, to: number) => string;
  assert.is(inPage(drawing, 0, drawing.endUs), svg);
  const zoomed = inPage(drawing, 100_000, 100_500);
  assert.ok(zoomed.length < svg.length && !/NaN|undefined|Infinity/.test(zoomed + svg));
});

test('a chart as a file stands alone; its CSV has what it shows', () => {
  const chart: Chart = {
    label: 'a <b> & "c"',
    width: 400,
    x: { label: 'samples', unit: '', from: 0, to: 4 },
    panels: [
      {
        kind: 'plot',
        height: 100,
        y: { label: 'loss', unit: 'bits', from: 0, to: 1 },
        marks: [
          {
            kind: 'line',
            style: 'line',
            points: [
              [0, 0.5],
              [4, 0.25],
            ],
          },
        ],
      },
    ],
  };
  const file = chartFile(chart);
  assert.match(file, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.not.match(file, /var\(|<b>/);
  const csv = csvOf(
    ['samples', 'loss'],
    [
      [0, 0.5],
      ['a,"b', 1],
    ],
  );
  assert.is(csv, 'samples,loss\n0,0.5\n"a,""b",1\n');
  const html = figure(chart, 'loss', csv);
  const [, saved = ''] = /href="data:text\/csv;base64,([^"]+)"/.exec(html) ?? [];
  assert.is(Buffer.from(saved, 'base64').toString(), csv);
  const [, drawn = ''] = /href="data:image\/svg\+xml;base64,([^"]+)"/.exec(html) ?? [];
  assert.is(Buffer.from(drawn, 'base64').toString(), file);
});

test('progress off a terminal is a line now and then, and none of short work', () => {
  let now = 0;
  const lines: string[] = [];
  const progress = progressLines(
    (line) => lines.push(line),
    () => now,
  );
  for (let done = 1; done <= 100; done++) {
    now += 90;
    progress.update(done, 100);
  }
  assert.equal(lines, []);
  for (let done = 1; done <= 300; done++) {
    now += 100;
    progress.update(done, 300);
  }
  assert.equal(lines, ['3 %: 10 of 300', '36 %: 110 of 300', '70 %: 210 of 300']);
});

test('what replay prints fits 80 columns', () => {
  for (const text of [
    replayText(replay(image, { trace: 'rf:mean_off_ms=2000', inferences: 12 })),
    replayText(replay(image, { trace: 'kinetic', converter: 'bq25504', capacitorUf: 4700 })),
  ]) {
    assert.equal(
      text.split('\n').filter((line) => [...line].length > 80),
      [],
    );
  }
});

test.run();
