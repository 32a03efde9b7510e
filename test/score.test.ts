// Answers against labels, an input that travels in the image, and noise where there is none.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readNpy, writeNpy } from '../host/data/npy.js';
import { readImage } from '../host/model/image.js';
import { run, type RunResult } from '../host/run/run.js';
import { scoreOf } from '../host/run/score.js';
import { brownout, checkFailure, cliFolder as folder, inProcess } from './util/cli.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const kept = (name: string): string => join(root, 'checkpoints', name);
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
const at = (name: string): string => join(folder, name);

const samples = readNpy(bytesOf(kept('digits-samples.npy')));
const labels = [...readNpy(bytesOf(kept('digits-labels.npy'))).data];
const COUNT = 60;
const few = { ...samples, shape: [COUNT, 28, 28, 1], data: samples.data.slice(0, COUNT * 784) };
writeFileSync(at('few.npy'), writeNpy(few));

test('the score of rows, by hand', () => {
  const rows = [
    [3, 1, 2],
    [5, 5, 0],
    [0, 9, 1],
    [1, 2, 7],
  ];
  const { worst, ...score } = scoreOf(rows, [0, 1, 0, 1], 0.5);
  assert.equal(score, {
    right: 1,
    total: 4,
    accuracy: 0.25,
    confusion: [
      [1, 1, 0],
      [1, 0, 1],
      [0, 0, 0],
    ],
  });
  assert.equal(worst, [
    { sample: 2, label: 0, answer: 1, margin: 4.5 },
    { sample: 3, label: 1, answer: 2, margin: 2.5 },
    { sample: 1, label: 1, answer: 0, margin: 0 },
  ]);
});

test('labels of every kind give one score; what is none is refused before the work', async () => {
  const own = labels.slice(0, COUNT).map((label, i) => (i % 20 === 7 ? (label + 1) % 10 : label));
  writeFileSync(at('y.npy'), writeNpy({ dtype: 'int32', shape: [COUNT], data: Int32Array.from(own) }));
  writeFileSync(at('y.csv'), `label\n${own.join('\n')}\n`);
  const call = ['run', kept('digits.brn'), '--input', at('few.npy'), '--labels'];
  const results: RunResult[] = [];
  for (const name of ['y.npy', 'y.csv']) {
    const { code, out } = await inProcess(...call, at(name), '--json');
    assert.is(code, 0, out);
    results.push(JSON.parse(out) as RunResult);
  }
  const [first, second] = results;
  assert.equal(first, second);
  const right = first!.outputs.filter((row, i) => {
    return row.every((value, k) => value < row[own[i]!]! || (value === row[own[i]!] && k >= own[i]!));
  }).length;
  const score = first!.score!;
  assert.equal([score.right, score.total, score.accuracy], [right, COUNT, right / COUNT]);
  assert.ok(right > 40 && right < COUNT, `${right}`);
  assert.is(
    score.confusion.flat().reduce((a, b) => a + b),
    COUNT,
  );
  score.confusion.forEach((row, label) =>
    assert.is(
      row.reduce((a, b) => a + b),
      own.filter((one) => one === label).length,
    ),
  );
  assert.is(score.worst.length, Math.min(10, COUNT - right));
  const { out } = await inProcess(...call, at('y.npy'));
  assert.match(out, `${right} of ${COUNT} right`);
  for (const line of out.split('\n')) assert.ok(line.length <= 80, line);

  writeFileSync(at('short.csv'), `label\n${own.slice(1).join('\n')}\n`);
  writeFileSync(at('high.csv'), `label\n10\n${own.slice(1).join('\n')}\n`);
  for (const name of ['short.csv', 'high.csv', 'none.npy'])
    await checkFailure([...call, at(name)], name === 'none.npy' ? 'E_FILE' : 'E_LABEL');
  let ran = false;
  const onSample = (): void => {
    ran = true;
  };
  assert.throws(() => run(bytesOf(kept('digits.brn')), { input: few, labels: [1], onSample }), /60 samples/);
  assert.not(ran);
});

test('compile --sample puts the first input into the image, as run takes it', async () => {
  const made = await brownout('compile', kept('digits.tflite'), '-o', at('s.brn'), '--sample', at('few.npy'));
  assert.is(made.code, 0, made.err);
  const image = readImage(bytesOf(at('s.brn')));
  assert.equal([...image.sample!], [...few.data.slice(0, 784)]);
  const [alone] = run(image).outputs;
  assert.equal(alone, run(image, { input: few }).outputs[0]);
  assert.ok(image.metadata.proof);
  const wrong = ['compile', kept('digits.tflite'), '-o', at('w.brn'), '--sample', at('five.npy')];
  writeFileSync(at('five.npy'), writeNpy({ dtype: 'int8', shape: [5], data: new Int8Array(5) }));
  await checkFailure(wrong, 'E_INPUT_SHAPE');
});

test('an image without an input goes on with noise where that is honest, and says so', async () => {
  await brownout('compile', kept('digits.tflite'), '-o', at('bare.brn'), '--no-verify');
  const power = ['--trace', 'rf', '--capacitor', '100uF'];
  for (const [call, kind] of [
    [['replay', at('bare.brn'), ...power], 'noise'],
    [['size', at('bare.brn'), '--trace', 'rf', '--capacitors', '100uF'], 'noise'],
    [
      [
        'size',
        at('bare.brn'),
        '--trace',
        'rf',
        '--capacitors',
        '100uF',
        '--input',
        at('few.npy'),
        '--inferences',
        '1',
      ],
      'given',
    ],
    [['replay', kept('digits.brn'), ...power], 'image'],
  ] as const) {
    const { code, out } = await inProcess(...call, '--json');
    assert.equal([code, (JSON.parse(out) as { inputs: string }).inputs], [0, kind], out.slice(0, 200));
    const said = (await inProcess(...call)).out;
    assert.is(/on noise: no input was given/.test(said.replaceAll(/\s+/g, ' ')), kind === 'noise');
  }
  // Answers to noise are worth nothing.
  await checkFailure(['run', at('bare.brn')], 'E_NO_INPUT');
});

test.run();
