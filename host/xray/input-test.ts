// The input: whether what the device was given is what the model was made for.
import { evaluate, type FloatGraph } from '../import/float-graph.js';
import { elementCount, type TensorSpec } from '../model/quantized-network.js';
import type { Values } from '../model/values.js';
import type { Diagnosis } from './diagnose.js';
import { diagnose } from './diagnose.js';
import { makeScene, representable } from './scene.js';

type Span = readonly [low: number, high: number];

interface Preparation {
  name: string;
  /** What values must span for it to make sense. */
  domain?: Span;
  /** Of one value in channel `c`. */
  map?: (x: number, c: number) => number;
  /** Where each value comes from, of `size` values in `channels` channels. */
  from?: (i: number, size: number, channels: number) => number;
  cause: 'input-scaling' | 'channel-order';
}

const [MEAN, DEVIATION] = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
];
const BYTE: Span = [0, 255];
const UNIT: Span = [0, 1];
const SIGNED: Span = [-1, 1];
const at = (list: readonly number[] | undefined, c: number): number => list![c % 3]!;

/** What inputs usually lack: each takes the data as given to what the model may want. */
const PREPARATIONS: readonly Preparation[] = [
  { name: '0–255 to 0–1', domain: BYTE, map: (x) => x / 255, cause: 'input-scaling' },
  { name: '0–1 to 0–255', domain: UNIT, map: (x) => x * 255, cause: 'input-scaling' },
  { name: '0–255 to −1–1', domain: BYTE, map: (x) => x / 127.5 - 1, cause: 'input-scaling' },
  { name: '0–1 to −1–1', domain: UNIT, map: (x) => 2 * x - 1, cause: 'input-scaling' },
  { name: '−1–1 to 0–1', domain: SIGNED, map: (x) => (x + 1) / 2, cause: 'input-scaling' },
  { name: '−1–1 to 0–255', domain: SIGNED, map: (x) => (x + 1) * 127.5, cause: 'input-scaling' },
  { name: '0–255 to −128–127', domain: BYTE, map: (x) => x - 128, cause: 'input-scaling' },
  {
    name: '0–1 by the mean and deviation of ImageNet',
    domain: UNIT,
    map: (x, c) => (x - at(MEAN, c)) / at(DEVIATION, c),
    cause: 'input-scaling',
  },
  {
    name: '0–255 by the mean and deviation of ImageNet',
    domain: BYTE,
    map: (x, c) => (x / 255 - at(MEAN, c)) / at(DEVIATION, c),
    cause: 'input-scaling',
  },
  {
    name: '0–1 by the mean and deviation of MNIST',
    domain: UNIT,
    map: (x) => (x - 0.1307) / 0.3081,
    cause: 'input-scaling',
  },
  {
    name: '0–255 by the mean and deviation of MNIST',
    domain: BYTE,
    map: (x) => (x / 255 - 0.1307) / 0.3081,
    cause: 'input-scaling',
  },
  {
    name: 'RGB to BGR',
    from: (i, _, channels) => i - (i % channels) + (channels - 1 - (i % channels)),
    cause: 'channel-order',
  },
  {
    name: 'channels first to channels last (NCHW to NHWC)',
    from: (i, size, channels) => (i % channels) * (size / channels) + Math.floor(i / channels),
    cause: 'channel-order',
  },
  {
    name: 'channels last to channels first (NHWC to NCHW)',
    from: (i, size, channels) => (i % (size / channels)) * channels + Math.floor(i / (size / channels)),
    cause: 'channel-order',
  },
];

function prepare(sample: Float64Array, { map, from }: Preparation, channels: number): Float64Array {
  if (map) return sample.map((x, i) => map(x, i % channels));
  return from ? sample.map((_, i) => sample[from(i, sample.length, channels)]!) : sample;
}

function extremes(samples: readonly Float64Array[]): [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity];
  for (const sample of samples) {
    for (const value of sample) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return [low, high];
}

const short = (value: number): string => `${Number(value.toPrecision(3))}`;

/** Whether values lie within a preparation's domain, and use much of it. */
function applies({ domain }: Preparation, [low, high]: Span): boolean {
  if (!domain) return true;
  const size = domain[1] - domain[0];
  return low >= domain[0] - size / 20 && high <= domain[1] + size / 20 && high - low > size / 4;
}

/** Data that does not spread over the range that the image takes, as other data would. */
function rangeTest(samples: readonly Float64Array[], spec: TensorSpec): Diagnosis | undefined {
  const [low, high] = representable(spec);
  const size = high - low;
  const fits = ([least, most]: [number, number]): boolean =>
    Math.abs(least - low) < 0.1 * size && Math.abs(most - high) < 0.1 * size;
  const [least, most] = extremes(samples);
  const outside = Math.max(low - least, most - high, 0) / size;
  const used = (Math.min(most, high) - Math.max(least, low)) / size;
  const channels = spec.shape.at(-1) ?? 1;
  const usual = PREPARATIONS.find(
    (one) =>
      one.map &&
      applies(one, [least, most]) &&
      fits(extremes(samples.map((sample) => prepare(sample, one, channels)))),
  );
  const wrong = outside > 0.5 || (used < 0.6 && usual !== undefined) || (used < 0.02 && most > least);
  if (!wrong) return undefined;
  const how = usual ? `: prepare it as ${usual.name}` : '';
  const spans = `the data spans ${short(least)} … ${short(most)}, the image takes ${short(low)} … ${short(high)}`;
  const summary = `missing normalization: ${spans}${how}`;
  return { cause: 'input-scaling', summary, misfit: 0, explained: 0, others: [] };
}

/** Share of samples whose largest output is their label. */
function accuracy(graph: FloatGraph, samples: readonly Float64Array[], labels: ArrayLike<number>): number {
  const right = samples.filter((sample, i) => {
    const answer = evaluate(graph, sample)[graph.output]!;
    return answer.indexOf(Math.max(...answer)) === labels[i];
  });
  return right.length / samples.length;
}

/** With labels: whether the model itself is right much more often on data prepared otherwise. */
function labelTest(
  graph: FloatGraph,
  samples: readonly Float64Array[],
  labels: ArrayLike<number>,
): Diagnosis | undefined {
  const channels = graph.tensors[graph.input]!.shape.at(-1) ?? 1;
  const given = accuracy(graph, samples, labels);
  const span = extremes(samples);
  const margin = Math.max(0.2, 2 / Math.sqrt(samples.length));
  const ranked = PREPARATIONS.filter((one) => (one.map || channels > 1) && applies(one, span))
    .map((one) => ({
      one,
      share: accuracy(
        graph,
        samples.map((sample) => prepare(sample, one, channels)),
        labels,
      ),
    }))
    .sort((a, b) => b.share - a.share);
  const [best] = ranked;
  if (!best || best.share < given + margin) return undefined;
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const what = best.one.cause === 'channel-order' ? 'swapped channels' : 'missing normalization';
  const shares = `the model is right on ${percent(given)} of the data, on ${percent(best.share)} if prepared`;
  const summary = `${what}: ${shares} as ${best.one.name}`;
  return { cause: best.one.cause, summary, misfit: 0, explained: 0, others: [] };
}

export interface InputTest {
  graph: FloatGraph;
  spec: TensorSpec;
  /** As the reference takes them. */
  samples: readonly Float64Array[];
  /** What the device had. */
  device: readonly Values[];
  /** Whether the two come from different places: a log, or a second array. */
  apart: boolean;
  labels?: ArrayLike<number>;
}

export function testInput({ graph, spec, samples, device, apart, labels }: InputTest): Diagnosis | undefined {
  const { shape } = spec;
  const identity = { kind: 'reshape' as const, name: 'input', inputs: [0], output: 0 };
  const whole = { tensors: [{ shape }], ops: [], input: 0, output: 0 };
  const size = elementCount({ shape });
  if (samples.some((sample) => sample.length !== size)) return undefined;
  const parts = {
    name: 'input',
    graph: whole,
    op: identity,
    inputs: samples.map((x) => [x]),
    atInput: true,
    spec,
  };
  const scene = makeScene(parts, device);
  if (apart) return diagnose(scene, [...samples]) ?? (labels && labelTest(graph, samples, labels));
  return rangeTest(samples, spec) ?? (labels && labelTest(graph, samples, labels));
}
