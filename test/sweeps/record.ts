// What `npm run sweeps` has tried without a difference: record.json, by the modules it ran, so that it is not tried again on the
// same ones.
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** SHA-256 of modules, its first 16 digits, by their names. */
export type Digests = Record<string, string>;

/** One sweep that found no difference. */
export interface Done {
  /** Shapes, from seed 1 on. */
  shapes: number;
  modules: Digests;
}

/** By the names that `--list` prints. */
export type SweepRecord = Record<string, Done>;

export const digestOf = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** An empty record if there is no file. */
export function readRecord(path: string): SweepRecord {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SweepRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Whether a sweep was run with as many shapes on modules that are the same today; `today`: of every module it may have run. */
export function isDone(record: SweepRecord, name: string, shapes: number, today: Digests): boolean {
  const done = record[name];
  if (!done || done.shapes < shapes) return false;
  const modules = Object.entries(done.modules);
  return modules.length > 0 && modules.every(([module, digest]) => today[module] === digest);
}

/** Writes a sweep down. The file is read anew, as others may have written since, and is never there in part. */
export function noteDone(path: string, name: string, done: Done): void {
  const entries = Object.entries({ ...readRecord(path), [name]: done });
  const sorted = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(`${path}.new`, `${JSON.stringify(sorted, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
