import { readUserFile } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { readLabels } from '../data/labels.js';
import { readPortArrays } from '../data/port-arrays.js';
import { inputFor, readText } from '../data/samples.js';
import { ExitCode } from '../error.js';
import { type Image, readImage } from '../model/image.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { file, isBytes } from '../options/kinds.js';
import { type RunOptions, runOptions } from './options.js';
import { runText } from './report.js';
import { run } from './run.js';

/** Samples and labels from files; `said`: how they were read. */
function filesOf(
  image: Image,
  { input, labels: path, as }: { input?: string; labels?: string; as?: 'codes' | 'reals' },
): { given: RunOptions; said: (result: { readAs?: 'codes' | 'reals' }) => string } {
  const { classes, inputs: ports } = image.metadata;
  const own = path === undefined ? undefined : readLabels(readUserFile(path), 'the labels', classes).labels;
  const labelled = (labels: Uint8Array | undefined): RunOptions => (labels ? { labels: [...labels] } : {});
  if (input === undefined) return { given: labelled(own), said: () => '' };
  if (ports) {
    const inputs = readPortArrays(input, image, as ? { as } : {});
    return { given: { inputs, ...labelled(own) }, said: () => '' };
  }
  const { array, format, labels } = inputFor(input, image, as);
  return {
    given: { input: array, ...labelled(own ?? labels) },
    said: ({ readAs }) => (readAs ? `${readText({ format, dtype: array.dtype, as: readAs })}\n` : ''),
  };
}

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    ...cliOptions(runOptions),
    labels: {
      kind: file('class numbers', 'labels.npy', isBytes),
      help: '.npy or .csv of classes: accuracy, confusion, the worst answers',
      otherwise: 'those that --input carries',
    },
    as: asOption,
  },
  examples: [
    'brownout run checkpoints/digits.brn',
    'brownout run model.brn --input x.npy --json',
    'brownout run checkpoints/digits.brn --input checkpoints/digits-samples.npy --labels checkpoints/digits-labels.npy',
  ],
  run({ positionals, options, progress }) {
    const image = readImage(readUserFile(positionals[0]!));
    const { given, said } = filesOf(image, options);
    const result = run(image, { ...given, onSample: progress });
    return {
      json: result,
      text: `${said(result)}${runText(result, image.metadata)}`,
      exitCode: ExitCode.OK,
    };
  },
});
