// A damaged image, cursor or NVM is an error with a name, on the desk and on the device; never a trap or a wrong answer.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HEADER_BYTES, H_CRC, H_IMAGE_ID, H_VERSION, VERSION } from '../assembly/layout.js';
import { compileUnproved as compile } from './util/compile.js';
import { Random } from '../host/math/random.js';
import { BrownoutError } from '../host/error.js';
import { readImage, withPolicy } from '../host/model/image.js';
import { elementCount } from '../host/model/quantized-network.js';
import { denseNetwork, int8s, layered, lenet } from '../samples/networks.js';

import {
  MASKS,
  SECTION_HEADER_BYTES,
  digits,
  crc,
  field,
  setField,
  refusal,
  changed,
  sectionsOf,
  withMetadata,
} from './util/image-bytes.js';

test('compile, then read: every field comes back', () => {
  const random = new Random(1);
  for (const network of [layered(random), denseNetwork(random), lenet(random)]) {
    const size = elementCount(network.tensors[network.input]!);
    const sample = int8s(random, size);
    const options = {
      arenaBytes: 4096,
      policy: 'every 3',
      preprocessing: { minimum: -1, maximum: 2.5 },
      classes: ['a', 'b', 'ü'],
      sample,
    };
    const file = compile(network, options);
    const image = readImage(file);
    const ops = network.ops.filter((op) => op.kind !== 'reshape');
    assert.equal(image.file, file);
    assert.equal(image.policy, { every: 3, low: false });
    assert.equal(image.sample, sample);
    assert.is(image.metadata.name, network.name);
    assert.equal(image.metadata.preprocessing, options.preprocessing);
    assert.equal(image.metadata.classes, options.classes);
    assert.equal(image.metadata.input, network.tensors[network.input]);
    assert.equal(image.metadata.output, network.tensors[network.output]);
    assert.equal(
      image.metadata.ops,
      ops.map((op) => op.name),
    );
    assert.is(image.ops.length, ops.length);
    assert.equal(image.jobs, [
      { first: 0, count: ops.length },
      { first: 0, count: 0 },
    ]);
    assert.is(image.input.bytes, size);
    assert.is(image.output.bytes, elementCount(network.tensors[network.output]!));
    assert.is(image.imageBytes, image.device.length);
    assert.ok(image.arenaBytes <= 4096);
    assert.is(field(image.device, H_CRC), crc(image.device.subarray(H_IMAGE_ID, HEADER_BYTES)));
    const id = crc(image.device.subarray(HEADER_BYTES));
    assert.is(image.imageId, id, 'CRC over plan and constants');
    // Reading from within a larger buffer is the same.
    const inside = new Uint8Array(file.length + 7);
    inside.set(file, 5);
    assert.equal(readImage(inside.subarray(5, 5 + file.length)).metadata, image.metadata);
    assert.is(readImage(compile(network, { arenaBytes: 4096 })).sample, undefined);
  }
});

test('every single byte of header and plan matters on the desk', () => {
  const codes = new Set<string>();
  for (let at = 0; at < digits.constants.offset; at++) {
    for (const mask of MASKS) {
      const code = refusal(changed(digits.file, at, mask), `byte ${at} ^ ${mask}`);
      const expected = at < H_VERSION ? 'E_IMAGE_MAGIC' : at < H_CRC ? 'E_IMAGE_VERSION' : 'E_IMAGE_CHECKSUM';
      assert.is(code, expected, `byte ${at} ^ ${mask}`);
      codes.add(code);
    }
  }
  assert.is(codes.size, 3);
});

test('so does every byte of constants, metadata and sample', () => {
  for (let at = digits.constants.offset; at < digits.imageBytes; at += 7) {
    assert.is(refusal(changed(digits.file, at, MASKS[at % 4]!), `byte ${at}`), 'E_IMAGE_CHECKSUM');
  }
  const sections = sectionsOf(digits);
  assert.is(sections.length, 2);
  for (const { start, bytes } of sections) {
    for (let at = start - SECTION_HEADER_BYTES; at < start + bytes; at++) {
      refusal(changed(digits.file, at, MASKS[at % 4]!), `section byte ${at}`);
    }
  }
});

test('an unknown version names both; another file is no image', () => {
  const later = digits.file.slice();
  for (const version of [VERSION - 1, VERSION + 1]) {
    setField(later, H_VERSION, version | (HEADER_BYTES << 16));
    assert.is(refusal(later, `version ${version}`), 'E_IMAGE_VERSION');
    assert.throws(() => readImage(later), new RegExp(`version ${version} .*version ${VERSION}`));
  }
  setField(later, H_VERSION, VERSION | (256 << 16));
  assert.is(refusal(later, 'a longer header'), 'E_IMAGE_VERSION');
  const random = new Random(2);
  for (const text of ['\x89PNG\r\n\x1a\n', 'TFL3', 'NRB1', 'brn1', '\0\0\0\0']) {
    const other = new Uint8Array(int8s(random, 400).buffer);
    other.set(new TextEncoder().encode(text));
    assert.is(refusal(other, text), 'E_IMAGE_MAGIC');
  }
});

test('cut short at any length, or with anything behind it', () => {
  const { file } = digits;
  // Cut right behind the metadata it is an image as well: one without a sample.
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const withoutSample =
    digits.imageBytes + 12 + Math.ceil(view.getUint32(digits.imageBytes + 4, true) / 4) * 4;
  for (let length = 0; length < file.length; length += length < 2048 ? 1 : 13) {
    if (length === withoutSample) continue;
    refusal(file.subarray(0, length), `the first ${length} bytes`);
  }
  for (let back = 1; back < 64; back++) refusal(file.subarray(0, file.length - back), `${back} bytes short`);
  const random = new Random(3);
  for (let extra = 1; extra < 80; extra++) {
    for (const filler of [
      new Uint8Array(extra),
      new Uint8Array(int8s(random, extra).buffer),
      file.subarray(0, extra),
    ]) {
      refusal(Uint8Array.from([...file, ...filler]), `${extra} bytes too long`);
    }
  }
  // A whole section twice.
  refusal(Uint8Array.from([...file, ...file.subarray(digits.imageBytes)]), 'sections twice');
});

test('metadata with a fitting checksum but no sense is refused by name', () => {
  const { metadata } = digits;
  const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  assert.equal(
    readImage(withMetadata(digits, encode(metadata))).metadata,
    metadata,
    'the builder of this test works',
  );
  const { name: _, ...nameless } = metadata;
  const values: unknown[] = [null, 5, 'x', [], {}, nameless, [metadata]];
  const wrong: Record<string, unknown[]> = {
    name: [null, 5],
    policy: [7],
    ops: [[], metadata.ops.slice(1), [...metadata.ops, 'x'], metadata.ops.map(() => 1), 'conv', null],
    preprocessing: [null, {}, { minimum: 0 }, { minimum: '0', maximum: 1 }],
    classes: ['0123456789', [1, 2], null],
    input: [
      null,
      5,
      {},
      { ...metadata.input, shape: [28, 28, 0] },
      { ...metadata.input, shape: [28, 28, 2] },
    ],
    compiledFor: [
      ...[null, 5, 'nrf52840', [], {}, { device: 'nrf52840' }, { device: '', capacitorUf: 1 }],
      ...[
        { device: 7, capacitorUf: 1 },
        { device: 'x'.repeat(81), capacitorUf: 1 },
      ],
      ...[-1, 0, '100uF', null].map((capacitorUf) => ({ device: 'nrf52840', capacitorUf })),
      { device: 'nrf52840', capacitorUf: 1, converter: null },
      { device: 'nrf52840', capacitorUf: 1, ownDevice: 'yes' },
    ],
    output: [
      { ...metadata.output, shape: 10 },
      { ...metadata.output, scale: 0 },
      { ...metadata.output, scale: -1 },
      { ...metadata.output, zeroPoint: 0.5 },
    ],
  };
  for (const [key, list] of Object.entries(wrong))
    for (const value of list) values.push({ ...metadata, [key]: value });
  for (const value of values) {
    assert.is(refusal(withMetadata(digits, encode(value)), JSON.stringify(value)), 'E_IMAGE_METADATA');
  }
  for (const text of [new Uint8Array(), Uint8Array.of(0xff, 0xfe), encode(metadata).subarray(1)]) {
    assert.is(refusal(withMetadata(digits, text), 'no JSON'), 'E_IMAGE_METADATA');
  }
});

test('header fields with fitting checksums: read or refused, never another exception', () => {
  const values = [0, 1, 3, 4, 64, 127, 128, 0x1000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];
  for (let offset = H_IMAGE_ID; offset < HEADER_BYTES; offset += 4) {
    for (const value of [...values, digits.nvmBytes, digits.file.length, field(digits.file, offset) + 4]) {
      const file = digits.file.slice();
      setField(file, offset, value);
      setField(file, H_CRC, crc(file.subarray(H_IMAGE_ID, HEADER_BYTES)));
      try {
        readImage(file);
      } catch (error) {
        assert.ok(error instanceof BrownoutError, `field ${offset} = ${value}: ${error}`);
        assert.match(error.code, /^E_IMAGE_/);
      }
    }
  }
});

test('withPolicy: the file names the policy it has', () => {
  const image = withPolicy(digits, { every: 5, low: false }, 'every 5');
  assert.is(image.metadata.policy, 'every 5');
  assert.is(readImage(image.file).metadata.policy, 'every 5');
});

test.run();
