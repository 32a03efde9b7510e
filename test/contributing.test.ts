// docs/CONTRIBUTING.md holds: one thing of each kind is added to a copy of the tree by its steps and nothing else, works
// there, and until it is whole the compiler names what is missing.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ActivationType, OpKind, WEIGHT_TYPE_COUNT, WeightType } from '../assembly/layout.js';
import { isInference, kernelName } from '../host/model/record.js';
import { EVERYTHING } from '../host/toolchain/parts.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const codesOf = (type: object): number[] => Object.values(type).filter((code) => typeof code === 'number');

/** Kinds whose kernels are held to an oracle elsewhere than by the sweeps of test/kernels.test.ts. */
const ELSEWHERE: Record<string, string> = {
  CIRCULANT_DIRECT: 'test/digits.test.ts',
  CIRCULANT_NTT: 'test/ntt.test.ts',
  CIRCULANT_KARATSUBA: 'test/karatsuba.test.ts',
};

test('every kind of op has a kernel, a case that calls it, a sweep, and a row in docs/FORMAT.md', () => {
  const sweeps = read('test/kernels.test.ts');
  const dispatch = read('assembly/kernels/index.ts');
  const format = read('docs/FORMAT.md');
  for (const kind of codesOf(OpKind).filter(isInference)) {
    const name = OpKind[kind]!;
    assert.ok(
      EVERYTHING.int8.includes(kind) || EVERYTHING.int16.includes(kind),
      `${name}: assembly/layout.ts, KINDS_INT8 or KINDS_INT16`,
    );
    assert.match(dispatch, `case OpKind.${name}:`, `${name}: assembly/kernels/index.ts, tile`);
    const elsewhere = ELSEWHERE[name];
    if (elsewhere) assert.match(read(elsewhere), `OpKind.${name}`, `${name}: ${elsewhere}`);
    else
      assert.match(
        sweeps,
        new RegExp(`sweep\\(\\s*'${name.toLowerCase()}_s(8|16)`),
        `${name}: test/kernels.test.ts`,
      );
    const row = new RegExp(`^\\| ${kind} +\\| \`${name.toLowerCase()}\``, 'm');
    assert.match(format, row, `${name}: docs/FORMAT.md, "Op record"`);
    const type = EVERYTHING.int8.includes(kind) ? ActivationType.INT8 : ActivationType.INT16;
    const budget = JSON.parse(read('bench/budget.json')) as { kernels: object };
    assert.ok(kernelName(kind, type).toUpperCase() in budget.kernels, `${name}: bench/budget.json, kernels`);
  }
});

test('every type of weights is counted, unpacked on the device, and in docs/FORMAT.md', () => {
  const codes = codesOf(WeightType);
  assert.equal(
    codes,
    codes.map((_, i) => i),
    'assembly/layout.ts, WeightType: codes without gaps',
  );
  assert.is(WEIGHT_TYPE_COUNT, codes.length, 'assembly/layout.ts, WEIGHT_TYPE_COUNT');
  const unpacking = read('assembly/kernels/weights.ts');
  const row = /^\| 2 +\| weight type .*$/m.exec(read('docs/FORMAT.md'))![0];
  for (const code of codes) {
    const name = WeightType[code]!;
    assert.match(unpacking, `WeightType.${name}`, `${name}: assembly/kernels/weights.ts`);
    assert.match(row, `${code} ${name.toLowerCase()}`, `${name}: docs/FORMAT.md, "Op record"`);
  }
});

/** A copy of what is compiled, where things are added. */
class Tree {
  readonly folder = mkdtempSync(join(tmpdir(), 'brownout-contributing-'));

  constructor() {
    for (const name of [
      'assembly',
      'host',
      'firmware',
      'bin',
      'checkpoints',
      'package.json',
      'asconfig.json',
    ])
      cpSync(join(root, name), join(this.folder, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
    const { compilerOptions } = JSON.parse(read('tsconfig.json')) as { compilerOptions: object };
    const include = ['host', 'assembly/error.ts', 'assembly/layout.ts'];
    writeFileSync(join(this.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }));
    mkdirSync(join(this.folder, 'dist/wasm'), { recursive: true });
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.folder, path), text);
  }

  /** Puts `line` before the first `before` in a file. */
  insert(path: string, before: string, line: string): void {
    const text = readFileSync(join(this.folder, path), 'utf8');
    assert.ok(
      text.includes(before),
      `${path} has no "${before}": docs/CONTRIBUTING.md and this test with it`,
    );
    this.write(
      path,
      text.replace(before, () => line + before),
    );
  }

  replace(path: string, from: string, to: string): void {
    this.insert(path, from, to);
    const text = readFileSync(join(this.folder, path), 'utf8');
    this.write(
      path,
      text.replace(to + from, () => to),
    );
  }

  /** Files that tsc finds errors in. */
  compile(): string[] {
    const tsc = join(this.folder, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', this.folder], {
      cwd: this.folder,
      encoding: 'utf8',
    });
    const files = [...stdout.matchAll(/^([\w./-]+)\(\d+,\d+\): error/gm)].map(([, path]) => path!);
    return [...new Set(files)].sort();
  }

  /** Runs a script of the tree; what it prints. */
  run(script: string): string {
    this.write('dist/check.mjs', script);
    return execFileSync(process.execPath, [join(this.folder, 'dist/check.mjs')], {
      cwd: this.folder,
      encoding: 'utf8',
    });
  }

  /** What the command line of the tree prints. */
  brownout(...args: string[]): string {
    return execFileSync(process.execPath, [join(this.folder, 'bin/brownout.js'), ...args], {
      cwd: this.folder,
      encoding: 'utf8',
    });
  }

  /** The device module, and the bare kernels, which are metered. */
  buildModules(): void {
    const asc = join(this.folder, 'node_modules/assemblyscript/bin/asc.js');
    for (const [entry, name] of [
      ['index', 'device'],
      ['bare', 'bare'],
    ]) {
      const args = [`assembly/${entry}.ts`, '--target', 'scalar', '--outFile', `dist/wasm/${name}.wasm`];
      execFileSync(process.execPath, [asc, ...args], { cwd: this.folder, stdio: 'ignore' });
    }
  }
}

/** Steps 1 of CONTRIBUTING: the op, and the type of weights, get their names. */
function declare(tree: Tree): void {
  tree.insert(
    'host/model/quantized-network.ts',
    'export interface Reshape',
    "export interface Negate extends OpBase {\n  kind: 'negate';\n}\n\n",
  );
  tree.insert('host/model/quantized-network.ts', '  | Slice;', '  | Negate\n');
  tree.insert('assembly/layout.ts', '  // Of learning.', '  NEGATE = 22,\n');
  tree.replace('assembly/layout.ts', 'KINDS_INT8 = 0x3fffe', 'KINDS_INT8 = 0x43fffe');
  tree.insert('assembly/layout.ts', '  INT4 = 1,', '  INT3 = 4,\n');
  tree.replace('assembly/layout.ts', 'WEIGHT_TYPE_COUNT = 4', 'WEIGHT_TYPE_COUNT = 5');
}

const NEGATE_OP = `
import {
  ELT_COUNT, ELT_GROUP, OP_INPUT, OP_OUTPUT, OP_TILES, OpKind,
} from '../../assembly/layout.js';
import { elementCount, type Negate } from '../model/quantized-network.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';
import { inGroups, size } from './shared/bounds.js';
import { checkLength } from './shared/check.js';
import { elementwiseCycles } from './shared/cycles.js';
import { arenaFor, largestPart, placeAreas, recordOf } from './shared/lowering.js';
import { cut, NOTHING, part } from './shared/work.js';

export const negate: NetworkOp<Negate> = {
  inputs: one,
  int16: false,
  check: (op, [input], output) =>
    checkLength(op, 'output elements', elementCount(output), elementCount(input!)),
  lower(_, [input], output, limits) {
    const count = elementCount(output);
    const group = largestPart(count, (part) => arenaFor([part, part]) <= limits.arenaBytes && part <= 32);
    const record = recordOf(OpKind.NEGATE, input!);
    record.set(OP_TILES, Math.ceil(count / group));
    record.set(ELT_COUNT, count);
    record.set(ELT_GROUP, group);
    return [{ record, constants: [], arenaBytes: placeAreas(record, [group, group]) }];
  },
};

export const negateRecord: RecordOp = {
  ...SIMPLE,
  bounds(op) {
    const [count, group] = [size(op, ELT_COUNT), size(op, ELT_GROUP)];
    return {
      scratch: [group, group],
      reads: [[OP_INPUT, count]],
      writes: [[OP_OUTPUT, count]],
      demands: inGroups(op, count, group),
    };
  },
  shapes: (op) => ({ inputShape: [op.get(ELT_COUNT)], outputShape: [op.get(ELT_COUNT)], macs: 0 }),
  cycles: (op) => ({ enter: 0, tile: elementwiseCycles(op.get(ELT_GROUP)) }),
  // As a product takes it, until it is counted.
  work: (op) => ({
    kernel: 'mul',
    enter: NOTHING,
    ...cut(op.get(ELT_COUNT), op.get(ELT_GROUP), (count) =>
      part(
        { tile: 1, element: count },
        { stateViews: 1, stateBytes: count, writes: 1, writtenBytes: count },
      ),
    ),
  }),
};
`;

const NEGATE_KERNEL = `
import { ELT_COUNT, ELT_GROUP, OP_INPUT, OP_OUTPUT, OP_SCRATCH0, OP_SCRATCH1 } from '../layout';
import { look, put } from '../nvm';

export function tile(op: usize, index: i32): void {
  const first = index * load<i32>(op, ELT_GROUP);
  const count = min(load<i32>(op, ELT_GROUP), load<i32>(op, ELT_COUNT) - first);
  const x = look(load<usize>(op, OP_INPUT) + first, count, op + load<usize>(op, OP_SCRATCH0));
  const y = op + load<usize>(op, OP_SCRATCH1);
  for (let i = 0; i < count; i++) store<i8>(y + i, min(-(<i32>load<i8>(x + i)), 127));
  put(load<usize>(op, OP_OUTPUT) + first, y, count);
}
`;

/** Steps 2 … of an op. */
function addOp(tree: Tree): void {
  tree.write('host/ops/negate.ts', NEGATE_OP);
  tree.insert(
    'host/ops/index.ts',
    'import { pad, padRecord }',
    "import { negate, negateRecord } from './negate.js';\n",
  );
  tree.insert('host/ops/index.ts', '  [OpKind.MAP]: mapRecord,', '  [OpKind.NEGATE]: negateRecord,\n');
  tree.insert('host/ops/index.ts', '  concat,\n  slice,\n} as const', '  negate,\n');
  tree.insert(
    'host/plan/footprint.ts',
    '  [OpKind.MAP]: mapFootprint,',
    `  [OpKind.NEGATE]: (op, tile) => {
    const from = tile * op.get(ELT_GROUP);
    const count = Math.min(op.get(ELT_GROUP), op.get(ELT_COUNT) - from);
    return { reads: [values(op, OP_INPUT, from, count)], writes: [values(op, OP_OUTPUT, from, count)] };
  },
`,
  );
  tree.insert('host/plan/footprint.ts', '  [OpKind.MAP]: NONE,', '  [OpKind.NEGATE]: NONE,\n');
  tree.insert(
    'host/learning/frozen.ts',
    "    case 'softmax':\n",
    "    case 'negate':\n      return ([x]) => x!.map((q) => Math.min(-q, 127));\n",
  );
  tree.insert('host/import/dequantize-network.ts', "    case 'softmax':\n", "    case 'negate':\n");
  tree.write('assembly/kernels/negate.ts', NEGATE_KERNEL);
  tree.insert(
    'assembly/kernels/index.ts',
    "import * as pad from './pad';",
    "import * as negate from './negate';\n",
  );
  tree.insert(
    'assembly/kernels/index.ts',
    '    case OpKind.PAD:',
    '    case OpKind.NEGATE:\n      if (has(OpKind.NEGATE)) negate.tile(op, index);\n      break;\n',
  );
}

function addWeightType(tree: Tree): void {
  tree.insert('host/model/weight-types.ts', '  int4: integers', '  int3: integers(Code.INT3, 3),\n');
  const path = 'assembly/kernels/weights.ts';
  tree.insert(
    path,
    '  return count;\n',
    '  if (isOfWeights(op, WeightType.INT3)) return (count * 3 + 7) >> 3;\n',
  );
  tree.insert(
    path,
    '  else return row;',
    '  else if (isOfWeights(op, WeightType.INT3)) unpackInt3(row, count, scratch);\n',
  );
  tree.insert(
    path,
    'function unpackInt4(',
    `function unpackInt3(row: usize, count: i32, to: usize): void {
  for (let i = 0; i < count; i++) {
    let w = 0;
    for (let bit = i * 3 + 2; bit >= i * 3; bit--) w = (w << 1) | ((load<u8>(row + (bit >> 3)) >> (bit & 7)) & 1);
    store<i8>(to + i, (w << 29) >> 29);
  }
}

`,
  );
}

function addDevice(tree: Tree): void {
  tree.write(
    'host/profiles/attic.ts',
    `import { cortexM4Generic } from './cortex-m4-generic.js';
import type { DeviceProfile } from './profile.js';

export const attic: DeviceProfile = { ...cortexM4Generic, name: 'attic', description: 'A part of one’s own' };
`,
  );
  tree.insert('host/profiles/index.ts', 'import { apollo4 }', "import { attic } from './attic.js';\n");
  tree.replace('host/profiles/index.ts', '  stm32u5,\n];', '  stm32u5,\n  attic,\n];');
}

function addCommand(tree: Tree): void {
  mkdirSync(join(tree.folder, 'host/parts'));
  tree.write(
    'host/parts/command.ts',
    `import { ExitCode } from '../error.js';
import { type Command, defineCommand } from '../options/command.js';
import { DEVICES } from '../profiles/index.js';

export const command: Command = defineCommand({
  positionals: [],
  options: {},
  examples: ['brownout parts'],
  run: () => ({ json: { parts: DEVICES }, text: DEVICES.join('\\n'), exitCode: ExitCode.OK }),
});
`,
  );
  tree.insert(
    'host/commands.ts',
    '  replay: {',
    `  parts: {
    summary: 'Name the devices.',
    load: () => import('./parts/command.js'),
  },
`,
  );
}

function addNvmBody(tree: Tree): void {
  const body = readFileSync(join(root, 'firmware/brownout_nvm_file.c'), 'utf8');
  tree.write('firmware/brownout_nvm_drum.c', body);
  tree.write(
    'host/firmware/nvm-bodies/drum.ts',
    `import { beside, type NvmBody, STACK_BYTES } from './nvm-body.js';

export const drum: NvmBody = {
  files: ['brownout_nvm_drum.c'],
  editable: [],
  runs: 'desk',
  stackBytes: STACK_BYTES,
  place: beside,
  memories: [],
};
`,
  );
  tree.insert(
    'host/firmware/nvm-bodies/index.ts',
    'import { eeprom }',
    "import { drum } from './drum.js';\n",
  );
  tree.insert('host/firmware/nvm-bodies/index.ts', '} satisfies', '  drum,\n');
  const boards = 'host/firmware/hardware.ts';
  const text = readFileSync(join(tree.folder, boards), 'utf8');
  tree.write(boards, text.replaceAll(/( +)eeprom: \{/g, "$1drum: { refused: 'it has no drum' },\n$&"));
}

/** Runs both on the module of the tree: −x, and a dense layer whose weights are 3 bits against the same in 8. */
const CHECK = `
import { compile } from './host/compile/compile.js';
import { readImage } from './host/model/image.js';
import { describeOp } from './host/ops/record.js';
import { Device } from './host/simulator/device.js';
import { SimulatedNvm } from './host/simulator/nvm.js';
import { provision } from './host/simulator/provision.js';
import { moduleBytes } from './host/toolchain/modules.js';

const tensor = (shape) => ({ shape, scale: 0.5, zeroPoint: 0 });
function run(network, input, options) {
  const image = readImage(compile(network, options));
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const device = new Device(new WebAssembly.Module(moduleBytes('device')), { image, nvm, sramBytes: 65536 });
  device.boot();
  device.feed(input);
  device.submit(1);
  while (device.run() === 1);
  const { offset, bytes } = image.output;
  return { image, answer: [...new Int8Array(nvm.cells.slice(offset, offset + bytes).buffer)] };
}
const x = Int8Array.from({ length: 100 }, (_, i) => i * 2 - 128);
const name = 'twice';
const ops = [
  { kind: 'negate', name: 'minus', inputs: [0], output: 1 },
  { kind: 'negate', name: 'again', inputs: [1], output: 2 },
];
const twice = run({ name, tensors: [0, 1, 2].map(() => tensor([100])), ops, input: 0, output: 2 }, x, { device: 'attic' });
const weights = Int8Array.from({ length: 7 * 13 }, (_, i) => ((i * 7) % 8) - 4);
const dense = (weightType) => run({
  name: weightType,
  tensors: [tensor([13]), tensor([7])],
  ops: [{
    kind: 'dense', name: 'd', inputs: [0], output: 1, weights, weightType, bias: new Int32Array(7),
    multipliers: Int32Array.of(2 ** 30), shifts: Int32Array.of(0), clampMin: -128, clampMax: 127,
  }],
  input: 0, output: 1,
}, x.subarray(40, 53), {});
const [three, eight] = [dense('int3'), dense('int8')];
console.log(JSON.stringify({
  twice: twice.answer,
  proof: twice.image.metadata.proof,
  kinds: twice.image.ops.map((op) => describeOp(op).kind),
  three: three.answer,
  eight: eight.answer,
  saved: eight.image.constants.bytes - three.image.constants.bytes,
}));
`;

test('an op, a type of weights, a device, a command and an NVM body, added by the steps of docs/CONTRIBUTING.md', () => {
  const tree = new Tree();
  try {
    declare(tree);
    // Until they are whole, the compiler says where.
    assert.equal(tree.compile(), [
      'host/import/dequantize-network.ts',
      'host/learning/frozen.ts',
      'host/model/weight-types.ts',
      'host/ops/index.ts',
      'host/plan/footprint.ts',
    ]);
    addOp(tree);
    addWeightType(tree);
    addDevice(tree);
    addCommand(tree);
    addNvmBody(tree);
    assert.equal(tree.compile(), []);
    tree.buildModules();
    const found = JSON.parse(tree.run(CHECK)) as Record<string, number[]> & {
      proof: { tiles: number };
      kinds: string[];
      saved: number;
    };
    const values = Array.from({ length: 100 }, (_, i) => i * 2 - 128);
    assert.equal(found.kinds, ['negate_s8', 'negate_s8']);
    assert.equal(
      found['twice'],
      values.map((x) => -Math.min(-x, 127)),
    );
    assert.is(found.proof.tiles, 8, 'proved, tile by tile');
    assert.equal(found['three'], found['eight']);
    assert.ok(new Set(found['three']).size > 1, 'an answer that says something');
    // 7 rows of 13 weights: 5 bytes each in place of 13, padded.
    assert.is(found.saved, 96 - 48);
    assert.ok((JSON.parse(tree.brownout('parts', '--json')) as { parts: string[] }).parts.includes('attic'));
    assert.match(tree.brownout('--help'), /parts +Name the devices/);
    const firmware = join(tree.folder, 'out');
    tree.brownout('export', 'checkpoints/digits.brn', '--target', 'posix', '--nvm', 'drum', '-o', firmware);
    assert.ok(existsSync(join(firmware, 'brownout_nvm_drum.c')));
    assert.not(existsSync(join(firmware, 'brownout_nvm_file.c')));
  } finally {
    rmSync(tree.folder, { recursive: true });
  }
});

test.run();
