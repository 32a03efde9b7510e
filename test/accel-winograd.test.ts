// Bodies of accel.winograd_* on one stream of random layers: plain C, assembler on an emulated Cortex-M4 and M33, and Node's,
// which is written from the definition. More channels than the assembler has code for, extremes, every clamp and scale.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scale } from '../host/model/fixed-point.js';
import { acceleratorImports } from '../host/simulator/accelerator.js';
import { testOnBoards } from './util/accel-boards.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';

const source = fileURLToPath(new URL('../../test/c/winograd.c', import.meta.url));
const [W, V, U, OUTPUT, BIASES, PAIRS, ROOM] = [4096, 16384, 32768, 49152, 53248, 54272, 57344] as const;

/** What test/c/winograd.c prints, computed here. The outputs of each layer are also those of the convolution itself. */
function stream(): string {
  const memory = new Uint8Array(65536);
  const view = new DataView(memory.buffer);
  const accel = acceleratorImports(() => memory);
  let state = 1;
  let sum = 0;
  const next = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) >>> 8) % limit;
  };
  const fill = (at: number, bytes: number): void => {
    const mode = next(4);
    for (let i = 0; i < bytes; i++) memory[at + i] = mode ? next(256) : [128, 127, 129, 0][next(4)]!;
  };
  const scales = (rows: number): void => {
    const plain = next(2);
    for (let row = 0; row < rows; row++) {
      const odd = plain ? 1 : next(8);
      let bias = next(1 << 20) - (1 << 19);
      let multiplier = (1 << 30) + (next(1 << 15) << 15);
      if (!odd) {
        bias = next(2) ? 0x70000000 : -0x70000000;
        multiplier = next(1 << 20);
      }
      view.setInt32(BIASES + row * 4, bias, true);
      view.setInt32(PAIRS + row * 8, multiplier, true);
      view.setInt32(PAIRS + row * 8 + 4, odd ? -(8 + next(12)) : next(4), true);
    }
  };
  const add = (at: number, bytes: number): void => {
    for (let i = 0; i < bytes; i++) sum = Math.imul(sum ^ memory[at + i]!, 16777619);
  };
  for (let round = 0; round < 150; round++) {
    const channels = 4 + 4 * next(6);
    const [rows, blocks] = [1 + next(5), 1 + next(5)];
    const pairs = Math.ceil(blocks / 2);
    const bytes = (4 * pairs + 2 + next(2)) * channels;
    const [stride, zero] = [next(2) * 8, next(256) - 128];
    const low = next(2) ? -128 : next(100) - 128;
    const high = next(2) ? 127 : next(100);
    const pixel = rows + next(3);
    const across = 2 * blocks * pixel + next(3);
    fill(0, 4 * bytes);
    fill(W, rows * channels * 9);
    scales(rows);
    accel.winograd_input_s8(0, bytes, pairs, channels, V);
    for (let row = 0; row < rows; row += 2)
      accel.winograd_weights_s8(
        W + row * channels * 9,
        Math.min(rows - row, 2),
        channels,
        U + row * channels * 32,
      );
    memory.fill(0, OUTPUT, OUTPUT + 512);
    const rounding = [BIASES, PAIRS, stride, zero, low, high] as const;
    accel.winograd_s8(V, blocks, U, rows, channels, ...rounding, OUTPUT, pixel, across, ROOM);
    add(V, pairs * channels * 64);
    add(U, Math.floor(rows / 2) * channels * 64);
    add(OUTPUT, 512);
    // The definition of the convolution.
    for (const [y, x, row] of places(2, 2 * blocks, rows)) {
      let y32 = view.getInt32(BIASES + row * 4, true);
      for (const [ky, kx, c] of places(3, 3, channels))
        y32 +=
          view.getInt8((y + ky) * bytes + (x + kx) * channels + c) *
          view.getInt8(W + (row * 9 + ky * 3 + kx) * channels + c);
      const pair = PAIRS + row * stride;
      const scaled = scale(y32, view.getInt32(pair, true), view.getInt32(pair + 4, true)) + zero;
      assert.is(view.getInt8(OUTPUT + y * across + x * pixel + row), Math.max(Math.min(scaled, high), low));
    }
  }
  return (sum >>> 0).toString(16).padStart(8, '0');
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
/** All triples below three limits. */
const places = (a: number, b: number, c: number): [number, number, number][] =>
  range(a).flatMap((i) => range(b).flatMap((j) => range(c).map((k): [number, number, number] => [i, j, k])));

let checksum = '';
test('Node: outputs are those of the convolution', () => {
  checksum = stream();
});

const native = hasPrograms('Winograd in C', { gcc: 'gcc' }) ? test : test.skip;
native('plain C: the same bytes as in Node', () => {
  const folder = temporaryFolder('winograd');
  const board = join(folder, 'board.c');
  writeFileSync(
    board,
    '#include <stdio.h>\n#include "brownout_board.h"\nvoid brownout_board_print(const char *text) { fputs(text, stdout); }\n',
  );
  for (const flags of [
    ['-O2'],
    ['-O1', '-fsanitize=undefined', '-fno-sanitize-recover'],
    ['-DBROWNOUT_WASM_CHECKED'],
  ]) {
    const program = join(folder, 'winograd');
    compileNative(program, [source, board], flags);
    assert.is(execFileSync(program, { encoding: 'utf8' }).trim(), checksum, flags.join(' '));
  }
});

testOnBoards('Winograd on emulated boards', source, () => checksum, 'smuad');

test.run();
