// Every pair of board, NVM and layout is one of: it runs, it needs what is listed, it is refused with those that
// work. What builds is built, and its linked code searched for what was never ported. BROWNOUT_PAIRS=all builds all.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware } from '../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import type { BrownoutError } from '../host/error.js';
import { findHardware } from '../host/firmware/hardware.js';
import { layoutNames } from '../host/firmware/layouts.js';
import { allPairs, nvmOf, type Pair, supportOf, supportTables } from '../host/firmware/support.js';
import { compilerOf } from '../host/firmware/targets.js';
import { findTool } from '../host/firmware/tools.js';
import { program } from '../host/flash/flash.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { hasPrograms, temporaryFolder } from './util/native.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const image = readImage(compileUnproved(layered(new Random(2))));
const pairs = allPairs(layoutNames);
const ALL = process.env['BROWNOUT_PAIRS'] === 'all';
const nameOf = ({ board, target, nvm, layout }: Pair): string =>
  `${board?.name ?? target.name}, ${nvm}, ${layout}`;

const optionsOf = ({ board, target, nvm, layout }: Pair) => ({
  ...(board ? { board: board.name } : { target: target.name }),
  ...{ nvm, layout, verify: false },
});

const refusal = async (work: () => Promise<unknown>): Promise<BrownoutError> => {
  try {
    await work();
  } catch (error) {
    return error as BrownoutError;
  }
  return assert.unreachable('not refused') as never;
};

test('every pair: what export says, PORTING.md lists, or what works instead', async () => {
  const { PATH } = process.env;
  process.env['PATH'] = '/nowhere';
  try {
    for (const pair of pairs.filter(({ board, target }) => {
      return ALL || board || ['cortex-m4', 'posix'].includes(target.name);
    })) {
      const support = supportOf(pair);
      if (support.kind === 'refused') {
        const error = await refusal(() => exportFirmware(image, optionsOf(pair)));
        assert.is(error.code, 'E_NVM', nameOf(pair));
        assert.is(error.expected, nvmOf(pair.board, pair.target).join(', '), nameOf(pair));
        continue;
      }
      const { files, support: said } = await exportFirmware(image, optionsOf(pair));
      assert.equal(said, support, nameOf(pair));
      const porting = Buffer.from(files.get('PORTING.md')!).toString();
      for (const { name } of support.kind === 'needs' ? support.needs : [])
        assert.ok(porting.includes(`\`${name}\``), `${nameOf(pair)}: ${name}`);
      assert.is(/ran to the right answer/.test(porting), support.kind === 'runs', nameOf(pair));
    }
  } finally {
    process.env['PATH'] = PATH;
  }
});

/** Whether the linked program can get to something that nobody has filled in. */
function isUnported(elf: string, prefix: string): boolean {
  const symbols = execFileSync(`${prefix}nm`, [elf], { encoding: 'utf8' });
  return / brownout_unported$/m.test(symbols);
}

/** Functions of a board's ports in whose place the linker has taken a default, which is weak. */
function defaultsLeft(elf: string, { board, target, nvm }: Pair): string[] {
  const { text, power, flash } = board?.ports ?? {};
  const ported = Object.entries({
    brownout_board_print: text,
    brownout_power_low: nvm === 'flash' ? undefined : power,
    // ECC of STM32L4's flash reports a torn double word by it.
    brownout_board_nmi: nvm === 'flash' && flash?.includes('stm32l4') ? flash : undefined,
  }).flatMap(([name, file]) => (file ? [name] : []));
  const symbols = execFileSync(`${target.toolchain!.prefix}nm`, [elf], { encoding: 'utf8' });
  return ported.filter((name) => !new RegExp(` T ${name}$`, 'm').test(symbols));
}

/** Whether a pair has something that stands open in its files. */
function isOpen(pair: Pair): boolean {
  const support = supportOf(pair);
  return (
    support.kind === 'needs' && support.needs.some(({ name }) => /^brownout_(spi|flash)_|_PIN_/.test(name))
  );
}

function build(pair: Pair, folder: string): string {
  const { layout } = pair;
  // Export has run the same compiler, over the same files.
  if (layout === 'make') return join(folder, 'firmware.elf');
  const toolchain = ['-DCMAKE_TOOLCHAIN_FILE=toolchain.cmake'];
  execFileSync('cmake', ['-B', 'build', ...toolchain], { cwd: folder, stdio: 'pipe' });
  execFileSync('cmake', ['--build', 'build'], { cwd: folder, stdio: 'pipe' });
  return join(folder, 'firmware.elf');
}

const cross = {
  ...{ cmake: 'cmake', make: 'make' },
  'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi',
};
const crossTest = hasPrograms('pairs of boards and NVM', cross) ? test : test.skip;

crossTest(
  'what builds is built: nothing that is not ported can be reached but where it is listed',
  async () => {
    const built = pairs.filter((pair) => {
      const { board, target, nvm, layout } = pair;
      // With a library that is not here: `npm test -- lea`.
      if (!findTool(compilerOf(target)) || board?.unit) return false;
      const links = (layout === 'make' || layout === 'cmake') && target.toolchain !== undefined;
      const inCmake = board && (nvm === 'flash' || board.name === 'nrf52840dk');
      const few = layout === 'cmake' ? inCmake : board || nvm === 'spi-fram';
      if (!ALL && board === undefined && target.name !== 'cortex-m4') return false;
      return links && supportOf(pair).kind !== 'refused' && (ALL || few);
    });
    assert.ok(built.length > 9, `${built.length} pairs`);
    for (const pair of built) {
      const folder = join(temporaryFolder('pairs'), 'app');
      writeFirmwareFolder(folder, (await exportFirmware(image, optionsOf(pair))).files);
      const elf = build(pair, folder);
      const { prefix } = pair.target.toolchain!;
      assert.is(isUnported(elf, prefix), isOpen(pair), `${nameOf(pair)}: reaches what is not ported`);
      assert.equal(defaultsLeft(elf, pair), [], `${nameOf(pair)}: a default in place of the port`);
      // Its settings are in one header, and no build file has any.
      const text = ['Makefile', 'CMakeLists.txt', 'toolchain.cmake']
        .filter((name) => name === (pair.layout === 'make' ? 'Makefile' : 'CMakeLists.txt'))
        .map((name) => readFileSync(join(folder, name), 'utf8'))
        .join('');
      assert.not.match(text.replaceAll('-DBROWNOUT_SEMIHOSTING', ''), /-DBROWNOUT/, nameOf(pair));
    }
  },
);

crossTest('flash refuses what is open by its name, and a program from before it was filled in', async () => {
  const board = findHardware('stm32l4-disco')!;
  const folder = join(temporaryFolder('pairs'), 'app');
  const { files, support } = await exportFirmware(image, {
    board: board.name,
    nvm: 'spi-fram',
    verify: false,
  });
  writeFirmwareFolder(folder, files);
  const open = await refusal(async () => program(folder, { board, dryRun: true }));
  assert.is(open.code, 'E_PORTING');
  const names = support.kind === 'needs' ? support.needs.map(({ name }) => name) : [];
  assert.is(names.length, 4);
  for (const name of names) assert.ok(open.found.includes(name), name);
  const path = join(folder, 'brownout_settings.h');
  const settings = readFileSync(path, 'utf8');
  writeFileSync(path, settings.replace(/(#define BROWNOUT_SPI_PIN_\w+) BROWNOUT_FILL_IN/g, '$1 5u'));
  const stale = await refusal(async () => program(folder, { board, dryRun: true }));
  assert.is(stale.code, 'E_FIRMWARE');
  assert.match(stale.hint, /make -C/);
  execFileSync('make', ['-s', '-C', folder], { stdio: 'pipe' });
  assert.is(program(folder, { board, dryRun: true }).programmed, false);
  assert.not.ok(isUnported(join(folder, 'firmware.elf'), 'arm-none-eabi-'));
});

crossTest('flash puts on a board what is built from the folder now, in each form and layout', async () => {
  const board = findHardware('rp2040')!;
  const options = { board: board.name, nvm: 'flash', verify: false } as const;
  const folder = join(temporaryFolder('pairs'), 'made');
  writeFirmwareFolder(folder, (await exportFirmware(image, options)).files);
  const before = readFileSync(join(folder, 'firmware.uf2'));
  const main = join(folder, 'main.c');
  const later = (path: string): void => utimesSync(path, new Date(), new Date(Date.now() + 5000));
  // A comment: the program that make builds is byte for byte the old one, and is not refused as old.
  writeFileSync(main, `${readFileSync(main, 'utf8')}/* read */\n`);
  execFileSync('make', ['-s', '-C', folder], { stdio: 'pipe' });
  later(join(folder, 'firmware.elf'));
  assert.not.ok(existsSync(join(folder, 'firmware.uf2')), 'make left a program of before');
  program(folder, { board, dryRun: true });
  assert.ok(readFileSync(join(folder, 'firmware.uf2')).equals(before));
  writeFileSync(
    main,
    readFileSync(main, 'utf8').replace(
      'int main(void) {',
      'int main(void) {\n  static volatile int one;\n  one = 1;',
    ),
  );
  later(main);
  later(join(folder, 'firmware.elf'));
  execFileSync('make', ['-s', '-B', '-C', folder, 'firmware.elf', 'firmware.bin'], { stdio: 'pipe' });
  later(join(folder, 'firmware.elf'));
  const raw = readFileSync(join(folder, 'firmware.bin'));
  program(folder, { board, dryRun: true });
  assert.not.ok(readFileSync(join(folder, 'firmware.uf2')).equals(before), 'the program of before');
  // Gaps are zeros there (test/layouts.test.ts).
  assert.is(readFileSync(join(folder, 'firmware.bin')).length, raw.length);

  for (const layout of ['cmake', 'zephyr', 'arduino'] as const) {
    const other = join(temporaryFolder('pairs'), layout);
    writeFirmwareFolder(other, (await exportFirmware(image, { ...options, layout })).files);
    const { code, hint } = await refusal(async () => program(other, { board, dryRun: true }));
    assert.is(code, 'E_FIRMWARE');
    assert.match(hint, layout === 'cmake' ? /cmake --build/ : /PORTING\.md/);
    assert.match(
      readFileSync(join(other, 'PORTING.md'), 'utf8'),
      { cmake: /brownout flash/, zephyr: /west/, arduino: /libraries\// }[layout],
    );
    if (layout !== 'cmake' || !hasPrograms('programs that CMake builds', { cmake: 'cmake' })) continue;
    execFileSync('sh', ['-c', /`(.*?)`/.exec(hint)![1]!], { stdio: 'pipe' });
    assert.is(program(other, { board, dryRun: true }).programmed, false);
    assert.ok(existsSync(join(other, 'firmware.uf2')));
  }
});

test('docs/FIRMWARE.md has the table as the code has it', () => {
  const text = readFileSync(join(root, 'docs/FIRMWARE.md'), 'utf8');
  const squeeze = (table: string): string => table.replace(/ +/g, ' ').replace(/-+/g, '-');
  for (const [name, table] of Object.entries(supportTables(layoutNames))) {
    const [, found = ''] =
      new RegExp(`<!-- ${name} -->\n\n([\\s\\S]*?)\n\n<!-- /${name} -->`).exec(text) ?? [];
    assert.is(squeeze(found), squeeze(table), `${name}: npm run docs:operators`);
  }
});

test.run();
