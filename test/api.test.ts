// The API as a TypeScript programmer meets it: every type it speaks of can be named, and the oldest compiler reads it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../../', import.meta.url));
const host = join(root, 'dist/host');

interface Declarations {
  /** Name here → name and file there. */
  imports: Map<string, { name: string; path: string }>;
  /** Text by name. */
  own: Map<string, string>;
  exported: Set<string>;
}

const names = (list: string): string[] =>
  list
    .split(',')
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== '');

const read = new Map<string, Declarations>();
function declarations(path: string): Declarations {
  const known = read.get(path);
  if (known) return known;
  const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const imports: Declarations['imports'] = new Map();
  for (const [, list, from] of text.matchAll(/import (?:type )?\{([^}]*)\} from '(\.[^']+)\.js'/g)) {
    for (const one of names(list!)) {
      const [name, local = name] = one.split(' as ') as [string, string?];
      imports.set(local, { name, path: `${resolve(dirname(path), from!)}.d.ts` });
    }
  }
  const heads = [
    ...text.matchAll(
      /^(export )?(?:declare )?(?:abstract )?(?:interface|type|function|const|class|enum) (\w+)/gm,
    ),
  ];
  const own = new Map<string, string>();
  const exported = new Set<string>();
  heads.forEach(([, isExported, name], i) => {
    own.set(name!, (own.get(name!) ?? '') + text.slice(heads[i]!.index, heads[i + 1]?.index));
    if (isExported) exported.add(name!);
  });
  const found = { imports, own, exported };
  read.set(path, found);
  return found;
}

test('every type that a call takes or returns is exported', () => {
  const index = readFileSync(join(host, 'index.d.ts'), 'utf8');
  const public_ = new Set<string>();
  const todo: { name: string; path: string; from: string }[] = [];
  for (const [, list, from] of index.matchAll(/export (?:type )?\{([^}]*)\} from '(\.[^']+)\.js'/g)) {
    for (const name of names(list!)) {
      public_.add(name);
      todo.push({ name, path: `${resolve(host, from!)}.d.ts`, from: 'index' });
    }
  }
  assert.ok(public_.size > 100);
  const seen = new Set<string>();
  const missing = new Set<string>();
  for (let next = todo.pop(); next; next = todo.pop()) {
    const { name, path, from } = next;
    if (seen.has(`${path} ${name}`)) continue;
    seen.add(`${path} ${name}`);
    const { imports, own, exported } = declarations(path);
    // What a file keeps to itself is part of the types that it is made for.
    if (exported.has(name) && /^[A-Z]/.test(name) && !public_.has(name)) missing.add(`${name} (of ${from})`);
    for (const [, word] of (own.get(name) ?? '').matchAll(/\b([A-Z]\w*[a-z]\w*)\b/g)) {
      if (word === name) continue;
      const target = imports.get(word!) ?? (own.has(word!) ? { name: word!, path } : undefined);
      if (target) todo.push({ ...target, from: name });
    }
  }
  assert.equal([...missing], []);
});

test('the declarations in dist/ are those that index.d.ts leads to, comments and all', () => {
  const text = readFileSync(join(host, 'verify/verify.d.ts'), 'utf8');
  assert.match(text, 'Proves on the module itself');
  assert.not.match(readFileSync(join(host, 'verify/verify.js'), 'utf8'), 'Proves on the module itself');
  assert.not.ok(existsSync(join(host, 'cli.d.ts')));
});

// That its words are today's is what `npm run docs:api -- --check` finds.
test('every export has a docstring, and stands in docs/API.md', () => {
  const index = readFileSync(join(host, 'index.d.ts'), 'utf8');
  const reference = readFileSync(join(root, 'docs/API.md'), 'utf8');
  const headings = new Set(
    [...reference.matchAll(/^### (?:abstract )?(\w+)(?:\(\))?$/gim)].map(([, name]) => name!),
  );
  const all = new Set<string>();
  const faults: string[] = [];
  for (const [, list, from] of index.matchAll(/export (?:type )?\{([^}]*)\} from '(\.[^']+)\.js'/g)) {
    const declared = readFileSync(`${resolve(host, from!)}.d.ts`, 'utf8');
    for (const name of names(list!)) {
      all.add(name);
      const kind = '(?:declare )?(?:abstract )?(?:interface|type|function|const|class|enum)';
      const [, doc] =
        new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*export ${kind} ${name}\\b`).exec(declared) ?? [];
      if (doc === undefined) faults.push(`${name}: no docstring in ${from}`);
      else if (!headings.has(name)) faults.push(`${name}: not in docs/API.md`);
    }
  }
  for (const name of headings) if (!all.has(name)) faults.push(`${name}: in docs/API.md, and no export`);
  assert.equal(faults, [], '`npm run docs:api` makes docs/API.md anew');
});

/** The oldest that reads our declarations (generic typed arrays): docs/CODE.md says so. It makes docs/API.md, too. */
const OLDEST = '5.7.2';
const installed = join(root, 'scripts/api-reference/node_modules/typescript');
const compiler = existsSync(installed) ? installed : undefined;
if (compiler === undefined) console.log('skipped: the oldest TypeScript. To enable: npm ci');

(compiler === undefined ? test.skip : test)(
  `TypeScript ${OLDEST} reads the declarations, and finds a wrong call`,
  () => {
    assert.match(readFileSync(join(compiler!, 'package.json'), 'utf8'), `"${OLDEST}"`);
    assert.match(readFileSync(join(root, 'docs/CODE.md'), 'utf8'), `TypeScript ${OLDEST}`);
    const folder = mkdtempSync(join(root, 'dist', 'api-'));
    const compile = (code: string): { status: number | null; stdout: string } => {
      writeFileSync(join(folder, 'use.ts'), code);
      const flags = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node'];
      const program = join(compiler!, 'bin/tsc');
      return spawnSync(process.execPath, [program, ...flags, join(folder, 'use.ts')], {
        cwd: root,
        encoding: 'utf8',
      });
    };
    try {
      const right = [
        "import { readImage, replayAsync, run, type ReplayResult } from 'brownout';",
        'const image = readImage(new Uint8Array(1));',
        'export const result: Promise<ReplayResult> = replayAsync(image, { seed: 1 });',
        'export const outputs: number[][] = run(image).outputs;',
      ];
      const { status, stdout } = compile(right.join('\n'));
      assert.is(status, 0, stdout);
      const wrong = compile(right.join('\n').replace('seed: 1', "seed: 'one'"));
      assert.match(wrong.stdout, /TS2322/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.run();
