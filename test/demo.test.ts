// The main job: digits through power failures, with the bounds we promise.
import { STATIC_BYTES } from '../assembly/layout.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { demo, shippedDigits, shippedImage } from '../host/demo/demo.js';
import type { DemoSample } from '../host/demo/options.js';
import { BrownoutError } from '../host/error.js';
import { demoSummary } from '../host/demo/report.js';

test('20 digits: identical to steady power, right, cheap and small', () => {
  const { result, steady, harvested } = demo({ samples: 20 });
  assert.is(result.samples, 20);
  assert.is(result.identical, true);
  assert.ok(result.cuts >= 100, `${result.cuts} cuts`);
  assert.ok(result.correct >= 19, `${result.correct} of 20 correct`);
  const { overheadPercent, sramBytes, wasmBytes } = result;
  assert.ok(overheadPercent >= 0 && overheadPercent <= 3, `overhead ${overheadPercent} %`);
  assert.ok(sramBytes <= 4096 + STATIC_BYTES, `${sramBytes} bytes of SRAM`);
  assert.ok(wasmBytes <= 10_240, `${wasmBytes} bytes of WASM`);
  assert.is(steady.cuts, 0);
  assert.is(harvested.boots, result.cuts + 1);
  assert.is(harvested.instructions, result.instructions);
  assert.ok(result.instructions > steady.instructions, 'cuts cost instructions');
  assert.ok(result.nvmBytesWritten > steady.nvmBytesWritten, 'cuts cost writes');
});

test('other seeds cut elsewhere; the answers are the same', () => {
  const cutCounts = new Set<string>();
  const answers = new Set<string>();
  for (const seed of [0, 1, 2, 3, 4, 5, 0xffffffff]) {
    const samples: DemoSample[] = [];
    const { result } = demo({ samples: 20, seed, onSample: (sample) => samples.push(sample) });
    assert.is(result.identical, true, `seed ${seed}`);
    assert.ok(result.cuts >= 100, `seed ${seed}: ${result.cuts} cuts`);
    assert.is(result.seed, seed);
    const cuts = samples.map((sample) => sample.cuts);
    assert.is(
      cuts.reduce((sum, count) => sum + count, 0),
      result.cuts,
    );
    cutCounts.add(`${cuts}`);
    answers.add(`${samples.map(({ answer }) => answer)}`);
  }
  assert.is(cutCounts.size, 7);
  assert.is(answers.size, 1);
});

test('the same seed gives the same result; samples come in order with their labels', () => {
  const samples: DemoSample[] = [];
  const first = demo({ samples: 12, seed: 9, onSample: (sample) => samples.push(sample) });
  assert.equal(demo({ samples: 12, seed: 9 }), first);
  const { inputs, labels } = shippedDigits(shippedImage());
  samples.forEach((sample, index) => {
    assert.is(sample.index, index);
    assert.is(sample.label, labels[index]);
    assert.equal(sample.pixels, inputs[index]);
  });
  assert.is(first.result.correct, samples.filter(({ answer, label }) => answer === label).length);
});

test('all shipped digits', () => {
  const { result } = demo({ samples: 200 });
  assert.is(result.identical, true);
  assert.ok(result.correct >= 190, `${result.correct} of 200 correct`);
});

test('options out of range are refused', () => {
  for (const options of [
    { samples: 0 },
    { samples: 201 },
    { samples: 1.5 },
    { samples: Number.NaN },
    { seed: -1 },
    { seed: 2 ** 32 },
  ]) {
    assert.throws(
      () => demo(options),
      (error: unknown) => error instanceof BrownoutError && error.code === 'E_OPTION',
    );
  }
});

test('a mismatch would be shown as one', () => {
  const details = demo({ samples: 1 });
  assert.match(demoSummary(details), 'identical');
  const wrong = demoSummary({ ...details, result: { ...details.result, identical: false } });
  assert.match(wrong, 'DIFFERENT');
});

test.run();
