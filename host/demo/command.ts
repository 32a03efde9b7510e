import { demo, type DemoSample } from './demo.js';
import { ExitCode } from '../error.js';
import { demoSummary, DIGITS_PER_ROW, digitRow } from './report.js';
import type { Command } from '../options/command.js';
import { wholeNumber } from '../data/files.js';

export const demoCommand: Command = {
  name: 'demo',
  positionals: [],
  summary: 'Classify handwritten digits on a simulated device whose power keeps failing.',
  options: [
    { name: 'samples', value: 'N', help: 'digits to classify, 1–200 (default 30)' },
    { name: 'seed', value: 'S', help: 'seed of the power trace and of what cuts tear (default 1)' },
  ],
  examples: ['brownout demo', 'brownout demo --samples 200 --seed 7 --json'],
  run({ options, print }) {
    let row: DemoSample[] = [];
    const flush = (): void => {
      if (row.length > 0) print(digitRow(row));
      row = [];
    };
    const details = demo({
      ...(typeof options['samples'] === 'string'
        ? { samples: wholeNumber('samples', options['samples']) }
        : {}),
      ...(typeof options['seed'] === 'string' ? { seed: wholeNumber('seed', options['seed']) } : {}),
      onSample(sample) {
        row.push(sample);
        if (row.length === DIGITS_PER_ROW) flush();
      },
    });
    flush();
    const exitCode = details.result.identical ? ExitCode.OK : ExitCode.WRONG;
    return { json: details.result, text: demoSummary(details), exitCode };
  },
};
