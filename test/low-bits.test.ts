// Weights of 1, 2 and 4 bits as they ship: what they take on emulated cores, held by bench/budget.json, the same bytes there, the proof
// of an image on the module that firmware is made from, and what a plan without room for tables does.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { analyze } from '../host/analyze/analyze.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { hasWeight, WEIGHT_TYPES, type WeightType } from '../host/model/weight-types.js';
import { coreUnitsOf, sumBodyOf } from '../host/ops/record.js';
import { moduleBytes } from '../host/toolchain/modules.js';
import { verify } from '../host/verify/verify.js';
import { convNetwork, denseNetwork, depthwiseNetwork, valuesFor, withWeights } from '../samples/networks.js';
import { countLowBits, lowBitImage, lowBitNetwork } from '../bench/low-bits.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { failure } from './util/failure.js';
import { boardPackages, hasPrograms } from './util/native.js';
import { runOracle } from './util/oracle.js';

const SIGNS = ['int2', 'int1'] as const;
const FEW = ['int4', ...SIGNS] as const;

test('codes: every weight of a type and no other, packed as docs/FORMAT.md says', () => {
  const valuesOf = (type: WeightType): number[] =>
    Array.from({ length: 256 }, (_, i) => i - 128).filter((w) => hasWeight(WEIGHT_TYPES[type], w));
  assert.equal(valuesOf('int2'), [-3, -1, 1, 3]);
  assert.equal(valuesOf('int1'), [-1, 1]);
  assert.is(valuesOf('int4').length, 16);
  // Lower bits of four codes, then their upper bits: codes 0, 1, 2, 3 and 3.
  assert.equal([...WEIGHT_TYPES.int2.pack(Int8Array.of(-3, -1, 1, 3, 3))], [0b1100_1010, 0b0001_0001]);
  assert.equal([...WEIGHT_TYPES.int1.pack(Int8Array.of(1, -1, -1, -1, 1, 1, -1, -1, 1))], [0b0011_0001, 1]);
  const random = new Random(1);
  for (const type of Object.keys(WEIGHT_TYPES) as WeightType[]) {
    const format = WEIGHT_TYPES[type];
    const values = valuesOf(type);
    for (let count = 1; count < 40; count++) {
      const row = Int8Array.from({ length: count }, () => values[random.integer(values.length)]!);
      const packed = format.pack(row);
      assert.is(packed.length, format.rowBytes(count), `${type}, ${count}`);
      assert.equal(format.unpack(packed, count), row, `${type}, ${count}`);
    }
  }
});

test('weights that a type does not have are refused', () => {
  const network = withWeights(new Random(1), 'int2', denseNetwork(new Random(1), 20));
  (network.ops[0] as { weights: Int8Array }).weights[3] = 0;
  const { code, found, expected } = failure(() => compile(network));
  assert.is(code, 'E_NETWORK');
  assert.match(found, 'weight 0 of int2');
  assert.is(expected, 'weights from -3 to 3, 2 apart');
});

test('images of few bits are proved on the module that firmware is made from', () => {
  for (const type of FEW) {
    for (const make of [convNetwork, depthwiseNetwork, (random: Random) => denseNetwork(random, 80)]) {
      const network = withWeights(new Random(5), type, make(new Random(5)));
      const image = readImage(compile(network, { arenaBytes: 6000, policy: 'every 1' }));
      assert.ok(
        verify(image, { module: moduleBytes('device.accelerated') }).proved,
        `${type} ${network.name}`,
      );
    }
  }
});

test('analyze names the body, with room for tables and without; both give the same bytes', () => {
  for (const type of SIGNS) {
    const network = lowBitNetwork('conv 25×5×64→64, 1×1', type);
    const input = valuesFor(new Random(1), network.tensors[0]!);
    const expected = runOracle(network, input)[network.output]!;
    for (const [arenaBytes, body] of [
      [30000, 'signs'],
      [700, 'scalar'],
    ] as const) {
      const image = readImage(compile(network, { arenaBytes, capacitorUf: 1e5 }));
      assert.is(analyze(image).ops[0]!.body, body, `${type} in ${arenaBytes} bytes`);
      for (const build of ['scalar', 'fast', 'accelerated', 'simd'] as const)
        assert.equal(
          infer(makeDevice(image, build), image, input),
          expected,
          `${type} ${build} ${arenaBytes}`,
        );
    }
  }
});

const { lowBits } = JSON.parse(readFileSync(new URL('../../bench/budget.json', import.meta.url), 'utf8')) as {
  lowBits: Record<string, Record<(typeof FEW)[number], number>>;
};
const CONV = 'conv 16×16×32→32, 3×3';
for (const [board, limits] of Object.entries(lowBits)) {
  const run = hasPrograms(`weights of few bits on ${board}`, boardPackages(board)) ? test : test.skip;
  run(`${board}: instructions a MAC of weights of few bits, and the same bytes`, async () => {
    for (const type of FEW) {
      const network = lowBitNetwork(CONV, type);
      const { image, sample } = lowBitImage(network);
      const { aMac, output } = await countLowBits(image, board);
      assert.equal(output, runOracle(network, sample)[network.output]!, type);
      assert.ok(aMac <= limits[type], `${type}: ${aMac.toFixed(3)} instructions a MAC`);
      assert.ok(aMac > limits[type] * 0.85, `${type}: only ${aMac.toFixed(3)}: lower the budget`);
    }
  });
}

const DENSE = 'dense 512×512';
const onM4 = hasPrograms('a dense layer of 2 bits', boardPackages('qemu-mps2-an386')) ? test : test.skip;
onM4(
  'Cortex-M4: a dense layer of 2 bits takes what it did, a hundredth more than one of 8 at most, and what the model names',
  async () => {
    const { image, sample } = lowBitImage(lowBitNetwork(DENSE, 'int2'));
    assert.is(sumBodyOf(image.ops[0]!, 'dsp'), 'dsp');
    assert.is(sumBodyOf(image.ops[0]!, 'armv7m'), 'signs');
    const { instructions, output } = await countLowBits(image, 'qemu-mps2-an386');
    const network = lowBitNetwork(DENSE, 'int2');
    assert.equal(output, runOracle(network, sample)[network.output]!);
    const bytes = await countLowBits(lowBitImage(lowBitNetwork(DENSE, 'int8')).image, 'qemu-mps2-an386');
    // No more than before one of 8 bits came down from 444,400.
    assert.ok(
      instructions <= 437_560 && instructions <= bytes.instructions * 1.01,
      `${instructions}, ${bytes.instructions} of 8 bits`,
    );
    const model = coreUnitsOf(image.ops[0]!, 'dsp') / instructions;
    assert.ok(model > 0.9 && model < 1.1, `the model has ${model.toFixed(2)} times as many`);
  },
);

test.run();
