import { readUserFile, writeWhole } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import type { GivenInputs } from '../data/given-inputs.js';
import { readInputFiles } from '../data/input-files.js';
import { readLabels } from '../data/labels.js';
import { type ReadAs, readInputAs } from '../data/model-input.js';
import { pathsIn } from '../data/option-kinds.js';
import { noLabels, readSets, readText } from '../data/samples.js';
import { ExitCode } from '../error.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { type Image, readImage } from '../model/image.js';
import { file, isBytes, outputFile } from '../options/kinds.js';
import { IMAGE_FILE, PAGE_FILE } from '../options/outputs.js';
import { traceOptions } from '../power/trace.js';
import { powerOf } from '../replay/power-options.js';
import { learn } from './learn.js';
import { learnOptions, type LearnReplayOptions } from './options.js';
import { learnHtml } from './page.js';
import { curveHeader, curveLine, learnText } from './report.js';

interface Files {
  data: string;
  labels: string | undefined;
  old: string | undefined;
  as: ReadAs | undefined;
}

type Measured = Pick<LearnReplayOptions, 'labels' | 'heldOut' | 'heldOutLabels' | 'old' | 'oldLabels'>;

/** Samples and their classes from files, and samples held out where there are any; `said`: how they were read. */
function samplesOf(
  image: Image,
  { data, labels: path, old: before, as }: Files,
): GivenInputs & Measured & { said: string } {
  const { input, preprocessing, classes, inputs } = image.metadata;
  if (inputs) {
    const { given, labels: own, said } = readInputFiles(data, image, as);
    const labels = path === undefined ? own : readLabels(readUserFile(path), 'the labels', classes).labels;
    return { ...given, labels: [...(labels ?? noLabels(data))], said };
  }
  const reading = {
    target: { shape: input.shape, preprocessing },
    ...(classes ? { classes } : {}),
    ...(as ? { as } : {}),
  };
  const { training, test } = readSets(data, { ...reading, ...(path === undefined ? {} : { labels: path }) });
  const old = before === undefined ? undefined : readSets(before, reading);
  const { array: oldArray, labels: oldLabels } = old?.test ?? old?.training ?? {};
  const { array, format, labels } = training;
  return {
    input: array,
    labels: [...labels],
    ...(test ? { heldOut: test.array, heldOutLabels: [...test.labels] } : {}),
    ...(oldArray && oldLabels ? { old: oldArray, oldLabels: [...oldLabels] } : {}),
    said: `${readText({ format, dtype: array.dtype, as: readInputAs(array, image) })}\n`,
  };
}

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    data: {
      kind: { ...file('samples and their classes', 'user.npz', isBytes), paths: pathsIn },
      required: true,
      help: '.npz with x and y, and x_test and y_test to measure; or .npy of inputs',
    },
    labels: {
      kind: file('class numbers', 'labels.npy', isBytes),
      help: '.npy or .csv of classes, where --data has none',
    },
    oldData: {
      kind: { ...file('samples and their classes', 'train.npz', isBytes), paths: pathsIn },
      help: 'samples of the task of before (x_test, y_test, or x, y): measures what learning forgets',
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
    'brownout learn model.brn --data user.npz --old-data train.npz --device nrf52840',
    'brownout learn model.brn --data x.npy --labels y.npy --device msp430fr5994 --capacitor 1mF --json',
  ],
  run({ options, positionals, print, progress, commandLine }) {
    const { data, labels, oldData: old, as, output, report, ...power } = options;
    const learner = readUserFile(positionals[0]!);
    const { said, ...given } = samplesOf(readImage(learner), { data: data!, labels, old, as });
    // With the first row: what is wrong with the inputs is found before, and said alone.
    let headed = false;
    const { image, ...result } = learn(learner, {
      ...powerOf(power, learner).power,
      ...given,
      onSample: progress,
      onPoint: (point) => {
        if (!headed)
          print(
            `${said}${curveHeader({ accuracy: given.heldOut !== undefined, old: given.old !== undefined })}`,
          );
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
