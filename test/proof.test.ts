// What the proof must refuse: images and builds that were proved once although a user would have got wrong answers.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { H_ARENA_BYTES, H_CRC, H_IMAGE_ID, HEADER_BYTES } from '../assembly/layout.js';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { type Image, readImage } from '../host/model/image.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { verify } from '../host/verify/verify.js';
import { compileUnproved as compile } from './util/compile.js';
import { dsCnn } from '../samples/networks.js';
import { learner, REFUTATIONS, tiled, unrefuted } from './util/refutations.js';

/** An image with another word in its header, sealed again. */
function withHeader(image: Image, field: number, value: number): Image {
  const file = image.file.slice();
  const header = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  header.setUint32(field, value, true);
  header.setUint32(H_CRC, crc32(file.subarray(H_IMAGE_ID, HEADER_BYTES)), true);
  return readImage(file);
}

test('the images here are proved', () => {
  for (const image of [tiled, learner]) assert.is(verify(image).counterexample, null);
});

for (const refutation of REFUTATIONS)
  test(refutation.name, async () => {
    assert.is(await unrefuted(refutation), undefined);
  });

test('SRAM: an image that declares less than its ops use', () => {
  const image = readImage(compile(dsCnn(new Random(5)), { arenaBytes: 8000 }));
  assert.ok(verify(image).proved);
  // Its records say so before anything runs them.
  assert.throws(
    () => verify(withHeader(image, H_ARENA_BYTES, image.arenaBytes - 1024)),
    (error: unknown) => error instanceof BrownoutError && error.code === 'E_IMAGE_RECORD',
  );
});

test('a module with an accelerator is proved', () => {
  assert.ok(verify(tiled, { module: moduleBytes('device.accelerated') }).proved);
});

test('data and torn reads: what is shown is said', () => {
  assert.is(verify(tiled).tornReads, 'boot');
  assert.equal(verify(tiled).dataExceptions, []);
  assert.ok(verify(learner).dataExceptions!.includes('FINISH'));
  assert.is(verify(tiled, { module: moduleBytes('device.simd') }).dataExceptions, null);
});

test.run();
