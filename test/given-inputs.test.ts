// One way for inputs: an image of several inputs, and one with state, in every command that runs an image.
import { lstatSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeWhole } from '../host/data/files.js';
import { type NpyArray, writeNpy } from '../host/data/npy.js';
import { NvmFile } from '../host/firmware/qemu.js';
import { boardCalled } from '../host/firmware/targets.js';
import { readImage } from '../host/model/image.js';
import { replay, ReplayBench } from '../host/replay/replay.js';
import { run } from '../host/run/run.js';
import { cliFolder as folder, inProcess } from './util/cli.js';
import { compileUnproved } from './util/compile.js';
import { npz } from './util/npz-writer.js';
import { counter, sumOfTwo } from './util/sum-of-two.js';

const int8 = (...data: number[]): NpyArray => ({
  dtype: 'int8',
  shape: [data.length / 2, 2],
  data: Int8Array.from(data),
});
const real = (...data: number[]): NpyArray => ({
  dtype: 'float32',
  shape: [data.length / 2, 2],
  data: Float32Array.from(data),
});
const save = (name: string, bytes: Uint8Array): void => writeFileSync(join(folder, name), bytes);

save('sum.brn', compileUnproved(sumOfTwo()));
save('counter.brn', compileUnproved(counter([10, 20])));
save('x.npy', writeNpy(int8(1, 2, 3, 4)));
save('t.npy', writeNpy(real(10, 20, 30, 40)));
save('both.npz', npz({ total: int8(10, 20, 30, 40), x: int8(1, 2, 3, 4) }));

const READ = 'x read as: codes (int8, .npy)\ntotal read as: reals (float32, .npy)\n';
const VERBS = [
  ['run', 'sum.brn'],
  ['replay', 'sum.brn', '--trace', 'constant'],
  ['replay', 'sum.brn', '--cuts', '1500,300'],
  ['size', 'sum.brn', '--trace', 'constant', '--capacitors', '10uF'],
  ['verify', 'sum.brn'],
];

for (const words of VERBS) {
  test(`${words.join(' ')}: several inputs by name, by order and from one .npz; how they were read is said`, async () => {
    const results = [];
    for (const files of ['x=x.npy,total=t.npy', 'total=t.npy,x=x.npy', 'x.npy,t.npy', 'both.npz']) {
      const { code, out } = await inProcess(...words, '--input', files, '--json');
      assert.is(code, 0, out);
      const { elapsedMs: _, ...result } = JSON.parse(out) as Record<string, unknown>;
      results.push(result);
    }
    for (const result of results) assert.equal(result, results[0]);
    const { out } = await inProcess(...words, '--input', 'x=x.npy,total=t.npy');
    assert.ok(out.startsWith(READ), out);
    const { out: one } = await inProcess(...words, '--input', 'both.npz');
    assert.ok(
      one.startsWith(READ.replaceAll('reals (float32', 'codes (int8').replaceAll('.npy', '.npz')),
      one,
    );
  });

  test(`${words.join(' ')}: one array for two inputs is refused`, async () => {
    const { code, out } = await inProcess(...words, '--input', 'x.npy', '--json');
    assert.is(code, 2);
    assert.match(out, 'E_INPUT_NAME');
  });
}

test('the answers are the sums', () => {
  const image = readImage(readFileSync(join(folder, 'sum.brn')));
  const { named } = run(image, { inputs: { x: int8(1, 2, 3, 4), total: real(10, 20, 30, 40) } });
  assert.equal(named![0]!.outputs, [
    [11, 22],
    [33, 44],
  ]);
});

test('state goes from answer to answer on harvested power too', () => {
  const image = readImage(readFileSync(join(folder, 'counter.brn')));
  const input = int8(1, 2, 3, 4, 5, 6);
  const bench = new ReplayBench(image, { input, trace: 'rf', capacitorUf: 1 });
  const { outputs } = run(image, { input });
  assert.equal(outputs, [
    [11, 22],
    [14, 26],
    [19, 32],
  ]);
  assert.equal(
    bench.steady.answers.map((answer) => [...answer].slice(0, 2)),
    outputs,
  );
  assert.ok(replay(image, { input, trace: 'rf' }).identical);
});

test('a file that is one of several inputs is not written over, by whichever name', async () => {
  const before = readFileSync(join(folder, 't.npy'));
  for (const files of ['x=x.npy,total=t.npy', 'x.npy,t.npy', 'x=x.npy,total=./t.npy']) {
    const line = [
      'replay',
      'sum.brn',
      '--trace',
      'constant',
      '--input',
      files,
      '--report',
      't.npy',
      '--force',
    ];
    const { code, out } = await inProcess(...line, '--json');
    assert.is(code, 2);
    assert.match(out, /E_OUTPUT.*to read and to write/);
  }
  assert.equal(readFileSync(join(folder, 't.npy')), before);
});

test('what lies beside a file that is written stays, links stay links, permissions stay', () => {
  const path = join(folder, 'page.html');
  for (const end of ['.part', '.tmp', '.old']) save(`page.html${end}`, Uint8Array.of(1, 2, 3));
  save('real.html', Uint8Array.of());
  const before = readdirSync(folder);
  symlinkSync('real.html', path);
  writeFileSync(join(folder, 'real.html'), 'old', { mode: 0o600 });
  const mode = statSync(path).mode;
  writeWhole(path, Buffer.from('new'));
  assert.is(readFileSync(join(folder, 'real.html'), 'utf8'), 'new');
  assert.ok(lstatSync(path).isSymbolicLink());
  assert.is(statSync(path).mode, mode);
  assert.equal(readdirSync(folder).sort(), [...before, 'page.html'].sort());
  for (const end of ['.part', '.tmp', '.old']) assert.equal([...readFileSync(`${path}${end}`)], [1, 2, 3]);
});

test('a file that is no NVM of the board is left alone', () => {
  const board = boardCalled('qemu-mps2-an386');
  const before = readFileSync(join(folder, 'sum.brn'));
  assert.throws(() => new NvmFile(join(folder, 'sum.brn'), board), /E_OUTPUT/);
  assert.equal(readFileSync(join(folder, 'sum.brn')), before);
  for (const _ of [1, 2]) {
    const nvm = new NvmFile(join(folder, 'board.nvm'), board);
    assert.is(statSync(nvm.path).size, board.nvm.bytes);
  }
  rmSync(join(folder, 'board.nvm'));
});

test('a write that fails leaves nothing, and the file as it was', () => {
  const before = readdirSync(folder).sort();
  assert.throws(() => writeWhole(join(folder, 'no', 'such', 'x'), Uint8Array.of(1)), /E_FILE/);
  assert.throws(() => writeWhole(join(folder, 'x.npy', 'y'), Uint8Array.of(1)), /E_FILE/);
  assert.equal(readdirSync(folder).sort(), before);
});

test.run();
