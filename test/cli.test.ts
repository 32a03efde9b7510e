// The command line as people and scripts meet it: exit codes, one JSON object under --json, no stack trace ever.
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NpyArray, readNpy, writeNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import type { RunResult } from '../host/run/run.js';
import { brownout, checkFailure, cliFolder as folder, failureIn, inProcess } from './util/cli.js';
import { MUTANTS, sabotaged } from './util/sabotage.js';
import { tfliteModels } from './util/models.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const image = join(root, 'checkpoints/digits.brn');

const COMMANDS = ['demo', 'run', 'compile', 'verify', 'replay', 'analyze', 'inspect', 'build'];
const DEMO_KEYS = [
  ...[
    'origin',
    'samples',
    'correct',
    'cuts',
    'identical',
    'commits',
    'nvmBytesWritten',
    'instructions',
    'overheadPercent',
  ],
  ...['wasmBytes', 'sramBytes', 'seed'],
];

function save(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const saveNpy = (name: string, array: NpyArray): string => save(name, writeNpy(array));
test('a failure for people goes to standard error', async () => {
  const { code, out, err } = await brownout('run', 'missing.brn');
  assert.equal([code, out], [2, '']);
  assert.match(
    err,
    /^E_FILE\n {2}found {5}no file "missing.brn"\n {2}expected .+\n {2}Check the path: `ls \.` shows what there is\.\n$/,
  );
});

test('help and version', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  assert.equal(await brownout('--version'), { code: 0, out: `${version}\n`, err: '' });
  const help = await brownout('--help');
  assert.equal([help.code, help.err], [0, '']);
  for (const word of [...COMMANDS, '--json', '--help', '--version', 'Exit codes'])
    assert.match(help.out, word);
  for (const command of COMMANDS) {
    const { code, out, err } = await brownout(command, '--help');
    assert.equal([code, err], [0, ''], command);
    for (const word of [`Usage: brownout ${command}`, '--json', 'Examples:']) assert.match(out, word);
    for (const [example] of out.matchAll(/^ {2}brownout .+$/gm)) assert.match(example, command);
  }
  const nothing = await brownout();
  assert.is(nothing.code, 2);
  assert.match(nothing.out, 'Usage');
});

test('wrong usage', async () => {
  await checkFailure(['fly'], 'E_USAGE');
  await checkFailure(['--fly'], 'E_USAGE');
  await checkFailure(['demo', '--fly'], 'E_USAGE');
  await checkFailure(['demo', 'now'], 'E_USAGE');
  await checkFailure(['demo', '--samples'], 'E_USAGE');
  await checkFailure(['run'], 'E_USAGE');
  await checkFailure(['run', image, image], 'E_USAGE');
  await checkFailure(['run', image, '--input'], 'E_USAGE');
  const { code, out } = await brownout('--json');
  assert.equal([code, failureIn(out).code], [2, 'E_USAGE']);
});

test('options out of range', async () => {
  for (const [name, values] of Object.entries({
    samples: ['0', 'x', '1.5', '201', '-1', '1e2', '99999999999'],
    seed: ['-1', 'x', '4294967296', '0x10', ' 1'],
  })) {
    for (const value of values) {
      const { code, out } = await inProcess('demo', `--${name}=${value}`, '--json');
      assert.equal([code, failureIn(out).code], [2, 'E_OPTION'], `--${name}=${value}`);
    }
  }
  await checkFailure(['demo', '--samples', '0'], 'E_OPTION');
  await checkFailure(['demo', '--samples', 'x'], 'E_OPTION');
  await checkFailure(['demo', '--seed', '-1'], 'E_OPTION');
  await checkFailure(['demo', '--seed', '--samples'], 'E_USAGE');
  await checkFailure(['demo', '--seed='], 'E_USAGE');
});

test('files that are not what they should be', async () => {
  const sample = join(root, 'checkpoints/digits-samples.npy');
  await checkFailure(['run', 'missing.brn'], 'E_FILE');
  await checkFailure(['run', folder], 'E_FILE');
  await checkFailure(['run', image, '--input', 'missing.npy'], 'E_FILE');
  await checkFailure(['run', sample], 'E_IMAGE_MAGIC');
  await checkFailure(['run', save('empty.brn', new Uint8Array())], 'E_IMAGE_SIZE');
  await checkFailure(['run', image, '--input', image], 'E_INPUT_FILE');
  const cases: [string, string, NpyArray][] = [
    ['shape', 'E_INPUT_SHAPE', { dtype: 'int8', shape: [783], data: new Int8Array(783) }],
    ['pixels', 'E_INPUT_RANGE', { dtype: 'uint8', shape: [28, 28, 1], data: new Uint8Array(784).fill(255) }],
    [
      'nan',
      'E_INPUT_RANGE',
      { dtype: 'float64', shape: [28, 28, 1], data: new Float64Array(784).fill(Number.NaN) },
    ],
  ];
  for (const [name, code, array] of cases) {
    await checkFailure(['run', image, '--input', saveNpy(`${name}.npy`, array)], code);
  }
});

/** Truncates the file at `path` by `step` bytes at a time and runs `args` on it: each must fail with an `allowed` code. */
async function sweepTruncation(path: string, step: number, args: string[], allowed: RegExp): Promise<void> {
  for (let length = statSync(path).size - 1; length >= 0; length -= step) {
    truncateSync(path, length);
    const { code, out } = await inProcess(...args, '--json');
    const failure = failureIn(out);
    const fine = code === 2 && allowed.test(failure.code);
    if (!fine) assert.unreachable(`${length} bytes: exit ${code}, ${failure.code}, ${failure.found}`);
  }
}

test('an input truncated at every length, and one byte too long', async () => {
  const data = new Int8Array(784);
  const bytes = writeNpy({ dtype: 'int8', shape: [28, 28, 1], data });
  const long = await inProcess(
    'run',
    image,
    '--input',
    save('long.npy', Uint8Array.from([...bytes, 0])),
    '--json',
  );
  assert.equal([long.code, failureIn(long.out).code], [2, 'E_NPY']);
  const path = save('short.npy', bytes);
  assert.is((await inProcess('run', image, '--input', path, '--json')).code, 0);
  await sweepTruncation(path, 1, ['run', image, '--input', path], /^E_NPY$|^E_INPUT_FILE$/);
});

test('an image truncated at every fifth length, and with flipped bits', async () => {
  const bytes = readFileSync(image);
  const path = save('short.brn', bytes);
  await sweepTruncation(path, 5, ['run', path], /^E_IMAGE_|^E_NO_INPUT$/);
  const random = new Random(4);
  for (let i = 0; i < 1000; i++) {
    const flipped = Uint8Array.from(bytes);
    const at = random.integer(i % 2 ? bytes.length : 256);
    flipped[at]! ^= 1 << random.integer(8);
    const { code, out } = await inProcess('run', save('flipped.brn', flipped), '--json');
    if (code === 0) continue; // padding between sections
    const failure = failureIn(out);
    const named = code === 2 && failure.code.startsWith('E_IMAGE_');
    if (!named) assert.unreachable(`a bit of byte ${at}: exit ${code}, ${failure.code}, ${failure.found}`);
  }
});

test('run gives the same answers for float32, float64 and int8, single and batch', async () => {
  const samples = readNpy(new Uint8Array(readFileSync(join(root, 'checkpoints/digits-samples.npy'))));
  const labels = readNpy(new Uint8Array(readFileSync(join(root, 'checkpoints/digits-labels.npy')))).data;
  const pixels = samples.data.slice(0, 10 * 784) as Int8Array;
  const floats = Float64Array.from(pixels, (value) => (value + 128) / 255);
  const shape = [10, 28, 28, 1];
  const paths = {
    int8: saveNpy('batch-i1.npy', { dtype: 'int8', shape, data: pixels }),
    float32: saveNpy('batch-f4.npy', { dtype: 'float32', shape, data: Float32Array.from(floats) }),
    float64: saveNpy('batch-f8.npy', { dtype: 'float64', shape, data: floats }),
    single: saveNpy('single.npy', {
      dtype: 'int8',
      shape: [28, 28, 1],
      data: pixels.slice(7 * 784, 8 * 784),
    }),
  };
  const outputs = async (...args: string[]): Promise<number[][]> => {
    const { code, out, err } = await brownout('run', image, '--json', ...args);
    assert.equal([code, err], [0, '']);
    const result = JSON.parse(out) as RunResult;
    const read = args.includes('--input') ? ['readAs'] : [];
    assert.equal(Object.keys(result), [
      'origin',
      'outputs',
      'dtype',
      'scale',
      'zeroPoint',
      'clamped',
      ...read,
    ]);
    assert.is(result.dtype, 'int8');
    return result.outputs;
  };
  const batch = await outputs('--input', paths.int8);
  assert.is(batch.length, 10);
  assert.equal(
    batch.map((scores) => scores.indexOf(Math.max(...scores))),
    [...labels.slice(0, 10)],
  );
  assert.equal(await outputs('--input', paths.float32), batch);
  assert.equal(await outputs('--input', paths.float64), batch);
  assert.equal(await outputs('--input', paths.single), [batch[7]]);
  assert.equal(await outputs(), [batch[7]], 'the sample in the image');
  const text = await brownout('run', image, '--input', paths.int8);
  assert.equal([text.code, text.err], [0, '']);
  assert.match(text.out, /^read as: codes \(int8, \.npy\)\n/);
  assert.is(text.out.trimEnd().split('\n').length, 12);
});

test('demo --json is one object with the keys we promise, twice the same', async () => {
  const args = ['demo', '--samples', '5', '--seed', '3', '--json'];
  const [first, second] = await Promise.all([brownout(...args), brownout(...args)]);
  assert.equal([first.code, first.err], [0, '']);
  assert.is(first.out, second.out);
  const result = JSON.parse(first.out) as Record<string, unknown>;
  assert.equal(Object.keys(result), DEMO_KEYS);
  assert.equal([result['samples'], result['seed'], result['identical']], [5, 3, true]);
  const text = await brownout('demo', '--samples', '2');
  assert.equal([text.code, text.err], [0, '']);
  assert.match(text.out, 'identical');
});

test('verify: verdict, one object, wrong options', async () => {
  const { code, out, err } = await brownout('verify', image, '--tear', '4', '--json');
  assert.equal([code, err], [0, '']);
  const result = JSON.parse(out) as Record<string, unknown>;
  assert.ok(result['proved'] === true && result['closed'] === true && result['counterexample'] === null);
  for (const key of ['violations', 'stuck', 'cursors', 'states', 'transitions', 'elapsedMs'])
    assert.type(result[key], 'number', key);
  assert.match((await inProcess('verify', image)).out, /proved: no power failure/);
  await checkFailure(['verify', image, '--job', 'learn'], 'E_KIND');
  await checkFailure(['verify', image, '--tear', '3'], 'E_OPTION');
  await checkFailure(['verify', image, '--budget', 'long'], 'E_OPTION');
  await checkFailure(['verify', image, '--module', image], 'E_MODULE');
  await checkFailure(['verify', join(folder, 'missing.brn')], 'E_FILE');
});

test('verify finds a counterexample in a sabotaged module, and replay confirms it', async () => {
  const wasm = await sabotaged(MUTANTS.find(({ name }) => name === 'no sync before the cursor')!);
  const module = save('sabotaged.wasm', wasm);
  const { code, out, err } = await brownout('verify', image, '--module', module, '--json');
  assert.equal([code, err], [1, '']);
  const { proved, counterexample } = JSON.parse(out) as { proved: boolean; counterexample: { id: string } };
  assert.not(proved);
  const text = await inProcess('verify', image, '--module', module);
  assert.is(text.code, 1);
  assert.match(text.out, `--cuts ${counterexample.id}`);
  const replayed = await brownout('replay', image, '--cuts', counterexample.id, '--module', module, '--json');
  assert.is(replayed.code, 1);
  assert.is((JSON.parse(replayed.out) as { identical: boolean }).identical, false);
  assert.is((await inProcess('replay', image, '--cuts', counterexample.id)).code, 0);
  await checkFailure(['replay', image, '--cuts', 'soon'], 'E_CUTS_ID');
});

test('compile: a model to a proved image, or an error and no file', async () => {
  const [good, bad] = tfliteModels() as [Uint8Array, Uint8Array];
  const [model, output] = [join(folder, 'model.tflite'), join(folder, 'model.brn')];
  writeFileSync(model, bad.slice(0, 900));
  const failed = await inProcess('compile', model, '-o', output, '--json');
  assert.is(failed.code, 2);
  assert.match((JSON.parse(failed.out) as { error: { code: string } }).error.code, /^E_TFLITE/);
  assert.is(existsSync(output), false);
  writeFileSync(model, good);
  const ended = await inProcess('compile', model, '--output', output, '--policy', 'every 4', '--json');
  assert.is(ended.code, 0, ended.out);
  const { proof, analysis } = JSON.parse(ended.out) as {
    proof: { cursors: number };
    analysis: { policy: string };
  };
  assert.ok(proof.cursors > 5);
  assert.is(analysis.policy, 'every 4');
  assert.is((await inProcess('verify', output)).code, 0);
});

test('run, replay, size and verify take one sample alike, as codes, reals or a table', async () => {
  const samples = readNpy(new Uint8Array(readFileSync(join(root, 'checkpoints/digits-samples.npy'))));
  const codes = samples.data.slice(0, 784) as Int8Array;
  const reals = Array.from(codes, (code) => (code + 128) / 255);
  const shape = [28, 28, 1];
  const files = [
    [saveNpy('codes.npy', { dtype: 'int8', shape, data: codes })],
    [saveNpy('codes64.npy', { dtype: 'int64', shape, data: Float64Array.from(codes) }), '--as', 'codes'],
    [saveNpy('reals.npy', { dtype: 'float64', shape, data: Float64Array.from(reals) })],
    [save('reals.csv', new TextEncoder().encode(`${reals.join(';').replaceAll('.', ',')}\n`))],
  ];
  for (const [verb, ...rest] of [
    ['run', image],
    ['replay', image, '--trace', 'constant'],
    ['replay', image, '--cuts', '1500,300'],
    ['size', image, '--trace', 'constant'],
    ['verify', image],
  ]) {
    const results: unknown[] = [];
    for (const file of files) {
      const { code, out } = await inProcess(verb!, ...rest, '--input', ...file, '--json');
      assert.is(code, 0, `${verb} ${file}: ${out}`);
      const { readAs: _, elapsedMs: __, ...result } = JSON.parse(out) as Record<string, unknown>;
      results.push(result);
    }
    for (const result of results) assert.equal(result, results[0], verb!);
  }
});

test.run();
