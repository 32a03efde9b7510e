// Firmware of an MSP430FR5994 on `mspdebug sim`: NVM equal to the simulator's after jobs and through cuts, and what it costs.
// BROWNOUT_MSP430=all: 200 samples, 240 lives.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_TILES } from '../assembly/layout.js';
import type { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { Values } from '../host/model/values.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes, moduleFor } from '../host/toolchain/modules.js';
import { circulantNetwork, int8s, layered, requantization, tensor } from '../samples/networks.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { compileUnproved } from './util/compile.js';
import { MSP430_PROGRAMS, Msp430, runC } from '../bench/mspdebug.js';
import { hasPrograms } from './util/native.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const digits = readImage(readFileSync(`${root}checkpoints/digits.brn`));
const ALL = process.env['BROWNOUT_MSP430'] === 'all';
const mspTest = hasPrograms('firmware of an MSP430', MSP430_PROGRAMS) ? test : test.skip;
const budget = (
  JSON.parse(readFileSync(`${root}bench/budget.json`, 'utf8')) as {
    msp430: Record<string, { codeBytes: number; cycles: number }>;
  }
).msp430;

/** NVM of the simulator after inferences of `inputs`, one after the other, and the answers. */
function golden(image: Image, inputs: readonly Values[]): { nvm: Uint8Array; answers: string[] } {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(image))), {
    ...{ image, nvm, sramBytes: 65536 },
  });
  const answers = inputs.map((input, i) => {
    device.boot();
    return [...completeJob(device, image, { ticket: i + 1, input }, {}, true).answer].join(' ');
  });
  return { nvm: comparableNvm(nvm.cells, image, true), answers };
}

const sampleOf = (image: Image): Values => image.sample ?? new Int8Array(image.input.bytes);

/** Random inputs, and those that make sums largest. */
function inputsOf(image: Image, random: Random): Int8Array[] {
  const every = (value: (i: number) => number): Int8Array =>
    Int8Array.from({ length: image.input.bytes }, (_, i) => value(i));
  const extremes = [every(() => 127), every(() => -128), every((i) => (i % 2 ? 127 : -128))];
  const count = ALL ? 200 : 4;
  return [...extremes, ...Array.from({ length: count }, () => every(() => random.integer(256) - 128))];
}

/** Dense layers alone, of the sizes given. */
function denseLayers(random: Random, sizes: readonly number[]): QuantizedNetwork {
  const ops = sizes.slice(1).map((outputs, i) => ({
    ...{ kind: 'dense' as const, name: `dense${i}`, inputs: [i], output: i + 1 },
    weights: int8s(random, sizes[i]! * outputs),
    ...requantization(random, outputs, 6000 * Math.sqrt(sizes[i]!)),
  }));
  const tensors = sizes.map((size) => tensor(random, [size]));
  return { name: 'dense', tensors, ops, input: 0, output: sizes.length - 1 };
}

/** A row for each way of scaling: shifts of any length either way, multipliers at their ends, sums of any size. */
function scales(random: Random): QuantizedNetwork {
  const [inputs, outputs] = [24, 30];
  const rows = Array.from({ length: outputs }, (_, i) => i);
  const op = {
    ...{ kind: 'dense' as const, name: 'scales', inputs: [0], output: 1, clampMin: -128, clampMax: 120 },
    weights: int8s(random, inputs * outputs),
    bias: Int32Array.from(rows, (i) => (random.integer(2 ** 16) - 2 ** 15) * 2 ** Math.min(12, i >> 1)),
    multipliers: Int32Array.from(
      rows,
      (i) => [2 ** 30, 2 ** 31 - 1, 2 ** 30 + random.integer(2 ** 30)][i % 3]!,
    ),
    shifts: Int32Array.from(rows, (i) => 3 - i),
  };
  const tensors = [tensor(random, [inputs]), tensor(random, [outputs])];
  return { name: 'scales', tensors, ops: [op], input: 0, output: 1 };
}

const images: Record<string, () => Image> = {
  scales: () => readImage(compileUnproved(scales(new Random(4)))),
  dense: () => readImage(compileUnproved(denseLayers(new Random(3), [256, 32, 10]))),
  circulant: () => {
    const shape = { blockSize: 32, inputs: 100, outputs: 40, method: 'direct' } as const;
    return readImage(compileUnproved(circulantNetwork(new Random(6), shape)));
  },
  layered: () => readImage(compileUnproved(layered(new Random(2)))),
  digits: () => digits,
};

interface Built {
  image: Image;
  part: Msp430;
}
const built = new Map<string, Promise<Built>>();

/** Each image's program, built once. */
function builtOf(name: string): Promise<Built> {
  const found =
    built.get(name) ??
    Promise.resolve(images[name]!()).then(async (image) => ({ image, part: await Msp430.build(image) }));
  built.set(name, found);
  return found;
}

for (const name of Object.keys(images)) {
  mspTest(`${name}: answers and NVM of the simulator, on any input, within what it may cost`, async () => {
    const { image, part } = await builtOf(name);
    const sample = sampleOf(image);
    const { nvm, answers } = golden(image, [sample, sample]);
    const first = part.run();
    assert.match(first.lines[0]!, new RegExp(`^ticket 1 answer ${answers[0]}( class|$)`));
    // The second life finds NVM provisioned: what an inference costs.
    const second = part.run([], { nvm: first.nvm });
    assert.is(firstDifference(comparableNvm(second.nvm, image, true), nvm), -1);
    console.log(
      `${name}: ${part.codeBytes} B of code, ${second.cycles} cycles, ${second.instructions} instructions`,
    );
    const { codeBytes, cycles } = budget[name]!;
    assert.ok(
      part.codeBytes <= codeBytes && part.codeBytes > 0.85 * codeBytes,
      `${part.codeBytes} B of code`,
    );
    assert.ok(second.cycles <= cycles && second.cycles > 0.85 * cycles, `${second.cycles} cycles`);
    for (const input of inputsOf(image, new Random(5))) {
      const one = golden(image, [input]);
      const { lines, nvm: left } = part.run([], { input });
      assert.match(lines[0]!, new RegExp(`^ticket 1 answer ${one.answers[0]}( class|$)`));
      assert.is(firstDifference(comparableNvm(left, image, true), one.nvm), -1);
    }
  });

  mspTest(`${name}: lives that end at any instruction change nothing`, async () => {
    const { image, part } = await builtOf(name);
    const sample = sampleOf(image);
    const whole = part.run();
    const random = new Random(11);
    const rounds = ALL ? 4 : 1;
    for (let round = 0; round < rounds; round++) {
      const count = ALL ? 60 : 12;
      const lives = Array.from(
        { length: count },
        () => 1 + random.integer(Math.ceil(whole.instructions / 3)),
      );
      const { nvm, lines } = part.run(lives);
      // A life may get to the end of a job: tickets say how many there were.
      const tickets = Number(/^ticket (\d+)/.exec(lines.at(-1)!)![1]);
      const wanted = golden(
        image,
        Array.from({ length: tickets }, () => sample),
      );
      assert.is(firstDifference(comparableNvm(nvm, image, true), wanted.nvm), -1, `round ${round}`);
    }
  });
}

mspTest('divisions of 16 and 32 bits, signed and unsigned, of every length', () => {
  const random = new Random(7);
  const word = (): number =>
    (random.integer(2 ** 16) * 2 ** 16 + random.integer(2 ** 16)) >>> random.integer(32);
  const cases = Array.from({ length: 400 }, (_, i) => {
    const [a, b] = [word(), Math.max(1, word())];
    // Negative ones too, and both ends.
    return [i % 3 ? a : -a | 0, i % 4 ? b : -b | 0].map((n) => n >>> 0) as [number, number];
  });
  cases.push([0x8000_0000, 1], [0xffff_ffff, 0xffff_ffff], [0xffff, 0x10000], [0, 1], [255, 256], [256, 255]);
  const list = (which: 0 | 1): string => cases.map((pair) => `${pair[which]}u`).join(', ');
  const left = runC(
    // Volatile: or the compiler makes remainders of quotients.
    `static const volatile uint32_t a[] = {${list(0)}}, b[] = {${list(1)}};
    uint32_t results[${cases.length * 6}];
    void fill(void) {
      uint32_t *to = results;
      for (int i = 0; i < ${cases.length}; i++) {
        const volatile uint16_t x = (uint16_t)a[i], y = (uint16_t)b[i] ? (uint16_t)b[i] : 1;
        *to++ = a[i] / b[i];
        *to++ = a[i] % b[i];
        *to++ = (uint32_t)((int32_t)a[i] / (int32_t)b[i]);
        *to++ = (uint32_t)((int32_t)a[i] % (int32_t)b[i]);
        *to++ = (uint32_t)(uint16_t)(x / y) << 16 | (uint16_t)(x % y);
        *to++ = (uint32_t)(uint16_t)((int16_t)x / (int16_t)y) << 16 | (uint16_t)((int16_t)x % (int16_t)y);
      }
    }\n`,
    cases.length * 24,
  );
  const found = new Uint32Array(left.buffer, left.byteOffset, cases.length * 6);
  const both = (quotient: number, rest: number): number => ((quotient << 16) | (rest & 0xffff)) >>> 0;
  cases.forEach(([a, b], i) => {
    const [x, y] = [a & 0xffff, b & 0xffff || 1];
    const [sx, sy] = [(x << 16) >> 16, (y << 16) >> 16];
    const wanted = [Math.floor(a / b), a % b, Math.trunc((a | 0) / (b | 0)) >>> 0, ((a | 0) % (b | 0)) >>> 0];
    wanted.push(both(Math.floor(x / y), x % y), both(Math.trunc(sx / sy), sx % sy));
    assert.equal([...found.subarray(i * 6, i * 6 + 6)], wanted, `${a} by ${b}`);
  });
});

mspTest('FRAM can be filled to its end; more is refused by its size', async () => {
  const build = (rows: number): Promise<Msp430> =>
    Msp430.build(readImage(compileUnproved(denseLayers(new Random(3), [300, rows, 2]))));
  const part = await build(128);
  assert.match(part.run().lines[0]!, /^ticket 1 answer/);
  try {
    await build(160);
    assert.unreachable();
  } catch (error) {
    assert.is((error as BrownoutError).code, 'E_FIRMWARE_SIZE');
  }
});

mspTest('what a product costs, and with its scaling', async () => {
  // Two layers of rows of one length: the one with more takes what its rows do more, the same as an op otherwise.
  const rowOf = async (inputs: number): Promise<number> => {
    const [many, few] = [8, 2];
    const network = denseLayers(new Random(3), [inputs, many, inputs, few, 2]);
    const oneTile = { policy: 'never', capacitorUf: 1e4, arenaBytes: 6000 } as const;
    const image = readImage(compileUnproved(network, oneTile));
    assert.equal(
      image.ops.map((op) => op.get(OP_TILES)),
      [1, 1, 1, 1],
    );
    const part = await Msp430.build(image);
    const starts = part.marks(['plan_fetchRecord'], 8, part.run().nvm).map(({ cycles }) => cycles);
    const opOf = (index: number): number => starts[index + 1]! - starts[index]!;
    return (opOf(0) - opOf(2)) / (many - few);
  };
  const row = await rowOf(150);
  const product = ((await rowOf(300)) - row) / 150;
  console.log(
    `${product.toFixed(2)} cycles a product, ${(row / 150).toFixed(2)} with all that a row of 150 takes`,
  );
  assert.ok(product < 14.75 && product > 14, `${product}`);
  assert.ok(row / 150 < 18 && row / 150 > 15, `${row}`);
});

test.run();
