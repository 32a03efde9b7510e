// State that is kept from inference to inference: done exactly once through cuts, proved from either bank, given up by `reset`
// and by nothing else; and safeguards taken out are found.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { C_BANKS, Group, GROUP_SHIFT, OP_OUTPUT, OpKind } from '../assembly/layout.js';
import { Status } from '../assembly/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage, resealImage, withPolicy } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { restore } from '../host/restore/restore.js';
import { run } from '../host/run/run.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { randomOutcome } from '../host/simulator/outcome.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { CountdownPower } from '../host/simulator/countdown-power.js';
import { replayCuts } from '../host/verify/replay.js';
import { verify } from '../host/verify/verify.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { compileUnproved } from './util/compile.js';
import { builtModule } from './util/devices.js';
import { sabotaged, STREAM_MUTANTS } from './util/sabotage.js';
import { counter } from './util/sum-of-two.js';

/** Jobs in a row. */
const STEPS = 4;
/** Places to cut at; all of them, and all mutants, with BROWNOUT_CUTS=0. */
const CUTS = Number(process.env['BROWNOUT_CUTS'] ?? 60);

const image = readImage(compileUnproved(counter([10, 20]), { policy: 'every 1' }));
const inputs = Array.from({ length: STEPS }, (_, i) => Int8Array.of(i + 1, 2 * i + 2));
const sums = inputs.map((_, i) =>
  [0, 1].map((at) => 10 * (at + 1) + inputs.slice(0, i + 1).reduce((sum, x) => sum + x[at]!, 0)),
);

/** A delay of two steps: the input goes into one state, that one into another, which is the answer; nothing is computed. */
function delay(): QuantizedNetwork {
  const one = { shape: [3], scale: 1, zeroPoint: 0 };
  return {
    name: 'delay',
    tensors: [one, one, one, one],
    ops: [{ kind: 'slice', name: 'answer', axis: 0, start: 0, inputs: [2], output: 3 }],
    input: 0,
    output: 3,
    states: [
      { name: 'first', input: 1, output: 0, initial: [-1] },
      { name: 'second', input: 2, output: 1, initial: [-2, -3, -4] },
    ],
  };
}

test('state begins as the model says and goes from step to step; `reset` begins anew', () => {
  const data = Int8Array.from(inputs.flatMap((input) => [...input]));
  const input = { dtype: 'int8' as const, shape: [STEPS, 2], data };
  assert.equal(run(image, { input }).outputs, sums);
  const anew = inputs.map((x) => [10 + x[0]!, 20 + x[1]!]);
  assert.equal(run(image, { input, reset: true }).outputs, anew);
});

test('states that hand each other on, and the input itself, without an op between them', () => {
  const delayed = readImage(compileUnproved(delay()));
  const data = Int8Array.from({ length: 12 }, (_, i) => i);
  const { outputs } = run(delayed, { input: { dtype: 'int8', shape: [4, 3], data } });
  assert.equal(outputs, [
    [-2, -3, -4],
    [-1, -1, -1],
    [0, 1, 2],
    [3, 4, 5],
  ]);
  assert.ok(verify(delayed).proved);
});

/** Steps in a row on a device whose power fails after each of `lefts` units of NVM in turn: answers and NVM at the end. */
function stream(
  lefts: readonly number[],
  random: Random,
): { answers: number[][]; nvm: Uint8Array; used: number } {
  const power = new CountdownPower();
  const nvm = new SimulatedNvm(image.nvmBytes, { tearUnit: 1 });
  provision(nvm, image);
  const device = new Device(builtModule('device.learn'), { image, nvm, sramBytes: 4096, supply: power });
  power.left = lefts[0] ?? Infinity;
  let cuts = 0;
  const onCut = (): ReturnType<typeof randomOutcome> => {
    power.left = lefts[++cuts] ?? Infinity;
    return randomOutcome(random);
  };
  const answers = inputs.map((input, i) => {
    return [...completeJob(device, image, { ticket: i + 1, input }, { onCut }, i > 0).answer];
  });
  return { answers, nvm: comparableNvm(nvm.cells, image, true), used: power.used };
}

test('every step is done exactly once, wherever power fails', () => {
  const random = new Random(1);
  const steady = stream([], random);
  assert.equal(steady.answers, sums);
  const stride = CUTS > 0 ? Math.max(1, Math.floor(steady.used / CUTS)) : 1;
  for (let left = 1; left < steady.used; left += stride) {
    const { answers, nvm } = stream([left, random.integer(200), random.integer(50)], random);
    assert.equal(answers, sums, `cut after ${left}`);
    assert.is(firstDifference(nvm, steady.nvm), -1, `cut after ${left}`);
  }
});

test('a step given up has not happened; one that is done has; `reset` goes back to the beginning, between jobs alone', () => {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const device = new Device(builtModule('device.learn'), { image, nvm, sramBytes: 4096 });
  assert.is(device.boot(), Status.IDLE);
  const step = (ticket: number, x: number): number[] => [
    ...completeJob(device, image, { ticket, input: Int8Array.of(x, x) }, {}, true).answer,
  ];
  const begin = (ticket: number): void => {
    device.feed(Int8Array.of(50, 50));
    assert.is(device.submit(ticket), Status.RUN);
  };
  assert.equal(step(1, 1), [11, 21]);
  begin(2);
  assert.ok(device.restore() < 0);
  assert.is(device.cancel(2), Status.IDLE);
  assert.equal(step(3, 1), [12, 22]);
  begin(4);
  while (device.run(0) === Status.RUN);
  assert.ok(device.restore() < 0);
  assert.is(device.cancel(4), Status.IDLE);
  assert.equal(step(5, 1), [63, 73]);
  assert.is(device.restore(), Status.IDLE);
  assert.is(device.restore(), Status.IDLE);
  assert.equal(step(6, 1), [11, 21]);
  assert.is(device.cursorField(C_BANKS) & 0xf00, 0x100);
  const again = restore(nvm.cells, image);
  assert.is(again.learning, undefined);
  nvm.load(again.nvm);
  assert.is(device.boot(), Status.IDLE);
  assert.equal(step(7, 1), [11, 21]);
});

test('proved from the first state and from either bank, also on the build for the image alone', async () => {
  const result = verify(image);
  assert.ok(result.proved && result.closed);
  assert.equal(
    result.scenarios.map(({ name }) => name),
    ['first step', 'state in bank 1', 'state in bank 2'],
  );
  const module = await buildDevice(image);
  assert.ok(verify(image, { module }).proved);
  assert.ok(module.length < 8192, `${module.length} bytes`);
});

// Where no schedule shows it, eight thousand are tried: those mutants take a long run.
for (const mutant of STREAM_MUTANTS.filter(({ cuts }) => cuts || CUTS === 0)) {
  test(`caught: ${mutant.name}`, async () => {
    const module = await sabotaged(mutant, image);
    const { proved, counterexample } = verify(image, { module });
    assert.not(proved);
    if (counterexample?.id == null || counterexample.cuts === 0) return;
    assert.not(replayCuts(image, counterexample.id, { module }).identical);
  });
}

/** The image with its plan changed. */
const broken = (edit: (ops: Image['ops']) => void): Image => resealImage(image, edit);

test('caught: a plan that writes the state in force, and one that flips amid a job', () => {
  const inPlace = broken((ops) => {
    for (const op of ops)
      if (op.get(OP_OUTPUT) >>> GROUP_SHIFT === Group.STATE_NEXT)
        op.set(OP_OUTPUT, Group.STATE << GROUP_SHIFT);
  });
  assert.not(verify(withPolicy(inPlace, { every: 0, low: true }, 'low')).proved);
  const early = broken((ops) => {
    const flip = ops.findIndex(({ kind }) => kind === OpKind.FLIP);
    const [first, last] = [ops[0]!.bytes.slice(), ops[flip]!.bytes.slice()];
    ops[0]!.bytes.set(last);
    ops[flip]!.bytes.set(first);
  });
  assert.not(verify(early).proved);
});

test.run();
