// What a checksum does not catch, case by case: records that no planner writes, weights of others, manifests that lead outside.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GROUP_SHIFT, H_LEARNING, OP_KIND, OpKind, T_STATE_BYTES } from '../assembly/layout.js';
import { SUMS_AT, SUMS_SHAPE } from '../assembly/learning-layout.js';
import { loadSegments } from '../host/firmware/binaries.js';
import { MANIFEST, type Manifest, manifestOf } from '../host/firmware/manifest.js';
import { factoryWeights, readWeights, writeWeights } from '../host/learning/learned.js';
import { sumsOfImage } from '../host/learning/sums/of-image.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { readImage, resealImage } from '../host/model/image.js';
import type { OpRecord } from '../host/model/record.js';
import { run } from '../host/run/run.js';
import { verify } from '../host/verify/verify.js';
import { int8s } from '../samples/networks.js';
import { elf, firmwareFolder } from './hostile/firmware-folder.js';
import { compileUnproved } from './util/compile.js';
import { codeOf } from './util/failure.js';
import { field, resealed, setField } from './util/image-bytes.js';
import { learnable } from './util/learnable.js';
import { temporaryFolder } from './util/native.js';

const data = Array.from({ length: 24 }, (_, i) => ({ input: int8s(new Random(i), 8), label: i % 3 }));
const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
const image = readImage(compileUnproved(network, { learn: { layers: 'sums', data, rank: 4, ring: 5 } }));

test('records of kinds and groups that there are not, sums beyond their bank: errors by name', () => {
  const isFold = (op: OpRecord): boolean => op.kind === OpKind.FOLD;
  const refuses = (action: (file: Uint8Array) => unknown, change: (op: OpRecord) => void): void => {
    const { file } = resealImage(image, (ops) => change(ops.find(isFold)!));
    assert.is(
      codeOf(() => action(file)),
      'E_IMAGE_RECORD',
    );
  };
  for (const action of [run, verify]) refuses(action, (op) => op.set(OP_KIND, 200));
  refuses(verify, (op) => op.set(SUMS_AT, 100 << GROUP_SHIFT));
  refuses(
    (file) => sumsOfImage(readImage(file)),
    (op) => op.setPair(SUMS_SHAPE, [0x7fff, 0x7fff]),
  );
});

test('a state bank that is larger than its entries, as builds with entries of 12 bytes had it, is refused by name', () => {
  const file = resealed(image, (bytes) => {
    const at = field(bytes, H_LEARNING) + T_STATE_BYTES;
    setField(bytes, at, field(bytes, at) + 16);
  });
  assert.is(
    codeOf(() => readImage(file)),
    'E_IMAGE_HEADER',
  );
});

test('weights of another plan, of another length, and changed ones are refused', () => {
  const file = writeWeights(image, factoryWeights(image));
  const wrong = [0, 5, 9, 40].map((place) => {
    const bytes = file.slice();
    bytes[place]! ^= 1;
    return bytes;
  });
  const longer = Uint8Array.from([...file, 0, 0, 0, 0]);
  setField(longer, 12, longer.length - 16);
  setField(longer, 8, crc32(longer.subarray(16)));
  for (const bytes of [...wrong, longer, file.subarray(0, 15), file.subarray(0, 20)])
    assert.is(
      codeOf(() => readWeights(image, bytes)),
      'E_WEIGHTS',
    );
});

test('manifests that name files outside, programs that end early', () => {
  const path = temporaryFolder('outside');
  const whole = firmwareFolder(image, new Uint8Array(8))[MANIFEST]!;
  const manifest = JSON.parse(new TextDecoder().decode(whole)) as Manifest;
  for (const name of ['../x.c', '/etc/hosts', 'a//b', './main.c']) {
    const files = { ...manifest.files, [name]: '' };
    writeFileSync(join(path, MANIFEST), JSON.stringify({ ...manifest, files }));
    assert.is(manifestOf(path), undefined, name);
  }
  writeFileSync(join(path, MANIFEST), whole);
  assert.equal(manifestOf(path), manifest);
  assert.is(loadSegments(elf()).length, 1);
  for (const bytes of [51, 60, 83, 99])
    assert.is(
      codeOf(() => loadSegments(elf().subarray(0, bytes))),
      'E_FIRMWARE',
    );
});

test.run();
