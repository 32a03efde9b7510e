// House rules that a reader would otherwise have to check by eye.
import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../host/commands.js';
import { filesUnder, importsOf, linesOf, read, root } from './util/tree.js';

const LONGEST_LINE = 130;
const LONGEST_FUNCTION = 80;
const LONGEST_FILE = 500;
/** Longer files, which are to be split; a file that no longer is may not stand here. */
const LONG_FILES: string[] = [];
/** engine.ts and cursor.ts together: the core can be read in one sitting. */
const CORE_LINES = 300;

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

test('a test that is skipped says how to run it', () => {
  for (const path of filesUnder('test', '.ts')) {
    for (const [, said] of read(path).matchAll(/[`'"]skipped: ([^\n]*)/g)) {
      assert.match(said!, /To enable: |set BROWNOUT_DATA to /, path);
    }
  }
});

test(`no line in host/, assembly/ and firmware/ has more than ${LONGEST_LINE} characters`, () => {
  const long = [...host, ...device, ...filesUnder('firmware')].flatMap((path) => {
    return linesOf(path).flatMap((line, i) => (line.length > LONGEST_LINE ? [`${path}:${i + 1}`] : []));
  });
  assert.equal(long, []);
});

test(`no file of code has more than ${LONGEST_FILE} lines`, () => {
  const folders = [
    'host',
    'assembly',
    'firmware',
    'samples',
    'scripts',
    'bench',
    'test',
    'examples',
    'findings',
  ];
  const files = folders.flatMap((folder) => filesUnder(folder));
  const long = files.filter(
    (path) => /\.(ts|js|c|h|S|ld|ino|sh|py)$/.test(path) && linesOf(path).length > LONGEST_FILE,
  );
  assert.equal(long, LONG_FILES);
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

const commands = Object.keys(COMMANDS);

test('host/commands.ts names the commands of all folders', () => {
  // host/options/command.ts says what a command is.
  const folders = filesUnder('host', '.ts').flatMap(
    (path) => /^host\/([\w-]+)\/command\.ts$/.exec(path)?.[1] ?? [],
  );
  assert.equal([...commands].sort(), folders.filter((name) => name !== 'options').sort());
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
  'host/ops/circulant/ntt-bounds.ts Math.log2': 'of a block size, which is a power of two: exact',
  'host/ops/circulant/field.ts Math.log2': 'of a block size, which is a power of two: exact',
  'host/ops/shared/cycles.ts Math.log2': 'of a block size, which is a power of two: exact',
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

/** Files that something outside the project, or its scripts by name, starts or takes. */
const ENTRIES = [
  // Programs of `npm run mutants`.
  ...['run', 'hook', 'plan-judge', 'checks-judge'].map((name) => `test/mutants/${name}.ts`),
  // `npm run hostile`.
  'test/hostile/run.ts',
  'test/sweeps/run.ts',
  // Kernels of one's own take these (docs/ACCEL.md).
  ...['assembly/accel/s16.ts', 'assembly/accel/fft_q15.ts'],
  'host/index.ts',
  'host/cli.ts',
  ...[
    'assembly/index.ts',
    'assembly/learn.ts',
    'assembly/checked.ts',
    'assembly/bare.ts',
    'assembly/room.ts',
    'assembly/wide.ts',
    'assembly/desk/index.ts',
  ],
];

const shared = [
  ...filesUnder('samples', '.ts'),
  ...filesUnder('bench', '.ts'),
  ...filesUnder('scripts', '.ts'),
];
const code = [...host, ...shared, ...filesUnder('examples', '.ts'), ...filesUnder('test', '.ts')];
const isTest = (path: string): boolean => path.startsWith(`test${sep}`);

test('only tests take from test/', () => {
  const taking = code.filter((path) => !isTest(path) && importsOf(path).some(({ target }) => isTest(target)));
  assert.equal(taking, [], 'what they share lies in samples/');
});

test('only the desk takes from samples/, bench/ and scripts/', () => {
  const taking = host.filter((path) =>
    importsOf(path).some(({ target }) => !/^(host|assembly)/.test(target)),
  );
  assert.equal(taking, []);
});

/** Programs: files that documents, npm scripts or the build run. */
function isProgram(path: string): boolean {
  const name = path.replace(/\.ts$/, '.js');
  return programText.includes(`dist/${name}`);
}
const programText = [
  'package.json',
  ...documents,
  ...filesUnder('checkpoints', '.md'),
  ...shared,
  ...filesUnder('scripts', '.js'),
]
  .map(read)
  .join('\n');

test('no file is dead', () => {
  const device = filesUnder('assembly', '.ts');
  const live = new Set<string>();
  const visit = (path: string): void => {
    // Device code that tests carry as text imports what is not a file of theirs.
    if (live.has(path) || !existsSync(join(root, path))) return;
    live.add(path);
    for (const { target } of importsOf(path)) visit(target);
  };
  for (const path of [...ENTRIES, ...filesUnder('examples', '.ts'), ...shared.filter(isProgram)]) visit(path);
  // What is in the product is not alive because a test runs it.
  const dead = [...host, ...device].filter((path) => !live.has(path));
  for (const path of tests) visit(path);
  dead.push(...code.filter((path) => !host.includes(path) && !live.has(path)));
  assert.equal(dead, []);
});

/** Seams: what only tests need of a file, and why it lies there. */
const SEAMS: Record<string, string> = {
  'host/toolchain/parts.ts EVERYTHING': 'what scripts/build.js puts into the builds that are of no image',
  'host/model/image.ts resealImage': 'edits a plan so that all checksums fit: what checksums cannot catch',
};

test('what a file exports is used by another', () => {
  const takenBy = new Map<string, string[]>();
  // The command line: bin/ imports it at run time.
  takenBy.set('host/cli.ts main', ['bin/brownout.js']);
  for (const path of code) {
    for (const { target, name } of importsOf(path)) {
      const key = `${target} ${name}`;
      takenBy.set(key, [...(takenBy.get(key) ?? []), path]);
    }
  }
  const found = [...host, ...shared, ...filesUnder('test/util', '.ts')].flatMap((path) => {
    const text = read(path);
    const exported = text.matchAll(
      /^export (?:async )?(?:abstract )?(function\*?|class|const|enum|interface|type) (\w+)/gm,
    );
    return [...exported]
      .filter(([, kind, name]) => {
        const users = [`${path} ${name}`, `${path} *`].flatMap((key) => takenBy.get(key) ?? []);
        const uses = text.match(new RegExp(`\\b${name}\\b`, 'g'))!.length > 1;
        // A type may be exported because an exported signature needs it.
        if (kind === 'interface' || kind === 'type') return users.length === 0 && !uses;
        // A test may look into a file, at what that file itself uses; it keeps nothing alive.
        const alive = path.startsWith(`host${sep}`) && !uses ? users.filter((user) => !isTest(user)) : users;
        return alive.length === 0;
      })
      .map(([, , name]) => `${path} ${name}`);
  });
  assert.equal(
    found.filter((name) => !(name in SEAMS)),
    [],
  );
  assert.equal(
    Object.keys(SEAMS).filter((name) => !found.includes(name)),
    [],
    'excused but used',
  );
});

test.run();
