// `npm run sweeps [-- COUNT] [-- TEXT…]`: random shapes of every kernel in every build that has it, against the naive oracle: COUNT
// shapes a sweep, 20,000 by default, of the sweeps whose names contain one of the texts. `--list` names them and runs none.
// One after the other, in one process, as long as it takes: `npm test` stops a file after 300 s. Prints the commit, then a line
// for each sweep that found no difference; the first that found one ends its file.
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FILES = ['lanes', 'kernels'];
const words = process.argv.slice(2);
const isList = words.includes('--list');
const count = words.find((word) => /^\d+$/.test(word)) ?? '20000';
const texts = words.filter((word) => word !== '--list' && word !== count);

/** The commit, and whether the tree differs from it. */
function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'no commit';
  }
}

const { BROWNOUT_SWEEPS_LIST: _, ...rest } = process.env;
const env = {
  ...rest,
  BROWNOUT_SHAPES: count,
  BROWNOUT_SWEEPS: texts.join('\n'),
  ...(isList ? { BROWNOUT_SWEEPS_LIST: '1' } : {}),
};
if (!isList) console.log(`${count} shapes a sweep, on ${commit()}`);
let failed = 0;
for (const file of FILES) {
  const path = fileURLToPath(new URL(`../${file}.test.js`, import.meta.url));
  const { status } = spawnSync(process.execPath, [path], { env, stdio: 'inherit' });
  if (status !== 0) failed++;
}
process.exitCode = failed > 0 ? 1 : 0;
