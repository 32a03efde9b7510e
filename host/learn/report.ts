import pc from 'picocolors';
import type { LearnResult } from './learn.js';
import type { LearningPoint } from './options.js';
import { learningText } from '../report/learning.js';
import { count, facts, sentences, table } from '../report/text.js';

const WIDTHS = [8, 10, 10, 8, 9, 11, 10, 8];

const line = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(WIDTHS[i]!)).join('');

const share = (value: number | undefined): string =>
  value === undefined ? '' : `${(value * 100).toFixed(1)} %`;

/** Heads of `curveLine`'s columns. */
export const curveHeader = (measured: { accuracy: boolean; old: boolean }): string =>
  line([
    'samples',
    measured.accuracy ? 'accuracy' : '',
    measured.old ? 'old task' : '',
    'loss',
    'updates',
    'energy',
    'time',
    'cuts',
  ]);

/** One row of the live table. Energy and time are simulated. */
export const curveLine = ({
  samples,
  accuracy,
  old,
  loss,
  updates,
  energyUj,
  timeMs,
  cuts,
}: LearningPoint): string =>
  line([
    count(samples),
    share(accuracy),
    share(old),
    loss.toFixed(2),
    count(updates),
    `${(energyUj / 1000).toFixed(1)} mJ`,
    `${(timeMs / 1000).toFixed(1)} s`,
    count(cuts),
  ]);

/** What the rivals are. */
export const RIVALS_SAID = 'rivals: float, at the desk, from what the last layer reads; simulated';

export type PrintedLearning = Omit<LearnResult, 'image'>;

/** The figures of a replay of learning. */
export function learnRows(result: PrintedLearning): [string, string, string?][] {
  const { nvmBytes, accuracy, wear } = result;
  const taken = Object.values(nvmBytes).reduce((sum, bytes) => sum + bytes, 0);
  return [
    ['identical to steady power', result.identical ? 'yes' : 'NO', 'weights and all other NVM, bit for bit'],
    [
      'learnt exactly once',
      result.exactlyOnce ? 'yes' : 'NO',
      `${count(result.labelled)} of ${count(result.samples)} samples; power failures: ${count(result.cuts)}`,
    ],
    ...(accuracy.after === undefined
      ? []
      : [
          ['accuracy', share(accuracy.after), `held out; ${share(accuracy.before)} before`] satisfies [
            string,
            string,
            string,
          ],
        ]),
    ...(accuracy.oldAfter === undefined
      ? []
      : [
          ['old task', share(accuracy.oldAfter), `${share(accuracy.oldBefore)} before`] satisfies [
            string,
            string,
            string,
          ],
        ]),
    ['energy', `${result.energyUjPerSample.toFixed(1)} µJ`, 'a sample, simulated'],
    ['commits', `${result.overheadPercent.toFixed(2)} %`, 'on steady power, cycles against the bare kernels'],
    ['a learn job', `${result.stepOverInference.toFixed(2)}×`, 'an inference in cycles, simulated'],
    [
      'NVM for learning',
      `${count(taken)} B`,
      Object.entries(nvmBytes)
        .map(([what, bytes]) => `${what} ${count(bytes)}`)
        .join(', '),
    ],
    [
      'hottest byte',
      `${wear.writesPerInference.toFixed(1)} writes`,
      `a sample, in ${wear.region}; worn after ${wear.lifetimeInferences.device.toExponential(1)} samples here`,
    ],
  ];
}

/** Points of the curve that the table of rivals shows: of ten the second, the fifth and the last. */
const SHOWN = [0.2, 0.5, 1];

/** The device beside what simple ways make of the same samples: a head, then a row each; nothing where none was measured. */
export function rivalRows({ curve, rivals }: Pick<PrintedLearning, 'curve' | 'rivals'>): string[][] {
  if (rivals.length === 0) return [];
  const all = [...rivals, { name: 'this device, integers', curve }];
  const shown = [...new Set(SHOWN.map((part) => Math.ceil(curve.length * part) - 1))];
  const isMeasured = curve.at(-1)!.accuracy !== undefined;
  const isOld = curve.at(-1)!.old !== undefined;
  return [
    [
      'right on samples held out',
      ...(isMeasured ? shown.map((at) => `after ${count(curve[at]!.samples)}`) : []),
      ...(isOld ? ['old task, at the end'] : []),
    ],
    ...all.map(({ name, curve: own }) => [
      name,
      ...(isMeasured ? shown.map((at) => share(own[at]!.accuracy)) : []),
      ...(isOld ? [share(own.at(-1)!.old)] : []),
    ]),
  ];
}

export function learnText(result: PrintedLearning): string {
  const { learning, policy, device, trace, notes } = result;
  const verdict =
    result.identical && result.exactlyOnce
      ? pc.green('every sample learnt exactly once, to the bit of steady power')
      : pc.red('NOT what steady power learns');
  const rolled =
    learning.rollbacks > 0
      ? [
          '',
          `${pc.yellow('the guard rolled back')} ${learning.rollbacks} times: newer weights did worse on samples held out;`,
          'a lower --learning-rate may help',
        ]
      : [];
  return [
    '',
    `${result.name} on ${device}, trace ${trace}, policy ${policy}; time and energy simulated`,
    ...sentences(notes),
    '',
    facts(learnRows(result)),
    '',
    learningText(learning),
    ...(result.rivals.length > 0 ? ['', table(rivalRows(result)), RIVALS_SAID] : []),
    ...rolled,
    '',
    verdict,
  ].join('\n');
}
