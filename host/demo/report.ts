import pc from 'picocolors';
import type { DemoDetails } from './demo.js';
import type { DemoSample } from './options.js';
import { chargeUj } from '../profiles/profile.js';
import { count, digitLines, facts, sideBySide } from '../report/text.js';

/** Digits in one row of the terminal. */
export const DIGITS_PER_ROW = 5;

/** A row of digits as characters, each with its answer and the cuts it survived. */
export function digitRow(samples: readonly DemoSample[]): string {
  const blocks = samples.map(({ pixels, label, answer, cuts }) => {
    const right = answer === label;
    const verdict = right ? pc.green(`is ${answer}`) : pc.red(`is ${answer}, not ${label}`);
    return [...digitLines(pixels), `${verdict} ${pc.dim(`${cuts} cuts`)}`.padEnd(14)];
  });
  return `${sideBySide(blocks, 2)}\n`;
}

/** The summary behind the digits. */
export function demoSummary({ result, profile, harvested, steady }: DemoDetails): string {
  const energy = (s: typeof steady): number => s.energyUj.compute + s.energyUj.nvm + s.energyUj.boot;
  const perAnswer = energy(harvested) / result.samples;
  const redone = (harvested.cycles / steady.cycles - 1) * 100;
  const verdict = result.identical ? pc.green('identical') : pc.red('DIFFERENT');
  return [
    `${result.samples} digits on a simulated ${profile.name}: ${profile.description}.`,
    `RF power comes and goes; one charge holds ${chargeUj(profile).toFixed(0)} µJ, one answer takes ${perAnswer.toFixed(0)} µJ.`,
    '',
    facts([
      ['correct', `${result.correct} of ${result.samples}`],
      ['power failures survived', count(result.cuts), 'simulated'],
      ['answers and final NVM', verdict, 'against the same digits on steady power'],
      ['commits', count(result.commits), `${(result.commits / result.samples).toFixed(1)} an answer`],
      ['commit overhead', `${result.overheadPercent.toFixed(2)} %`, 'cycles on steady power, simulated'],
      [
        'work done again after cuts',
        `${redone.toFixed(2)} %`,
        'cycles, extra commits and boots included, simulated',
      ],
      ['NVM written', `${count(result.nvmBytesWritten)} B`],
      ['instructions', count(result.instructions), 'WASM, executed'],
      [
        'time on / off',
        `${(harvested.onUs / 1e6).toFixed(1)} s / ${(harvested.offUs / 1e6).toFixed(1)} s`,
        'simulated',
      ],
      ['device module', `${count(result.wasmBytes)} B`, 'WASM'],
      ['SRAM', `${count(result.sramBytes)} B`, 'static data and arena'],
    ]),
  ].join('\n');
}
