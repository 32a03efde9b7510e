// Kernels on the MSP430's LEA: the folder that `export` writes, with a model of TI's library in the place of it, which does not come
// with this; on `mspdebug sim`, which has no LEA, what the core does beside it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { analyze } from '../host/analyze/analyze.js';
import { analyzeText } from '../host/analyze/report.js';
import type { BrownoutError } from '../host/error.js';
import { OP_FLAG_ROWS } from '../assembly/layout.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { meteredBoots } from '../host/compare/strategies/boot.js';
import { exportText } from '../host/export/report.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { findHardware } from '../host/firmware/hardware.js';
import { packageText } from '../host/firmware/sources.js';
import { program } from '../host/flash/flash.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { recordOp } from '../host/ops/record.js';
import { deviceProfile } from '../host/profiles/index.js';
import { unitCostOf } from '../host/profiles/unit.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes, moduleFor } from '../host/toolchain/modules.js';
import { MSP430_PROGRAMS, Msp430, runC } from '../bench/mspdebug.js';
import { circulantNetwork, int8s, requantization, tensor } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { hasPrograms, temporaryFolder } from './util/native.js';

const DEVICE = 'msp430fr5994-lea';
const board = findHardware(DEVICE)!;
const imageOf = (network: QuantizedNetwork, device = DEVICE, capacitorUf = 100): Image =>
  readImage(compileUnproved(network, { device, capacitorUf }));
const large = { blockSize: 64, inputs: 256, outputs: 256, method: 'direct' } as const;

/** A convolution of windows that LEA takes, and a circulant layer of an odd number of blocks, the last in parts. */
function mixed(): QuantizedNetwork {
  const random = new Random(2);
  const [from, map, flat, to] = [[6, 6, 14], [4, 4, 7], [112], [40]].map((shape) => tensor(random, shape));
  const window = { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [0, 0] } as const;
  const between = (inputs: number, output: number) => ({ inputs: [inputs], output });
  return {
    name: 'mixed',
    tensors: [from!, map!, flat!, to!],
    ops: [
      {
        kind: 'conv2d',
        name: 'conv',
        ...between(0, 1),
        ...window,
        method: 'direct',
        weights: int8s(random, 9 * 14 * 7),
        ...requantization(random, 7, 70_000),
      },
      { kind: 'reshape', name: 'flat', ...between(1, 2) },
      {
        kind: 'circulant',
        name: 'fc',
        ...between(2, 3),
        blockSize: 16,
        method: 'direct',
        weights: int8s(random, 3 * 7 * 16),
        ...requantization(random, 40, 60_000),
      },
    ],
    input: 0,
    output: 3,
  };
}
const both = imageOf(mixed(), DEVICE, 1000);

/** A convolution of short windows, many outputs a command. */
function short(): QuantizedNetwork {
  const random = new Random(4);
  const [from, to] = [
    [6, 14, 1],
    [4, 10, 6],
  ].map((shape) => tensor(random, shape));
  const window = { kernel: [3, 5], stride: [1, 1], dilation: [1, 1], padding: [0, 0] } as const;
  const op = { kind: 'conv2d', name: 'conv', inputs: [0], output: 1, method: 'direct', ...window } as const;
  const weights = int8s(random, 15 * 6);
  return {
    ...{ name: 'short', tensors: [from!, to!], input: 0, output: 1 },
    ops: [{ ...op, weights, ...requantization(random, 6, 20_000) }],
  };
}
const few = imageOf(short(), DEVICE, 100);

const mspTest = hasPrograms('LEA of an MSP430', MSP430_PROGRAMS) ? test : test.skip;

/** NVM of the simulator after two inferences of nothing but zeros, and the answer. */
function golden(image: Image): { nvm: Uint8Array; answer: string } {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
  const device = new Device(module, { image, nvm, sramBytes: 65536 });
  const input = new Int8Array(image.input.bytes);
  let answer = '';
  for (const ticket of [1, 2]) {
    device.boot();
    answer = [...completeJob(device, image, { ticket, input }, {}, true).answer].join(' ');
  }
  return { nvm: comparableNvm(nvm.cells, image, true), answer };
}

test('the planner goes by what a device has: by LEA directly where that takes less, else as before', () => {
  const auto = { blockSize: 16, inputs: 256, outputs: 64, method: 'auto' } as const;
  for (const device of ['msp430fr5994', DEVICE, 'cortex-m4-generic']) {
    const network = circulantNetwork(new Random(3), auto);
    const least = (['direct', 'ntt'] as const).map((method) => {
      const by = circulantNetwork(new Random(3), { ...auto, method });
      return { method, uj: analyze(imageOf(by, device, 1000), { device }).energyMj };
    });
    const { ops } = analyze(imageOf(network, device, 1000), { device });
    const [first, second] = least.sort((a, b) => a.uj - b.uj);
    // Where the two are alike either will do.
    if (second!.uj > 1.1 * first!.uj) assert.match(ops[0]!.kind, first!.method, device);
    assert.is(ops[0]!.body === 'lea', device === DEVICE, device);
  }
});

test('analyze: the body, what it saves of the core, what of the energy is LEA’s', () => {
  const result = analyze(imageOf(circulantNetwork(new Random(6), large)));
  const core = analyze(imageOf(circulantNetwork(new Random(6), large), 'msp430fr5994'));
  const [op, alone] = [result.ops[0]!, core.ops[0]!];
  const { callCycles, callNj } = deviceProfile(DEVICE).accelerator!;
  // What TiNAS measured is the library's function; its instructions, counted, are not done here.
  assert.is(callCycles.value, 622 - 289);
  assert.is(op.body, 'lea');
  assert.is(alone.body, 'scalar');
  assert.is(alone.acceleratorUj, 0);
  // As said of the same tiles, views and all.
  const saved = 1 - op.cycles / alone.cycles;
  assert.ok(Math.abs(op.bodySaves - saved) < 0.1, `${op.bodySaves}, ${saved}`);
  const calls = 256 * (callNj.value + 256 * 0.503);
  assert.is(callNj.value, 110.1);
  assert.ok(Math.abs(op.acceleratorUj * 1000 - calls) < 1e-6, `${op.acceleratorUj}`);
  assert.match(analyzeText(result), /by vector unit +\d+ % of the energy, by constants that others/);
  assert.not.match(analyzeText(core), 'vector unit');
});

const exported = async (layout: string): Promise<{ folder: string; text: string }> => {
  const folder = join(temporaryFolder('lea'), 'app');
  const result = await exportFirmware(both, {
    board: DEVICE,
    layout,
  });
  return { folder, text: exportText(result, folder, writeFirmwareFolder(folder, result.files)) };
};

test('export: the body, its setting, LEA’s RAM in link.ld, and what only the user has', async () => {
  const { folder, text } = await exported('make');
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  assert.is(read('brownout_accel_lea.h'), packageText('brownout_accel_lea.h'));
  assert.match(read('brownout_settings.h'), '#define BROWNOUT_LEA 1');
  assert.match(read('link.ld'), 'LEARAM (rw) : ORIGIN = 0x00002c00, LENGTH = 3784');
  assert.match(read('link.ld'), 'SRAM (rw) : ORIGIN = 0x00001c00, LENGTH = 4096');
  for (const words of [text, read('PORTING.md')]) assert.match(words, 'MSP DSP Library');
  assert.match(text, 'no firmware.elf: it takes the MSP DSP Library');
  assert.not.ok(existsSync(join(folder, 'firmware.elf')));
  // The C was run here, LEA's calls by a model, and held against the module.
  if (hasPrograms('C held against the module', { gcc: 'gcc' })) assert.match(text, /C: run here, \d+ reads/);
  try {
    program(folder, { board, dryRun: true });
    assert.unreachable('not refused');
  } catch (error) {
    assert.is((error as BrownoutError).code, 'E_FIRMWARE');
  }
  const others = await exportFirmware(both, {
    board: 'msp430fr5994',
    verify: false,
  });
  assert.not.ok(others.files.has('brownout_accel_lea.h'));
});

/** A folder with a model of TI's library, built for the part. */
function library(): string {
  const folder = temporaryFolder('dsplib');
  mkdirSync(join(folder, 'include'));
  const header = packageText('boards/DSPLib.h').replace('"leaRAM"', '".leaRAM"');
  writeFileSync(join(folder, 'include/DSPLib.h'), header);
  writeFileSync(
    join(folder, 'lea.c'),
    `#include <DSPLib.h>
    volatile uint16_t LEAPMS0, LEAPMS1, LEAPMCTL, msp_lea_ifg;
    void msp_lea_init(void) {}
    bool msp_lea_acquireLock(void) { return true; }
    void msp_lea_freeLock(void) {}
    void msp_lea_invokeCommand(uint16_t command) { msp_lea_ifg = command; }\n`,
  );
  const flags = ['-Oz', '--target=msp430', '-mhwmult=16bit', '-ffreestanding', '-Iinclude'];
  execFileSync('clang', [...flags, '-c', 'lea.c', '-o', 'lea.o'], { cwd: folder });
  execFileSync('llvm-ar', ['rc', 'libdsplib.a', 'lea.o'], { cwd: folder, stdio: 'pipe' });
  return folder;
}

const builders = { ...MSP430_PROGRAMS, make: 'make', cmake: 'cmake' };
const buildTest = hasPrograms('folders for LEA', builders) ? test : test.skip;

buildTest(
  'with the library make and cmake build what flash takes; without it they say what is missing',
  async () => {
    const dsplib = library();
    for (const layout of ['make', 'cmake']) {
      const { folder } = await exported(layout);
      const run = (given: string[]): string => {
        const command =
          layout === 'make'
            ? ['make', ...given]
            : [
                'cmake',
                '-B',
                'build',
                '-DCMAKE_TOOLCHAIN_FILE=toolchain.cmake',
                ...given.map((one) => `-D${one}`),
              ];
        try {
          execFileSync(command[0]!, command.slice(1), { cwd: folder, stdio: 'pipe', encoding: 'utf8' });
          if (layout === 'cmake') execFileSync('cmake', ['--build', 'build'], { cwd: folder, stdio: 'pipe' });
          return '';
        } catch (error) {
          return (error as { stderr: string }).stderr;
        }
      };
      assert.match(run([]), /give (-D)?DSPLIB=FOLDER/, layout);
      assert.is(run([`DSPLIB=${dsplib}`]), '', layout);
      const symbols = execFileSync('llvm-nm', [join(folder, 'firmware.elf')], { encoding: 'utf8' });
      const at = (name: string): number =>
        Number.parseInt(new RegExp(`^(\\w+) \\w ${name}$`, 'm').exec(symbols)![1]!, 16);
      // LEA's RAM has its operands, and nothing of ours reaches into it.
      const sections = execFileSync('llvm-size', ['-A', '-x', join(folder, 'firmware.elf')], {
        encoding: 'utf8',
      });
      const [, bytes, from] = /^\.leaRAM +0x(\w+) +0x(\w+)/m
        .exec(sections)!
        .map((text) => Number.parseInt(text, 16));
      assert.is(from, 0x2c00);
      assert.ok(bytes! >= 3588 && bytes! <= 3784, `${bytes} bytes in LEA's RAM`);
      assert.ok(at('accel_lea_ram') >= 0x2c00 && at('accel_lea_sum') < 0x3ac8);
      assert.ok(at('brownout_link_stack_top') <= 0x2c00, layout);
      assert.ok(program(folder, { board, dryRun: true }).command.includes('tilib'), layout);
    }
  },
);

/** What test/c/lea-asm.c counts: how many of so many results differ from what plain C makes, of each function; of how many kinds. */
mspTest('assembler: what rounds by upper bits, splits weights, lays out and adds is as C does it', () => {
  const source = fileURLToPath(new URL('../../test/c/lea-asm.c', import.meta.url));
  const counts = new Uint16Array(runC(readFileSync(source, 'utf8'), 16).buffer);
  const [tried, rounded, columns, split, spread, combined, nearer, whole] = counts;
  assert.equal([rounded, columns, split, spread, combined], [0, 0, 0, 0, 0]);
  assert.ok(tried! > 3000 && nearer! > 100 && whole! > 300, `${counts}`);
});

mspTest('one command an output, and cycles as the cost model has them', async () => {
  const network = circulantNetwork(new Random(6), large);
  const [alone, image] = [imageOf(network, 'msp430fr5994'), imageOf(network)];
  const cyclesOf = (part: Msp430): number => part.run([], { nvm: part.run().nvm }).cycles;
  const core = cyclesOf(await Msp430.build(alone));
  const beside = cyclesOf(await Msp430.build(image, [], 'core'));
  // LEA's own time is TiNAS's less the library's (host/profiles/msp430fr5994.ts).
  const { cycles: own } = unitCostOf(image.ops[0]!, deviceProfile(DEVICE));
  assert.is(own, large.outputs * (333 + large.inputs * 1.5));
  console.log(`256 × 256, k = 64: ${core} cycles by the core; ${beside} beside LEA, ${own} its own`);
  assert.ok(beside + own < 0.7 * core, `${beside} + ${own}, ${core} without`);
  // Submitting and commits come on top of what the boot and kernels take.
  const { cycles: boot } = meteredBoots(image, deviceProfile(DEVICE)).first;
  const modelled = analyze(image).cycles + boot;
  assert.ok(
    beside + own > modelled && beside + own < 1.42 * modelled,
    `${beside + own}, modelled ${modelled}`,
  );
});

test('short windows are planned for the matrix command', () => {
  const [op] = few.ops;
  assert.ok(op!.has(OP_FLAG_ROWS));
  assert.ok((recordOp(op!).work(op!).all.counts['unitMatrix'] ?? 0) > 0);
});

for (const [what, image] of [
  ['an output a command', both],
  ['many outputs a command', few],
] as const) {
  mspTest(`${what}: lives that end at any instruction change nothing, LEA’s RAM being lost each time`, () =>
    lives(image),
  );
}

async function lives(image: Image): Promise<void> {
  const part = await Msp430.build(image, [], 'whole');
  assert.ok(analyze(image).ops.every(({ body }) => body === 'lea'));
  const input = new Int8Array(image.input.bytes);
  const wanted = golden(image);
  const whole = part.run([], { input });
  // TI's library and its interrupt take some more than the model of it.
  const { coreStackBytes } = board.unit!;
  assert.ok(
    whole.stackBytes > 100 && whole.stackBytes <= 0.65 * coreStackBytes,
    `${whole.stackBytes} bytes of stack`,
  );
  assert.match(whole.lines[0]!, `ticket 1 answer ${wanted.answer}`);
  const random = new Random(5);
  const cuts = Array.from({ length: 24 }, () => 1 + random.integer(Math.ceil(whole.instructions / 30)));
  const { nvm, lines } = part.run(cuts, { input, nvm: whole.nvm });
  assert.match(lines.at(-1)!, `ticket 2 answer ${wanted.answer}`);
  assert.is(firstDifference(comparableNvm(nvm, image, true), wanted.nvm), -1);
}

test.run();
