// One self-contained page of a compression: no network, no script, the same bytes for the same run.
import { choiceText } from './transform.js';
import type { CompressReport } from './compress-report.js';
import { beforeAfter, layerRows, methodRows, qualityText, verdict } from './report.js';
import type { Axis, Chart, Mark } from '../report/chart.js';
import { csvOf, escaped, htmlTable } from '../report/html.js';
import { figure, htmlPage } from '../report/page.js';
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

/** Candidates that were trained for a while. */
function triedRows({ candidates, metric }: CompressReport): string[][] {
  return candidates
    .filter(({ accuracy }) => accuracy !== undefined)
    .map(({ choices, cost, quality, loss, chosen }) => [
      chosen ? '● chosen' : '',
      Object.entries(choices)
        .map(([name, choice]) => `${name}: ${choiceText(choice)}`)
        .join(' · '),
      count(cost.flashBytes),
      (cost.energyUj / 1000).toFixed(3),
      qualityText(metric, { quality: quality! }),
      loss!.toFixed(4),
    ]);
}

/** The page. `command`: the line that makes it again. */
export function compressHtml(report: CompressReport, command: string): string {
  const { budget, sensitivity, base } = report;
  const sensitivityRows = sensitivity.map(({ layer, choice, accuracy, loss: own, flashBytes, energyUj }) => [
    layer,
    choiceText(choice),
    `${(accuracy * 100).toFixed(2)} %`,
    `${own < base.loss ? '−' : '+'}${Math.abs(own - base.loss).toFixed(4)}`,
    flashBytes === undefined ? '' : count(flashBytes),
    energyUj === undefined ? '' : (energyUj / 1000).toFixed(3),
  ]);
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
<h2>What was tried</h2><p>${count(report.searched.length)} ways were planned and metered for the device. The dashed line is the
budget.</p><div class="columns">${charts.join('\n')}</div>
${htmlTable(['', 'trained for a while', 'flash B', 'energy mJ', report.metric, 'loss'], triedRows(report))}
<h2>What was done to each layer, and why</h2>${htmlTable(['layer', 'what', 'weights', 'energy', 'why'], layerRows(report))}
<h2>Structured training</h2><p>${escaped(verdict(report))}</p>
${htmlTable(['method', report.metric, 'loss', 'violation before projection'], methodRows(report))}
<h2>Sensitivity: each change alone, after a little training</h2>
${htmlTable(['layer', 'change', 'accuracy', 'loss added', 'flash B', 'energy mJ'], sensitivityRows)}
<p>The trainer’s last forward pass, in integers, equals the device’s answers on all ${report.compared} inputs compared.</p>`,
  });
}
