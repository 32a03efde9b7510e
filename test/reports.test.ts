// analyze, inspect and build: what they say of the shipped image, and of a device's NVM at every stage of a job.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import { analyze } from '../host/analyze/analyze.js';
import { compileUnproved as compile } from './util/compile.js';
import { Random } from '../host/math/random.js';
import { readImage, withPolicy } from '../host/model/image.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import {
  circulantConvNetwork,
  convNetwork,
  denseNetwork,
  softmaxInt16Network,
  softmaxNetwork,
  withInt16,
  withWeightZeroPoint,
  withInt4,
} from '../samples/networks.js';
import { shippedImage } from '../host/demo/demo.js';
import { BrownoutError } from '../host/error.js';
import { inspect, inspectDump } from '../host/inspect/inspect.js';
import { analyzeText } from '../host/analyze/report.js';
import { inspectText } from '../host/inspect/report.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { deviceProfile } from '../host/profiles/index.js';
import { infer, makeDevice } from './util/devices.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const image = shippedImage();

test('analyze: shapes and MACs of the RAD network, shares that add up', () => {
  const result = analyze(image);
  assert.equal(
    result.ops.map(({ name, outputShape, macs }) => [name, outputShape, macs]),
    [
      ['conv1', [24, 24, 6], 24 * 24 * 6 * 25],
      ['pool1', [12, 12, 6], 0],
      ['conv2', [8, 8, 16], 8 * 8 * 16 * 150],
      ['pool2', [4, 4, 16], 0],
      ['fc1', [256], 256 * 256],
      ['fc2', [10], 2560],
    ],
  );
  const total = (pick: (op: (typeof result.ops)[number]) => number): number =>
    result.ops.reduce((sum, op) => sum + pick(op), 0);
  assert.ok(Math.abs(total((op) => op.share) - 1) < 1e-9);
  assert.ok(Math.abs(result.ops.at(-1)!.cumulativeShare - 1) < 1e-9);
  assert.is(
    total((op) => op.cycles),
    result.cycles,
  );
  assert.is(
    total((op) => op.flashBytes),
    image.constants.bytes,
  );
  // The default device has the DSP extension; pooling has no body there.
  assert.equal(
    result.ops.map(({ body, bodySaves }) => [body, bodySaves > 0]),
    ['conv1', '', 'conv2', '', 'fc1', 'fc2'].map((name) => [name ? 'dsp' : 'scalar', name !== '']),
  );
  const plain = analyze(image, { device: 'msp430fr5994' });
  assert.ok(plain.ops.every(({ body, bodySaves }) => body === 'scalar' && bodySaves === 0));
  assert.is(
    result.ops.length,
    analyzeText(result)
      .split('\n')
      .filter((line) => /_s8/.test(line)).length,
  );
});

test('analyze: time, energy, charges and the least capacitor, by the device’s own constants', () => {
  for (const device of ['cortex-m4-generic', 'msp430fr5994', 'apollo4']) {
    const profile = deviceProfile(device);
    const { ops, cycles, ...result } = analyze(image, { device });
    const near = (found: number, expected: number): void =>
      assert.ok(Math.abs(found / expected - 1) < 1e-9, `${device}: ${found}, not ${expected}`);
    near(result.timeMs, (cycles * 1000) / profile.clockHz.value);
    near(
      result.energyMj * 1000,
      ops.reduce((sum, { energyUj }) => sum + energyUj, 0),
    );
    // The core's share, and something for NVM.
    const coreUj = (cycles * profile.activeNjPerCycle.value) / 1000;
    assert.ok(result.energyMj * 1000 >= coreUj && result.energyMj * 1000 < 3 * coreUj);
    const chargeOf = (capacitorUf: number): number =>
      (capacitorUf * (profile.turnOnV.value ** 2 - profile.turnOffV.value ** 2)) / 2 - profile.bootUj.value;
    near(result.charges, (result.energyMj * 1000) / chargeOf(result.capacitorUf));
    // What the least capacitor holds beside a boot: the dearest tile, and little more.
    const tileUj =
      (Math.max(...ops.map((op) => op.largestTileCycles)) * profile.activeNjPerCycle.value) / 1000;
    const heldUj = chargeOf(result.smallestCapacitorUf);
    assert.ok(heldUj > tileUj && heldUj < 2 * tileUj + 10, `${device}: ${heldUj} for ${tileUj}`);
  }
});

test('analyze: the tables fit 80 columns, whatever the names', () => {
  const long = 'a/very/long/scope/of/a/framework/separable_conv2d_17/depthwise';
  for (const name of ['digits', 'digits-learn', 'har', 'keywords']) {
    const file = new Uint8Array(readFileSync(new URL(`../../checkpoints/${name}.brn`, import.meta.url)));
    const result = analyze(file);
    const named = { ...result, ops: result.ops.map((op) => ({ ...op, name: long })) };
    for (const text of [analyzeText(result), analyzeText(named)])
      for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  }
});

test('analyze: a device nobody knows is an error', () => {
  assert.throws(
    () => analyze(image, { device: 'z80' }),
    (error: Error) => error instanceof BrownoutError && error.code === 'E_DEVICE',
  );
});

test('inspect: an image', () => {
  const result = inspect(image.file);
  assert.equal([result.kind, result.name, result.imageId], ['image', 'digits', image.imageId]);
  assert.is(result.cursors, undefined);
  assert.match(inspectText(result), 'circulant_ntt_s8');
});

test('inspect: NVM before, within and behind a job, and with a torn slot', () => {
  const every = withPolicy(image, { every: 5, low: false }, 'every 5');
  const device = makeDevice(every);
  const dump = () => inspectDump(device.nvm.cells, every);
  assert.equal(
    [dump().kind, dump().job?.state, dump().cursors?.map((c) => c.condition)],
    ['nvm', 'IDLE', ['whole', 'blank']],
  );
  device.boot();
  device.feed(every.sample!);
  device.submit(9);
  for (let commit = 0; commit < 3; commit++) device.run();
  assert.equal(dump().job, { state: 'RUN', ticket: 9, op: 0, tile: 15 });
  // The newest slot torn: the older one is where a boot goes on.
  const torn = device.nvm.cells.slice();
  const newest = dump().cursors!.find((c) => c.newest)!;
  torn[every.slots.offset + newest.slot * every.slotStride + 5]! ^= 0xff;
  const after = inspectDump(torn, every);
  assert.is(after.cursors![newest.slot]!.condition, 'torn');
  assert.equal(after.job, { state: 'RUN', ticket: 9, op: 0, tile: 10 });
  while (device.run() === 1);
  const answer = [...infer(makeDevice(image), image, image.sample!)];
  assert.equal([dump().job?.state, dump().job?.answer], ['DONE', answer]);
  assert.match(inspectText(dump()), `answer: ${answer.join(' ')}`);
});

test('inspect: a dump cut short, and something else', () => {
  const device = makeDevice(image);
  const code = (bytes: Uint8Array, look = inspect): string => {
    try {
      look(bytes);
      return 'none';
    } catch (error) {
      return error instanceof BrownoutError ? error.code : String(error);
    }
  };
  const foreign = device.nvm.cells.slice();
  foreign[4]! ^= 1;
  const lookAt = (bytes: Uint8Array) => inspectDump(bytes, image);
  assert.is(code(device.nvm.cells.subarray(0, image.nvmBytes - 1), lookAt), 'E_NVM_SIZE');
  assert.is(code(new Uint8Array(image.nvmBytes), lookAt), 'E_MAGIC');
  assert.is(code(foreign, lookAt), 'E_CURSOR_IMAGE');
  assert.is(code(new Uint8Array(500)), 'E_IMAGE_MAGIC');
});

test('build: the module that ships for the digits image, byte for byte', () => {
  const folder = mkdtempSync(join(tmpdir(), 'brownout-'));
  try {
    const bin = join(root, 'bin/brownout.js');
    const args = [
      bin,
      'build',
      join(root, 'checkpoints/digits.brn'),
      '--output',
      join(folder, 'a.wasm'),
      '--json',
    ];
    const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as {
      bytes: number;
    };
    const bytes = new Uint8Array(readFileSync(join(folder, 'a.wasm')));
    assert.is(result.bytes, bytes.length);
    assert.equal(bytes, moduleBytes('digits'));
    const wrong = spawnSync(process.execPath, [...args, '--target', 'avr'], { encoding: 'utf8' });
    assert.equal(
      [wrong.status, (JSON.parse(wrong.stdout) as { error: { code: string } }).error.code],
      [2, 'E_OPTION'],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a build for one image runs that image and refuses every other by name', async () => {
  const random = new Random(1);
  const networks = [
    convNetwork(random),
    withInt4(random, convNetwork(random)),
    circulantConvNetwork(random),
    denseNetwork(random),
    withInt4(random, denseNetwork(random)),
    softmaxNetwork(random),
    softmaxInt16Network(random),
    withInt16(random, denseNetwork(random)),
    withWeightZeroPoint(random, denseNetwork(random)),
  ];
  const images = networks.map((network) => readImage(compile(network)));
  // Each image needs a thing of its own; the plain ones are held by the builds of those that need more.
  const holds = [[0], [0, 1], [0, 2], [3], [3, 4], [5], [6], [7], [3, 8]];
  for (const [index, own] of images.entries()) {
    const module = new WebAssembly.Module(await buildDevice(own));
    for (const [other, image_] of images.entries()) {
      const nvm = new SimulatedNvm(image_.nvmBytes);
      provision(nvm, image_);
      const code = new Device(module, { image: image_, nvm, sramBytes: 65536 }).boot();
      assert.is(
        code,
        holds[index]!.includes(other) ? Status.IDLE : ErrorCode.E_OP,
        `build ${index}, image ${other}`,
      );
    }
  }
});

test.run();
