// The record of sweeps (test/sweeps/record.ts): what is left out the next time, and what is not.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOf, isDone, noteDone, readRecord, type SweepRecord } from './sweeps/record.js';
import { temporaryFolder } from './util/native.js';

const modules = { scalar: digestOf(Uint8Array.of(1)), lanes: digestOf(Uint8Array.of(2)) };
const record: SweepRecord = { 'kernels: dense': { shapes: 20000, modules } };

test('a sweep is done with as many shapes or more, on modules that are the same', () => {
  assert.ok(isDone(record, 'kernels: dense', 20000, modules));
  assert.ok(isDone(record, 'kernels: dense', 100, modules));
  // Another module that it may run today is of no account: those that it ran are what counts.
  assert.ok(isDone(record, 'kernels: dense', 20000, { ...modules, more: 'of another kernel' }));
});

test('it is not with more shapes, another name, a module that changed or is gone, or none that ran', () => {
  assert.not.ok(isDone(record, 'kernels: dense', 20001, modules));
  assert.not.ok(isDone(record, 'kernels: dense_s16', 100, modules));
  assert.not.ok(isDone(record, 'kernels: dense', 100, { ...modules, lanes: digestOf(Uint8Array.of(3)) }));
  assert.not.ok(isDone(record, 'kernels: dense', 100, { scalar: modules.scalar }));
  assert.not.ok(isDone({ none: { shapes: 20000, modules: {} } }, 'none', 100, modules));
});

test('digests are of all bytes, and of nothing else', () => {
  assert.is(digestOf(new TextEncoder().encode('abc')), 'ba7816bf8f01cfea');
  assert.is.not(digestOf(Uint8Array.of(0)), digestOf(Uint8Array.of(0, 0)));
});

test('a record is written whole, in order of names, beside what others wrote, and read again', () => {
  const path = join(temporaryFolder('sweep-record'), 'record.json');
  assert.equal(readRecord(path), {});
  noteDone(path, 'b', { shapes: 100, modules });
  // Another process writes between two sweeps of this one.
  noteDone(path, 'a', { shapes: 50, modules: {} });
  noteDone(path, 'b', { shapes: 20000, modules });
  const found = readRecord(path);
  assert.equal(Object.entries(found), [
    ['a', { shapes: 50, modules: {} }],
    ['b', { shapes: 20000, modules }],
  ]);
  assert.ok(isDone(found, 'b', 20000, modules));
  assert.not.ok(existsSync(`${path}.new`));
  writeFileSync(path, '{"a":');
  assert.throws(() => readRecord(path), SyntaxError);
});

test.run();
