// What starting costs: processor time of commands against node itself, and against importing every command first, as
// versions before lazy imports did. Least of five runs each; measured. `npm run build && node dist/bench/start.js`.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'brownout-start-'));
const [preload, out, all] = ['cpu.cjs', 'cpu', 'all.mjs'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const root = fileURLToPath(new URL('../../', import.meta.url));
const from = (name: string): string => JSON.stringify(new URL(`../host/${name}`, import.meta.url).href);
writeFileSync(
  preload,
  `process.on('exit', () => { const { user, system } = process.cpuUsage();
    require('node:fs').writeFileSync(${JSON.stringify(out)}, String((user + system) / 1000)); });`,
);
writeFileSync(
  all,
  `const { COMMANDS } = await import(${from('commands.js')});
  await Promise.all(Object.values(COMMANDS).map(({ load }) => load()));
  const { main } = await import(${from('cli.js')});
  process.exitCode = await main(process.argv.slice(2));`,
);

function processorMs(...args: string[]): number {
  const times = Array.from({ length: 5 }, () => {
    execFileSync(process.execPath, ['--require', preload, ...args], { stdio: 'ignore' });
    return Number(readFileSync(out, 'utf8'));
  });
  return Math.min(...times);
}

try {
  const bin = join(root, 'bin/brownout.js');
  const run = ['run', join(root, 'checkpoints/digits.brn')];
  const nothing = processorMs('-e', '0');
  const rows: [string, number][] = [
    ['node -e 0', nothing],
    ['brownout --help', processorMs(bin, '--help')],
    ['brownout run digits.brn', processorMs(bin, ...run)],
    ['the same, all commands imported first', processorMs(all, ...run)],
  ];
  for (const [what, ms] of rows)
    console.log(`${what.padEnd(40)} ${ms.toFixed(0).padStart(5)} ms  ${(ms / nothing).toFixed(2)} ×`);
} finally {
  rmSync(folder, { recursive: true });
}
