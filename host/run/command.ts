import { readUserFile } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { readLabels } from '../data/labels.js';
import { readInputFiles } from '../data/input-files.js';
import type { ReadAs } from '../data/model-input.js';
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
  { input, labels: path, as }: { input?: string; labels?: string; as?: ReadAs },
): { given: RunOptions; said: string } {
  const { classes } = image.metadata;
  const own = path === undefined ? undefined : readLabels(readUserFile(path), 'the labels', classes).labels;
  const files = input === undefined ? undefined : readInputFiles(input, image, as);
  const labels = own ?? files?.labels;
  return { given: { ...files?.given, ...(labels ? { labels: [...labels] } : {}) }, said: files?.said ?? '' };
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
    const signedBy = options.signedBy === undefined ? {} : { signedBy: readUserFile(options.signedBy) };
    const result = run(image, {
      ...given,
      ...signedBy,
      ...(options.reset ? { reset: true } : {}),
      onSample: progress,
    });
    return {
      json: result,
      text: `${said}${runText(result, image.metadata)}`,
      exitCode: ExitCode.OK,
    };
  },
});
