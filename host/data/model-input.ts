// From an array as a user has it to inputs as a model takes them.
import { quantizeValues } from '../model/affine.js';
import { BrownoutError } from '../error.js';
import type { Image } from '../model/image.js';
import { elementCount } from '../model/quantized-network.js';
import type { ActivationType, Values } from '../model/values.js';
import type { NpyArray } from './npy.js';

/** Share of values outside the range from which the input is likely to be of another scale. */
const LARGE_SHARE = 0.01;

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

const typeOf = (image: Image): ActivationType => image.metadata.input.dtype ?? 'int8';

/** Float values as the model's; those outside its range are clamped. Throws `E_INPUT_RANGE` on NaN and infinities. */
function quantizeInput(values: ArrayLike<number>, image: Image): Values {
  const { minimum, maximum } = image.metadata.preprocessing;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    refuse(
      'E_INPUT_RANGE',
      `${values[i]} at element ${i}`,
      `numbers, from ${minimum} to ${maximum}`,
      'Look for what made it: a division by zero, or a gap in the recording.',
    );
  }
  return quantizeValues(values, image.metadata.input);
}

/** How many values of an array lie outside the range that the model takes: those are clamped. */
export interface Clamped {
  clamped: number;
  values: number;
  /** What to tell a user, where they are many. */
  warning?: string;
}

/** Counts what `modelInputs` clamps. A value less than half a step outside is only rounded. */
export function countClamped(array: NpyArray, image: Image): Clamped {
  const { data } = array;
  const floats = data instanceof Float32Array || data instanceof Float64Array;
  const { scale, zeroPoint } = image.metadata.input;
  const most = typeOf(image) === 'int16' ? 32767 : 127;
  const [low, high] = [(-most - 1.5 - zeroPoint) * scale, (most + 0.5 - zeroPoint) * scale];
  let clamped = 0;
  if (floats) for (const value of data) if (value < low || value > high) clamped++;
  const values = data.length;
  if (clamped <= LARGE_SHARE * values) return { clamped, values };
  const { minimum, maximum } = image.metadata.preprocessing;
  const share = Math.round((100 * clamped) / values);
  return {
    clamped,
    values,
    warning: `${share} % of the input’s values lie outside ${minimum} to ${maximum} and were clamped: scale it as in training`,
  };
}

/** Channels first to channels last. */
function turned<T extends Float32Array | Values | Float64Array>(values: T, channels: number): T {
  const pixels = values.length / channels;
  const result = values.slice() as T;
  values.forEach((value, i) => {
    result[(i % pixels) * channels + Math.floor(i / pixels)] = value;
  });
  return result;
}

const withoutOnes = (shape: readonly number[]): string => `${shape.filter((size) => size !== 1)}`;

/** How many samples of `wanted` an array of `shape` holds; undefined: it is not made of them. */
function countOf(shape: readonly number[], wanted: readonly number[]): number | undefined {
  const [count = 1, ...rest] = shape;
  if (shape.length > 1 && `${rest}` === `${wanted}`) return count;
  if (`${shape}` === `${wanted}`) return 1;
  // Dimensions of 1 say nothing of the order.
  if (shape.length > 1 && withoutOnes(rest) === withoutOnes(wanted)) return count;
  return withoutOnes(shape) === withoutOnes(wanted) ? 1 : undefined;
}

/**
 * The samples in an array, each of `shape`: one, or a batch along one more dimension. Dimensions of 1 may be left out or
 * added, and samples may be flat. With `channelsFirst` an array whose shape allows it has channels first, as the model
 * itself takes it: a rule, also where channels are as many as rows; one of channels last is taken where its shape says so.
 * Flat samples are refused then: nothing says in which order they are. Throws `E_INPUT_SHAPE`.
 */
export function alignSamples<T extends NpyArray['data']>(
  array: { shape: readonly number[]; data: T; channelsLast?: boolean },
  shape: readonly number[],
  channelsFirst = false,
): T[] {
  const size = elementCount({ shape });
  const first = [shape.at(-1)!, ...shape.slice(0, -1)];
  const ordered = channelsFirst && shape.at(-1) !== 1 && elementCount({ shape: shape.slice(0, -1) }) !== 1;
  const asTurned = ordered && !array.channelsLast ? countOf(array.shape, first) : undefined;
  const flat = ordered ? undefined : countOf(array.shape, [size]);
  const samples = asTurned ?? countOf(array.shape, shape) ?? flat;
  if (samples === undefined || array.data.length !== samples * size) {
    refuse(
      'E_INPUT_SHAPE',
      `shape [${array.shape}]`,
      channelsFirst
        ? `[${first}] or [${shape}], or N of them`
        : `[${shape}] or [N,${shape}], or N rows of ${size}`,
      'Reshape or crop the input.',
    );
  }
  return Array.from({ length: samples }, (_, i) => {
    const sample = array.data.slice(i * size, (i + 1) * size) as T;
    return asTurned === undefined ? sample : (turned(sample as Float32Array, shape.at(-1)!) as T);
  });
}

/**
 * The samples in `array`: the model's input shape is one sample, one leading dimension more is a batch. Integers of the
 * model's own type are taken as already quantized, float32 and float64 are quantized. Throws `E_INPUT_SHAPE`,
 * `E_INPUT_TYPE`, `E_INPUT_RANGE`.
 */
export function modelInputs(array: NpyArray, image: Image): Values[] {
  const floats = array.data instanceof Float32Array || array.data instanceof Float64Array;
  if (!floats && array.dtype !== typeOf(image)) {
    const hint = 'Convert it: x.astype(np.float32), scaled as in training.';
    refuse('E_INPUT_TYPE', array.dtype, `float32 or float64, or ${typeOf(image)} already quantized`, hint);
  }
  const all = floats ? quantizeInput(array.data, image) : (array.data as Values);
  const { shape } = image.metadata.input;
  return alignSamples({ ...array, data: all }, shape, image.metadata.preprocessing.channelsFirst);
}
