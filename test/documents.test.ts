// Every command block of the documents runs as printed, in order, in a folder of its own; every link leads somewhere.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../../', import.meta.url));
const docs = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const documents = ['README.md', 'CHANGELOG.md', ...docs];
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const has = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)));

/** Not commands of ours: what installs, and what the whole suite does already. */
const OTHERS = /^(npm|sudo|apt-get) /;

/** The lines of a block that are commands, comments and continuations taken away. */
function commandsIn(block: string): string[] {
  return block
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '' && !OTHERS.test(line));
}

/** Programs that a block says it needs, in its first line: `# needs NAME …`. */
const needsOf = (block: string): string[] => /^# needs ([\w .-]+)$/m.exec(block)?.[1]?.split(' ') ?? [];

/** Documents whose commands stand on their own; the others show patterns (`model.brn`). */
const RUN = ['README.md', 'docs/TUTORIAL.md', 'docs/REPLAY.md', 'docs/RESEARCH.md'];

for (const path of RUN) {
  test(`the commands of ${path} run as printed`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'brownout-documents-'));
    try {
      symlinkSync(join(root, 'checkpoints'), join(folder, 'checkpoints'));
      const blocks = [...read(path).matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block]) => block!);
      let ran = 0;
      for (const block of blocks) {
        const missing = needsOf(block).filter((program) => !has(program));
        if (missing.length > 0) {
          console.log(
            `skipped: a block of ${path} needs ${missing.join(', ')}. To enable: scripts/install-tools.sh`,
          );
          continue;
        }
        for (const command of commandsIn(block)) {
          assert.match(command, /^npx brownout /, `${path}: ${command}`);
          const line = command.replace(
            /^npx brownout/,
            `"${process.execPath}" "${join(root, 'bin/brownout.js')}"`,
          );
          const { status, stderr, stdout } = spawnSync('sh', ['-c', line], { cwd: folder, encoding: 'utf8' });
          assert.is(status, 0, `${path}: ${command}\n${stdout}${stderr}`);
          ran++;
        }
      }
      assert.ok(ran > 0, `${path} has no command`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('every link of a document leads somewhere', () => {
  const anchorOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
  const broken = documents.flatMap((path) => {
    const text = read(path).replace(/^```[\s\S]*?^```/gm, '');
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
      if (/^https?:/.test(target!)) return [];
      const [file, anchor] = target!.split('#') as [string, string?];
      const of = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(root, of))) return [`${path}: ${target}`];
      if (anchor === undefined || !of.endsWith('.md')) return [];
      const headings = [...read(of).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));
      // Of headings that are alike, the second is number 1.
      const anchors = headings.map((heading, i) => {
        const before = headings.slice(0, i).filter((one) => one === heading).length;
        return before === 0 ? heading : `${heading}-${before}`;
      });
      return anchors.includes(anchor) ? [] : [`${path}: ${target}`];
    });
  });
  assert.equal(broken, []);
});

test('every error code is explained', () => {
  const sources = readdirSync(join(root, 'host'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(join('host', name)));
  const desk = sources.flatMap((text) =>
    [...text.matchAll(/'(E_[A-Z][A-Z0-9_]*)'/g)].map(([, code]) => code!),
  );
  const device = [...read('assembly/error.ts').matchAll(/^ {2}(E_\w+) =/gm)].map(([, code]) => code!);
  assert.ok(desk.length > 60 && device.length > 10, `${desk.length} and ${device.length} codes`);
  const explained = new Set(
    [...`${read('docs/TROUBLESHOOTING.md')}${read('docs/FORMAT.md')}`.matchAll(/`(E_\w+)`/g)].map(
      ([, code]) => code!,
    ),
  );
  const missing = [...new Set([...desk, ...device])].filter((code) => !explained.has(code));
  assert.equal(missing, [], 'docs/TROUBLESHOOTING.md has a row for each');
});

test('README.md fits a screen or two', () => {
  const lines = read('README.md').trimEnd().split('\n');
  assert.ok(lines.length <= 120, `${lines.length} lines`);
  const wide = lines.filter((line) => [...line].length > 130);
  assert.equal(wide, []);
});

test('drawings are those that their script makes', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, 'dist/scripts/drawings.js'), '--check'],
    {
      encoding: 'utf8',
    },
  );
  assert.is(status, 0, stderr);
});

test('figures in documents are those that the benches wrote', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'dist/scripts/figures.js'), '--check'], {
    encoding: 'utf8',
  });
  assert.is(status, 0, stderr);
});

test.run();
