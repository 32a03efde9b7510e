// One self-contained page of a replay: no network, the same bytes for the same run.
import { GENERATOR } from '../options/outputs.js';
import type { ReplayResult } from './replay.js';
import type { Timeline } from '../power/recorder.js';
import { escaped } from '../report/html.js';
import { replayRows } from './report.js';
import { count } from '../report/text.js';
import { VIEWER } from '../report/viewer.js';

/** Tenths of a µs: enough to see a tile, few bytes. */
const tenth = (timeUs: number): number => Math.round(timeUs * 10) / 10;
const spans = (list: readonly { fromUs: number; toUs: number }[]): number[][] =>
  list.map(({ fromUs, toUs }) => [tenth(fromUs), tenth(toUs)]);

/** What the viewer draws. */
function drawing(timeline: Timeline, { thresholdsV, ops }: ReplayResult): object {
  return {
    volts: timeline.volts.map(({ timeUs, volts }) => [tenth(timeUs), Math.round(volts * 1e4) / 1e4]),
    tiles: timeline.tiles.map(({ fromUs, toUs, op, tile }) => [tenth(fromUs), tenth(toUs), op, tile]),
    commits: timeline.commits.map(tenth),
    cuts: timeline.cuts.map(tenth),
    on: spans(timeline.on),
    sleep: spans(timeline.sleep),
    inferences: spans(timeline.inferences),
    ops: ops.map(({ name }) => name),
    thresholds: thresholdsV,
  };
}

/** Horizontal bars, with figures. */
function bars(title: string, rows: readonly (readonly [name: string, uj: number])[]): string {
  const most = Math.max(...rows.map(([, uj]) => uj), 1e-9);
  const lines = rows.map(([name, uj]) => {
    const width = ((Math.max(0, uj) / most) * 100).toFixed(2);
    const bar = `<td class="bar"><i style="width:${width}%"></i></td>`;
    return `<tr><th>${escaped(name)}</th>${bar}<td>${uj.toFixed(1)} µJ</td></tr>`;
  });
  return `<section><h2>${title}</h2><table class="bars">${lines.join('')}</table></section>`;
}

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:76rem;padding:0 1rem;color:#222}
h1{font-size:1.3rem}h2{font-size:1rem;margin:1.2rem 0 .3rem}canvas{width:100%;height:22rem;display:block;cursor:crosshair}
code{background:#f2f2ef;padding:.1rem .3rem}th{text-align:left;font-weight:400;padding-right:1rem}td{text-align:right}
td.note{text-align:left;color:#777;padding-left:1rem}.bars td.bar{width:24rem;text-align:left}
.bar i{display:block;height:.8rem;background:#3a7ca5}
#tip{min-height:1.5rem;font-variant-numeric:tabular-nums}button{font:inherit}
.columns{display:flex;flex-wrap:wrap;gap:0 3rem}`;

/** The page. `command`: the line that makes it again. */
export function replayHtml(result: ReplayResult, command: string): string {
  const { timeline, energyUj, ops } = result;
  if (!timeline) throw new Error('a report needs a replay with its timeline');
  const { harvested: _, ...categories } = energyUj;
  const data = JSON.stringify(drawing(timeline, result)).replaceAll('<', '\\u003c');
  const facts = replayRows(result).map(([name, value, note = '']) => {
    return `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td><td class="note">${escaped(note)}</td></tr>`;
  });
  const left = timeline.tilesLeftOut;
  const note = left > 0 ? `<p>${count(left)} tiles are not drawn: the page would grow too large.</p>` : '';
  return `<!doctype html>
<html lang="en"><meta charset="utf-8">${GENERATOR}<title>${escaped(result.name)} on ${escaped(result.device)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style>
<h1>${escaped(result.name)} on ${escaped(result.device)}, trace ${escaped(result.trace)}</h1>
<p><code>${escaped(command)}</code> · seed ${result.seed} · all figures simulated</p>
<canvas id="chart"></canvas>
<p id="tip"></p>
<p><button id="all">All</button> <button id="tile">One tile</button> Wheel: zoom. Drag: move. Voltage with the
thresholds; below it on, asleep and off, tiles coloured by op, commits (green) and cuts (red).</p>${note}
<div class="columns">
<section><h2>Figures</h2><table>${facts.join('')}</table></section>
${bars('Energy by category', Object.entries(categories))}
${bars(
  'Energy by layer',
  ops.map(({ name, energyUj: uj }) => [name, uj]),
)}
</div>
<script>const D=${data};
${VIEWER}</script></html>
`;
}
