// Firmware updates in C: NVM of an earlier image under a new one, cut in every step. Learnt weights go on where layers agree,
// tickets always; other images are refused; a release is not gone back from.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import { CURSOR_BYTES, JOURNAL_BYTES, N_JOURNAL, N_RELEASE0, N_RELEASE1 } from '../assembly/layout.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { earlierOf } from '../host/firmware/updates.js';
import { factoryWeights, learnedWeights, learningStatus, withWeights } from '../host/learning/learned.js';
import type { LearnOptions } from '../host/learning/spec.js';
import { Random } from '../host/math/random.js';
import { cursorFields, isWhole, slotAddress } from '../host/model/cursor.js';
import { type Image, readImage } from '../host/model/image.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { int8s } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { infer } from './util/devices.js';
import { learnable } from './util/learnable.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';

const native = hasPrograms('updates in C', { gcc: 'gcc' }) ? test : test.skip;
const learning = new WebAssembly.Module(moduleBytes('device.learn'));
const SRAM_BYTES = 60_000;

interface Version {
  seed?: number;
  layers?: string[];
  learn?: LearnOptions;
  release?: number;
}

const LEARN: LearnOptions = { layers: 'all', ring: 10, guardEvery: 0, holdOut: 0 };

/** An image of a network of two dense layers; another `seed` gives its last layer other weights. */
function version({ seed = 1, layers = ['dense:6', 'dense:3'], learn = LEARN, release = 0 }: Version): Image {
  const network = learnable(new Random(1), [8], layers);
  if (seed !== 1) {
    const last = network.ops.at(-1) as { weights: Int8Array };
    last.weights = int8s(new Random(seed), last.weights.length, -90, 90);
  }
  return readImage(compileUnproved(network, { learn, release }));
}

const deviceOf = (image: Image, nvm: SimulatedNvm): Device =>
  new Device(learning, { image, nvm, sramBytes: SRAM_BYTES });

/** NVM of `bytes` of a device that has learnt `samples`, with an inference under way. */
function learnt(image: Image, samples: number, bytes: number): Uint8Array {
  const nvm = new SimulatedNvm(bytes);
  provision(nvm, image);
  const device = deviceOf(image, nvm);
  const random = new Random(5);
  assert.is(device.boot(), Status.IDLE);
  for (let ticket = 1; ticket <= samples; ticket++) {
    device.feed(int8s(random, image.input.bytes));
    device.learn(ticket, random.integer(3));
    while (device.status() === Status.RUN) device.run();
    device.ack(ticket);
  }
  device.feed(int8s(random, image.input.bytes));
  device.submit(samples + 1);
  return nvm.cells.slice();
}

const TRIAL = fileURLToPath(new URL('../../test/c/begin.c', import.meta.url));

interface Firmware {
  begin(nvm: Uint8Array, cut?: number, seed?: number, line?: number, then?: string): Outcome;
}

interface Outcome {
  nvm: Uint8Array;
  /** Undefined after a cut. */
  code: number | undefined;
  ticket: number;
  steps: number;
}

/** Firmware of `image`, that takes over NVM of `from`; `edit` changes its C. */
async function firmware(
  image: Image,
  from: Image[] = [],
  edit?: (name: string, text: string) => string,
): Promise<Firmware> {
  const folder = join(temporaryFolder('update'), 'firmware');
  const { files } = await exportFirmware(image, {
    target: 'cortex-m4',
    layout: 'cmake',
    verify: false,
    ...(from.length > 0 ? { from: from.map(({ file }) => file) } : {}),
  });
  writeFirmwareFolder(folder, files);
  if (edit)
    for (const name of ['brownout.c', 'brownout_update.h'])
      writeFileSync(join(folder, name), edit(name, readFileSync(join(folder, name), 'utf8')));
  const program = join(folder, 'trial');
  const sources = [TRIAL, join(folder, 'brownout.c'), join(folder, 'brownout_model.c')];
  compileNative(program, sources, ['-O1', '-I', folder, '-Wno-unused-parameter', '-Wno-clobbered']);
  const path = join(folder, 'nvm');
  return {
    begin(nvm, cut = 0, seed = 1, line = 1, then = '') {
      writeFileSync(path, nvm);
      const args = [path, `${cut}`, `${seed}`, `${line}`, ...(then ? [then] : [])];
      const out = execFileSync(program, args, { encoding: 'utf8' });
      const [code, ticket = 0, steps = 0] = out.split(' ').map(Number);
      const left = new Uint8Array(readFileSync(path));
      return { nvm: left, code: out === 'cut' ? undefined : code, ticket, steps };
    },
  };
}

/** The newest cursor in NVM. */
const cursorOf = (nvm: Uint8Array, image: Image): ReturnType<typeof cursorFields> =>
  [0, 1]
    .map((slot) => nvm.slice(slotAddress(image, slot), slotAddress(image, slot) + CURSOR_BYTES))
    .filter(isWhole)
    .map(cursorFields)[0]!;

/** NVM without what nobody reads: the journal, which may be torn, and the rest of the lines that hold the release. */
function meant(nvm: Uint8Array): Uint8Array {
  const bytes = nvm.slice().fill(0, N_JOURNAL, N_JOURNAL + JOURNAL_BYTES);
  for (const at of [N_RELEASE0, N_RELEASE1]) bytes.fill(0, at + 8, at + 16);
  return bytes;
}

/** Cuts `begin` over `nvm` in every step, and what follows once more; it must come to `expected`. */
function cutEverywhere({ begin }: Firmware, nvm: Uint8Array, expected: Outcome, line: number): number {
  let cuts = 0;
  for (let cut = 1; cut <= expected.steps; cut++) {
    const first = begin(nvm, cut, cut, line);
    assert.is(first.code, undefined);
    const second = begin(first.nvm, 1 + ((cut * 7) % expected.steps), cut + 99, line);
    const last = second.code === undefined ? begin(second.nvm) : second;
    assert.is(last.code, expected.code, `cut ${cut}, lines of ${line}`);
    assert.is(last.ticket, expected.ticket, `cut ${cut}, lines of ${line}`);
    const same = Buffer.compare(meant(last.nvm), meant(expected.nvm)) === 0;
    assert.ok(same, `cut ${cut}, lines of ${line}: another NVM`);
    assert.is(begin(last.nvm).steps, 0, `cut ${cut}, lines of ${line}: something is left to do`);
    // Without its mark NVM is that of a new device: no journal is left that would bring anything back.
    assert.is(
      begin(last.nvm.slice().fill(0, 0, 4)).ticket,
      0,
      `cut ${cut}, lines of ${line}: a journal is left`,
    );
    cuts += 2;
  }
  return cuts;
}

/** Bytes of a bank that the first layer takes: 8 × 6 weights, their low bytes, 8 means in halves, 6 biases, each padded to 16. */
const FIRST_LAYER = 48 + 48 + 16 + 16 + 32;

const old = version({});
const SAMPLES = 9;
/** The same network with a larger ring, so that everything lies elsewhere. */
const larger = version({ learn: { ...LEARN, ring: 20 }, release: 2 });
let whole: Promise<Firmware> | undefined;

/** An image with a head by sums. */
function summing({ ring = 5, rank = 4, release = 0 }): Image {
  const network = learnable(new Random(2), [8], ['dense:20', 'dense:4']);
  const data = Array.from({ length: 20 }, (_, i) => ({ input: int8s(new Random(i), 8), label: i % 4 }));
  const options = { learn: { layers: 'sums', data, rank, ring }, release };
  return readImage(compileUnproved(network, options));
}

native('a head by sums goes on as a whole, through cuts, where all that makes it agrees', async () => {
  const [before, after] = [summing({}), summing({ ring: 9, release: 3 })];
  assert.is.not(before.imageId, after.imageId);
  const bytes = Math.max(before.nvmBytes, after.nvmBytes);
  const nvm = learnt(before, 30, bytes);
  const weights = learnedWeights(nvm, before);
  assert.is.not(Buffer.compare(weights, factoryWeights(before)), 0, 'something was learnt');
  assert.is(earlierOf(before, after).layers.length, 1);
  const trial = await firmware(after, [before]);
  const steady = trial.begin(nvm);
  assert.equal([steady.code, steady.ticket], [Status.IDLE, 31]);
  assert.ok(Buffer.compare(learnedWeights(steady.nvm, after), weights) === 0);
  assert.ok(cutEverywhere(trial, nvm, steady, 1) > 10);
  // Other directions, or another network, make other sums: tickets alone go on.
  for (const other of [summing({ rank: 3 }), old])
    for (const [from, to] of [
      [before, other],
      [other, before],
    ] as const)
      assert.equal([earlierOf(from, to).layers, earlierOf(from, to).into], [[], [0, 0, 0, 0]]);
});

native(
  'what was learnt goes on where layers agree, through cuts, and the new image answers with it',
  async () => {
    const cases: [name: string, image: Image, layers: number][] = [
      ['another ring', larger, 2],
      ['another class', version({ layers: ['dense:6', 'dense:4'] }), 1],
      ['another first layer', version({ layers: ['dense:7', 'dense:3'] }), 0],
    ];
    let cuts = 0;
    for (const [name, image, layers] of cases) {
      const bytes = Math.max(old.nvmBytes, image.nvmBytes);
      const before = learnt(old, SAMPLES, bytes);
      assert.is.not(old.imageId, image.imageId, name);
      assert.is(earlierOf(old, image).layers.length, layers, name);
      const weights = learnedWeights(before, old);
      assert.ok(learningStatus(before, old).updates > 3);
      const expected = factoryWeights(image);
      if (layers === 2) expected.set(weights);
      if (layers === 1) expected.set(weights.subarray(0, FIRST_LAYER));
      assert.is(Buffer.compare(expected, factoryWeights(image)) !== 0, layers > 0);
      const trial = await firmware(image, [old]);
      const steady = trial.begin(before);
      assert.is(steady.code, Status.IDLE, name);
      assert.is(steady.ticket, SAMPLES + 1, name);
      const learnedNow = learnedWeights(steady.nvm, image);
      assert.ok(Buffer.compare(learnedNow, expected) === 0, `${name}: weights`);
      const steps = layers > 0 ? learningStatus(before, old).updates : 0;
      assert.is(cursorOf(steady.nvm, image).step, steps, name);
      for (const line of image === larger ? [1, 16] : [8]) cuts += cutEverywhere(trial, before, steady, line);
      // A second boot finds nothing left to do.
      assert.is(trial.begin(steady.nvm).steps, 0, name);
      // The device answers as one that ships with these weights.
      const after = new SimulatedNvm(bytes);
      after.write(0, steady.nvm);
      after.sync();
      const nvm = new SimulatedNvm(bytes);
      const shipped = withWeights(image, expected);
      provision(nvm, shipped);
      const input = int8s(new Random(8), image.input.bytes);
      assert.equal(
        infer(deviceOf(image, after), image, input, 99),
        infer(deviceOf(shipped, nvm), shipped, input, 99),
      );
    }
    assert.ok(cuts > 100, `${cuts} cuts`);
  },
);

native('NVM of an image that was not named is refused, and so is one whose cursor is gone', async () => {
  const image = larger;
  const bytes = Math.max(old.nvmBytes, image.nvmBytes);
  const other = learnt(version({ seed: 3 }), 2, bytes);
  const lost = learnt(old, 2, bytes);
  lost.fill(0x5a, old.slots.offset, old.slots.offset + old.slots.bytes);
  whole ??= firmware(image, [old]);
  const trial = await whole;
  for (const nvm of [other, lost]) {
    const { code, steps } = trial.begin(nvm);
    assert.is(code, ErrorCode.E_CURSOR_IMAGE);
    assert.is(steps, 0);
  }
});

native('a release is not gone back from, whatever a cut left, and an erasure keeps it', async () => {
  const first = version({ release: 1 });
  const bytes = Math.max(first.nvmBytes, larger.nvmBytes);
  whole ??= firmware(larger, [old]);
  // The release is no part of what an image is called.
  assert.is(first.imageId, old.imageId);
  const [older, newer] = [await firmware(first), await whole];
  const start = older.begin(new Uint8Array(bytes).fill(0xff));
  assert.is(start.code, Status.IDLE);
  const updated = newer.begin(start.nvm);
  assert.is(updated.code, Status.IDLE);
  for (const then of ['', 'provision', 'erase']) {
    const back = older.begin(updated.nvm, 0, 1, 1, then);
    assert.is(back.code, ErrorCode.E_ROLLBACK, then);
    assert.is(back.steps, 0, then);
    assert.is(newer.begin(back.nvm).code, Status.IDLE);
  }
  const refused = new Set<number>();
  for (const line of [1, 16])
    for (let cut = 1; cut <= updated.steps; cut++) {
      const { nvm } = newer.begin(start.nvm, cut, cut, line);
      const { code } = older.begin(nvm);
      refused.add(code!);
      assert.is(newer.begin(nvm).code, Status.IDLE);
      // Once an older one was refused, none gets through any more.
      if (code === ErrorCode.E_ROLLBACK) assert.is(older.begin(newer.begin(nvm).nvm).code, code);
    }
  assert.ok(refused.has(ErrorCode.E_ROLLBACK), 'no cut after the release was raised');
  // Where a cut tears the copy that is raised, the other one says the release before.
  const newest = await firmware(version({ learn: { ...LEARN, ring: 20 }, release: 3 }));
  const { steps } = newest.begin(updated.nvm);
  for (const line of [1, 16])
    for (let seed = 1; seed <= 4 * steps; seed++) {
      const { nvm } = newest.begin(updated.nvm, 1 + (seed % steps), seed, line);
      assert.is(older.begin(nvm).code, ErrorCode.E_ROLLBACK, `seed ${seed}, lines of ${line}`);
    }
  const erased = newer.begin(updated.nvm, 0, 1, 1, 'erase');
  assert.is(erased.code, Status.IDLE);
  for (const line of [1, 16])
    for (let cut = updated.steps + 1; cut <= erased.steps; cut += 5) {
      const { nvm } = newer.begin(updated.nvm, cut, cut, line, 'erase');
      assert.is(older.begin(nvm).code, ErrorCode.E_ROLLBACK, `cut ${cut} of an erasure`);
      assert.is(newer.begin(nvm).code, Status.IDLE);
    }
});

const MUTANTS: [name: string, from: string, to: string][] = [
  [
    'a journal before the weights are durable',
    '  brownout_nvm_sync();\n}\n\n/* From a whole journal',
    '}\n\n/* From a whole journal',
  ],
  ['no journal', '    write_journal(&journal);\n', '    (void)write_journal;\n'],
  ['a journal that is not read', '  if (!read_journal(&journal)) {', '  if (1) {'],
  ['a journal that stays', '  if (state >= 0) close_journal();\n', ''],
  ['the older of two cursors', 'if (cursor[BROWNOUT_SEQUENCE] + 1u == newest[BROWNOUT_SEQUENCE]) break;', ''],
  ['the bank of the old image', 'into[bank];', 'into[bank] ? bank : 0;'],
  [
    'one copy of the release',
    'for (i = 0; i < 2; i++) {\n    uint32_t copy[2];',
    'for (i = 0; i < 1; i++) {\n    uint32_t copy[2];',
  ],
];

for (const [name, from, to] of MUTANTS)
  native(`caught: ${name}`, async () => {
    let found = 0;
    const edit = (_: string, text: string): string => {
      if (text.includes(from)) found++;
      return text.replace(from, () => to);
    };
    const image = larger;
    whole ??= firmware(image, [old]);
    const bytes = Math.max(old.nvmBytes, image.nvmBytes);
    const before = learnt(old, SAMPLES, bytes);
    const expected = (await whole).begin(before);
    const trial = await firmware(image, [old], edit);
    assert.is(found, 1);
    let caught = false;
    try {
      assert.equal(trial.begin(before), expected);
      cutEverywhere(trial, before, expected, 16);
      cutEverywhere(trial, before, expected, 1);
    } catch (error) {
      caught = error instanceof Error && error.name === 'Assertion';
    }
    assert.ok(caught);
  });

test.run();
