import { ExitCode } from '../error.js';
import { curveHeader, curveLine, learnText } from './report.js';
import { learnHtml } from './page.js';
import { learn } from './learn.js';
import type { Command } from '../options/command.js';
import { asOf, asOption } from '../data/input-options.js';
import { readUserFile, wholeNumber, writeWhole } from '../data/files.js';
import { readSets } from '../data/samples.js';
import { capacitance } from '../options/capacitance.js';
import { commandLine, powerOptions, replayOptions } from '../replay/power-options.js';

export const learnCommand: Command = {
  name: 'learn',
  positionals: ['image'],
  summary: 'Replay learning on the device on a power trace, sample by sample, and write what it learnt.',
  options: [
    {
      name: 'data',
      value: 'FILE',
      help: '.npz with x and y, and x_test and y_test to measure; or .npy of inputs',
    },
    { name: 'labels', value: 'FILE', help: '.npy or .csv of classes, where --data has none' },
    asOption,
    { name: 'epochs', value: 'N', help: 'times that the samples are gone through (default 1)' },
    { name: 'every', value: 'N', help: 'measure accuracy after so many samples (default: a tenth)' },
    ...powerOptions.filter(({ name }) => name !== 'inferences'),
    { name: 'capacitor', value: 'C', help: "such as 100uF (default: the device's or converter's own)" },
    { name: 'output', short: 'o', value: 'FILE', help: 'where to write the image that has learnt' },
    { name: 'report', value: 'FILE', help: 'write one self-contained HTML page with the curve' },
  ],
  examples: [
    'brownout learn checkpoints/digits-learn.brn --data user.npz --trace rf -o mine.brn',
    'brownout learn model.brn --data x.npy --labels y.npy --device msp430fr5994 --capacitor 1mF --json',
  ],
  run(input) {
    const { options, positionals, print, progress } = input;
    const { data, labels, epochs, every, capacitor, output, report } = options;
    const sets = readSets(String(data ?? ''), {
      ...asOf(options),
      ...(typeof labels === 'string' ? { labels } : {}),
    });
    const { training, test } = sets;
    const { input: _, inferences: __, ...power } = replayOptions(input);
    const held = test ? { heldOut: test.array, heldOutLabels: [...test.labels] } : {};
    // With the first row: what is wrong with the inputs is found before, and said alone.
    let headed = false;
    const { image, ...result } = learn(readUserFile(positionals[0]!), {
      input: training.array,
      labels: [...training.labels],
      ...held,
      ...power,
      ...(typeof epochs === 'string' ? { epochs: wholeNumber('epochs', epochs) } : {}),
      ...(typeof every === 'string' ? { every: wholeNumber('every', every) } : {}),
      ...(typeof capacitor === 'string' ? { capacitorUf: capacitance(capacitor) } : {}),
      onSample: progress,
      onPoint: (point) => {
        if (!headed) print(curveHeader(test !== undefined));
        headed = true;
        print(curveLine(point));
      },
    });
    const written: string[] = [];
    if (typeof output === 'string') {
      writeWhole(output, image);
      written.push(output);
    }
    if (typeof report === 'string') {
      writeWhole(report, new TextEncoder().encode(learnHtml(result, commandLine('learn', input))));
      written.push(report);
    }
    const whole = result.identical && result.exactlyOnce;
    return {
      json: { ...result, file: typeof output === 'string' ? output : null },
      text: [learnText(result), ...(written.length > 0 ? ['', `written: ${written.join(', ')}`] : [])].join(
        '\n',
      ),
      exitCode: whole ? ExitCode.OK : ExitCode.WRONG,
    };
  },
};
