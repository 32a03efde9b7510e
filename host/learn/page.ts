// One self-contained page of a replay of learning: accuracy or loss against samples, energy and cuts beside it.
import type { Chart } from '../report/chart.js';
import { csvOf, factsTable, htmlTable } from '../report/html.js';
import { figure, htmlPage } from '../report/page.js';
import { type PrintedLearning, learnRows, rivalRows, RIVALS_SAID } from './report.js';

interface Series {
  label: string;
  /** Of its y axis. */
  short: string;
  unit: string;
  scale?: number;
  /** What its CSV is called, and the head of its second column. */
  file: string;
  column: string;
  values: readonly number[];
}

/** A line through points whose figures show on hover. */
function chartOf(xs: readonly number[], { label, short, unit, scale = 1, values }: Series): Chart {
  const [low, high] = [Math.min(0, ...values), Math.max(...values)];
  const y = { label: short, unit, scale, from: low, to: low + (high - low) * 1.08 || 1 };
  const dots = xs.map((x, i) => {
    const title = `${x} samples: ${Number((values[i]! * scale).toPrecision(4))} ${unit}`;
    return { kind: 'dot', style: 'dot', x, y: values[i]!, radius: 3.5, title } as const;
  });
  const [left, right] = [xs[0]!, xs.at(-1)!];
  // Room for the first and last dot.
  const margin = (right - left) * 0.01 || 0.5;
  return {
    label,
    width: 560,
    x: { label: 'samples learnt', unit: '', from: left - margin, to: right + margin },
    panels: [
      {
        kind: 'plot',
        height: 180,
        y,
        marks: [{ kind: 'line', style: 'line', points: xs.map((x, i) => [x, values[i]!]) }, ...dots],
      },
    ],
  };
}

/** The page. `command`: how it was made. */
export function learnHtml(result: PrintedLearning, command: string): string {
  const { curve, name, device, trace, origin, estimates } = result;
  const xs = curve.map(({ samples }) => samples);
  const accuracies = curve.map(({ accuracy }) => accuracy);
  const isMeasured = accuracies.every((value) => value !== undefined);
  const series: Series[] = [
    ...(isMeasured
      ? [
          {
            label: 'Accuracy on samples held out',
            short: 'accuracy',
            unit: '%',
            file: 'accuracy',
            column: 'accuracy_percent',
            values: accuracies.map((value) => value! * 100),
          },
        ]
      : []),
    {
      label: 'Loss before learning, mean of late',
      short: 'loss',
      unit: 'bits',
      file: 'loss',
      column: 'loss_bits',
      values: curve.map(({ loss }) => loss),
    },
    {
      label: 'Energy so far',
      short: 'energy',
      unit: 'J',
      scale: 1e-6,
      file: 'energy',
      column: 'energy_uj',
      values: curve.map(({ energyUj }) => energyUj),
    },
    {
      label: 'Power failures so far',
      short: 'power failures',
      unit: '',
      file: 'cuts',
      column: 'cuts',
      values: curve.map(({ cuts }) => cuts),
    },
  ];
  const figures = series.map((one) => {
    const csv = csvOf(
      ['samples', one.column],
      xs.map((x, i) => [x, one.values[i]!]),
    );
    return figure(chartOf(xs, one), one.file, csv);
  });
  const [head, ...rows] = rivalRows(result);
  const rivals = head
    ? `<h2>Beside simple ways to adapt</h2>${htmlTable(head, rows)}\n<p class="note">${RIVALS_SAID}</p>\n`
    : '';
  return htmlPage({
    title: `${name} learns on ${device}, trace ${trace}`,
    subtitle: 'Time and energy are simulated.',
    command,
    origin,
    estimates,
    body: `${factsTable(learnRows(result))}\n${rivals}<div class="columns">${figures.join('\n')}</div>`,
  });
}
