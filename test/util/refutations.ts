// Images and builds that were proved once although a user would have got wrong answers, and the obligation that refutes each now.
import {
  CURSOR_BYTES,
  H_SLOTS,
  H_SLOT_STRIDE,
  OP_INPUT,
  OP_OUTPUT,
  OP_TILES,
  OpKind,
} from '../../assembly/layout.js';
import { type BuildOptions, MAPPED_AT, mappedStateAt } from '../../host/toolchain/parts.js';
import { Random } from '../../host/math/random.js';
import { type Image, readImage, resealImage, withPolicy } from '../../host/model/image.js';
import type { VerifyOptions } from '../../host/verify/options.js';
import { verify } from '../../host/verify/verify.js';
import type { Obligation } from '../../host/verify/violation.js';
import { int8s, layered } from '../../samples/networks.js';
import { compileUnproved as compile } from './compile.js';
import { resealed, setField } from './image-bytes.js';
import { learnable } from './learnable.js';
import { type Mutant, sabotaged } from './sabotage.js';

const sample = int8s(new Random(3), 36);
/** Ops of several tiles. */
export const tiled = readImage(
  compile(layered(new Random(3)), { policy: 'every 3', sample, arenaBytes: 320 }),
);
export const learner = readImage(
  compile(learnable(new Random(1), [8], ['dense:6', 'dense:3']), {
    learn: { layers: 'all', ring: 10, guardEvery: 8, holdOut: 4 },
  }),
);

/** What must be refuted: an image, or a build, and why. */
export interface Refutation {
  name: string;
  obligation: Obligation;
  /** What is said, in part. */
  found?: RegExp;
  image: Image;
  mutant?: Mutant;
  /** How the build is made. */
  build?: BuildOptions;
  options?: VerifyOptions;
}

/** What is not as it must be; undefined: it is refuted, and for the reason given. */
export async function unrefuted({
  obligation,
  found,
  image,
  mutant,
  build,
  options,
}: Refutation): Promise<string | undefined> {
  const module = mutant ? { module: await sabotaged(mutant, image, build) } : {};
  const { proved, counterexample } = verify(image, { ...options, ...module, search: false });
  if (proved) return 'proved';
  const { obligation: by, found: said = '' } = counterexample ?? {};
  if (by !== obligation) return `refuted by ${by}: ${said}`;
  return found && !found.test(said) ? said : undefined;
}

/** The first op reads where the second one writes later. */
const before = resealImage(tiled, (ops) => ops[0]!.set(OP_INPUT, ops[1]!.get(OP_OUTPUT)));

const unwritten = resealImage(learner, (ops) => {
  const update = ops.find(({ kind }) => kind === OpKind.UPDATE_CONV2D)!;
  update.set(OP_TILES, update.get(OP_TILES) - 1);
});

/** Compiled for lines of 16 bytes, an op a tile: what the second layer writes lies in the line of what it reads. */
const lined = readImage(
  compile(learnable(new Random(1), [9], ['dense:7', 'dense:5', 'dense:3']), { line: 16, arenaBytes: 4000 }),
);
const inOneLine = (read: number, written: number): Image =>
  resealImage(lined, ([first, second, third]) => {
    const line = first!.get(OP_OUTPUT);
    first!.set(OP_OUTPUT, line + read);
    second!.set(OP_INPUT, line + read);
    second!.set(OP_OUTPUT, line + written);
    third!.set(OP_INPUT, line + written);
  });

/** Slots as close together as they can be. */
const dense = readImage(
  resealed(tiled, (file) => {
    setField(file, H_SLOT_STRIDE, CURSOR_BYTES);
    setField(file, H_SLOTS + 4, 2 * CURSOR_BYTES);
  }),
);

const POOL = 'assembly/kernels/max_pool.ts';

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
  [
    {
      name: 'a cursor whole by the upper half of its checksum',
      file: 'assembly/cursor.ts',
      edits: [
        [
          'return crc32(0, ARENA, C_CRC) == load<u32>(ARENA, C_CRC)',
          'return (crc32(0, ARENA, C_CRC) ^ load<u32>(ARENA, C_CRC)) < 0x10000',
        ],
      ],
    },
    'recovery',
  ],
];

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

/** A kernel that leaves out channels whose weights begin in one way: it is right with these. */
const WEIGHED: Mutant = {
  name: 'weighed',
  file: 'assembly/kernels/conv2d.ts',
  edits: [['    let done = 0;\n', '    if (load<u16>(stored) == 0x1234) continue;\n    let done = 0;\n']],
};

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

const STRAY: Mutant = {
  name: 'stray',
  file: POOL,
  edits: [
    [
      'else fillBytes(output, low, count * pixel)',
      `else { fillBytes(output, low, count * pixel); store<u8>(${288 + tiled.arenaBytes}, 1); }`,
    ],
  ],
};

/** Right wherever that byte is not 255. */
const PEERS: Mutant = {
  name: 'peers',
  file: POOL,
  edits: [
    [
      'else fillBytes(output, low, count * pixel)',
      `else { fillBytes(output, low, count * pixel); if (load<u8>(${288 + tiled.arenaBytes}) == 255) store<u8>(output, 1); }`,
    ],
  ],
};

/** A kernel that looks at a slot. */
const PEEKS: Mutant = {
  name: 'peeks',
  file: POOL,
  edits: [
    [
      '  put(outputAddress(op, row, column), output, count * pixel);',
      `  look(${tiled.slots.offset}, 4, op + load<usize>(op, OP_SCRATCH0));\n  put(outputAddress(op, row, column), output, count * pixel);`,
    ],
    ["import { put } from '../nvm';", "import { look, put } from '../nvm';"],
  ],
};

const SELDOM: Mutant = {
  name: 'monitor',
  file: ENGINE,
  edits: [
    [
      'if (load<u8>(HEADER, H_POLICY_LOW) && low())',
      'if (load<u8>(HEADER, H_POLICY_LOW) && !(load<u32>(UNCOMMITTED) & 3) && low())',
    ],
  ],
};

/** Calls of an accelerator that its bodies in JavaScript answer rightly. */
const CALL = 'low, high, output, 0, 0);';
const ACCELERATED: [name: string, from: string, to: string, found: RegExp][] = [
  [
    'it is given a row more than there are',
    'gemm(x, 1, weights, count, ',
    'gemm(x, 1, weights, count + 1, ',
    /accelerating/,
  ],
  ['it works where the input still has to be', CALL, 'low, high, output, 0, x);', /the unwritten SRAM byte/],
  [
    'it works beyond what the image declares',
    CALL,
    `low, high, output, 0, ${288 + tiled.arenaBytes});`,
    /where the image declares/,
  ],
];

export const REFUTATIONS: readonly Refutation[] = [
  { name: 'base case: an op that reads what nobody has written', obligation: 'base case', image: before },
  {
    name: 'base case: a bank of weights that is not written to its end',
    obligation: 'base case',
    image: unwritten,
    options: { job: 'learn' },
  },
  {
    name: 'SRAM: a kernel that writes one byte beyond what the image declares',
    obligation: 'tile',
    image: tiled,
    mutant: STRAY,
  },
  {
    name: 'SRAM: a kernel that reads one byte beyond what the image declares',
    obligation: 'tile',
    found: /where the image declares/,
    image: tiled,
    mutant: PEERS,
  },
  {
    name: 'lines: a write that spoils what is needed before it',
    obligation: 'memory rule',
    found: /spoilt with its line of 16/,
    image: inOneLine(0, 8),
  },
  {
    name: 'lines: a write that spoils what is needed behind it',
    obligation: 'memory rule',
    found: /spoilt with its line of 16/,
    image: inOneLine(8, 0),
  },
  {
    name: 'lines: slots that share one',
    obligation: 'recovery',
    found: /may share a line/,
    image: dense,
  },
  ...ACCELERATED.map(([name, from, to, found]) => ({
    name: `accelerator: ${name}`,
    obligation: name.includes('beyond') ? ('job' as const) : ('tile' as const),
    found,
    image: tiled,
    mutant: { name, file: 'assembly/kernels/dense.ts', edits: [[from, to]] as const },
    build: { optimize: 'speed', accelerated: true } as const,
  })),
  ...JOBS.map(([mutant, obligation]) => ({
    name: `jobs: ${mutant.name}`,
    obligation,
    image: tiled,
    mutant,
  })),
  {
    name: 'data: a kernel that is through early with some inputs',
    obligation: 'data',
    image: tiled,
    mutant: EARLY,
  },
  {
    name: 'data: a kernel that is through early with some weights',
    obligation: 'data',
    image: tiled,
    mutant: WEIGHED,
  },
  {
    name: 'data: a kernel whose addresses depend on scales',
    obligation: 'data',
    image: tiled,
    mutant: SCALED,
  },
  {
    name: 'torn bytes: a tile that reads a slot, which a cut can have torn',
    obligation: 'reads',
    found: /a cut can have torn/,
    image: tiled,
    mutant: PEEKS,
  },
  {
    name: 'the monitor asked after every fourth tile only',
    obligation: 'policy',
    image: withPolicy(tiled, { every: 0, low: true }, 'low'),
    mutant: SELDOM,
  },
];

const END = '  put(outputAddress(op, row, column), output, count * pixel);';
/** A byte of NVM behind what any tile uses. */
const elsewhere = MAPPED_AT + mappedStateAt(tiled) + tiled.nvmBytes - 2;

/** Right as a copy, wrong in place. */
const IN_PLACE: [Mutant, Obligation][] = [
  [
    {
      name: 'a kernel that reads where it asked for the view, not where the view is',
      file: POOL,
      edits: [
        [
          'const source = lookRow(op, y, column, count, op + load<usize>(op, OP_SCRATCH0));',
          'lookRow(op, y, column, count, op + load<usize>(op, OP_SCRATCH0));\n    const source = op + load<usize>(op, OP_SCRATCH0);',
        ],
      ],
    },
    'tile',
  ],
  [
    {
      name: 'a kernel that writes into a view',
      file: POOL,
      edits: [
        [
          '    for (let i = 0; i < count; i++) {',
          '    store<u8>(source, load<u8>(source) ^ 1);\n    store<u8>(source, load<u8>(source) ^ 1);\n    for (let i = 0; i < count; i++) {',
        ],
      ],
    },
    'tile',
  ],
  [
    {
      name: 'a kernel that reads behind a view where it is in place',
      file: POOL,
      edits: [
        [
          '    for (let i = 0; i < count; i++) {',
          '    if (source != op + load<usize>(op, OP_SCRATCH0) && load<u8>(source + 200) == 0x55) store<u8>(output, 1);\n    for (let i = 0; i < count; i++) {',
        ],
      ],
    },
    'tile',
  ],
];

/** Builds that have room to work in, where they have kernels for it. */
export const IN_LANES: BuildOptions = { target: 'simd', optimize: 'speed' };

const MAPPED: [Mutant, Obligation, RegExp, BuildOptions?][] = [
  [
    {
      name: 'state written into the image',
      file: 'assembly/nvm.ts',
      edits: [['memory.copy(MAPPED + at + load<usize>(BASE), source', 'memory.copy(MAPPED + at, source']],
    },
    'job',
    /neither SRAM of the image nor NVM/,
  ],
  [
    {
      name: 'a kernel that looks at NVM of nobody',
      file: POOL,
      edits: [[END, `  if (load<u16>(${elsewhere}) == 0x1234) return;\n${END}`]],
    },
    'live-in',
    /needed by the run alone/,
    { target: 'simd' },
  ],
  [
    {
      name: 'a panel that is made for the first tile and kept for the others',
      file: 'assembly/kernels/panel_lanes.ts',
      edits: [
        ['{ OP_REQUANT_STRIDE }', '{ C_TILE, OP_REQUANT_STRIDE }'],
        ['{ WORK }', '{ CURSOR, WORK }'],
        ['pack(w + i * patch', 'if (!load<i32>(CURSOR, C_TILE)) pack(w + i * patch'],
      ],
    },
    'policy',
    /tiles in one run write other bytes than one at a time/,
    IN_LANES,
  ],
  [
    {
      name: 'a store behind the room to work in',
      file: 'assembly/kernels/panel_lanes.ts',
      edits: [['    if (!HAS_WIDE || !wide) pack(w', '    store<u8>(WORK + WORK_BYTES, 1);\n    pack(w']],
    },
    'job',
    /neither SRAM of the image nor NVM/,
    IN_LANES,
  ],
  [
    {
      name: 'a bad read believed: the slot checked in one read and taken in another',
      file: 'assembly/cursor.ts',
      edits: [
        [
          '    memory.copy(CURSOR, found, CURSOR_BYTES);',
          '    fetch(slotAddress(slot), CURSOR_BYTES, CURSOR);',
        ],
      ],
    },
    'recovery',
    /has gone wrong/,
  ],
];

export const IN_PLACE_REFUTATIONS: readonly Refutation[] = IN_PLACE.map(([mutant, obligation]) => ({
  name: `views in place: ${mutant.name}`,
  obligation,
  image: tiled,
  mutant,
}));

export const MAPPED_REFUTATIONS: readonly Refutation[] = MAPPED.map(
  ([mutant, obligation, found, options]) => ({
    name: `mapped: ${mutant.name}`,
    obligation,
    found,
    image: tiled,
    mutant,
    build: { ...options, mappedBytes: mappedStateAt(tiled) + tiled.nvmBytes },
  }),
);
