// Damaged models: only errors by name, in little time. BROWNOUT_FUZZ: how many, instead of the
// tenth of an ordinary run: BROWNOUT_FUZZ=100000 npm test -- fuzz-import.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Random } from '../host/math/random.js';
import { importModel } from '../host/import/import-model.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { validateNetwork } from '../host/ops/validate.js';
import { draws, turnOn } from './hostile/meter.js';
import { compileUnproved } from './util/compile.js';
import { onnxModels, tfliteModels } from './util/models.js';

const COUNT = Number(process.env['BROWNOUT_FUZZ'] ?? 10_000);
const folder = process.env['BROWNOUT_DATA'];

/** A few bytes changed, or a piece cut out, doubled or left off, most of it where the structure is. */
function mutate(random: Random, file: Uint8Array): Uint8Array {
  let bytes = file.slice();
  for (let edits = 1 + random.integer(4); edits > 0; edits--) {
    const most = Math.max(1, bytes.length);
    const at = random.integer(random.integer(2) ? most : Math.min(most, 2048));
    const kind = random.integer(10);
    if (kind < 5) bytes[at] = random.uint32();
    else if (kind < 8) {
      const values = [0, 1, -1, 0x7fffffff, 0x80000000, 0x7f800000, 0x7fc00000, 65536, random.uint32()];
      const value = values[random.integer(values.length)]!;
      for (let i = 0; i < 4 && at + i < bytes.length; i++) bytes[at + i] = value >>> (8 * i);
    } else if (kind === 8) bytes = bytes.slice(0, at + 1);
    else {
      const length = random.integer(64);
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
    }
  }
  return bytes;
}

/** Imports, and compiles what imports. */
function take(file: Uint8Array): void {
  const onnx = file[0] === 8;
  if (onnx) importOnnx(file);
  const { network } = importModel(file);
  validateNetwork(network);
  compileUnproved(network, { nvmBytes: 1 << 20 });
}

function fuzz(name: string, seeds: Uint8Array[], count: number): void {
  test(`${count} damaged files of ${seeds.length} ${name} models: errors by name alone`, async () => {
    const random = draws(7);
    const codes = await turnOn(`models: ${name}`, count, (i) =>
      take(mutate(random, seeds[i % seeds.length]!)),
    );
    assert.ok(codes.get('none')! < count, 'all imported: the mutations do not bite');
  });
}

fuzz('TFLite', tfliteModels(), COUNT / 2);
fuzz('ONNX', onnxModels(), COUNT / 2);

if (folder && existsSync(`${folder}/models`)) {
  const files = readdirSync(`${folder}/models`).filter((file) => /\.(tflite|onnx)$/.test(file));
  // Large files take long to compile: the small ones.
  const all = files.map((file) => new Uint8Array(readFileSync(`${folder}/models/${file}`)));
  const small = all.filter(({ length }) => length < 100_000);
  fuzz('real', small, Math.ceil(COUNT / 20));
} else {
  console.log('skipped: damaged real models: set BROWNOUT_DATA to the folder that holds models/');
  test.skip('damaged real models', () => {});
}

test.run();
