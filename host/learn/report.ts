import pc from 'picocolors';
import type { LearnResult } from './learn.js';
import type { LearningPoint } from './options.js';
import { learningText } from '../report/learning.js';
import { count, facts, sentences } from '../report/text.js';

const WIDTHS = [8, 10, 8, 9, 11, 10, 8];

const line = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(WIDTHS[i]!)).join('');

const share = (value: number | undefined): string =>
  value === undefined ? '' : `${(value * 100).toFixed(1)} %`;

/** Heads of `curveLine`'s columns. */
export const curveHeader = (measured: boolean): string =>
  line(['samples', measured ? 'accuracy' : '', 'loss', 'updates', 'energy', 'time', 'cuts']);

/** One row of the live table. Energy and time are simulated. */
export const curveLine = ({
  samples,
  accuracy,
  loss,
  updates,
  energyUj,
  timeMs,
  cuts,
}: LearningPoint): string =>
  line([
    count(samples),
    share(accuracy),
    loss.toFixed(2),
    count(updates),
    `${(energyUj / 1000).toFixed(1)} mJ`,
    `${(timeMs / 1000).toFixed(1)} s`,
    count(cuts),
  ]);

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
      `${count(result.labelled)} of ${count(result.samples)} samples, through ${count(result.cuts)} power failures`,
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
    ...rolled,
    '',
    verdict,
  ].join('\n');
}
