// Calls in worker threads: the bytes of the synchronous ones however many run at once, progress, an end on request.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  compress,
  compressAsync,
  type CompressOptions,
  initialise,
  type Progress,
  readImage,
  replay,
  replayAsync,
  train,
  trainAsync,
  type TrainingOptions,
  verify,
  verifyAsync,
} from '../host/index.js';
import { shippedImage } from '../host/demo/demo.js';
import type { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { recipe } from './util/float-networks.js';

const image = shippedImage();
const bytes = image.file;

const small: Parameters<typeof initialise>[0] = {
  inputShape: [1, 1, 8],
  layers: [
    { kind: 'dense', name: 'a', inputs: 8, outputs: 16, activation: 'relu' },
    { kind: 'dense', name: 'b', inputs: 16, outputs: 2, activation: 'none' },
  ],
};

function halves(count: number, seed: number): { inputs: Float32Array; labels: Uint8Array } {
  const random = new Random(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(2));
  const inputs = Float32Array.from({ length: count * 8 }, (_, i) => {
    return random.uniform(-1, 1) + (i % 8 < 4 === (labels[Math.floor(i / 8)] === 0) ? 1 : 0);
  });
  return { inputs, labels };
}

const network = initialise(small, 1);
const data = halves(200, 1);
const training: TrainingOptions = { ...recipe, epochs: 3 };
const plain = ({ elapsedMs: _, ...rest }: ReturnType<typeof verify>): object => rest;

test('many at once give what each gives in turn', async () => {
  const seeds = [1, 2, 3];
  const [proof, weights, ...runs] = await Promise.all([
    verifyAsync(bytes, { tear: 4 }),
    trainAsync(network, data, training),
    ...seeds.map((seed) => replayAsync(image, { trace: 'rf', seed, timeline: true })),
  ]);
  assert.equal(plain(proof), plain(verify(image, { tear: 4 })));
  assert.equal(weights, train(network, data, training));
  runs.forEach((run, i) =>
    assert.equal(run, replay(image, { trace: 'rf', seed: seeds[i]!, timeline: true })),
  );
});

test('compress: the same image and report; told of by one shape of progress', async () => {
  const parent = train(network, data, training);
  const options: CompressOptions = {
    ...{ data, test: halves(80, 2), name: 'halves', device: 'cortex-m4-generic' },
    ...{ flashBytes: 4000, epochs: 2, batchSize: 16, methods: ['projected'] },
  };
  const told: Progress[] = [];
  const result = await compressAsync(parent, { ...options, onProgress: (progress) => told.push(progress) });
  const expected = compress(parent, options);
  assert.ok(Buffer.from(result.image).equals(Buffer.from(expected.image)));
  assert.is(JSON.stringify(result.report), JSON.stringify(expected.report));
  assert.ok(readImage(result.image).metadata.proof);
  assert.ok(new Set(told.map(({ stage }) => stage)).size > 2);
  assert.ok(told.every(({ stage, done, total }) => stage !== '' && done >= 0 && done <= total));
});

test('progress goes up to its total', async () => {
  for (const call of [
    (onProgress: (progress: Progress) => void) => verifyAsync(bytes, { onProgress }),
    (onProgress: (progress: Progress) => void) => replayAsync(bytes, { onProgress, inferences: 3 }),
    (onProgress: (progress: Progress) => void) => trainAsync(network, data, { ...training, onProgress }),
  ]) {
    const told: Progress[] = [];
    await call((progress) => told.push(progress));
    assert.ok(told.length >= 3);
    assert.ok(
      told.every(({ done, total }, i) => i === 0 || (done >= told[i - 1]!.done && total === told[0]!.total)),
    );
    assert.is(told.at(-1)!.done, told.at(-1)!.total);
  }
});

const rejected = async (call: () => Promise<unknown>): Promise<unknown> => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('not rejected');
};

test('a signal ends a call, before it begins or in its midst', async () => {
  const reason = new Error('enough');
  const before = await rejected(() => verifyAsync(bytes, { signal: AbortSignal.abort(reason) }));
  assert.is(before, reason);
  const controller = new AbortController();
  let told = 0;
  const endless = trainAsync(network, data, {
    ...{ ...training, epochs: 100_000, signal: controller.signal },
    onProgress: () => {
      if (++told === 3) controller.abort(reason);
    },
  });
  assert.is(await rejected(() => endless), reason);
  const reached = told;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(told, reached, 'nothing is told of after its end');
  const quiet = await rejected(() => replayAsync(bytes, { signal: AbortSignal.abort() }));
  assert.is((quiet as Error).name, 'AbortError');
});

test('what is wrong is the same error as of the synchronous call', async () => {
  const failure = ({ code, found, expected, hint, exitCode, message }: BrownoutError) =>
    JSON.stringify({ code, found, expected, hint, exitCode, message });
  const sync = (call: () => unknown): unknown => {
    try {
      call();
    } catch (error) {
      return error;
    }
    throw new Error('not thrown');
  };
  const dark = { trace: 'constant:power_uw=0' };
  for (const [call, same] of [
    [() => replayAsync(bytes, dark), () => replay(bytes, dark)],
    [() => verifyAsync(bytes.subarray(0, 90)), () => verify(bytes.subarray(0, 90))],
    [() => replayAsync(bytes, { device: 'z80' }), () => replay(bytes, { device: 'z80' })],
    [
      () => trainAsync(network, data, { ...training, learningRate: Number.NaN }),
      () => train(network, data, { ...training, learningRate: Number.NaN }),
    ],
  ] as const) {
    const [found, expected] = [await rejected(call), sync(same)] as BrownoutError[];
    assert.is(failure(found!), failure(expected!));
    assert.is(found!.name, 'BrownoutError');
  }
  const wrong = async (call: () => Promise<unknown>): Promise<string> =>
    ((await rejected(call)) as BrownoutError).code;
  assert.is(await wrong(() => verifyAsync(bytes, { signal: 5 as unknown as AbortSignal })), 'E_OPTION');
  assert.is(await wrong(() => verifyAsync(bytes, { onProgress: 'x' as unknown as () => void })), 'E_OPTION');
  assert.is(await wrong(() => replayAsync(bytes, { seed: (() => 1) as unknown as number })), 'E_OPTION');
  const thrown = new Error('mine');
  const own = await rejected(() =>
    verifyAsync(bytes, {
      onProgress: () => {
        throw thrown;
      },
    }),
  );
  assert.is(own, thrown);
});

test.run();
