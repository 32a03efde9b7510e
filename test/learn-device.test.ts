// Learning on the device against the mirror written from docs/LEARNING.md: banks, states, ring and cursor, byte by byte.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  C_BANKS,
  C_SAMPLE,
  C_STEP,
  ENTRY_BYTES,
  EntryKind,
  S_ENTRIES,
  STATIC_BYTES_CHECKED,
  STATIC_BYTES_LEARNING,
} from '../assembly/layout.js';
import { ErrorCode, Status } from '../assembly/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { banksOf, constantOffset, ringEntries } from '../host/model/learning-header.js';
import { elementCount, type QuantizedNetwork, type QuantizedOp } from '../host/model/quantized-network.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { type ModuleName, moduleBytes } from '../host/toolchain/modules.js';
import { deriveLearning } from '../host/learning/derive.js';
import { LearningMirror } from '../host/learning/mirror.js';
import type { LearnOptions } from '../host/learning/spec.js';
import { compileUnproved } from './util/compile.js';
import { int8s } from '../samples/networks.js';
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

/** Everything that outlives a job. */
function compare(
  device: Device,
  image: Image,
  { mirror, keptBytes }: { mirror: LearningMirror; keptBytes: number },
  what: string,
): void {
  const header = image.learning!;
  const expected = mirror.cursor();
  const banks = device.cursorField(C_BANKS);
  const found = { step: device.cursorField(C_STEP), banks, sample: device.cursorField(C_SAMPLE) };
  assert.equal(found, expected, `${what}: cursor`);
  const { current, good, state } = banksOf({ banks });
  const nvm = device.nvm.present;
  /** Bank 0 is the factory's, a constant. */
  const bytesOf = (bank: number, constant: number, banksAt: number, size: number): Uint8Array => {
    const at = banksAt + (bank - 1) * size;
    const from = constantOffset(constant);
    return bank === 0 ? image.device.slice(from, from + size) : nvm.slice(at, at + size);
  };
  const size = S_ENTRIES + header.entries * ENTRY_BYTES;
  const inForce = bytesOf(state, header.firstState, header.states, header.stateBytes);
  assert.equal(inForce.slice(0, size), mirror.stateBytes().slice(0, size), `${what}: state`);
  for (const { index, kind } of ringEntries(header, { banks }, nvm)) {
    if (kind === EntryKind.FREE) continue;
    const at = header.ring + index * header.entryBytes;
    const kept = mirror.ringEntry(index).slice(0, keptBytes);
    if (Buffer.compare(nvm.subarray(at, at + keptBytes), kept) !== 0)
      assert.equal(nvm.slice(at, at + keptBytes), kept, `${what}: entry ${index}`);
  }
  for (const [which, bank] of [
    ['current', current],
    ['good', good],
  ] as const) {
    const bytes = mirror.weightBank(which);
    const found = bytesOf(bank, header.factory, header.banks, header.bankBytes).slice(0, bytes.length);
    if (Buffer.compare(found, bytes) !== 0) assert.equal(found, bytes, `${what}: ${which} weights`);
  }
}

const OPTIONS: readonly LearnOptions[] = [
  { layers: 'all', replay: 0, guardEvery: 0, holdOut: 0, sure: -1 },
  { layers: 'all', replay: 2, guardEvery: 5, holdOut: 3, margin: 0 },
  { layers: 'last', ring: 8, guardEvery: 4, holdOut: 2 },
  { layers: 'head:2', ring: 9, guardEvery: 5, holdOut: 3 },
  { layers: 'bias', late: false },
  { layers: 'all', momentum: 0.875, learningRate: 1 / 32, guardEvery: 6, holdOut: 4, replay: 0 },
  { layers: 'all', loss: 'mse', learningRate: 1 / 8, replay: 3, sure: 0.02 },
];

const READERS = 'three readers, other steps, a value added to itself';
const FAINT = 'a branch of hardly any error';

/** What lies below the layers that learn may be any graph. */
const GRAPH = 'a sum below';
const UPPER: readonly LearnOptions[] = [
  { layers: 'head:2', replay: 2 },
  { layers: 'last', late: false },
];

/** Rows of one block in the middle. */
const BLOCKS: readonly LearnOptions[] = [{ layers: 'circulant0:8-15,dense1', sure: -1 }, ...OPTIONS];

/** SRAM for a part of a row alone. */
const PARTS = 'rows in parts';
const TIGHT = { arenaBytes: 640 };

const CASES: readonly [name: string, shape: number[], layers: string[]][] = [
  ['dense', [12], ['dense:9', 'dense:4']],
  ['circulant', [16], ['circulant:24:8', 'dense:5']],
  ['circulant in the middle', [10], ['dense:16', 'circulant:12:4', 'dense:3']],
  ['convolution and max pooling', [6, 7, 2], ['conv:4', 'max', 'conv:3', 'dense:5']],
  ['depthwise and average pooling', [6, 6, 3], ['depthwise:3', 'conv:4', 'average', 'dense:4']],
  ['depthwise, two outputs a channel', [5, 5, 2], ['depthwise:4', 'mean', 'dense:4']],
  ['mean', [5, 4, 2], ['conv:6', 'mean', 'dense:3']],
  [PARTS, [200], ['dense:9', 'dense:4']],
  [GRAPH, [10], ['dense:12', 'dense:8', 'dense:3']],
  ['a sum past two layers', [6, 6, 2], ['conv:4', 'conv:3', 'conv:4!', 'add:0', 'average', 'dense:4']],
  [FAINT, [10], ['dense:12', 'dense:12!', 'dense:12!', 'add:0', 'dense:4']],
  [
    'a sum of two ways',
    [5, 5, 2],
    ['conv:3', 'depthwise:6', 'conv:5!', 'conv:5!@0', 'add:2', 'mean', 'dense:4'],
  ],
  [
    READERS,
    [20],
    ['dense:160', 'dense:160!', 'circulant:160:8!@0', 'requantize', 'add:1!', 'add:4', 'add:0', 'dense:5'],
  ],
];

function optionsOf(name: string): readonly LearnOptions[] {
  if (name === GRAPH) return UPPER;
  if (name === PARTS) return OPTIONS.slice(0, 2);
  return name === 'circulant' ? BLOCKS : OPTIONS;
}

/** Inputs about a pattern for each class. */
function sampleOf(random: Random, network: QuantizedNetwork, label: number): Int8Array {
  const pattern = int8s(new Random(1000 + label), elementCount(network.tensors[network.input]!), -70, 70);
  return pattern.map((q) => q + random.integer(31) - 15);
}

/** `network` whose first layer's values are added to themselves: a graph, not a chain, up to where the second one reads. */
function doubled(network: QuantizedNetwork): QuantizedNetwork {
  const [first, second, ...others] = network.ops as [QuantizedOp, QuantizedOp, ...QuantizedOp[]];
  const { output } = first;
  const half = { multiplier: 2 ** 30, shift: 0 };
  const sum = network.tensors.length;
  const add = {
    ...{ kind: 'add', name: 'sum', inputs: [output, output], output: sum, leftShift: 8 },
    ...{ inputScalings: [half, half], outputScaling: { multiplier: 2 ** 30, shift: -6 } },
    ...{ clampMin: -128, clampMax: 127 },
  } as QuantizedOp;
  const ops = [first, add, { ...second, inputs: [sum] } as QuantizedOp, ...others];
  return { ...network, tensors: [...network.tensors, network.tensors[output]!], ops };
}

/** `network` with scales of its first block's layers so small that their errors are nothing beside what they are added to. */
function faint(network: QuantizedNetwork): QuantizedNetwork {
  const ops = network.ops.map((op) => {
    const isFaint = op.kind === 'dense' && (op.name === 'dense1' || op.name === 'dense2');
    return isFaint ? { ...op, shifts: op.shifts.map(() => -31) } : op;
  });
  return { ...network, ops };
}

/** The network of a case. */
function networkOf(
  name: string,
  random: Random,
  shape: number[],
  layers: readonly string[],
): QuantizedNetwork {
  const plain = learnable(random, shape, layers);
  if (name === GRAPH) return doubled(plain);
  return name === FAINT ? faint(plain) : plain;
}

for (const [name, shape, layers] of CASES) {
  test(`${name}: 40 samples, late labels, cuts of the app, on both builds`, () => {
    for (const [seed, options] of optionsOf(name).entries()) {
      const random = new Random(seed + 1);
      const network = networkOf(name, random, shape, layers);
      const learn = { learningRate: 1 / 32, seed: seed + 7, ...options };
      const image = readImage(compileUnproved(network, { learn, ...(name === PARTS ? TIGHT : {}) }));
      const spec = deriveLearning(network, learn);
      const keptBytes = elementCount(network.tensors[spec.kept]!);
      assert.is(image.learning!.entryBytes, Math.ceil(keptBytes / 16) * 16);
      const builds = ['device.learn', 'device.learn.checked'] as const;
      const device = deviceOf(image, builds[seed % 2]!);
      const mirror = new LearningMirror(network, spec);
      for (let ticket = 1; ticket <= 40; ticket++) {
        const label = random.integer(spec.loss.classes);
        const input = sampleOf(random, network, label);
        device.feed(input);
        if (spec.late && ticket % 3 === 0) {
          assert.is(device.submit(ticket), Status.RUN);
          finish(device, ticket);
          mirror.infer(input, ticket);
          if (ticket % 2 === 0) continue;
          assert.is(device.label(ticket, label), Status.RUN);
          finish(device, ticket);
          mirror.label(ticket, label);
          assert.is(device.label(ticket, label), Status.IDLE);
        } else {
          assert.is(device.learn(ticket, label), Status.RUN);
          finish(device, ticket);
          mirror.learn(input, label, ticket);
        }
        compare(device, image, { mirror, keptBytes }, `${name}, options ${seed}, sample ${ticket}`);
        if (ticket === 25) {
          assert.is(device.restore(), Status.IDLE);
          mirror.restore();
        }
      }
      assert.ok(mirror.step > (name === READERS ? 8 : 10), `${mirror.step} updates`);
    }
  });
}

test('labels and tickets that are wrong', () => {
  const network = learnable(new Random(1), [8], ['dense:6', 'dense:3']);
  const image = readImage(compileUnproved(network, { learn: { layers: 'last' } }));
  const device = deviceOf(image, 'device.learn.checked');
  const input = int8s(new Random(2), 8);
  device.feed(input);
  assert.is(device.learn(1, 3), ErrorCode.E_LABEL);
  assert.is(device.learn(1, 0xffffff), ErrorCode.E_LABEL);
  assert.is(device.label(1, 0), ErrorCode.E_TICKET);
  assert.is(device.submit(1), Status.RUN);
  assert.is(device.label(1, 0), ErrorCode.E_BUSY);
  assert.is(device.restore(), ErrorCode.E_BUSY);
  finish(device, 1);
  assert.is(device.label(1, 3), ErrorCode.E_LABEL);
  assert.is(device.label(1, -1), ErrorCode.E_LABEL);
  assert.is(device.label(2, 1), ErrorCode.E_TICKET);
  assert.is(device.label(1, 1), Status.RUN);
  assert.is(device.label(1, 1), Status.RUN, 'once more, under way');
  finish(device, 1);
  assert.is(device.label(1, 1), Status.IDLE, 'learnt already');
  device.feed(input);
  assert.is(device.submit(2), Status.RUN);
  finish(device, 2);
  assert.is(device.label(2, 1), Status.RUN);
  assert.is(device.cancel(2), Status.IDLE);
  assert.is(device.label(2, 1), Status.RUN, 'a label given up was not learnt');
  finish(device, 2);
  assert.is(device.label(2, 1), Status.IDLE, 'learnt now');
  device.feed(input);
  assert.is(device.learn(3, 1), Status.RUN);
  assert.is(device.cancel(3), Status.IDLE);
  assert.is(device.label(3, 1), ErrorCode.E_TICKET, 'its input is gone');
  assert.is(device.restore(), Status.IDLE);
});

test.run();
