// Exports in every layout, built as far as their tools can be had; programs as HEX, BIN and UF2; commands for boards.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { main } from '../host/cli.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { loadSegments, programForms } from '../host/firmware/binaries.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import type { ExportOptions } from '../host/export/options.js';
import { hardwareNames } from '../host/firmware/hardware.js';
import { readImage } from '../host/model/image.js';
import { run } from '../host/run/run.js';
import { MSP430_PROGRAMS } from '../bench/mspdebug.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const path = join(root, 'checkpoints/digits.brn');
const image = readImage(readFileSync(path));
const [scores] = run(image).outputs;
const answer = scores!.join(' ');
const label = scores!.indexOf(Math.max(...scores!));
const arm = {
  'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi',
  'arm-none-eabi-objcopy': 'binutils-arm-none-eabi',
};
const cmake = { cmake: 'cmake', gcc: 'gcc', make: 'make' };
const cmakeTest = hasPrograms('CMake and Zephyr layouts', cmake) ? test : test.skip;
const crossTest = hasPrograms('CMake with a cross compiler', { ...cmake, ...arm }) ? test : test.skip;
const armTest = hasPrograms('HEX, BIN and UF2', arm) ? test : test.skip;
const hostTest = hasPrograms('imports for wasm3 and WAMR', { gcc: 'gcc' }) ? test : test.skip;
const cppTest = hasPrograms('the Arduino layout', { clang: 'clang', gcc: 'gcc' }) ? test : test.skip;

async function exported(options: ExportOptions): Promise<string> {
  const folder = join(temporaryFolder('layout'), 'brownout');
  writeFirmwareFolder(folder, (await exportFirmware(image, options)).files);
  return folder;
}

const build = (folder: string, ...options: string[]): void => {
  execFileSync('cmake', ['-B', 'build', ...options], { cwd: folder, stdio: 'pipe' });
  execFileSync('cmake', ['--build', 'build'], { cwd: folder, stdio: 'pipe' });
};

cmakeTest('CMake, posix: builds, and gives the simulator’s answer', async () => {
  const folder = await exported({ target: 'posix', layout: 'cmake' });
  build(folder);
  const out = execFileSync('./build/firmware', { cwd: folder, encoding: 'utf8' });
  assert.is(out, `ticket 1 answer ${answer} class ${label}\n`);
});

crossTest('CMake, Cortex-M4: builds with the toolchain file', async () => {
  const folder = await exported({ layout: 'cmake' });
  build(folder, '-DCMAKE_TOOLCHAIN_FILE=toolchain.cmake');
  const segments = loadSegments(readFileSync(join(folder, 'firmware.elf')));
  assert.is(segments[0]!.address, 0);
});

/** The functions of Zephyr's build system that a module calls, as its documentation describes them. */
const ZEPHYR = `cmake_minimum_required(VERSION 3.20)
project(shim C)
set(CONFIG_BROWNOUT y)
add_library(zephyr_interface INTERFACE)
macro(zephyr_include_directories)
  target_include_directories(zephyr_interface INTERFACE \${ARGV})
endmacro()
macro(zephyr_library)
  add_library(module STATIC)
  target_link_libraries(module PRIVATE zephyr_interface)
endmacro()
macro(zephyr_library_sources)
  target_sources(module PRIVATE \${ARGV})
endmacro()
add_subdirectory(MODULE/zephyr module)
`;

cmakeTest(
  'Zephyr: module.yml names what is there, and the module builds by the rules of its functions',
  async () => {
    for (const nvm of ['mapped', 'spi-fram', 'flash']) {
      const folder = await exported({ layout: 'zephyr', nvm });
      const yml = readFileSync(join(folder, 'zephyr/module.yml'), 'utf8');
      assert.is(yml, 'name: brownout\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n');
      for (const file of ['zephyr/CMakeLists.txt', 'zephyr/Kconfig', 'samples/sense/prj.conf'])
        assert.ok(existsSync(join(folder, file)), file);
      const shim = temporaryFolder('zephyr');
      writeFileSync(join(shim, 'CMakeLists.txt'), ZEPHYR.replace('MODULE', folder));
      build(shim);
      const sample = readFileSync(join(folder, 'samples/sense/CMakeLists.txt'), 'utf8');
      assert.not.match(sample, /power/, 'no board, no monitor');
      for (const [source] of sample.matchAll(/src\/\S+\.c/g)) {
        assert.ok(existsSync(join(folder, 'samples/sense', source)), source);
      }
    }
  },
);

test('Zephyr and Arduino: the port of the board’s monitor comes with its threshold, or neither; the default with neither', async () => {
  for (const [layout, place] of [
    ['zephyr', 'samples/sense/src/'],
    ['arduino', 'src/'],
  ] as const)
    for (const board of ['nrf52840dk', 'stm32l4-disco', 'rp2040'])
      for (const nvm of ['spi-fram', 'flash']) {
        const { files } = await exportFirmware(image, { board, nvm, layout, verify: false });
        const textOf = (name: string): string => Buffer.from(files.get(name)!).toString();
        const ports = [...files.keys()].filter((name) => name.includes('brownout_port_power_'));
        const settings = textOf([...files.keys()].find((name) => name.endsWith('brownout_settings.h'))!);
        const monitored = nvm !== 'flash';
        assert.is(ports.length, monitored ? 1 : 0, `${board} ${nvm} ${layout}`);
        assert.is(/BROWNOUT_POWER_THRESHOLD/.test(settings), monitored);
        for (const port of ports) {
          assert.ok(port.startsWith(place), port);
          if (layout === 'zephyr')
            assert.ok(textOf('samples/sense/CMakeLists.txt').includes(port.replace('samples/sense/', '')));
        }
      }
});

cppTest(
  'Arduino, archived as PlatformIO does: one function says whether power is low, the port’s where there is one',
  async () => {
    for (const [options, kind] of [
      [{ nvm: 'eeprom' }, 'W'],
      [{ board: 'nrf52840dk', nvm: 'eeprom' }, 'T'],
    ] as const) {
      const folder = await exported({ ...options, layout: 'arduino' });
      const cwd = temporaryFolder('arduino');
      execFileSync('sh', ['-c', `gcc -std=gnu11 -c ${folder}/src/*.c && ar rcs all.a *.o`], {
        cwd,
        stdio: 'pipe',
      });
      const symbols = execFileSync('nm', ['all.a'], { cwd, encoding: 'utf8' });
      assert.equal(symbols.match(/[TW] brownout_power_low$/gm), [`${kind} brownout_power_low`]);
    }
  },
);

const ARDUINO_H = `#include <stdint.h>
struct Port { void begin(long) {} template <typename T> void print(T) {} void println() {} void println(const char *) {} };
static Port Serial;
static void delay(unsigned long) {}
`;

cppTest('Arduino: library.properties by the specification, sources and sketch compile', async () => {
  const folder = await exported({ layout: 'arduino', nvm: 'eeprom' });
  const lines = readFileSync(join(folder, 'library.properties'), 'utf8').trim().split('\n');
  const properties = new Map(lines.map((line) => line.split('=') as [string, string]));
  // Arduino Library Specification 1.5: required fields.
  const required = ['name', 'version', 'author', 'maintainer', 'sentence', 'paragraph', 'category', 'url'];
  for (const name of [...required, 'architectures']) assert.ok(properties.get(name), name);
  assert.match(properties.get('version')!, /^\d+\.\d+\.\d+$/);
  assert.ok(existsSync(join(folder, 'src', properties.get('includes')!)));
  const json = JSON.parse(readFileSync(join(folder, 'library.json'), 'utf8')) as { name: string };
  assert.is(json.name, properties.get('name'));
  const work = temporaryFolder('arduino');
  mkdirSync(join(work, 'src'));
  execFileSync('sh', ['-c', `gcc -std=gnu11 -c ${folder}/src/*.c`], { cwd: work, stdio: 'pipe' });
  writeFileSync(join(work, 'Arduino.h'), ARDUINO_H);
  const sketch = join(folder, 'examples/Sense/Sense.ino');
  const include = ['-I', join(folder, 'src'), '-I', work, '-include', 'Arduino.h'];
  execFileSync('clang', ['-x', 'c++', ...include, '-Wall', '-Werror', '-c', sketch, '-o', 'sketch.o'], {
    cwd: work,
    stdio: 'pipe',
  });
});

armTest('HEX and BIN are objcopy’s; UF2 holds the same bytes', async () => {
  const folder = await exported({ board: 'rp2040', nvm: 'spi-fram' });
  const copy = (format: string): Buffer => {
    execFileSync('arm-none-eabi-objcopy', ['-O', format, 'firmware.elf', 'theirs'], { cwd: folder });
    return readFileSync(join(folder, 'theirs'));
  };
  const binary = copy('binary');
  // Gaps are zeros there.
  assert.is(readFileSync(join(folder, 'firmware.bin')).length, binary.length);
  execFileSync('arm-none-eabi-objcopy', ['-I', 'ihex', '-O', 'binary', 'firmware.hex', 'from-hex'], {
    cwd: folder,
  });
  assert.equal(readFileSync(join(folder, 'from-hex')), binary);
  const file = readFileSync(join(folder, 'firmware.uf2'));
  const start = 0x1000_0000;
  const found = Buffer.alloc(binary.length);
  for (let at = 0; at < file.length; at += 512) {
    const block = file.subarray(at, at + 512);
    const word = (offset: number): number => block.readUInt32LE(offset);
    assert.equal([word(0), word(4), word(508)], [0x0a32_4655, 0x9e5d_5157, 0x0ab1_6f30]);
    assert.equal([word(8), word(16), word(28)], [0x2000, 256, 0xe48b_ff56]);
    assert.equal([word(20), word(24)], [at / 512, file.length / 512]);
    block.copy(found, word(12) - start, 32, 32 + 256);
  }
  assert.equal(found, readFileSync(join(folder, 'firmware.bin')));
});

test('UF2: blocks are aligned where the program is not', () => {
  const file = Buffer.from(
    programForms([{ address: 0x1010, bytes: Uint8Array.of(1, 2, 3) }], 7).get('firmware.uf2')!,
  );
  assert.is(file.length, 512);
  assert.is(file.readUInt32LE(12), 0x1000);
  assert.equal([...file.subarray(32 + 15, 32 + 20)], [0xff, 1, 2, 3, 0xff]);
});

/** One export for all tests of it. */
const wasmExport = exportFirmware(image, { target: 'wasm', nvm: 'spi-fram' });

test('wasm: module, image, and what the module imports, for wasm3 and WAMR', async () => {
  const { files, note } = await wasmExport;
  const module = new WebAssembly.Module(new Uint8Array(files.get('brownout_module.wasm')!));
  const imports = WebAssembly.Module.imports(module);
  assert.ok(imports.length >= 4);
  for (const host of ['brownout_host_wasm3.c', 'brownout_host_wamr.c']) {
    const text = Buffer.from(files.get(host)!).toString();
    for (const { module: from, name } of imports)
      assert.ok(text.includes(`"${from}"`) && text.includes(`"${name}"`), host);
  }
  assert.equal(files.get('image.bin'), image.device);
  assert.match(note!, /65536 bytes, of which it uses \d+/);
});

/** Folder of the wasm export, and of C that stands beside it in tests. */
async function wasmFolder(): Promise<{ folder: string; sources: string }> {
  const folder = join(temporaryFolder('wasm'), 'brownout');
  writeFirmwareFolder(folder, (await wasmExport).files);
  return { folder, sources: join(root, 'test/c') };
}

hostTest('wasm: imports refuse whatever reaches outside of memory, NVM and image', async () => {
  const { folder, sources } = await wasmFolder();
  for (const [runtime, flags] of [
    ['wasm3', ['-DWASM3']],
    ['WAMR', []],
  ] as const) {
    const program = join(folder, runtime);
    const own = [join(sources, 'runtimes.c'), join(folder, 'brownout_model.c')];
    const sanitized = [
      '-O1',
      '-Wno-unused-parameter',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=all',
    ];
    compileNative(program, own, [...flags, ...sanitized, '-I', folder, '-I', join(sources, 'runtimes')]);
    const out = execFileSync(program, ['100000'], { encoding: 'utf8' });
    const [refused, taken] = out.split(' ').map(Number);
    assert.ok(refused! > 20_000 && taken! > 5000, `${runtime}: ${out}`);
  }
});

const wasm3 = process.env['BROWNOUT_WASM3'];
if (wasm3 === undefined)
  console.log('skipped: a job on wasm3. To enable: set BROWNOUT_WASM3 to the folder of its sources');
const wasm3Test = wasm3 === undefined ? test.skip : hostTest;
wasm3Test('wasm: wasm3 gives the simulator’s answer', async () => {
  const { folder, sources } = await wasmFolder();
  const runtime = readdirSync(wasm3!).filter((name) => /^m3_.*\.c$/.test(name));
  const own = ['brownout_model.c', 'brownout_host_wasm3.c'].map((name) => join(folder, name));
  const program = join(folder, 'job');
  const all = [join(sources, 'runtime-job.c'), ...own, ...runtime.map((name) => join(wasm3!, name))];
  execFileSync('gcc', ['-O1', '-w', '-I', wasm3!, '-I', folder, ...all, '-o', program, '-lm']);
  const input = Buffer.from(image.sample!.buffer, image.sample!.byteOffset, image.input.bytes);
  const out = execFileSync(program, [join(folder, 'brownout_module.wasm')], { input });
  assert.is([...new Int8Array(out)].join(' '), answer);
});

armTest(
  'flash --dry-run prints the command of each board, and refuses a program for other memories',
  async () => {
    const { log } = console;
    const say = async (...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> => {
      let out = '';
      console.log = (line: string) => {
        out += line;
      };
      const code = await main([...args, '--json']).finally(() => {
        console.log = log;
      });
      return { code, json: JSON.parse(out) as Record<string, unknown> };
    };
    // The program for LEA takes a library (`npm test -- lea`).
    for (const board of hardwareNames.filter((name) => !name.endsWith('-lea'))) {
      const isMsp = board === 'msp430fr5994';
      if (isMsp && !hasPrograms('programming an MSP430', MSP430_PROGRAMS)) continue;
      const folder = await exported({ board, nvm: isMsp ? 'mapped' : 'flash' });
      const { code, json } = await say('flash', folder, '--board', board, '--dry-run');
      assert.equal([code, json['board'], json['programmed']], [0, board, false]);
      assert.match(
        (json['command'] as string[]).join(' '),
        isMsp ? /^mspdebug tilib prog / : board === 'rp2040' ? /^cp .*uf2/ : /^openocd -f board\//,
      );
    }
    const elsewhere = await exported({ nvm: 'spi-fram' });
    const { code, json } = await say('flash', elsewhere, '--board', 'stm32l4-disco', '--dry-run');
    assert.equal([code, (json['error'] as { code: string }).code], [2, 'E_FIRMWARE']);
  },
);

test.run();
