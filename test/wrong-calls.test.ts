// Seventy wrong calls: each is refused by name, leaves every file as it was, and its hint works when it is followed.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeNpy } from '../host/data/npy.js';
import { readImage } from '../host/model/image.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { checkFailure, cliFolder as folder, inProcess } from './util/cli.js';
import { onnxModel } from './util/models.js';
import { npz } from './util/npz-writer.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const from = (name: string, to: string): void =>
  copyFileSync(join(root, 'checkpoints', name), join(folder, to));
const save = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
from('digits.brn', 'digits.brn');
from('digits.brn', 'model.brn');
from('digits.tflite', 'model.tflite');
// A model under the name that its image would have.
from('digits.tflite', 'odd.brn');
from('digits-learn.brn', 'learner.brn');
from('digits-samples.npy', 'x.npy');
symlinkSync(join(root, 'checkpoints'), join(folder, 'checkpoints'));
save('empty', '');
save('notes.txt', 'hello\n');
save('rf.csv', 'time_ms,voltage_v\n0,1\n10,2\n20,0\n');
mkdirSync(join(folder, 'd'));

/** Digits that are noise, with labels; by the names that hints use. */
const data = Int8Array.from({ length: 2 * 784 }, (_, i) => (i * 37) % 128);
const digits = npz({
  x: { dtype: 'int8', shape: [2, 28, 28, 1], data },
  y: { dtype: 'uint8', shape: [2], data: Uint8Array.of(3, 4) },
});
for (const name of ['user.npz', 'samples.npz']) save(name, digits);

// A network of four inputs and two classes, and what it learns.
const tiny = onnxModel(
  [1, 4],
  [{ op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'], integers: { transB: 1 } }],
  {
    w: { shape: [2, 4], values: Float32Array.of(1, 0, 0, 0, -1, 0, 0, 0) },
    b: { shape: [2], values: Float32Array.of(-0.5, 0.5) },
  },
);
save('tiny.onnx', tiny);
const points = Float32Array.from({ length: 64 * 4 }, (_, i) => ((i * 29) % 64) / 64);
save(
  'train.npz',
  npz({
    x: { dtype: 'float32', shape: [64, 4], data: points },
    y: {
      dtype: 'uint8',
      shape: [64],
      data: Uint8Array.from({ length: 64 }, (_, i) => (points[i * 4]! > 0.5 ? 1 : 0)),
    },
  }),
);

// A device that has not learnt yet, and its weights.
const learner = readImage(readFileSync(join(folder, 'learner.brn')));
const nvm = new SimulatedNvm(learner.nvmBytes);
provision(nvm, learner);
save('dump.bin', nvm.cells);
await inProcess('export-weights', 'learner.brn', '-o', 'fleet.brnw');

/**
 * How a hint is followed. `type`: the command in it is typed; `again`: it is typed, and then the call with `also` added;
 * `swap`: the word in it takes the place of the wrong one; `add`: it is added to the call; `drop`: the option is left out;
 * `shell`: it is a command of a shell, after which the call works. Where it is no command: what it says, what one does
 * then, and the call that works.
 */
type Follow =
  | 'type'
  | 'swap'
  | 'add'
  | 'drop'
  | 'shell'
  | { again: string }
  | { says: RegExp; done?: () => void | Promise<unknown>; call: string };

const npy = (): void =>
  save('x2.npy', writeNpy({ dtype: 'int8', shape: [1, 28, 28, 1], data: data.slice(0, 784) }));

const CALLS: readonly (readonly [line: string, code: string, follow: Follow])[] = [
  // Missing.
  ['run', 'E_USAGE', 'type'],
  ['export-weights learner.brn', 'E_USAGE', 'type'],
  ['import-weights learner.brn', 'E_USAGE', 'type'],
  ['restore dump.bin --image learner.brn', 'E_USAGE', 'type'],
  [
    'restore dump.bin -o r.bin',
    'E_USAGE',
    { says: /Add --image/, call: 'restore dump.bin -o r.bin --image learner.brn' },
  ],
  ['learn learner.brn', 'E_USAGE', 'type'],
  ['compress tiny.onnx', 'E_USAGE', 'type'],
  ['xray digits.brn', 'E_USAGE', 'type'],
  ['xray digits.brn --reference model.tflite', 'E_USAGE', 'type'],
  ['demo --samples', 'E_USAGE', 'type'],
  ['demo --seed= --samples 1', 'E_USAGE', 'type'],
  ['replay digits.brn', 'E_USAGE', 'type'],
  ['replay digits.brn --capacitor 100uF', 'E_USAGE', 'type'],
  ['replay digits.brn --job infer', 'E_USAGE', 'type'],
  ['replay digits.brn --trace rf --job infer', 'E_USAGE', 'drop'],
  ['size digits.brn --capacitors 100uF --inferences', 'E_USAGE', 'type'],
  ['run digits.brn --input', 'E_USAGE', 'type'],
  // Misspelt.
  ['fly', 'E_USAGE', 'type'],
  ['rnu digits.brn', 'E_USAGE', 'type'],
  ['inspct digits.brn', 'E_USAGE', 'type'],
  ['help rnu', 'E_USAGE', 'type'],
  ['demo --sampels 1', 'E_USAGE', 'type'],
  ['demo --samples 1 --verbose', 'E_USAGE', 'type'],
  ['analyze digits.brn --devise cortex-m4-generic', 'E_USAGE', 'type'],
  ['analyze digits.brn --device cortex-m4', 'E_DEVICE', 'type'],
  ['analyze digits.brn --device=apolo4', 'E_DEVICE', 'type'],
  ['replay digits.brn --trace rf --converter bq2557', 'E_CONVERTER', 'type'],
  ['replay digits.brn --trace rf --policy lo', 'E_POLICY', 'type'],
  ['replay digits.brn --trace rf --on-low sleeep', 'E_OPTION', 'type'],
  ['replay digits.brn --trace rf:on_u=1500', 'E_TRACE_PARAMETER', 'swap'],
  ['replay digits.brn --kills 1 --on qemu-mps2-an387', 'E_BOARD', 'type'],
  ['verify learner.brn --job lern', 'E_OPTION', 'type'],
  ['export digits.brn --no-verify --target cortex-m5', 'E_TARGET', 'type'],
  ['export digits.brn --no-verify --board nrf52840', 'E_BOARD', 'type'],
  ['export digits.brn --no-verify --layout cmak', 'E_LAYOUT', 'type'],
  ['compare rad-mnits --device cortex-m4-generic --capacitor 50mF', 'E_MODEL', 'swap'],
  ['run digits.brn --as code', 'E_OPTION', 'type'],
  // Wrong type, out of range.
  ['demo --samples 0', 'E_OPTION', 'type'],
  ['demo --samples many', 'E_OPTION', 'type'],
  ['demo --samples 1 --seed -1', 'E_OPTION', 'type'],
  ['demo now --samples 1', 'E_USAGE', 'type'],
  ['demo --json=yes --samples 1', 'E_USAGE', 'type'],
  ['replay digits.brn --trace rf --capacitor 100', 'E_OPTION', 'type'],
  ['replay digits.brn --trace rf --capacitor 200mJ', 'E_OPTION', 'type'],
  ['verify digits.brn --tear 3', 'E_OPTION', 'type'],
  ['verify digits.brn --budget 60', 'E_OPTION', 'type'],
  ['compile model.tflite --no-verify --ring 3 --learn last -o made.brn', 'E_LEARN', 'type'],
  ['compile model.tflite --no-verify --ring 8 -o made.brn', 'E_OPTION', 'add'],
  ['compile model.tflite --no-verify --range 1,0 -o made.brn', 'E_OPTION', 'type'],
  // Wrong file, folder.
  ['run digts.brn', 'E_FILE', 'swap'],
  ['run d', 'E_FILE', { says: /Name a file in it: `ls d`/, call: 'run digits.brn' }],
  [
    'run empty',
    'E_IMAGE_SIZE',
    { says: /Copy the file again/, done: () => from('digits.brn', 'empty'), call: 'run empty' },
  ],
  ['inspect /dev/zero', 'E_FILE', { says: /Name a file/, call: 'inspect digits.brn' }],
  ['run x.npy', 'E_IMAGE_MAGIC', 'swap'],
  ['run digits.brn --input y.npy', 'E_FILE', 'swap'],
  [
    'run digits.brn --input notes.txt',
    'E_INPUT_FILE',
    { says: /numpy\.save\("x\.npy", x\)/, done: npy, call: 'run digits.brn --input x2.npy' },
  ],
  [
    'replay digits.brn --trace rf.csv --capacitor 100uF',
    'E_TRACE_LOAD',
    { says: /`?--load "30k"/, call: 'replay digits.brn --trace rf.csv --capacitor 100uF --load 30k' },
  ],
  [
    'replay digits.brn --trace notes.txt',
    'E_TRACE_UNITS',
    {
      says: /Name the columns with their units in the first line/,
      done: () => save('own.csv', 'time_ms,power_uw\n0,3000\n10,3000\n'),
      call: 'replay digits.brn --trace own.csv',
    },
  ],
  [
    'compile empty',
    'E_MODEL',
    { says: /Convert or export the model/, call: 'compile model.tflite --no-verify -o made.brn' },
  ],
  [
    'inspect notes.txt',
    'E_IMAGE_SIZE',
    {
      says: /compile the model again/,
      done: () => from('digits.brn', 'notes.txt'),
      call: 'inspect notes.txt',
    },
  ],
  [
    'restore digits.brn -o r.bin',
    'E_MAGIC',
    { says: /Dump all of NVM/, call: 'restore dump.bin --image learner.brn -o r.bin' },
  ],
  ['verify digits.brn --job learn', 'E_KIND', 'drop'],
  ['verify digits.brn --module x.npy', 'E_MODULE', { again: '--module device.wasm' }],
  ['flash d', 'E_FOLDER', 'type'],
  // What is to be written.
  ['replay digits.brn --trace rf --report d', 'E_OUTPUT', 'swap'],
  ['replay digits.brn --trace rf --report no/x.html', 'E_OUTPUT', 'shell'],
  ['replay digits.brn --trace rf --report notes.txt', 'E_OUTPUT', 'swap'],
  ['replay digits.brn --trace rf --report digits.brn', 'E_OUTPUT', 'swap'],
  ['build digits.brn -o digits.brn', 'E_OUTPUT', 'swap'],
  ['compile odd.brn --no-verify', 'E_OUTPUT', 'add'],
  ['compile model.tflite --no-verify -o model.tflite', 'E_OUTPUT', 'swap'],
  ['import-weights learner.brn fleet.brnw -o learner.brn', 'E_OUTPUT', 'swap'],
  ['export digits.brn --no-verify --target posix -o notes.txt', 'E_FOLDER', 'swap'],
  ['export digits.brn --no-verify --target posix -o notes.txt/app', 'E_FOLDER', 'swap'],
];

const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);

/** Every file of the folder, links not followed. */
function filesIn(path = folder): Map<string, Uint8Array> {
  const entries = readdirSync(path, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return new Map(files.map((file) => [file, readFileSync(file)]));
}

/** Puts the folder back to what it was. */
function restore(before: ReadonlyMap<string, Uint8Array>): void {
  for (const name of filesIn().keys()) if (!before.has(name)) rmSync(name);
  for (const [name, bytes] of before) writeFileSync(name, bytes);
  rmSync(join(folder, 'no'), { recursive: true, force: true });
}

/** The part of a hint that is to be typed, or the word in it. */
const typed = (hint: string): string | undefined => /`brownout ([^`]+)`/.exec(hint)?.[1];
const word = (hint: string): string | undefined =>
  /"([^"]+)"\?$/.exec(hint)?.[1] ??
  /such as `([^`]+)`/.exec(hint)?.[1] ??
  /such as ([\w./-]+)\.$/.exec(hint)?.[1];

/** The calls that following a hint comes to, the last of which must work. */
function followed(
  line: string,
  { found, hint }: Record<'found' | 'hint', string>,
  follow: Follow,
): string[][] {
  const call = words(line);
  if (follow === 'type') return [words(typed(hint)!)];
  if (follow === 'add') return [[...call, ...words(/`([^`]+)`/.exec(hint)![1]!)]];
  if (follow === 'drop') {
    const option = /(?:leave|Leave) (--[\w-]+) out/.exec(hint)![1]!;
    const at = call.indexOf(option);
    return [call.filter((_, i) => i !== at && i !== at + 1)];
  }
  if (follow === 'shell') {
    execFileSync('sh', ['-c', /`([^`]+)`/.exec(hint)![1]!], { cwd: folder });
    return [call];
  }
  if (follow === 'swap') {
    const right = words(word(hint)!);
    const wrong = /"([^"]+)"/.exec(found)?.[1];
    const at = call.findLastIndex(
      (one) => one === wrong || one === call.at(-1) || one.includes(wrong ?? '\0'),
    );
    const place = call.lastIndexOf(wrong ?? '') >= 0 ? call.lastIndexOf(wrong!) : at;
    // `-o NAME` takes the place of both.
    return [[...call.slice(0, right.length > 1 ? place - 1 : place), ...right, ...call.slice(place + 1)]];
  }
  if ('again' in follow) {
    const [option] = follow.again.split(' ');
    const at = call.indexOf(option!);
    const rest = call.filter((_, i) => i !== at && i !== at + 1);
    return [words(typed(hint)!), [...rest, ...follow.again.split(' ')]];
  }
  return [words(follow.call)];
}

test(`${CALLS.length} wrong calls`, () => assert.ok(CALLS.length >= 60));

for (const [line, code, follow] of CALLS) {
  test(`brownout ${line}`, async () => {
    const before = filesIn();
    await checkFailure(line.split(' '), code);
    assert.equal(filesIn(), before);
    const { out } = await inProcess(...line.split(' '), '--json');
    const error = (JSON.parse(out) as { error: Record<'found' | 'expected' | 'hint', string> }).error;
    const { found, expected, hint } = error;
    assert.not.match(`${found}${expected}${hint}`, /TypeError|ENOENT|EISDIR|undefined|\[object|\{ dtype/);
    if (typeof follow === 'object' && 'says' in follow) {
      assert.match(`${hint}`, follow.says);
      await follow.done?.();
    }
    for (const call of followed(line, error, follow)) {
      const { code: exit, out: said } = await inProcess(...call.filter((one) => one !== '--json'), '--json');
      // 1: a result that is wrong, such as a capacitor that is too small; 4: what is missing is no fault of the call.
      assert.ok(
        exit < 2 || (exit === 4 && /E_TOOL_MISSING/.test(said)),
        `${call.join(' ')}: ${exit} ${said}`,
      );
    }
    restore(before);
  });
}

test.run();
