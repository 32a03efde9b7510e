// `npm run bench`: whole models on this system and on others, in one run. Measured; trained ones need BROWNOUT_DATA.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../host/math/random.js';
import { importModel } from '../host/import/import-model.js';
import {
  type CirculantMethod,
  elementCount,
  type QuantizedNetwork,
  type QuantizedOp,
} from '../host/model/quantized-network.js';
import { table } from '../host/report/text.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { int8s, resnet8, visualWakeWords } from '../samples/networks.js';
import { writeTflite } from '../samples/tflite/write-tflite.js';
import { DeskRunner, deskImage } from './desk-runner.js';
import { findPeers, INSTALL, type Peer } from './peers.js';
import { profileModel } from './profile.js';
import { interleaved, median, spread } from './timing.js';

interface Model {
  name: string;
  bytes: Uint8Array;
  /** The network before it was quantized, as ONNX. */
  float?: Uint8Array;
  /** They refuse the file, and are given it as we write it. */
  isRefused?: boolean;
}

const TRAINED = [
  { name: 'KWS int8', file: 'kws_ref_model.tflite', float: 'kws_ref_model_float32.onnx' },
  { name: 'AD int8', file: 'ad01_int8.tflite', float: 'ad01_fp32.onnx' },
  // Its biases, vectors, name axis 3 as that of their scales: tfjs-tflite refuses the file.
  { name: 'person detection int8', file: 'person_detect.tflite', isRefused: true },
];
/** The one that all times are set against. */
export const OWN_MODULE = 'brownout, its own module';

/** Of MLPerf Tiny's topology, for which no file is needed. */
const RANDOM = { 'ResNet8 int8, random weights': resnet8, 'VWW int8, random weights': visualWakeWords };

/** The models there are: those with random weights always, as .tflite, so that other runtimes take them too. */
function findModels(): Model[] {
  const folder = process.env['BROWNOUT_DATA'];
  const path = (file: string): string => join(folder ?? '', 'models', file);
  const read = (file: string): Uint8Array => new Uint8Array(readFileSync(path(file)));
  const trained = TRAINED.filter(({ file }) => folder && existsSync(path(file))).map(
    ({ file, float, ...rest }): Model => ({
      ...rest,
      bytes: read(file),
      ...(float ? { float: read(float) } : {}),
    }),
  );
  const random = Object.entries(RANDOM).map(([name, make]): Model => ({
    name,
    bytes: writeTflite(make(new Random(8))),
  }));
  return [...trained, ...random];
}

/** Of every runtime. */
const ROUNDS = 101;

/** Smaller layers stay dense. */
const LEAST_SIZE = 64;

/** A runtime's time on a model, µs an inference; ratios: how many times longer it takes than this system, quartiles. */
export interface ModelTime {
  model: string;
  runtime: string;
  us: number;
  ratio: [number, number, number];
}

/** `network` with its dense layers circulant, weights random: fit for speed and for nothing else. */
function circulantSibling(
  network: QuantizedNetwork,
  blockSize: number,
  method: CirculantMethod,
): QuantizedNetwork {
  const random = new Random(blockSize);
  const ops = network.ops.map((op): QuantizedOp => {
    if (op.kind !== 'dense') return op;
    const inputs = elementCount(network.tensors[op.inputs[0]!]!);
    const outputs = elementCount(network.tensors[op.output]!);
    if (Math.min(inputs, outputs) < LEAST_SIZE) return op;
    const blocks = Math.ceil(inputs / blockSize) * Math.ceil(outputs / blockSize);
    const { weightType: _, ...rest } = op;
    return {
      ...rest,
      kind: 'circulant',
      blockSize,
      method,
      weights: int8s(random, blocks * blockSize, -127, 127),
    };
  });
  return { ...network, ops };
}

/**
 * This system: SRAM and NVM as a desk has them, and no commits on the way. `special`: on a module made for the image, for
 * speed, with NVM in its memory, `wide`: which keeps weights widened; else on one that ships.
 */
async function ours(
  name: string,
  network: QuantizedNetwork,
  module: 'device' | 'device.simd' | 'special' | 'wide',
  input: Int8Array,
): Promise<Peer> {
  const image = deskImage(network);
  const runner =
    module === 'special' || module === 'wide'
      ? await DeskRunner.special(image, 'simd', module === 'wide')
      : DeskRunner.generic(moduleBytes(module), image);
  return {
    name,
    run: () => runner.run(input),
    output: () => new Int8Array(runner.output().buffer),
  };
}

/** The model on every runtime there is, and where its time goes here. */
async function runtimes({ name, bytes, float, isRefused }: Model): Promise<{ all: Peer[]; profile: string }> {
  const { network } = importModel(bytes, { name });
  const input = int8s(new Random(3), elementCount(network.tensors[network.input]!));
  const own = [await ours(OWN_MODULE, network, 'wide', input)];
  const peers = await findPeers(isRefused ? writeTflite(network) : bytes, input, float);
  for (const peer of peers) {
    if (!peer.output) continue;
    await own[0]!.run();
    await peer.run();
    const [a, b] = [own[0]!.output!(), peer.output()];
    const far = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
    if (far > 1) throw new Error(`${name}: ${peer.name} answers up to ${far} steps elsewhere`);
  }
  own.push(await ours('brownout, its own module, weights of 8 bits', network, 'special', input));
  own.push(await ours('brownout, SIMD, all kernels', network, 'device.simd', input));
  own.push(await ours('brownout, scalar, all kernels', network, 'device', input));
  if (network.ops.every(({ kind }) => kind === 'dense')) {
    for (const [k, method] of [
      [16, 'karatsuba'],
      [16, 'ntt'],
      [64, 'karatsuba'],
      [64, 'ntt'],
    ] as const) {
      const sibling = circulantSibling(network, k, method);
      own.push(
        await ours(`brownout, its own module, circulant k = ${k} by ${method}`, sibling, 'special', input),
      );
    }
  }
  return { all: [...own, ...peers], profile: await profileModel(name, network, input) };
}

/** Times every model on every runtime there is. */
export async function benchModels(): Promise<{ times: ModelTime[]; text: string }> {
  const times: ModelTime[] = [];
  const profiles: string[] = [];
  let found = 0;
  for (const model of findModels()) {
    const { name } = model;
    const { all, profile } = await runtimes(model);
    profiles.push(profile);
    found += all.filter((peer) => !peer.name.startsWith('brownout')).length;
    const rounds = await interleaved(
      all.map((peer) => () => peer.run()),
      ROUNDS,
    );
    all.forEach((peer, i) =>
      times.push({
        model: name,
        runtime: peer.name,
        us: median(rounds[i]!),
        ratio: spread(rounds[i]!, rounds[0]!),
      }),
    );
  }
  const rows = times.map(({ model, runtime, us, ratio: [low, middle, high] }) => {
    return [model, runtime, us.toFixed(1), `${middle.toFixed(2)}×`, `${low.toFixed(2)}–${high.toFixed(2)}`];
  });
  const head = ['model', 'runtime', 'µs', 'takes longer than our own module', 'quartiles'];
  const lines = ['models in Node, one thread, one run, medians, measured here', table([head, ...rows])];
  if (found === 0) lines.push(`no other runtime found: ${INSTALL}`);
  return { times, text: [...lines, ...profiles].join('\n') };
}
