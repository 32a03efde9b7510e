// The C interface, as a stranger uses it: numbers of a sensor in, a label out, by CMake, at the desk and on an emulated
// Cortex-M4; and what it says of every tensor, against the desk's own rules.
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode } from '../assembly/error.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import type { ExportOptions } from '../host/export/options.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { writeFiles } from '../host/firmware/build-elf.js';
import { NvmFile, runOnBoard } from '../host/firmware/qemu.js';
import { commonFiles, firmwareModule } from '../host/firmware/sources.js';
import { boardCalled } from '../host/firmware/targets.js';
import { Random } from '../host/math/random.js';
import { quantizeValues } from '../host/model/affine.js';
import { type Image, readImage } from '../host/model/image.js';
import { elementCount, type TensorSpec } from '../host/model/quantized-network.js';
import { run } from '../host/run/run.js';
import { compileUnproved } from './util/compile.js';
import { boardPackages, compileNative, hasPrograms, temporaryFolder } from './util/native.js';
import { sumOfTwo } from './util/sum-of-two.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const image = readImage(readFileSync(join(root, 'checkpoints/digits.brn')));
const stranger = join(root, 'test/c/stranger.c');
const cmake = { cmake: 'cmake', gcc: 'gcc', make: 'make' };
const board = boardCalled('qemu-mps2-an386');
const desk = hasPrograms('an application by CMake', cmake) ? test : test.skip;
const part = hasPrograms('an application on an emulated Cortex-M4', {
  ...cmake,
  ...boardPackages(board.name),
})
  ? test
  : test.skip;

/** What a sensor reads: a picture of the digits that are shipped, a little off the model's grid. */
const reading = Float32Array.from(image.sample!, (q, i) => {
  const { scale, zeroPoint } = image.metadata.input;
  return (q - zeroPoint) * scale + 0.3 * scale * Math.sin(i);
});

const CMAKE = `cmake_minimum_required(VERSION 3.13)
project(stranger C)
add_subdirectory(brownout)
add_executable(app main.c sensor.c)
target_link_libraries(app PRIVATE brownout_board)
`;

/** Builds the application around an export; returns the program. */
async function built(options: ExportOptions, ...define: string[]): Promise<string> {
  const folder = temporaryFolder('stranger');
  writeFirmwareFolder(join(folder, 'brownout'), (await exportFirmware(image, options)).files);
  copyFileSync(stranger, join(folder, 'main.c'));
  const numbers = [...reading].map((value) => `${Math.fround(value)}`).join(', ');
  const sensor = [
    '#include <string.h>',
    'void sense(float *reading);',
    `static const float values[] = {${numbers}};`,
    'void sense(float *reading) { memcpy(reading, values, sizeof values); }',
    '',
  ];
  writeFileSync(join(folder, 'sensor.c'), sensor.join('\n'));
  writeFileSync(join(folder, 'CMakeLists.txt'), CMAKE);
  execFileSync('cmake', ['-B', 'build', ...define], { cwd: folder, stdio: 'pipe' });
  execFileSync('cmake', ['--build', 'build'], { cwd: folder, stdio: 'pipe' });
  return join(folder, 'build/app');
}

/** What it must print. */
function expected(): string {
  const { scale, zeroPoint } = image.metadata.output;
  const data = Float32Array.from(reading);
  const [scores] = run(image, { input: { dtype: 'float32', shape: [28, 28, 1], data } }).outputs;
  const best = Math.max(...scores!);
  const sure = (best - zeroPoint) * scale > 4 ? 'surely' : 'perhaps';
  return `${image.metadata.classes![scores!.indexOf(best)]}, ${sure}`;
}

test('the application is 30 lines', () => {
  const lines = readFileSync(stranger, 'utf8').trimEnd().split('\n');
  assert.ok(lines.length <= 31, `${lines.length} lines`);
});

desk('at the desk: floats in, a label out, twice over one NVM', async () => {
  const app = await built({ target: 'posix', layout: 'cmake' });
  for (let life = 0; life < 2; life++)
    assert.is(execFileSync(app, { cwd: temporaryFolder('life'), encoding: 'utf8' }).trimEnd(), expected());
});

part('on an emulated Cortex-M4: the same, without a warning', async () => {
  const app = await built(
    { target: 'cortex-m4', layout: 'cmake' },
    '-DCMAKE_TOOLCHAIN_FILE=brownout/toolchain.cmake',
    '-DCMAKE_C_FLAGS=-mcpu=cortex-m4 -mthumb -DBROWNOUT_SEMIHOSTING -Wall -Wextra -Wconversion -Werror',
  );
  const nvm = new NvmFile(join(temporaryFolder('life'), 'nvm'), board);
  for (let life = 0; life < 2; life++) {
    const { lines, exitCode } = await runOnBoard(board, app, nvm.path);
    assert.equal([lines, exitCode], [[expected()], 0]);
  }
});

/** A program that quantizes lines of numbers on its input, tensor by tensor, and prints what C made of them. */
const VALUES = `#include <stdio.h>
#include "brownout.h"
static float real[BROWNOUT_INPUT_VALUES > BROWNOUT_OUTPUT_VALUES ? BROWNOUT_INPUT_VALUES : BROWNOUT_OUTPUT_VALUES];
static int8_t input[BROWNOUT_INPUT_BYTES], output[BROWNOUT_OUTPUT_BYTES];
int main(void) {
  uint32_t t, i;
  unsigned bits;
  int byte;
  for (t = 0; t < BROWNOUT_INPUTS; t++) {
    for (i = 0; i < brownout_inputs[t].values; i++) {
      union { unsigned u; float f; } both;
      if (scanf("%x", &bits) != 1) return 1;
      both.u = bits;
      real[i] = both.f;
    }
    printf("%s %u\\n", brownout_inputs[t].name, (unsigned)brownout_quantize(&brownout_inputs[t], real, input));
  }
  for (i = 0; i < sizeof input; i++) printf("%d ", input[i]);
  for (i = 0; i < sizeof output; i++) {
    if (scanf("%d", &byte) != 1) return 1;
    output[i] = (int8_t)byte;
  }
  for (t = 0; t < BROWNOUT_OUTPUTS; t++) {
    brownout_dequantize(&brownout_outputs[t], output, real);
    printf("\\n%s %u", brownout_outputs[t].name, (unsigned)brownout_argmax(&brownout_outputs[t], output));
    for (i = 0; i < brownout_outputs[t].values; i++) printf(" %.9g", real[i]);
  }
  printf("\\n%s %s %s\\n", brownout_error_name(BROWNOUT_E_CURSOR), brownout_error_name(-17), brownout_error_name(3));
  return 0;
}
`;

/** Reals at, beside and far from every rounding boundary. */
function hardReals(tensor: TensorSpec, random: Random): Float32Array {
  const { scale } = tensor;
  const odd = [0, -0, Infinity, -Infinity, 1e30, -1e30, 1e-40, 3.4e38];
  return Float32Array.from({ length: elementCount(tensor) }, (_, i) => {
    if (i < odd.length) return odd[i]!;
    const step = Math.round((random.uniform(0, 1) - 0.5) * (tensor.dtype === 'int16' ? 70_000 : 700));
    // A tie, or one of the floats next to it.
    const tie = Math.fround((step + 0.5) * scale);
    const ulp = Math.abs(tie) * 2 ** -24;
    return tie + ulp * Math.round((random.uniform(0, 1) - 0.5) * 6);
  });
}

const bitsOf = (value: number): string => new Uint32Array(Float32Array.of(value).buffer)[0]!.toString(16);

/** Compares what C says of an image with what the desk says. */
async function checkValues(name: string, of: Image): Promise<void> {
  const random = new Random(7);
  const { input, output, inputs, outputs } = of.metadata;
  const given = inputs ?? [{ name: 'input', tensor: input }];
  const got = outputs ?? [{ name: 'output', tensor: output }];
  const folder = temporaryFolder('values');
  writeFiles(folder, commonFiles(of, await firmwareModule(of)));
  writeFileSync(join(folder, 'main.c'), VALUES);
  const sources = ['main.c', 'brownout_values.c', 'brownout_model.c'].map((file) => join(folder, file));
  compileNative(join(folder, 'values'), sources, ['-I', folder, '-Wconversion']);
  const reals = given.map(({ tensor }) => hardReals(tensor, random));
  const answer = Int8Array.from(
    { length: of.output.bytes },
    () => Math.floor(random.uniform(0, 1) * 256) - 128,
  );
  const text = [...reals.map((list) => [...list].map(bitsOf).join(' ')), answer.join(' ')].join('\n');
  const out = execFileSync(join(folder, 'values'), { input: text, encoding: 'utf8' }).split('\n');
  const codes = given.map(({ tensor }, i) => quantizeValues(reals[i]!, tensor));
  given.forEach(({ name: title, tensor }, i) => {
    const most = tensor.dtype === 'int16' ? 32767 : 127;
    const outside = [...reals[i]!].filter((value) => {
      const q = value / tensor.scale;
      const rounded = Math.sign(q) * Math.round(Math.abs(q)) + tensor.zeroPoint;
      return rounded > most || rounded < -most - 1;
    });
    assert.match(out[i]!, new RegExp(`^${title} ${outside.length}$`), name);
  });
  const bytes = (lists: readonly ArrayLike<number>[]): string =>
    Buffer.concat(
      lists.map((list) => {
        const each = list as Int8Array | Int16Array;
        return Buffer.from(each.buffer, each.byteOffset, each.byteLength);
      }),
    )
      .toJSON()
      .data.map((byte) => (byte << 24) >> 24)
      .join(' ');
  assert.is(out[given.length]!.trim(), bytes(codes), `${name}: integers`);
  let at = 0;
  got.forEach(({ name: title, tensor }, i) => {
    const size = elementCount(tensor);
    const wide = tensor.dtype === 'int16';
    const buffer = answer.slice(at, at + size * (wide ? 2 : 1)).buffer;
    const values = [...(wide ? new Int16Array(buffer) : new Int8Array(buffer))];
    at += size * (wide ? 2 : 1);
    const [found, best, ...real] = out[given.length + 1 + i]!.split(' ');
    assert.equal([found, Number(best)], [title, values.indexOf(Math.max(...values))], name);
    const wanted = values.map((q) => Math.fround((q - tensor.zeroPoint) * tensor.scale));
    assert.equal(
      real.map((text) => Math.fround(Number(text))),
      wanted,
      name,
    );
  });
  assert.is(out.at(-2), `E_CURSOR ${ErrorCode[-17]} E_?`, name);
}

const values = hasPrograms('the C interface’s numbers', { gcc: 'gcc' }) ? test : test.skip;
values(
  'every tensor: integers from reals, reals from integers, the largest, as the desk has them',
  async () => {
    await checkValues('digits', image);
    await checkValues('several inputs', readImage(compileUnproved(sumOfTwo())));
  },
);

test.run();
