// xray: faults planted into several networks are found in their layer and named; sound models have none.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NpyArray } from '../host/data/npy.js';
import { evaluate } from '../host/import/float-graph.js';
import { importModel } from '../host/import/import-model.js';
import { importOnnx } from '../host/import/onnx/import-onnx.js';
import { readImage } from '../host/model/image.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { readLog } from '../host/xray/device-log.js';
import { runDevice } from '../host/xray/device-run.js';
import { xray, type XrayOutput } from '../host/xray/xray.js';
import { compileApart } from './util/compile.js';
import { runOracle } from './util/oracle.js';
import * as plant from './util/plant.js';
import { mobileNet, OnnxNet, residualNet, smoothInputs, temporalNet } from './util/small-nets.js';
import { writeTflite } from '../samples/tflite/write-tflite.js';

const SAMPLES = 6;

interface Subject {
  name: string;
  reference: Uint8Array;
  network: QuantizedNetwork;
  data: NpyArray;
}

const batch = (data: Float32Array, shape: readonly number[]): NpyArray => {
  return { dtype: 'float32', shape: [data.length / elementCount({ shape }), ...shape], data };
};

function subject(name: string, file: Uint8Array, asTflite: boolean): Subject {
  const { shape } = importOnnx(file).graph.tensors[0]!;
  const size = elementCount({ shape });
  const all = smoothInputs(40, size);
  const { network } = importModel(file, { data: batch(all, shape) });
  const data = batch(all.slice(0, SAMPLES * size), shape);
  if (!asTflite) return { name, reference: file, network, data };
  const reference = writeTflite(network);
  return { name: `${name}.tflite`, reference, network: importModel(reference).network, data };
}

const subjects = [
  subject('mobile net', mobileNet(), false),
  subject('residual net', residualNet(), true),
  subject('temporal net', temporalNet(), false),
];

const look = ({ reference, data }: Subject, network: QuantizedNetwork, more = {}): XrayOutput =>
  xray(compileApart(network), { reference, data, ...more });

/** The one layer that a fault was planted in is where it goes wrong first, for that cause. */
function expectFault(of: Subject, at: number, faulty: QuantizedNetwork, cause: RegExp, what: string): void {
  const { faults } = look(of, faulty);
  const found = faults.map(({ layer, cause: one, summary }) => `${layer}: ${one}: ${summary}`).join('\n  ');
  const message = `${what} in ${of.network.ops[at]!.name} of ${of.name}\n  ${found}`;
  assert.is(faults[0]?.layer, of.network.ops[at]!.name, message);
  assert.match(faults[0]!.cause, cause, message);
}

/** The first and the last op of these kinds that `fits`. */
function some(
  network: QuantizedNetwork,
  kinds: Parameters<typeof plant.opsOf>[1][],
  fits: (at: number) => boolean = () => true,
): number[] {
  const all = plant.opsOf(network, ...kinds).filter(fits);
  return [...new Set([all[0], all.at(-1)])].filter((at) => at !== undefined);
}

const WEIGHTED = ['conv2d', 'depthwiseConv2d', 'dense'] as const;

test('sound models have no fault, and each layer is within rounding', () => {
  for (const one of subjects) {
    const result = look(one, one.network);
    assert.equal(result.faults, [], one.name);
    assert.is(result.layers.length, one.network.ops.filter(({ kind }) => kind !== 'reshape').length);
    for (const layer of result.layers)
      assert.ok(layer.ownSqnrDb > 15, `${one.name} ${layer.name}: ${layer.ownSqnrDb} dB`);
  }
});

test('a network whose layers were equalized is held against the model equalized the same way', () => {
  const file = residualNet();
  const { shape } = importOnnx(file).graph.tensors[0]!;
  const data = batch(smoothInputs(24, elementCount({ shape })), shape);
  const { network } = importModel(file, { data, quantize: { equalize: true } });
  assert.ok(network.quantization!.equalizedPairs > 0);
  assert.equal(xray(compileApart(network), { reference: file, data }).faults, []);
  const at = plant.opsOf(network, 'conv2d')[1]!;
  const [fault] = xray(compileApart(plant.scaleLayer(network, at, 1)), { reference: file, data }).faults;
  assert.equal([fault!.layer, fault!.cause], [network.ops[at]!.name, 'scale'], fault!.summary);
});

test('the tensors are the device’s own, bit for bit those of the oracle', () => {
  for (const { network, data } of subjects) {
    const image = readImage(compileApart(network));
    const size = elementCount(network.tensors[network.input]!);
    const { scale, zeroPoint } = network.tensors[network.input]!;
    const input = Int8Array.from({ length: size }, (_, i) =>
      Math.max(-128, Math.min(127, Math.round(data.data[i]! / scale) + zeroPoint)),
    );
    const expected = runOracle(network, input);
    const { layers } = runDevice(image, [input]).run;
    const ops = network.ops.filter(({ kind }) => kind !== 'reshape');
    layers.forEach((layer, i) =>
      assert.equal([...layer.values[0]!], [...expected[ops[i]!.output]!], layer.name),
    );
  }
});

test('channels swapped in a layer’s weights', () => {
  for (const one of subjects) {
    const deep = (at: number): boolean =>
      one.network.tensors[one.network.ops[at]!.inputs[0]!]!.shape.at(-1)! > 1;
    for (const at of some(one.network, ['conv2d'], deep))
      expectFault(one, at, plant.swapChannels(one.network, at), /channel-order/, 'swapped channels');
  }
});

test('a wrong zero point', () => {
  for (const one of subjects) {
    for (const at of some(one.network, [...WEIGHTED]))
      for (const delta of [25, -12])
        expectFault(
          one,
          at,
          plant.shiftZeroPoint(one.network, at, delta),
          /zero-point/,
          `zero point ${delta}`,
        );
  }
});

test('a scale off by 2', () => {
  for (const one of subjects) {
    for (const at of some(one.network, [...WEIGHTED]))
      for (const by of [1, -1])
        expectFault(one, at, plant.scaleLayer(one.network, at, by), /scale/, `scale 2^${by}`);
  }
});

test('a saturating layer', () => {
  for (const one of subjects) {
    const alone = (at: number): boolean => {
      const users = one.network.ops.filter(({ inputs }) => inputs.includes(one.network.ops[at]!.output));
      return users.every(({ kind }) => (WEIGHTED as readonly string[]).includes(kind));
    };
    for (const at of some(one.network, [...WEIGHTED], alone))
      expectFault(one, at, plant.narrowRange(one.network, at, 8), /saturation/, 'range 8 times too small');
  }
});

test('truncated weights: an end that is missing, low bits that are', () => {
  for (const one of subjects) {
    for (const at of some(one.network, [...WEIGHTED])) {
      expectFault(one, at, plant.truncateWeights(one.network, at, 0.5), /truncated/, 'half of the weights');
      expectFault(one, at, plant.dropBits(one.network, at, 5), /truncated/, '3 bits of weights');
    }
  }
});

test('a transposed dense layer', () => {
  for (const one of subjects) {
    for (const at of some(one.network, ['dense']))
      expectFault(one, at, plant.transposeDense(one.network, at), /transposed/, 'transposed');
  }
});

test('wrong padding', () => {
  for (const one of subjects) {
    const padded = (at: number): boolean => {
      const op = one.network.ops[at]!;
      return 'padding' in op && op.padding[0] > 0;
    };
    for (const at of some(one.network, ['conv2d', 'depthwiseConv2d'], padded))
      expectFault(one, at, plant.changePadding(one.network, at, [0, 0]), /padding/, 'no padding');
  }
});

/** The device was given something else than the model: by a second array, as in a .npz. */
function given(of: Subject, change: (x: number, i: number, data: ArrayLike<number>) => number): XrayOutput {
  const data = of.data.data as Float32Array;
  const deviceData: NpyArray = { ...of.data, data: data.map((x, i) => change(x, i, data)) } as NpyArray;
  return look(of, of.network, { deviceData });
}

test('the device was given other channels, another scale, another layout', () => {
  for (const one of subjects.slice(0, 2)) {
    const bgr = given(one, (_, i, data) => data[i - (i % 3) + 2 - (i % 3)]!).faults[0]!;
    assert.equal([bgr.layer, bgr.cause], ['input', 'channel-order'], bgr.summary);
    assert.match(bgr.summary, 'RGB and BGR');
    const raw = given(one, (x) => (x + 1) / 2).faults[0]!;
    assert.equal([raw.layer, raw.cause], ['input', 'input-scaling'], raw.summary);
    const size = elementCount(one.network.tensors[one.network.input]!);
    const planes = given(one, (_, i, data) => {
      const at = i % size;
      return data[i - at + (at % (size / 3)) * 3 + Math.floor(at / (size / 3))]!;
    }).faults[0]!;
    assert.equal([planes.layer, planes.cause], ['input', 'channel-order'], planes.summary);
    assert.match(planes.summary, 'NCHW');
  }
});

test('data in another range than the image takes', () => {
  for (const one of subjects) {
    const pixels = { ...one.data, data: (one.data.data as Float32Array).map((x) => x * 255) };
    const [fault] = look({ ...one, data: pixels }, one.network).faults;
    assert.equal([fault!.layer, fault!.cause], ['input', 'input-scaling'], fault!.summary);
    assert.match(fault!.summary, '0–255 to 0–1');
  }
});

/** A model that normalizes its input itself, and the same one without. */
function normalizing(normalize: boolean, channels: number): Uint8Array {
  const net = new OnnxNet([1, channels, 10, 10], 5);
  let x = 'x';
  if (normalize) {
    const mean = net.constant(Float32Array.of(0.485, 0.456, 0.406).slice(0, channels), [1, channels, 1, 1]);
    const deviation = net.constant(Float32Array.of(0.229, 0.224, 0.225).slice(0, channels), [
      1,
      channels,
      1,
      1,
    ]);
    x = net.node('Div', [net.node('Sub', [x, mean]), deviation]);
  }
  const inner = new OnnxNet([1, channels, 10, 10], 6);
  const y = inner.relu(inner.conv('n', [channels, 6], [3, 3], { pads: [1, 1, 1, 1] }));
  inner.gemm(inner.node('Flatten', [y], { integers: { axis: 1 } }), 600, 4);
  net.node('Identity', [x]);
  const named = net.nodes.at(-1)!.outputs[0]!;
  const renamed = (name: string): string => (name === 'n' ? named : `i_${name}`);
  for (const [name, constant] of Object.entries(inner.constants)) net.constants[renamed(name)] = constant;
  for (const node of inner.nodes)
    net.nodes.push({ ...node, inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) });
  return net.file();
}

test('a model compiled without the normalization that the reference has', () => {
  for (const channels of [3, 1]) {
    const shape = [10, 10, channels];
    const data = batch(smoothInputs(30, 100 * channels), shape);
    const { network } = importModel(normalizing(false, channels), { data });
    const [fault] = xray(compileApart(network), { reference: normalizing(true, channels), data }).faults;
    assert.equal([fault!.layer, fault!.cause], ['conv', 'input-scaling'], fault!.summary);
    const sound = importModel(normalizing(true, channels), { data }).network;
    assert.equal(xray(compileApart(sound), { reference: normalizing(true, channels), data }).faults, []);
  }
});

test('with labels: data that the model was not made for', () => {
  const [one] = subjects as [Subject];
  const { graph } = importOnnx(one.reference);
  const size = elementCount(graph.tensors[graph.input]!);
  const inputs = Array.from({ length: 32 }, (_, i) => smoothInputs(32, size).slice(i * size, (i + 1) * size));
  const labels = inputs.map((input) => {
    const answer = evaluate(graph, input)[graph.output]!;
    return answer.indexOf(Math.max(...answer));
  });
  const data = Float32Array.from(inputs.flatMap((input) => Array.from(input, (x) => x * 2 - 1)));
  const { shape } = graph.tensors[graph.input]!;
  const [fault] = look({ ...one, data: batch(data, shape) }, one.network, { labels }).faults;
  assert.is(fault?.layer, 'input', fault?.summary);
  assert.is(fault?.cause, 'input-scaling');
});

test('a log is read back as the run it came from; another image’s is refused', () => {
  const [one, other] = subjects as [Subject, Subject];
  const image = compileApart(one.network);
  const { pictures, log, ...simulated } = xray(image, { reference: one.reference, data: one.data });
  assert.ok(pictures.length > 0);
  const { pictures: _, ...logged } = xray(image, { reference: one.reference, data: one.data, log: log! });
  // Which device and module made a log, it does not say.
  const { moduleSha256, ...origin } = simulated.origin;
  assert.ok(moduleSha256);
  assert.equal(logged, { ...simulated, origin, device: null, source: 'log' });
  const code = (action: () => unknown): string => {
    try {
      action();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'none';
  };
  const wrong = readImage(compileApart(other.network));
  assert.is(
    code(() => readLog(log!, wrong)),
    'E_LOG',
  );
  for (let length = 0; length < log!.length; length += 997)
    if (length !== 12)
      assert.is(
        code(() => xray(image, { reference: one.reference, log: log!.slice(0, length) })),
        'E_LOG',
        `${length}`,
      );
  assert.is(
    code(() => xray(image, { reference: other.reference, data: one.data })),
    'E_XRAY',
  );
});

test.run();
