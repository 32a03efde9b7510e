// `npm run bench:learning -- [digits|residual|motion|keywords|failures|streams|unlabelled|cost|labels|choice] [--angles A,B] [--seeds N]
// [--labels N] [--rank N] [--subjects A,B] [--methods A,B]`: learning on the device, in its own integer arithmetic at the desk,
// against other ways to adapt. Prints tables, then one line of JSON; progress on stderr. Labels and rank are of `digits`; subjects
// are 1 to 18; methods: none, prototype, last, bias, ours, float, sums; of `motion` each and tuned, too; all by default.
import { parseArgs } from 'node:util';
import { table } from '../host/report/text.js';
import { benchChoice } from './learning/choice.js';
import { benchCost } from './learning/cost.js';
import { benchFailures } from './learning/failures.js';
import { benchKeywords, WORDS } from './learning/keywords.js';
import { benchLabelCost } from './learning/label-cost.js';
import { deviation, mean, percent } from './learning/methods.js';
import { benchMotion, SHOTS } from './learning/motion.js';
import { benchStreams, benchUnlabelled } from './learning/streams.js';
import { benchDigits, LABELS } from './learning/rotated-digits.js';
import { benchResidual } from './learning/residual.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    angles: { type: 'string', default: '30,45,60,90' },
    seeds: { type: 'string', default: '5' },
    subjects: { type: 'string', default: '1,4,7,10,13,16' },
    methods: { type: 'string', default: '' },
    labels: { type: 'string', default: `${LABELS}` },
    rank: { type: 'string', default: '0' },
  },
});
const seeds = Number(values.seeds);
const labels = Number(values.labels);
const names = values.methods.split(',').filter((name) => name !== '');
const asked = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
const spread = (shares: readonly number[]): string =>
  `${percent(mean(shares))} ± ${percent(deviation(shares))}`;

const results: Record<string, unknown> = {};

if (asked('digits')) {
  const angles = values.angles.split(',').map(Number);
  const all = benchDigits({ angles, seeds, labels, rank: Number(values.rank), names });
  results['digits'] = all;
  console.log(
    `% right of 1,000 rotated digits, head:2, ${labels} labels, ${seeds} seeds (simulated at the desk)`,
  );
  const head = ['', ...all.map(({ degrees }) => `${degrees}°`), 'mean'];
  const rows = all[0]!.methods.map(({ name }, i) => {
    const of = all.map(({ methods }) => methods[i]!.shares);
    return [name, ...of.map(spread), percent(mean(of.flat()))];
  });
  console.log(`${table([head, ...rows])}\n`);
}

if (asked('residual')) {
  const all = benchResidual(values.angles.split(',').map(Number), seeds);
  results['residual'] = all;
  console.log(
    `% right of 500 rotated digits, a small residual network, ${LABELS} labels, ${seeds} seeds (simulated at the desk)`,
  );
  const head = ['', ...all.map(({ degrees }) => `${degrees}°`)];
  const names = all[0]!.methods.map(({ name }) => name);
  const rows = names.map((name, i) => [name, ...all.map(({ methods }) => spread(methods[i]!.shares))]);
  console.log(`${table([head, ...rows])}\n`);
}

if (asked('failures')) {
  const all = benchFailures(seeds);
  results['failures'] = all;
  console.log(
    '% right, digits rotated by 45°, updates that fail with some probability an attempt (simulated)',
  );
  const head = ['', ...all.map(({ probability }) => `p = ${probability}`)];
  const rows = [
    ['attempts an update', ...all.map(({ attempts }) => attempts.toFixed(1))],
    ['in place, applied again', ...all.map(({ inPlace }) => spread(inPlace))],
    ['ours', ...all.map(({ ours }) => spread(ours))],
    ['ours, weights as without failures', ...all.map(({ identical }) => (identical ? 'yes' : 'no'))],
  ];
  console.log(`${table([head, ...rows])}\n`);
}

if (asked('streams')) {
  const all = benchStreams(seeds);
  results['streams'] = all;
  console.log(
    `% right of 1,000 digits turned by 45°, after drift by 90°, head by sums, ${seeds} seeds (simulated at the desk)`,
  );
  const names = all.at(-1)!.methods.map(({ name }) => name);
  const rows = all.map(({ stream, methods }) => [
    stream,
    ...names.map((_, i) => (methods[i] ? spread(methods[i].shares) : '')),
  ]);
  console.log(`${table([['', ...names], ...rows])}\n`);
}

if (asked('unlabelled')) {
  const all = benchUnlabelled(seeds);
  results['unlabelled'] = all;
  console.log(
    `% right of 1,000 turned digits, 200 seen without labels, head by sums, ${seeds} seeds (simulated at the desk)`,
  );
  const head = ['', ...all.map(({ stream }) => stream)];
  const rows = all[0]!.methods.map(({ name }, i) => [
    name,
    ...all.map(({ methods }) => spread(methods[i]!.shares)),
  ]);
  console.log(`${table([head, ...rows])}\n`);
}

if (asked('cost')) {
  const { rank, ops, written, folds, labels } = await benchCost();
  results['cost'] = { rank, ops, written, folds, labels };
  console.log(`instructions on an emulated Cortex-M4, digits, head by sums of rank ${rank}`);
  const rows = ops.map(({ name, instructions, share }) => [name, `${instructions}`, `${percent(share)} %`]);
  console.log(`${table([['', 'instructions', 'of an inference'], ...rows])}\n`);
  console.log(
    `bytes written to NVM by a job, cursors included; ${labels} labels, ${folds} of them folded in (simulated)`,
  );
  console.log(`${table([Object.keys(written), Object.values(written).map((bytes) => bytes.toFixed(0))])}\n`);
}

if (asked('labels')) {
  const all = benchLabelCost();
  results['labels'] = all;
  console.log('digits, an inference and a label after it, in inferences, and µJ of the label (simulated)');
  const rows = all.map(({ name, inference, label, labelUj }) => [
    name,
    ...[inference, label, inference + label].map((value) => value.toFixed(3)),
    labelUj.toFixed(1),
  ]);
  console.log(`${table([['', 'inference', 'label', 'job', 'µJ'], ...rows])}\n`);
}

if (asked('choice')) {
  const { learn: _, ...choice } = benchChoice();
  results['choice'] = choice;
  console.log(`% right of digits turned by 45°, and energy of a label on cortex-m4-generic (simulated)`);
  const rows = choice.candidates.map(({ layers, refused, accuracy = NaN, labelUj = NaN }) =>
    refused ? [layers, refused, ''] : [layers, percent(accuracy), `${(labelUj / 1000).toFixed(3)} mJ`],
  );
  console.log(`${table([...rows, ['as it is', percent(choice.unadapted ?? NaN), '']])}\n`);
}

const folder = process.env['BROWNOUT_DATA'];
if (asked('motion') && !folder) {
  console.log('skipped: MotionSense: set BROWNOUT_DATA to the folder that holds motionsense/');
} else if (asked('motion')) {
  const { subjects, methods } = benchMotion(folder!, values.subjects.split(',').map(Number), names);
  results['motion'] = { subjects, methods };
  console.log(
    `% right of the other windows of a new subject, all layers, ${subjects.length} subjects (simulated at the desk)`,
  );
  const first = methods[0]!.shares;
  const head = ['', ...SHOTS.map((shots) => `${shots} a class`), ...SHOTS.map((shots) => `gain at ${shots}`)];
  const rows = methods.map(({ name, shares }) => [
    name,
    ...shares.map((of) => percent(mean(of))),
    ...shares.map((of, i) => percent(mean(of) - mean(first[i]!))),
  ]);
  console.log(`${table([head, ...rows])}\n`);
}

if (asked('keywords') && !folder) {
  console.log('skipped: keywords: set BROWNOUT_DATA to the folder that holds fsdd/');
} else if (asked('keywords')) {
  const { speakers, methods } = benchKeywords(folder!);
  results['keywords'] = { speakers, methods };
  console.log(
    `% right of the other words of a new speaker, ${speakers.length} speakers (simulated at the desk)`,
  );
  const rows = methods.map(({ name, shares }) => [name, ...shares.map((of) => percent(mean(of)))]);
  console.log(`${table([['', ...WORDS.map((words) => `${words} a class`)], ...rows])}\n`);
}

console.log(JSON.stringify(results));
