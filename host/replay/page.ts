// One self-contained page of a replay: no network, the same bytes for the same run.
import type { ReplayResult } from './replay.js';
import { escaped, factsTable } from '../report/html.js';
import { htmlPage } from '../report/page.js';
import { seriesColour } from '../report/chart.js';
import { count } from '../report/text.js';
import { replayRows } from './report.js';
import { drawingOf } from './timeline-chart.js';
import { VIEWER } from './viewer.js';

/** Horizontal bars, with figures. */
function bars(
  title: string,
  rows: readonly (readonly [name: string, uj: number, colour?: string])[],
): string {
  const most = Math.max(...rows.map(([, uj]) => uj), 1e-9);
  const lines = rows.map(([name, uj, colour]) => {
    const width = ((Math.max(0, uj) / most) * 100).toFixed(2);
    const paint = colour === undefined ? '' : `;background:${colour}`;
    const bar = `<td class="bar"><i style="width:${width}%${paint}"></i></td>`;
    return `<tr><th>${escaped(name)}</th>${bar}<td>${uj.toFixed(1)} µJ</td></tr>`;
  });
  return `<section><h2>${title}</h2><table class="bars">${lines.join('')}</table></section>`;
}

/** The page. `command`: the line that makes it again. */
export function replayHtml(result: ReplayResult, command: string): string {
  const { timeline, energyUj, ops, origin, estimates } = result;
  if (!timeline) throw new Error('a report needs a replay with its timeline');
  const { harvested: _, ...categories } = energyUj;
  const data = JSON.stringify(drawingOf(timeline, result)).replaceAll('<', '\\u003c');
  const left = timeline.tilesLeftOut;
  const note = left > 0 ? `<p>${count(left)} tiles are not drawn: the page would grow too large.</p>` : '';
  const layers = ops.map(({ name, energyUj: uj }, index) => [name, uj, seriesColour(index)] as const);
  return htmlPage({
    title: `${result.name} on ${result.device}, trace ${result.trace}`,
    subtitle: 'All figures are simulated.',
    command,
    origin,
    estimates,
    body: `<figure><div id="chart"></div><p id="tip" class="note">Wheel: zoom. Drag: move.</p>
<figcaption><button id="all">All</button> <button id="tile">One tile</button> Save: <button id="svg">SVG</button>
<button id="volts">Voltage, CSV</button> <button id="harvest">Harvest, CSV</button>
<button id="events">Events, CSV</button></figcaption></figure>${note}
<h2>Figures</h2>${factsTable(replayRows(result))}
<div class="columns">${bars('Energy by category', Object.entries(categories))}${bars('Energy by layer', layers)}</div>`,
    script: `const D=${data};\n${VIEWER}`,
  });
}
