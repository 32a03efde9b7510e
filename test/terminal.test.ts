// Eighty columns: help of every command, and every table that a command prints.
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../host/commands.js';
import { Random } from '../host/math/random.js';
import { TERMINAL, wrapped, wrappedCommand } from '../host/options/wrap.js';
import { facts, table } from '../host/report/text.js';
import { convNetwork } from '../samples/networks.js';
import { cliFolder as folder, inProcess } from './util/cli.js';
import { compileUnproved } from './util/compile.js';
import { npz } from './util/npz-writer.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
for (const name of [
  'digits.brn',
  'digits-learn.brn',
  'digits.tflite',
  'digits-samples.npy',
  'digits-labels.npy',
])
  copyFileSync(join(root, 'checkpoints', name), join(folder, name));
const data = Int8Array.from({ length: 2 * 784 }, (_, i) => (i * 37) % 128);
const set = npz({
  x: { dtype: 'int8', shape: [2, 28, 28, 1], data },
  y: { dtype: 'uint8', shape: [2], data: Uint8Array.of(3, 4) },
});
writeFileSync(join(folder, 'set.npz'), set);
// Names as exporters make them.
const network = convNetwork(new Random(1));
const long = 'model/a_block_with_a_long_name/Conv2D;model/another_block/BiasAdd/ReadVariableOp;model/Relu';
const ops = network.ops.map((op, i) => ({ ...op, name: `${long}_${i}` }));
writeFileSync(join(folder, 'long.brn'), compileUnproved({ ...network, ops }));

const wide = (text: string): string[] => text.split('\n').filter((line) => [...line].length > TERMINAL);

test('help of every command', async () => {
  for (const name of [...Object.keys(COMMANDS), undefined]) {
    const { out, code } = await inProcess(...(name === undefined ? [] : [name]), '--help');
    assert.is(code, 0);
    assert.equal(wide(out), [], name ?? 'brownout');
  }
});

const LINES = [
  'run digits.brn --input digits-samples.npy --labels digits-labels.npy',
  'verify digits.brn',
  'verify long.brn',
  'verify digits-learn.brn --job learn',
  'replay digits.brn --trace rf',
  'replay long.brn --trace rf --capacitor 47uF',
  'replay digits.brn --cuts 1500,300',
  'size long.brn --trace rf --capacitors 1uF,10uF,100uF',
  'analyze digits.brn',
  'analyze long.brn --device msp430fr5994',
  'inspect digits.brn',
  'inspect long.brn',
  'inspect digits-learn.brn',
  'compare digits.brn rad-mnist',
  'check digits.tflite',
  'compile digits.tflite -o made.brn',
  'xray digits.brn --reference digits.tflite --data set.npz',
  'learn digits-learn.brn --data set.npz --trace constant',
  'build digits.brn -o small.wasm',
  'export digits.brn --target posix --no-verify -o app',
  'demo --samples 2',
];

for (const line of LINES) {
  test(`brownout ${line}`, async () => {
    const { out, err, code } = await inProcess(...line.split(' '));
    assert.ok(code < 2, err);
    // A line of a table has columns; one of text is the terminal's to break.
    assert.equal(
      wide(out).filter((one) => /\S {2,}\S/.test(one)),
      [],
    );
  });
}

test('long names lose their middle, figures never', () => {
  const cells = [
    ['op', 'kernel', 'cycles', 'energy', 'share', 'of it again'],
    [`${long}_1`, 'circulant_ntt_s8 2×2·128', '1,234,567', '12,345.6 µJ', '100.0 %', '1,234.5 µJ'],
    ['fc', 'dense_s8', '7', '0.1 µJ', '0.0 %', '0.0 µJ'],
  ];
  const lines = table(cells).split('\n');
  assert.ok(
    lines.every((line) => line.length <= TERMINAL),
    lines.join('\n'),
  );
  for (const figure of cells[1]!.slice(2)) assert.ok(lines[1]!.includes(figure), figure);
  assert.match(lines[1]!, /^model.*….*1 /);
});

test('notes go on below their first line', () => {
  const note = 'one two three four five six seven eight nine ten eleven twelve thirteen fourteen';
  const lines = facts([
    ['power failures', '1,234', note],
    ['time', '1 s', ''],
  ]).split('\n');
  assert.ok(lines.every((line) => line.length <= TERMINAL));
  assert.is(
    lines
      .slice(0, -1)
      .map((line) => line.slice(25).trim())
      .join(' '),
    note,
  );
  assert.equal(wrapped('a bb ccc', 4), ['a bb', 'ccc']);
});

test('a command that is broken is still one for a shell', () => {
  const command =
    'brownout replay checkpoints/digits.brn --trace rf --capacitor 100uF --policy "every 4" --report out.html';
  const broken = wrappedCommand(command, '  ');
  assert.equal(wide(broken), []);
  assert.is(broken.replaceAll(/ \\\n +/g, ' ').trim(), command);
});

test.run();
