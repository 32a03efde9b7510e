// Builds whose NVM is mapped into their own memory do what those that import it do: answers, every byte of NVM, cuts included.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import type { DeviceExports } from '../host/simulator/device.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { MAPPED_AT } from '../host/toolchain/parts.js';
import { int8s } from '../samples/networks.js';
import { infer, makeDevice } from './util/devices.js';

const bytes = new Uint8Array(readFileSync(new URL('../../checkpoints/digits.brn', import.meta.url)));
const image = readImage(bytes);
/** NVM holds the image, and behind it its state. */
const stateAt = Math.ceil(image.imageBytes / 64) * 64;

for (const target of ['scalar', 'simd'] as const) {
  test(`digits, ${target}: the same answer and NVM, no memory imported, a cut between any two commits survived`, async () => {
    const wasm = await buildDevice(bytes, {
      target,
      optimize: 'speed',
      mappedBytes: stateAt + image.nvmBytes,
    });
    const module = new WebAssembly.Module(wasm);
    assert.equal(
      WebAssembly.Module.imports(module).map(({ module: from }) => from),
      ['power'],
    );
    const input = int8s(new Random(7), image.input.bytes);
    const reference = makeDevice(image);
    infer(reference, image, input, 5);

    const powerUp = (cells: Uint8Array): { device: DeviceExports; nvm: Uint8Array } => {
      const { exports } = new WebAssembly.Instance(module, { power: { low: () => 0 } });
      const device = exports as unknown as DeviceExports;
      new Uint8Array(device.memory.buffer).set(image.device, MAPPED_AT);
      const nvm = new Uint8Array(device.memory.buffer, MAPPED_AT + stateAt, image.nvmBytes);
      nvm.set(cells);
      return { device, nvm };
    };
    const fresh = makeDevice(image);
    let { device, nvm } = powerUp(fresh.nvm.cells);
    assert.is(device.boot(0, image.imageBytes, stateAt, image.nvmBytes, MAPPED_AT), Status.IDLE);
    const arena = device.arena.value as number;
    new Uint8Array(device.memory.buffer).set(new Uint8Array(input.buffer), arena);
    assert.is(device.feed(arena, input.byteLength), input.byteLength);
    assert.is(device.submit(5, 0), Status.RUN);
    let boots = 1;
    // Another instance after every commit: SRAM is lost.
    while (device.status() === Status.RUN) {
      device.run(1);
      ({ device, nvm } = powerUp(nvm.slice()));
      assert.ok(device.boot(0, image.imageBytes, stateAt, image.nvmBytes, MAPPED_AT) >= 0);
      boots++;
    }
    assert.ok(boots > 10, `${boots} boots`);
    const { offset, bytes: length } = image.output;
    assert.equal(nvm.slice(offset, offset + length), reference.nvm.present.slice(offset, offset + length));
    // An uncut run leaves the same bytes everywhere.
    ({ device, nvm } = powerUp(fresh.nvm.cells));
    device.boot(0, image.imageBytes, stateAt, image.nvmBytes, MAPPED_AT);
    new Uint8Array(device.memory.buffer).set(new Uint8Array(input.buffer), arena);
    device.feed(arena, input.byteLength);
    device.submit(5, 0);
    while (device.status() === Status.RUN) device.run(0);
    assert.equal(nvm.slice(), reference.nvm.present.slice());
  });
}

test.run();
