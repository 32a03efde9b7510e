// A head by sums on the device against the mirror written from docs/LEARNING.md §10: banks, states, ring and cursor, byte by byte.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  C_BANKS,
  C_KIND,
  C_SAMPLE,
  C_STEP,
  ENTRY_BYTES,
  EntryKind,
  JobKind,
  OpKind,
  S_ENTRIES,
  S_STAMP,
  STATIC_BYTES_CHECKED,
  STATIC_BYTES_LEARNING,
} from '../assembly/layout.js';
import { ErrorCode, Status } from '../assembly/error.js';
import { FACTOR_ROWS, FOUR, SOLVE_CLASSES, SUMS_SHAPE } from '../assembly/learning-layout.js';
import type { CompileOptions } from '../host/compile/options.js';
import { completeSumsOptions } from '../host/learning/options.js';
import type { LearnOptions } from '../host/learning/spec.js';
import { deriveSums } from '../host/learning/sums/derive.js';
import { factoryWeights, withWeights } from '../host/learning/learned.js';
import { type Sums, sumsBytes } from '../host/learning/sums/spec.js';
import { SumsMirror } from '../host/learning/sums/mirror.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { banksOf, constantOffset } from '../host/model/learning-header.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { Device, PowerCut, steadyPower } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { type ModuleName, moduleBytes } from '../host/toolchain/modules.js';
import { verify } from '../host/verify/verify.js';
import { int8s } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { learnable } from './util/learnable.js';

function deviceOf(image: Image, name: ModuleName): Device {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const statics = name.endsWith('checked') ? STATIC_BYTES_CHECKED : STATIC_BYTES_LEARNING;
  const module = new WebAssembly.Module(moduleBytes(name));
  const device = new Device(module, { image, nvm, sramBytes: statics + image.arenaBytes });
  assert.is(device.boot(), Status.IDLE);
  return device;
}

function finish(device: Device, ticket: number): void {
  let code = device.status();
  while (code === Status.RUN || code === Status.LOW) code = device.run();
  assert.is(code, Status.DONE);
  assert.is(device.ack(ticket), Status.IDLE);
}

/** Where NVM has the answer. */
const answerOf = ({ output: { offset, bytes } }: Image): number[] => [offset, offset + bytes];

/** Everything that outlives a job. */
function compare(device: Device, image: Image, mirror: SumsMirror, what: string): void {
  const header = image.learning!;
  const banks = device.cursorField(C_BANKS);
  const found = { step: device.cursorField(C_STEP), banks, sample: device.cursorField(C_SAMPLE) };
  assert.equal(found, mirror.cursor(), `${what}: cursor`);
  const { current, state } = banksOf({ banks });
  const nvm = device.nvm.present;
  const bytesOf = (bank: number, constant: number, at: number, size: number): Uint8Array =>
    bank === 0
      ? image.device.slice(constantOffset(constant), constantOffset(constant) + size)
      : nvm.slice(at + (bank - 1) * size, at + bank * size);
  const size = S_ENTRIES + header.entries * ENTRY_BYTES;
  const inForce = bytesOf(state, header.firstState, header.states, header.stateBytes);
  assert.equal(inForce.slice(0, size), mirror.stateBytes().slice(0, size), `${what}: state`);
  const bank = bytesOf(current, header.factory, header.banks, header.bankBytes);
  const expected = mirror.weightBank();
  const differs = expected.findIndex((byte, i) => bank[i] !== byte);
  assert.is(differs, -1, `${what}: byte ${differs} of ${expected.length} of the bank`);
  mirror.summary.entries.forEach(({ kind }, entry) => {
    if (kind === 0) return;
    const at = header.ring + entry * header.entryBytes;
    const kept = mirror.ringEntry(entry);
    const used = mirror.spec.joinedInputs;
    assert.equal(nvm.slice(at, at + used), kept.slice(0, used), `${what}: entry ${entry}`);
    const logits = Math.ceil(used / 16) * 16;
    const end = logits + mirror.spec.classes;
    assert.equal(nvm.slice(at + logits, at + end), kept.slice(logits, end), `${what}: logits ${entry}`);
  });
}

/** Inputs about a pattern for each class. */
function sampleOf(random: Random, network: QuantizedNetwork, label: number, shift = 0): Int8Array {
  const pattern = int8s(new Random(1000 + label), elementCount(network.tensors[network.input]!), -70, 70);
  return pattern.map((q) => q + random.integer(31) - 15 + shift);
}

/** The last one in so little SRAM that a tile has one row or class, not four of each. */
const OPTIONS: readonly (Partial<LearnOptions> & Pick<CompileOptions, 'arenaBytes'>)[] = [
  { rank: 6 },
  { rank: 3, fold: 1, late: false, prior: 0.5 },
  { rank: 5, reserve: 2, ring: 6, forget: true },
  { ring: 4, decay: 3, prior: 20, rank: 8, arenaBytes: 400, forget: true },
];

const CASES: readonly [name: string, shape: number[], layers: string[]][] = [
  ['dense', [12], ['dense:9', 'dense:4']],
  ['circulant head', [10], ['dense:16', 'circulant:5:4']],
  ['convolution and max pooling', [6, 7, 2], ['conv:4', 'max', 'conv:3', 'dense:5']],
  ['means of a map', [4, 4, 3], ['conv:5', 'mean']],
  ['a convolution of one pixel', [2, 2, 3], ['conv:6', 'max', 'conv:4']],
];

for (const [name, shape, layers] of CASES) {
  test(`${name}: 40 samples, late labels, on both builds`, () => {
    for (const [seed, { arenaBytes, ...options }] of OPTIONS.entries()) {
      const random = new Random(seed + 1);
      const network = learnable(random, shape, layers);
      const classes = elementCount(network.tensors[network.output]!);
      const data = Array.from({ length: 60 }, (_, i) => ({
        input: sampleOf(random, network, i % classes),
        label: i % classes,
      }));
      const learn: LearnOptions = { layers: 'sums', data, ...options };
      const image = readImage(compileUnproved(network, { learn, ...(arenaBytes ? { arenaBytes } : {}) }));
      const at = (asked: OpKind, field: number): number =>
        image.ops.find(({ kind }) => kind === asked)!.get(field);
      const many = [at(OpKind.FACTOR, FACTOR_ROWS), at(OpKind.SOLVE, SOLVE_CLASSES)];
      const rank = image.ops.find(({ kind }) => kind === OpKind.FACTOR)!.getPair(SUMS_SHAPE)[1];
      if (!arenaBytes) assert.equal(many, [FOUR, FOUR]);
      else if (rank === 8) assert.equal(many, [1, 1]);
      const spec = deriveSums(network, completeSumsOptions(learn), data);
      const device = deviceOf(image, seed % 2 === 0 ? 'device.learn.checked' : 'device.learn');
      const mirror = new SumsMirror(spec);
      compare(device, image, mirror, `${name}, options ${seed}, new`);
      for (let ticket = 1; ticket <= 40; ticket++) {
        const label = random.integer(spec.classes);
        const input = sampleOf(random, network, label, 12);
        device.feed(input);
        if (spec.late && ticket % 3 === 0) {
          assert.is(device.submit(ticket), Status.RUN);
          finish(device, ticket);
          mirror.infer(input, ticket);
          if (ticket % 2 === 0) continue;
          assert.is(device.label(ticket, label), Status.RUN);
          finish(device, ticket);
          mirror.label(ticket, label);
        } else {
          assert.is(device.learn(ticket, label), Status.RUN);
          finish(device, ticket);
          mirror.learn(input, label, ticket);
        }
        compare(device, image, mirror, `${name}, options ${seed}, sample ${ticket}`);
        if (spec.forget && ticket % 5 === 0) {
          const gone = random.integer(spec.classes);
          assert.is(device.forget(1000 + ticket, gone), Status.RUN);
          finish(device, 1000 + ticket);
          mirror.forget(gone);
          compare(device, image, mirror, `${name}, options ${seed}, forgotten at ${ticket}`);
        }
        if (ticket === 25) {
          assert.is(device.restore(), Status.IDLE);
          mirror.restore();
        }
      }
      assert.ok(mirror.step > 8, `${mirror.step} updates`);
    }
  });
}

/** The same network with a reshape of its answer, as importers leave it. */
function renamed(network: QuantizedNetwork): QuantizedNetwork {
  const { tensors, ops, output } = network;
  const answer = { ...tensors[output]!, shape: [1, elementCount(tensors[output]!)] };
  const rename = { kind: 'reshape', name: 'rows', inputs: [output], output: tensors.length } as const;
  return { ...network, tensors: [...tensors, answer], ops: [...ops, rename], output: tensors.length };
}

for (const [name, shape, layers] of CASES) {
  test(`${name}: before anything is learnt, answers are those of the image without learning`, () => {
    const random = new Random(21);
    const network = renamed(learnable(random, shape, layers));
    const classes = elementCount(network.tensors[network.output]!);
    const data = Array.from({ length: 40 }, (_, i) => {
      return { input: sampleOf(random, network, i % classes), label: i % classes };
    });
    const learns = { layers: 'sums', data };
    const images = [{}, { learn: learns }, { learn: { ...learns, reserve: 3 } }].map((options) =>
      readImage(compileUnproved(network, options)),
    );
    const devices = images.map((image, i) => deviceOf(image, i === 0 ? 'device' : 'device.learn'));
    for (let ticket = 1; ticket <= 20; ticket++) {
      const input = int8s(random, data[0]!.input.length);
      const [plain, learning, reserving] = devices.map((device) => {
        device.feed(input);
        assert.is(device.submit(ticket), Status.RUN);
        const answer = (): Uint8Array =>
          device.nvm.present.slice(...answerOf(images[devices.indexOf(device)]!));
        let code = device.status();
        while (code === Status.RUN || code === Status.LOW) code = device.run();
        const given = answer();
        assert.is(device.ack(ticket), Status.IDLE);
        return given;
      });
      assert.equal(learning, plain, `${name}, input ${ticket}`);
      // Classes that are reserved come behind the network's, as unlikely as can be.
      assert.equal(reserving, Uint8Array.of(...plain!, 0x80, 0x80, 0x80));
    }
  });
}

test('a class that is reserved is learnt like any other, and no sooner than it has a sample', () => {
  const network = learnable(new Random(7), [12], ['dense:10', 'dense:3']);
  const data = Array.from({ length: 30 }, (_, i) => ({
    input: sampleOf(new Random(i), network, i % 3),
    label: i % 3,
  }));
  const learn: LearnOptions = { layers: 'sums', data, rank: 6, reserve: 2, fold: 2 };
  const image = readImage(compileUnproved(network, { learn }));
  assert.is(image.metadata.output.shape.at(-1), 5);
  const spec = deriveSums(network, completeSumsOptions(learn), data);
  const device = deviceOf(image, 'device.learn');
  const answers = (seed: number, label: number): number => {
    device.feed(sampleOf(new Random(seed), network, label));
    assert.is(device.submit(seed), Status.RUN);
    finish(device, seed);
    const logits = new Int8Array(device.nvm.present.slice(...answerOf(image)).buffer);
    return logits.indexOf(Math.max(...logits));
  };
  const fourth = Array.from({ length: 20 }, (_, i) => i + 100);
  assert.not(fourth.some((seed) => answers(seed, 3) >= 3));
  const mirror = new SumsMirror(spec);
  for (let ticket = 1; ticket <= 12; ticket++) {
    const label = ticket % 4;
    const input = sampleOf(new Random(ticket), network, label);
    device.feed(input);
    assert.is(device.learn(ticket, label), Status.RUN);
    finish(device, ticket);
    mirror.learn(input, label, ticket);
  }
  const right = fourth.filter((seed) => answers(seed + 100, 3) === 3).length;
  assert.ok(right >= 16, `${right} of 20`);
  // The fifth has no sample yet.
  assert.not(fourth.some((seed) => answers(seed + 200, 3) === 4));
  device.feed(data[0]!.input);
  assert.is(device.learn(999, 5), ErrorCode.E_LABEL);
  const most = { ...learn, reserve: 64 };
  const wide = learnable(new Random(7), [12], ['dense:200']);
  assert.throws(() => deriveSums(wide, completeSumsOptions(most), data), /E_LEARN: found 264 classes/);
});

test('sums that have grown too large are halved, all of them, once', () => {
  const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
  const data = Array.from({ length: 24 }, (_, i) => ({
    input: sampleOf(new Random(i), network, i % 3),
    label: i % 3,
  }));
  const learn: LearnOptions = { layers: 'sums', data, rank: 4, ring: 5, forget: true };
  const spec = deriveSums(network, completeSumsOptions(learn), data);
  const large = structuredClone(spec.prior);
  large.counts[1] = 2 ** 30 - 1;
  const bank = factoryWeights(readImage(compileUnproved(network, { learn })));
  bank.set(sumsBytes(large), Buffer.from(bank).indexOf(sumsBytes(spec.prior)));
  const image = withWeights(readImage(compileUnproved(network, { learn })), bank);
  const device = deviceOf(image, 'device.learn');
  const mirror = new SumsMirror({ ...spec, prior: large });
  for (let ticket = 1; ticket <= 3; ticket++) {
    const input = sampleOf(new Random(ticket), network, 1);
    device.feed(input);
    assert.is(device.learn(ticket, 1), Status.RUN);
    finish(device, ticket);
    mirror.learn(input, 1, ticket);
    compare(device, image, mirror, `sample ${ticket}`);
  }
  assert.is(mirror.sums.halvings, 1);
  // What the factory's data counts for is halved with them.
  for (const y of [1, 0]) {
    assert.is(device.forget(10 + y, y), Status.RUN);
    finish(device, 10 + y);
    mirror.forget(y);
    compare(device, image, mirror, `class ${y} forgotten`);
  }
});

test('stamps go round, and labels are of eight bits: the oldest without a label is dropped, and no other', () => {
  const network = learnable(new Random(5), [6], ['dense:200']);
  const data = Array.from({ length: 400 }, (_, i) => ({
    input: sampleOf(new Random(i), network, i % 200),
    label: i % 200,
  }));
  const learn: LearnOptions = { layers: 'sums', data, rank: 3, ring: 5 };
  const image = readImage(compileUnproved(network, { learn }));
  const { states } = image.learning!;
  const device = deviceOf(image, 'device.learn');
  const mirror = new SumsMirror(deriveSums(network, completeSumsOptions(learn), data));
  const infer = (ticket: number): void => {
    const input = sampleOf(new Random(ticket), network, ticket);
    device.feed(input);
    assert.is(device.submit(ticket), Status.RUN);
    finish(device, ticket);
    mirror.infer(input, ticket);
    compare(device, image, mirror, `sample ${ticket}`);
  };
  infer(1);
  // As if so many samples had been taken: the next ones come before, at and after where the sign of a stamp turns.
  const stamp = 2 ** 21 - 4;
  device.nvm.write(states + S_STAMP, new Uint8Array(Uint32Array.of(stamp).buffer));
  device.nvm.sync();
  Object.assign(mirror.summary, { stamp });
  for (let ticket = 2; ticket <= 12; ticket++) infer(ticket);
  for (const label of [180, 55]) {
    const ticket = 12 - (label % 2);
    assert.is(device.label(ticket, label), Status.RUN);
    finish(device, ticket);
    mirror.label(ticket, label);
    compare(device, image, mirror, `label ${label}`);
  }
  assert.is(device.label(5, 1), ErrorCode.E_TICKET);
  for (let ticket = 13; ticket <= 16; ticket++) {
    infer(ticket);
    device.feed(sampleOf(new Random(ticket), network, ticket));
    assert.is(device.learn(ticket + 100, 130 + ticket), Status.RUN);
    finish(device, ticket + 100);
    mirror.learn(sampleOf(new Random(ticket), network, ticket), 130 + ticket, ticket + 100);
    compare(device, image, mirror, `learnt ${ticket}`);
  }
});

/** Of three classes, and a fourth that comes later, all of them learnt on the way to `device` and `mirror`. */
function learntOnes(learn: Partial<LearnOptions>) {
  const network = learnable(new Random(7), [12], ['dense:10', 'dense:3']);
  const data = Array.from({ length: 30 }, (_, i) => ({
    input: sampleOf(new Random(i), network, i % 3),
    label: i % 3,
  }));
  const options: LearnOptions = { layers: 'sums', data, rank: 6, reserve: 1, forget: true, ...learn };
  const image = readImage(compileUnproved(network, { learn: options }));
  const device = deviceOf(image, 'device.learn');
  const mirror = new SumsMirror(deriveSums(network, completeSumsOptions(options), data));
  for (let ticket = 1; ticket <= 23; ticket++) {
    const label = ticket % 4;
    const input = sampleOf(new Random(ticket), network, label, 9);
    device.feed(input);
    assert.is(device.learn(ticket, label), Status.RUN);
    finish(device, ticket);
    mirror.learn(input, label, ticket);
  }
  return { network, image, device, mirror };
}

/** Scatter within classes, in real numbers. */
function scatterOf({ counts, totals, products }: Sums): number[] {
  const rank = totals.length / counts.length;
  return Array.from(products, (product, at) => {
    const i = Math.floor((Math.sqrt(8 * at + 1) - 1) / 2);
    const j = at - (i * (i + 1)) / 2;
    const means = Array.from(counts, (n, c) =>
      n > 0 ? (totals[c * rank + i]! * totals[c * rank + j]!) / n : 0,
    );
    return product - means.reduce((sum, one) => sum + one, 0);
  });
}

test('a class is forgotten: its count, its mean and what waits of it are the factory’s; scatter within classes stays', () => {
  const { network, image, device, mirror } = learntOnes({ prior: 2 });
  const { prior } = mirror.spec;
  const before = mirror.sums;
  assert.ok(mirror.summary.entries.some(({ kind, label }) => kind === EntryKind.LEARN && label === 3));
  for (const [i, y] of [3, 1].entries()) {
    assert.is(device.forget(100 + i, y), Status.RUN);
    assert.is(device.forget(100 + i, y), Status.RUN, 'once more, under way');
    finish(device, 100 + i);
    assert.is(device.forget(100 + i, y), Status.IDLE, 'forgotten already');
    mirror.forget(y);
    compare(device, image, mirror, `without class ${y}`);
    assert.not(mirror.summary.entries.some(({ kind, label }) => kind === EntryKind.LEARN && label === y));
  }
  const { counts, totals, forgotten, samples } = mirror.sums;
  assert.equal([counts[1], counts[3]], [prior.counts[1], 0]);
  assert.equal(totals.slice(6, 12), prior.totals.slice(6, 12));
  assert.equal(totals.slice(18), new Int32Array(6));
  assert.is(samples - forgotten, (before.counts[0]! + before.counts[2]! - 64) / 16);
  const [was, is] = [before, mirror.sums].map(scatterOf) as [number[], number[]];
  is.forEach((value, at) => {
    assert.ok(Math.abs(value - was[at]!) <= 4, `product ${at}: ${value}, before ${was[at]}`);
  });
  // It does not win any more, and can be learnt again.
  const fourth = sampleOf(new Random(3), network, 3, 9);
  assert.is(mirror.logits(fourth)[3], -128);
  for (let ticket = 200; ticket < 212; ticket++) {
    device.feed(sampleOf(new Random(ticket), network, 3, 9));
    assert.is(device.learn(ticket, 3), Status.RUN);
    finish(device, ticket);
    mirror.learn(sampleOf(new Random(ticket), network, 3, 9), 3, ticket);
    compare(device, image, mirror, `again, ${ticket}`);
  }
  assert.is(mirror.classify(fourth), 3);
});

test('forgetting is refused in so many words, and done once whatever the power does', () => {
  const { image, device, mirror } = learntOnes({ fold: 3 });
  assert.is(device.forget(0, 1), ErrorCode.E_TICKET);
  for (const label of [4, -1]) assert.is(device.forget(100, label), ErrorCode.E_LABEL);
  assert.is(device.forget(100, 2), Status.RUN);
  assert.is(device.forget(101, 2), ErrorCode.E_BUSY);
  assert.is(device.cancel(100), Status.IDLE);
  compare(device, image, mirror, 'given up');
  const start = device.nvm.cells.slice();
  const module = new WebAssembly.Module(moduleBytes('device.learn'));
  const sramBytes = STATIC_BYTES_LEARNING + image.arenaBytes;
  const learnt = (asks: boolean): Uint8Array => {
    const nvm = new SimulatedNvm(image.nvmBytes);
    nvm.load(start);
    const other = new Device(module, { image, nvm, sramBytes });
    other.boot();
    for (let ticket = 50; ticket < 58; ticket++, other.ack(ticket - 1)) {
      other.feed(new Int8Array(image.input.bytes).fill(ticket));
      other.learn(ticket, ticket % 3);
      for (; other.status() === Status.RUN; other.run(1))
        // the record of forgetting comes where that of a fold lies
        if (asks) assert.is(other.forget(101, 2), ErrorCode.E_BUSY);
    }
    return nvm.cells.slice();
  };
  assert.equal(learnt(true), learnt(false));
  mirror.forget(2);
  // Cuts after every so many writes, again and again.
  for (let every = 1; every <= 7; every += 2) {
    const nvm = new SimulatedNvm(image.nvmBytes);
    nvm.load(start);
    let left = every;
    const write = (bytes: number): number => (left-- > 0 ? bytes : 0);
    const cut = new Device(module, { image, nvm, sramBytes, supply: { ...steadyPower, write } });
    let cuts = 0;
    for (let boots = 0; boots < 5000; boots++) {
      left = every + (boots % 9);
      try {
        const state = cut.boot();
        if (
          state === Status.IDLE &&
          cut.ticket === 100 &&
          cuts > 0 &&
          cut.cursorField(C_KIND) === JobKind.LEARN
        )
          break;
        let code = state === Status.IDLE ? cut.forget(100, 2) : state;
        while (code === Status.RUN || code === Status.LOW || code === ErrorCode.E_NO_PROGRESS)
          code = cut.run(1);
        assert.is(code, Status.DONE);
        cut.ack(100);
        break;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        cuts++;
        cut.cut();
      }
    }
    assert.ok(cuts >= 5, `${cuts} cuts`);
    compare(cut, image, mirror, `a cut after ${every} writes`);
  }
  const unable = learntOnes({ forget: false });
  for (const ticket of [0, 100]) assert.is(unable.device.forget(ticket, 9), ErrorCode.E_KIND);
  const last = learnable(new Random(7), [12], ['dense:10', 'dense:3']);
  const gradients = readImage(compileUnproved(last, { learn: { layers: 'last' } }));
  assert.is(deviceOf(gradients, 'device.learn').forget(1, 0), ErrorCode.E_KIND);
});

test('proved: every way of a learn job; a build without forgetting, too', async () => {
  for (const late of [true, false]) {
    const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
    const data = Array.from({ length: 24 }, (_, i) => {
      return { input: sampleOf(new Random(i), network, i % 3), label: i % 3 };
    });
    const learn = {
      layers: 'sums',
      data,
      rank: 4,
      ring: 5,
      late,
      forget: late,
      ...(late ? {} : { reserve: 2 }),
    };
    const image = compileUnproved(network, { learn });
    for (const job of ['infer', 'learn'] as const) {
      const result = verify(image, { job });
      assert.is(
        result.counterexample?.found,
        undefined,
        `${job}, late ${late}: ${JSON.stringify(result.counterexample)}`,
      );
      assert.ok(result.proved);
      if (job === 'learn') assert.is(result.scenarios.length, late ? 7 : 4);
    }
    if (late) continue;
    const own = verify(image, { module: await buildDevice(image), job: 'learn', search: false });
    assert.is(own.violations, 0);
  }
});

test.run();
