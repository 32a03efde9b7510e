// The layers that docs/DESIGN.md draws: what lies in one may import from those below it, and nothing imports in a circle.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesUnder, importsOf, read } from './util/tree.js';

/** Rows of the table in docs/DESIGN.md, "Layers", the lowest first: `| name, name | what |`. */
function layers(): string[] {
  const text = read('docs/DESIGN.md');
  const section = /^## Layers$([\s\S]*?)(?=^## )/m.exec(text)?.[1] ?? '';
  const rows = [...section.matchAll(/^\| ([`\w ,-]+?) +\|/gm)].flatMap(([, cell]) => [
    ...cell!.matchAll(/`([\w-]+)`/g),
  ]);
  return rows.map(([, name]) => name!).reverse();
}

const order = layers();

const files = filesUnder('host', '.ts');

/** The layer of a file: its folder in host/, or its own name where it lies in host/ itself. */
function layerOf(path: string): string {
  const [top, second] = path.split('/');
  return top === 'host' ? second!.replace(/\.ts$/, '') : top!;
}

const graph = new Map(files.map((path) => [path, importsOf(path).map(({ target }) => target)]));

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
