// What mutants are judged on: networks of every kernel, images for memories of every kind, learners.
import type { CompileOptions } from '../../host/compile/options.js';
import { BrownoutError } from '../../host/error.js';
import { Random } from '../../host/math/random.js';
import { type Image, readImage } from '../../host/model/image.js';
import { roundToLean } from '../../host/ops/lean.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';
import * as networks from '../../samples/networks.js';
import { compileUnproved as compile } from '../util/compile.js';
import { learnable } from '../util/learnable.js';

/** A network, SRAM that it is compiled for, the first that holds it, and what else it is compiled with. */
interface Tried {
  network: QuantizedNetwork;
  arenas: number[];
  options?: CompileOptions;
}

/** Circulant layers that a charge holds in parts alone: of a row, of the inputs' spectra. */
function parted(): Tried[] {
  const shape = { blockSize: 64, inputs: 150, outputs: 150 };
  return [{ method: 'direct' as const }, { method: 'ntt' as const, apart: true as const }].map((how) => {
    const network = networks.circulantNetwork(new Random(1), { ...shape, ...how });
    return { network, arenas: [4000], options: { device: 'msp430fr5994', capacitorUf: 100 } };
  });
}

/** Small networks that go through every kernel, each in several shapes. */
export function kernelNetworks(): Tried[] {
  const circulant =
    (method: 'direct' | 'ntt' | 'karatsuba') =>
    (random: Random): QuantizedNetwork =>
      networks.circulantNetwork(random, { blockSize: 32, inputs: 70, outputs: 90, method });
  const kinds: ((random: Random) => QuantizedNetwork)[] = [
    networks.layered,
    networks.convNetwork,
    networks.deepConvNetwork,
    (random) => networks.winogradNetwork(random, 'stored'),
    (random) => networks.winogradNetwork(random, 'computed'),
    networks.sparseNetwork,
    networks.maxPoolNetwork,
    networks.denseNetwork,
    networks.depthwiseNetwork,
    networks.separableNetwork,
    networks.averagePoolNetwork,
    (random) => networks.elementwiseNetwork(random, 'add'),
    (random) => networks.elementwiseNetwork(random, 'mul'),
    networks.softmaxNetwork,
    networks.logisticNetwork,
    networks.meanNetwork,
    networks.padNetwork,
    networks.concatNetwork,
    networks.sliceNetwork,
    (random) => networks.withInt16(random, networks.layered(random)),
    (random) => networks.elementwiseInt16Network(random, 'add'),
    (random) => networks.elementwiseInt16Network(random, 'mul'),
    networks.softmaxInt16Network,
    networks.lookupNetwork,
    networks.convertNetwork,
    (random) => roundToLean(networks.denseNetwork(random, 80)),
    (random) => roundToLean(networks.withDeadChannel(networks.depthwiseNetwork(random))),
    (random) => networks.withInt4(random, networks.convNetwork(random)),
    (random) => networks.withWeights(random, 'int2', networks.convNetwork(random)),
    (random) => networks.withWeights(random, 'int1', networks.denseNetwork(random, 80)),
    networks.circulantConvNetwork,
    circulant('direct'),
    circulant('ntt'),
    circulant('karatsuba'),
    (random) =>
      networks.circulantNetwork(random, {
        ...{ blockSize: 32, inputs: 70, outputs: 90, method: 'ntt', apart: true },
      }),
    ...(['int4', 'int2', 'int1'] as const).flatMap((type) =>
      (['direct', 'ntt'] as const).map((method) => (random: Random): QuantizedNetwork => {
        const shape = { blockSize: 32, inputs: 64, outputs: 90, method, spectra: 'computed' as const };
        return networks.withWeights(random, type, networks.sharedCirculantNetwork(random, shape));
      }),
    ),
  ];
  const windowed: readonly unknown[] = [networks.convNetwork, networks.padNetwork, networks.separableNetwork];
  // With less than this it would be a convolution as it is written; here its channels come in several groups.
  const grouped = (['stored', 'computed'] as const).map((weights) => ({
    network: networks.winogradNetwork(new Random(6), weights),
    arenas: [weights === 'stored' ? 1300 : 1400],
  }));
  // With less they would be sums of products.
  const transformed = Array.from({ length: 8 }, (_, seed) => ({
    network: networks.convNttNetwork(new Random(seed + 1)),
    arenas: [12_000],
  }));
  const several = kinds.flatMap((kind) =>
    Array.from(
      { length: kind === networks.softmaxNetwork ? 80 : windowed.includes(kind) ? 16 : 6 },
      (_, seed) => ({
        network: kind(new Random(seed + 1)),
        // Little SRAM every other time, so that ops have several tiles: as little as takes them.
        arenas: seed % 2 ? [200, 260, 340, 440, 600, 900, 1400, 2200] : [4000],
      }),
    ),
  );
  return [...several, ...grouped, ...transformed, ...parted()];
}

/** Ops of several tiles in so little NVM that buffers overlap, with mandatory commits between. */
export function overlapping(): Image {
  const network = networks.layered(new Random(3));
  const options = { policy: 'every 3', sample: networks.int8s(new Random(3), 36), arenaBytes: 320 };
  const { nvmBytes } = readImage(compile(network, options));
  return readImage(compile(network, { ...options, nvmBytes: nvmBytes - 32 }));
}

/** Images for memories of other kinds: ops with grains, joined ones, slots that are settled. */
export function otherMemories(): Image[] {
  const layered = networks.layered(new Random(3));
  const options = { policy: 'every 3', arenaBytes: 320 };
  return [
    readImage(compile(layered, { ...options, line: 16 })),
    readImage(compile(networks.concatNetwork(new Random(21)), { line: 16, arenaBytes: 4000 })),
    readImage(compile(layered, { ...options, unstable: true })),
  ];
}

/** For the first arena that holds its ops. */
export function imageOf({ network, arenas, options }: Tried): Image | undefined {
  for (const arenaBytes of arenas) {
    try {
      return readImage(compile(network, { ...options, arenaBytes }));
    } catch (error) {
      if (!(error instanceof BrownoutError)) throw error;
    }
  }
  return undefined;
}

/** A learner, and the label it is given for the sample of a ticket. */
export interface Learner {
  image: Image;
  jobs: number;
  /** Whether every third job is labelled when it is done, or never. */
  late: boolean;
  /** Whether classes are forgotten, too. */
  forgets?: true;
  labelOf(ticket: number, random: Random): number;
}

export function learners(): Learner[] {
  const small = readImage(
    compile(learnable(new Random(1), [8], ['dense:6', 'dense:3']), {
      learn: { layers: 'all', ring: 10, guardEvery: 8, holdOut: 4 },
    }),
  );
  // The ring keeps what the last layer reads.
  const upper = readImage(
    compile(learnable(new Random(3), [8], ['dense:9', 'dense:6', 'dense:3']), {
      learn: { layers: 'last', ring: 6, guardEvery: 0, holdOut: 0 },
    }),
  );
  // Three layers, errors in several groups; and what is held out keeps its label, what is learnt does not: weights get worse than
  // the good ones, and go back to them.
  const large = readImage(
    compile(learnable(new Random(2), [12], ['dense:200', 'dense:30', 'dense:6']), {
      learn: {
        layers: 'all',
        ring: 12,
        guardEvery: 7,
        holdOut: 2,
        margin: 0,
        learningRate: 0.25,
        sure: 2,
        replay: 3,
      },
      arenaBytes: 700,
    }),
  );
  // Errors that meet, of several groups: of three readers, in other steps, of a value added to itself.
  const block = ['dense:160', 'dense:160!', 'circulant:160:8!@0', 'requantize', 'add:1!', 'add:4', 'add:0'];
  const residual = readImage(
    compile(learnable(new Random(2), [20], [...block, 'dense:5']), {
      learn: { layers: 'all', ring: 6, guardEvery: 0, holdOut: 0, sure: -1 },
    }),
  );
  const wiping = readImage(
    compile(learnable(new Random(1), [20], ['dense:6', 'dense:3']), {
      learn: { layers: 'all', ring: 6, guardEvery: 0, holdOut: 0, replay: 2, wipeEvicted: true },
      arenaBytes: 400,
    }),
  );
  return [
    { image: small, jobs: 40, late: true, labelOf: (_, random) => random.integer(3) },
    { image: upper, jobs: 40, late: true, labelOf: (_, random) => random.integer(3) },
    { image: wiping, jobs: 40, late: true, labelOf: (_, random) => random.integer(3) },
    { image: residual, jobs: 12, late: false, labelOf: (_, random) => random.integer(5) },
    { image: summer(), jobs: 40, late: true, forgets: true, labelOf: (_, random) => random.integer(3) },
    {
      image: summer({ wipeEvicted: true }),
      jobs: 40,
      late: true,
      forgets: true,
      labelOf: (_, random) => random.integer(3),
    },
    {
      image: large,
      jobs: 120,
      late: false,
      labelOf: (ticket) => (ticket < 40 ? 0 : ticket % 2 ? 1 + (ticket % 5) : 0),
    },
  ];
}

/** A network with a head by sums: few entries of the ring, tiles of four rows or classes and of what is left, classes without a sample. */
function summer(options = {}): Image {
  const network = learnable(new Random(2), [8], ['dense:40', 'dense:5']);
  const data = Array.from({ length: 20 }, (_, i) => ({
    input: networks.int8s(new Random(i), 8),
    label: i % 2,
  }));
  const learn = { layers: 'sums', data, rank: 8, ring: 5, decay: 3, forget: true, ...options };
  return readImage(compile(network, { learn, arenaBytes: 640 }));
}
