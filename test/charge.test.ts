// Ops are cut by what a charge holds, and compute the same however they are cut.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_TILES, WIN_INPUT_CHANNELS } from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { opCost } from '../host/plan/cost.js';
import { deviceProfile } from '../host/profiles/index.js';
import { chargeUj } from '../host/profiles/profile.js';
import { poweredBy } from '../host/power/converter.js';
import { between, int8s, withInt16 } from '../samples/networks.js';
import { infer, makeDevice } from './util/devices.js';
import { runOracle } from './util/oracle.js';

/** A pool whose window takes whole rows: all of the map, or a band of it. */
function rowPool(random: Random, kind: 'averagePool2d' | 'maxPool2d', bands: number): QuantizedNetwork {
  const [rows, width, channels] = [between(random, 5, 6), between(random, 5, 6), 8 * between(random, 4, 5)];
  const quantization = { scale: 0.1, zeroPoint: random.integer(9) - 4 };
  const window = { kernel: [rows, width], stride: [rows, between(random, 1, 3)] } as const;
  return {
    name: kind,
    tensors: [
      { shape: [rows * bands, width, channels], ...quantization },
      { shape: [bands, 1, channels], ...quantization },
    ],
    ops: [
      {
        ...{ kind, name: 'pool', inputs: [0], output: 1 },
        ...{ ...window, dilation: [1, 1], padding: [0, 0], clampMin: -128, clampMax: 127 },
      },
    ],
    input: 0,
    output: 1,
  };
}

test('pools that take whole rows are cut by channels, proved, and give the same', () => {
  const device = 'nrf52840';
  const seen = { parts: 0, whole: 0 };
  for (let seed = 1; seed <= 16; seed++) {
    const random = new Random(seed);
    const kind = seed % 2 ? 'averagePool2d' : 'maxPool2d';
    const made = rowPool(random, kind, 1 + (seed % 2));
    const network = seed % 4 === 0 ? withInt16(random, made) : made;
    const { shape, dtype } = network.tensors[0]!;
    const count = shape.reduce((a, b) => a * b, 1);
    const bytes = int8s(random, count);
    const input = dtype === 'int16' ? Int16Array.from(bytes, (x) => x * 200) : bytes;
    const expected = runOracle(network, input).at(-1)!;
    for (const capacitorUf of [47, 2200]) {
      const image = readImage(compile(network, { device, capacitorUf }));
      const [op] = image.ops;
      const isCut = op!.get(WIN_INPUT_CHANNELS) < shape[2]!;
      seen[isCut ? 'parts' : 'whole']++;
      const what = `seed ${seed}, ${kind}, ${capacitorUf} µF, ${op!.get(OP_TILES)} tiles`;
      assert.equal(infer(makeDevice(image, 'scalar'), image, input), expected, what);
      if (!isCut) continue;
      const profile = poweredBy(deviceProfile(device), { capacitorUf });
      const { tile } = opCost(op!, profile);
      assert.ok(tile.energyUj < chargeUj(profile) / 2, `${what}: ${tile.energyUj} µJ`);
    }
  }
  assert.ok(seen.parts >= 8 && seen.whole >= 8, JSON.stringify(seen));
});

test('an input larger than the memory of a module is taken in pieces, whatever SRAM the part has', () => {
  const network: QuantizedNetwork = {
    name: 'mean',
    tensors: [
      { shape: [160, 160, 3], scale: 0.1, zeroPoint: 3 },
      { shape: [3], scale: 0.1, zeroPoint: 3 },
    ],
    ops: [{ kind: 'mean', name: 'mean', inputs: [0], output: 1, scaling: { multiplier: 2 ** 30, shift: 1 } }],
    input: 0,
    output: 1,
  };
  const image = readImage(compile(network, { device: 'stm32u5', capacitorUf: 2200, verify: false }));
  assert.ok(image.input.bytes > 65536);
  const input = int8s(new Random(1), image.input.bytes);
  assert.equal(infer(makeDevice(image, 'scalar'), image, input), runOracle(network, input).at(-1)!);
});

test.run();
