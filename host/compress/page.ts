// One self-contained page of a compression: no network, no script, the same bytes for the same run.
import type { CompressResult } from './compress.js';
import type { CompressReport } from './compress-report.js';
import { type Metric, qualityText } from './metrics.js';
import {
  beforeAfter,
  LEVEL_HEADINGS,
  LEVEL_NOTE,
  layerRows,
  levelRows,
  methodRows,
  verdict,
} from './report.js';
import { type Choices, choiceText } from './transform.js';
import type { Axis, Chart, Mark } from '../report/chart.js';
import { type Cell, csvOf, escaped, htmlTable } from '../report/html.js';
import { dataUrl, figure, htmlPage, saveLink } from '../report/page.js';
import { count } from '../report/text.js';

interface Dot {
  x: number;
  y: number;
  kind: 'over' | 'fits' | 'front' | 'chosen';
  title: string;
}

/** Dots over two axes, the front joined by steps, the budget a line. */
function chartOf(
  dots: readonly Dot[],
  label: string,
  x: Pick<Axis, 'label' | 'unit' | 'scale'>,
  most: number | undefined,
): Chart {
  const front = dots
    .filter(({ kind }) => kind === 'front' || kind === 'chosen')
    .sort((a, b) => a.x - b.x || b.y - a.y);
  let best = Infinity;
  const better = front.filter(({ y }) => {
    const isBetter = y < best;
    if (isBetter) best = y;
    return isBetter;
  });
  const radius = { over: 2.5, fits: 2.5, front: 4.5, chosen: 7 };
  const styles = { over: 'over', fits: 'fits', front: 'dot', chosen: 'chosen' };
  const marks: Mark[] = [
    ...(most === undefined ? [] : [{ kind: 'limit', at: most } as const]),
    ...(better.length > 1
      ? [{ kind: 'line', style: 'front', points: better.map((dot) => [dot.x, dot.y]) } as const]
      : []),
    ...dots.map(
      (dot) => ({ ...dot, kind: 'dot', style: styles[dot.kind], radius: radius[dot.kind] }) as const,
    ),
  ];
  const to = Math.max(...dots.map((dot) => dot.x), most ?? 0) * 1.04 || 1;
  return {
    label,
    width: 560,
    x: { ...x, from: 0, to },
    panels: [
      {
        kind: 'plot',
        height: 260,
        y: {
          label: 'loss added, as sensitivity predicts',
          unit: '',
          // Room for dots at zero.
          from: Math.min(0, ...dots.map((dot) => dot.y)) - Math.max(...dots.map((dot) => dot.y)) * 0.03,
          to: Math.max(...dots.map((dot) => dot.y)) * 1.05 || 1,
        },
        marks,
      },
    ],
    legend: [
      ['chosen', 'chosen'],
      ['none beats it in loss, flash and energy', 'dot'],
      ['within the budget', 'fits'],
      ['over the budget', 'over'],
    ],
  };
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
  const front = report.candidates.map(({ choices, cost, predictedLoss, quality, chosen }): Dot => {
    const what = Object.entries(choices)
      .map(([name, choice]) => `${name}: ${choiceText(choice)}`)
      .join('\n');
    const scored =
      quality === undefined ? 'not trained' : `${qualityText(report.metric, { quality })} when held back`;
    return {
      x: of(cost),
      y: predictedLoss,
      kind: chosen ? 'chosen' : 'front',
      title: `${what}\n${count(cost.flashBytes)} B, ${(cost.energyUj / 1000).toFixed(3)} mJ\n${scored}`,
    };
  });
  return [...searched, ...front];
}

/** A candidate that was trained: what it takes, how good it is on the test inputs, and its image. */
interface Point {
  /** From 1, by flash. */
  number: number;
  chosen: boolean;
  choices: Choices;
  flashBytes: number;
  energyUj: number;
  test: number;
  /** On the inputs that choices were made on. */
  quality: number;
  loss: number;
  save: { file: string; href: string };
}

/** The trained part of the front, the least first. */
function pointsOf({ report, images }: Compressed): Point[] {
  const { after } = report;
  return images
    .map((image, i) => ({ image, found: report.candidates[i]! }))
    .sort((a, b) => a.found.cost.flashBytes - b.found.cost.flashBytes)
    .map(({ image, found }, i): Point => {
      const { choices, chosen, test, quality, loss } = found;
      const { flashBytes, energyUj } = chosen ? after.cost! : found.cost;
      const scores = { test: test!.quality, quality: quality!, loss: loss! };
      const file = `${report.name}-${i + 1}.brn`;
      const save = { file, href: dataUrl('application/octet-stream', image) };
      return { number: i + 1, chosen, choices, flashBytes, energyUj, ...scores, save };
    });
}

const choicesText = (choices: Choices): string =>
  Object.entries(choices)
    .map(([name, choice]) => `${name}: ${choiceText(choice)}`)
    .join(' · ');

const millijoules = (uj: number): string => (uj / 1000).toFixed(3);

/** Accuracy, flash and energy of the points in one picture; a click on one saves its image. */
function frontFigure({ metric, budget }: CompressReport, points: readonly Point[]): string {
  const isShare = metric === 'accuracy';
  const factor = isShare ? 100 : 1;
  const values = points.map(({ test }) => test * factor);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max((high - low) * 0.2, 0.002 * factor);
  const widest = Math.max(...points.map(({ flashBytes }) => flashBytes));
  const marks = points.map((point): Mark => {
    const { number, chosen, choices, flashBytes, energyUj, test, save } = point;
    const quality = qualityText(metric, { quality: test });
    const figures = `${count(flashBytes)} B, ${millijoules(energyUj)} mJ, ${quality}`;
    return {
      ...{ kind: 'dot', style: chosen ? 'chosen' : 'dot', radius: 7, x: flashBytes, y: test * factor },
      name: `${number}: ${millijoules(energyUj)} mJ`,
      title: [choicesText(choices), figures, `save ${save.file}`].join('\n'),
      save,
    };
  });
  const within = budget.flashBytes !== undefined && budget.flashBytes <= widest * 1.3;
  const chart: Chart = {
    label: `${isShare ? 'Accuracy' : metric}, flash and energy`,
    width: 760,
    x: { label: 'flash', unit: 'bytes', from: 0, to: within ? budget.flashBytes! * 1.04 : widest * 1.08 },
    panels: [
      {
        ...{ kind: 'plot', height: 300 },
        y: { label: `${metric}, test inputs`, unit: isShare ? '%' : '', from: low - room, to: high + room },
        marks: [...(within ? [{ kind: 'limit', at: budget.flashBytes! } as const] : []), ...marks],
      },
    ],
    legend: [
      ['chosen', 'chosen'],
      ['trained as well', 'dot'],
    ],
  };
  const csv = csvOf(
    ['image', 'flash_bytes', 'energy_uj', 'test', 'chosen'],
    points.map(({ save, flashBytes, energyUj, test, chosen }) => [
      ...[save.file, flashBytes, energyUj, test],
      chosen ? 1 : 0,
    ]),
  );
  return figure(chart, 'front', csv);
}

const pointRows = (metric: Metric, points: readonly Point[]): Cell[][] =>
  points.map(({ number, chosen, choices, flashBytes, energyUj, test, quality, loss, save }) => [
    `${number}${chosen ? ' ● chosen' : ''}`,
    { html: saveLink(save.file, save.href, save.file) },
    count(flashBytes),
    millijoules(energyUj),
    qualityText(metric, { quality: test }),
    qualityText(metric, { quality }),
    loss.toFixed(4),
    choicesText(choices),
  ]);

/** What a page is made from. */
type Compressed = Pick<CompressResult, 'report' | 'images'>;

/** The page. `command`: the line that makes it again. */
export function compressHtml(result: Compressed, command: string): string {
  const { report } = result;
  const { budget, sensitivity, base, metric } = report;
  const points = pointsOf(result);
  const sensitivityRows = sensitivity.map(({ layer, choice, quality, loss: own, flashBytes, energyUj }) => [
    layer,
    choiceText(choice),
    qualityText(metric, { quality }),
    `${own < base.loss ? '−' : '+'}${Math.abs(own - base.loss).toFixed(4)}`,
    flashBytes === undefined ? '–' : count(flashBytes),
    energyUj === undefined ? '–' : (energyUj / 1000).toFixed(3),
  ]);
  const fitsNot = sensitivity.some(({ flashBytes }) => flashBytes === undefined);
  const csv = csvOf(
    ['flash_bytes', 'energy_uj', 'predicted_loss', 'fits'],
    report.searched.map((way) => [way.flashBytes, way.energyUj, way.predictedLoss, way.fits ? 1 : 0]),
  );
  const flash = dotsOf(report, ({ flashBytes }) => flashBytes);
  const energy = dotsOf(report, ({ energyUj }) => energyUj);
  const charts = [
    figure(
      chartOf(flash, 'Loss against flash', { label: 'flash', unit: 'bytes' }, budget.flashBytes),
      'flash',
      csv,
    ),
    figure(
      chartOf(
        energy,
        'Loss against energy',
        { label: 'energy an inference', unit: 'J', scale: 1e-6 },
        budget.energyUj,
      ),
      'energy',
      csv,
    ),
  ];
  const { training, validation } = report.data;
  return htmlPage({
    title: `${report.name} compressed for ${budget.device}`,
    subtitle:
      `Choices were made on ${count(validation)} inputs by training on ${count(training)} others, ` +
      'the last training on all of these. Energy and time are simulated.',
    command,
    origin: report.origin,
    estimates: report.estimates,
    body: `<h2>Before and after</h2>${htmlTable(['', 'before', 'after', ''], beforeAfter(report))}
${report.before.refused ? `<p>Before, the device could not have it: ${escaped(report.before.refused)}</p>` : ''}
<h2>What there is to choose from</h2><p>A click on a point, or on its name in the table, saves its image, proved as the chosen one
is. ${report.fromScratch ? 'Each was trained to the end' : 'The chosen one was trained to the end, the others for a while'}, the
chosen one on all inputs but those to test; answers are the device’s integers, energy is simulated.</p>
${frontFigure(report, points)}
${htmlTable(['', 'image', 'flash B', 'energy mJ', `${metric}, test`, 'held back', 'loss', 'what'], pointRows(metric, points))}
<h2>What was tried</h2><p>${count(report.searched.length)} ways were planned and metered for the device. The dashed line is the
budget.</p><div class="columns">${charts.join('\n')}</div>
<h2>What was done to each layer, and why</h2>${htmlTable(['layer', 'what', 'weights', 'energy', 'why'], layerRows(report))}
<h2>Where the gain comes from</h2><p>${escaped(LEVEL_NOTE)}</p>${htmlTable(LEVEL_HEADINGS, levelRows(report))}
<h2>${report.fromScratch ? 'Training' : 'Structured training'}</h2><p>${escaped(verdict(report))}</p>
${report.fromScratch ? '' : htmlTable(['method', report.metric, 'loss', 'violation before projection'], methodRows(report))}
<h2>Sensitivity: each change alone, after a little training</h2>
${htmlTable(['layer', 'change', metric, 'loss added', 'flash B', 'energy mJ'], sensitivityRows)}
${fitsNot ? '<p>–: with this change alone no plan fits the device.</p>' : ''}
<p>The trainer’s last forward pass, in integers, equals the device’s answers on all ${report.compared} inputs compared.</p>`,
  });
}
