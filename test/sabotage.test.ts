// The cut tests bite: a device runtime, or a plan, with one safeguard taken out must give a wrong result somewhere.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_FLAG_COMMIT, OP_INPUT, OP_KIND, OP_OUTPUT } from '../assembly/layout.js';
import { compile } from '../host/compile.js';
import { Random } from '../host/data/random.js';
import { type Image, readImage, resealImage, withPolicy } from '../host/model/image.js';
import { randomOutcome } from '../host/simulator/outcome.js';
import { CutBench } from './util/cut-bench.js';
import { int8s, layered } from './util/networks.js';

const root = new URL('../../', import.meta.url);

/** Compiles the device module with `from` replaced by `to` in one source file. */
async function sabotaged(file: string, from: string, to: string): Promise<WebAssembly.Module> {
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array<ArrayBuffer> | undefined;
  let applied = false;
  const result = await asc.main(['assembly/index.ts', '--target', 'scalar', '--outFile', 'x.wasm'], {
    readFile(name: string): string | null {
      try {
        const text = readFileSync(new URL(name, root), 'utf8');
        if (name !== file) return text;
        applied = text.includes(from);
        return text.replace(from, to);
      } catch {
        return null;
      }
    },
    writeFile(name: string, contents: Uint8Array | string): void {
      if (name === 'x.wasm') binary = new Uint8Array(contents as Uint8Array);
    },
    listFiles: () => null,
  });
  assert.ok(applied, `${file} has no "${from}" to sabotage`);
  assert.ok(!result.error && binary, `asc: ${result.error?.message}`);
  return new WebAssembly.Module(binary!);
}

/** A network of several ops in so little NVM that its buffers overlap, with mandatory commits between. */
function overlappingImage(): Image {
  const random = new Random(3);
  const network = layered(random);
  const sample = int8s(random, 36);
  const roomy = readImage(compile(network, { policy: 'every 3', sample }));
  const tight = readImage(compile(network, { policy: 'every 3', sample, nvmBytes: roomy.nvmBytes - 32 }));
  assert.ok(tight.ops.some((op) => (op.get(OP_KIND) & OP_FLAG_COMMIT) !== 0));
  return tight;
}

/** Tiles between periodic commits; 0: none but the mandatory ones. */
const SPACINGS = [0, 1, 2, 3, 5];
/** Numbers of the first cursor: every early commit gets to be the one at the wrap-around. */
const SEQUENCES = [0xffffffff, 0xfffffffe, 0xfffffffd, 0xfffffffc];

/** Whether any of many schedules goes wrong: another final NVM, or an error on the way. */
function isCaught(image: Image, module?: WebAssembly.Module): boolean {
  const random = new Random(1);
  try {
    for (const every of SPACINGS) {
      for (const [index, sequence] of SEQUENCES.entries()) {
        const options = { tearUnit: 2 ** index, sequence, ...(module ? { module } : {}) };
        const bench = new CutBench(withPolicy(image, { every, low: false }, 'test'), options);
        for (let left = 0; left <= bench.units; left++) {
          const lefts = [left, random.integer(2) ? random.integer(40) : random.integer(bench.units)];
          if (bench.run(lefts, () => randomOutcome(random)) >= 0) return true;
        }
      }
    }
  } catch {
    return true;
  }
  return false;
}

const MUTANTS: [name: string, file: string, from: string, to: string][] = [
  ['no sync before the cursor', 'assembly/cursor.ts', '  sync();\n  put(', '  put('],
  ['no sync after the cursor', 'assembly/cursor.ts', 'CURSOR_BYTES);\n  sync();', 'CURSOR_BYTES);'],
  ['one cursor slot', 'assembly/cursor.ts', 'const slot = load<u32>(SLOT) ^ 1', 'const slot: u32 = 0'],
  ['the newest slot overwritten', 'assembly/cursor.ts', 'load<u32>(SLOT) ^ 1', 'load<u32>(SLOT)'],
  [
    'checksum not checked',
    'assembly/cursor.ts',
    'if (crc32(0, found, C_CRC) != load<u32>(found, C_CRC)) continue;',
    '',
  ],
  [
    'the stale slot preferred',
    'assembly/cursor.ts',
    'if (ahead == -1) break;\n      if (ahead != 1)',
    'if (ahead == 1) break;\n      if (ahead != -1)',
  ],
  [
    'signed overflow of sequence numbers',
    'assembly/cursor.ts',
    'if (ahead == -1) break;',
    'if (load<u32>(found, C_SEQUENCE) < load<u32>(CURSOR, C_SEQUENCE)) break;',
  ],
  [
    'cursor before data',
    'assembly/engine.ts',
    'assert(load<u32>(CURSOR, C_TILE) < load<u32>(op, OP_TILES));\n    kernels.tile(op, load<i32>(CURSOR, C_TILE));\n    if (advance(op)',
    'const t = load<i32>(CURSOR, C_TILE);\n    const a = advance(op);\n    if (a) commit();\n    kernels.tile(op, t);\n    if (a',
  ],
  [
    '`enter` state kept over a boot',
    'assembly/job.ts',
    'store<i32>(RESIDENT, -1);\n  store<i32>(RECEIVED, 0);\n  let',
    'store<i32>(RESIDENT, load<i32>(CURSOR, 20));\n  store<i32>(RECEIVED, 0);\n  let',
  ],
];

const image = overlappingImage();

test('nothing goes wrong without sabotage', () => {
  assert.not(isCaught(image));
});

for (const [name, file, from, to] of MUTANTS) {
  test(`caught: ${name}`, async () => {
    const module = await sabotaged(file, from, to);
    assert.ok(isCaught(image, module), 'every schedule gave the right result');
  });
}

test('caught: a plan that works in place', () => {
  // The pooling op writes over what it reads; resealed, so that only the cuts can tell.
  const broken = resealImage(image, (ops) => {
    ops[1]!.set(OP_OUTPUT, ops[1]!.get(OP_INPUT));
    ops[2]!.set(OP_INPUT, ops[1]!.get(OP_INPUT));
  });
  assert.ok(isCaught(broken));
});

test('caught: overlapping buffers without their mandatory commits', () => {
  const broken = resealImage(image, (ops) => {
    for (const op of ops) op.set(OP_KIND, op.get(OP_KIND) & ~OP_FLAG_COMMIT);
  });
  assert.ok(isCaught(broken));
});

test.run();
