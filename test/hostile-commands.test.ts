// Every command that reads a file, on damaged ones: what is not taken is an error by name with exit code 2 (3 where the device
// refuses), soon, in little memory, and nothing is left behind. BROWNOUT_FUZZ: how many command lines in all.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../host/commands.js';
import { writeNpy } from '../host/data/npy.js';
import { BrownoutError, ExitCode } from '../host/error.js';
import { MANIFEST } from '../host/firmware/manifest.js';
import { importModel } from '../host/import/import-model.js';
import { factoryWeights, writeWeights } from '../host/learning/learned.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { newKeys } from '../host/model/signature.js';
import { deviceProfile } from '../host/profiles/index.js';
import { sign } from '../host/sign/sign.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { LOG_INPUT, writeLog } from '../host/xray/device-log.js';
import { int8s } from '../samples/networks.js';
import { damaged, otherFields } from './hostile/damage.js';
import { firmwareFolder } from './hostile/firmware-folder.js';
import { draws, turnOn } from './hostile/meter.js';
import { failureIn, inProcess } from './util/cli.js';
import { compileUnproved } from './util/compile.js';
import { makeDevice } from './util/devices.js';
import { learnable } from './util/learnable.js';
import { onnxModel, type TestConstant, tfliteModels } from './util/models.js';
import { temporaryFolder } from './util/native.js';

const folder = temporaryFolder('hostile-commands');
const at = (name: string): string => join(folder, name);
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

const reals = (shape: number[]): TestConstant => ({
  shape,
  values: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => ((i * 37) % 19) / 19 - 0.5),
});

const data = Array.from({ length: 24 }, (_, i) => ({ input: int8s(new Random(i), 8), label: i % 3 }));
const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
const image = readImage(compileUnproved(network, { learn: { layers: 'sums', data, rank: 4, ring: 5 } }));
const keys = newKeys();
const model = tfliteModels()[0]!;
const compiled = readImage(compileUnproved(importModel(model).network));
/** Dense layers that `compress` takes. */
const trainable = onnxModel(
  [1, 8],
  [
    { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['h'], integers: { transB: 1 } },
    { op: 'Relu', inputs: ['h'], outputs: ['r'] },
    { op: 'Gemm', inputs: ['r', 'v', 'c'], outputs: ['y'], integers: { transB: 1 } },
  ],
  {
    w: reals([6, 8]),
    b: reals([6]),
    v: reals([3, 6]),
    c: reals([3]),
  },
);
const { extends: _, ...profile } = { ...deviceProfile('cortex-m4-generic'), extends: undefined };
const inputs = {
  dtype: 'float32' as const,
  shape: [6, 8],
  data: Float32Array.from({ length: 48 }, (__, i) => (i % 7) / 9 - 0.3),
};

/** Files that are right, by name. */
const FILES = {
  'image.brn': image.file,
  'signed.brn': sign(image, { key: text(keys.privateKey) }).file,
  'compiled.brn': compiled.file,
  'dump.bin': makeDevice(image).nvm.cells.slice(),
  'weights.brnw': writeWeights(image, factoryWeights(image)),
  'key.pem': text(keys.privateKey),
  'key.pub.pem': text(keys.publicKey),
  'model.tflite': model,
  'model.onnx': trainable,
  'x.npy': writeNpy(inputs),
  'y.csv': text('0\n1\n2\n0\n1\n2\n'),
  'trace.csv': text('time_us,power_uw\n0,100\n500,2000\n1000,0\n'),
  'profile.json': text(JSON.stringify(profile)),
  'converter.json': text(
    '{"name":"c","source":"s","capacitorUf":220,"turnOnV":3,"turnOffV":2.2,"inputEfficiency":{"powerUw":[1,9],"efficiency":[0.3,0.8]}}',
  ),
  'device.log': writeLog(compiled.imageId, [
    { ticket: 1, op: LOG_INPUT, address: 0, bytes: new Uint8Array(compiled.input.bytes) },
    { ticket: 1, op: 0, address: 64, bytes: new Uint8Array(6) },
  ]),
  'tokens.txt': text('a 0123456789abcdef\nb fedcba9876543210\n'),
  'module.wasm': moduleBytes('device.learn'),
} as const;
type Name = keyof typeof FILES;
for (const [name, bytes] of Object.entries(FILES)) writeFileSync(at(name), bytes);

const WHOLE = firmwareFolder(image, FILES['module.wasm']);

/** A folder in which the manifest, or another file, is damaged, gone, or a folder. */
function damagedFolder(random: Random): string {
  const path = at('damaged-app');
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  const names = Object.keys(WHOLE);
  const chosen = random.integer(2) ? MANIFEST : names[random.integer(names.length)]!;
  const fate = random.integer(8);
  for (const [name, bytes] of Object.entries(WHOLE)) {
    if (name !== chosen) writeFileSync(join(path, name), bytes);
    else if (fate === 0) mkdirSync(join(path, name));
    else if (fate > 1) writeFileSync(join(path, name), damaged(random, bytes));
  }
  return path;
}

const MANY = process.env['BROWNOUT_FUZZ'] !== undefined;
/**
 * A command line in which `?NAME` is a damaged file, `=NAME` one that is right, `>NAME` one that is to be written; `%` a damaged
 * firmware folder.
 */
const LINES: readonly string[] = [
  'run ?image.brn --input =x.npy',
  'run =image.brn --input ?x.npy --labels ?y.csv',
  'run ?signed.brn --signed-by =key.pub.pem',
  'run =signed.brn --signed-by ?key.pub.pem',
  'verify ?image.brn',
  'verify =image.brn --module ?module.wasm',
  'verify =image.brn --device ?profile.json --converter ?converter.json',
  'replay ?image.brn --trace rf --inferences 1',
  'replay ?image.brn --cuts 40,12~3',
  'replay =image.brn --cuts 40 --module ?module.wasm',
  'replay =image.brn --trace ?trace.csv --inferences 1 --report >page.html',
  'replay =image.brn --inferences 1 --device ?profile.json',
  'replay =image.brn --inferences 1 --converter ?converter.json',
  'size ?image.brn --trace rf',
  'size =image.brn --trace ?trace.csv --converter ?converter.json',
  'compare ?image.brn --trace rf',
  'compare =image.brn --trace ?trace.csv',
  'analyze ?image.brn',
  'analyze =image.brn --device ?profile.json',
  'inspect ?image.brn',
  'inspect ?dump.bin --image =image.brn',
  'inspect =dump.bin --image ?image.brn',
  'export-weights ?image.brn -o >out.brnw',
  'export-weights ?dump.bin --image =image.brn -o >out.brnw',
  'export-weights =dump.bin --image ?image.brn -o >out.brnw',
  'import-weights ?image.brn =weights.brnw -o >out.brn',
  'import-weights =image.brn ?weights.brnw -o >out.brn',
  'restore ?dump.bin --image =image.brn -o >out.bin',
  'restore =dump.bin --image ?image.brn -o >out.bin',
  'sign ?image.brn --key =key.pem -o >out.brn',
  'sign =image.brn --key ?key.pem -o >out.brn',
  // What is taken is compiled for seconds, so that an ordinary run has damage that is not taken.
  `export ${MANY ? '?image.brn' : '?signed.brn'} --target posix --no-verify -o >folder`,
  'export =image.brn --target posix --no-verify --from ?image.brn -o >folder',
  'learn ?image.brn --data =x.npy --labels =y.csv -o >out.brn',
  'learn =image.brn --data ?x.npy --labels ?y.csv -o >out.brn',
  'xray ?compiled.brn --reference =model.tflite --log =device.log',
  'xray =compiled.brn --reference =model.tflite --log ?device.log',
  'xray =compiled.brn --reference ?model.tflite --log =device.log --report >page.html',
  'compile ?model.tflite -o >out.brn',
  'compile ?model.onnx --data =x.npy -o >out.brn',
  'check ?model.onnx',
  'compress ?model.onnx --data =x.npy --labels =y.csv --epochs 1 --methods direct --structure none -o >out.brn',
  'compress =model.onnx --data ?x.npy --labels ?y.csv --epochs 1 --methods direct --structure none -o >out.brn',
  'gateway ?image.brn --store =store --tokens =tokens.txt --host 192.0.2.1',
  'gateway =image.brn --store =store --tokens ?tokens.txt --host 192.0.2.1',
  'verify =image.brn --firmware %',
  'flash % --board nrf52840dk --dry-run',
  'flash % --board qemu-mps2-an386',
  'export =signed.brn --target posix --signed-by ?key.pub.pem -o %',
];
const COUNT = Math.ceil(Number(process.env['BROWNOUT_FUZZ'] ?? 3 * LINES.length) / LINES.length);

const outputs = at('outputs');
/** The line with its files in place; those that are damaged are made. */
function wordsOf(line: string, random: Random): string[] {
  return line.split(' ').map((word) => {
    const name = word.slice(1);
    if (word === '%') return damagedFolder(random);
    if (word.startsWith('>')) return join(outputs, name);
    if (word.startsWith('=')) return at(name);
    if (!word.startsWith('?')) return word;
    const own = name === 'image.brn' ? image : name === 'compiled.brn' ? compiled : undefined;
    const deep = own && random.integer(3) > 0;
    const bytes = deep ? otherFields(random, own) : damaged(random, FILES[name as Name]);
    writeFileSync(at(`damaged-${name}`), bytes);
    return at(`damaged-${name}`);
  });
}

/** Runs a command line; throws the error that it ends with, if it is one by name. */
async function command(words: readonly string[]): Promise<void> {
  const { code, out, err } = await inProcess(...words, '--json');
  if (code === ExitCode.OK || (code === ExitCode.WRONG && !out.includes('"error"'))) return;
  assert.is(err, '', `${words.join(' ')}: ${err}`);
  const { code: name } = failureIn(out);
  assert.not.equal(name, 'E_INTERNAL', `${words.join(' ')}: ${out}`);
  assert.ok(code === ExitCode.INPUT || code === ExitCode.DEVICE, `${words.join(' ')}: ${code} ${out}`);
  assert.equal(readdirSync(outputs), [], words.join(' '));
  const { error } = JSON.parse(out) as { error: ConstructorParameters<typeof BrownoutError>[0] };
  throw new BrownoutError(error);
}

LINES.forEach((line, number) => {
  test(`${line}: ${COUNT} times`, async () => {
    const random = draws(31 + number);
    const attempt = (): Promise<void> => {
      rmSync(outputs, { recursive: true, force: true });
      mkdirSync(outputs);
      return command(wordsOf(line, random));
    };
    await turnOn(line, COUNT, attempt, { builds: line.startsWith('export ') });
  });
});

test('every command that reads files is tried', () => {
  const tried = new Set(LINES.map((line) => line.split(' ')[0]));
  assert.equal(
    Object.keys(COMMANDS).filter((name) => !tried.has(name)),
    ['demo', 'build'],
  );
});

test.run();
