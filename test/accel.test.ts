// Bodies of accel.* on one stream of random calls: plain C, C with the DSP extension on an emulated Cortex-M4 and M33, and
// Node's, which the kernel tests hold to the oracle. Extremes, huge biases, scales that grow, any alignment and length.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Windows, windowsCounts } from '../host/ops/shared/lea-windows.js';
import { acceleratorImports } from '../host/simulator/accelerator.js';
import { testOnBoards } from './util/accel-boards.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';

const source = fileURLToPath(new URL('../../test/accel.c', import.meta.url));
const [BIASES, PAIRS, WEIGHTS, OUTPUT] = [12288, 13312, 4096, 8192] as const;

/** What test/accel.c prints, computed here; the calls of gemm_s8: vectors times rows, and their length; of circulant_s8; and of windows_s8. */
function stream(): {
  checksum: string;
  gemms: [sums: number, length: number][];
  circulants: [k: number, blocks: number, outputs: number][];
  maps: Windows[];
} {
  const memory = new Uint8Array(16384);
  const view = new DataView(memory.buffer);
  const accel = acceleratorImports(() => memory);
  let state = 1;
  const next = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) >>> 8) % limit;
  };
  const scales = (rows: number): void => {
    for (let row = 0; row < rows; row++) {
      let bias = next(1 << 16) - (1 << 15);
      let multiplier = (1 << 30) + (next(1 << 15) << 15);
      if (next(8) === 0) bias = (next(2) ? 0x7ff00000 : 0x80100000) + next(256);
      if (next(16) === 0) multiplier = next(2) * next(1 << 20);
      view.setInt32(BIASES + row * 4, bias, true);
      view.setInt32(PAIRS + row * 8, multiplier, true);
      view.setInt32(PAIRS + row * 8 + 4, next(8) ? -next(32) : next(4), true);
    }
  };
  const pairOfInput = (): [multiplier: number, shift: number] => {
    const half = next(3);
    return [(1 << 30) + (half ? next(1 << 15) << 15 : 0), half ? 1 - next(6) : 0];
  };
  const gemms: [number, number][] = [];
  const circulants: [number, number, number][] = [];
  const maps: Windows[] = [];
  let sum = 0;
  for (let round = 0; round < 600; round++) {
    const [length, rows, vectors] = [1 + next(40), 1 + next(9), 1 + next(5)];
    const [stride, zero] = [next(2) * 8, next(256) - 128];
    const low = next(2) ? -128 : next(100) - 128;
    const high = next(2) ? 127 : next(100);
    const [offset, w, toStride] = [next(4), WEIGHTS + next(4), rows + next(3)];
    for (let at = 0; at < 12288; at++) memory[at] = next(3) ? next(256) : [128, 127, 129, 0][next(4)]!;
    scales(Math.max(rows, length));
    const rounding = [BIASES, PAIRS, stride, zero, low, high, OUTPUT];
    if (next(2)) {
      gemms.push([vectors * rows, length]);
      const room = next(2) ? 14336 : 0;
      accel.gemm_s8(offset, vectors, w, rows, length, ...rounding, toStride, room);
    } else {
      // Windows of 3 × 3 side by side have a way of their own.
      const square = next(2);
      const [height, width] = square ? [3, 3] : [1 + next(4), 1 + next(4)];
      const [across, step] = [length * (width + next(3)), length * (1 + next(square ? 2 : width))];
      const taps = [length, height, width, length];
      accel.depthwise_s8(offset, length, step, across, vectors, w, ...taps, ...rounding);
    }
    const [count, up] = [1 + next(40), next(4) ? 20 : next(21)];
    const zeros = [next(256) - 128, next(256) - 128] as const;
    const third = (1 << 30) + (next(1 << 15) << 15);
    const shift = next(8) ? -(up ? up - next(3) : 0) : 0;
    const [first, second] = [pairOfInput(), pairOfInput()];
    const sums = [offset, w, count, up, zeros[0], ...first, zeros[1], ...second, third, shift] as const;
    accel.add_s8(...sums, zero, low, high, OUTPUT + 192);
    const [bits, many] = [1 + next(2), 1 + next(next(4) ? 40 : 400)];
    const room = [14336, next(4) ? next(513) * 4 : 0];
    const signed = [...rounding.slice(0, 6), OUTPUT + 128, toStride, ...room];
    accel.signs_s8(offset, vectors, w, bits, rows, many, ...signed);
    for (let at = OUTPUT + 128; at < OUTPUT + 256; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
    accel.nibbles_s8(offset, vectors, w, rows, many, ...signed.slice(0, 8), next(2) ? 14336 : 0);
    const k = 2 << next(6);
    const blocks = 1 + next(Math.min(7, Math.floor(600 / k)));
    const begin = next(2) ? next(k) : 0;
    const outputs = 1 + next(k - begin);
    scales(outputs);
    circulants.push([k, blocks, outputs]);
    const rounded = [...rounding.slice(0, 6), OUTPUT + 256, 14336];
    accel.circulant_s8(offset, w, k, blocks, begin, outputs, ...rounded);
    for (let at = OUTPUT; at < OUTPUT + 320; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
    const [tall, wide] = [1 + next(5), 1 + next(next(4) ? 6 : 24)];
    const pixel = 1 + next(Math.min(12, Math.floor(300 / (tall * wide))));
    const skip = 1 + next(Math.min(wide, 3));
    const windows = 1 + next(18);
    const across = (wide + (windows - 1) * skip) * pixel + next(9);
    const filters = 1 + next(7);
    const apart = filters + next(3);
    scales(filters);
    maps.push({ pixel, skip, height: tall, width: wide, count: windows, rows: filters });
    const at = [offset, pixel, skip * pixel, across, tall, wide, windows, w + 2048, filters] as const;
    accel.windows_s8(...at, ...rounding.slice(0, 6), 11264, apart);
    for (let at = 11264; at < 11264 + 160; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
  }
  for (let round = 0; round < 300; round++) {
    const [channels, inRows] = [1 + next(next(4) ? 8 : 24), next(3)];
    const height = inRows ? 1 + next(3) : 1;
    const width = 1 + next(4);
    const span = width * channels;
    const step = inRows ? (1 + next(width)) * channels : span;
    const windows = 1 + next(24);
    const across = (windows - 1) * step + span;
    const rows = 1 + next(9);
    const [toStride, offset, w, zero] = [rows + next(3), next(4), WEIGHTS + next(4), next(256) - 128];
    const low = next(2) ? -128 : next(100) - 128;
    const high = next(2) ? 127 : next(100);
    const room = next(5) ? next(1793) * 4 : 0;
    const two = next(2);
    if (height * across <= 4000) {
      for (let at = 0; at < 4096; at++) memory[at] = two ? next(2) * 2 : next(3);
      for (let at = 4096; at < 5120; at++) memory[at] = next(256);
      scales(rows);
      const rounded = [BIASES, PAIRS, next(2) * 8, zero, low, high, 13440, toStride, 5120, room];
      accel.xnor_s8(offset, windows, step, height, across, span, w, rows, ...rounded);
    }
    for (let at = 13440; at < 13440 + 320; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
  }
  // Sums of signs at their extremes: 72 fours of −128 and 127 at a time would leave 16 bits.
  for (const bits of [1, 2]) {
    for (let at = 0; at < 1152; at++) memory[at] = Math.floor(at / 288) % 2 ? 127 : 128;
    for (let at = 0; at < 144; at++) memory[1152 + at] = at < 36 * bits ? 0 : 255;
    for (const row of [0, 1]) {
      view.setInt32(BIASES + row * 4, 0, true);
      view.setInt32(PAIRS + row * 8, 1 << 30, true);
      view.setInt32(PAIRS + row * 8 + 4, -9, true);
    }
    accel.signs_s8(0, 4, 1152, bits, 2, 288, BIASES, PAIRS, 8, 0, -128, 127, 14336, 2, 1536, 10752);
    for (let at = 14336; at < 14336 + 8; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
  }
  // Weights of 4 bits at their extremes: 512 products of −8, or 7, and −128 on three vectors.
  for (const weights of [0x88, 0x77]) {
    memory.fill(128, 0, 1536).fill(weights, 1536, 1536 + 1024);
    for (const row of [0, 1, 2, 3]) {
      view.setInt32(BIASES + row * 4, 0, true);
      view.setInt32(PAIRS + row * 8, 1 << 30, true);
      view.setInt32(PAIRS + row * 8 + 4, -13, true);
    }
    accel.nibbles_s8(0, 3, 1536, 4, 512, BIASES, PAIRS, 8, 0, -128, 127, OUTPUT, 4, 14336);
    for (let at = OUTPUT; at < OUTPUT + 12; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
  }
  // Small ones, of whose sums each bit shows.
  for (let length = 16; length <= 80; length += 8) {
    for (let at = 0; at < length * 3; at++) memory[at] = next(3) - 1;
    for (let at = 1536; at < 1536 + length * 2; at++)
      memory[at] = ((next(3) - 1) & 15) | ((next(3) - 1) << 4);
    for (const row of [0, 1, 2, 3]) view.setInt32(PAIRS + row * 8 + 4, 1, true);
    accel.nibbles_s8(0, 3, 1536, 4, length, BIASES, PAIRS, 8, 0, -128, 127, OUTPUT, 4, 14336);
    for (let at = OUTPUT; at < OUTPUT + 12; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
  }
  // Levels at their extremes: 32 fours of 2 at a time would leave a byte.
  memory.fill(2, 0, 1024).fill(255, 1024, 1040);
  view.setInt32(BIASES, 0, true);
  view.setInt32(PAIRS, 1 << 30, true);
  view.setInt32(PAIRS + 4, -1, true);
  accel.xnor_s8(0, 8, 128, 1, 128, 128, 1024, 1, BIASES, PAIRS, 8, 0, -128, 127, 13440, 1, 1056, 11232);
  for (let at = 13440; at < 13440 + 8; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
  // Three windows so long that carry-save adders count their bits.
  for (let at = 0; at < 900; at++) memory[at] = next(3);
  for (let at = 1024; at < 1024 + 38; at++) memory[at] = next(256);
  accel.xnor_s8(0, 3, 300, 1, 300, 300, 1024, 1, BIASES, PAIRS, 8, 0, -128, 127, 13440, 1, 1064, 11224);
  for (let at = 13440; at < 13440 + 3; at++) sum = Math.imul(sum ^ memory[at]!, 16777619);
  return { checksum: (sum >>> 0).toString(16).padStart(8, '0'), gemms, circulants, maps };
}
const { checksum, gemms, circulants, maps } = stream();

const native = hasPrograms('accelerators in C', { gcc: 'gcc' }) ? test : test.skip;
native('plain C: the same bytes as in Node', () => {
  const folder = temporaryFolder('accel');
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
    const program = join(folder, 'accel');
    compileNative(program, [source, board], flags);
    assert.is(execFileSync(program, { encoding: 'utf8' }).trim(), checksum, flags.join(' '));
  }
});

/** Blocks of k side by side that LEA's RAM holds, with some rows of them; 0: not even one, with one. */
function blocksHeld(words: number, k: number, blocks: number, outputs: number): number {
  const holds = (together: number, rows: number): boolean =>
    together * k * (1 + (together % 2)) + together * (k + rows) <= words;
  for (let together = blocks; together > 1; together--)
    if (holds(together, Math.min(outputs, 32))) return together;
  return holds(1, 1) ? 1 : 0;
}

/** How often LEA is called, and on how many products, if its RAM holds `piece` of a row: an even number each time. */
function leaWork(vectors: number, piece: number): [calls: number, products: number] {
  let [calls, products] = [0, 0];
  for (const [sums, length] of gemms) {
    calls += sums * Math.ceil(length / piece);
    products += sums * (length + (length % 2));
  }
  for (const [k, blocks, outputs] of circulants) {
    const together = blocksHeld(vectors + piece, k, blocks, outputs);
    if (together === 0) continue;
    calls += outputs * Math.ceil(blocks / together);
    products += outputs * blocks * k;
  }
  // The cost model counts what the body does.
  for (const map of maps) {
    const { unitCall = 0, unitMac = 0 } = windowsCounts(map, vectors + piece);
    calls += unitCall;
    products += unitMac;
  }
  return [calls, products];
}

const standIn = fileURLToPath(new URL('../../test/c', import.meta.url));
const boards = fileURLToPath(new URL('../../firmware/boards', import.meta.url));
const sizes = (vectors: number, piece: number): string[] => [
  `-DBROWNOUT_ACCEL_LEA_VECTORS=${vectors}`,
  `-DBROWNOUT_ACCEL_LEA_ROW=${piece}`,
];

/** Lines that `program` prints with its products by test/c/lea.c. */
function onLea(flags: string[], program = source): string[] {
  const path = join(temporaryFolder('lea'), 'accel');
  const every = ['-DBROWNOUT_ACCEL_LEA_LEAST_ROW=1', '-DBROWNOUT_ACCEL_LEA_LEAST_VECTORS=1'];
  const lea = ['-DBROWNOUT_LEA', '-Wconversion', `-I${standIn}`, `-I${boards}`, ...every];
  compileNative(path, [program, join(standIn, 'lea.c')], [...lea, ...flags]);
  return execFileSync(path, { encoding: 'utf8' }).trim().split('\n');
}

// Rows whole, in pieces, and vectors that LEA's RAM does not hold; the smallest RAM.
for (const [vectors, piece] of [
  [1536, 256],
  [26, 8],
  [2, 2],
] as const) {
  const [calls, products] = leaWork(vectors, piece);
  native(`LEA, ${vectors} and ${piece} numbers in its RAM: the same bytes, every product there`, () => {
    for (const flags of [['-O2'], ['-O1', '-fsanitize=undefined', '-fno-sanitize-recover']]) {
      assert.equal(onLea([...sizes(vectors, piece), ...flags]), [
        checksum,
        `calls ${calls}, products ${products}, busy 0, errors 0`,
      ]);
    }
  });
  native(`LEA, ${vectors} and ${piece} numbers, busy at times: plain C steps in`, () => {
    const [sum, counts] = onLea([...sizes(vectors, piece), '-DLEA_BUSY_EVERY=3']);
    assert.is(sum, checksum);
    assert.match(counts!, `calls ${calls}, `);
    assert.match(counts!, `busy ${Math.floor(calls / 3)}, errors 0`);
  });
}

native('LEA: sums of the longest rows, all of −128 · −128, are exact', () => {
  const long = join(standIn, 'lea-long.c');
  // About as many products as a command takes, in RAM that LEA's addresses reach, and as many as there are by default.
  for (const [vectors, piece] of [
    [65520, 65520],
    [1536, 256],
  ] as const) {
    const lines = onLea([...sizes(vectors, piece), '-O2'], long);
    assert.equal(lines.slice(0, 4), Array(4).fill('5 5 5 5'));
    assert.match(lines[4]!, 'busy 0, errors 0');
  }
});

native('LEA that is another’s is left alone: the core computes', () => {
  assert.equal(onLea(['-DLEA_LOCKED']), [checksum, 'calls 0, products 0, busy 0, errors 0']);
});

native('LEA: a wrong sum shows', () => {
  const [sum] = onLea(['-DLEA_OFF_BY=2']);
  assert.is.not(sum, checksum);
});

testOnBoards('accelerators on emulated boards', source, () => checksum, 'smlad');

test.run();
