// `npm run hostile [-- COUNT] [-- --only NAME]` (BROWNOUT_SEED=N draws other damage): turns all readers, commands and the C firmware (under the sanitizers of addresses
// and undefined behaviour) on COUNT damaged files together, a million by default, one test file after the other. Prints
// how far it is, then a table: how many were refused by name, processor time, the slowest file, memory.
import { fork } from 'node:child_process';
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

const words = process.argv.slice(2);
const only = words.indexOf('--only');
const name = only < 0 ? undefined : words[only + 1];
const count = Number(words.find((word) => /^\d+$/.test(word)) ?? 1_000_000);

const whole = (value: number): string => Math.round(value).toLocaleString('en');

/** Runs one test file; resolves with what came of its kinds of files, and whether it passed. */
function play(file: string, share: number, line: (text: string) => void): Promise<[Progress[], boolean]> {
  const latest = new Map<string, Progress>();
  let told = 0;
  const path = fileURLToPath(new URL(`../${file}.test.js`, import.meta.url));
  const env = { ...process.env, BROWNOUT_FUZZ: `${Math.ceil(share * count)}` };
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

const start = Date.now();
const rows: string[] = [];
let [total, refused, seconds, failed] = [0, 0, 0, 0];
for (const [file, share] of Object.entries(SHARES)) {
  if (name !== undefined && !file.includes(name)) continue;
  const [kinds, passed] = await play(file, share, (text) => {
    console.error(`${whole((Date.now() - start) / 1e3)} s  ${text}`);
  });
  if (!passed) failed++;
  for (const one of kinds) {
    total += one.done;
    refused += one.refused;
    seconds += one.seconds;
    const cells = [one.what, whole(one.done), whole(one.refused), one.seconds.toFixed(1)];
    rows.push(`| ${[...cells, whole(one.slowestMs), whole(one.megabytes)].join(' | ')} |`);
  }
}
console.log('| files | tried | refused | processor time, s | slowest, ms | process, MB |');
console.log('| --- | --: | --: | --: | --: | --: |');
for (const row of rows) console.log(row);
console.log(
  `${whole(total)} tried, ${whole(refused)} refused by name, ${whole(seconds)} s of processor time`,
);
if (failed > 0) console.log(`${failed} test files FAILED`);
process.exitCode = failed > 0 ? 1 : 0;
