// The documents' code compiles under this project's tsconfig and runs against the package as users import it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Documents whose TypeScript stands on its own. */
const DOCUMENTS = ['README.md', 'docs/CODE.md', 'docs/RESEARCH.md'].filter((path) =>
  existsSync(join(root, path)),
);
const blocks = DOCUMENTS.flatMap((path) => {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code], i) => ({
    path,
    code: code!,
    number: i + 1,
  }));
});

test('documents have code', () => {
  assert.ok(DOCUMENTS.every((path) => blocks.some((block) => block.path === path)));
});

blocks.forEach(({ path, code, number }) => {
  test(`code block ${number} of ${path} compiles and runs`, () => {
    // Inside the package, so that `brownout` resolves to itself.
    const folder = mkdtempSync(join(root, 'dist', 'readme-'));
    try {
      writeFileSync(join(folder, 'example.ts'), code);
      const extended = { extends: '../../tsconfig.json', include: [], files: ['example.ts'] };
      const compilerOptions = {
        rootDir: '.',
        outDir: '.',
        incremental: false,
        tsBuildInfoFile: null,
        declaration: false,
      };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...extended, compilerOptions }));
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      execFileSync(process.execPath, [tsc, '-p', folder], { stdio: 'pipe' });
      const out = execFileSync(process.execPath, [join(folder, 'example.js')], { encoding: 'utf8' });
      // What a comment behind console.log promises.
      const promised = /console\.log\(.*\); \/\/ \[([\d., …]+)\]/.exec(code)?.[1];
      if (promised) {
        const numbers = promised.split(',').map(Number.parseFloat);
        const found = [...out.matchAll(/-?\d+(\.\d+)?/g)].map((match) => Number(match[0]));
        numbers.forEach((value, i) => {
          assert.ok(Math.abs(value - found[i]!) < 0.01, `${found} for ${numbers}`);
        });
      }
      assert.ok(out.length > 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test.run();
