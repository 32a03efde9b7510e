// The files of checkpoints/: written, or compared with what is committed, with the sums of all in SHA256SUMS.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const folder = new URL('../../checkpoints/', import.meta.url);
const SUMS = 'SHA256SUMS';

/** Lines of SHA256SUMS, by file; those of other models stay. */
function sumsWith(files: Readonly<Record<string, Uint8Array>>): string {
  const url = new URL(SUMS, folder);
  const sums = new Map<string, string>();
  const lines = existsSync(url) ? readFileSync(url, 'utf8').trimEnd().split('\n') : [];
  for (const line of lines) {
    const [sum, name] = line.split('  ');
    if (sum && name) sums.set(name, sum);
  }
  for (const [name, bytes] of Object.entries(files))
    sums.set(name, createHash('sha256').update(bytes).digest('hex'));
  return [...sums].map(([name, sum]) => `${sum}  ${name}\n`).join('');
}

/** Writes files to checkpoints/, or with `check` says which differ from what is committed; true if none does. */
export function saveCheckpoints(
  files: Readonly<Record<string, Uint8Array>>,
  { check, log }: { check: boolean; log: (text: string) => void },
): boolean {
  const all = { ...files, [SUMS]: new TextEncoder().encode(sumsWith(files)) };
  mkdirSync(folder, { recursive: true });
  let same = true;
  for (const [name, bytes] of Object.entries(all)) {
    const url = new URL(name, folder);
    if (!check) writeFileSync(url, bytes);
    else if (Buffer.compare(readFileSync(url), bytes) !== 0) {
      log(`${name} differs from what is committed`);
      same = false;
    }
  }
  log(check ? 'checked' : `wrote ${Object.keys(all).join(', ')} to checkpoints/`);
  return same;
}
