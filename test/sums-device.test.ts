// A head by sums on the device against the mirror written from docs/LEARNING.md §10: banks, states, ring and cursor, byte by byte.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  C_BANKS,
  C_SAMPLE,
  C_STEP,
  ENTRY_BYTES,
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
import { sumsBytes } from '../host/learning/sums/spec.js';
import { SumsMirror } from '../host/learning/sums/mirror.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { banksOf, constantOffset } from '../host/model/learning-header.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
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
const answerOf = ({ output }: Image): [from: number, to: number] => [
  output.offset,
  output.offset + output.bytes,
];

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
  { rank: 5, reserve: 2, ring: 6 },
  { ring: 4, decay: 3, prior: 20, rank: 8, arenaBytes: 400 },
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
  const learn: LearnOptions = { layers: 'sums', data, rank: 4, ring: 5 };
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

test('proved: every way of a learn job', () => {
  for (const late of [true, false]) {
    const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
    const data = Array.from({ length: 24 }, (_, i) => ({
      input: sampleOf(new Random(i), network, i % 3),
      label: i % 3,
    }));
    const learn = { layers: 'sums', data, rank: 4, ring: 5, late, ...(late ? {} : { reserve: 2 }) };
    const image = compileUnproved(network, { learn });
    for (const job of ['infer', 'learn'] as const) {
      const result = verify(image, { job });
      assert.is(
        result.counterexample?.found,
        undefined,
        `${job}, late ${late}: ${JSON.stringify(result.counterexample)}`,
      );
      assert.ok(result.proved);
      if (job === 'learn') assert.ok(result.scenarios.length >= 4, 'several ways');
    }
  }
});

test.run();
