// The project's own files, for tests of house rules.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
const OUTSIDE = ['node_modules', 'dist', '.git'];

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');
export const linesOf = (path: string): string[] => read(path).trimEnd().split('\n');

/** Files under `folder`, by their paths from the root. */
export function filesUnder(folder: string, extension = ''): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !OUTSIDE.includes(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesUnder(path, extension) : path.endsWith(extension) ? [path] : [];
    })
    .sort();
}

/**
 * All that a file takes from others of ours, types included: a name, or `*`. Host code names compiled files (`.js`),
 * device code files without an ending.
 */
export function importsOf(path: string): { target: string; name: string }[] {
  const text = read(path);
  const fileOf = (from: string): string => `${join(dirname(path), from).replace(/\.js$/, '')}.ts`;
  const clause = /(?:import|export)\s+(?:type\s+)?(\*|\{[^}]*\})[^'"]*from\s+['"](\.[^'"]+)['"]/g;
  const taken = [...text.matchAll(clause)].flatMap(([, names, from]) => {
    const listed = names!.replace(/[{}]/g, '').split(',');
    const clean = listed.map(
      (name) =>
        name
          .trim()
          .replace(/^type /, '')
          .split(' as ')[0]!,
    );
    return clean.filter((name) => name !== '').map((name) => ({ target: fileOf(from!), name }));
  });
  const later = [...text.matchAll(/import\(\s*'(\.[^']+)'/g)];
  const bare = [...text.matchAll(/^import ['"](\.[^'"]+)['"]/gm)];
  // What a worker thread runs.
  const workers = [...text.matchAll(/new URL\('(\.[^']+\.js)', import\.meta\.url\)/g)];
  return [
    ...taken,
    ...[...later, ...bare, ...workers].map(([, from]) => ({ target: fileOf(from!), name: '*' })),
  ];
}
