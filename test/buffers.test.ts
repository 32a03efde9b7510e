// Buffers overlap behind mandatory commits, and only there.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_FLAG_COMMIT, OP_TILES } from '../assembly/layout.js';
import { compileTightest, compileUnproved as compile } from './util/compile.js';
import { Random } from '../host/math/random.js';
import { BrownoutError } from '../host/error.js';
import { type Image, readImage, resealImage } from '../host/model/image.js';
import { elementCount } from '../host/model/quantized-network.js';
import type { OpRecord } from '../host/model/record.js';
import { commitCost, opCost } from '../host/plan/cost.js';
import { footprint } from '../host/plan/footprint.js';
import type { Interval } from '../host/plan/interval.js';
import { deviceProfile } from '../host/profiles/index.js';
import { completeJob } from '../host/simulator/app.js';
import { randomOutcome } from '../host/simulator/outcome.js';
import { CountdownPower } from '../host/simulator/countdown-power.js';
import { makeDevice } from './util/devices.js';
import { int8s, layered, lenet } from '../samples/networks.js';
import { runOracle } from './util/oracle.js';

/** SRAM that every network here fits. */
const ARENA_BYTES = 4096;

const isMandatory = (op: OpRecord): boolean => op.has(OP_FLAG_COMMIT);

/** What one job leaves: its answer; throws what the device reports. */
function answerThroughCuts(
  image: Image,
  input: Int8Array,
  lefts: readonly number[],
  seed: number,
): { answer: string; units: number } {
  const power = new CountdownPower();
  const random = new Random(seed);
  power.lowAnswer = () => random.integer(4) === 0;
  const device = makeDevice(image, 'scalar', { supply: power });
  const budgets = [...lefts];
  power.left = budgets.shift() ?? Infinity;
  const onCut = (): ReturnType<typeof randomOutcome> => {
    power.left = budgets.shift() ?? Infinity;
    return randomOutcome(random);
  };
  const { answer } = completeJob(device, image, { ticket: 1, input }, { onCut });
  return { answer: answer.join(), units: power.used };
}
test('buffers lie side by side where nothing commits on the way, and where a commit takes too much of an inference', () => {
  for (const [network, policy] of [
    [lenet(new Random(1)), 'never'],
    [layered(new Random(1)), 'auto'],
  ] as const) {
    const image = readImage(compile(network, { arenaBytes: ARENA_BYTES, policy }));
    assert.not(image.ops.some(isMandatory));
    const buffers = [image.input, image.output].map((r): Interval => [r.offset, r.offset + r.bytes]);
    for (const op of image.ops) {
      const writes = Array.from({ length: op.get(OP_TILES) }, (_, tile) => footprint(op, tile).writes).flat();
      const start = Math.min(...writes.map(([from]) => from));
      if (start !== image.output.offset) buffers.push([start, Math.max(...writes.map(([, to]) => to))]);
    }
    buffers.sort((a, b) => a[0] - b[0]);
    buffers.forEach(([start], i) => assert.ok(i === 0 || buffers[i - 1]![1] <= start));
    assert.ok(buffers.at(-1)![1] <= image.nvmBytes);
  }
});

test('buffers overlap where the commits for it take a thousandth of an inference', () => {
  const network = lenet(new Random(1));
  const [apart, shared] = ['never', 'auto'].map((policy) => readImage(compile(network, { policy })));
  assert.ok(shared!.nvmBytes < 0.8 * apart!.nvmBytes, `${shared!.nvmBytes} of ${apart!.nvmBytes} bytes`);
  const profile = deviceProfile('cortex-m4-generic');
  const mandatory = shared!.ops.filter(isMandatory).length;
  assert.ok(mandatory > 0);
  const inference = shared!.ops.reduce((sum, op) => {
    const { enter, all } = opCost(op, profile);
    return sum + enter.energyUj + all.energyUj;
  }, 0);
  const share = (mandatory * commitCost(profile).energyUj) / inference;
  assert.ok(share <= 0.001, `commits take ${share} of an inference`);
});

test('with little NVM buffers overlap behind mandatory commits; never refuses', () => {
  for (const make of [lenet, layered]) {
    const network = make(new Random(2));
    const input = int8s(new Random(3), elementCount(network.tensors[network.input]!));
    const expected = runOracle(network, input)[network.output]!.join();
    const arenaBytes = ARENA_BYTES;
    const plenty = readImage(compile(network, { arenaBytes, policy: 'never' }));
    for (const policy of ['every 1', 'every 7', 'low', 'auto']) {
      const image = compileTightest(network, { policy, arenaBytes });
      assert.ok(image.nvmBytes < plenty.nvmBytes, `${image.nvmBytes} bytes`);
      assert.ok(image.ops.some(isMandatory));
      assert.not(image.ops.every(isMandatory));
      assert.is(answerThroughCuts(image, input, [], 1).answer, expected);
      const tooLittle = { policy: 'never', arenaBytes, nvmBytes: plenty.nvmBytes - 1 };
      assert.throws(
        () => compile(network, tooLittle),
        (error: unknown) =>
          error instanceof BrownoutError && error.code === 'E_PLAN' && /never/.test(error.hint),
      );
    }
  }
});

test('power cuts change no answer where buffers overlap; without the mandatory commits they do', () => {
  const small = layered(new Random(4));
  const input = int8s(new Random(5), elementCount(small.tensors[small.input]!));
  const expected = runOracle(small, input)[small.output]!.join();
  for (const policy of ['every 1', 'every 5', 'low', 'auto']) {
    const image = compileTightest(small, { policy, arenaBytes: 400 });
    const { units } = answerThroughCuts(image, input, [], 1);
    for (let left = 0; left < units; left++) {
      const found = answerThroughCuts(image, input, [left], left).answer;
      assert.is(found, expected, `${policy}: cut after ${left} units`);
    }
  }
  const image = compileTightest(small, { policy: 'low', arenaBytes: 400 });
  const sabotaged = resealImage(image, (ops) => {
    for (const op of ops) op.unmark(OP_FLAG_COMMIT);
  });
  let wrong = 0;
  for (let seed = 0; seed < 1500; seed++) {
    const random = new Random(seed);
    const lefts = Array.from({ length: 1 + random.integer(5) }, () => random.integer(700));
    assert.is(answerThroughCuts(image, input, lefts, seed).answer, expected, `seed ${seed}, cuts ${lefts}`);
    if (answerThroughCuts(sabotaged, input, lefts, seed).answer !== expected) wrong++;
  }
  assert.ok(wrong > 10, `only ${wrong} wrong answers without mandatory commits`);

  const large = lenet(new Random(6));
  const digit = int8s(new Random(7), 784);
  const answer = runOracle(large, digit)[large.output]!.join();
  const tight = compileTightest(large, { policy: 'auto', arenaBytes: ARENA_BYTES });
  for (let seed = 0; seed < 150; seed++) {
    const random = new Random(seed);
    const lefts = Array.from({ length: 1 + random.integer(5) }, () => random.integer(7000));
    assert.is(
      answerThroughCuts(tight, digit, lefts, seed).answer,
      answer,
      `lenet, seed ${seed}, cuts ${lefts}`,
    );
  }
});
test.run();
