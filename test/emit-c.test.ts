// The C made from WASM computes what the WASM computes: random programs, in C and in Node, to the bit.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { emitFunctions } from '../host/firmware/emit-c.js';
import type { Facts } from '../host/firmware/widths/facts.js';
import { ANY } from '../host/firmware/widths/interval.js';
import { widthsOf } from '../host/firmware/widths/widths.js';
import { ByteWriter, Op } from '../host/toolchain/wasm-bytes.js';
import { assemble, f32, i32, i64, instantiate } from './util/assemble.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';
import { hasWasm2c, WASM2C_RUNTIME, wasm2cText } from './util/wasm2c.js';
import { PROGRAM_BYTES, randomProgram } from './util/random-program.js';

/** Programs to try instead of the few of an ordinary run. */
const PROGRAMS = Number(process.env['BROWNOUT_PROGRAMS'] ?? 400);
/** Programs compiled at once. */
const BATCH = 200;
const folder = temporaryFolder('emit');
const nativeTest = hasPrograms('C from WASM on this machine', { gcc: 'gcc' }) ? test : test.skip;

const wasm2cTest = hasWasm2c('wasm2c as a third witness of random programs') ? test : test.skip;

const ARGUMENTS: [number, number, bigint][] = [
  [0, 0, 0n],
  [1, -1, 0x123456789abcdef0n],
  [-0x80000000, 77, -(2n ** 63n)],
];

const answer = (x: number): number => (Math.imul(x, 0x9e3779b1) ^ 77) | 0;

/** FNV-1a over bytes, 32 bits. */
function hash(bytes: Uint8Array, start = 0x811c9dc5): number {
  return bytes.reduce((h, byte) => Math.imul(h ^ byte, 0x01000193), start) >>> 0;
}

/** Runs all functions in turn; a line a call: result or `trap`, calls of the import, memory. */
function expectedLines(wasm: Uint8Array<ArrayBuffer>, name: string): string[] {
  let seen = 0;
  const exports = instantiate<Record<string, (...args: (number | bigint)[]) => bigint>>(wasm, {
    i0: (x: number) => {
      seen = Math.imul(seen ^ x, 0x01000193);
      return answer(x);
    },
  });
  const memory = new Uint8Array((exports['memory'] as unknown as WebAssembly.Memory).buffer);
  const lines: string[] = [];
  for (let f = 0; f < 3; f++) {
    for (const args of ARGUMENTS) {
      let result: string;
      try {
        result = BigInt.asUintN(64, exports[`f${f}`]!(...args)).toString(16);
      } catch (error) {
        assert.instance(error, WebAssembly.RuntimeError);
        result = 'trap';
      }
      const state = hash(memory.subarray(0, PROGRAM_BYTES)).toString(16);
      lines.push(`${name} ${f} ${result} ${(seen >>> 0).toString(16)} ${state}`);
    }
  }
  return lines;
}

const HARNESS = `
#include <setjmp.h>
#include <stdio.h>
static jmp_buf trapped;
void brownout_trap(void) { longjmp(trapped, 1); }
static uint32_t seen;
static uint32_t answer(uint32_t x) { seen = (seen ^ x) * 0x01000193u; return (x * 0x9e3779b1u) ^ 77u; }
static uint32_t hash(void) {
  uint32_t h = 0x811c9dc5u;
  for (uint32_t i = 0; i < ${PROGRAM_BYTES}u; i++) h = (h ^ MEMORY[i]) * 0x01000193u;
  return h;
}
static const uint32_t arguments[3][2] = {${ARGUMENTS.map(([a, b]) => `{${a >>> 0}u, ${b >>> 0}u}`).join(', ')}};
static const uint64_t wide[3] = {${ARGUMENTS.map(([, , c]) => `${BigInt.asUintN(64, c)}ull`).join(', ')}};
static void run(const char *name, uint64_t (*const *functions)(uint32_t, uint32_t, uint64_t)) {
  memset(MEMORY, 0, ${PROGRAM_BYTES}u);
  seen = 0;
  for (volatile int f = 0; f < 3; f++) {
    for (volatile int i = 0; i < 3; i++) {
      if (setjmp(trapped)) printf("%s %d trap", name, f);
      else printf("%s %d %llx", name, f, (unsigned long long)functions[f](arguments[i][0], arguments[i][1], wide[i]));
      printf(" %x %x\\n", seen, hash());
    }
  }
}
`;

/** A main that runs all programs. */
function mainText(programs: Map<string, Uint8Array>): string {
  const calls = [...programs.keys()].map((name) => {
    const list = [0, 1, 2].map((f) => `${name}_f${f}`).join(', ');
    return `  { uint64_t (*const all[])(uint32_t, uint32_t, uint64_t) = {${list}}; ${name}_start(); run("${name}", all); }`;
  });
  return `\nint main(void) {\n${calls.join('\n')}\n  return 0;\n}\n`;
}

const OURS = `#define BROWNOUT_WASM_MEMORY_BYTES ${PROGRAM_BYTES}u\n#include "brownout_wasm.h"\n#define MEMORY wasm_memory.bytes\n`;
const WASM2C = `${WASM2C_RUNTIME}\n#define MEMORY wasm2c_memory\n`;

/** Of a random program nothing is known. */
const NOTHING: Facts = {
  ...{
    addressBits: 32,
    sramBytes: 65536,
    arena: 0,
    header: 0,
    records: [],
    parameters: new Map(),
    fetchRecord: '',
  },
  words: () => new Map(),
  cursor: () => [],
  written: () => [],
  addresses: () => [],
  imported: () => ANY,
};

/** C that our emitter makes of programs. */
function ourText(programs: Map<string, Uint8Array>, isNarrow = false): string {
  const text = [...programs].map(([name, wasm]) =>
    [
      `static uint32_t ${name}_import_env_i0(uint32_t x) { return answer(x); }`,
      emitFunctions(wasm, {
        prefix: `${name}_`,
        widths: isNarrow ? widthsOf(wasm, NOTHING) : undefined,
      }),
    ].join('\n'),
  );
  return `${OURS}${HARNESS}${text.join('\n')}`;
}

/** What wasm2c makes of them, its functions under the names of ours. */
function wasm2cProgramsText(programs: Map<string, Uint8Array>): string {
  const imported = 'u32 Z_envZ_i0(struct Z_env_instance_t *env, u32 x) { (void)env; return answer(x); }';
  const wrappers = [...programs.keys()].flatMap((name) => [
    `static Z_${name}_instance_t ${name};`,
    `static void ${name}_start(void) { Z_${name}_init_module(); Z_${name}_instantiate(&${name}, 0); }`,
    ...[0, 1, 2].map(
      (f) => `static u64 ${name}_f${f}(u32 a, u32 b, u64 c) { return Z_${name}Z_f${f}(&${name}, a, b, c); }`,
    ),
  ]);
  return [WASM2C, HARNESS, wasm2cText(folder, programs), imported, ...wrappers].join('\n');
}

/** Compiles and runs a batch in C, `text` without its main, and compares it with Node line by line. */
function compareBatch(programs: Map<string, Uint8Array<ArrayBuffer>>, text: string, flags: string[]): number {
  const [source, program] = [join(folder, 'batch.c'), join(folder, 'batch')];
  writeFileSync(source, text + mainText(programs));
  // Random programs deserve every warning there is.
  compileNative(program, [source], [...flags, '-w']);
  const found = execFileSync(program, { encoding: 'utf8', maxBuffer: 1 << 28 })
    .trimEnd()
    .split('\n');
  const expected = [...programs].flatMap(([name, wasm]) => expectedLines(wasm, name));
  assert.is(found.length, expected.length);
  for (const [i, line] of expected.entries()) assert.is(found[i], line);
  return expected.filter((line) => line.includes('trap')).length;
}

function* batches(): Generator<[index: number, programs: Map<string, Uint8Array<ArrayBuffer>>]> {
  for (let first = 0; first < PROGRAMS; first += BATCH) {
    const seeds = Array.from({ length: Math.min(BATCH, PROGRAMS - first) }, (_, i) => first + i);
    yield [first / BATCH, new Map(seeds.map((seed) => [`p${seed}`, randomProgram(seed, seed % 4 ? 3 : 4)]))];
  }
}

nativeTest(`${PROGRAMS} random programs: results, memory, imports and traps as in Node`, () => {
  let traps = 0;
  for (const [index, programs] of batches()) {
    // Checked: promised alignment and bounds hold, too.
    const checked = index % 2 === 0 ? ['-DBROWNOUT_WASM_CHECKED'] : [];
    traps += compareBatch(programs, ourText(programs), ['-O1', ...checked]);
  }
  assert.ok(traps > 0 && traps < PROGRAMS * 4, `${traps} calls trapped`);
});

/** Values that wait on the stack while something changes what they are made of, as compilers leave them there. */
function waiting(): Uint8Array<ArrayBuffer> {
  const [LOAD, SUB, XOR, DIV, REM, WIDEN] = [0x28, 0x6b, 0x73, 0x6d, 0x6f, 0xad];
  const [HELPER, EMPTY] = [4, 0x40];
  const word = [Op.I32_CONST, 0, LOAD, 2, 0];
  const put = (...value: number[]): number[] => [Op.I32_CONST, 0, ...value, Op.I32_STORE, 2, 0];
  const set = (value: number): number[] => [Op.I32_CONST, value, Op.LOCAL_SET, 1];
  const get = (local: number): number[] => [Op.LOCAL_GET, local];
  const begin = put(...get(0));
  const bodies = [
    // A load before a store; the least number by −1 leaves 0.
    [
      ...begin,
      ...word,
      ...put(Op.I32_CONST, 7),
      ...word,
      SUB,
      ...get(0),
      Op.I32_CONST,
      0x7f,
      REM,
      XOR,
      WIDEN,
    ],
    // A load before a call that stores; a local before it is set.
    [...begin, ...word, ...get(1), Op.CALL, HELPER, SUB, ...get(1), ...set(3), ...get(1), SUB, XOR, WIDEN],
    // What is not chosen traps nevertheless, and so does the least number by −1; a local before a branch that sets it.
    [
      ...[Op.I32_CONST, 1, ...get(0), DIV, Op.I32_CONST, 7, ...get(1), Op.SELECT],
      ...[...get(1), ...get(0), Op.IF, EMPTY, ...set(9), Op.END, ...get(1), SUB, XOR],
      ...[...get(0), Op.I32_CONST, 0x7f, DIV, XOR, WIDEN],
    ],
  ];
  const functions = bodies.map((bytes) => {
    return { params: [i32, i32, i64], results: [i64], code: new ByteWriter().u8(...bytes) };
  });
  const code = new ByteWriter().u8(...put(Op.I32_CONST, 9), ...get(0));
  const helper = { params: [i32], results: [i32], code };
  const imports = [{ params: [i32], results: [i32] }];
  return assemble({ imports, functions: [...functions, helper], pages: 1 });
}

nativeTest('what waits on the stack is what it was when it came there', () => {
  const programs = new Map([['waiting', waiting()]]);
  for (const isNarrow of [false, true])
    for (const flags of ['-O0', '-O1'])
      assert.is(compareBatch(programs, ourText(programs, isNarrow), [flags]), 2, 'two calls trap');
});

nativeTest('the same where what fits 16 bits is kept in them, and what is known is not computed', () => {
  let narrow = 0;
  for (const [index, programs] of batches()) {
    // As many for half the time.
    if (index % 2 > 0) continue;
    const text = ourText(programs, true);
    narrow += text.match(/\bu?int16_t l\d+ = /g)?.length ?? 0;
    compareBatch(programs, text, ['-O1']);
  }
  assert.ok(narrow > PROGRAMS / 8, `${narrow} declarations of locals of 16 bits`);
});

wasm2cTest(`${PROGRAMS} random programs: wasm2c agrees, a third witness`, () => {
  for (const [, programs] of batches()) {
    compareBatch(programs, wasm2cProgramsText(programs), ['-O1', '-I', folder]);
  }
});

nativeTest('a wasm2c of another version is left out, with the reason', () => {
  const { PATH } = process.env;
  const { log } = console;
  const bin = temporaryFolder('wabt');
  writeFileSync(join(bin, 'wasm2c'), '#!/bin/sh\necho 1.0.42\n', { mode: 0o755 });
  process.env['PATH'] = `${bin}:${PATH}`;
  let said = '';
  console.log = (line: string) => {
    said += line;
  };
  try {
    assert.not(hasWasm2c('a witness'));
  } finally {
    console.log = log;
    process.env['PATH'] = PATH;
  }
  assert.is(
    said,
    'skipped: a witness: wasm2c 1.0.42; read is the C of 1.0.32. To enable: put that one on the PATH',
  );
});

test('what C of integers cannot say is refused by name', () => {
  const module = (params: number[], results: number[], ...bytes: number[]): Uint8Array =>
    assemble({ functions: [{ params, results, code: new ByteWriter().u8(...bytes) }], pages: 1 });
  const emit = (wasm: Uint8Array): string => emitFunctions(wasm, { prefix: '' });
  assert.throws(() => emit(module([], [f32], 0x43, 0, 0, 0, 0)), /values of type 0x7d/);
  assert.throws(
    () => emit(module([], [], 0x43, 0, 0, 0, 0, Op.DROP)),
    /opcode 0x43 at offset \d+; integers only/,
  );
  const grow = module([], [], Op.I32_CONST, 0, Op.MEMORY_GROW, 0, Op.DROP);
  assert.throws(() => emit(grow), /opcode 0x40/);
  const table = assemble({ functions: [{ params: [], results: [], code: new ByteWriter() }], table: [0] });
  assert.throws(() => emit(table), /table section/);
  assert.throws(() => emit(module([i64], [i32, i32], Op.UNREACHABLE)), /several results/);
});

test.run();
