// Builds of the device module that are kept in a folder, where BROWNOUT_BUILDS names one: many tests ask for the same.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, threadId } from 'node:worker_threads';

const root = fileURLToPath(new URL('../../../', import.meta.url));
let sources: string | undefined;

/** A hash of all that builds are made of, but for what they are asked for: sources, asc's configuration, the build's code. */
function sourcesHash(): string {
  const hash = createHash('sha256');
  const folder = join(root, 'assembly');
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.ts'));
  const own = fileURLToPath(new URL('build-device.js', import.meta.url));
  for (const file of [...names.sort().map((name) => join(folder, name)), join(root, 'asconfig.json'), own])
    hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest('hex');
}

/** The build that `asked` describes: the one that is kept, or what `make` makes. */
export async function keptBuild(
  asked: string,
  make: () => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const folder = process.env['BROWNOUT_BUILDS'];
  if (!folder) return make();
  sources ??= sourcesHash();
  const key = createHash('sha256').update(sources).update(asked).digest('hex');
  const path = join(folder, `${key}.wasm`);
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    const made = await make();
    mkdirSync(folder, { recursive: true });
    // Others read and write here at the same time.
    const part = `${path}.${process.pid}${isMainThread ? '' : `.${threadId}`}`;
    writeFileSync(part, made);
    renameSync(part, path);
    return made;
  }
}
