// Whole numbers of what a layer makes (Cast to an integer, Floor, Ceil, Round): next to a step int8 falls on the wrong side, so
// the layer makes int16 for it, and the step is taken there.
import { quantizeMultiplier, type Quantization, type TensorSpec } from '../model/quantized-network.js';
import { roundEven } from './functions.js';
import type { NetworkBuilder } from './network-builder.js';
import { sumWide, type WideRange } from './tflite/wide.js';

type Step = 'floor' | 'ceil' | 'truncate' | 'round';

const STEPS: Record<Step, (x: number) => number> = {
  floor: Math.floor,
  ceil: Math.ceil,
  truncate: Math.trunc,
  round: roundEven,
};

/** Which step a function is, over a range; undefined: another one. */
export function stepOf(f: (x: number) => number, most: number): Step | undefined {
  const tried = Array.from({ length: 8 * Math.ceil(most) }, (_, i) => i / 4 + 0.1 - Math.ceil(most));
  const names = Object.keys(STEPS) as Step[];
  return names.find((name) =>
    tried.every((x) => f(x) === STEPS[name](x) || (f(x) === 0 && STEPS[name](x) === 0)),
  );
}

/** int16 with a power of two of steps to 1, as many as its range leaves room for; undefined: fewer than int8 has. */
export function fineSpec(shape: readonly number[], coarse: Quantization): TensorSpec | undefined {
  const reals = [-128, 127].map((q) => Math.abs((q - coarse.zeroPoint) * coarse.scale));
  let scale = 1;
  for (let bits = 0; bits < 14 && (Math.max(...reals) * 1.2 * 2) / scale < 32767; bits++) scale /= 2;
  return scale * 8 <= coarse.scale ? { shape, scale, zeroPoint: 0, dtype: 'int16' } : undefined;
}

/**
 * The whole numbers of an int16 tensor as int8 of scale 1. Sums are of quarters of a step, half a step off: neither of the two
 * roundings of a multiplier then ties.
 */
export function wholeNumbers(builder: NetworkBuilder, fine: number, step: Step, output: TensorSpec): number {
  const { shape, scale } = builder.spec(fine);
  const steps = 1 / scale;
  const wide: TensorSpec = {
    shape: [output.shape.reduce((x, y) => x * y, 1)],
    scale: 1,
    zeroPoint: 0,
    dtype: 'int16',
  };
  const range: WideRange = { clampMin: -128 - output.zeroPoint, clampMax: 127 - output.zeroPoint };
  const channels = shape.at(-1)!;
  const map = [wide.shape[0]! / channels, 1, channels];
  const { multiplier, shift } = quantizeMultiplier(1 / (4 * steps));
  const one = [1, 1] as const;
  const taken = (bias: number, clamp: WideRange): number => {
    const body = {
      ...{
        kind: 'depthwiseConv2d' as const,
        name: 'whole',
        kernel: one,
        stride: one,
        dilation: one,
        padding: [0, 0] as const,
      },
      weights: new Int8Array(channels).fill(4),
      bias: new Int32Array(channels).fill(bias),
      multipliers: Int32Array.of(multiplier),
      shifts: Int32Array.of(shift),
      ...clamp,
    };
    return builder.add(body, [builder.reshape(fine, map)], { ...wide, shape: map });
  };
  const down = (clamp: WideRange): number => taken(2 - 2 * steps, clamp);
  const up = (clamp: WideRange): number => taken(2 * steps - 2, clamp);
  const made = {
    floor: () => down(range),
    ceil: () => up(range),
    round: () => taken(0, range),
    truncate: () =>
      sumWide(
        { builder },
        down({ clampMin: 0, clampMax: Math.max(0, range.clampMax) }),
        up({ clampMin: Math.min(0, range.clampMin), clampMax: 0 }),
        { ...wide, shape: map },
      ),
  }[step]();
  const narrow = builder.add({ kind: 'convert', name: 'narrow' }, [made], { ...output, shape: map });
  return builder.reshape(narrow, output.shape);
}
