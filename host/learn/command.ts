import { readUserFile, writeWhole } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { readSets } from '../data/samples.js';
import { ExitCode } from '../error.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { readImage } from '../model/image.js';
import { file, isBytes, outputFile } from '../options/kinds.js';
import { IMAGE_FILE, PAGE_FILE } from '../options/outputs.js';
import { traceOptions } from '../power/trace.js';
import { powerOf } from '../replay/power-options.js';
import { learn } from './learn.js';
import { learnOptions } from './options.js';
import { learnHtml } from './page.js';
import { curveHeader, curveLine, learnText } from './report.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    data: {
      kind: file('samples and their classes', 'user.npz', isBytes),
      required: true,
      help: '.npz with x and y, and x_test and y_test to measure; or .npy of inputs',
    },
    labels: {
      kind: file('class numbers', 'labels.npy', isBytes),
      help: '.npy or .csv of classes, where --data has none',
    },
    as: asOption,
    ...cliOptions(learnOptions),
    ...cliOptions(traceOptions),
    output: {
      kind: outputFile(IMAGE_FILE, 'mine.brn'),
      short: 'o',
      help: 'where to write the image that has learnt',
    },
    report: {
      kind: outputFile(PAGE_FILE, 'learn.html'),
      help: 'write one self-contained HTML page with the curve',
    },
  },
  examples: [
    'brownout learn checkpoints/digits-learn.brn --data user.npz --trace rf -o mine.brn',
    'brownout learn model.brn --data x.npy --labels y.npy --device msp430fr5994 --capacitor 1mF --json',
  ],
  run({ options, positionals, print, progress, commandLine }) {
    const { data, labels, as, output, report, ...power } = options;
    const learner = readUserFile(positionals[0]!);
    const { input, preprocessing, classes } = readImage(learner).metadata;
    const { training, test } = readSets(data!, {
      target: { shape: input.shape, preprocessing },
      ...(classes ? { classes } : {}),
      ...(as ? { as } : {}),
      ...(labels === undefined ? {} : { labels }),
    });
    const held = test ? { heldOut: test.array, heldOutLabels: [...test.labels] } : {};
    // With the first row: what is wrong with the inputs is found before, and said alone.
    let headed = false;
    const { image, ...result } = learn(learner, {
      ...powerOf(power, learner),
      input: training.array,
      labels: [...training.labels],
      ...held,
      onSample: progress,
      onPoint: (point) => {
        if (!headed) print(curveHeader(test !== undefined));
        headed = true;
        print(curveLine(point));
      },
    });
    const written: string[] = [];
    if (output !== undefined) {
      writeWhole(output, image);
      written.push(output);
    }
    if (report !== undefined) {
      writeWhole(report, new TextEncoder().encode(learnHtml(result, commandLine)));
      written.push(report);
    }
    const whole = result.identical && result.exactlyOnce;
    return {
      json: { ...result, file: output ?? null },
      text: [learnText(result), ...(written.length > 0 ? ['', `written: ${written.join(', ')}`] : [])].join(
        '\n',
      ),
      exitCode: whole ? ExitCode.OK : ExitCode.WRONG,
    };
  },
});
