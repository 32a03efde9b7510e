// QDQ graphs against ONNX Runtime, where it is installed (`npm install --no-save onnxruntime-node`): it is no dependency.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../host/import/import-model.js';
import { elementCount } from '../host/model/quantized-network.js';
import { run } from '../host/run/run.js';
import { compileUnproved } from './util/compile.js';
import { onnxModel, onnxQdq, type TestNode } from './util/models.js';
import { Random } from '../host/math/random.js';

interface Runtime {
  InferenceSession: {
    create(
      bytes: Uint8Array,
    ): Promise<{ run(feeds: object): Promise<Record<string, { data: Float32Array }>> }>;
  };
  Tensor: new (type: string, data: Float32Array, shape: number[]) => object;
}

function find(): Runtime | undefined {
  try {
    return createRequire(join(process.cwd(), 'package.json'))('onnxruntime-node') as Runtime;
  } catch {
    return undefined;
  }
}

/** Convolution, residual, pooling and a dense layer between quantizers, as exporters of int8 models write them. */
function qdqNet(): Uint8Array {
  const random = new Random(3);
  const weights = (count: number): Int8Array =>
    Int8Array.from({ length: count }, () => random.integer(255) - 127);
  const q = (name: string, from: string, scale: string, zero: string): TestNode[] => [
    { op: 'QuantizeLinear', inputs: [from, scale, zero], outputs: [`${name}_q`] },
    { op: 'DequantizeLinear', inputs: [`${name}_q`, scale, zero], outputs: [name] },
  ];
  const constant = (name: string, scale: string): TestNode => {
    return { op: 'DequantizeLinear', inputs: [name, scale], outputs: [`${name}_d`], integers: { axis: 0 } };
  };
  const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const nodes: TestNode[] = [
    ...q('a', 'x', 's0', 'z0'),
    constant('w1', 'ws1'),
    constant('b1', 'bs1'),
    { op: 'Conv', inputs: ['a', 'w1_d', 'b1_d'], outputs: ['c1'], integers: pads },
    { op: 'Relu', inputs: ['c1'], outputs: ['r1'] },
    ...q('d1', 'r1', 's1', 'z1'),
    constant('w2', 'ws2'),
    { op: 'Conv', inputs: ['d1', 'w2_d'], outputs: ['c2'], integers: pads },
    ...q('d2', 'c2', 's1', 'z0'),
    { op: 'Add', inputs: ['d1', 'd2'], outputs: ['sum'] },
    ...q('d3', 'sum', 's1', 'z0'),
    { op: 'MaxPool', inputs: ['d3'], outputs: ['p'], integers: { kernel_shape: [2, 2], strides: [2, 2] } },
    ...q('d4', 'p', 's1', 'z0'),
    { op: 'Flatten', inputs: ['d4'], outputs: ['f'], integers: { axis: 1 } },
    constant('w3', 'ws3'),
    { op: 'Gemm', inputs: ['f', 'w3_d'], outputs: ['g'], integers: { transB: 1 } },
    ...q('y', 'g', 's2', 'z0'),
  ];
  const scales = (...values: number[]): Float32Array => Float32Array.from(values);
  return onnxModel([1, 3, 6, 6], nodes, {
    s0: { shape: [], values: scales(0.02) },
    z0: { shape: [], values: Uint8Array.of(128) },
    s1: { shape: [], values: scales(0.05) },
    z1: { shape: [], values: Uint8Array.of(0) },
    s2: { shape: [], values: scales(0.1) },
    w1: { shape: [4, 3, 3, 3], values: weights(108) },
    ws1: { shape: [4], values: scales(0.005, 0.008, 0.006, 0.007) },
    b1: { shape: [4], values: Int32Array.of(500, -900, 1200, 0) },
    bs1: { shape: [4], values: scales(0.0001, 0.00016, 0.00012, 0.00014) },
    w2: { shape: [4, 4, 3, 3], values: weights(144) },
    ws2: { shape: [4], values: scales(0.002, 0.003, 0.002, 0.004) },
    w3: { shape: [5, 36], values: weights(180) },
    ws3: { shape: [5], values: scales(0.002, 0.002, 0.001, 0.003, 0.002) },
  });
}

const runtime = find();
if (!runtime)
  console.log(
    'skipped: QDQ against ONNX Runtime: it is not installed. To enable: npm install --no-save onnxruntime-node',
  );

(runtime ? test : test.skip)(
  'QDQ graphs: within two steps of ONNX Runtime, on the mean within half a step',
  async () => {
    for (const [file, shape] of [
      [onnxQdq(), [2, 5, 4]],
      [qdqNet(), [3, 6, 6]],
    ] as const) {
      const { network, preprocessing } = importModel(file);
      const image = compileUnproved(network, { preprocessing });
      const session = await runtime!.InferenceSession.create(file);
      const random = new Random(9);
      const size = elementCount({ shape });
      let [sum, all, worst] = [0, 0, 0];
      for (let i = 0; i < 50; i++) {
        const { minimum, maximum } = preprocessing;
        const data = Float32Array.from(
          { length: size },
          () => minimum + (random.integer(10_000) / 10_000) * (maximum - minimum),
        );
        const answer = await session.run({ x: new runtime!.Tensor('float32', data, [1, ...shape]) });
        const expected = Object.values(answer)[0]!.data;
        const { outputs, scale, zeroPoint } = run(image, {
          input: { dtype: 'float32', shape: [...shape], data },
        });
        outputs[0]!.forEach((q, at) => {
          const steps = Math.abs((q - zeroPoint) * scale - expected[at]!) / scale;
          worst = Math.max(worst, steps);
          all++;
          sum += steps;
        });
      }
      console.log(
        `${all} values: off by ${(sum / all).toFixed(3)} steps on the mean, ${worst.toFixed(2)} at most`,
      );
      assert.ok(worst < 2.1, `${worst} steps`);
      assert.ok(sum / all < 0.5, `${sum / all} steps on the mean`);
    }
  },
);

test.run();
