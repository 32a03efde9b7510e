// Files that NumPy, pandas, ImageMagick, ffmpeg and sox write are read to what was put into them. Kept in test/tool-files;
// where the tools are installed (scripts/install-tools.sh), made anew and read as well, so that newer versions are seen.
// BROWNOUT_KEEP=1 npm test -- tool-files: keeps what was made.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readArray } from '../host/data/samples.js';
import { PYTHON_IMPORTS, SOURCES, TOOL_FILES, type Tool, type ToolFile } from './util/tool-files.js';

const kept = fileURLToPath(new URL('../../test/tool-files', import.meta.url));

function check(folder: string, { file, make, expected }: ToolFile): void {
  const { shape, maximum = 1, values, within = 0, labels, classes } = expected;
  const target = shape ? { target: { shape, preprocessing: { minimum: 0, maximum } } } : {};
  const found = readArray(join(folder, file), target);
  const what = `${file}, made by: ${make}`;
  const { data } = found.array;
  assert.is(data.length, values.length, what);
  // As near as float32 is, where the file has no more.
  data.forEach((value, i) => {
    const limit = Math.max(within, Math.abs(values[i]!) * (found.array.dtype === 'float32' ? 2 ** -24 : 0));
    if (!(Math.abs(value - values[i]!) <= limit))
      assert.unreachable(`${what}: element ${i} is ${value}, expected ${values[i]} within ${limit}`);
  });
  assert.equal(found.labels ? [...found.labels] : undefined, labels, what);
  assert.equal(found.classes, classes, what);
}

test(`${TOOL_FILES.length} files as tools wrote them are read to what was put in`, () => {
  for (const one of TOOL_FILES) check(kept, one);
  assert.ok(TOOL_FILES.length >= 40);
  const names = TOOL_FILES.map(({ file }) => file);
  assert.equal(readdirSync(kept).sort(), names.toSorted(), 'each file is in the table, and once');
  const bytes = names.reduce((sum, name) => sum + statSync(join(kept, name)).size, 0);
  assert.ok(bytes < 150_000, `${bytes} bytes`);
});

const runs = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
const INSTALLED: Record<Tool, { there: () => boolean; install: string }> = {
  numpy: {
    there: () => runs('python3', '-c', 'import numpy'),
    install: 'apt-get install python3-numpy, or python3 -m pip install numpy',
  },
  pandas: {
    there: () => runs('python3', '-c', 'import pandas'),
    install: 'apt-get install python3-pandas, or python3 -m pip install pandas',
  },
  imagemagick: { there: () => runs('convert', '-version'), install: 'apt-get install imagemagick' },
  ffmpeg: { there: () => runs('ffmpeg', '-version'), install: 'apt-get install ffmpeg' },
  sox: { there: () => runs('sox', '--version'), install: 'apt-get install sox' },
};

/** One process for all that Python makes, as it takes long to start. */
function commandsFor(tool: Tool, files: readonly ToolFile[]): [string, ...string[]][] {
  if (tool !== 'numpy' && tool !== 'pandas') return files.map(({ make }) => ['sh', '-c', make]);
  const imports = tool === 'pandas' ? `${PYTHON_IMPORTS}, pandas as pd` : PYTHON_IMPORTS;
  return [['python3', '-c', [imports, ...files.map(({ make }) => make)].join('\n')]];
}

for (const tool of Object.keys(INSTALLED) as Tool[]) {
  const { there, install } = INSTALLED[tool];
  const present = there();
  if (!present) console.log(`skipped: files made anew by ${tool}. To enable: ${install}`);
  (present ? test : test.skip)(`files made anew by ${tool} are read to the same`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'brownout-tools-'));
    try {
      for (const [name, bytes] of Object.entries(SOURCES)) writeFileSync(join(folder, name), bytes);
      const files = TOOL_FILES.filter((file) => file.tool === tool);
      for (const [program, ...args] of commandsFor(tool, files))
        execFileSync(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
      for (const one of files) {
        check(folder, one);
        if (process.env['BROWNOUT_KEEP'])
          writeFileSync(join(kept, one.file), readFileSync(join(folder, one.file)));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test.run();
