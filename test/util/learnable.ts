// Small networks with scales as a trained network has them: weights and activations of about one, per-channel scales.
import type { Random } from '../../host/math/random.js';
import {
  elementCount,
  quantizeMultiplier,
  type QuantizedNetwork,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
} from '../../host/model/quantized-network.js';
import { int8s, windowOutput } from '../../samples/networks.js';

/**
 * `conv:8` a 3×3 convolution with ReLU, `depthwise`, `circulant:16:4` outputs and block size, `dense:5`, pools and mean; `add:2`
 * the sum of what is there and of layer 2, with ReLU; `requantize`. `!` behind it: no ReLU; `@1`: it reads layer 1, not the one before.
 */
export type LayerText = string;

const ACTIVATION = { scale: 0.03, zeroPoint: -128 };
const SIGNED = { scale: 0.04, zeroPoint: 6 };
const LOGITS = { scale: 0.08, zeroPoint: 5 };

const one: [number, number] = [1, 1];

/** A network of `layers` over an input; the last one gives the logits, without a ReLU. */
export function learnable(random: Random, shape: number[], layers: readonly LayerText[]): QuantizedNetwork {
  const tensors: TensorSpec[] = [{ shape, scale: 0.02, zeroPoint: -7 }];
  const ops: QuantizedOp[] = [];
  /** Tensors that layers made. */
  const made: number[] = [];
  layers.forEach((text, index) => {
    const [, kind, first, second, linear, at] = /^(\w+?)(?::(\d+))?(?::(\d+))?(!?)(?:@(\d+))?$/.exec(text)!;
    const [outputs, k] = [Number(first ?? 0), Number(second ?? 4)];
    let from = at === undefined ? tensors.length - 1 : made[Number(at)]!;
    const add = (op: object, output: TensorSpec, inputs = [from]): void => {
      from = tensors.length;
      ops.push({ ...op, inputs, output: from } as unknown as QuantizedOp);
      tensors.push(output);
    };
    const last = index === layers.length - 1;
    const input = tensors[from]!;
    const scaling = last ? LOGITS : linear ? SIGNED : ACTIVATION;
    const name = `${kind}${index}`;
    const weighted = (
      rows: number,
      fanIn: number,
      count: number,
      scales: number,
    ): Requantization & object => {
      const weightScales = Array.from(
        { length: scales },
        () => (Math.sqrt(6 / fanIn) / 127) * random.uniform(0.5, 1.5),
      );
      const pairs = weightScales.map((scale) => quantizeMultiplier((input.scale * scale) / scaling.scale));
      // Mostly above 0, so that ReLUs let through what gradients are to be seen by.
      const bias = (o: number): number =>
        random.uniform(-0.2, 0.8) / (input.scale * weightScales[o % weightScales.length]!);
      return {
        weights: int8s(random, count, -90, 90),
        bias: Int32Array.from({ length: rows }, (_, o) => bias(o)),
        multipliers: Int32Array.from(pairs, ({ multiplier }) => multiplier),
        shifts: Int32Array.from(pairs, ({ shift }) => shift),
        clampMin: -128,
        clampMax: 127,
      } as Requantization & object;
    };
    const map = input.shape as [number, number, number];
    const window = { kernel: [3, 3], stride: one, dilation: one, padding: one };
    const pool = { name, kernel: [2, 2], stride: [2, 2], dilation: one, padding: [0, 0] };
    const halves = [windowOutput(map[0], 2, 2, 1, 0), windowOutput(map[1], 2, 2, 1, 0), map[2]!];
    if ((kind === 'dense' || kind === 'circulant') && input.shape.length > 1) {
      add({ kind: 'reshape', name: `flat${index}` }, { ...input, shape: [elementCount(input)] });
    }
    const inputs = elementCount(input);
    if (kind === 'dense') {
      const parameters = weighted(outputs, inputs, inputs * outputs, outputs);
      add({ kind, name, ...parameters }, { shape: [outputs], ...scaling });
    } else if (kind === 'circulant') {
      const blocks = Math.ceil(inputs / k) * Math.ceil(outputs / k);
      const parameters = weighted(outputs, inputs, blocks * k, 1);
      add({ kind, name, blockSize: k, method: 'direct', ...parameters }, { shape: [outputs], ...scaling });
    } else if (kind === 'conv') {
      const parameters = weighted(outputs, 9 * map[2], 9 * map[2] * outputs, outputs);
      add(
        { kind: 'conv2d', name, ...window, ...parameters },
        { shape: [map[0], map[1], outputs], ...scaling },
      );
    } else if (kind === 'depthwise') {
      const parameters = weighted(outputs, 9, 9 * outputs, outputs);
      const shape = [map[0], map[1], outputs];
      add({ kind: 'depthwiseConv2d', name, ...window, ...parameters }, { shape, ...scaling });
    } else if (kind === 'add') {
      const other = made[outputs]!;
      const most = 2 * Math.max(input.scale, tensors[other]!.scale);
      const inputScalings = [input, tensors[other]!].map(({ scale }) => quantizeMultiplier(scale / most));
      const outputScaling = quantizeMultiplier(most / (2 ** 20 * scaling.scale));
      const sum = { kind, name, leftShift: 20, inputScalings, outputScaling, clampMin: -128, clampMax: 127 };
      add(sum, { shape: input.shape, ...scaling }, [from, other]);
    } else if (kind === 'requantize') {
      const scaling = { scale: input.scale * 1.3, zeroPoint: input.zeroPoint + 9 };
      add({ kind, name, scaling: quantizeMultiplier(1 / 1.3) }, { ...input, ...scaling });
    } else if (kind === 'max' || kind === 'average') {
      const clamp = { clampMin: -128, clampMax: 127 };
      add({ kind: `${kind}Pool2d`, ...pool, ...clamp }, { ...input, shape: halves });
    } else {
      const scale = input.scale / 3;
      add({ kind: 'mean', name, scaling: quantizeMultiplier(3) }, { ...input, scale, shape: [map[2]] });
    }
    made.push(from);
  });
  return { name: 'learnable', tensors, ops, input: 0, output: tensors.length - 1 };
}
