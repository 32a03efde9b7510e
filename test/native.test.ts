// Every kernel as C: the NVM a job leaves equals the simulator's, byte for byte. Checked: every store stays inside the
// part's SRAM, and every access keeps the alignment that the WASM promises.
import { STATIC_BYTES } from '../assembly/layout.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { Values } from '../host/model/values.js';
import { firstDifference } from '../host/simulator/equality.js';
import { infer, makeDevice } from './util/devices.js';
import { hasPrograms, temporaryFolder } from './util/native.js';
import { kernelNetworks as kernels } from './util/kernel-networks.js';
import { buildNativeDevice, type NativeBuild, runNative } from './util/native-device.js';
import { hasWasm2c } from './util/wasm2c.js';
import * as networks from '../samples/networks.js';

/** Shapes of each kernel instead of the few of an ordinary run. */
const SHAPES = Number(process.env['BROWNOUT_SHAPES'] ?? 12);
const ARENA = STATIC_BYTES;
const nativeTest = hasPrograms('kernels in C on this machine', { gcc: 'gcc' }) ? test : test.skip;
const wasm2cTest = hasWasm2c("kernels in wasm2c's C") ? test : test.skip;

interface Case {
  what: string;
  image: Image;
  input: Values;
  sramBytes: number;
  expected: Uint8Array;
}

function makeCases(): Case[] {
  return Object.entries(kernels).flatMap(([name, make]) =>
    Array.from({ length: SHAPES }, (_, seed): Case => {
      const random = new Random(1000 + seed);
      const network = make(random);
      const image = readImage(compile(network, { arenaBytes: seed % 2 ? 3840 : 8192 }));
      const input = networks.valuesFor(random, network.tensors[network.input]!);
      const device = makeDevice(image);
      infer(device, image, input);
      const sramBytes = ARENA + image.arenaBytes;
      return { what: `${name}, seed ${seed}`, image, input, sramBytes, expected: device.nvm.cells.slice() };
    }),
  );
}

let made: Case[] | undefined;

for (const build of ['checked', 'in-place', 'wasm2c'] satisfies NativeBuild[]) {
  const run = build === 'wasm2c' ? wasm2cTest : nativeTest;
  run(`${SHAPES} shapes of each kernel in C, ${build}: NVM as in Node`, async () => {
    made ??= makeCases();
    const cases = made;
    const program = await buildNativeDevice(temporaryFolder('native'), build);
    const results = runNative(program, cases, ARENA);
    cases.forEach(({ what, expected }, i) => {
      const { state, nvm } = results[i]!;
      assert.is(state, Status.DONE, what);
      assert.is(firstDifference(nvm, expected), -1, what);
    });
  });
}

test.run();
