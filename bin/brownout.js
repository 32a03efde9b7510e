#!/usr/bin/env node
import { existsSync } from 'node:fs';

const cli = new URL('../dist/host/cli.js', import.meta.url);
if (existsSync(cli)) {
  const { main } = await import(cli.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  const failure = {
    code: 'E_NOT_BUILT',
    found: 'no dist/host',
    expected: 'a build',
    hint: 'Run `npm run build`.',
  };
  if (process.argv.includes('--json')) console.log(JSON.stringify({ error: failure }));
  else
    console.error(`${failure.code}: found ${failure.found}; expected ${failure.expected}. ${failure.hint}`);
  process.exitCode = 4;
}
