// What `npm publish` would upload: the files a user needs and no others, and a demo that runs from them alone.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DemoResult } from '../host/demo/demo.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'brownout-package-'));
test.after(() => rmSync(folder, { recursive: true }));

const NEEDED = [
  ...[
    'package.json',
    'LICENSE',
    'bin/brownout.js',
    'dist/host/index.js',
    'dist/host/index.d.ts',
    'dist/host/cli.js',
  ],
  ...['dist/wasm/device.wasm', 'dist/wasm/device.simd.wasm', 'dist/wasm/bare.wasm', 'dist/wasm/desk.wasm'],
  ...['assembly/index.ts', 'assembly/engine.ts', 'assembly/layout.ts'],
  ...['checkpoints/digits.brn', 'checkpoints/digits-samples.npy', 'checkpoints/digits-labels.npy'],
  ...['checkpoints/SHA256SUMS', 'dist/assembly/error.js', 'dist/assembly/layout.js'],
];
/** Whatever else: tests, benches, scripts, sources of the host, build stamps, editors' and tools' files. */
const UNWANTED =
  /(^|\/)(test|bench|samples|scripts|examples|node_modules|\.[^/]*)(\/|$)|^host\/|\.test\.|\.tsbuildinfo$|\.tgz$|\.log$|tsconfig/;

interface Packed {
  filename: string;
  files: { path: string; mode: number }[];
  unpackedSize: number;
}

function pack(): Packed {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const out = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return (JSON.parse(out) as [Packed])[0];
}

const packed = pack();
const paths = packed.files.map(({ path }) => path);

test('the tarball holds what is needed', () => {
  const documents = ['README.md', 'CHANGELOG.md'].filter((name) => existsSync(join(root, name)));
  for (const path of [...NEEDED, ...documents]) assert.ok(paths.includes(path), `${path} is missing`);
  const bin = packed.files.find(({ path }) => path === 'bin/brownout.js')!;
  assert.ok((bin.mode & 0o111) !== 0, 'bin/brownout.js is not executable');
});

test('the tarball holds nothing else', () => {
  const unwanted = paths.filter((path) => UNWANTED.test(path));
  assert.equal(unwanted, []);
  // A compiled file whose source is gone is a leftover of an older build.
  const stale = paths.filter((path) => {
    const source = /^dist\/(host\/.+)\.(d\.ts|js)$/.exec(path)?.[1];
    return source !== undefined && existsSync(join(root, 'host')) && !existsSync(join(root, `${source}.ts`));
  });
  assert.equal(stale, []);
  assert.ok(packed.unpackedSize < 6_100_000, `${packed.unpackedSize} bytes`);
});

test('every declaration has a map to a source in the tarball', () => {
  const declarations = paths.filter((path) => path.endsWith('.d.ts'));
  assert.ok(declarations.length > 50, `${declarations.length} declarations`);
  for (const path of declarations) {
    const map = JSON.parse(readFileSync(join(root, `${path}.map`), 'utf8')) as { sources: string[] };
    assert.equal(map.sources.length, 1, path);
    const source = posix.join(posix.dirname(path), map.sources[0]!);
    for (const needed of [`${path}.map`, source]) assert.ok(paths.includes(needed), `${needed} is missing`);
    const original = readFileSync(join(root, source.replace('dist/src/', '')), 'utf8');
    assert.is(readFileSync(join(root, source), 'utf8'), original, source);
  }
});

/** Installs the tarball in an empty folder, without the compilers; false where that needs a registry we cannot reach. */
function install(): boolean {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user', private: true }));
  const flags = ['--omit=optional', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
  const args = ['install', ...flags, join(folder, packed.filename)];
  const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', timeout: 120_000 });
  if (status === 0) return true;
  if (
    status !== null &&
    !/ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|E50[234]/.test(stderr)
  ) {
    throw new Error(`npm install: ${stderr}`);
  }
  console.log(
    'skipped: the installed package: npm has no registry. To enable: run it where npm install works',
  );
  return false;
}

(install() ? test : test.skip)('it runs where it is installed, without compilers', () => {
  const modules = join(folder, 'node_modules');
  assert.ok(existsSync(join(modules, 'brownout')));
  for (const name of ['assemblyscript', 'binaryen']) assert.not.ok(existsSync(join(modules, name)), name);
  const brownout = (...args: string[]): string =>
    execFileSync('npx', ['--no', '--', 'brownout', ...args], { cwd: folder, encoding: 'utf8' });
  const result = JSON.parse(brownout('demo', '--samples', '5', '--json')) as DemoResult;
  assert.equal([result.samples, result.identical], [5, true]);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  assert.is(brownout('--version'), `${version}\n`);
  // What needs the compilers says so.
  const image = 'node_modules/brownout/checkpoints/digits.brn';
  const build = spawnSync('npx', ['--no', '--', 'brownout', 'build', image, '--json'], {
    cwd: folder,
    encoding: 'utf8',
    // A build that other tests have made would do without them.
    env: { ...process.env, BROWNOUT_BUILDS: '' },
  });
  const { error } = JSON.parse(build.stdout) as { error: { code: string; hint: string } };
  assert.equal([build.status, error.code], [4, 'E_TOOL_MISSING']);
  assert.match(error.hint, /npm install assemblyscript@/);
  assert.not.ok(existsSync(join(folder, 'device.wasm')));
  writeFileSync(
    join(folder, 'use.mjs'),
    `import { readFileSync } from 'node:fs';
    import { readImage, run } from 'brownout';
    const file = new Uint8Array(readFileSync('node_modules/brownout/checkpoints/digits.brn'));
    console.log(run(readImage(file)).outputs.length);`,
  );
  assert.is(execFileSync(process.execPath, ['use.mjs'], { cwd: folder, encoding: 'utf8' }), '1\n');
});

test.run();
