// `node dist/scripts/train-model.js har|keywords [--check]`: trains a task's float parent, compresses it, and writes the image
// to checkpoints/. Needs BROWNOUT_DATA; several minutes. Cut off, it goes on from har.progress or keywords.progress. `--check`
// writes nothing and fails if a byte differs.
import { compress } from '../host/compress/compress.js';
import { compressText } from '../host/compress/report.js';
import { saveCheckpoints } from './checkpoints.js';
import { TASKS, trainParent } from '../samples/tasks.js';

const [name, ...flags] = process.argv.slice(2);
const task = TASKS.find((candidate) => candidate.name === name);
const log = (text: string): void => console.error(text);
if (!task || task.name === 'digits') {
  log('found no task; expected har or keywords (digits: npm run train:digits)');
  process.exitCode = 2;
} else {
  const data = task.data();
  const { image, report } = compress(trainParent(task, data, 1), {
    ...task.compression,
    data: data.training,
    test: data.test,
    name: task.name,
    classes: task.classes,
    seed: 1,
    journal: `${task.name}.progress`,
    onProgress: ({ stage, text }) => log(`${stage}: ${text}`),
  });
  log(compressText(report));
  const check = flags.includes('--check');
  if (!saveCheckpoints({ [`${task.name}.brn`]: image }, { check, log })) process.exitCode = 1;
}
