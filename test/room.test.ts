// More SRAM never makes a dearer plan: a way of cutting an op that fits less room fits more of it too.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { STATIC_BYTES } from '../assembly/layout.js';
import { forward } from '../host/compress/forward.js';
import { initialise } from '../host/compress/initialise.js';
import { elements, hasWeights } from '../host/compress/layers.js';
import { quantizeAs } from '../host/compress/quantize.js';
import { rangeOf } from '../host/compress/rounding.js';
import { readNpy } from '../host/data/npy.js';
import { affine } from '../host/model/affine.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { lossOf, opCost } from '../host/plan/cost.js';
import { deviceProfile } from '../host/profiles/index.js';
import { digitsFrom, quantizeDigits } from '../samples/digits.js';
import { TASKS, type Task } from '../samples/tasks.js';
import { compileUnproved } from './util/compile.js';

/** A shipped model with weights of chance: plans ask for shapes and bits alone. */
function likeShipped({ name, architecture, shipped }: Task): QuantizedNetwork {
  const { layers, bits } = shipped!;
  const network = initialise({ inputShape: architecture.inputShape, layers: [...layers] }, 1);
  const random = new Random(1);
  const input = Float32Array.from({ length: elements(network.inputShape) }, () => random.uniform(-2, 2));
  const { activations } = forward(network, input, 1);
  const weights = network.layers.map((layer) => {
    if (!hasWeights(layer)) return undefined;
    const own = bits[layer.name]!;
    const scale = rangeOf(layer.weights)[1] / (own === 8 ? 127 : 2 ** own - 1);
    return { bits: own, scales: new Float32Array(layer.bias.length).fill(scale) };
  });
  const ranges = activations.map((values) => affine(...rangeOf(values)));
  return quantizeAs(network, { activations: [affine(-2, 2), ...ranges], weights }, name);
}

/** What an inference by the plan for so much SRAM takes: the work, and with what cuts are expected to cost, as the planner has it. */
function costWithin(
  network: QuantizedNetwork,
  device: string,
  sramBytes: number,
): { workUj: number; allUj: number } {
  const profile = deviceProfile(device);
  const { ops } = readImage(compileUnproved(network, { device, arenaBytes: sramBytes - STATIC_BYTES }));
  const costs = ops.map((op) => {
    const { enter, tile, all } = opCost(op, profile);
    const workUj = enter.energyUj + all.energyUj;
    return { workUj, allUj: workUj * (1 + lossOf(enter.energyUj + tile.energyUj, profile)) };
  });
  const sum = (of: 'workUj' | 'allUj'): number => costs.reduce((total, cost) => total + cost[of], 0);
  return { workUj: sum('workUj'), allUj: sum('allUj') };
}

const SIZES = [1152, 1280, 1408, 1536, 1664, 1792, 2048, 2400, 2800, 3328, 4064, 6000];

/** Digits as it ships, weights of 8 bits and a circulant layer. */
function shippedDigits(): QuantizedNetwork {
  const file = readFileSync(new URL('../../checkpoints/digits-float.npy', import.meta.url));
  return quantizeDigits(digitsFrom(readNpy(file).data as Float32Array));
}

/** The models that ship. */
const MODELS: readonly (readonly [string, () => QuantizedNetwork])[] = [
  ['digits', shippedDigits],
  ...TASKS.filter(({ shipped }) => shipped).map((task) => [task.name, () => likeShipped(task)] as const),
];

for (const [name, make] of MODELS) {
  test(`${name} never takes more energy with more SRAM`, () => {
    const network = make();
    for (const device of ['msp430fr5994', 'cortex-m4-generic']) {
      let least = { workUj: Infinity, allUj: Infinity };
      for (const size of SIZES) {
        const cost = costWithin(network, device, size);
        const where = `${device}, ${size} B: ${cost.allUj} µJ, with less ${least.allUj}`;
        assert.ok(cost.allUj <= least.allUj * (1 + 1e-9), where);
        // Smaller tiles may take a little more work, for what they lose less by cuts.
        assert.ok(cost.workUj <= least.workUj * 1.002, where);
        least = {
          workUj: Math.min(cost.workUj, least.workUj),
          allUj: Math.min(cost.allUj, least.allUj),
        };
      }
      const first = costWithin(network, device, SIZES[0]!);
      assert.ok(least.workUj < first.workUj, `${device}: more SRAM is of use`);
    }
  });
}

test.run();
