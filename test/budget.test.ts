// Sizes are held by bench/budget.json: raise a number there only with a reason in the commit.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { analyze } from '../host/analyze.js';
import { readImage } from '../host/model/image.js';
import { type ModuleName, moduleBytes } from '../host/toolchain/modules.js';

interface Budget {
  modules: Partial<Record<ModuleName, number>>;
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

test.run();
