// One self-contained page of a replay of learning: accuracy or loss against samples, energy and cuts beside it.
import { GENERATOR } from '../options/outputs.js';
import { type PrintedLearning, learnRows } from './report.js';

const WIDTH = 720;
const HEIGHT = 260;
const MARGIN = 48;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

interface Series {
  name: string;
  unit: string;
  values: readonly number[];
}

/** A chart as SVG: `xs` against one series, points with their figures on hover. */
function chart(xs: readonly number[], { name, unit, values }: Series): string {
  const [low, high] = [Math.min(0, ...values), Math.max(...values) || 1];
  const [left, right] = [xs[0]!, xs.at(-1)!];
  const x = (value: number): number =>
    MARGIN + ((value - left) / Math.max(right - left, 1)) * (WIDTH - 2 * MARGIN);
  const y = (value: number): number =>
    HEIGHT - MARGIN - ((value - low) / (high - low)) * (HEIGHT - 2 * MARGIN);
  const points = xs.map((at, i) => `${x(at).toFixed(1)},${y(values[i]!).toFixed(1)}`);
  const dots = xs.map((at, i) => {
    const title = `${at} samples: ${values[i]!.toFixed(2)} ${unit}`;
    const [cx, cy] = points[i]!.split(',');
    return `<circle cx="${cx}" cy="${cy}" r="4"><title>${escaped(title)}</title></circle>`;
  });
  const label = (text: string, at: string): string => `<text ${at}>${escaped(text)}</text>`;
  return [
    `<figure><figcaption>${escaped(name)}</figcaption>`,
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(name)}">`,
    `<path d="M${MARGIN},${MARGIN} V${HEIGHT - MARGIN} H${WIDTH - MARGIN}" class="axis"/>`,
    label(`${high.toFixed(1)} ${unit}`, `x="4" y="${MARGIN - 8}"`),
    label(low.toFixed(1), `x="4" y="${HEIGHT - MARGIN + 4}"`),
    label(`${left}`, `x="${MARGIN}" y="${HEIGHT - 20}"`),
    label(`${right} samples`, `x="${WIDTH - MARGIN - 60}" y="${HEIGHT - 20}"`),
    `<polyline points="${points.join(' ')}"/>`,
    ...dots,
    '</svg></figure>',
  ].join('');
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:#1c2430}
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
svg{width:100%;height:auto}polyline{fill:none;stroke:#1769aa;stroke-width:2}circle{fill:#1769aa}
.axis{fill:none;stroke:#9aa5b1}text{font-size:12px;fill:#52606d}figure{margin:1.5rem 0}figcaption{font-weight:600}
code{background:#f0f2f5;padding:.1rem .3rem}.no{color:#b3261e}`;

/** The page. `command`: how it was made. */
export function learnHtml(result: PrintedLearning, command: string): string {
  const { curve, name, device, trace, seed } = result;
  const xs = curve.map(({ samples }) => samples);
  const accuracies = curve.map(({ accuracy }) => accuracy);
  const measured = accuracies.every((value) => value !== undefined);
  const series: Series[] = [
    ...(measured
      ? [{ name: 'Accuracy on samples held out', unit: '%', values: accuracies.map((value) => value! * 100) }]
      : []),
    { name: 'Loss before learning, mean of late', unit: 'bits', values: curve.map(({ loss }) => loss) },
    { name: 'Energy, simulated', unit: 'mJ', values: curve.map(({ energyUj }) => energyUj / 1000) },
    { name: 'Power failures', unit: 'cuts', values: curve.map(({ cuts }) => cuts) },
  ];
  const rows = learnRows(result).map(([what, value, note = '']) => {
    const cell = `<td${value === 'NO' ? ' class="no"' : ''}>${escaped(value)}</td>`;
    return `<tr><th>${escaped(what)}</th>${cell}<td>${escaped(note)}</td></tr>`;
  });
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8">${GENERATOR}`,
    `<title>${escaped(name)} learning</title><style>${STYLE}</style>`,
    `<h1>${escaped(name)} learns on ${escaped(device)}</h1>`,
    `<p>Trace ${escaped(trace)}, seed ${seed}. Time and energy are simulated.</p>`,
    `<table>${rows.join('')}</table>`,
    ...series.map((one) => chart(xs, one)),
    `<p>Made by <code>${escaped(command)}</code></p></html>`,
  ].join('\n');
}
