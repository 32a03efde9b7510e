// Several images on one device: each has its own region of NVM, and with it its own cursor and job.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
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
  base: number;
  expected: Values;
}

function residents(nvm: SimulatedNvm, seeds: number[]): Resident[] {
  let base = 0;
  return seeds.map((seed) => {
    const random = new Random(seed);
    const network = layered(random);
    const sample = int8s(random, 36);
    const image = readImage(compile(network, { policy: 'every 1', sample }));
    provision(nvm, image, { base });
    const resident = { image, base, expected: runOracle(network, sample)[network.output]! };
    base += Math.ceil(image.nvmBytes / 64) * 64;
    return resident;
  });
}

test('three images take turns, a power cut between any two tiles, and each gives its own answer', () => {
  const nvm = new SimulatedNvm(32768);
  const all = residents(nvm, [1, 2, 3]);
  const device = new Device(builtModule('device'), { nvm, sramBytes: 65536 });
  const done = new Set<Resident>();
  for (let turn = 0; done.size < all.length; turn++) {
    const resident = all[turn % all.length]!;
    const { image, base, expected } = resident;
    const state = device.boot(base);
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
  const device = new Device(builtModule('device'), { nvm, sramBytes: 65536 });
  const before = nvm.cells.slice(second.base);
  device.boot(first.base);
  device.feed(first.image.sample!);
  device.submit(1);
  while (device.status() === Status.RUN) device.run();
  assert.equal(nvm.cells.slice(second.base), before);
});

test.run();
