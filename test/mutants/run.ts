// `npm run mutants [-- TEXT] [-- --shard 1/2] [-- --again] [-- --write]`: applies small changes to engine, kernels, learning, planner and C
// files, one at a time; each must be refuted by the proof, an oracle or a test. `--again` asks
// once more who notices what nobody did, `--write` puts the table into docs/MUTANTS.md.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Judges } from './judge.js';
import { MUTANTS } from './index.js';
import type { Change } from './mutant.js';

const arguments_ = process.argv.slice(2);
const shard = arguments_.indexOf('--shard');
const [part, parts] =
  shard < 0 ? [1, 1] : (arguments_[shard + 1]!.split('/').map(Number) as [number, number]);
const texts = arguments_.filter((text, i) => !text.startsWith('--') && (shard < 0 || i !== shard + 1));
const folder = new URL('../mutants/', import.meta.url);

interface Result {
  file: string;
  name: string;
  refutedBy: string | null;
  argued: string | null;
}

const keyOf = ({ file, name }: { file: string; name: string }): string => `${file} ${name}`;

const document = new URL('../../../docs/MUTANTS.md', import.meta.url);

/** What docs/MUTANTS.md says: who refutes each change that was run. */
function written(): Result[] {
  let file = '';
  return readFileSync(document, 'utf8')
    .split('\n')
    .flatMap((line) => {
      file = /^## (.*)$/.exec(line)?.[1] ?? file;
      const [, name, by] = /^\| (.*?) +\| (.*?) +\|$/.exec(line) ?? [];
      if (name === undefined || by === undefined || /^(nobody|not run|refuted by|-+$)/.test(by)) return [];
      return [{ file, name, refutedBy: by === 'NOBODY' ? null : by, argued: null }];
    });
}

/** Results of all runs so far, those in the document first: a campaign goes on where it was. */
function results(): Map<string, Result> {
  mkdirSync(folder, { recursive: true });
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(new URL(name, folder), 'utf8').split('\n').filter(Boolean));
  const all = [...written(), ...lines.map((line) => JSON.parse(line) as Result)];
  return new Map(all.map((result) => [keyOf(result), result]));
}

/** Whether a module with the change is built, and asked. */
const isOfModule = ({ judge }: Change): boolean =>
  judge === 'proof' || judge === 'answers' || judge === 'learning';

async function run(changes: readonly Change[]): Promise<number> {
  const judges = new Judges();
  for (const learning of changes.some(isOfModule) ? [false, true] : []) {
    const wrong = await judges.device(undefined, learning);
    if (wrong) throw new Error(`the module without a change is refuted by ${wrong}`);
  }
  let survivors = 0;
  for (const change of changes) {
    const refutedBy = (await judges.of(change)) ?? null;
    const { file, name, argued = null } = change;
    if (!refutedBy && !argued) survivors++;
    const result: Result = { file, name, refutedBy, argued };
    writeFileSync(new URL(`part-${part}.jsonl`, folder), `${JSON.stringify(result)}\n`, { flag: 'a' });
    console.log(
      `${refutedBy ? 'refuted' : argued ? 'argued ' : 'SURVIVES'}  ${file}: ${name}  (${refutedBy ?? argued ?? 'nobody notices'})`,
    );
  }
  return survivors;
}

/** docs/MUTANTS.md from the results. */
function table(): string {
  const known = results();
  const rows = MUTANTS.map((change) => ({ ...change, result: known.get(keyOf(change)) }));
  const refuted = rows.filter(({ result }) => result?.refutedBy).length;
  const files = [...new Set(rows.map(({ file }) => file))];
  const lines = files.flatMap((file) => [
    '',
    `## ${file}`,
    '',
    '| change | refuted by |',
    '| --- | --- |',
    ...rows
      .filter((row) => row.file === file)
      .map(({ name, argued, result }) => {
        const by = result?.refutedBy ?? (argued ? `nobody: ${argued}` : result ? 'NOBODY' : 'not run');
        return `| ${name} | ${by.replaceAll('|', '\\|')} |`;
      }),
  ]);
  return [
    '# Mutants',
    '',
    `${rows.length} small changes of the sources (\`test/mutants/\`), one at a time; ${refuted} are refuted; the others are argued, or open (NOBODY, not run). Made by`,
    '`npm run mutants -- --write`; a sample of them runs in `npm test -- mutants`.',
    ...lines,
    '',
  ].join('\n');
}

if (arguments_.includes('--write')) {
  writeFileSync(document, table());
} else {
  const known = results();
  const wanted = MUTANTS.filter(
    (change) => texts.length === 0 || texts.some((text) => keyOf(change).includes(text)),
  );
  const again = arguments_.includes('--again');
  const isDue = (change: Change): boolean => {
    const result = known.get(keyOf(change));
    return texts.length > 0 || !result || (again && !result.refutedBy);
  };
  const left = wanted.filter(isDue).filter((_, i) => i % parts === part - 1);
  process.exitCode = (await run(left)) > 0 ? 1 : 0;
}
