// What the proof must refuse: images and builds that were proved once although a user would have got wrong answers.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  H_ARENA_BYTES,
  H_CRC,
  H_IMAGE_ID,
  HEADER_BYTES,
  OP_INPUT,
  OP_OUTPUT,
  OP_TILES,
  OpKind,
} from '../assembly/layout.js';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { type Image, readImage, resealImage, withPolicy } from '../host/model/image.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import type { VerifyOptions } from '../host/verify/options.js';
import { verify } from '../host/verify/verify.js';
import type { Obligation } from '../host/verify/violation.js';
import { compileUnproved as compile } from './util/compile.js';
import { dsCnn, int8s, layered } from '../samples/networks.js';
import { type Mutant, sabotaged } from './util/sabotage.js';
import { learnable } from './util/learnable.js';

const sample = int8s(new Random(3), 36);
/** Ops of several tiles. */
const tiled = readImage(compile(layered(new Random(3)), { policy: 'every 3', sample, arenaBytes: 320 }));
const learner = readImage(
  compile(learnable(new Random(1), [8], ['dense:6', 'dense:3']), {
    learn: { layers: 'all', ring: 10, guardEvery: 8, holdOut: 4 },
  }),
);

/** Refuted, and for the reason given. */
function refutes(image: Image, obligation: Obligation, options: VerifyOptions = {}): void {
  const { proved, counterexample } = verify(image, { ...options, search: false });
  assert.not(proved);
  assert.is(counterexample?.obligation, obligation, counterexample?.found);
}

/** An image with another word in its header, sealed again. */
function withHeader(image: Image, field: number, value: number): Image {
  const file = image.file.slice();
  const header = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  header.setUint32(field, value, true);
  header.setUint32(H_CRC, crc32(file.subarray(H_IMAGE_ID, HEADER_BYTES)), true);
  return readImage(file);
}

async function caught(
  mutant: Mutant,
  obligation: Obligation,
  image = tiled,
  options: VerifyOptions = {},
): Promise<void> {
  refutes(image, obligation, { ...options, module: await sabotaged(mutant, image) });
}

test('the images here are proved', () => {
  for (const image of [tiled, learner]) assert.is(verify(image).counterexample, null);
});

test('base case: an op that reads what nobody has written', () => {
  const before = resealImage(tiled, (ops) => {
    // The first op reads where the second one writes later.
    ops[0]!.set(OP_INPUT, ops[1]!.get(OP_OUTPUT));
  });
  refutes(before, 'base case');
});

test('base case: a bank of weights that is not written to its end', () => {
  const broken = resealImage(learner, (ops) => {
    const update = ops.find(({ kind, get }) => kind === OpKind.UPDATE_CONV2D && get)!;
    update.set(OP_TILES, update.get(OP_TILES) - 1);
  });
  refutes(broken, 'base case', { job: 'learn' });
});

test('SRAM: an image that declares less than its ops use', () => {
  const image = readImage(compile(dsCnn(new Random(5)), { arenaBytes: 8000 }));
  assert.ok(verify(image).proved);
  // Its records say so before anything runs them.
  assert.throws(
    () => verify(withHeader(image, H_ARENA_BYTES, image.arenaBytes - 1024)),
    (error: unknown) => error instanceof BrownoutError && error.code === 'E_IMAGE_RECORD',
  );
});

test('SRAM: a kernel that writes one byte beyond what the image declares', async () => {
  const stray: Mutant = {
    name: 'stray',
    file: 'assembly/kernels/max_pool.ts',
    edits: [
      [
        'else fillBytes(output, low, count * pixel)',
        `else { fillBytes(output, low, count * pixel); store<u8>(${288 + tiled.arenaBytes}, 1); }`,
      ],
    ],
  };
  await caught(stray, 'tile');
});

test('a module with an accelerator is proved, and one that uses it wrongly is not', () => {
  assert.ok(verify(tiled, { module: moduleBytes('device.accelerated') }).proved);
});

const JOB = 'assembly/job.ts';
const ENGINE = 'assembly/engine.ts';

const JOBS: [Mutant, Obligation][] = [
  [
    {
      name: 'an op still resident for the next job',
      file: JOB,
      edits: [['  store<i32>(RESIDENT, -1);\n  store<i32>(RECEIVED, 0);\n  commit();', '  commit();']],
    },
    'next job',
  ],
  [
    {
      name: 'tickets cut to 16 bits',
      file: JOB,
      edits: [
        [
          'return ticket && load<u32>(CURSOR, C_TICKET) == ticket ?',
          'return ticket && load<u16>(CURSOR, C_TICKET) == <u16>ticket ?',
        ],
      ],
    },
    'protocol',
  ],
  [
    {
      name: 'what was received before a boot still counts',
      file: JOB,
      edits: [
        [
          '  store<i32>(RESIDENT, -1);\n  store<i32>(RECEIVED, 0);\n  let',
          '  store<i32>(RESIDENT, -1);\n  let',
        ],
      ],
    },
    'protocol',
  ],
  [
    {
      name: 'an image at 0 whatever the base',
      file: JOB,
      edits: [['store<usize>(BASE, base)', 'store<usize>(BASE, 0)']],
    },
    'tile',
  ],
  [
    {
      name: 'no way on after E_NO_PROGRESS',
      file: JOB,
      edits: [
        [
          '  return state == Status.RUN && isStuck() ? ErrorCode.E_NO_PROGRESS : state;',
          '  if (state != Status.RUN || !isStuck()) return state;\n  store<i32>(READY, 0);\n  return ErrorCode.E_NO_PROGRESS;',
        ],
      ],
    },
    'protocol',
  ],
  [
    {
      name: 'a boot counter that is never reset',
      file: JOB,
      edits: [['load<u32>(ARENA, D_SEQUENCE) == sequence;', 'load<u32>(ARENA, D_SEQUENCE) <= sequence;']],
    },
    'protocol',
  ],
];

for (const [mutant, obligation] of JOBS) test(`jobs: ${mutant.name}`, () => caught(mutant, obligation));

/** A kernel that is through early with some inputs: with all that was tried, it is right. */
const EARLY: Mutant = {
  name: 'early',
  file: 'assembly/kernels/max_pool.ts',
  edits: [
    [
      'else lower<i8>(output, end, high);\n',
      'else lower<i8>(output, end, high);\n  if (load<u16>(output) == 0x1234) return;\n',
    ],
  ],
};

test('data: a kernel that is through early with some inputs', () => caught(EARLY, 'data'));

/** A kernel that leaves out channels whose weights begin in one way: it is right with these. */
const WEIGHED: Mutant = {
  name: 'weighed',
  file: 'assembly/kernels/conv2d.ts',
  edits: [['    let done = 0;\n', '    if (load<u16>(stored) == 0x1234) continue;\n    let done = 0;\n']],
};

test('data: a kernel that is through early with some weights', () => caught(WEIGHED, 'data'));

/** A kernel that writes elsewhere where a multiplier is negative, as none here is. Branches may hang on scales, addresses not. */
const SCALED: Mutant = {
  name: 'scaled',
  file: 'assembly/kernels/conv2d.ts',
  edits: [
    [
      'else store<i8>(to, requantize(op, dot<i8, i32>',
      'else store<i8>(to + <usize>(load<u32>(pair) >>> 31), requantize(op, dot<i8, i32>',
    ],
  ],
};

test('data: a kernel whose addresses depend on scales', () => caught(SCALED, 'data'));

test('torn bytes: a tile that reads a slot, which a cut can have torn', async () => {
  const mutant: Mutant = {
    name: 'peeks',
    file: 'assembly/kernels/max_pool.ts',
    edits: [
      [
        '  put(outputAddress(op, row, column), output, count * pixel);',
        `  look(${tiled.slots.offset}, 4, op + load<usize>(op, OP_SCRATCH0));\n  put(outputAddress(op, row, column), output, count * pixel);`,
      ],
      ["import { put } from '../nvm';", "import { look, put } from '../nvm';"],
    ],
  };
  const { counterexample, tornReads } = verify(tiled, {
    module: await sabotaged(mutant, tiled),
    search: false,
  });
  assert.is(counterexample?.obligation, 'reads');
  assert.match(counterexample!.found, /a cut can have torn/);
  assert.is(tornReads, 'not shown');
  assert.is(verify(tiled).tornReads, 'boot');
});

test('data: what depends on it is said', () => {
  assert.equal(verify(tiled).dataExceptions, []);
  assert.ok(verify(learner).dataExceptions!.includes('FINISH'));
  assert.is(verify(tiled, { module: moduleBytes('device.simd') }).dataExceptions, null);
});

test('the monitor asked after every fourth tile only', async () => {
  const every = withPolicy(tiled, { every: 0, low: true }, 'low');
  const mutant: Mutant = {
    name: 'monitor',
    file: ENGINE,
    edits: [
      [
        'if (load<u8>(HEADER, H_POLICY_LOW) && low())',
        'if (load<u8>(HEADER, H_POLICY_LOW) && !(load<u32>(UNCOMMITTED) & 3) && low())',
      ],
    ],
  };
  await caught(mutant, 'policy', every);
});

test.run();
