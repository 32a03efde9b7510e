// `npm run hostile [-- COUNT] [--only NAME] [--part K/N] [--record FILE]` (BROWNOUT_SEED=N draws other damage): turns all
// readers, commands and the C firmware (under the sanitizers of addresses and undefined behaviour) on COUNT damaged files
// together, a million by default, one test file after the other. `--part` does one of N parts, each with damage of its own;
// FILE keeps what was done, so that a run goes on where another ended. Prints how far it is, then a table: how many were
// refused by name, processor time, the slowest file, memory.
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Progress } from './meter.js';

/** Test files, and the share of COUNT that each gets as BROWNOUT_FUZZ: a file that takes long is tried less often. */
const SHARES: Readonly<Record<string, number>> = {
  'hostile-readers': 0.36,
  'hostile-inputs': 0.36,
  'fuzz-import': 0.08,
  bounds: 0.04,
  'hostile-files': 0.01,
  'hostile-commands': 0.005,
};
const LINE_MS = 10_000;
/** Between the seeds of two parts: more than there are seeds in the test files. */
const SEEDS = 1000;

/** What came of one test file in one part. */
interface Done {
  /** Of what was run: parts of other code are not added up. */
  code: string;
  file: string;
  part: string;
  count: number;
  seed: number;
  passed: boolean;
  kinds: Progress[];
}

const words = process.argv.slice(2);
const option = (name: string): string | undefined => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
};
const only = option('--only');
const record = option('--record');
const part = option('--part') ?? '1/1';
const count = Number(words.find((word) => /^\d+$/.test(word)) ?? 1_000_000);
const seed = Number(process.env['BROWNOUT_SEED'] ?? 0);
const [which, parts] = part.split('/').map(Number) as [number, number];
if (!(which >= 1 && which <= parts)) throw new Error(`--part ${part}: expected K/N, K from 1 to N`);

const whole = (value: number): string => Math.round(value).toLocaleString('en');

/** A digest of all that runs here. */
function codeHere(): string {
  const hash = createHash('sha256');
  const built = fileURLToPath(new URL('../..', import.meta.url));
  for (const folder of ['assembly', 'host', 'samples', 'test', 'wasm'])
    for (const name of readdirSync(join(built, folder), { recursive: true, encoding: 'utf8' }).sort())
      if (/\.(js|wasm)$/.test(name)) hash.update(name).update(readFileSync(join(built, folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/** Runs one test file; resolves with what came of its kinds of files, and whether it passed. */
function play(file: string, damage: number, line: (text: string) => void): Promise<[Progress[], boolean]> {
  const latest = new Map<string, Progress>();
  let told = 0;
  const path = fileURLToPath(new URL(`../${file}.test.js`, import.meta.url));
  const env = {
    ...process.env,
    BROWNOUT_FUZZ: `${damage}`,
    BROWNOUT_SEED: `${seed + (which - 1) * SEEDS}`,
  };
  return new Promise((resolve) => {
    const child = fork(path, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    const said: Buffer[] = [];
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => said.push(chunk));
    child.on('message', (progress: Progress) => {
      latest.set(progress.what, progress);
      if (progress.done < progress.count && Date.now() - told < LINE_MS) return;
      told = Date.now();
      line(`${file}: ${progress.what}: ${whole(progress.done)} of ${whole(progress.count)}`);
    });
    child.on('close', (code) => {
      if (code !== 0) console.error(Buffer.concat(said).toString('utf8'));
      resolve([[...latest.values()], code === 0]);
    });
  });
}

/** The table of `all`, kinds of files added up over parts. */
function table(all: readonly Done[]): void {
  const sums = new Map<string, Progress>();
  for (const one of all.flatMap(({ kinds }) => kinds)) {
    const sum = sums.get(one.what);
    if (sum === undefined) sums.set(one.what, { ...one });
    else {
      for (const key of ['done', 'refused', 'seconds'] as const) sum[key] += one[key];
      for (const key of ['slowestMs', 'megabytes'] as const) sum[key] = Math.max(sum[key], one[key]);
    }
  }
  console.log('| files | tried | refused | processor time, s | slowest, ms | process, MB |');
  console.log('| --- | --: | --: | --: | --: | --: |');
  for (const one of sums.values()) {
    const cells = [one.what, whole(one.done), whole(one.refused), one.seconds.toFixed(1)];
    console.log(`| ${[...cells, whole(one.slowestMs), whole(one.megabytes)].join(' | ')} |`);
  }
  const total = (key: 'done' | 'refused' | 'seconds'): string =>
    whole([...sums.values()].reduce((sum, one) => sum + one[key], 0));
  console.log(
    `${total('done')} tried, ${total('refused')} refused by name, ${total('seconds')} s of processor time`,
  );
}

const code = codeHere();
const all: Done[] = [];
if (record !== undefined && existsSync(record))
  for (const line of readFileSync(record, 'utf8').split('\n').filter(Boolean)) {
    const done = JSON.parse(line) as Done;
    if (done.code !== code)
      throw new Error(`${record} is of other code: expected ${code}, found ${done.code}; take another file`);
    all.push(done);
  }
const start = Date.now();
for (const [file, share] of Object.entries(SHARES)) {
  if (only !== undefined && !file.includes(only)) continue;
  const damage = Math.ceil((share * count) / parts);
  const same = (done: Done): boolean =>
    done.file === file && done.part === part && done.count === damage && done.seed === seed && done.passed;
  if (all.some(same)) continue;
  const [kinds, passed] = await play(file, damage, (text) => {
    console.error(`${whole((Date.now() - start) / 1e3)} s  ${text}`);
  });
  const done = { code, file, part, count: damage, seed, passed, kinds };
  all.push(done);
  if (record !== undefined) appendFileSync(record, `${JSON.stringify(done)}\n`);
}
table(all);
const failed = all.filter(({ passed }) => !passed).map(({ file, part: of }) => `${file} ${of}`);
if (failed.length > 0) console.log(`FAILED: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
