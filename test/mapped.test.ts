// Builds whose NVM is mapped into their own memory do what those that import it do: answers, every byte of NVM, cuts included; they
// are proved themselves, and so are views in place. What is wrong only there is refuted.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import { OP_TILES } from '../assembly/layout.js';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { DeviceExports } from '../host/simulator/device.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { type BuildOptions, MAPPED_AT, mappedStateAt } from '../host/toolchain/parts.js';
import { widenMemory } from '../host/toolchain/watch-mapped.js';
import { replayCuts } from '../host/verify/replay.js';
import { verifyText } from '../host/verify/report.js';
import { verify } from '../host/verify/verify.js';
import { circulantNetwork, int8s } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import {
  IN_LANES,
  IN_PLACE_REFUTATIONS,
  learner,
  MAPPED_REFUTATIONS,
  tiled,
  unrefuted,
} from './util/refutations.js';
import { type Mutant, sabotaged } from './util/sabotage.js';

const bytes = new Uint8Array(readFileSync(new URL('../../checkpoints/digits.brn', import.meta.url)));
const image = readImage(bytes);
/** NVM holds the image, and behind it its state. */
const stateAt = mappedStateAt(image);
const builds = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
/** The build of digits. */
function mapped(target: 'scalar' | 'simd'): Promise<Uint8Array<ArrayBuffer>> {
  const options = { target, optimize: 'speed', mappedBytes: stateAt + image.nvmBytes } as const;
  const build = builds.get(target) ?? buildDevice(bytes, options);
  builds.set(target, build);
  return build;
}

for (const target of ['scalar', 'simd'] as const) {
  test(`digits, ${target}: the same answer and NVM, no memory imported, a cut between any two commits survived`, async () => {
    const wasm = await mapped(target);
    const module = new WebAssembly.Module(wasm);
    assert.equal(
      WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`),
      ['nvm.sync', 'power.low'],
    );
    const input = int8s(new Random(7), image.input.bytes);
    const reference = makeDevice(image);
    infer(reference, image, input, 5);

    const powerUp = (cells: Uint8Array): { device: DeviceExports; nvm: Uint8Array } => {
      const { exports } = new WebAssembly.Instance(module, {
        nvm: { sync: () => undefined },
        power: { low: () => 0 },
      });
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

for (const target of ['scalar', 'simd'] as const)
  test(`digits, ${target}: proved itself, and the result says which build`, async () => {
    const wasm = await mapped(target);
    const result = verify(image, { module: wasm, search: false });
    assert.is(result.counterexample, null);
    assert.ok(result.proved && result.closed);
    assert.is(result.nvm, 'mapped');
    // Vectors are not followed.
    assert.equal(result.dataExceptions, target === 'simd' ? null : []);
    const sha256 = createHash('sha256').update(wasm).digest('hex');
    assert.is(result.origin.moduleSha256, sha256);
    assert.match(verifyText(result, 'digits.brn'), new RegExp(`NVM in its own memory[\\s\\S]*${sha256}`));
    const views = verify(image);
    assert.is(views.nvm, 'views');
    assert.is(result.tiles, views.tiles);
    assert.is(result.bytesChecked, views.bytesChecked);
    // A tile takes what it takes with views, but for what a view costs.
    assert.ok(Math.abs(result.largestTilePercent / views.largestTilePercent - 1) < 0.2);
  });

/** A mapped build of an image. */
const mappedFor = (of: Image, options: BuildOptions = {}): Promise<Uint8Array<ArrayBuffer>> =>
  buildDevice(of, { ...options, mappedBytes: mappedStateAt(of) + of.nvmBytes });

/** Each of the builds has room to work in, and is proved. */
async function provedInLanes(of: Image, builds: readonly Promise<Uint8Array<ArrayBuffer>>[]): Promise<void> {
  for (const module of await Promise.all(builds)) {
    const names = WebAssembly.Module.exports(new WebAssembly.Module(module)).map(({ name }) => name);
    assert.ok(names.includes('room'));
    const { proved, closed, counterexample } = verify(of, { module, search: false });
    assert.is(counterexample, null, counterexample?.found);
    assert.ok(proved && closed);
  }
}

test('room to work in: a convolution by panels, with NVM in its memory and with views', () =>
  provedInLanes(tiled, [mappedFor(tiled, IN_LANES), buildDevice(tiled, IN_LANES)]));

test('room to work in: a circulant layer by Karatsuba, blocks of 64, four rows at a time', () => {
  const shape = { blockSize: 64, inputs: 128, outputs: 540, method: 'karatsuba' } as const;
  const circulant = readImage(compile(circulantNetwork(new Random(1), shape), { arenaBytes: 12000 }));
  assert.ok(circulant.ops[0]!.get(OP_TILES) > 1);
  return provedInLanes(circulant, [mappedFor(circulant, IN_LANES)]);
});

test('an image that learns', async () => {
  const module = await mappedFor(learner);
  const { proved, counterexample, nvm } = verify(learner, { module, job: 'learn', search: false });
  assert.is(counterexample, null);
  assert.ok(proved);
  assert.is(nvm, 'mapped');
});

test('a module whose memory does not hold the image and its NVM, or without a barrier, is refused', async () => {
  const wasm = await mappedFor(tiled);
  // A page fewer: SRAM alone.
  const small = widenMemory(wasm, -1);
  const refused = (action: () => unknown): BrownoutError => {
    try {
      action();
    } catch (error) {
      assert.instance(error, BrownoutError);
      return error as BrownoutError;
    }
    return assert.unreachable('no error') as never;
  };
  const { code, found } = refused(() => verify(tiled, { module: small }));
  assert.is(code, 'E_MODULE');
  assert.match(found, /65536 bytes of memory/);
  assert.is(refused(() => replayCuts(tiled, 'none', { module: wasm })).code, 'E_MODULE');
  const mutant: Mutant = {
    name: 'no barriers',
    file: 'assembly/nvm.ts',
    edits: [['  synchronize();', '']],
  };
  const without = await sabotaged(mutant, tiled, { mappedBytes: mappedStateAt(tiled) + tiled.nvmBytes });
  assert.match(refused(() => verify(tiled, { module: without })).found, /without the import nvm.sync/);
  // A page fewer: its room to work in is cut short.
  const short = widenMemory(await mappedFor(tiled, IN_LANES), -1);
  assert.match(refused(() => verify(tiled, { module: short })).found, /room to work in/);
});

for (const refutation of [...IN_PLACE_REFUTATIONS, ...MAPPED_REFUTATIONS])
  test(refutation.name, async () => {
    assert.is(await unrefuted(refutation), undefined);
  });

test.run();
