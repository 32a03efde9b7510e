// Device modules with one safeguard taken out, compiled from the sources as they are.
import { existsSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { DeviceImage } from '../../host/model/image.js';
import { keptBuild } from '../../host/toolchain/kept-builds.js';
import { askedFor, type BuildOptions, partsOf } from '../../host/toolchain/parts.js';
import type { Obligation } from '../../host/verify/violation.js';

const root = new URL('../../../', import.meta.url);
const WHOLE = {
  source: 'assembly/index.ts',
  flags: ['--target', 'scalar', '--outFile', 'device.wasm'],
};

/** A change of one source file. */
export interface Mutant {
  name: string;
  file: string;
  edits: readonly (readonly [from: string, to: string])[];
  /** Cuts tried all over one job show it, too. */
  cuts?: true;
}

/** Built as it is written, not as short as it can be: what is taken out is out either way. */
const QUICKLY = ['--optimizeLevel', '1', '--shrinkLevel', '0'];

/**
 * The bytes of a device module with a mutant's edits: with the kernels of `image` alone, built as `options` say, or with all but
 * those that learn.
 */
export function sabotaged(
  mutant: Mutant,
  image?: DeviceImage,
  options: BuildOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { source, flags } = image ? askedFor(partsOf(image), options) : WHOLE;
  const { file, edits } = mutant;
  for (const [from] of edits)
    assert.ok(readSource(file)?.includes(from), `${file} has no "${from}" to sabotage`);
  return keptBuild(JSON.stringify([source, flags, QUICKLY, file, edits]), () =>
    assemble(mutant, [source, ...flags, ...QUICKLY]),
  );
}

function readSource(name: string): string | null {
  const url = new URL(name, root);
  return existsSync(url) ? readFileSync(url, 'utf8') : null;
}

async function assemble({ file, edits }: Mutant, words: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array | undefined;
  const result = await asc.main([...words], {
    readFile(name: string): string | null {
      const text = readSource(name);
      if (name === 'asconfig.json') return text!.replace('"converge": true', '"converge": false');
      if (name !== file) return text;
      return edits.reduce((changed, [from, to]) => changed.replace(from, to), text!);
    },
    writeFile(name: string, contents: Uint8Array | string): void {
      if (name === 'device.wasm') binary = new Uint8Array(contents as Uint8Array);
    },
    listFiles: () => null,
  });
  assert.ok(!result.error && binary, `asc: ${result.error?.message}`);
  return new Uint8Array(binary!);
}

const CURSOR = 'assembly/cursor.ts';
const ENGINE = 'assembly/engine.ts';
const JOB = 'assembly/job.ts';

export const MUTANTS: readonly Mutant[] = [
  { cuts: true, name: 'no sync before the cursor', file: CURSOR, edits: [['  sync();\n  put(', '  put(']] },
  {
    cuts: true,
    name: 'no sync after the cursor',
    file: CURSOR,
    edits: [['CURSOR_BYTES);\n  sync();', 'CURSOR_BYTES);']],
  },
  {
    cuts: true,
    name: 'one cursor slot',
    file: CURSOR,
    edits: [['const slot = load<u32>(SLOT) ^ 1', 'const slot: u32 = 0']],
  },
  {
    cuts: true,
    name: 'the newest slot overwritten',
    file: CURSOR,
    edits: [['load<u32>(SLOT) ^ 1', 'load<u32>(SLOT)']],
  },
  {
    cuts: true,
    name: 'checksum not checked',
    file: CURSOR,
    edits: [
      [
        'return crc32(0, ARENA, C_CRC) == load<u32>(ARENA, C_CRC)',
        'return load<u32>(ARENA, C_IMAGE_ID) != 0',
      ],
    ],
  },
  {
    cuts: true,
    name: 'the stale slot preferred',
    file: CURSOR,
    edits: [
      ['if (ahead == -1) break;\n      if (ahead != 1)', 'if (ahead == 1) break;\n      if (ahead != -1)'],
    ],
  },
  {
    cuts: true,
    name: 'signed overflow of sequence numbers',
    file: CURSOR,
    edits: [
      ['if (ahead == -1) break;', 'if (load<u32>(found, C_SEQUENCE) < load<u32>(CURSOR, C_SEQUENCE)) break;'],
    ],
  },
  {
    cuts: true,
    name: 'cursor before data',
    file: ENGINE,
    edits: [
      [
        'assert(load<u32>(CURSOR, C_TILE) < load<u32>(op, OP_TILES));\n    kernels.tile(op, load<i32>(CURSOR, C_TILE));\n    const here = advance(op);',
        'const t = load<i32>(CURSOR, C_TILE);\n    const here = advance(op);\n    if (here > 0) commit();\n    kernels.tile(op, t);',
      ],
    ],
  },
  {
    cuts: true,
    name: '`enter` state kept over a boot',
    file: JOB,
    edits: [
      [
        'store<i32>(RESIDENT, -1);\n  store<i32>(RECEIVED, 0);\n  let',
        'store<i32>(RESIDENT, load<i32>(CURSOR, 20));\n  store<i32>(RECEIVED, 0);\n  let',
      ],
    ],
  },
  {
    name: 'an op entered only at its first tile',
    file: ENGINE,
    edits: [['  kernels.enter(op);\n', '  if (!load<i32>(CURSOR, C_TILE)) kernels.enter(op);\n']],
  },
  {
    name: 'the answer published before its bytes are durable',
    file: CURSOR,
    edits: [['  sync();\n  put(', '  if (load<u32>(CURSOR, C_STATE) != <u32>Status.DONE) sync();\n  put(']],
  },
  {
    name: 'the input consumed before it is durable',
    file: CURSOR,
    edits: [
      ['  sync();\n  put(', '  if (load<u32>(CURSOR, C_TILE) | load<u32>(CURSOR, C_OP)) sync();\n  put('],
    ],
  },
  {
    name: 'mandatory commits left out',
    file: ENGINE,
    edits: [[': flags & OP_FLAG_COMMIT;', ': Commit.MAY;']],
  },
  {
    name: 'randomness from SRAM as it is found',
    file: 'assembly/kernels/max_pool.ts',
    edits: [['else fillBytes(output, low, count * pixel)', 'else fillBytes(output, low, count * pixel - 1)']],
  },
  {
    name: 'a tile that reads what it writes over',
    file: 'assembly/kernels/max_pool.ts',
    edits: [
      ["import { put } from '../nvm'", "import { look, put } from '../nvm'"],
      [
        'else lower<i8>(output, end, high);\n',
        'else lower<i8>(output, end, high);\n  const was = look(outputAddress(op, row, column), 1, op + load<usize>(op, OP_SCRATCH0));\n  store<i8>(output, load<i8>(output) ^ (load<i8>(was) & 1));\n',
      ],
    ],
  },
  {
    name: 'the boot counter in the input',
    file: JOB,
    edits: [
      ['const address = load<u32>(HEADER, H_DIAGNOSTICS)', 'const address = load<u32>(HEADER, H_INPUT)'],
    ],
  },
  {
    name: 'a sequence number that stands still',
    file: CURSOR,
    edits: [['load<u32>(CURSOR, C_SEQUENCE) + 1', 'load<u32>(CURSOR, C_SEQUENCE)']],
  },
  {
    name: 'an acknowledgement that is not committed',
    file: JOB,
    edits: [
      [
        'return code == Status.DONE ? settle(Status.IDLE) : ErrorCode.E_STATE;',
        'if (code != Status.DONE) return ErrorCode.E_STATE;\n  store<i32>(CURSOR, Status.IDLE, C_STATE);\n  return Status.IDLE;',
      ],
    ],
  },
  {
    name: 'a ticket submitted again starts again',
    file: JOB,
    edits: [
      [
        '  if (load<u32>(CURSOR, C_TICKET) == ticket) return load<i32>(CURSOR, C_STATE);\n  if (load<i32>(CURSOR, C_STATE) != Status.IDLE)',
        '  if (load<u32>(CURSOR, C_TICKET) != ticket && load<i32>(CURSOR, C_STATE) != Status.IDLE)',
      ],
    ],
  },
  {
    name: 'a ticket forgotten over a boot',
    file: CURSOR,
    edits: [
      [
        '  store<i32>(SLOT, newest);\n',
        '  store<i32>(SLOT, newest);\n  if (!load<u32>(CURSOR, C_STATE)) store<u32>(CURSOR, 0, 16);\n',
      ],
    ],
  },
];

const GRAD = 'assembly/grad/';

/** Safeguards of learning. */
export const LEARNING_MUTANTS: readonly (Mutant & { obligation: Obligation })[] = [
  {
    name: 'weights updated in place',
    obligation: 'job',
    file: `${GRAD}update.ts`,
    edits: [['(Group.NEXT << GROUP_SHIFT)', '(Group.WEIGHTS << GROUP_SHIFT)']],
  },
  {
    name: 'the good weights written over',
    obligation: 'live-in',
    file: `${GRAD}groups.ts`,
    edits: [['while (free == current || free == good) free++', 'while (free == current) free++']],
  },
  {
    name: 'the state written in place',
    obligation: 'job',
    file: `${GRAD}finish.ts`,
    edits: [['put(Group.STATE_NEXT << GROUP_SHIFT', 'put(Group.STATE << GROUP_SHIFT']],
  },
  {
    name: 'a sample kept over one that counts',
    obligation: 'live-in',
    file: `${GRAD}groups.ts`,
    edits: [['entryAddress(spare), Group.SPARE', 'entryAddress(spare + 1), Group.SPARE']],
  },
  {
    name: 'a spare entry that is not free',
    obligation: 'job',
    file: `${GRAD}finish.ts`,
    edits: [['if (!own) store<u8>(CURSOR, evict(state', 'if (own) store<u8>(CURSOR, evict(state']],
  },
  {
    name: 'weights flipped before they are whole',
    obligation: 'job',
    file: `${GRAD}turn.ts`,
    edits: [
      [
        'export function nextTurn(index: i32): void {',
        'export function nextTurn(index: i32): void {\n  store<u32>(CURSOR, load<u32>(CURSOR, 32) ^ 3, 32);',
      ],
    ],
  },
  {
    name: 'a label learnt twice',
    obligation: 'protocol',
    file: `${GRAD}job.ts`,
    edits: [['EntryKind.UNLABELLED, EntryKind.UNLABELLED', 'EntryKind.UNLABELLED, EntryKind.LEARN']],
  },
  {
    name: 'running means moved where they are read',
    obligation: 'job',
    file: `${GRAD}update_conv2d.ts`,
    edits: [['  put(inNext(address), high, count);', '  put(address, high, count);']],
  },
  {
    name: 'random numbers from what SRAM held',
    obligation: 'tile',
    file: `${GRAD}update.ts`,
    edits: [
      [
        'return key(load<u8>(op, UPDATE_LAYER + 1), what);',
        'return key(load<u8>(op, UPDATE_LAYER + 1), what ^ load<u8>(op + load<usize>(op, OP_SCRATCH3), 4096));',
      ],
    ],
  },
];

/** Safeguards of state that is kept from job to job. */
export const STREAM_MUTANTS: readonly Mutant[] = [
  {
    cuts: true,
    name: 'the state consumed when the job begins',
    file: `${GRAD}job.ts`,
    edits: [
      ["import { bind } from './groups';", "import { bind, nextState } from './groups';"],
      [
        '  store<u32>(CURSOR, 0, C_TURN);\n  bind();',
        '  store<u32>(CURSOR, 0, C_TURN);\n  bind();\n  store<u32>(CURSOR, nextState() << 8, 32);',
      ],
    ],
  },
  {
    cuts: true,
    name: 'the state flipped by a cursor of its own',
    file: `${GRAD}flip.ts`,
    edits: [
      [
        "import { bind, nextState } from './groups';",
        "import { commit } from '../cursor';\nimport { bind, nextState } from './groups';",
      ],
      ['  bind();\n', '  bind();\n  commit();\n'],
    ],
  },
  {
    name: 'the state flipped when the answer is acknowledged',
    file: JOB,
    edits: [
      [
        'return code == Status.DONE ? settle(Status.IDLE) : ErrorCode.E_STATE;',
        'if (code != Status.DONE) return ErrorCode.E_STATE;\n  store<u32>(CURSOR, load<u32>(CURSOR, C_BANKS) ^ 0x300, C_BANKS);\n  return settle(Status.IDLE);',
      ],
    ],
  },
  {
    cuts: true,
    name: 'the next state written over the one in force',
    file: `${GRAD}groups.ts`,
    edits: [['>> 8) & 15) == 1 ? 2 : 1', '>> 8) & 15) == 1 ? 1 : 2']],
  },
  {
    name: 'a state that never changes',
    file: `${GRAD}flip.ts`,
    edits: [['nextState() << 8', 'load<u32>(CURSOR, C_BANKS) & 0xf00']],
  },
  {
    name: 'a job given up that has consumed the state',
    file: JOB,
    edits: [
      [
        '  if (LEARNS && code == Status.RUN)',
        '  if (code == Status.RUN) store<u32>(CURSOR, load<u32>(CURSOR, C_BANKS) ^ 0x300, C_BANKS);\n  if (LEARNS && code == Status.RUN)',
      ],
    ],
  },
  {
    name: 'a reset while a job runs',
    file: JOB,
    edits: [
      [
        '  if (load<i32>(CURSOR, C_STATE) != Status.IDLE) return ErrorCode.E_BUSY;\n  const banks',
        '  const banks',
      ],
    ],
  },
];
