// What a checksum does not catch, case by case: records that no planner writes, weights of others, manifests that lead outside.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ALIGNMENT,
  CONSTANT,
  GROUP_SHIFT,
  HEADER_BYTES,
  H_CRC,
  H_IMAGE_ID,
  H_LEARNING,
  H_REGIONS,
  MOST_CLASSES,
  MOST_ENTRIES,
  MOST_LANES,
  OP_INPUT,
  OP_KIND,
  OP_OUTPUT,
  OP_REQUANT_STRIDE,
  OP_SCALE_FORMAT,
  OP_SCRATCH0,
  OP_TILES,
  OP_WEIGHTS,
  OP_WEIGHT_TYPE,
  OpKind,
  REGION_COUNT,
  STATE_BYTES,
  T_BANKS,
  T_BANK_BYTES,
  T_CLASSES,
  T_ENTRIES,
  T_FACTORY,
  T_FIRST_STATE,
  T_LABEL,
  T_LANES,
  T_LANE_BYTES,
  T_LANE_COUNT,
  T_RING,
  T_STATES,
  T_STATE_BYTES,
  T_VERDICTS,
  WEIGHT_TYPE_COUNT,
} from '../assembly/layout.js';
import { SUMS_AT, SUMS_SHAPE } from '../assembly/learning-layout.js';
import { loadSegments } from '../host/firmware/binaries.js';
import { MANIFEST, type Manifest, manifestOf } from '../host/firmware/manifest.js';
import { factoryWeights, learnedWeights, readWeights, writeWeights } from '../host/learning/learned.js';
import { sumsOfImage } from '../host/learning/sums/of-image.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { cursorBytes, idleFields } from '../host/model/cursor.js';
import { type Image, readImage, resealImage } from '../host/model/image.js';
import type { OpRecord } from '../host/model/record.js';
import { concat, writeSections } from '../host/model/sections.js';
import { stateRecord } from '../host/model/state-record.js';
import { run } from '../host/run/run.js';
import { verify } from '../host/verify/verify.js';
import { int8s } from '../samples/networks.js';
import { elf, firmwareFolder } from './hostile/firmware-folder.js';
import { compileUnproved } from './util/compile.js';
import { codeOf, failure } from './util/failure.js';
import { field, resealed, setField } from './util/image-bytes.js';
import { learnable } from './util/learnable.js';
import { temporaryFolder } from './util/native.js';
import { counter } from './util/sum-of-two.js';

const data = Array.from({ length: 24 }, (_, i) => ({ input: int8s(new Random(i), 8), label: i % 3 }));
const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
const image = readImage(compileUnproved(network, { learn: { layers: 'sums', data, rank: 4, ring: 5 } }));

/** An input of the network. */
const none = { dtype: 'int8' as const, shape: [8], data: new Int8Array(8) };

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

test('what any record says of itself, checksums made to fit, is refused by its own name', () => {
  const plain = readImage(compileUnproved(network));
  const { imageBytes, nvmBytes } = plain;
  const cases: readonly (readonly [field: number, value: number, said: RegExp])[] = [
    [OP_TILES, 0, /of 0 tiles/],
    [OP_WEIGHT_TYPE, WEIGHT_TYPE_COUNT, /weights of type/],
    [OP_SCALE_FORMAT, 9, /scales of format 9/],
    [OP_REQUANT_STRIDE, 4, /pairs 4 bytes apart/],
    [OP_WEIGHTS, CONSTANT + plain.constants.offset + 2, /with an address of/],
    [OP_WEIGHTS, CONSTANT + imageBytes - 4, /reads 48 bytes/],
    [OP_INPUT, nvmBytes - 4, /reads 8 bytes/],
    [OP_OUTPUT, CONSTANT + plain.constants.offset, /writes 6 bytes/],
    [OP_OUTPUT, plain.slots.offset, /writes 6 bytes/],
    [OP_OUTPUT, nvmBytes - 2, /writes 6 bytes/],
    [OP_SCRATCH0, 4, /an area of SRAM at 4/],
    [OP_SCRATCH0, 0, /works on \d+ bytes of SRAM at 0/],
    [OP_SCRATCH0, 0x7fff_fff8, /works on \d+ bytes of SRAM/],
  ];
  for (const [at, value, said] of cases) {
    const { file } = resealImage(plain, (ops) => ops[0]!.set(at, value));
    assert.match(failure(() => run(file, { input: none })).found, said, `${at}: ${value}`);
  }
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

test('a search for cuts that show what is wrong ends after so many schedules, however little an image writes', () => {
  const plain = readImage(compileUnproved(network));
  // What lies between the state's record and the slots is nobody's, and stays what it is.
  const { file } = resealImage(plain, (ops) => ops[0]!.set(OP_INPUT, STATE_BYTES + 16));
  const { verdict, schedulesTried } = verify(file).counterexample!;
  assert.is(verdict, 'none found');
  assert.ok(schedulesTried > 300 && schedulesTried < 1100, `${schedulesTried} schedules`);
});

const reading = (file: Uint8Array, what = ''): string => failure(() => readImage(file), what).found;

/** The header of `of` with a field changed, and its own checksum made to fit. */
function withField(of: Image, at: number, value: number): Uint8Array {
  const file = of.file.slice();
  setField(file, at, value);
  setField(file, H_CRC, crc32(file.subarray(H_IMAGE_ID, HEADER_BYTES)));
  return file;
}

test('regions outside of the image or of NVM, ids of another image, samples of another size: each by its own name', () => {
  for (let region = 0; region < REGION_COUNT; region++) {
    const at = H_REGIONS + 8 * region;
    for (const [where, value] of [
      [at, 0],
      [at, field(image.file, at) + 2],
      [at, 0x7fff_fff0],
      [at + 4, 0x7fff_fff0],
    ] as const)
      assert.match(reading(withField(image, where, value)), new RegExp(`^region ${region} at `));
  }
  assert.match(reading(withField(image, H_IMAGE_ID, image.imageId ^ 1)), /^image id /);
  const cut = failure(() => readImage(image.file.subarray(0, image.imageBytes - 4)));
  assert.equal([cut.code, cut.expected], ['E_IMAGE_SIZE', `at least ${image.imageBytes}`]);
  const desk = (...sections: Uint8Array[]): Uint8Array => concat([image.device, ...sections]);
  assert.match(reading(desk()), /^no metadata/);
  const sample = new Int8Array(image.input.bytes + 1);
  assert.match(reading(desk(...writeSections(image.metadata, sample))), /^a sample of 9 bytes/);
});

test('a state that is kept, outside of NVM or of the image, is refused by name', () => {
  const stream = readImage(compileUnproved(counter([10, 20])));
  const { states, firstState } = stream.stream!;
  for (const [at, value] of [
    [T_STATES, 0],
    [T_STATES, states + 2],
    [T_STATES, stream.nvmBytes],
    [T_STATE_BYTES, 0],
    [T_STATE_BYTES, 0x1000_0000],
    [T_FIRST_STATE, 64],
    [T_FIRST_STATE, firstState + 2],
    [T_FIRST_STATE, CONSTANT + stream.imageBytes],
    [T_ENTRIES, 4],
  ] as const) {
    const file = resealed(stream, (bytes) => setField(bytes, field(bytes, H_LEARNING) + at, value));
    assert.match(reading(file, `${at}: ${value}`), /^a learning header at /);
  }
});

test('a learning header whose banks, ring or lanes lie outside, or are too many, is refused by name', () => {
  const { factory, firstState, stateBytes } = image.learning!;
  const constant = image.imageBytes + CONSTANT;
  for (const [at, value] of [
    [T_BANKS, image.nvmBytes],
    [T_BANKS, STATE_BYTES - 4],
    [T_STATES, image.nvmBytes - stateBytes],
    [T_RING, image.nvmBytes - 8],
    [T_LANES, STATE_BYTES - 4],
    [T_LANE_BYTES, 0x1000_0000],
    [T_VERDICTS, image.nvmBytes - 4],
    [T_LABEL, image.nvmBytes - 3],
    [T_FACTORY, factory - CONSTANT],
    [T_FACTORY, constant],
    [T_FIRST_STATE, firstState - CONSTANT],
    [T_FIRST_STATE, constant],
    [T_BANK_BYTES, 0x1000_0000],
    [T_ENTRIES, 3],
    [T_ENTRIES, MOST_ENTRIES + 1],
    [T_LANE_COUNT, 0],
    [T_LANE_COUNT, MOST_LANES + 1],
    [T_CLASSES, 0],
    [T_CLASSES, MOST_CLASSES + 1],
    [T_STATE_BYTES, stateBytes - ALIGNMENT],
  ] as const) {
    const file = resealed(image, (bytes) => setField(bytes, field(bytes, H_LEARNING) + at, value));
    assert.match(reading(file, `${at}: ${value}`), /^a learning header at /);
  }
});

test('a dump: the weights of no bank are the factory’s, and good ones are not where there are none', () => {
  const dump = (banks: number): Uint8Array => {
    const nvm = new Uint8Array(image.nvmBytes).fill(3);
    nvm.set(stateRecord(image.imageId));
    nvm.set(cursorBytes({ ...idleFields(image.imageId), banks }, 1), image.slots.offset);
    return nvm;
  };
  assert.equal(learnedWeights(dump(0), image), factoryWeights(image));
  assert.equal(learnedWeights(dump(1), image), new Uint8Array(image.learning!.bankBytes).fill(3));
  assert.is(
    codeOf(() => learnedWeights(dump(0x10), image)),
    'E_CURSOR',
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
