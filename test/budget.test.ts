// Sizes are held by bench/budget.json: raise a number there only with a reason in the commit.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ActivationType, FEATURE_BLOCKS, FEATURE_SPECIAL, OpKind } from '../assembly/layout.js';
import { analyze } from '../host/analyze/analyze.js';
import { compile } from '../host/compile/compile.js';
import { readNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { kernelName } from '../host/model/record.js';
import { buildDevice, buildParts } from '../host/toolchain/build-device.js';
import { type ModuleName, moduleBytes } from '../host/toolchain/modules.js';
import { type BuildParts, EVERYTHING, partsOf } from '../host/toolchain/parts.js';
import { digitsFrom, quantizeDigits } from '../samples/digits.js';
import { int8s } from '../samples/networks.js';
import { learnable } from './util/learnable.js';

interface Budget {
  modules: Partial<Record<ModuleName, number>>;
  /**
   * Bytes that leaving a kernel out saves: an int8 one of a build for int8, an int16 one, which shares its sibling's body,
   * of a build with everything. `engine`: what a build without kernels takes. Those of 0 bytes are left out together.
   */
  kernels: Record<string, number>;
  learning: { headBytes: number; sumsBytes: number; addGradBytes: number };
  images: Record<string, { sramBytes: number; nvmBytes: number; imageBytes: number }>;
}

const root = new URL('../../', import.meta.url);
const budget = JSON.parse(readFileSync(new URL('bench/budget.json', root), 'utf8')) as Budget;

for (const [name, limit] of Object.entries(budget.modules)) {
  test(`${name}.wasm ≤ ${limit} bytes`, () => {
    const { length } = moduleBytes(name as ModuleName);
    assert.ok(length <= limit, `${length} bytes`);
    // A budget with room to spare no longer guards anything.
    assert.ok(length > limit * 0.85, `only ${length} bytes: lower the budget`);
  });
}

for (const [name, limits] of Object.entries(budget.images)) {
  test(`${name} keeps to its SRAM, NVM and image bytes`, () => {
    const image = readImage(readFileSync(new URL(`checkpoints/${name}`, root)));
    const { sram, nvm } = analyze(image);
    const found = { sramBytes: sram.usedBytes, nvmBytes: nvm.usedBytes, imageBytes: image.imageBytes };
    for (const [what, limit] of Object.entries(limits)) {
      const bytes = found[what as keyof typeof found];
      assert.ok(bytes <= limit, `${what} ${bytes} > ${limit}`);
      assert.ok(bytes > limit * 0.85, `${what} only ${bytes}: lower the budget of ${limit}`);
    }
  });
}

test(`learning the last two layers of digits adds at most ${budget.learning.headBytes} bytes to its module`, async () => {
  const file = readFileSync(new URL('checkpoints/digits-float.npy', root));
  const network = quantizeDigits(digitsFrom(readNpy(file).data as Float32Array));
  const image = compile(network, { verify: false, learn: { layers: 'head:2' } });
  const added = (await buildDevice(image)).length - moduleBytes('digits').length;
  assert.ok(added <= budget.learning.headBytes && added > budget.learning.headBytes * 0.85, `${added} bytes`);
});

test(`a head by sums adds at most ${budget.learning.sumsBytes} bytes to the module of digits`, async () => {
  const file = readFileSync(new URL('checkpoints/digits-float.npy', root));
  const network = quantizeDigits(digitsFrom(readNpy(file).data as Float32Array));
  const data = Array.from({ length: 100 }, (_, i) => ({ input: int8s(new Random(i), 784), label: i % 10 }));
  const image = compile(network, { verify: false, learn: { layers: 'sums', data } });
  const added = (await buildDevice(image)).length - moduleBytes('digits').length;
  assert.ok(added <= budget.learning.sumsBytes && added > budget.learning.sumsBytes * 0.85, `${added} bytes`);
});

test(`errors that meet add at most ${budget.learning.addGradBytes} bytes, to modules of images that have such alone`, async () => {
  const residual = learnable(new Random(3), [12], ['dense:8', 'dense:8!', 'add:0', 'dense:4']);
  const learning = (layers: string): BuildParts =>
    partsOf(readImage(compile(residual, { verify: false, learn: { layers } })));
  const parts = learning('all');
  const without = { ...parts, learning: parts.learning.filter((kind) => kind !== OpKind.ADD_GRAD) };
  const added = (await buildParts(parts)).length - (await buildParts(without)).length;
  assert.ok(
    added <= budget.learning.addGradBytes && added > budget.learning.addGradBytes * 0.85,
    `${added} bytes`,
  );
  assert.not(learning('head:2').learning.includes(OpKind.ADD_GRAD));
});

/** A build for int8 alone. */
const NARROW: BuildParts = { ...EVERYTHING, int16: [], features: FEATURE_BLOCKS | FEATURE_SPECIAL };
const NOTHING: BuildParts = { int8: [], int16: [], weights: [], features: 0, learning: [] };

test('every kernel has a budget, and none takes more', async () => {
  const named = (type: 'int8' | 'int16'): { name: string; type: typeof type; kind: OpKind }[] =>
    EVERYTHING[type].map((kind) => {
      const name = kernelName(kind, type === 'int8' ? ActivationType.INT8 : ActivationType.INT16);
      return { name: name.toUpperCase(), type, kind };
    });
  const kernels = [...named('int8'), ...named('int16')];
  assert.equal(Object.keys(budget.kernels).sort(), [...kernels.map(({ name }) => name), 'engine'].sort());
  const bytes = async (parts: BuildParts): Promise<number> => (await buildParts(parts)).length;
  const without = (parts: BuildParts, left: typeof kernels): BuildParts => {
    const kept = (type: 'int8' | 'int16'): OpKind[] =>
      parts[type].filter((kind) => !left.some((one) => one.type === type && one.kind === kind));
    return { ...parts, int8: kept('int8'), int16: kept('int16') };
  };
  const [narrow, everything] = [await bytes(NARROW), await bytes(EVERYTHING)];
  const shares: [string, number][] = [['engine', await bytes(NOTHING)]];
  const free = kernels.filter(({ name }) => budget.kernels[name] === 0);
  const saved = everything - (await bytes(without(EVERYTHING, free)));
  assert.ok(saved <= free.length, `${free.map(({ name }) => name)}: ${saved} bytes`);
  for (const kernel of kernels) {
    if (budget.kernels[kernel.name] === 0) continue;
    const [all, parts] = kernel.type === 'int8' ? [narrow, NARROW] : [everything, EVERYTHING];
    shares.push([kernel.name, all - (await bytes(without(parts, [kernel])))]);
  }
  const off = shares.filter(([name, share]) => {
    const limit = budget.kernels[name]!;
    return share > limit || share < limit * 0.85;
  });
  assert.equal(
    off.map(([name, share]) => `${name}: ${share} bytes, budget ${budget.kernels[name]}`),
    [],
  );
});

test.run();
