// House rules that a reader would otherwise have to check by eye.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../../', import.meta.url));
const OUTSIDE = ['node_modules', 'dist', '.git'];
const LONGEST_LINE = 130;
const LONGEST_FUNCTION = 80;
/** engine.ts and cursor.ts together: the core can be read in one sitting. */
const CORE_LINES = 300;

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const linesOf = (path: string): string[] => read(path).trimEnd().split('\n');

/** Files under `folder`, by their paths from the root. */
function filesUnder(folder: string, extension = ''): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !OUTSIDE.includes(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesUnder(path, extension) : path.endsWith(extension) ? [path] : [];
    })
    .sort();
}

const host = filesUnder('host', '.ts');
const device = filesUnder('assembly', '.ts');
const tests = filesUnder('test', '.test.ts');

test('there is something to check', () => {
  assert.ok(
    host.length > 20 && device.length > 10 && tests.length > 5,
    `${root}: ${host.length} files in host/`,
  );
});

test('every test file runs its tests, all of them', () => {
  for (const path of tests) {
    assert.is(linesOf(path).at(-1), 'test.run();', path);
    assert.not.match(read(path), /\btest\.only\(/, path);
  }
});

test(`no line in host/ and assembly/ has more than ${LONGEST_LINE} characters`, () => {
  const long = [...host, ...device].flatMap((path) => {
    return linesOf(path).flatMap((line, i) => (line.length > LONGEST_LINE ? [`${path}:${i + 1}`] : []));
  });
  assert.equal(long, []);
});

/** Functions and methods as Prettier lays them out: from the line that names one to the brace below its indentation. */
function functionsOf(path: string): { name: string; line: number; lines: number }[] {
  const lines = linesOf(path);
  const opening =
    /^( *)(?:export |async |private |protected |public |static |override |get |set )*(?:function\*? )?(#?\w+)(?:<.*>)?\(/;
  const arrow = /^( *)(?:export )?const (\w+).*=.*(?:=> [{([]?|\()$/;
  return lines.flatMap((text, i) => {
    const [, indent, name] = opening.exec(text) ?? arrow.exec(text) ?? [];
    const control = ['if', 'for', 'while', 'switch', 'catch', 'return', 'super', 'throw'].includes(
      name ?? 'if',
    );
    if (control || /[;,]$/.test(text)) return [];
    const end = lines.findIndex((line, at) => at > i && new RegExp(`^${indent}[})][;,)]*$`).test(line));
    return end < 0 ? [] : [{ name: name!, line: i + 1, lines: end - i + 1 }];
  });
}

test(`no function in host/ and assembly/ has more than ${LONGEST_FUNCTION} lines`, () => {
  const all = [...host, ...device].flatMap((path) => functionsOf(path).map((found) => ({ path, ...found })));
  assert.ok(all.length > 200, `only ${all.length} functions found`);
  const long = all.filter(({ lines }) => lines > LONGEST_FUNCTION);
  assert.equal(
    long.map(({ path, line, name, lines }) => `${path}:${line} ${name}: ${lines} lines`),
    [],
  );
});

test(`engine and cursor have at most ${CORE_LINES} lines together`, () => {
  const lines = ['assembly/engine.ts', 'assembly/cursor.ts'].map((path) => linesOf(path).length);
  assert.ok(lines[0]! + lines[1]! <= CORE_LINES, `${lines.join(' + ')} lines`);
});

/** Names of the verbs, from the objects of type `Command`. */
const commands = filesUnder('host', '.ts').flatMap((path) => {
  return [...read(path).matchAll(/: Command = \{\s+name: '([\w-]+)'/g)].map((match) => match[1]!);
});

/** Code in a Markdown text: fenced blocks and spans. */
const codeIn = (markdown: string): string[] => [
  ...[...markdown.matchAll(/^```.*\n([\s\S]*?)^```/gm)].map((match) => match[1]!),
  ...[...markdown.replace(/^```.*\n[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!),
];
const documents = [
  ...filesUnder('docs', '.md'),
  ...['README.md', 'CHANGELOG.md'].filter((p) => existsSync(join(root, p))),
];

test('README.md names every command', () => {
  assert.ok(commands.length >= 2, `commands: ${commands}`);
  if (!documents.includes('README.md')) return;
  const code = codeIn(read('README.md')).join('\n');
  for (const name of commands) assert.match(code, new RegExp(`\\bbrownout ${name}\\b`), `brownout ${name}`);
});

test('every command and script that a document names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const path of documents) {
    const code = codeIn(read(path)).join('\n');
    for (const [, name] of code.matchAll(/\bnpm run ([\w:-]+)/g)) {
      assert.ok(name! in scripts, `${path} names \`npm run ${name}\``);
    }
    for (const [, name] of code.matchAll(/(?:^|[ $/]|npx )brownout ([a-z][\w-]*)/gm)) {
      assert.ok([...commands, 'help'].includes(name!), `${path} names \`brownout ${name}\``);
    }
  }
});

test('only .ci/run knows where the shared data lies', () => {
  const folder = ['shared', 'data'].join('/');
  const naming = filesUnder('')
    .filter((path) => /(\.(ts|js|json|md|ya?ml)|\/run)$/.test(path) && path !== 'package-lock.json')
    .filter((path) => read(path).includes(folder));
  assert.ok(
    naming.every((path) => path === join('.ci', 'run')),
    `${naming}`,
  );
});

/** What gives other bits on another machine, engine or day, and where it may be used all the same. */
const UNSTEADY =
  /\bMath\.(?:random|exp|expm1|log|log1p|log2|log10|pow|sin|cos|tan|tanh|hypot|cbrt)\b|\bDate\.now\b/g;
const ALLOWED: Record<string, string> = {
  'host/plan/ntt-bounds.ts Math.log2': 'of a block size, which is a power of two: exact',
  'host/plan/field.ts Math.log2': 'of a block size, which is a power of two: exact',
  'host/plan/cost.ts Math.log2': 'of a block size, which is a power of two: exact',
};

test('host/ computes the same everywhere', () => {
  const used = new Set<string>();
  for (const path of host) {
    for (const line of linesOf(path)) {
      if (/^\s*(\/\/|\/?\*)/.test(line)) continue;
      for (const [name] of line.matchAll(UNSTEADY)) used.add(`${path} ${name}`);
    }
  }
  assert.equal(
    [...used].filter((use) => !(use in ALLOWED)),
    [],
  );
  assert.equal(
    Object.keys(ALLOWED).filter((use) => !used.has(use)),
    [],
    'allowed but not used',
  );
});

/** `path name` for all that a file takes from others of ours. */
function importsOf(path: string): string[] {
  const clause = /(?:import|export)\s+(?:type\s+)?(\*|\{[^}]*\})[^'"]*from\s+'(\.[^']+)'/g;
  return [...read(path).matchAll(clause)].flatMap(([, names, from]) => {
    const target = join(dirname(path), from!).replace(/\.js$/, '.ts');
    return names!
      .replace(/[{}]/g, '')
      .split(',')
      .map(
        (name) =>
          `${target} ${
            name
              .trim()
              .replace(/^type /, '')
              .split(' as ')[0]
          }`,
      );
  });
}

test('what host/ exports is used in another file', () => {
  const all = [
    ...host,
    ...filesUnder('test', '.ts'),
    ...filesUnder('bench', '.ts'),
    ...filesUnder('scripts', '.ts'),
  ];
  const used = new Set(all.flatMap(importsOf));
  // The API: people import what this names. The command line: bin/ imports it at run time.
  used.add('host/cli.ts main');
  const dead = host.flatMap((path) => {
    const text = read(path);
    const exported = text.matchAll(
      /^export (?:async )?(?:abstract )?(function\*?|class|const|enum|interface|type) (\w+)/gm,
    );
    return [...exported]
      .filter(([, kind, name]) => {
        // A type may be exported because an exported signature needs it.
        const signature = kind === 'interface' || kind === 'type';
        const uses = text.match(new RegExp(`\\b${name}\\b`, 'g'))!.length;
        return !(used.has(`${path} ${name}`) || used.has(`${path} *`) || (signature && uses > 1));
      })
      .map(([, , name]) => `${relative('.', path)} ${name}`);
  });
  assert.equal(dead, []);
});

test.run();
