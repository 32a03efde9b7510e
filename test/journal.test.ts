// Journals of long runs: a file with a right checksum may say anything, and a step takes from it only what such a step keeps.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Architecture } from '../host/compress/float-network.js';
import { initialise } from '../host/compress/initialise.js';
import { Journal } from '../host/compress/journal.js';
import { trainStep } from '../host/compress/recipe.js';
import type { TrainingOptions } from '../host/compress/train.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { failure } from './util/failure.js';
import { recipe, uniform } from './util/float-networks.js';
import { temporaryFolder } from './util/native.js';

const path = join(temporaryFolder('journal'), 'run.progress');
const HEAD_BYTES = 12;

/** A file of a journal: `header` over `data`, with the checksum that goes with them. */
function fileOf(header: string | Uint8Array, data: Uint8Array, { magic = 'BRNJ', version = 1 } = {}): Buffer {
  const text = Buffer.from(header as string);
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(magic);
  head.writeUInt32LE(version, 4);
  head.writeUInt32LE(text.length, 8);
  const body = Buffer.concat([head, text, data]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, sum]);
}

/** What opening such a file is refused with. */
function refusal(file: Uint8Array, what: string): string {
  writeFileSync(path, file);
  const { code, found } = failure(() => new Journal('run', path), what);
  assert.is(code, 'E_JOURNAL', what);
  return found;
}

test('whatever a journal says of itself, with a right checksum, is refused by its own name', () => {
  const entry = { key: 'a', json: { accuracy: 0.5 }, arrays: [['f', 2]] as unknown[] };
  const numbers = new Uint8Array(8);
  const entries = (changed: object): string =>
    JSON.stringify({ run: 'run', entries: [{ ...entry, ...changed }] });
  const right = entries({});
  writeFileSync(path, fileOf(right, numbers));
  assert.equal(new Journal('run', path).get('a')!.arrays, [new Float32Array(2)]);

  const damaged = fileOf(right, numbers);
  damaged[HEAD_BYTES + 3]! ^= 1;
  const beyond = fileOf(right, numbers);
  beyond.writeUInt32LE(1 << 20, 8);
  beyond.writeUInt32LE(crc32(beyond.subarray(0, beyond.length - 4)), beyond.length - 4);
  for (const [expected, files] of [
    [
      /no journal/,
      {
        short: Buffer.from('BRNJ'),
        words: Buffer.from('a journal of nobody'),
        magic: fileOf(right, numbers, { magic: 'BRNK' }),
      },
    ],
    [/version 2/, { version: fileOf(right, numbers, { version: 2 }) }],
    [/damaged/, { damaged }],
    [
      /without contents/,
      {
        beyond,
        'not JSON': fileOf(right.slice(1), numbers),
        'not UTF-8': fileOf(Uint8Array.of(0xff, 0xfe), numbers),
        null: fileOf('null', numbers),
        'no run': fileOf(JSON.stringify({ run: 3, entries: [] }), new Uint8Array()),
        'no entries': fileOf('{"run":"run"}', numbers),
        'an entry of nothing': fileOf('{"run":"run","entries":[null]}', numbers),
        'a key of no words': fileOf(entries({ key: 3 }), numbers),
        'no arrays': fileOf(entries({ arrays: 'f' }), numbers),
        'an array of nothing': fileOf(entries({ arrays: [null] }), numbers),
        'an array of another type': fileOf(entries({ arrays: [['x', 2]] }), numbers),
        'half a number': fileOf(entries({ arrays: [['f', 1.5]] }), numbers),
        'numbers below zero': fileOf(entries({ arrays: [['f', -1]] }), numbers),
      },
    ],
    [/another run/, { run: fileOf(right.replace('"run":"run"', '"run":"walk"'), numbers) }],
    [/does not hold/, { 'without end': fileOf(entries({ arrays: [['f', 1e9]] }), numbers) }],
    [/numbers of no step/, { more: fileOf(right, new Uint8Array(12)) }],
  ] as const)
    for (const [what, file] of Object.entries(files)) assert.match(refusal(file, what), expected, what);
});

test('a step of numbers takes numbers that are its own', () => {
  for (const json of [null, 'five', {}, { accuracy: 'high' }, { accuracy: null }, { loss: 1 }, [1]]) {
    writeFileSync(
      path,
      fileOf(JSON.stringify({ run: 'run', entries: [{ key: 'a', json, arrays: [] }] }), new Uint8Array()),
    );
    const journal = new Journal('run', path);
    const step = (): unknown => journal.once('a', ['accuracy'], () => ({ accuracy: 1 }));
    assert.is(failure(step, JSON.stringify(json)).code, 'E_JOURNAL');
  }
});

const dense: Architecture = {
  inputShape: [4],
  layers: [
    { kind: 'dense', name: 'fc1', inputs: 4, outputs: 5, activation: 'relu' },
    { kind: 'dense', name: 'fc2', inputs: 5, outputs: 3, activation: 'none' },
  ],
};
const network = initialise(dense, 1);
const data = {
  inputs: uniform(new Random(2), 12 * 4),
  labels: Uint8Array.from({ length: 12 }, (_, i) => i % 3),
};
const plain: TrainingOptions = { ...recipe, epochs: 3, batchSize: 4 };
const rounded: TrainingOptions = { ...plain, rounding: { bits: { fc1: 4 }, inputRange: [-1, 1] } };

/** What a journal has of a training that ran to its end, or was cut off after an epoch. */
function keptOf(
  options: TrainingOptions,
  cutOff: boolean,
): { json: unknown; arrays: (Float32Array | Uint32Array)[] } {
  const journal = new Journal('run');
  let epochs = 0;
  const dying = {
    ...options,
    onEpoch: () => {
      if (++epochs === 2 && cutOff) throw new Error('Ctrl-C');
    },
  };
  try {
    trainStep(journal, 'train', network, data, dying);
  } catch (error) {
    if ((error as Error).message !== 'Ctrl-C') throw error;
  }
  const { json, arrays } = journal.get(cutOff ? 'train…' : 'train')!;
  return { json, arrays };
}

type Kept = ReturnType<typeof keptOf>;

/** What a training makes of an entry: an error, or the weights of its first layer. */
function goOn(key: string, { json, arrays }: Kept, options: TrainingOptions): number[] {
  const journal = new Journal('run');
  journal.put(key, json, arrays);
  const trial = trainStep(journal, 'train', network, data, options);
  return [...(trial.network.layers[0] as unknown as { weights: Float32Array }).weights];
}

function refused(key: string, options: TrainingOptions, changes: Record<string, (kept: Kept) => void>): void {
  const kept = keptOf(options, key !== 'train');
  const whole = goOn('train', keptOf(options, false), options);
  assert.equal(goOn(key, structuredClone(kept), options), whole, 'the same as without a stop');
  for (const [what, change] of Object.entries(changes)) {
    const other = structuredClone(kept);
    change(other);
    const { code, found } = failure(() => goOn(key, other, options), what);
    assert.is(code, 'E_JOURNAL', what);
    assert.match(found, new RegExp(`step "${key}" that does not fit`), what);
  }
}

const longer = (array: Float32Array | Uint32Array): Float32Array => new Float32Array(array.length + 1);

/** How a network is rounded, before anybody has looked whether it is so. */
interface Scheme {
  activations: { scale: unknown; zeroPoint: number }[];
  weights: { bits: number; scales: number[] }[];
}

test('a training that is through: parameters and scales of another network are refused', () => {
  const common: Record<string, (kept: Kept) => void> = {
    'fewer arrays': ({ arrays }) => void arrays.pop(),
    'longer arrays': ({ arrays }) => (arrays[1] = longer(arrays[1]!)),
    'whole numbers': ({ arrays }) => (arrays[0] = Uint32Array.from(arrays[0]!, () => 1)),
  };
  refused('train', plain, { ...common, 'scales of nobody': (kept) => (kept.json = { activations: [] }) });
  const scheme =
    (change: (found: Scheme) => void) =>
    ({ json }: Kept): void =>
      change(json as Scheme);
  refused('train', rounded, {
    ...common,
    'no scales': (kept) => (kept.json = null),
    'activations of no layer': scheme(({ activations }) => activations.pop()),
    'activations in words': scheme((found) => (found.activations = 'abc' as never)),
    'an activation of nothing': scheme(({ activations }) => (activations[1] = null as never)),
    'a scale of 0': scheme(({ activations }) => (activations[1]!.scale = 0)),
    'a scale without end': scheme(({ activations }) => (activations[1]!.scale = '1e999')),
    'half a zero point': scheme(({ activations }) => (activations[1]!.zeroPoint = 0.5)),
    'weights of no layer': scheme(({ weights }) => weights.pop()),
    'weights in words': scheme((found) => (found.weights = 'ab' as never)),
    'weights of nothing': scheme(({ weights }) => (weights[0] = null as never)),
    'scales of other rows': scheme(({ weights }) => weights[0]!.scales.push(1)),
    'a scale below 0': scheme(({ weights }) => (weights[0]!.scales[0] = -1)),
    'half a bit': scheme(({ weights }) => (weights[0]!.bits = 0.5)),
  });
});

test('a training that was cut off: the state of another training is refused', () => {
  refused('train…', plain, {
    'fewer arrays': ({ arrays }) => void arrays.pop(),
    'longer arrays': ({ arrays }) => (arrays[3] = longer(arrays[3]!)),
    'an order of samples that there are not': ({ arrays }) => (arrays[1]![2] = 12),
    'no epoch': (kept) => (kept.json = 0),
    'all epochs': (kept) => (kept.json = 3),
    'half an epoch': (kept) => (kept.json = 1.5),
    'an epoch in words': (kept) => (kept.json = 'one'),
  });
});

test.run();
