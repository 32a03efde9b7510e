// What firmware adds to somebody's program: every symbol, file, macro and type of it begins with brownout, so that it
// collides with nobody's. By nm on what the files compile to, and by their text.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware } from '../host/export/export-firmware.js';
import type { ExportOptions } from '../host/export/options.js';
import { writeFiles } from '../host/firmware/build-elf.js';
import { layoutNames } from '../host/firmware/layouts.js';
import { nvmBody, nvmKinds } from '../host/firmware/nvm-bodies/index.js';
import { linkerScript } from '../host/firmware/sources.js';
import { boardCalled, compilerOf, type Target, targetCalled } from '../host/firmware/targets.js';
import { readImage } from '../host/model/image.js';
import { boardPackages, firmwareFolder, hasPrograms, temporaryFolder } from './util/native.js';

const image = readImage(readFileSync(new URL('../../checkpoints/digits.brn', import.meta.url)));
const IS_OURS = /^_?brownout/i;
/** The example that an application replaces. */
const EXAMPLES = ['main.c', 'Sense.ino'];
/** What C libraries ask for by name, and what a compiler calls by that of its ABI. */
const ASKED_FOR = ['_POSIX_C_SOURCE', '__mspabi_mpyll_hw', '__ashldi3', '__ashrdi3', '__lshrdi3'];
/** Of vendors, whose headers are not here: their text alone is read. */
const FOREIGN = /#include <(zephyr|wasm3|wasm_export)/;

const isC = (name: string): boolean => /\.(c|h|inc)$/.test(name);
/** Without comments and attributes. */
const bare = (text: string): string =>
  text
    .replace(/__attribute__\(\((?:[^()]|\([^()]*\))*\)\) */g, '')
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/\/\/.*/g, '');

/** Macros that a file defines, names of enumerations, functions that it does not keep to itself; types, of a header. */
function namesIn(text: string, isHeader: boolean): string[] {
  const code = bare(text);
  const all = (pattern: RegExp): string[] => [...code.matchAll(pattern)].map(([, name]) => name!);
  const enumerators = all(/\benum(?: \w+)?\s*\{([^}]*)\}/g).flatMap((list) => {
    return [...list.matchAll(/(\w+)(?:\s*=[^,]*)?(?:,|\s*$)/g)].map(([, name]) => name!);
  });
  const types = [
    ...all(/\btypedef\b[^;{}]*?\b(\w+)(?:\[.*\])?;/g),
    ...all(/^typedef (?:struct|union|enum)\b[^{;]*\{[^}]*\} (\w+);/gm),
    ...all(/^(?:struct|union|enum) (\w+) \{/gm),
  ];
  return [
    ...all(/^\s*#\s*define (\w+)/gm),
    ...enumerators,
    ...all(/^(?!.*\bstatic\b|#|\s+\w|typedef)[\w *()",._]*?\b(\w+)\([\w *,()]*\) \{$/gm),
    ...(isHeader ? types : []),
  ];
}

const includesIn = (text: string): string[] =>
  [...bare(text).matchAll(/^\s*#\s*include "(.*)"/gm)].map(([, name]) => name!);

function check(name: string, text: string): void {
  assert.match(basename(name), IS_OURS, name);
  for (const found of namesIn(text, name.endsWith('.h'))) {
    if (!ASKED_FOR.includes(found)) assert.match(found, IS_OURS, `${name}: ${found}`);
  }
  for (const found of includesIn(text)) assert.match(found, IS_OURS, `${name} includes ${found}`);
}

test('names are found where they are', () => {
  const text = `#define A 1
  # define B(x) x
typedef char c_is_small[sizeof(int) > 1 ? 1 : -1];
typedef uint32_t ATTRIBUTE d_word;
typedef struct {
  int x;
} e_pair;
struct f_tag {
  int y;
};
enum { G = 1, H };
enum i_kind {
  J = 2,
  K,
};
static int mine(void) {
}
int l_public(const int *a, int b) {
}
__attribute__((weak)) void m_weak(void) {
}
/* #define NOT 1 */
`;
  const found = namesIn(text, true).sort();
  const wanted = ['A', 'B', 'G', 'H', 'J', 'K', 'c_is_small', 'd_word', 'e_pair', 'f_tag', 'i_kind'];
  assert.equal(found, [...wanted, 'l_public', 'm_weak']);
  assert.equal(includesIn('#include "x.h"\n#include <y.h>\n'), ['x.h']);
});

test('firmware/: files, macros, types and includes begin with brownout', () => {
  const names = readdirSync(firmwareFolder).filter((name) => isC(name) && !EXAMPLES.includes(name));
  assert.ok(names.length > 20);
  for (const name of names) check(name, readFileSync(join(firmwareFolder, name), 'utf8'));
});

test('the linker script: symbols begin with brownout', () => {
  const text = bare(linkerScript(boardCalled('qemu-mps2-an386')));
  const symbols = [...text.matchAll(/(?:ENTRY\((\w+)\)|^\s*(\w+) = (?!ALIGN|ORIGIN))/gm)];
  assert.ok(symbols.length > 6);
  for (const [, entry, symbol] of symbols) assert.match((entry ?? symbol)!, IS_OURS);
});

/** C files by what they say, so that each is compiled once. */
const seen = new Map<string, string[]>();

/** Symbols that a C file of `folder` gives to others. */
function symbolsOf(folder: string, name: string, target: Target): string[] {
  const key = `${target.name} ${readFileSync(join(folder, name), 'utf8')}`;
  const known = seen.get(key);
  if (known) return known;
  const object = join(temporaryFolder('symbols'), 'object.o');
  const gcc = compilerOf(target);
  const flags = ['-std=c99', '-O0', '-DBROWNOUT_SEMIHOSTING', ...target.flags];
  execFileSync(gcc, [...flags, '-c', name, '-o', object], { cwd: folder, stdio: 'pipe' });
  const nm = gcc.replace(/gcc$/, 'nm');
  const lines = execFileSync(nm, ['--defined-only', '--extern-only', object], { encoding: 'utf8' });
  const symbols = lines
    .trim()
    .split('\n')
    .map((line) => line.split(' ').at(-1)!);
  seen.set(key, symbols);
  return symbols;
}

/** An export as files in one folder, nothing linked. */
async function exported(options: ExportOptions): Promise<{ folder: string; names: string[] }> {
  const { PATH } = process.env;
  process.env['PATH'] = '/nowhere';
  const { files } = await exportFirmware(image, options).finally(() => {
    process.env['PATH'] = PATH;
  });
  const c = [...files].filter(([name]) => isC(name) && !EXAMPLES.includes(basename(name)));
  const folder = temporaryFolder('symbols');
  writeFiles(folder, new Map(c.map(([name, bytes]) => [basename(name), bytes])));
  return { folder, names: c.map(([name]) => basename(name)) };
}

async function checkExport(options: ExportOptions & { target: string }): Promise<void> {
  const target = targetCalled(options.target);
  const { folder, names } = await exported(options);
  let count = 0;
  for (const name of names) {
    const text = readFileSync(join(folder, name), 'utf8');
    check(name, text);
    if (!name.endsWith('.c') || FOREIGN.test(text) || target.name === 'wasm') continue;
    const symbols = symbolsOf(folder, name, target);
    for (const symbol of symbols) assert.match(symbol, IS_OURS, `${options.layout} ${name}: ${symbol}`);
    count += symbols.length;
  }
  assert.ok(target.name === 'wasm' || count > 20, `${count} symbols`);
}

for (const [target, board] of [
  ['cortex-m4', 'qemu-mps2-an386'],
  ['rv32imc', 'qemu-riscv-virt'],
  ['posix', undefined],
  ['wasm', undefined],
] as const) {
  const packages = board ? boardPackages(board) : { gcc: 'gcc' };
  const run = hasPrograms(`symbols of firmware for ${target}`, packages) ? test : test.skip;
  run(`${target}: every layout with every kind of NVM`, async () => {
    for (const nvm of nvmKinds.filter((kind) => nvmBody(kind).runs === targetCalled(target).runs)) {
      for (const layout of layoutNames) await checkExport({ target, nvm, layout });
    }
  });
}

const gccTest = hasPrograms('symbols that are not ours', { gcc: 'gcc' }) ? test : test.skip;
gccTest('nm finds a symbol that does not begin with brownout', () => {
  const folder = temporaryFolder('symbols');
  writeFileSync(
    join(folder, 'x.c'),
    'int brownout_ours;\nint theirs = 1;\nstatic int own;\nint *f(void) { return &own; }\n',
  );
  assert.equal(symbolsOf(folder, 'x.c', targetCalled('posix')).sort(), ['brownout_ours', 'f', 'theirs']);
});

test.run();
