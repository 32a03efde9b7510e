// One self-contained page of a compression: no network, no script, the same bytes for the same run.
import { GENERATOR } from '../options/outputs.js';
import { choiceText } from './transform.js';
import type { CompressReport } from './compress-report.js';
import { beforeAfter, layerRows, methodRows, verdict } from './report.js';
import { escaped } from '../report/html.js';
import { count } from '../report/text.js';

const WIDTH = 520;
const HEIGHT = 320;
const MARGIN = { left: 62, right: 14, top: 14, bottom: 42 };

interface Dot {
  x: number;
  y: number;
  kind: 'over' | 'fits' | 'front' | 'chosen';
  title: string;
}

/** Round numbers over a range, three to six of them. */
function ticks(low: number, high: number): number[] {
  let step = 1;
  while (step * 6 < high - low) step *= 10;
  while (step > (high - low) / 3) step /= 10;
  for (const factor of [5, 2]) if ((high - low) / (step * factor) >= 3) step *= factor;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

/** Dots over two axes, the front joined by steps, the budget a line. */
function chart(dots: readonly Dot[], labels: readonly [string, string], most: number | undefined): string {
  const xs = dots.map(({ x }) => x);
  const ys = dots.map(({ y }) => y);
  const [left, right] = [0, Math.max(...xs, most ?? 0) * 1.04 || 1];
  const [low, high] = [0, Math.max(...ys) * 1.05 || 1];
  const inner = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const px = (x: number): string => (MARGIN.left + ((x - left) / (right - left)) * inner.width).toFixed(1);
  const py = (y: number): string => (MARGIN.top + (1 - (y - low) / (high - low)) * inner.height).toFixed(1);
  const text = (attributes: string, content: string): string =>
    `<text ${attributes}>${escaped(content)}</text>`;
  const grid = (path: string): string => `<path class="grid" d="${path}"/>`;
  const below = `y="${HEIGHT - 24}" text-anchor="middle"`;
  const beside = `x="${MARGIN.left - 6}" text-anchor="end" dy=".35em"`;
  const parts = [
    ...ticks(left, right).flatMap((x) => [
      grid(`M${px(x)} ${py(low)}V${py(high)}`),
      text(`x="${px(x)}" ${below}`, short(x)),
    ]),
    ...ticks(low, high).flatMap((y) => [
      grid(`M${px(left)} ${py(y)}H${px(right)}`),
      text(`y="${py(y)}" ${beside}`, short(y)),
    ]),
  ];
  if (most !== undefined) parts.push(`<path class="budget" d="M${px(most)} ${py(low)}V${py(high)}"/>`);
  const front = dots
    .filter(({ kind }) => kind === 'front' || kind === 'chosen')
    .sort((a, b) => a.x - b.x || b.y - a.y);
  let best = Infinity;
  const steps = front.filter(({ y }) => {
    const better = y < best;
    if (better) best = y;
    return better;
  });
  if (steps.length > 1)
    parts.push(`<path class="front" d="M${steps.map(({ x, y }) => `${px(x)} ${py(y)}`).join('L')}"/>`);
  for (const { x, y, kind, title } of dots) {
    const radius = kind === 'chosen' ? 7 : kind === 'front' ? 4.5 : 2.5;
    parts.push(
      `<circle class="${kind}" cx="${px(x)}" cy="${py(y)}" r="${radius}"><title>${escaped(title)}</title></circle>`,
    );
  }
  const middle = `translate(14 ${MARGIN.top + inner.height / 2}) rotate(-90)`;
  parts.push(text(`x="${MARGIN.left + inner.width / 2}" y="${HEIGHT - 6}" text-anchor="middle"`, labels[0]));
  parts.push(text(`transform="${middle}" text-anchor="middle"`, labels[1]));
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(labels.join(', '))}">${parts.join('')}</svg>`;
}

/** The search's candidates over flash or energy. */
function dotsOf(
  report: CompressReport,
  of: (cost: { flashBytes: number; energyUj: number }) => number,
): Dot[] {
  const searched = report.searched.map((found): Dot => ({
    x: of(found),
    y: found.predictedLoss,
    kind: found.fits ? 'fits' : 'over',
    title: `${count(found.flashBytes)} B, ${(found.energyUj / 1000).toFixed(3)} mJ`,
  }));
  const front = report.candidates.map(({ choices, cost, predictedLoss, accuracy, chosen }): Dot => {
    const what = Object.entries(choices)
      .map(([name, choice]) => `${name}: ${choiceText(choice)}`)
      .join('\n');
    const scored =
      accuracy === undefined ? 'not trained' : `${(accuracy * 100).toFixed(2)} % after a little training`;
    return {
      x: of(cost),
      y: predictedLoss,
      kind: chosen ? 'chosen' : 'front',
      title: `${what}\n${count(cost.flashBytes)} B, ${(cost.energyUj / 1000).toFixed(3)} mJ\n${scored}`,
    };
  });
  return [...searched, ...front];
}

function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((cell, i) => `<${i === 0 ? 'th' : tag}>${escaped(cell)}</${i === 0 ? 'th' : tag}>`).join('')}</tr>`;
  return `<table>${cells(head, 'th')}${rows.map((row) => cells(row, 'td')).join('')}</table>`;
}

/** Candidates that were trained for a while. */
function triedRows({ candidates }: CompressReport): string[][] {
  return candidates
    .filter(({ accuracy }) => accuracy !== undefined)
    .map(({ choices, cost, accuracy, loss, chosen }) => [
      chosen ? '● chosen' : '',
      Object.entries(choices)
        .map(([name, choice]) => `${name}: ${choiceText(choice)}`)
        .join(' · '),
      count(cost.flashBytes),
      (cost.energyUj / 1000).toFixed(3),
      `${(accuracy! * 100).toFixed(2)} %`,
      loss!.toFixed(4),
    ]);
}

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:76rem;padding:0 1rem;color:#222}
h1{font-size:1.3rem}h2{font-size:1rem;margin:1.4rem 0 .3rem}code{background:#f2f2ef;padding:.1rem .3rem}
table{border-collapse:collapse}th,td{text-align:left;font-weight:400;padding:.15rem 1.2rem .15rem 0;vertical-align:top}
tr:first-child th{color:#777}td{font-variant-numeric:tabular-nums}.charts{display:flex;flex-wrap:wrap;gap:1rem}
svg{width:33rem;max-width:100%;font-size:11px}svg text{fill:#555}.grid{stroke:#e6e6e2}.front{fill:none;stroke:#3a7ca5}
.budget{stroke:#b5392f;stroke-dasharray:4 3}.over{fill:#ddd}.fits{fill:#9fb8c7}.front{stroke-width:1.5}circle.front{fill:#3a7ca5}
.chosen{fill:#d9822b;stroke:#fff;stroke-width:1.5}`;

/** The page. `command`: the line that makes it again. */
export function compressHtml(report: CompressReport, command: string): string {
  const { budget, sensitivity, base } = report;
  const loss = 'loss added, as sensitivity predicts';
  const sensitivityRows = sensitivity.map(({ layer, choice, accuracy, loss: own, flashBytes, energyUj }) => [
    layer,
    choiceText(choice),
    `${(accuracy * 100).toFixed(2)} %`,
    `${own < base.loss ? '−' : '+'}${Math.abs(own - base.loss).toFixed(4)}`,
    flashBytes === undefined ? '' : count(flashBytes),
    energyUj === undefined ? '' : (energyUj / 1000).toFixed(3),
  ]);
  const energyMost = budget.energyUj;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8">${GENERATOR}<title>${escaped(report.name)} compressed for ${escaped(budget.device)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style>
<h1>${escaped(report.name)} compressed for ${escaped(budget.device)}</h1>
<p><code>${escaped(command)}</code> · seed ${report.seed} · choices made on ${count(report.data.validation)} inputs
by training on ${count(report.data.training)} others, the last training on all of these · energy and time are simulated</p>
<h2>Before and after</h2>${htmlTable(['', 'before', 'after', ''], beforeAfter(report))}
${report.before.refused ? `<p>Before, the device could not have it: ${escaped(report.before.refused)}</p>` : ''}
<h2>What was tried</h2><p>${count(report.searched.length)} ways were planned and metered for the device; blue: those that fit
and that none beats in loss, flash and energy; orange: the one chosen; red: the budget.</p><div class="charts">
${chart(
  dotsOf(report, ({ flashBytes }) => flashBytes),
  ['flash, bytes', loss],
  budget.flashBytes,
)}
${chart(
  dotsOf(report, ({ energyUj }) => energyUj / 1000),
  ['energy an inference, mJ, simulated', loss],
  energyMost === undefined ? undefined : energyMost / 1000,
)}
</div>${htmlTable(['', 'trained for a while', 'flash B', 'energy mJ', 'accuracy', 'loss'], triedRows(report))}
<h2>What was done to each layer, and why</h2>${htmlTable(['layer', 'what', 'weights', 'energy', 'why'], layerRows(report))}
<h2>Structured training</h2><p>${escaped(verdict(report))}</p>
${htmlTable(['method', 'accuracy', 'loss', 'violation before projection'], methodRows(report))}
<h2>Sensitivity: each change alone, after a little training</h2>
${htmlTable(['layer', 'change', 'accuracy', 'loss added', 'flash B', 'energy mJ'], sensitivityRows)}
<p>The trainer's last forward pass, in integers, equals the device's answers on all ${report.compared} inputs compared.</p></html>
`;
}
