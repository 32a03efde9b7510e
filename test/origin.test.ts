// What every result says of where it is from: version, and the hashes of all that it was made from.
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../host/commands.js';
import type { Origin } from '../host/origin.js';
import { packageVersion } from '../host/package.js';
import { cliFolder as folder, inProcess } from './util/cli.js';
import { npz } from './util/npz-writer.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
for (const name of ['digits.brn', 'digits-learn.brn', 'digits.tflite'])
  copyFileSync(join(root, 'checkpoints', name), join(folder, name));
const noise = Int8Array.from({ length: 2 * 784 }, (_, i) => (i * 37) % 128);
const samples = { dtype: 'int8', shape: [2, 28, 28, 1], data: noise } as const;
const labels = { dtype: 'uint8', shape: [2], data: Uint8Array.of(3, 4) } as const;
writeFileSync(
  join(folder, 'set.npz'),
  npz({ x: { ...samples, shape: [...samples.shape] }, y: { ...labels, shape: [2] } }),
);

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const file = (name: string): string => sha256(join(folder, name));
const module = (name: string): string => sha256(join(root, 'dist/wasm', `${name}.wasm`));

type Hashes = { [K in 'imageSha256' | 'modelSha256' | 'moduleSha256']?: () => string } & {
  trace?: true;
  seed?: number;
};
const digits: Hashes = { imageSha256: () => file('digits.brn'), moduleSha256: () => module('device') };
const learner: Hashes = {
  imageSha256: () => file('digits-learn.brn'),
  moduleSha256: () => module('device.learn'),
};

/** A command line, and what its JSON must say. */
const LINES: [line: string, says: Hashes][] = [
  ['run digits.brn', digits],
  ['verify digits.brn', digits],
  ['replay digits.brn --trace constant --seed 5', { ...digits, trace: true, seed: 5 }],
  ['replay digits.brn --cuts 1500,300', digits],
  ['size digits.brn --trace constant --capacitors 100uF --seed 6', { ...digits, trace: true, seed: 6 }],
  ['analyze digits.brn', digits],
  ['inspect digits.brn', { imageSha256: () => file('digits.brn') }],
  ['demo --samples 1 --seed 7', { ...digits, moduleSha256: () => module('digits'), trace: true, seed: 7 }],
  [
    'compile digits.tflite -o made.brn',
    { imageSha256: () => file('made.brn'), modelSha256: () => file('digits.tflite') },
  ],
  ['check digits.tflite', { modelSha256: () => file('digits.tflite') }],
  ['xray digits.brn --reference digits.tflite --data set.npz', digits],
  ['learn digits-learn.brn --data set.npz --trace constant', { ...learner, trace: true, seed: 1 }],
  ['export-weights digits-learn.brn -o w.brnw', { imageSha256: () => file('digits-learn.brn') }],
  ['import-weights digits-learn.brn w.brnw -o mine.brn', { imageSha256: () => file('mine.brn') }],
  ['sign digits.brn --new-key key.pem -o signed.brn', { imageSha256: () => file('signed.brn') }],
  ['build digits.brn -o small.wasm', { moduleSha256: () => file('small.wasm') }],
  [
    'export digits.brn --target posix --no-verify -o app',
    { ...digits, moduleSha256: () => file('app/brownout_module.wasm') },
  ],
];

for (const [line, says] of LINES) {
  test(`brownout ${line}`, async () => {
    const { out } = await inProcess(...line.split(' '), '--json');
    const { origin } = JSON.parse(out) as { origin: Origin };
    assert.ok(origin, out);
    const { trace, seed, ...hashes } = says;
    const expected = {
      version: packageVersion(),
      ...Object.fromEntries(Object.entries(hashes).map(([name, hash]) => [name, hash()])),
      ...(seed === undefined ? {} : { seed }),
    };
    const { traceSha256, ...others } = origin;
    assert.equal(others, expected);
    assert.is(/^[0-9a-f]{64}$/.test(traceSha256 ?? ''), trace === true);
  });
}

/** Commands whose results have an origin that is tested elsewhere, or a shape of their own. */
const ELSEWHERE = ['compare', 'compress', 'flash', 'gateway', 'restore'];

test('every command is here', () => {
  const here = LINES.map(([line]) => line.split(' ')[0]!);
  assert.equal(
    Object.keys(COMMANDS).filter((name) => !here.includes(name)),
    Object.keys(COMMANDS).filter((name) => ELSEWHERE.includes(name)),
  );
});

test.run();
