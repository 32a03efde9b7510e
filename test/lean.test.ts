// Biases and scales in 4 bytes an output: the format against its definition, every kernel against the oracle, and who gets it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode } from '../assembly/error.js';
import {
  CONSTANT,
  OP_ACTIVATION_TYPE,
  OP_BIAS,
  OP_BIAS_SHIFT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_SCALE_FORMAT,
  OP_SCALE_SHIFT,
} from '../assembly/layout.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage, resealImage } from '../host/model/image.js';
import { leanConstants, leanScale, MOST_BIAS_ERROR, roundedToLean } from '../host/model/lean.js';
import { elementCount, type QuantizedNetwork, type QuantizedOp } from '../host/model/quantized-network.js';
import { checkRecords } from '../host/ops/bounds.js';
import { roundToLean } from '../host/ops/lean.js';
import { verify } from '../host/verify/verify.js';
import { deviceWeights } from '../host/xray/device-weights.js';
import { between, denseNetwork, valuesFor, withInt16, withWeights } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { hasBuild, infer, makeDevice, type Build } from './util/devices.js';
import { codeOf } from './util/failure.js';
import { kernelNetworks } from './util/kernel-networks.js';
import { runOracle } from './util/oracle.js';

const BUILDS: Build[] = ['scalar', 'fast', 'accelerated', 'simd', 'checked', 'in-place'];
const SHAPES = Number(process.env['BROWNOUT_SHAPES'] ?? 6);

const isWeighted = (op: QuantizedOp): op is QuantizedOp & { kind: 'dense' } => 'multipliers' in op;
const weightedIn = ({ ops }: QuantizedNetwork): (QuantizedOp & { kind: 'dense' })[] => ops.filter(isWeighted);
const leanOps = (image: Image): number => image.ops.filter((op) => op.isLean).length;

/** Biases so that lean ones hold them, some of them shifted. */
function withNearBiases(random: Random, network: QuantizedNetwork): QuantizedNetwork {
  const shrink = 2 ** random.integer(12);
  const ops = network.ops.map((op) =>
    isWeighted(op) && 'bias' in op
      ? {
          ...op,
          bias: (op.bias as Int32Array).map((b) => Math.round(b / shrink)),
          // Channels that are not used have a scale of 0.
          multipliers: op.multipliers.map((m, o) => (o % 7 === 3 ? 0 : m)),
        }
      : op,
  );
  return roundToLean({ ...network, ops });
}

test('constants: what is rounded is held exactly, and no further off than docs/FORMAT.md says', () => {
  let held = 0;
  for (let seed = 1; seed <= 2000; seed++) {
    const random = new Random(seed);
    const channels = between(random, 1, 20);
    const pairs = random.integer(4) ? channels : 1;
    const size = 2 ** between(random, 2, 26);
    const base = between(random, -29, 2);
    const given = {
      bias: Int32Array.from({ length: channels }, () => between(random, -size, size)),
      multipliers: Int32Array.from({ length: pairs }, () =>
        random.integer(8)
          ? between(random, 2 ** 30, 2 ** 31 - 1)
          : [0, 2 ** 30, 2 ** 31 - 1][random.integer(3)]!,
      ),
      shifts: Int32Array.from({ length: pairs }, () => base + random.integer(between(random, 1, 18))),
    };
    const rounded = roundedToLean(given);
    if (!rounded) continue;
    held++;
    const stored = leanConstants(rounded);
    assert.ok(stored, `seed ${seed}`);
    assert.ok(stored.biasShift <= 31 && stored.scaleShift <= 31);
    for (let o = 0; o < channels; o++) {
      const at = pairs === 1 ? 0 : o;
      // As the device makes them, by the definition.
      const word = stored.scales[at]!;
      const multiplier = word === 0 ? 0 : (2 ** 12 + Math.floor(word / 16)) * 2 ** 18;
      const shift = (word % 16) - stored.scaleShift;
      assert.is(multiplier, rounded.multipliers[at], `seed ${seed}`);
      if (multiplier !== 0) assert.is(shift, rounded.shifts[at], `seed ${seed}`);
      assert.ok(shift >= -31 && shift <= 30);
      assert.is(stored.biases[o]! * 2 ** stored.biasShift, rounded.bias[o]);
      const real = given.multipliers[at]! * 2 ** (given.shifts[at]! - 31);
      assert.ok(Math.abs(multiplier * 2 ** (shift - 31) - real) <= real * 2 ** -13, `seed ${seed}`);
      assert.ok(Math.abs(rounded.bias[o]! - given.bias[o]!) * real <= MOST_BIAS_ERROR, `seed ${seed}`);
      assert.equal(leanScale(word, stored.scaleShift), { multiplier, shift });
    }
    assert.equal(roundedToLean(rounded), rounded, `seed ${seed}: a second time changes nothing`);
  }
  assert.ok(held > 800 && held < 1900, `${held} of 2000`);
});

test('constants that lean ones do not hold are left as they are', () => {
  const one = (bias: number, multiplier: number, shift: number) =>
    leanConstants({
      bias: Int32Array.of(bias),
      multipliers: Int32Array.of(multiplier),
      shifts: Int32Array.of(shift),
    });
  assert.ok(one(32767, 2 ** 30, -5));
  assert.ok(one(32768, 2 ** 30 + 2 ** 18, -5));
  assert.is(one(32769, 2 ** 30, -5), undefined, 'an odd bias beyond int16');
  assert.is(one(1, 2 ** 30 + 2 ** 17, -5), undefined, 'a multiplier of 14 bits');
  assert.is(one(1, 2 ** 30, -31), undefined, 'no exponent below it');
  assert.ok(one(1, 0, -31));
  const far = {
    bias: new Int32Array(2),
    multipliers: Int32Array.of(2 ** 30, 2 ** 30),
    shifts: Int32Array.of(-20, -5),
  };
  assert.is(leanConstants(far), undefined, '15 bits apart');
  assert.is(roundedToLean(far), undefined);
  assert.ok(leanConstants({ ...far, shifts: Int32Array.of(-20, -6) }));
});

for (const [name, make] of Object.entries(kernelNetworks)) {
  // Fused ops have 12 bytes.
  if (name === 'separable' || weightedIn(make(new Random(1))).length === 0) continue;
  test(`${name}: ${SHAPES} random shapes with lean constants equal the oracle`, () => {
    let lean = 0;
    for (let seed = 1; seed <= SHAPES; seed++) {
      const random = new Random(7000 + seed);
      const type =
        name === 'conv2d' || name === 'dense' ? (['int8', 'int2', 'int1'] as const)[seed % 3]! : 'int8';
      const made = make(random);
      const network = withNearBiases(random, type === 'int8' ? made : withWeights(random, type, made));
      const image = readImage(compile(network, { arenaBytes: 16384, fuse: 'off' }));
      lean += leanOps(image);
      const input = valuesFor(random, network.tensors[network.input]!);
      const expected = runOracle(network, input)[network.output]!;
      for (const build of BUILDS.filter((one) => hasBuild(image, one)))
        assert.equal(infer(makeDevice(image, build), image, input), expected, `seed ${seed}, ${build}`);
      const exact = readImage(compile(network, { arenaBytes: 16384, fuse: 'off', lean: 'off' }));
      assert.is(leanOps(exact), 0);
      assert.ok(leanOps(image) === 0 || image.constants.bytes <= exact.constants.bytes);
    }
    assert.ok(lean >= SHAPES / 2, `${lean} of ${SHAPES}`);
  });
}

/** A dense layer of `outputs` whose scales have all their bits. */
function exactNetwork(outputs = 24): QuantizedNetwork {
  const random = new Random(5);
  for (;;) {
    const network = denseNetwork(random, 60);
    const [op] = weightedIn(network);
    if (op!.multipliers.length >= outputs && op!.weights.length > 0) return network;
  }
}

test('auto: exact ones alone; on: others are rounded, and an answer is off by a step at most; off: none', () => {
  const network = exactNetwork();
  const images = (['auto', 'on', 'off'] as const).map((lean) => readImage(compile(network, { lean })));
  assert.equal(images.map(leanOps), [0, 1, 0]);
  const [auto, on] = images as [Image, Image];
  const random = new Random(1);
  for (let i = 0; i < 50; i++) {
    const input = valuesFor(random, network.tensors[0]!);
    const [exact, near] = [auto, on].map((image) => infer(makeDevice(image), image, input)) as [
      Int8Array,
      Int8Array,
    ];
    exact.forEach((y, o) => assert.ok(Math.abs(y - near[o]!) <= 1));
  }
  const outputs = elementCount(network.tensors[1]!);
  const [a, b] = [auto, on].map(({ ops: [op] }) => {
    const from = [OP_BIAS, OP_REQUANT].map((field) => op!.get(field) - CONSTANT);
    return { from, stride: op!.get(OP_REQUANT_STRIDE) };
  });
  assert.is(b!.from[1]! - b!.from[0]!, 2 * outputs);
  assert.is(a!.from[1]! - a!.from[0]!, 4 * outputs);
  assert.is(auto.ops[0]!.get(OP_SCALE_FORMAT), 0);
});

test('int16 activations, and images that learn, have 12 bytes', () => {
  const random = new Random(3);
  const wide = roundToLean(withInt16(random, denseNetwork(random, 40)));
  assert.is(leanOps(readImage(compile(wide, { lean: 'on', arenaBytes: 8192 }))), 0);
});

test('xray reads lean constants as they count', () => {
  const network = roundToLean(exactNetwork());
  const [lean, pairs] = (['auto', 'off'] as const).map((choice) => {
    const image = readImage(compile(network, { lean: choice }));
    return deviceWeights(image, image.ops[0]!, network.tensors[0]!.zeroPoint)!;
  });
  assert.equal(lean, pairs);
});

test('records that no module takes are refused by name', () => {
  const image = readImage(compile(roundToLean(exactNetwork())));
  const wrong: [field: number, value: number][] = [
    [OP_SCALE_FORMAT, 2],
    [OP_BIAS_SHIFT, 32],
    [OP_SCALE_SHIFT, 32],
    [OP_ACTIVATION_TYPE, 1],
    [OP_BIAS, image.ops[0]!.get(OP_BIAS) + 1],
    [OP_REQUANT, CONSTANT + image.imageBytes],
  ];
  for (const [field, value] of wrong) {
    const bad = resealImage(image, (ops) => ops[0]!.set(field, value));
    assert.is(
      codeOf(() => checkRecords(bad)),
      'E_IMAGE_RECORD',
      `field ${field}`,
    );
  }
  for (const [field, value] of [wrong[0]!, wrong[3]!]) {
    const bad = resealImage(image, (ops) => ops[0]!.set(field, value));
    assert.is(makeDevice(bad).boot(), ErrorCode.E_OP, `field ${field}`);
  }
});

test('an image of lean constants is proved', () => {
  const image = compile(roundToLean(exactNetwork()));
  assert.is(leanOps(readImage(image)), 1);
  assert.ok(verify(image).proved);
});

test.run();
