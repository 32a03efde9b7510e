// Bodies of accel.ntt_* on one stream of random layers: plain C, assembler on an emulated Cortex-M4 and M33, and Node's, which
// is written from the definition of the transform. Every block size, more blocks than are unrolled, every clamp and scale.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NTT_PRIME } from '../assembly/layout.js';
import { NTT_SIZES, nttTables, nttTwiddles } from '../host/firmware/ntt-tables.js';
import { acceleratorImports } from '../host/simulator/accelerator.js';
import { testOnBoards } from './util/accel-boards.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';

const source = fileURLToPath(new URL('../../test/c/transform.c', import.meta.url));
const [X, W, WORK, BIASES, PAIRS, OUTPUT] = [32768, 49152, 65536, 81920, 98304, 24576] as const;
const P = BigInt(NTT_PRIME);
const LAYERS = 80;
/** More blocks than the assembler goes through without a loop. */
const ALL = { sizes: NTT_SIZES, blocks: 40, clamped: true };

/** What test/c/transform.c prints, computed here. `clamped`: some layers to less than int8. */
function stream(clamped: boolean): string {
  const memory = new Uint8Array(131072);
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
  const add = (value: number): void => {
    sum = Math.imul(sum ^ value, 16777619);
  };
  const spectra = (to: number, k: number, blocks: number, factor: bigint): void => {
    for (let block = 0; block < blocks; block++) {
      const mode = next(4);
      for (let i = 0; i < k; i++) memory[i + 1] = mode ? next(256) : [128, 127, 129, 0][next(4)]!;
      accel.ntt_forward_s8(1, k, WORK, to + block * 16, blocks * 16);
    }
    for (let i = 0; i < k * blocks; i++) {
      const value = ((view.getInt32(to + i * 4, true) % NTT_PRIME) + NTT_PRIME) % NTT_PRIME;
      const product = Number((BigInt(value) * factor) % P);
      add(value);
      view.setInt32(to + i * 4, product > NTT_PRIME >>> 1 ? product - NTT_PRIME : product, true);
    }
  };
  for (let round = 0; round < LAYERS; round++) {
    const k = 4 << next(10);
    const blocks = 1 + next(Math.min(Math.floor(2048 / k), 40));
    const [stride, zero] = [next(2) * 8, next(256) - 128];
    const low = !clamped || next(2) ? -128 : next(100) - 128;
    const high = !clamped || next(2) ? 127 : next(100);
    const count = next(3) ? k : 1 + next(k);
    const plain = next(2);
    let factor = (1n << 32n) % P;
    for (let i = k; i > 1; i /= 2) factor = (factor & 1n ? factor + P : factor) >> 1n;
    spectra(X, k, blocks, 1n);
    spectra(W, k, blocks, factor);
    for (let i = 0; i < k; i++) {
      const odd = plain ? 1 : next(8);
      view.setInt32(BIASES + i * 4, odd ? next(1 << 24) - (1 << 23) : 0x7ff00000 + next(1 << 21), true);
      view.setInt32(PAIRS + i * 8, odd ? (1 << 30) + (next(1 << 15) << 15) : next(1 << 20), true);
      view.setInt32(PAIRS + i * 8 + 4, odd ? -(8 + next(16)) : next(4), true);
    }
    accel.ntt_sums(X, W, blocks, k, WORK);
    accel.ntt_inverse_s8(WORK, k, BIASES, PAIRS, stride, zero, low, high, OUTPUT, count);
    for (let i = 0; i < count; i++) add(memory[OUTPUT + i]!);
  }
  return (sum >>> 0).toString(16).padStart(8, '0');
}
const checksum = stream(true);

test('twiddles are w and w · 2³² / p, rounded', () => {
  for (const k of NTT_SIZES)
    for (const inverse of [false, true]) {
      const words = nttTwiddles(k, inverse);
      for (let i = 0; i < words.length; i += 2) {
        const [w, scaled] = [BigInt(words[i]!), BigInt(words[i + 1]!)];
        const off = w * (1n << 32n) - scaled * P;
        assert.ok(2n * (off < 0n ? -off : off) <= P, `k ${k}: ${w}, ${scaled}`);
      }
    }
});

const native = hasPrograms('accelerators in C', { gcc: 'gcc' }) ? test : test.skip;
native('plain C: the same as in Node', () => {
  const folder = temporaryFolder('transform');
  const board = join(folder, 'board.c');
  writeFileSync(
    board,
    '#include <stdio.h>\n#include "brownout_board.h"\nvoid brownout_board_print(const char *text) { fputs(text, stdout); }\n',
  );
  writeFileSync(join(folder, 'tables.inc'), nttTables(ALL));
  for (const flags of [['-O2'], ['-O1', '-fsanitize=undefined', '-fno-sanitize-recover']]) {
    const program = join(folder, 'transform');
    compileNative(program, [source, board], [...flags, `-I${folder}`]);
    assert.is(execFileSync(program, { encoding: 'utf8' }).trim(), checksum, flags.join(' '));
  }
});

testOnBoards('accelerators on emulated boards', source, () => checksum, 'smmulr', [
  ['tables.inc', nttTables(ALL)],
]);
// Without clamps there is one instruction for it, also without the DSP extension.
testOnBoards(
  'accelerators on emulated boards',
  source,
  () => stream(false),
  'smmulr',
  [['tables.inc', nttTables({ ...ALL, clamped: false })]],
  ['cortex-m3', 'cortex-m4'],
);

test.run();
