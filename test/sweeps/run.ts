// `npm run sweeps [-- COUNT] [-- TEXT…]`: random shapes of every kernel in every build that has it, against the naive oracle: COUNT
// shapes a sweep, 20,000 by default, of the sweeps whose names contain one of the texts. `--list` names them and runs none.
// `--minutes N`: none begins later than that. One after the other, in one process: `npm test` stops a file after 300 s.
// Prints the commit, then a line for each sweep that found no difference, and writes it down in test/sweeps/record.json with the
// modules that ran; on the same modules it is left out the next time.
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const FILES = ['lanes', 'kernels'];
const { values, positionals } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    minutes: { type: 'string' },
  },
  allowPositionals: true,
});
const isList = values.list;
const count = positionals.find((word) => /^\d+$/.test(word)) ?? '20000';
const texts = positionals.filter((word) => word !== count);
const record = fileURLToPath(new URL('../../../test/sweeps/record.json', import.meta.url));

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
  BROWNOUT_SWEEPS_RECORD: record,
  ...(values.minutes ? { BROWNOUT_SWEEPS_UNTIL: `${Date.now() + Number(values.minutes) * 60_000}` } : {}),
};
if (!isList) console.log(`${count} shapes a sweep, on ${commit()}`);
/** Whether a text may be of a sweep of `file`: one that names another file is not. */
const mayName = (text: string, file: string): boolean =>
  text.startsWith(`${file}:`) || !FILES.some((other) => text.startsWith(`${other}:`));
let failed = 0;
for (const file of FILES.filter((one) => texts.length === 0 || texts.some((text) => mayName(text, one)))) {
  const path = fileURLToPath(new URL(`../${file}.test.js`, import.meta.url));
  const { status } = spawnSync(process.execPath, [path], { env, stdio: 'inherit' });
  if (status !== 0) failed++;
}
process.exitCode = failed > 0 ? 1 : 0;
