// Images from strangers: the bounds that ops state are exactly what plans take and tiles touch, and an image that keeps them
// makes no kernel, as C under address and undefined-behaviour sanitizers, read or write outside; nor does firmware that checks
// its plan, whatever else of its image was changed.
// BROWNOUT_FUZZ: how many hostile images.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import {
  ALIGNMENT,
  ENTRY_BYTES,
  E_WORD,
  EntryKind,
  OP_SCRATCH0,
  OP_TILES,
  OP_WEIGHT_TYPE,
  OpKind,
  S_ENTRIES,
  STATIC_BYTES,
  WeightType,
} from '../assembly/layout.js';
import { LABEL_SHIFT } from '../assembly/learning-layout.js';
import { writeFiles } from '../host/firmware/build-elf.js';
import { commonFiles, moduleFrom } from '../host/firmware/sources.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { constantOffset } from '../host/model/learning-header.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { isInference, type OpRecord } from '../host/model/record.js';
import { checkRecords } from '../host/ops/bounds.js';
import { RECORD_OPS } from '../host/ops/index.js';
import { footprint } from '../host/plan/footprint.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import * as networks from '../samples/networks.js';
import { layered } from '../samples/networks.js';
import { otherFields, resealDamaged } from './hostile/damage.js';
import { draws, report, turnOn } from './hostile/meter.js';
import { compileUnproved } from './util/compile.js';
import { makeDevice } from './util/devices.js';
import { setField } from './util/image-bytes.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';
import { kernelNetworks } from './util/kernel-networks.js';
import { buildNativeDevice, NVM_BYTES as NATIVE_NVM_BYTES, runNative } from './util/native-device.js';

type Make = (random: Random) => QuantizedNetwork;

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Areas whose places say more than their size: room for cores that widen windows, for tables of signs; pairs inside another. */
const isLoose = (op: OpRecord, area: number): boolean =>
  ([OpKind.CONV2D, OpKind.CONV2D_SPARSE, OpKind.SEPARABLE_CONV2D].includes(op.kind) && area === 0) ||
  (op.kind === OpKind.CIRCULANT_NTT && area === 4) ||
  (op.kind === OpKind.CIRCULANT_SPECTRA && (area === 1 || area === 4)) ||
  (op.get(OP_WEIGHT_TYPE) > WeightType.INT4 && area === (op.kind === OpKind.DENSE ? 1 : 2));

/** A column that is turned lies behind the sums, in their area. */
const isWithin = (op: OpRecord, area: number): boolean => op.kind === OpKind.CIRCULANT_DIRECT && area === 2;
const isShared = (op: OpRecord, area: number): boolean =>
  isWithin(op, area) || (op.kind === OpKind.CIRCULANT_DIRECT && area === 3);

function checkTight(image: Image, seen: Set<OpKind>): void {
  checkRecords(image);
  for (const op of image.ops) {
    if (op.isLearning) continue;
    const name = `${image.metadata.name} ${OpKind[op.kind]}`;
    const { scratch, writes } = RECORD_OPS[op.inference].bounds(op);
    const offsets = scratch.map((_, i) => op.get(OP_SCRATCH0 + 4 * i));
    scratch.forEach((bytes, i) => {
      const next = offsets.find((offset, at) => at > i && offset > offsets[i]! && !isWithin(op, at));
      if (next === undefined) return;
      if (isShared(op, i)) assert.ok(bytes <= next - offsets[i]!, `${name}, area ${i}`);
      else if (!isLoose(op, i)) assert.is(align(bytes), next - offsets[i]!, `${name}, area ${i}`);
    });
    seen.add(op.kind);
    if (image.learning) continue;
    // What tiles write by the judge's own account ends where the op says.
    const ends = Array.from({ length: op.get(OP_TILES) }, (_, tile) => footprint(op, tile).writes).flat();
    const [[field, bytes]] = writes as [[number, number]];
    assert.is(Math.max(...ends.map(([, end]) => end)), op.get(field) + bytes, `${name}, writes`);
  }
}

const shipped = ['digits', 'har', 'keywords', 'digits-learn'].map((name) =>
  readImage(readFileSync(`checkpoints/${name}.brn`)),
);

test('bounds are what plans take: areas end where the next begins, and tiles write as much', () => {
  const seen = new Set<OpKind>();
  for (const image of shipped) checkTight(image, seen);
  const random = new Random(13);
  const makers: Make[] = [
    ...Object.values(kernelNetworks),
    (draw) => networks.elementwiseInt16Network(draw, 'add'),
    networks.softmaxInt16Network,
    networks.lookupNetwork,
  ];
  for (const make of makers)
    for (let i = 0; i < 6; i++) checkTight(readImage(compileUnproved(make(random))), seen);
  const inference = Object.values(OpKind).filter((kind) => typeof kind === 'number' && isInference(kind));
  assert.equal(
    [...seen].sort((a, b) => a - b),
    inference,
    'every kind of op was seen',
  );
});

test('a learner whose first state has entries of a class that there is not learns on, and does not trap', () => {
  const image = shipped.at(-1)!;
  const { firstState, entries } = image.learning!;
  const file = image.file.slice();
  const first = constantOffset(firstState) + S_ENTRIES;
  for (let entry = 1; entry < entries; entry++)
    setField(file, first + entry * ENTRY_BYTES + E_WORD, (200 << LABEL_SHIFT) | EntryKind.LEARN);
  resealDamaged(file, image);
  const changed = readImage(file);
  const device = makeDevice(changed);
  assert.is(device.boot(), Status.IDLE);
  device.feed(new Int8Array(image.input.bytes));
  assert.is(device.learn(1, 0), Status.RUN);
  while (device.status() === Status.RUN) assert.ok(device.run() >= 0);
  assert.is(device.status(), Status.DONE);
});

const COUNT = Number(process.env['BROWNOUT_FUZZ'] ?? 4000);
const nativeTest = hasPrograms('hostile images in C', { gcc: 'gcc' }) ? test : test.skip;

nativeTest(`${COUNT} hostile images: an error by name, or C that stays inside`, async () => {
  const program = await buildNativeDevice(temporaryFolder('bounds'), 'sanitized');
  const random = draws(20);
  const makers = Object.values(kernelNetworks);
  const seeds = [
    ...shipped.slice(0, 2),
    ...makers.map((make) => readImage(compileUnproved(make(random)))),
    readImage(compileUnproved(networks.elementwiseInt16Network(random, 'add'))),
    readImage(compileUnproved(networks.softmaxInt16Network(random))),
    readImage(compileUnproved(networks.lookupNetwork(random))),
    readImage(compileUnproved(layered(random))),
  ];
  let jobs: Parameters<typeof runNative>[1][number][] = [];
  const runAll = (): void => {
    for (const { state } of runNative(program, jobs, STATIC_BYTES))
      assert.ok(state === Status.DONE || ErrorCode[state] !== undefined, `state ${state}`);
    jobs = [];
  };
  const codes = await turnOn('images in C, sanitized', COUNT, (i) => {
    if (jobs.length >= 200) runAll();
    const seed = seeds[i % seeds.length]!;
    const image = readImage(otherFields(random, seed));
    checkRecords(image);
    if (image.nvmBytes > NATIVE_NVM_BYTES || STATIC_BYTES + image.arenaBytes > 65536) return;
    const input = new Int8Array(image.input.bytes).map(() => random.uint32());
    jobs.push({ image, input, sramBytes: STATIC_BYTES + image.arenaBytes });
  });
  runAll();
  const taken = codes.get('none')!;
  assert.ok(taken > COUNT / 20 && taken < COUNT * 0.8, `${taken} taken: the mutations do not bite`);
  for (const code of codes.keys()) assert.match(code, /^E_IMAGE_|^none$/);
});

/** What test/c/hostile.c prints. */
type Figures = [refused: number, taken: number, others: number, ms: number, slowestMs: number, MB: number];
/** Images that one process of it meets. */
const PIECE = 2000;

/** Images whose firmware meets changed ones: with BROWNOUT_FUZZ all that ship. */
const met =
  process.env['BROWNOUT_FUZZ'] === undefined ? ['digits'] : ['digits', 'har', 'keywords', 'digits-learn'];
for (const name of met)
  nativeTest(
    `${name}: firmware that checks its plan refuses another, and stays inside whatever else changes`,
    async () => {
      const image = readImage(readFileSync(`checkpoints/${name}.brn`));
      const module = moduleFrom(name === 'digits' ? moduleBytes('digits') : await buildDevice(image));
      const folder = temporaryFolder('plan');
      writeFiles(folder, commonFiles(image, module, { checks: { signature: false, plan: true } }));
      const program = join(folder, 'hostile');
      const sources = [
        fileURLToPath(new URL('../../test/c/hostile.c', import.meta.url)),
        join(folder, 'brownout.c'),
      ];
      const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
      const warnings = ['-Wno-unused-parameter', '-Wno-unused-function'];
      compileNative(program, sources, ['-O1', ...sanitizers, ...warnings, '-I', folder]);
      const what = `firmware of ${name}, sanitized`;
      let [refused, taken, others, seconds] = [0, 0, 0, 0];
      const seed = draws(1);
      for (let done = 0; done < COUNT;) {
        const count = Math.min(PIECE, COUNT - done);
        const out = execFileSync(program, [`${count}`, `${seed.uint32() | 1}`], { encoding: 'utf8' });
        const [no, yes, other, spentMs, slowestMs, megabytes] = out.split(' ').map(Number) as Figures;
        assert.ok(slowestMs < 2000 && megabytes < 512, `${what}: ${out}`);
        done += count;
        refused += no;
        taken += yes;
        others += other;
        seconds += spentMs / 1e3;
        report({ what, done, count: COUNT, refused, slowestMs, seconds, megabytes });
      }
      assert.ok(
        refused > 0.2 * COUNT && taken > 0.4 * COUNT && others > 0.1 * COUNT,
        `${name}: ${refused} ${taken} ${others}`,
      );
    },
  );

test.run();
