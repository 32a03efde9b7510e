// Several images on one device: each has its own state in NVM, and with it its own cursor and job; and images that lie in
// NVM beside their state.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import { compileUnproved as compile } from './util/compile.js';
import type { Values } from '../host/model/values.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { builtModule } from './util/devices.js';
import { int8s, layered } from '../samples/networks.js';
import { runOracle } from './util/oracle.js';

interface Resident {
  image: Image;
  /** Where the image begins in the memory of constants. */
  imageAt: number;
  base: number;
  expected: Values;
}

function residents(nvm: SimulatedNvm, seeds: number[]): Resident[] {
  let [imageAt, base] = [0, 0];
  return seeds.map((seed) => {
    const random = new Random(seed);
    const network = layered(random);
    const sample = int8s(random, 36);
    const image = readImage(compile(network, { policy: 'every 1', sample }));
    provision(nvm, image, { base });
    const resident = { image, imageAt, base, expected: runOracle(network, sample)[network.output]! };
    imageAt += Math.ceil(image.imageBytes / 64) * 64;
    base += Math.ceil(image.nvmBytes / 64) * 64;
    return resident;
  });
}

/** Program memory with all of them. */
function flash(all: readonly Resident[]): { device: Uint8Array } {
  const { image, imageAt } = all.at(-1)!;
  const device = new Uint8Array(imageAt + image.imageBytes).fill(0xff);
  for (const each of all) device.set(each.image.device, each.imageAt);
  return { device };
}

test('three images take turns, a power cut between any two tiles, and each gives its own answer', () => {
  const nvm = new SimulatedNvm(32768);
  const all = residents(nvm, [1, 2, 3]);
  const device = new Device(builtModule('device'), { image: flash(all), nvm, sramBytes: 65536 });
  const done = new Set<Resident>();
  for (let turn = 0; done.size < all.length; turn++) {
    const resident = all[turn % all.length]!;
    const { image, imageAt, base, expected } = resident;
    const state = device.boot(base, imageAt);
    assert.ok(state >= 0, `boot says ${state}`);
    if (state === Status.IDLE) {
      device.feed(image.sample!);
      device.submit(5);
    }
    if (device.run() === Status.DONE && !done.has(resident)) {
      const start = base + image.output.offset;
      assert.equal(new Int8Array(nvm.cells.slice(start, start + image.output.bytes).buffer), expected);
      done.add(resident);
    }
    device.cut();
    assert.ok(turn < 1000, 'the jobs do not end');
  }
});

test('what one image does leaves the regions of the others alone', () => {
  const nvm = new SimulatedNvm(32768);
  const [first, second] = residents(nvm, [4, 5]) as [Resident, Resident];
  const image = flash([first, second]);
  const device = new Device(builtModule('device'), { image, nvm, sramBytes: 65536 });
  const before = nvm.cells.slice(second.base);
  device.boot(first.base, first.imageAt);
  device.feed(first.image.sample!);
  device.submit(1);
  while (device.status() === Status.RUN) device.run();
  assert.equal(nvm.cells.slice(second.base), before);
});

test('an image in NVM beside its state, both imports reading one memory: the same answer, and not a byte of it written', () => {
  const nvm = new SimulatedNvm(32768);
  const [{ image, expected }] = residents(new SimulatedNvm(32768), [6]) as [Resident];
  const base = Math.ceil(image.imageBytes / 64) * 64;
  // As it came over the air: the image first, then provisioning.
  nvm.write(0, image.device);
  nvm.sync();
  provision(nvm, image, { base });
  const device = new Device(builtModule('device'), {
    image: { device: nvm.present },
    nvm,
    sramBytes: 65536,
  });
  assert.is(device.boot(base), Status.IDLE);
  device.feed(image.sample!);
  device.submit(1);
  while (device.run(1) === Status.RUN) {
    device.cut();
    assert.is(device.boot(base), Status.RUN);
  }
  const start = base + image.output.offset;
  assert.equal(new Int8Array(nvm.cells.slice(start, start + image.output.bytes).buffer), expected);
  assert.equal(nvm.cells.slice(0, image.imageBytes), image.device);
});

test('the state of one image under another is refused by name', () => {
  const nvm = new SimulatedNvm(32768);
  const [first, second] = residents(nvm, [7, 8]) as [Resident, Resident];
  const device = new Device(builtModule('device'), { image: flash([first, second]), nvm, sramBytes: 65536 });
  assert.is(device.boot(first.base, second.imageAt), ErrorCode.E_CURSOR_IMAGE);
  assert.is(device.status(), ErrorCode.E_NOT_BOOTED);
});

test.run();
