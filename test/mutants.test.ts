// A sample of the campaign of small changes (`npm run mutants`), and its table.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MUTANTS } from './mutants/index.js';
import { changed, Judges } from './mutants/judge.js';

/** Changes that nobody has refuted, or argued to be none. To be lowered, never raised. */
const OPEN = 0;

/** Of the changes that are judged in this process, one in so many. */
const EVERY = 24;

const table = readFileSync(new URL('../../docs/MUTANTS.md', import.meta.url), 'utf8');
const open = new Set(
  table
    .split('\n')
    .filter((line) => /\| (?:NOBODY|not run) +\|/.test(line))
    .map((line) => line.split('|')[1]!.trim()),
);

test('every change finds its place in the sources', () => {
  assert.ok(MUTANTS.length >= 200);
  for (const mutant of MUTANTS) assert.is.not(changed(mutant), '', mutant.name);
  const names = MUTANTS.map(({ file, name }) => `${file} ${name}`);
  assert.is(new Set(names).size, names.length);
});

test('a sample is refuted, and the modules without a change are not', async () => {
  const judges = new Judges();
  for (const learning of [false, true]) assert.is(await judges.device(undefined, learning), undefined);
  const sample = MUTANTS.filter(({ name, judge, argued, test: other }) => {
    if (open.has(name)) return false;
    return typeof judge === 'string' && judge !== 'plan' && judge !== 'lanes' && !argued && !other;
  }).filter((_, i) => i % EVERY === 5);
  assert.ok(sample.length >= 10);
  for (const mutant of sample) assert.ok(await judges.of(mutant), `${mutant.file}: ${mutant.name}`);
});

test('docs/MUTANTS.md has every change; those that nobody refutes yet are counted, and get no more', () => {
  for (const { name } of MUTANTS) assert.ok(table.includes(`| ${name} `), name);
  assert.ok(open.size <= OPEN, `${open.size} open`);
});

test.run();
