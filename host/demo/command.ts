import { ExitCode } from '../error.js';
import { cliOptions, type Command, defineCommand } from '../options/command.js';
import { demo } from './demo.js';
import { demoOptions, type DemoSample } from './options.js';
import { demoSummary, DIGITS_PER_ROW, digitRow } from './report.js';

export const command: Command = defineCommand({
  positionals: [],
  options: cliOptions(demoOptions),
  examples: ['brownout demo', 'brownout demo --samples 200 --seed 7 --json'],
  run({ options, print }) {
    let row: DemoSample[] = [];
    const flush = (): void => {
      if (row.length > 0) print(digitRow(row));
      row = [];
    };
    const details = demo({
      ...options,
      onSample(sample) {
        row.push(sample);
        if (row.length === DIGITS_PER_ROW) flush();
      },
    });
    flush();
    const exitCode = details.result.identical ? ExitCode.OK : ExitCode.WRONG;
    return { json: details.result, text: demoSummary(details), exitCode };
  },
});
