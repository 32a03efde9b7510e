// Firmware folders: what a user gets, builds and runs; what is never overwritten; what is said where a tool is missing.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { main } from '../host/cli.js';
import { checkFirmwareFolder, writeFirmwareFolder } from '../host/export/folder.js';
import type { BrownoutError } from '../host/error.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { flash } from '../host/flash/flash.js';
import { boardCalled, boardNames, targetNames } from '../host/firmware/targets.js';
import { OP_INPUT, OP_OUTPUT } from '../assembly/layout.js';
import { readImage, resealImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import { boardPackages, hasPrograms, temporaryFolder } from './util/native.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const path = join(root, 'checkpoints/digits.brn');
const image = readImage(readFileSync(path));
const [scores] = run(image).outputs;
const label = scores!.indexOf(Math.max(...scores!));
const answer = `${scores!.join(' ')} class ${image.metadata.classes?.[label] ?? label}`;
const cross = { 'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi' };
const nativeTest = hasPrograms('firmware built for this machine', { gcc: 'gcc', make: 'make' })
  ? test
  : test.skip;
const crossTest = hasPrograms('firmware of a Cortex-M', cross) ? test : test.skip;
const budget = JSON.parse(readFileSync(join(root, 'bench/budget.json'), 'utf8')) as {
  firmware: { codeBytes: number; ramBytes: number };
};

/** Runs a command line with --json in this process; returns its exit code and what it printed. */
async function brownout(...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> {
  const { log } = console;
  let out = '';
  console.log = (line: string) => {
    out += line;
  };
  try {
    const code = await main([...args, '--json']);
    return { code, json: JSON.parse(out) as Record<string, unknown> };
  } finally {
    console.log = log;
  }
}

const errorOf = (json: Record<string, unknown>): { code: string; hint: string } =>
  json['error'] as { code: string; hint: string };

nativeTest(
  'posix: a folder that builds with make, and gives the simulator’s answer, job after job',
  async () => {
    const folder = join(temporaryFolder('export'), 'new/firmware');
    const { code, json } = await brownout('export', path, '--target', 'posix', '-o', folder);
    assert.equal([code, json['target'], json['kept']], [0, 'posix', []]);
    execFileSync(
      'make',
      ['-s', 'CFLAGS=-std=c99 -O1 -pedantic -Wall -Wextra -Wno-unused-parameter -Werror'],
      {
        cwd: folder,
        stdio: 'pipe',
      },
    );
    for (const ticket of [1, 2]) {
      const out = execFileSync('./firmware', { cwd: folder, encoding: 'utf8' });
      assert.is(out, `ticket ${ticket} answer ${answer}\n`);
    }
  },
);

test('brownout.json says board, NVM, layout, version and the hash of everything that it was made from', async () => {
  const options = { board: 'nrf52840dk', nvm: 'spi-fram', layout: 'zephyr', verify: false };
  const { files } = await exportFirmware(image, options);
  const said = JSON.parse(Buffer.from(files.get('brownout.json')!).toString()) as Record<string, unknown>;
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const { board, nvm, layout, target, imageSha256, module } = said;
  assert.equal([board, nvm, layout, target], ['nrf52840dk', 'spi-fram', 'zephyr', 'cortex-m4']);
  assert.equal([said['version'], imageSha256], [version, sha256(readFileSync(path))]);
  assert.is((module as { sha256: string }).sha256, sha256(files.get('brownout_module.wasm')!));
  for (const [name, hash] of Object.entries(said['files'] as Record<string, string>))
    assert.is(hash, sha256(files.get(name)!), name);
});

crossTest('every Cortex-M: an ELF, and sizes within the budget', async () => {
  for (const target of targetNames.filter((name) => name.startsWith('cortex'))) {
    const { files, usage, note } = await exportFirmware(image, { target });
    assert.is(note, undefined, target);
    assert.equal([...files.get('firmware.elf')!.subarray(0, 4)], [0x7f, 0x45, 0x4c, 0x46], target);
    assert.is(usage!.nvm.usedBytes, image.nvmBytes);
    if (target !== 'cortex-m4') continue;
    const { codeBytes, ramBytes } = budget.firmware;
    assert.ok(
      usage!.codeBytes <= codeBytes && usage!.codeBytes > codeBytes * 0.85,
      `code: ${usage!.codeBytes}`,
    );
    const ram = usage!.ram.usedBytes;
    assert.ok(ram <= ramBytes && ram > ramBytes * 0.85, `RAM: ${ram}`);
  }
});

crossTest('--board: what a board has not is an error that says how much is wanted, and of what', async () => {
  // An arena that fits the device's 256 KB of SRAM, and one board's, but not the other's 96 KB.
  const large = Object.assign(Object.create(image) as typeof image, { arenaBytes: 120 << 10 });
  const refusal = async (board: string, nvm: string): Promise<BrownoutError> => {
    try {
      await exportFirmware(large, { board, nvm, device: 'nrf52840', verify: false });
    } catch (error) {
      return error as BrownoutError;
    }
    return assert.unreachable(`${board} has not so much`) as never;
  };
  const error = await refusal('stm32l4-disco', 'spi-fram');
  assert.is(error.code, 'E_FIRMWARE_SIZE');
  assert.match(error.found, /^12\d{4} bytes of ram$/);
  assert.match(error.expected, /98304 of stm32l4-disco/);
  assert.match(
    error.hint,
    /^Make it \d+ bytes smaller \(compile with a smaller arenaBytes\), or name a larger part/,
  );
  const { usage } = await exportFirmware(large, {
    ...{ board: 'nrf52840dk', nvm: 'flash', device: 'nrf52840' },
    verify: false,
  });
  assert.is(usage!.ram.totalBytes, 256 << 10);
  // The log is at the end of flash, and counts.
  const logBytes = 6 * 4096;
  const { codeBytes, imageBytes, flash } = usage!;
  assert.is(flash.usedBytes, codeBytes + imageBytes + logBytes);
  assert.is(flash.totalBytes, 1 << 20);
});

for (const board of boardNames) {
  const run = hasPrograms(`a firmware folder on ${board}`, boardPackages(board)) ? test : test.skip;
  run(`flash: ${board} prints the answer, and goes on from its NVM`, async () => {
    const folder = join(temporaryFolder('flash'), 'firmware');
    const target = boardCalled(board).core;
    writeFirmwareFolder(folder, (await exportFirmware(image, { target })).files);
    for (const ticket of [1, 2]) {
      const { code, json } = await brownout('flash', folder, '--board', board);
      assert.equal([code, json['output']], [0, [`ticket ${ticket} answer ${answer}`]], board);
    }
  });
}

test('export proves the very module it writes, and says so; verify --firmware proves it again', async () => {
  const folder = join(temporaryFolder('proved'), 'firmware');
  const { files, module } = await exportFirmware(image, { target: 'posix' });
  assert.equal(module.proved, ['infer']);
  assert.is(module.sha256, createHash('sha256').update(files.get('brownout_module.wasm')!).digest('hex'));
  writeFirmwareFolder(folder, files);
  const proof = await brownout('verify', path, '--firmware', folder);
  assert.is(proof.code, 0);
  assert.is(proof.json['moduleBytes'], module.bytes);
  for (const name of ['brownout_module.wasm', 'brownout_module.inc', 'brownout_model.c']) {
    const file = join(folder, name);
    const whole = readFileSync(file);
    const changed = Buffer.from(whole);
    changed[changed.length - 9]! ^= 1;
    writeFileSync(file, changed);
    const { code, json } = await brownout('verify', path, '--firmware', folder);
    assert.equal([code, errorOf(json).code], [2, 'E_FOLDER'], name);
    writeFileSync(file, whole);
  }
});

test('a module that the proof refuses is not exported', async () => {
  const broken = resealImage(image, (ops) => ops[1]!.set(OP_OUTPUT, ops[1]!.get(OP_INPUT)));
  try {
    await exportFirmware(broken, { target: 'posix' });
    assert.unreachable('it was exported');
  } catch (error) {
    assert.is((error as BrownoutError).code, 'E_VERIFY');
  }
  assert.equal((await exportFirmware(broken, { target: 'posix', verify: false })).module.proved, []);
});

test('a folder of somebody else is left alone; edits in one of ours stay', async () => {
  const base = temporaryFolder('folders');
  const { files } = await exportFirmware(image, { target: 'posix' });
  const foreign = join(base, 'foreign');
  mkdirSync(foreign);
  writeFileSync(join(foreign, 'thesis.txt'), 'years of work');
  const refused = (folder: string): void =>
    assert.throws(
      () => writeFirmwareFolder(folder, files),
      (error: BrownoutError) => error.code === 'E_FOLDER',
    );
  refused(foreign);
  refused(join(foreign, 'thesis.txt'));
  assert.equal(readdirSync(foreign), ['thesis.txt']);

  const ours = join(base, 'ours');
  mkdirSync(ours);
  assert.equal(writeFirmwareFolder(ours, files), []);
  appendFileSync(join(ours, 'main.c'), '/* mine */\n');
  writeFileSync(join(ours, 'sensor.c'), '');
  writeFileSync(join(ours, 'main.o'), '');
  writeFileSync(join(ours, 'vendor.o'), 'theirs');
  mkdirSync(join(ours, 'build/deep'), { recursive: true });
  writeFileSync(join(ours, 'build/deep/notes'), 'x');
  symlinkSync('sensor.c', join(ours, 'link.c'));
  // What stands beside it is the user's, whatever its name.
  for (const name of ['ours.old', 'ours.part']) {
    mkdirSync(join(base, name));
    writeFileSync(join(base, name, 'thesis.txt'), 'years of work');
  }
  const linked = join(base, 'linked');
  symlinkSync('ours', linked);
  for (const name of [`${ours}/`, linked]) {
    const kept = ['build', 'link.c', 'main.c', 'sensor.c', 'vendor.o'];
    assert.equal(writeFirmwareFolder(name, files).sort(), kept, name);
    assert.match(readFileSync(join(ours, 'main.c'), 'utf8'), 'mine');
    assert.is(readFileSync(join(ours, 'build/deep/notes'), 'utf8'), 'x');
    assert.is(readlinkSync(join(ours, 'link.c')), 'sensor.c');
    assert.is(readlinkSync(linked), 'ours');
  }
  // A change that would be lost.
  appendFileSync(join(ours, 'brownout_module.inc'), '/* mine */\n');
  refused(ours);
  assert.match(readFileSync(join(ours, 'brownout_module.inc'), 'utf8'), 'mine');
  for (const name of ['ours.old', 'ours.part'])
    assert.is(readFileSync(join(base, name, 'thesis.txt'), 'utf8'), 'years of work');
  assert.equal(readdirSync(base).sort(), ['foreign', 'linked', 'ours', 'ours.old', 'ours.part']);
});

test('in every layout every file that a person changes stays, or is refused: none is lost', async () => {
  for (const layout of ['make', 'cmake', 'zephyr', 'arduino']) {
    const folder = join(temporaryFolder(`edits-${layout}`), 'app');
    const { files } = await exportFirmware(image, { target: 'cortex-m4', layout });
    writeFirmwareFolder(folder, files);
    const edited = [...files.keys()].filter((name) => !/^firmware\.|^brownout\.json$/.test(name));
    const changed: string[] = [];
    for (const name of edited) {
      const before = readFileSync(join(folder, name));
      appendFileSync(join(folder, name), '\n/* mine */\n');
      try {
        checkFirmwareFolder(folder);
        changed.push(name);
      } catch (error) {
        assert.is((error as BrownoutError).code, 'E_FOLDER', name);
        writeFileSync(join(folder, name), before);
      }
    }
    const kept = writeFirmwareFolder(folder, files);
    assert.equal(kept.sort(), changed.sort());
    for (const name of kept) assert.match(readFileSync(join(folder, name), 'utf8'), '/* mine */');
    const byHand =
      /(^|\/)(Makefile|link\.ld|CMakeLists\.txt|prj\.conf|Sense\.ino|main\.c|brownout_hal\.h|brownout_board\.h)$/;
    assert.equal(
      edited.filter((name) => byHand.test(name)).filter((name) => !kept.includes(name)),
      [],
    );
  }
});

test('without tools: sources all the same, and a named error with what to install', async () => {
  const folder = join(temporaryFolder('tools'), 'firmware');
  const { PATH } = process.env;
  process.env['PATH'] = '/nowhere';
  try {
    const exported = await brownout('export', path, '-o', folder);
    assert.equal([exported.code, exported.json['usage']], [0, null]);
    assert.match(exported.json['note'] as string, /apt-get install gcc-arm-none-eabi/);
    assert.not.ok(existsSync(join(folder, 'firmware.elf')));
    for (const args of [
      ['flash', folder],
      ['replay', path, '--on', 'qemu-mps2-an386', '--kills', '1'],
      ['analyze', path, '--on', 'qemu-mps2-an386'],
    ]) {
      const { code, json } = await brownout(...args);
      assert.equal([code, errorOf(json).code], [4, 'E_TOOL_MISSING'], args.join(' '));
      assert.match(errorOf(json).hint, /apt-get install/);
    }
  } finally {
    process.env['PATH'] = PATH;
  }
});

/** A compiler of that name which has the real one's words and nothing of its C library. */
function withoutLibrary(compiler: string): string {
  const bin = temporaryFolder('no-library');
  const include = execFileSync(compiler, ['-print-file-name=include'], { encoding: 'utf8' }).trim();
  const real = execFileSync('which', [compiler], { encoding: 'utf8' }).trim();
  // Specs are what picolibc is found by.
  const script = `#!/bin/sh
for word in "$@"; do
  case "$word" in --specs=*) echo "fatal error: cannot read spec file" >&2; exit 1 ;; esac
done
exec ${real} -nostdinc -isystem ${include} "$@"
`;
  writeFileSync(join(bin, compiler), script, { mode: 0o755 });
  return bin;
}

for (const [board, compiler, library] of [
  ['qemu-mps2-an386', 'arm-none-eabi-gcc', 'libnewlib-arm-none-eabi'],
  ['qemu-riscv-virt', 'riscv64-unknown-elf-gcc', 'picolibc-riscv64-unknown-elf'],
] as const) {
  const run = hasPrograms(`${compiler} without its C library`, boardPackages(board)) ? test : test.skip;
  run(`${compiler} without its C library: a missing tool, and the package that has it`, async () => {
    const folder = join(temporaryFolder('tools'), 'firmware');
    const { PATH } = process.env;
    process.env['PATH'] = `${withoutLibrary(compiler)}:${PATH}`;
    try {
      const target = boardCalled(board).core;
      const exported = await brownout('export', path, '--target', target, '-o', folder);
      assert.equal([exported.code, exported.json['usage']], [0, null]);
      assert.match(exported.json['note'] as string, `apt-get install`);
      assert.match(exported.json['note'] as string, library);
      const { code, json } = await brownout('flash', folder, '--board', board);
      assert.equal([code, errorOf(json).code], [4, 'E_TOOL_MISSING']);
      assert.is(errorOf(json).hint, `Run \`apt-get install ${library}\`.`);
    } finally {
      process.env['PATH'] = PATH;
    }
  });
}

crossTest('a file that does not compile is named, with the compiler’s words', async () => {
  const folder = join(temporaryFolder('broken'), 'firmware');
  writeFirmwareFolder(folder, (await exportFirmware(image, { target: 'cortex-m4' })).files);
  appendFileSync(join(folder, 'main.c'), 'int broken(void) { return missing; }\n');
  const { code, json } = await brownout('flash', folder, '--board', 'qemu-mps2-an386');
  assert.equal([code, errorOf(json).code], [2, 'E_COMPILE']);
  assert.match((json['error'] as { found: string }).found, /main\.c:\d+:\d+: error: .missing. undeclared/);
});

test('names that do not exist are refused, and folders without firmware', async () => {
  const empty = temporaryFolder('empty');
  for (const [args, expected] of [
    [['export', path, '--target', 'z80'], 'E_TARGET'],
    [['export', path, '--device', 'toaster'], 'E_DEVICE'],
    [['export', join(root, 'README.md')], 'E_IMAGE_MAGIC'],
    [['flash', empty], 'E_FOLDER'],
    [['flash', join(empty, 'none')], 'E_FOLDER'],
    [['replay', path, '--on', 'arduino'], 'E_BOARD'],
    [['replay', path, '--on', 'qemu-mps2-an386', '--kills', 'many'], 'E_OPTION'],
    [['analyze', path, '--on', 'arduino'], 'E_BOARD'],
  ] as const) {
    const { code, json } = await brownout(...args);
    assert.equal([code, errorOf(json).code], [2, expected], args.join(' '));
  }
  try {
    await flash(empty);
    assert.unreachable();
  } catch (error) {
    assert.is((error as BrownoutError).code, 'E_FIRMWARE');
  }
});

test.run();
