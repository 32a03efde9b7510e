// Weights that a host keeps widened (docs/ACCEL.md, "In Node"): the same bytes as the scalar module, with them, before they are
// made, and after another image has taken the place of the one that they were made of.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork, QuantizedOp } from '../host/model/quantized-network.js';
import type { DeviceExports } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { buildDevice, buildParts } from '../host/toolchain/build-device.js';
import { MAPPED_AT, mappedStateAt } from '../host/toolchain/parts.js';
import {
  between,
  convNetwork,
  deepConvNetwork,
  denseNetwork,
  int8s,
  requantization,
  separableNetwork,
  tensor,
} from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { infer, makeDevice } from './util/devices.js';
import { extremes, LANE_PARTS } from './util/lane-shapes.js';

const MAPPED_BYTES = 1 << 19;
const wasm = await buildParts(LANE_PARTS, {
  ...{ target: 'simd', optimize: 'speed' },
  ...{ mappedBytes: MAPPED_BYTES, wideBytes: MAPPED_BYTES / 2 },
});
const module = new WebAssembly.Module(wasm);

/** One instance, which one image after the other is put into. */
class Host {
  readonly #device: DeviceExports;
  readonly #memory: Uint8Array;
  #image: Image | undefined;

  constructor() {
    const imports = { nvm: { sync: () => undefined }, power: { low: () => 0 } };
    this.#device = new WebAssembly.Instance(module, imports).exports as unknown as DeviceExports;
    this.#memory = new Uint8Array(this.#device.memory.buffer);
  }

  /** Puts an image there, and boots it. */
  load(image: Image): void {
    const stateAt = mappedStateAt(image);
    assert.ok(stateAt + image.nvmBytes <= MAPPED_BYTES);
    const nvm = new SimulatedNvm(image.nvmBytes);
    provision(nvm, image);
    this.#memory.set(image.device, MAPPED_AT);
    this.#memory.set(nvm.cells, MAPPED_AT + stateAt);
    this.#image = image;
    const code = this.#device.boot(0, image.imageBytes, stateAt, image.nvmBytes, MAPPED_AT);
    assert.is(code, Status.IDLE);
  }

  widen(): number {
    return this.#device.widen!(0);
  }

  answer(input: Int8Array, ticket: number): Int8Array {
    const image = this.#image!;
    const arena = this.#device.arena.value as number;
    this.#memory.set(new Uint8Array(input.buffer), arena);
    assert.is(this.#device.feed(arena, input.length), input.length);
    assert.is(this.#device.submit(ticket, 0), Status.RUN);
    while (this.#device.status() === Status.RUN) this.#device.run(0);
    const { offset, bytes } = image.output;
    const from = MAPPED_AT + mappedStateAt(image) + offset;
    const found = new Int8Array(this.#memory.slice(from, from + bytes).buffer);
    this.#device.ack(ticket);
    return found;
  }
}

/** Whether panels are made of an op's weights: eights of rows, of whole fours. */
const isWhole = ({ ops, tensors }: QuantizedNetwork): boolean =>
  ops.every((op) => {
    const channels = tensors[op.output]!.shape.at(-1)!;
    const length = 'weights' in op ? op.weights.length / channels : 0;
    return channels % 8 === 0 && length % 4 === 0;
  });

/** Half of them of shapes that panels are made of, half of any. */
function network(random: Random, make: (random: Random) => QuantizedNetwork): QuantizedNetwork {
  const whole = random.integer(4) > 0;
  for (;;) {
    const made = make(random);
    if (!whole || isWhole(made)) return extremes(random, made);
  }
}

/** Three layers, whose panels lie one behind the other. */
function chain(random: Random): QuantizedNetwork {
  const sizes = Array.from({ length: 4 }, () => 8 * between(random, 1, 9));
  const ops = sizes.slice(1).map((outputs, i): QuantizedOp => {
    const length = sizes[i]!;
    return {
      ...{ kind: 'dense', name: `dense ${i}`, inputs: [i], output: i + 1 },
      weights: int8s(random, length * outputs),
      ...requantization(random, outputs, 6000 * Math.sqrt(length)),
    };
  });
  return { name: 'chain', tensors: sizes.map((size) => tensor(random, [size])), ops, input: 0, output: 3 };
}

const SHAPES = 60;

for (const [name, make, least, small] of [
  ['dense', (random: Random) => denseNetwork(random, 200), 30, 1500],
  ['dense layers, one behind the other', chain, 50, 1500],
  [
    'convolutions',
    (random: Random) => (random.integer(3) ? convNetwork(random) : deepConvNetwork(random)),
    15,
    4000,
  ],
  ['separable convolutions', (random: Random) => separableNetwork(random), 5, 4000],
] as const) {
  test(`${name}: the same bytes with weights widened, before, and of the image that was there before`, () => {
    const random = new Random(5);
    const host = new Host();
    let widened = 0;
    for (let i = 0; i < SHAPES; i++) {
      const arenaBytes = random.integer(2) ? 60000 : small + random.integer(4000);
      const image = readImage(compile(network(random, make), { arenaBytes, capacitorUf: 1e6 }));
      const input = int8s(random, image.input.bytes);
      const expected = infer(makeDevice(image), image, input);
      host.load(image);
      // Panels of the image before lie there.
      assert.equal(host.answer(input, 1), expected, `shape ${i}: not yet widened`);
      if (host.widen() > 0) widened++;
      assert.equal(host.answer(input, 2), expected, `shape ${i}: widened`);
      assert.equal(host.answer(input, 3), expected, `shape ${i}: widened, once more`);
    }
    assert.ok(widened >= least, `${widened} of ${SHAPES} shapes have panels`);
  });
}

test('widened weights with views, for size or without lanes are refused', async () => {
  const image = readImage(compile(denseNetwork(new Random(1)), { arenaBytes: 8000 }));
  const mappedBytes = mappedStateAt(image) + image.nvmBytes;
  for (const options of [
    { target: 'simd', optimize: 'speed' },
    { target: 'simd', mappedBytes },
    { optimize: 'speed', mappedBytes },
  ] as const) {
    try {
      await buildDevice(image, { ...options, wideBytes: image.imageBytes });
      assert.unreachable('no error');
    } catch (error) {
      assert.instance(error, BrownoutError);
      const { code, found, expected } = error as BrownoutError;
      assert.is(code, 'E_OPTION');
      assert.match(found, /^widened weights with target/);
      assert.match(expected, /target simd, optimize speed and NVM mapped/);
    }
  }
});

test.run();
