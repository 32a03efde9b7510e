// Memories that a cut spoils line by line (ECC, read-modify-write): tiles that share a line are kept together, so that no cut
// gives another answer, and the proof says so.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_FLAG_JOINED, OP_GRAIN, OP_TILES } from '../assembly/layout.js';
import type { CompileOptions } from '../host/compile/options.js';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage, resealImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { footprint } from '../host/plan/footprint.js';
import { grainFrom, placeGrains, wholeLines } from '../host/plan/grain.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { playerOf } from '../host/verify/counterexample.js';
import { replayCuts } from '../host/verify/replay.js';
import { verifyText } from '../host/verify/report.js';
import { setUp, verify } from '../host/verify/verify.js';
import { compileUnproved as compile } from './util/compile.js';
import { learnable } from './util/learnable.js';
import * as networks from '../samples/networks.js';

const LINES = [4, 8, 16] as const;
/** Cuts played of each image and line; all there are with a very large number. */
const CUTS = Number(process.env['BROWNOUT_CUTS'] ?? 24);

const shipped = (name: string): Image =>
  readImage(new Uint8Array(readFileSync(new URL(`../../checkpoints/${name}.brn`, import.meta.url))));

/** The image with grains for lines of `line` bytes. */
const withGrains = (image: Image, line: number): Image =>
  resealImage(image, (ops) =>
    placeGrains(
      ops,
      ops.map((_, op) => ({ op, place: undefined })),
      line,
    ),
  );

/** Single cuts, one after every so many bytes and barriers, that do not end with what steady power gives. */
function wrongCuts(image: Image, line: number, commits: 'every' | readonly number[]): number {
  const setup = setUp(image, {});
  const player = playerOf(setup);
  const like = { tear: 1, sequence: 0, line, commits };
  const steady = player.steady(like);
  const stride = Math.max(1, Math.floor(steady.units / CUTS));
  let wrong = 0;
  for (let after = 0; after < steady.units; after += stride) {
    const unsynced = (['written', 'dropped', 3] as const)[(after / stride) % 3]!;
    const { verdict } = player.play({ ...like, cuts: [{ after, unsynced }] }, steady);
    if (verdict !== 'identical') wrong++;
  }
  return wrong;
}

/**
 * What a charge must be, as these were not compiled for lines: grains of a finished plan make larger tiles than it was planned for, of
 * four rows of a map in keywords.
 */
const CAPACITORS_UF = { digits: undefined, har: undefined, keywords: 500 };

for (const [name, capacitorUf] of Object.entries(CAPACITORS_UF))
  test(`${name}: with grains proved at lines of 4, 8 and 16 bytes, and no single cut goes wrong`, () => {
    for (const line of LINES) {
      const image = withGrains(shipped(name), line);
      const charge = capacitorUf === undefined ? {} : { capacitorUf };
      const { proved, counterexample } = verify(image, { line, search: false, ...charge });
      assert.ok(proved, `${line}: ${counterexample?.found}`);
      assert.is(wrongCuts(image, line, 'every'), 0, `${line}`);
    }
  });

test('what a cut has spoilt reads as an error until it is written again, and nothing else does', () => {
  const nvm = new SimulatedNvm(64, { lineBytes: 8 });
  const errors = (): number[] =>
    Array.from({ length: 64 }, (_, at) => at).filter((at) => nvm.readsAsError(at, 1));
  nvm.write(6, new Uint8Array(4).fill(1));
  nvm.sync();
  nvm.write(21, Uint8Array.of(2));
  assert.equal(errors(), []);
  nvm.cut();
  assert.equal(errors(), [16, 17, 18, 19, 20, 21, 22, 23]);
  assert.ok(nvm.readsAsError(8, 9));
  assert.not(nvm.readsAsError(24, 8));
  nvm.write(16, new Uint8Array(7));
  assert.equal(errors(), [23]);
  nvm.cut();
  assert.is(errors().length, 8);
  nvm.load(new Uint8Array(64));
  assert.equal(errors(), []);
});

test('a tile that reads what reads as an error is found when the schedule is replayed', () => {
  const image = shipped('keywords');
  const result = verify(image, { line: 16 });
  const { counterexample } = result;
  assert.match(verifyText(result, 'keywords.brn'), /compile it\s+with `--line 16`/);
  const { verdict, detail } = replayCuts(image, counterexample!.id!);
  assert.is(verdict, 'device error');
  assert.match(detail, /reads as an error since a cut/);
});

test('without grains some cut goes wrong, the proof says which, and its schedule replays', () => {
  const image = shipped('keywords');
  const { proved, counterexample } = verify(image, { line: 16 });
  assert.not(proved);
  assert.is(counterexample!.obligation, 'memory rule');
  assert.match(counterexample!.found, /spoilt with its line of 16/);
  assert.match(counterexample!.id!, /@l16/);
  assert.is(replayCuts(image, counterexample!.id!).verdict, counterexample!.verdict);
  assert.is.not(counterexample!.verdict, 'identical');
});

const KINDS: Record<string, (random: Random) => QuantizedNetwork> = {
  layered: networks.layered,
  'ds-cnn': networks.dsCnn,
  convolution: networks.deepConvNetwork,
  depthwise: networks.depthwiseNetwork,
  concat: networks.concatNetwork,
  slice: networks.sliceNetwork,
  pad: networks.padNetwork,
  mean: networks.meanNetwork,
  softmax: networks.softmaxNetwork,
  add: (random) => networks.elementwiseNetwork(random, 'add'),
  int16: (random) => networks.withInt16(random, networks.layered(random)),
  circulant: (random) =>
    networks.circulantNetwork(random, { blockSize: 8, inputs: 24, outputs: 44, method: 'direct' }),
};

/** The image, or undefined where it does not fit. */
function compiled(network: QuantizedNetwork, options: CompileOptions): Image | undefined {
  try {
    return readImage(compile(network, options));
  } catch (error) {
    if (error instanceof BrownoutError && error.code === 'E_PLAN') return undefined;
    throw error;
  }
}

test('compiled for lines: every kind of network is proved, with room and without', () => {
  let grains = 0;
  let overlapping = 0;
  for (const [name, make] of Object.entries(KINDS)) {
    for (const line of LINES) {
      const network = make(new Random(5 + line));
      const options = {
        line,
        policy: 'every 3',
        capacitorUf: 1000,
        arenaBytes: name === 'ds-cnn' ? 8000 : 1600,
      };
      const roomy = compiled(network, options);
      if (!roomy) continue;
      const images = [roomy, compiled(network, { ...options, nvmBytes: roomy.nvmBytes - 32 })];
      overlapping += images[1] ? 1 : 0;
      for (const image of images) {
        if (!image) continue;
        assert.is(image.metadata.line, line);
        // The line is what the image was compiled for.
        const result = verify(image, { search: false, capacitorUf: 1000 });
        assert.is(result.line, line);
        assert.is(result.counterexample, null, `${name}, ${line}: ${result.counterexample?.found}`);
        grains += image.ops.some((op) => op.get(OP_GRAIN) > 0) ? 1 : 0;
      }
    }
  }
  assert.ok(grains > 12, `only ${grains} with grains`);
  assert.ok(overlapping > 5, `only ${overlapping} overlapping`);
});

test('grains are the least there are: no line has bytes on both sides of one, and none half as long would do', () => {
  const image = withGrains(shipped('keywords'), 16);
  for (const [index, op] of image.ops.entries()) {
    const tiles = op.get(OP_TILES);
    const grain = op.get(OP_GRAIN) || 1;
    const isClean = (at: number): boolean => {
      const lines = (from: number, to: number): Set<number> => {
        const found = new Set<number>();
        for (let tile = from; tile < to; tile++)
          for (const write of footprint(op, tile).writes) {
            const [start, end] = wholeLines(write, 16);
            for (let byte = start; byte < end; byte += 16) found.add(byte);
          }
        return found;
      };
      const before = lines(0, at);
      return ![...lines(at, tiles)].some((byte) => before.has(byte));
    };
    const multiples = (of: number): number[] =>
      Array.from({ length: Math.ceil(tiles / of) - 1 }, (_, i) => (i + 1) * of);
    for (const at of multiples(grain).slice(0, 20)) assert.ok(isClean(at), `op ${index}, tile ${at}`);
    if (grain > 1 && grain < tiles)
      assert.ok(
        multiples(grain - 1).some((at) => !isClean(at)),
        `op ${index}`,
      );
    assert.is(grainFrom(image.ops, { op: index, tile: 0 }).length, Math.min(grain, tiles));
  }
});

test('rows of weights in tiles below a line make one up, and are proved at the charge that a line of them takes', () => {
  const random = new Random(3);
  // As HAR's first dense layer. Equal parts, of 3 outputs, would make all 32 one grain.
  const weights = networks.int8s(random, 32 * 192);
  const op = { kind: 'dense', name: 'fc', inputs: [0], output: 1, weights } as const;
  const scaled = { ...op, ...networks.requantization(random, 32, 2 ** 17) };
  const rows = networks.single(scaled, networks.tensor(random, [192]), networks.tensor(random, [32]));
  const few = networks.withWeights(random, 'int2', rows);
  for (const [arenaBytes, grain] of [
    [2000, 2],
    [3000, 0],
  ] as const) {
    const options = { device: 'msp430fr5994', capacitorUf: 100, arenaBytes, line: 16 } as const;
    const image = readImage(compile(few, options));
    assert.is(image.ops[0]!.get(OP_GRAIN), grain);
    assert.ok(verify(image, { search: false }).proved);
  }
});

test('parts of a concatenation that share lines are joined', () => {
  const network = networks.concatNetwork(new Random(21));
  const image = readImage(compile(network, { line: 16, arenaBytes: 4000 }));
  assert.ok(verify(image, { search: false }).proved);
  assert.ok(image.ops.some((op) => op.has(OP_FLAG_JOINED)));
  assert.is(wrongCuts(image, 16, 'every'), 0);
});

test('learning, whose verdicts share lines, is refused by name', () => {
  const network = learnable(new Random(1), [8], ['dense:6', 'dense:3']);
  assert.throws(
    () => compile(network, { line: 16, learn: { layers: 'all', ring: 10, guardEvery: 8, holdOut: 4 } }),
    (error: unknown) => error instanceof BrownoutError && error.code === 'E_PLAN' && /line/.test(error.found),
  );
});

test.run();
