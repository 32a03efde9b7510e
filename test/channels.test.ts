// Channels that are added to each other are pruned together: residual sums, through pools, depthwise convolutions and flattening.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { layerOptions } from '../host/compress/candidates.js';
import { channelGroup } from '../host/compress/channels.js';
import { compress } from '../host/compress/compress.js';
import type { Architecture, FloatNetwork } from '../host/compress/float-network.js';
import { forward } from '../host/compress/forward.js';
import { type FloatLayer, hasWeights, type LayerShape, type WeightedLayer } from '../host/compress/layers.js';
import { applyChoices, constraintsOf } from '../host/compress/transform.js';
import { Random } from '../host/math/random.js';
import { farthest, lively, one, uniform } from './util/float-networks.js';

const conv = (name: string, inChannels: number, outChannels: number, more: object = {}): LayerShape => {
  const window = { kernelHeight: 3, kernelWidth: 3, ...one, padding: 'same' as const };
  return { kind: 'conv2d', name, ...window, inChannels, outChannels, activation: 'none', ...more };
};

/** "stem", "b" and "d" make the same channels; "a", "c", "out" and, through "depth", "fc" read them; "a" and "c" make their own. */
const residual: Architecture = {
  inputShape: [6, 6, 2],
  layers: [
    conv('stem', 2, 8, { activation: 'relu' }),
    conv('a', 8, 12, { activation: 'relu' }),
    conv('b', 12, 8),
    { kind: 'add', name: 'sum1', other: 'stem', activation: 'relu' },
    conv('c', 8, 5, { activation: 'relu' }),
    conv('d', 5, 8),
    { kind: 'add', name: 'sum2', other: 'sum1', activation: 'relu' },
    {
      ...{ kind: 'depthwiseConv2d', name: 'depth', kernelHeight: 3, kernelWidth: 3, ...one },
      ...{ padding: 'same', inChannels: 8, outChannels: 8, activation: 'relu' },
    },
    { kind: 'maxPool2d', name: 'pool', poolHeight: 2, poolWidth: 2, strideHeight: 2, strideWidth: 2 },
    { kind: 'reshape', name: 'flat', shape: [72] },
    { kind: 'dense', name: 'fc', inputs: 72, outputs: 3, activation: 'none' },
  ],
};

const layerOf = (network: FloatNetwork, name: string): WeightedLayer =>
  network.layers.find((layer) => layer.name === name) as WeightedLayer;

test('a group is everything that makes, passes on or reads the same channels', () => {
  const network = lively(residual, 3);
  const stem = { makers: [0, 2, 5], through: [7], into: [1, 4, 10] };
  for (const index of stem.makers) assert.equal(channelGroup(network, index), stem);
  assert.equal(channelGroup(network, 1), { makers: [1], through: [], into: [2] });
  const options = layerOptions(network, [8], 'channels');
  const shown = (name: string): unknown => options.find((own) => own.name === name)!.notPrunable;
  assert.is(shown('stem'), undefined);
  assert.match(`${shown('b')}`, /added to those of "stem"/);
  assert.is(shown('fc'), 'its outputs are the answer');
  assert.equal(
    options.find(({ name }) => name === 'stem')!.structures.map(({ keep }) => keep),
    [undefined, 6, 4, 2],
  );
  // What is added to the input, or to channels that are flattened, stays as it is.
  const [add, last] = [residual.layers[3]!, residual.layers[10]!];
  const toInput = lively({ inputShape: [6, 6, 8], layers: [conv('a', 8, 8), { ...conv('b', 8, 8) }] }, 1);
  assert.equal(channelGroup(toInput, 0), { makers: [0], through: [], into: [1] });
  const kept = (layers: LayerShape[]): unknown =>
    channelGroup({ inputShape: [6, 6, 2], layers: lively({ inputShape: [6, 6, 2], layers }, 1).layers }, 0);
  const flat = { kind: 'reshape', name: 'flat', shape: [72] } as const;
  const wide = { kind: 'dense', name: 'wide', inputs: 72, outputs: 72, activation: 'none' } as const;
  assert.match(
    `${kept([conv('stem', 2, 2), flat, wide, { ...add, other: 'flat' } as LayerShape, last])}`,
    /flattened/,
  );
});

test('pruning summed channels is zeroing them in every layer that makes them', () => {
  const network = lively(residual, 3);
  const pruned = applyChoices(network, { stem: { keep: 3 }, a: { keep: 4 } });
  const sizes = pruned.layers.flatMap((layer) => (hasWeights(layer) ? [layer.weights.length] : []));
  assert.equal(sizes, [3 * 18, 4 * 27, 3 * 36, 5 * 27, 3 * 45, 27, 3 * 27]);
  // The oracle: by the sum of squares of all makers' weights.
  const norm = (name: string, o: number): number => {
    // What "a" reads is pruned before its own channels are.
    const { weights, bias } = layerOf(
      name === 'a' ? applyChoices(network, { stem: { keep: 3 } }) : network,
      name,
    );
    const length = weights.length / bias.length;
    return weights.subarray(o * length, (o + 1) * length).reduce((sum, w) => sum + w * w, 0);
  };
  const least = (names: string[], outputs: number, gone: number): Set<number> => {
    const sum = (o: number): number => names.reduce((all, name) => all + norm(name, o), 0);
    return new Set([...Array(outputs).keys()].sort((a, b) => sum(a) - sum(b)).slice(0, gone));
  };
  const dead: Record<string, Set<number>> = { a: least(['a'], 12, 8) };
  for (const name of ['stem', 'b', 'd', 'depth']) dead[name] = least(['stem', 'b', 'd'], 8, 5);
  const zeroed = network.layers.map((layer): FloatLayer => {
    const gone = dead[layer.name];
    if (!gone || !hasWeights(layer)) return layer;
    const outputs = layer.bias.length;
    const outputOf = (i: number): number =>
      layer.kind === 'depthwiseConv2d' ? i % outputs : Math.floor((i * outputs) / layer.weights.length);
    const clear = (value: number, o: number): number => (gone.has(o) ? 0 : value);
    return {
      ...layer,
      weights: layer.weights.map((w, i) => clear(w, outputOf(i))),
      bias: layer.bias.map(clear),
    };
  });
  const inputs = uniform(new Random(6), 4 * 72, -1, 1);
  const [ours, theirs] = [pruned, { ...network, layers: zeroed }].map(
    (net) => forward(net, inputs, 4).outputs,
  );
  assert.ok(farthest(ours!, theirs!) < 1e-5);
  // ADMM pulls all makers to the channels that are kept.
  const { prune } = constraintsOf(network, { stem: { keep: 3 } });
  const kept = [...Array(8).keys()].filter((o) => !dead['stem']!.has(o));
  assert.equal(
    Object.entries(prune).map(([name, own]) => [name, own.kind === 'channels' && own.kept]),
    ['stem', 'b', 'd'].map((name) => [name, kept]),
  );
});

test('compress prunes the channels of a residual network, and the image is proved', () => {
  const random = new Random(2);
  const labels = Uint8Array.from({ length: 160 }, () => random.integer(3));
  const inputs = Float32Array.from(
    { length: 160 * 72 },
    (_, i) => (Math.floor(i / 2) % 3 === labels[Math.floor(i / 72)] ? 1 : 0) + random.uniform(-0.3, 0.3),
  );
  const [stem, a, , sum] = residual.layers as [LayerShape, LayerShape, LayerShape, LayerShape];
  const [flat, last] = residual.layers.slice(-2) as [LayerShape, LayerShape];
  const all = { kind: 'reshape', name: flat.name, shape: [288] } as const;
  const layers = [stem, { ...a, outChannels: 8 }, sum, all, { ...last, inputs: 288 }] as LayerShape[];
  const { report, quantized } = compress(lively({ inputShape: [6, 6, 2], layers }, 3), {
    ...{ data: { inputs, labels }, device: 'cortex-m4-generic', flashBytes: 1600, structure: 'channels' },
    ...{ bits: [8], epochs: 1, methods: ['projected'] },
  });
  const outputsOf = (name: string): number => {
    const op = quantized.ops.find((own) => own.name === name)!;
    return 'bias' in op ? op.bias.length : 0;
  };
  assert.ok(report.proof);
  assert.ok(outputsOf('stem') < 8, `${outputsOf('stem')} channels`);
  assert.is(outputsOf('a'), outputsOf('stem'));
});

test.run();
