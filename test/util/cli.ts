// The command line, run as people run it, and in this process, which is much quicker.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { main } from '../../host/cli.js';

const bin = fileURLToPath(new URL('../../../bin/brownout.js', import.meta.url));

export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** The folder that commands run in; it is removed when the process ends. */
export const cliFolder = mkdtempSync(join(tmpdir(), 'brownout-cli-'));
process.on('exit', () => rmSync(cliFolder, { recursive: true }));

/** Runs bin/brownout.js in a process of its own. */
export function brownout(...args: string[]): Promise<Ended> {
  const { FORCE_COLOR: _, ...environment } = process.env;
  const options = { cwd: cliFolder, env: { ...environment, NO_COLOR: '1' } };
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], options, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}

/** Runs a command line in this process, in the same folder. */
export async function inProcess(...args: string[]): Promise<Ended> {
  const { log, error } = console;
  const folder = process.cwd();
  process.chdir(cliFolder);
  const ended = { code: 0, out: '', err: '' };
  console.log = (line: string) => {
    ended.out += `${line}\n`;
  };
  console.error = (line: string) => {
    ended.err += `${line}\n`;
  };
  try {
    ended.code = await main(args);
    return ended;
  } finally {
    Object.assign(console, { log, error });
    process.chdir(folder);
  }
}

const noTrace = (text: string): void => assert.not.match(text, /^\s+at .+:\d+/m);

/** The one failure that is all of `out`. */
export function failureIn(out: string): { code: string; found: string } {
  assert.is(out.trimEnd().split('\n').length, 1, out);
  const parsed = JSON.parse(out) as { error: Record<string, string> };
  assert.equal(Object.keys(parsed), ['error']);
  assert.equal(Object.keys(parsed.error), ['code', 'found', 'expected', 'hint']);
  for (const text of Object.values(parsed.error)) assert.ok(typeof text === 'string' && text.length > 0, out);
  noTrace(Object.values(parsed.error).join('\n'));
  return parsed.error as { code: string; found: string };
}

/** Commands that have failed in a process of their own. */
const failed = new Set<string>();

/** What a command line must fail with, for people and for scripts; the first of a command in a process of its own. */
export async function checkFailure(args: string[], code: string, exitCode = 2): Promise<void> {
  const what = args.join(' ');
  const run = failed.has(args[0]!) ? inProcess : brownout;
  failed.add(args[0]!);
  const json = await run(...args, '--json');
  const text = await inProcess(...args);
  assert.is(json.code, exitCode, `${what} --json`);
  assert.is(json.err, '', `${what} --json`);
  assert.is(failureIn(json.out).code, code, what);
  assert.is(text.code, exitCode, what);
  assert.is(text.out, '', what);
  assert.match(text.err, code);
  for (const word of ['found', 'expected']) assert.match(text.err, word);
  noTrace(text.err);
}

/** The object that a command which ended well printed under `--json`, alone. */
export function jsonOf({ code, out, err }: Ended): unknown {
  assert.equal([code, err], [0, ''], out);
  assert.is(out.trimEnd().split('\n').length, 1, out);
  return JSON.parse(out);
}
