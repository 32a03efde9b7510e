// `npm test [name…]`: builds, then runs every test file (or those whose name contains one of the names) in a process of
// its own, two at a time. The last line printed is the sum: `N passed, N failed[, N skipped]`.
// It installs nothing: `scripts/install-tools.sh` does, and what is skipped for want of a program is said.
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Seconds of processor time that each file took last time: the longest start first. */
const durationsPath = join(root, 'dist/.test-durations.json');
const PARALLEL = 2;
/** What a process of a test file may use, in processor time: the same on a busy machine as on a quiet one. */
const PROCESSOR_SECONDS = 300;
/** Only against a file that waits for ever, and so uses no processor time. */
const HANG_MS = 60 * 60_000;
/** Runs a test file under that limit; then a line of the times of this shell, one of those of all it ran. */
const LIMITED = 'ulimit -S -t "$0"; "$@"; code=$?; times >&3; exit $code';
/** How a shell reports that SIGXCPU stopped a process. */
const OUT_OF_TIME = 128 + 24;

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

/** Processor time of all that a shell ran, in seconds, from what `times` printed: `1m2.5s 0m0.1s`, user and system. */
function processorSeconds(times) {
  const [, children = ''] = times.split('\n');
  const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}

/** What stops each file that runs. */
const running = new Set();
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
]) {
  process.on(signal, () => {
    for (const stop of running) stop();
    process.exit(128 + number);
  });
}

/** Runs one compiled test file; resolves with its counts, and the lines in which it says why it skipped. */
function runFile(name) {
  const path = join(root, 'dist/test', `${name}.test.js`);
  const { FORCE_COLOR: _, ...environment } = process.env;
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', LIMITED, `${PROCESSOR_SECONDS}`, process.execPath, path], {
      cwd: root,
      env: { ...environment, NO_COLOR: '1', BROWNOUT_BUILDS: join(root, 'dist/.builds') },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const [chunks, times] = [[], []];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.stdio[3].on('data', (chunk) => times.push(chunk));
    child.on('error', (error) => chunks.push(Buffer.from(`${error.stack}\n`)));
    // What it started is in a process group with it, and ends with it, or when we are stopped.
    const killAll = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // All of them have ended.
      }
    };
    const hung = setTimeout(killAll, HANG_MS);
    running.add(killAll);
    child.on('exit', killAll);
    child.on('close', (exitCode, signal) => {
      clearTimeout(hung);
      running.delete(killAll);
      const output = Buffer.concat(chunks).toString('utf8');
      const seconds = processorSeconds(Buffer.concat(times).toString('utf8'));
      const counts = count(output, exitCode);
      const failed = counts.failed > 0;
      const stopped =
        exitCode === OUT_OF_TIME
          ? ` (stopped; ${PROCESSOR_SECONDS} s of processor time is the limit)`
          : signal
            ? ` (stopped by ${signal})`
            : '';
      const detail = failed ? `${counts.failed} FAILED${stopped}` : 'ok';
      console.log(
        `${name.padEnd(17)} ${seconds.toFixed(1).padStart(6)} s  ${counts.passed} passed  ${detail}`,
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
  await runAll(names);
}
