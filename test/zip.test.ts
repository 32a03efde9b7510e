// Archives: what is damaged, overlaps, swells or is too much is refused before it costs anything.
import { deflateRawSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeNpy } from '../host/data/npy.js';
import { npzMembers } from '../host/data/npz.js';
import { readInput } from '../host/data/read-input.js';
import { crc32 } from '../host/model/crc32.js';
import { failure } from './util/failure.js';
import { type Member, npz, zip } from './util/npz-writer.js';

const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);
const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));
const array = { dtype: 'float32' as const, shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

/** The same with the end of a ZIP64 directory before its own, which then says nothing. */
function withEnd64(file: Uint8Array): Uint8Array {
  const end = file.length - 22;
  const view = new DataView(file.buffer);
  const [count, bytes, start] = [
    view.getUint16(end + 10, true),
    view.getUint32(end + 12, true),
    view.getUint32(end + 16, true),
  ];
  const end64 = [...ascii('PK\x06\x06'), ...le(44, 8), ...le(45, 2), ...le(45, 2), ...le(0, 8)];
  end64.push(...le(count, 8), ...le(count, 8), ...le(bytes, 8), ...le(start, 8));
  const locator = [...ascii('PK\x06\x07'), ...le(0, 4), ...le(end, 8), ...le(1, 4)];
  const none = [
    ...ascii('PK\x05\x06'),
    ...le(0, 4),
    ...le(0xffff, 2),
    ...le(0xffff, 2),
    ...le(0xffffffff, 4),
  ];
  return Uint8Array.from([
    ...file.subarray(0, end),
    ...end64,
    ...locator,
    ...none,
    ...le(0xffffffff, 4),
    0,
    0,
  ]);
}

test('zip: every bit flipped in a member is seen, by its CRC-32 or before', () => {
  const file = npz({ x: array });
  const raw = writeNpy(array);
  const start = file.length - raw.length - (46 + 5) - 22;
  assert.equal(file.subarray(start, start + raw.length), raw);
  for (let at = start; at < start + raw.length; at++) {
    for (const bit of [1, 16, 128]) {
      const flipped = file.slice();
      flipped[at]! ^= bit;
      assert.is(failure(() => readInput(flipped)).code, 'E_NPZ', `byte ${at}`);
    }
  }
});

test('zip: ZIP64 is read; overlaps, swelling, doubles and what is encrypted are refused', () => {
  const content = writeNpy(array);
  const good: Member = { name: 'x.npy', content };
  const packed = new Uint8Array(deflateRawSync(content));
  const deflated: Member = { ...good, content: packed, method: 8, size: content.length, crc: crc32(content) };
  for (const file of [
    zip([{ ...good, zip64: true }]),
    withEnd64(zip([good])),
    withEnd64(zip([{ ...deflated, zip64: true }])),
  ])
    assert.equal(readInput(file).data, array.data);
  const other: Member = { name: 'y.npy', content };
  for (const [what, file] of Object.entries({
    overlap: zip([good, { ...other, at: 0 }]),
    'overlap within': zip([
      { ...good, content: new Uint8Array(zip([other])) },
      { ...other, at: 35 },
    ]),
    double: zip([good, good]),
    encrypted: zip([{ ...good, flags: 1 }]),
    'another method': zip([{ ...good, method: 12 }]),
    'another size': zip([{ ...deflated, size: content.length - 1 }]),
    'a size of 4 GB': zip([{ ...deflated, size: 0xfffffff0 }]),
    'another CRC': zip([{ ...good, crc: 1 }]),
    'no arrays': zip([{ name: 'data.pkl', content }]),
    'outside the file': zip([{ ...good, at: 1e6 }]),
  }))
    assert.is(failure(() => readInput(file), what).code, 'E_NPZ', what);
});

test('zip: what a directory says of places outside is refused by the place, before anything is unpacked', () => {
  const member: Member = { name: 'x.npy', content: writeNpy(array) };
  const file = zip([member]);
  const entry = file.length - 22 - (46 + 5);
  const found = (edits: Record<number, number>, of = file): string => {
    const edited = of.slice();
    for (const [at, value] of Object.entries(edits))
      new DataView(edited.buffer).setUint16(Number(at), value, true);
    return failure(() => readInput(edited)).found;
  };
  assert.match(found({ 8: 8 }), /packed in two ways/);
  assert.match(found({ [entry + 22]: 1, [entry + 26]: 1 }), /"x.npy" of 6\d{4} bytes/);
  assert.match(found({ [entry + 30]: 0x7fff }), /entry 0 of 1 outside the directory/);
  assert.match(found({ [file.length - 22 + 10]: 2 }), /entry 1 of 2 outside the directory/);
  assert.match(found({ [file.length - 22 + 18]: 1 }), /entry 0 of 1 outside the directory/);
  const wide = zip([{ ...member, zip64: true }]);
  const extra = wide.length - 22 - 28;
  assert.match(found({ [extra + 2]: 25 }, wide), /a field of 25 bytes/);
  assert.match(found({ [extra + 2]: 8 }, wide), /no packed of/);
  assert.match(found({ [file.length - 22]: 0 }), /no directory/);
  const end64 = withEnd64(file);
  assert.match(found({ [end64.length - 22 - 12 + 6]: 1 }, end64), /ZIP64 directory outside/);
});

test('zip: a member that swells is never unpacked beyond what the directory says', () => {
  const zeros = new Uint8Array(64 << 20);
  const bomb = new Uint8Array(deflateRawSync(zeros));
  const before = process.memoryUsage.rss();
  const file = zip([{ name: 'x.npy', content: bomb, method: 8, size: 1000, crc: crc32(zeros) }]);
  for (let i = 0; i < 20; i++) assert.is(failure(() => readInput(file)).code, 'E_NPZ');
  assert.ok(process.memoryUsage.rss() - before < 64 << 20, 'memory for what is not unpacked');
  // Each within the limit, together beyond it.
  const many = Array.from({ length: 20 }, (_, i): Member => {
    return { name: `${i}.npy`, content: bomb, method: 8, size: zeros.length, crc: crc32(zeros) };
  });
  assert.match(failure(() => npzMembers(zip(many))).found, /more than 1073741824 bytes/);
});

test.run();
