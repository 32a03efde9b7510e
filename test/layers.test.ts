// The layers that docs/DESIGN.md draws: what lies in one may import from those below it, and nothing imports in a circle.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Rows of the table in docs/DESIGN.md, "Layers", the lowest first: `| name, name | what |`. */
function layers(): string[] {
  const text = readFileSync(join(root, 'docs/DESIGN.md'), 'utf8');
  const section = /^## Layers$([\s\S]*?)(?=^## )/m.exec(text)?.[1] ?? '';
  const rows = [...section.matchAll(/^\| ([`\w ,-]+?) +\|/gm)].flatMap(([, cell]) => [
    ...cell!.matchAll(/`([\w-]+)`/g),
  ]);
  return rows.map(([, name]) => name!).reverse();
}

const order = layers();

const files = readdirSync(join(root, 'host'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => join('host', path));

/** The layer of a file: its folder in host/, or its own name where it lies in host/ itself. */
function layerOf(path: string): string {
  const [top, second] = path.split('/');
  return top === 'host' ? second!.replace(/\.ts$/, '') : top!;
}

/** Files that `path` imports, types included, also those that are imported when they are needed. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/(?:from |import\()\s*'(\.[^']+)'/g)].map(([, target]) => {
    return join(dirname(path), target!).replace(/\.js$/, '.ts');
  });
}

const graph = new Map(files.map((path) => [path, importsOf(path)]));

test('every folder of host/ is in the table of layers, and nothing else is', () => {
  const found = [...new Set(files.map(layerOf))].sort();
  assert.equal(
    order.filter((name) => name !== 'assembly').sort(),
    found,
    'docs/DESIGN.md, "Layers": a row of the table names each folder',
  );
});

test('no arrow goes up', () => {
  const rank = new Map(order.map((name, index) => [name, index]));
  const up = [...graph].flatMap(([path, targets]) =>
    targets
      .filter((target) => rank.get(layerOf(target))! > rank.get(layerOf(path))!)
      .map((target) => `${path} → ${target}`),
  );
  assert.equal(up, []);
});

test('no import circle among files', () => {
  const state = new Map<string, 'open' | 'done'>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    state.set(path, 'open');
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of graph.keys()) visit(path, []);
  assert.equal(circles, []);
});

test.run();
