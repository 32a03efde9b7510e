// Golden NVM: what older devices hold must boot and go on, or be refused by name. A change that fails here needs a new
// format version, not new snapshots.
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import { H_VERSION, VERSION } from '../assembly/layout.js';
import { inspectDump } from '../host/inspect/inspect.js';
import { type DeviceImage, readDevice, readImage } from '../host/model/image.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { builtModule } from './util/devices.js';

const checkpoints = new URL('../../checkpoints/', import.meta.url);
const snapshot = (version: number, name: string): Uint8Array => {
  return new Uint8Array(readFileSync(new URL(`nvm-v${version}/${name}.bin`, checkpoints)));
};

/** What the snapshots are the state of: the image of that day. */
const image = readImage(new Uint8Array(readFileSync(new URL(`nvm-v${VERSION}/image.brn`, checkpoints))));

function deviceWith(
  cells: Uint8Array,
  name: 'device' | 'device.simd' = 'device',
  on: Pick<DeviceImage, 'device'> = image,
): Device {
  const nvm = new SimulatedNvm(cells.length);
  nvm.load(cells);
  return new Device(builtModule(name), { image: on, nvm, sramBytes: 65536 });
}

test('snapshots of this format version exist', () => {
  assert.equal(readdirSync(new URL(`nvm-v${VERSION}/`, checkpoints)).sort(), [
    'done.bin',
    'idle.bin',
    'image.brn',
    'run.bin',
  ]);
});

for (const build of ['device', 'device.simd'] as const) {
  test(`${build}: a device that stopped in the middle goes on to the very same NVM`, () => {
    const device = deviceWith(snapshot(VERSION, 'run'), build);
    assert.is(device.boot(), Status.RUN);
    assert.is(device.ticket, 42);
    while (device.status() === Status.RUN) assert.ok(device.run() >= 0);
    const golden = snapshot(VERSION, 'done');
    const { diagnostics } = image;
    const found = device.nvm.cells.slice();
    // The boot counter: the golden run had one boot.
    found.set(
      golden.subarray(diagnostics.offset, diagnostics.offset + diagnostics.bytes),
      diagnostics.offset,
    );
    assert.equal(Buffer.compare(found, golden), 0);
  });
}

test('a device that was done still has its answer, and takes the next job', () => {
  const device = deviceWith(snapshot(VERSION, 'done'));
  assert.is(device.boot(), Status.DONE);
  assert.is(device.submit(42), Status.DONE);
  const { job } = inspectDump(device.nvm.cells, image);
  const answer = job!.answer!;
  assert.is(answer.indexOf(Math.max(...answer)), 7, 'the sample is a seven');
  assert.is(device.ack(42), Status.IDLE);
  const { input } = image;
  const again = new Int8Array(device.nvm.cells.slice(input.offset, input.offset + input.bytes).buffer);
  device.feed(again);
  device.submit(43);
  while (device.status() === Status.RUN) device.run();
  assert.equal(inspectDump(device.nvm.cells, image).job!.answer, answer);
});

test('a fresh device is idle', () => {
  assert.is(deviceWith(snapshot(VERSION, 'idle')).boot(), Status.IDLE);
});

/** An image of another version is refused by name, on the device and at the desk, and nothing is written. */
function refused(cells: Uint8Array, bytes: Uint8Array, version: number): void {
  for (const build of ['device', 'device.simd'] as const) {
    const device = deviceWith(cells, build, { device: bytes });
    assert.is(device.boot(), ErrorCode.E_VERSION);
    assert.equal(Buffer.compare(device.nvm.cells, cells), 0);
  }
  assert.throws(
    () => readDevice(bytes),
    (error: Error) =>
      error.message.startsWith('E_IMAGE_VERSION') && error.message.includes(`format version ${version}`),
  );
}

test('a format version of the future is refused by name, and nothing is written', () => {
  const later = image.device.slice();
  new DataView(later.buffer).setUint16(H_VERSION, VERSION + 1, true);
  refused(snapshot(VERSION, 'run'), later, VERSION + 1);
});

for (let version = 1; version < VERSION; version++) {
  for (const name of ['idle', 'run', 'done']) {
    test(`NVM of format version ${version}, ${name}, is refused by name, and nothing is written`, () => {
      // Of the first version NVM held the image, too.
      refused(snapshot(version, name), snapshot(version, name), version);
    });
  }
}

test.run();
