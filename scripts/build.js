// Builds everything under dist/: TypeScript by tsc, then each WASM module by asc.
// Modules are compiled again only when an assembly source, their configuration or the compiler changed.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const digits = readFileSync(join(root, 'checkpoints/digits.brn'));

/** name → entry files (in order), asconfig target; of those that learn, `learning`: room for what they keep in SRAM. */
const modulesWith = (learning) => ({
  device: { entries: ['assembly/index.ts'], target: 'scalar' },
  'device.learn': { entries: ['assembly/learn.ts'], target: 'scalar', flags: learning },
  'device.learn.checked': {
    entries: ['assembly/checked.ts', 'assembly/learn.ts'],
    target: 'checked',
    flags: learning.slice(0, -2),
  },
  'device.simd': { entries: ['assembly/index.ts'], target: 'simd' },
  'device.checked': { entries: ['assembly/checked.ts', 'assembly/index.ts'], target: 'checked' },
  bare: { entries: ['assembly/bare.ts'], target: 'scalar' },
  'bare.learn': { entries: ['assembly/bare.ts'], target: 'scalar', flags: learning },
  desk: { entries: ['assembly/desk/index.ts'], target: 'desk' },
});

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function fingerprint() {
  const hash = createHash('sha256');
  const files = [
    ...sources(join(root, 'assembly')),
    join(root, 'asconfig.json'),
    join(root, 'host/toolchain/build-device.ts'),
    fileURLToPath(import.meta.url),
  ];
  for (const file of files) hash.update(relative(root, file)).update(readFileSync(file));
  hash.update(digits);
  hash.update(readFileSync(join(root, 'node_modules/assemblyscript/package.json')));
  return hash.digest('hex');
}

async function buildModules() {
  const out = join(root, 'dist/wasm');
  const stamp = join(out, '.fingerprint');
  const current = fingerprint();
  const { STATIC_BYTES_LEARNING } = await import('../dist/assembly/layout.js');
  const { EVERYTHING, maskOf } = await import('../dist/host/toolchain/parts.js');
  const int8 = ['--use', `KERNELS_INT8=${maskOf(EVERYTHING.int8)}`];
  const { KINDS_LEARNING } = await import('../dist/assembly/learning-layout.js');
  const kernels = [...int8, '--use', `LEARNING_MASK=${KINDS_LEARNING}`];
  const modules = modulesWith([...kernels, '--lowMemoryLimit', `${STATIC_BYTES_LEARNING}`]);
  const names = Object.keys(modules);
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === current;
  if (
    fresh &&
    [...names, 'digits', 'digits.bare', 'device.fast', 'device.accelerated'].every((name) =>
      existsSync(join(out, `${name}.wasm`)),
    )
  )
    return;
  mkdirSync(out, { recursive: true });
  const { default: asc } = await import('assemblyscript/asc');
  for (const name of names) {
    const { entries, target, flags = [] } = modules[name];
    const args = [...entries, '--target', target, ...flags, '--outFile', `dist/wasm/${name}.wasm`];
    const result = await asc.main([...args, '--baseDir', root], {
      stdout: process.stderr,
      stderr: process.stderr,
    });
    if (result.error) throw new Error(`asc failed on ${name}: ${result.error.message}`);
  }
  // Only the kernels that the shipped image uses.
  const { buildDevice, buildParts } = await import('../dist/host/toolchain/build-device.js');
  const image = new Uint8Array(digits);
  writeFileSync(join(out, 'digits.wasm'), await buildDevice(image));
  writeFileSync(join(out, 'digits.bare.wasm'), await buildDevice(image, { entry: 'bare' }));
  // All kernels in their fast forms, as firmware has them.
  writeFileSync(join(out, 'device.fast.wasm'), await buildParts(EVERYTHING, { optimize: 'speed' }));
  writeFileSync(
    join(out, 'device.accelerated.wasm'),
    await buildParts(EVERYTHING, { optimize: 'speed', accelerated: true }),
  );
  writeFileSync(stamp, current);
}

/** tsc leaves the output of sources that are gone. */
function removeStale() {
  for (const folder of ['assembly', 'bench', 'examples', 'host', 'samples', 'scripts', 'test']) {
    const out = join(root, 'dist', folder);
    if (!existsSync(out)) continue;
    for (const name of readdirSync(out, { recursive: true })) {
      const source = join(root, folder, name.replace(/(\.d\.ts|\.js)$/, '.ts'));
      if (/\.(js|d\.ts)$/.test(name) && !existsSync(source)) rmSync(join(out, name));
    }
  }
}

/**
 * The declarations that index.d.ts leads to, with their comments: those that a user's compiler reads, and no others. Beside
 * each its map to the source, for editors that go to a definition: those of host are copied to dist/src, as the tarball has no other.
 */
function writeDeclarations() {
  const [from, to] = [join(root, 'dist/.types'), join(root, 'dist')];
  tsc('tsconfig.types.json', '--outDir', from);
  const reached = new Map();
  const visit = (path) => {
    if (reached.has(path)) return;
    const text = readFileSync(join(from, path), 'utf8');
    reached.set(path, text);
    for (const [, target] of text.matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g))
      visit(join(dirname(path), `${target}.d.ts`));
  };
  visit('host/index.d.ts');
  for (const folder of ['assembly', 'bench', 'examples', 'host', 'samples', 'scripts', 'test']) {
    if (!existsSync(join(to, folder))) continue;
    for (const name of readdirSync(join(to, folder), { recursive: true })) {
      if (!/\.d\.ts(\.map)?$/.test(name)) continue;
      if (!reached.has(join(folder, name.replace(/\.map$/, '')))) rmSync(join(to, folder, name));
    }
  }
  rmSync(join(to, 'src'), { recursive: true, force: true });
  for (const [path, text] of reached) {
    const file = join(to, path);
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
    const source = path.replace(/\.d\.ts$/, '.ts');
    const shipped = source.startsWith('assembly') ? join(root, source) : join(to, 'src', source);
    if (!existsSync(shipped)) {
      mkdirSync(dirname(shipped), { recursive: true });
      writeFileSync(shipped, readFileSync(join(root, source)));
    }
    const map = JSON.parse(readFileSync(join(from, `${path}.map`), 'utf8'));
    const sources = [relative(dirname(file), shipped).replaceAll('\\', '/')];
    writeFileSync(`${file}.map`, JSON.stringify({ ...map, sources }));
  }
}

function tsc(...args) {
  const program = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [program, '-p', ...args], { stdio: 'inherit', cwd: root });
}

removeStale();
tsc('tsconfig.json');
writeDeclarations();
await buildModules();
