// `npm run docs:api`: docs/API.md from the docstrings of the declarations, by TypeDoc. With --check: whether it is current.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'scripts/api-reference');
const path = join(root, 'docs/API.md');

const HEAD = `# API reference

What \`import { … } from 'brownout'\` gives, made from docstrings by \`npm run docs:api\`. [CODE.md](CODE.md) shows how to use it.
`;

/** Links as GitHub and editors number headings that are alike; those to members, which have none, are left as code. */
function withLinks(text: string): string {
  const seen = new Map<string, number>();
  const anchors = new Map<string, string>();
  for (const [, title] of text.matchAll(/^#+ (.*)$/gm)) {
    const slug = title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    anchors.set(title!, times === 0 ? slug : `${slug}-${times}`);
  }
  const bare = text.replaceAll(/<a id="[^"]*"><\/a> /g, '');
  return bare.replaceAll(/\[`([^`\]]+)`\]\(#[^)]+\)/g, (_, name: string) => {
    const anchor = anchors.get(name) ?? anchors.get(`${name}()`);
    return anchor === undefined ? `\`${name}\`` : `[\`${name}\`](#${anchor})`;
  });
}

function generated(): string {
  const program = join(folder, 'node_modules/typedoc/bin/typedoc');
  if (!existsSync(program)) throw new Error('no TypeDoc in scripts/api-reference: run `npm ci`');
  const out = mkdtempSync(join(tmpdir(), 'brownout-api-'));
  try {
    const args = [program, '--options', join(folder, 'typedoc.json'), '--out', out];
    execFileSync(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    return withLinks(`${HEAD}${readFileSync(join(out, 'API.md'), 'utf8').replace(/^# .*\n/, '')}`);
  } finally {
    rmSync(out, { recursive: true });
  }
}

const text = generated();
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (readFileSync(path, 'utf8') !== text) {
  console.error('docs/API.md is not what the docstrings say: run `npm run docs:api`');
  process.exitCode = 1;
}
