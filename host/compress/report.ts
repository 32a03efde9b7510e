import { TERMINAL, wrapped } from '../options/wrap.js';
import { choiceText } from './transform.js';
import type { CompressReport, Figures } from './compress-report.js';
import { qualityText } from './metrics.js';
import { count, facts, table } from '../report/text.js';

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
const millijoules = (uj: number): string => `${(uj / 1000).toFixed(3)} mJ`;

/** Before and after, a line a figure. */
export function beforeAfter({
  before,
  after,
  budget,
  data,
  metric,
}: CompressReport): [string, string, string, string][] {
  const each = (of: (figures: Figures) => string): [string, string] => [of(before), of(after)];
  const cost = (of: (cost: NonNullable<Figures['cost']>) => string): [string, string] =>
    each(({ cost: found }) => (found ? of(found) : '–'));
  const most = (value: number | undefined, text: (value: number) => string): string =>
    value === undefined ? '' : `at most ${text(value)}`;
  const tests = `${count(data.test)} ${data.heldOut ? 'held-out' : 'test'} inputs, measured; float, then the device's integers`;
  return [
    ...(metric === 'mae'
      ? [['mae', ...each(({ quality }) => quality.toFixed(4)), tests] as [string, string, string, string]]
      : [
          ['accuracy', ...each(({ accuracy }) => percent(accuracy)), tests] as [
            string,
            string,
            string,
            string,
          ],
        ]),
    ...(metric === 'accuracy' || metric === 'mae'
      ? []
      : [
          [
            metric,
            ...each(({ quality }) => quality.toFixed(4)),
            'the same inputs; choices were made by it',
          ] as [string, string, string, string],
        ]),
    ['parameters', ...each(({ parameters }) => count(parameters)), 'as stored'],
    [
      'bytes of weights',
      ...each(({ weightBytes }) => count(weightBytes)),
      'float32; after: all constants, with scales and spectra',
    ],
    [
      'flash',
      ...cost(({ flashBytes }) => `${count(flashBytes)} B`),
      most(budget.flashBytes, (value) => `${count(value)} B`),
    ],
    [
      'SRAM',
      ...cost(({ sramBytes }) => `${count(sramBytes)} B`),
      most(budget.sramBytes, (value) => `${count(value)} B`),
    ],
    ['multiply-adds', ...cost(({ macs }) => count(macs)), 'as dense'],
    [
      'energy an inference',
      ...cost(({ energyUj }) => millijoules(energyUj)),
      [most(budget.energyUj, millijoules), `simulated, ${budget.device}`].filter(Boolean).join('; '),
    ],
    [
      'time an inference',
      ...cost(({ latencyMs }) => `${latencyMs.toFixed(0)} ms`),
      'simulated, steady power',
    ],
    ['largest tile', ...cost(({ largestTileShare }) => percent(largestTileShare)), 'of a charge, simulated'],
  ];
}

/** How structured training went, a line a method. */
export function methodRows({ methods, metric }: CompressReport): string[][] {
  return methods.map(({ method, loss, residuals, chosen, stopped, ...score }) => [
    `${method}${chosen ? ' ●' : ''}${stopped ? ', hopeless half-way' : ''}`,
    qualityText(metric, score),
    loss.toFixed(4),
    residuals ? residuals.primal.toFixed(4) : '',
  ]);
}

/** Which way of structured training won, in a sentence. */
export function verdict({ fromScratch, methods, metric, signs }: CompressReport): string {
  const ones = signs.length > 0 ? ` Outputs of ${signs.join(', ')} are −1 and 1.` : '';
  if (fromScratch) return `It was trained from random weights, with rounding from the first epoch.${ones}`;
  const best = methods.find(({ chosen }) => chosen)!;
  const others = methods.filter((method) => method !== best);
  if (others.length === 0) return 'Nothing of the structure changed: there was nothing to compare.';
  const against = others.map(({ method, ...score }) => `${method} ${qualityText(metric, score)}`).join(', ');
  return `${best.method} won with ${qualityText(metric, best)} of the validation inputs, against ${against}.`;
}

/** What of the gain is whose, level by level: with factors over the level before. */
export function levelRows({ levels, metric }: CompressReport): string[][] {
  const over = (before: number | undefined, now: number): string =>
    before === undefined ? '' : ` (${(before / now).toFixed(2)} ×)`;
  const quality = (value: number | undefined): string =>
    value === undefined ? '–' : qualityText(metric, { quality: value });
  return levels.map(({ level, weightBytes, energyUj, untrained, trained }, i) => {
    const last = levels[i - 1];
    return [
      level,
      `${count(weightBytes)}${over(last?.weightBytes, weightBytes)}`,
      energyUj === undefined ? '–' : `${millijoules(energyUj)}${over(last?.energyUj, energyUj)}`,
      quality(untrained),
      quality(trained),
    ];
  });
}

export const LEVEL_HEADINGS = ['level', 'bytes of weights', 'energy', 'untrained', 'trained'];

/** What the table of levels means. */
export const LEVEL_NOTE =
  'Level by level, each with all before it. Bytes are counted: float32 parameters, then all constants of an image. Energy is ' +
  'simulated, in mJ, of the first two in int8. The rest is measured on test inputs: floats, then integers; untrained with the ' +
  "parent's own weights. Arithmetic is compiled in a plain way; the implementation computes the same integers by other bodies.";

/** What was done to each layer, and why. */
export function layerRows({ layers }: CompressReport): string[][] {
  return layers.map(({ layer, choice, weightsBefore, weightsAfter, energyUj, why }) => [
    layer,
    choiceText(choice),
    `${count(weightsBefore)} → ${count(weightsAfter)}`,
    energyUj === undefined ? '' : millijoules(energyUj),
    why,
  ]);
}

/** The tables on a terminal. */
export function compressText(report: CompressReport): string {
  const note = report.before.refused
    ? `\nBefore, the device could not have it: ${report.before.refused}`
    : '';
  const why = layerRows(report).map(([layer, , , , reason]) =>
    wrapped(`${layer}: ${reason}`, TERMINAL - 4)
      .map((line, i) => `${i === 0 ? '  ' : '    '}${line}`)
      .join('\n'),
  );
  return [
    facts([
      ['', 'before → after', ''],
      ...beforeAfter(report).map(([name, before, after, said]): [string, string, string] => [
        name,
        `${before} → ${after}`,
        said,
      ]),
    ]) + note,
    table([['layer', 'what', 'weights', 'energy'], ...layerRows(report).map((row) => row.slice(0, 4))]),
    why.join('\n'),
    `${table([LEVEL_HEADINGS, ...levelRows(report)])}\n${wrapped(LEVEL_NOTE, TERMINAL - 2).join('\n')}`,
    ...(report.fromScratch
      ? []
      : [table([['structured training', report.metric, 'loss', 'violation'], ...methodRows(report)])]),
    verdict(report),
    `The trainer's last forward pass, in integers, equals the device's answers on all ${report.compared} inputs compared.`,
  ].join('\n\n');
}
