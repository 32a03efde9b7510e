// Readers are turned on damaged files: each file ends well or in an error by name, within 2 s of processor time, and the whole
// process stays within 512 MB. What comes of it goes to the parent process, where there is one (run.ts).
import * as assert from 'uvu/assert';
import { BrownoutError } from '../../host/error.js';
import { Random } from '../../host/math/random.js';

const MOST_MICROSECONDS = 2e6;
const MOST_KB = 512 << 10;
/** Characters that an error's sentence may have, the longest being a list of all ops: one that shows a file helps nobody. */
const MOST_CHARACTERS = 4000;
/** Ours: nothing that comes from outside may lead to one. */
const FAULTS = ['E_INTERNAL', 'E_MEMORY_RULE'];
/** Processor time between two messages to the parent. */
const REPORT_MICROSECONDS = 5e6;

const SEED = Number(process.env['BROWNOUT_SEED'] ?? 0);

/** Damage to make; BROWNOUT_SEED draws other damage. */
export const draws = (seed: number): Random => new Random(seed + SEED);

/** What has come of a kind of files so far; the processor time and memory are the process's. */
export interface Progress {
  what: string;
  done: number;
  count: number;
  refused: number;
  slowestMs: number;
  seconds: number;
  megabytes: number;
}

/** Tells the parent process, if it listens. */
export const report = (progress: Progress): void => void process.send?.(progress);

/** The code of an error by name; fails on any other error, and on one that does not help. */
export function nameOf(error: unknown, what: string): string {
  const named = error instanceof BrownoutError && !FAULTS.includes(error.code);
  if (!named) assert.unreachable(`${what}: ${(error as Error).stack}`);
  const { code, found, expected, hint } = error as BrownoutError;
  for (const said of [found, expected, hint])
    assert.ok(said.length > 0 && said.length < MOST_CHARACTERS, `${what}: ${said.length} characters`);
  return code;
}

/**
 * Calls `attempt` with 0, 1, … below `count`; returns how many ended with which code (`none`: without an error). With `builds`
 * what is taken may take longer: it is compiled.
 */
export async function turnOn(
  what: string,
  count: number,
  attempt: (index: number) => unknown,
  { builds = false } = {},
): Promise<Map<string, number>> {
  const codes = new Map<string, number>([['none', 0]]);
  const begin = process.cpuUsage();
  let [slowest, told] = [0, 0];
  const progress = (done: number): Progress => {
    const { user, system } = process.cpuUsage(begin);
    const refused = done - codes.get('none')!;
    const megabytes = process.resourceUsage().maxRSS / 1024;
    const times = { slowestMs: slowest / 1e3, seconds: (user + system) / 1e6 };
    return { what, done, count, refused, ...times, megabytes };
  };
  for (let i = 0; i < count; i++) {
    const start = process.cpuUsage();
    let code = 'none';
    try {
      const result = attempt(i);
      if (result instanceof Promise) await result;
    } catch (error) {
      code = nameOf(error, `${what}, ${i}`);
    }
    const { user, system } = process.cpuUsage(start);
    if (!builds || code !== 'none') slowest = Math.max(slowest, user + system);
    codes.set(code, (codes.get(code) ?? 0) + 1);
    const sinceTold = start.user - told;
    if (sinceTold > REPORT_MICROSECONDS) {
      told = start.user;
      report(progress(i + 1));
    }
  }
  report(progress(count));
  if (process.env['VERBOSE']) console.log(what, [...codes].join(' '), slowest);
  assert.ok(slowest < MOST_MICROSECONDS, `${slowest} µs for one of ${what}`);
  assert.ok(process.resourceUsage().maxRSS < MOST_KB, `${process.resourceUsage().maxRSS} KB`);
  return codes;
}
