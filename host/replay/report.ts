import pc from 'picocolors';
import type { ReplayResult } from './replay.js';
import { farads } from '../options/quantity.js';
import { count, facts, sentences, table } from '../report/text.js';

type Row = [name: string, value: string, note?: string];

/** Rounded before it is written: a little below zero is 0.0, not −0.0. */
const fixed = (value: number, digits: number): string =>
  (Math.round(value * 10 ** digits) / 10 ** digits).toFixed(digits);
const percent = (value: number): string => `${fixed(value, 2)} %`;
const microjoules = (value: number): string => `${fixed(value, 1)} µJ`;
const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** Where neither --input nor the image gives one. */
export const NOISE = '; on noise: no input was given, and the image carries none';

/** The figures of a replay, plain: for a terminal and for a page. */
export function replayRows(result: ReplayResult): Row[] {
  const { latencyMs, largestTile, wear, thresholdsV } = result;
  const { turnOn, warning, turnOff } = thresholdsV;
  const life = wear.lifetimeInferences;
  const unit: Row[] =
    result.acceleratorPercent > 0
      ? [
          [
            'by the vector unit',
            percent(result.acceleratorPercent),
            'of the kernels’ energy, simulated by constants that others have published',
          ],
        ]
      : [];
  return [
    [
      'inferences',
      count(result.inferences),
      `policy ${result.policy}, on LOW the app ${result.onLow}s${result.inputs === 'noise' ? NOISE : ''}`,
    ],
    ['identical to steady power', result.identical ? 'yes' : 'NO', 'answers and final NVM'],
    ['power failures', count(result.cuts), `boots ${count(result.boots)}, commits ${count(result.commits)}`],
    ['latency, median', ms(latencyMs.median), `from ${ms(latencyMs.min)} to ${ms(latencyMs.max)}`],
    ['dead time', percent(result.deadPercent), `off ${ms(result.offMs)}, asleep ${ms(result.sleepMs)}`],
    ['work done again', percent(result.reexecutedPercent), 'of cycles on steady power'],
    ['boots', percent(result.bootPercent), 'of those: checks, recovery'],
    ['commits', percent(result.commitPercent), 'of those: cursors, barriers, monitor'],
    ['overhead on steady power', percent(result.overheadPercent), 'cycles, against the bare kernels'],
    ...unit,
    [
      'one charge',
      microjoules(result.chargeUj),
      `${farads(result.capacitorUf)}, ${turnOn} to ${turnOff} V, warning at ${warning.toFixed(2)}`,
    ],
    ['largest tile', percent(largestTile.percent), `of a charge: ${largestTile.op}, entering included`],
    ['NVM written', `${count(result.nvmBytesWritten)} B`, ''],
    [
      'hottest byte',
      `${wear.writesPerInference.toFixed(1)} writes`,
      `each, in ${wear.region}; lasts ${life.device.toExponential(1)}`,
    ],
  ];
}

/** Figures, energy by category, and ops. */
export function replayText(result: ReplayResult): string {
  const { harvested, ...categories } = result.energyUj;
  const rows = replayRows(result).map(([name, value, note]): Row => {
    if (name !== 'identical to steady power') return [name, value, note ?? ''];
    return [name, result.identical ? pc.green(value) : pc.red(value), note ?? ''];
  });
  const energy = Object.entries(categories).map(([name, uj]): string[] => {
    return [name, microjoules(uj), percent((uj / Math.max(harvested, 1e-9)) * 100)];
  });
  const ops = result.ops.map((op) => [
    op.name,
    op.kind,
    `${op.tiles}`,
    count(op.cycles),
    microjoules(op.energyUj),
    microjoules(op.reexecutedUj),
  ]);
  return [
    `${result.name} on ${result.device}, simulated:`,
    `trace ${result.trace}, converter ${result.converter}`,
    ...sentences(result.notes),
    '',
    facts(rows),
    '',
    table([['energy', 'harvested', microjoules(harvested)], ...energy]),
    '',
    table([['op', 'kernel', 'tiles', 'cycles', 'energy', 'of it again'], ...ops]),
  ].join('\n');
}
