// `npm test [name…]`: builds, then runs every test file (or those whose name contains one of the names) in a process of
// its own, two at a time. The last line printed is the sum: `N passed, N failed[, N skipped]`.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** How long each file took last time: the longest start first. */
const durationsPath = join(root, 'dist/.test-durations.json');
const PARALLEL = 2;
/** Only against tests that hang. */
const HANG_MS = 5 * 60_000;

function readDurations() {
  try {
    return JSON.parse(readFileSync(durationsPath, 'utf8'));
  } catch {
    return {};
  }
}

function finish(sum) {
  const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : '';
  process.exitCode = sum.failed > 0 ? 1 : 0;
  console.log(`${sum.passed} passed, ${sum.failed} failed${skipped}`);
}

/** uvu's totals; those of a file that printed none, or ran nothing, are one failure. */
function count(output, exitCode) {
  const figure = (name) => Number(new RegExp(`^  ${name}: +(\\d+)$`, 'm').exec(output)?.[1] ?? Number.NaN);
  const [total, passed, skipped] = [figure('Total'), figure('Passed'), figure('Skipped')];
  if (Number.isNaN(total + passed + skipped)) return { passed: 0, failed: 1, skipped: 0 };
  const ranNothing = total + skipped === 0;
  return { passed, failed: Math.max(total - passed, exitCode !== 0 || ranNothing ? 1 : 0), skipped };
}

/** Runs one compiled test file; resolves with its counts, and the lines in which it says why it skipped. */
function runFile(name) {
  const started = performance.now();
  const path = join(root, 'dist/test', `${name}.test.js`);
  const { FORCE_COLOR: _, ...environment } = process.env;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path], {
      cwd: root,
      env: { ...environment, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: HANG_MS,
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => chunks.push(Buffer.from(`${error.stack}\n`)));
    child.on('close', (exitCode, signal) => {
      const output = Buffer.concat(chunks).toString('utf8');
      const seconds = (performance.now() - started) / 1000;
      const counts = count(output, exitCode);
      const failed = counts.failed > 0;
      const detail = failed ? `${counts.failed} FAILED${signal ? ` (${signal})` : ''}` : 'ok';
      console.log(
        `${name.padEnd(14)} ${seconds.toFixed(1).padStart(6)} s  ${counts.passed} passed  ${detail}`,
      );
      if (failed) console.log(output);
      const reasons = output.split('\n').filter((line) => line.startsWith('skipped:'));
      resolve({ name, seconds, reasons, ...counts });
    });
  });
}

async function runAll(names) {
  const durations = readDurations();
  const queue = [...names].sort((a, b) => (durations[b] ?? Infinity) - (durations[a] ?? Infinity));
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const reasons = [];
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const result = await runFile(name);
      durations[name] = result.seconds;
      for (const key of Object.keys(sum)) sum[key] += result[key];
      reasons.push(...result.reasons);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  writeFileSync(durationsPath, JSON.stringify(durations));
  for (const reason of reasons) console.log(reason);
  finish(sum);
}

/** Debian packages that test files need, by a program of each. */
const PACKAGES = {
  gcc: 'gcc',
  make: 'make',
  'arm-none-eabi-gcc': 'gcc-arm-none-eabi',
  'qemu-system-arm': 'qemu-system-arm',
  wasm2c: 'wabt',
};
const NEED_PACKAGES = ['boards', 'emit-c', 'export', 'native'];

/** Installs what is missing where that needs no password; the tests say what they skip for want of the rest. */
function installPackages(names) {
  if (!names.some((name) => NEED_PACKAGES.includes(name))) return;
  const has = (program) =>
    (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
  const missing = Object.keys(PACKAGES).filter((program) => !has(program));
  if (missing.length === 0 || process.getuid?.() !== 0 || !has('apt-get')) return;
  const wanted = missing.map((program) => PACKAGES[program]);
  if (wanted.includes('gcc-arm-none-eabi')) wanted.push('libnewlib-arm-none-eabi');
  console.log(`installing ${wanted.join(', ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { stdio: 'ignore', timeout: HANG_MS, env: environment };
  const install = ['install', '-y', '--no-install-recommends', ...wanted];
  if (spawnSync('apt-get', install, options).status === 0) return;
  spawnSync('apt-get', ['update'], options);
  // One by one: a package that a release lacks must not keep out the others.
  if (spawnSync('apt-get', install, options).status !== 0) {
    for (const name of wanted) spawnSync('apt-get', [...install.slice(0, 3), name], options);
  }
}

function build() {
  try {
    execFileSync(process.execPath, [join(root, 'scripts/build.js')], { cwd: root, stdio: 'inherit' });
    return true;
  } catch {
    return false;
  }
}

const filters = process.argv.slice(2);
const names = readdirSync(join(root, 'test'))
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => basename(file, '.test.ts'))
  .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)));

if (!build()) {
  console.log('the build failed');
  finish({ passed: 0, failed: 1, skipped: 0 });
} else if (names.length === 0) {
  console.log(`no test/*.test.ts is called ${filters.join(' or ')}`);
  finish({ passed: 0, failed: 1, skipped: 0 });
} else {
  installPackages(names);
  await runAll(names);
}
