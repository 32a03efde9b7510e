// From an array as a user has it to inputs as a model takes them.
import { quantizeValues } from '../model/affine.js';
import { BrownoutError } from '../error.js';
import type { ImageMetadata } from '../model/metadata.js';
import { elementCount } from '../model/quantized-network.js';
import type { ActivationType, Values } from '../model/values.js';
import type { NpyArray } from './npy.js';
import { isFloat, type NpyData, type NpyType } from './npy-types.js';

/** What the numbers of an input are: the integers the model computes with, or the reals these stand for. */
export type ReadAs = 'codes' | 'reals';

/** An array of samples. */
export interface InputArray extends NpyArray {
  /** What its numbers are, where that is not to go by their type: see `readAs`. */
  as?: ReadAs;
  /** Of pictures: the last dimension is that of the channels, whatever the model takes. */
  channelsLast?: boolean;
}

/** Share of values outside the range from which the input is likely to be of another scale. */
const LARGE_SHARE = 0.01;

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

/** What is asked of an image: how its input, or one of several, is made. */
export interface InputImage {
  metadata: Pick<ImageMetadata, 'input' | 'preprocessing'>;
}

const typeOf = (image: InputImage): ActivationType => image.metadata.input.dtype ?? 'int8';

/**
 * The one rule of what an array's numbers are: integers of the model's own type are codes, everything else is reals,
 * unless `asked` says otherwise. `model`: the type of the image's input; absent where a float model is still to be
 * quantized, so that there are no codes yet: int8 and int16, which would be codes elsewhere, are then refused unless
 * `asked` is reals. Throws `E_INPUT_AS`.
 */
export function readAs(dtype: NpyType, model: ActivationType | undefined, asked?: ReadAs): ReadAs {
  if (model !== undefined) return asked ?? (dtype === model ? 'codes' : 'reals');
  if (asked === 'reals' || (asked === undefined && dtype !== 'int8' && dtype !== 'int16')) return 'reals';
  const found =
    asked === 'codes' ? 'codes for a float model' : `${dtype}, which a compiled model takes as codes`;
  return refuse(
    'E_INPUT_AS',
    found,
    'reals, as the model was trained on',
    'Save x.astype(np.float32), or say that they are reals: --as reals.',
  );
}

/** The same of an array for an image: uint8 are codes of an input that the model's file has as uint8. */
export function readInputAs({ dtype, as }: Pick<InputArray, 'dtype' | 'as'>, image: InputImage): ReadAs {
  if (as === undefined && dtype === 'uint8' && image.metadata.input.unsigned) return 'codes';
  return readAs(dtype, typeOf(image), as);
}

/** Reals that a code stands for without being clamped: up to half a step beyond the outermost. */
function codedRange(image: InputImage): { low: number; high: number } {
  const { scale, zeroPoint } = image.metadata.input;
  const most = typeOf(image) === 'int16' ? 32767 : 127;
  return { low: (-most - 1.5 - zeroPoint) * scale, high: (most + 0.5 - zeroPoint) * scale };
}

/**
 * Reals as the model's codes; those outside its range are clamped. Throws `E_INPUT_RANGE` on NaN and infinities, and on
 * integers outside that nobody said are reals: they are most likely of another scale, such as pixels from 0 to 255.
 */
function quantizeInput({ data, dtype, as }: InputArray, image: InputImage): Values {
  const { minimum, maximum } = image.metadata.preprocessing;
  const strict = as === undefined && !isFloat(dtype);
  const { low, high } = codedRange(image);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!Number.isFinite(value)) {
      const hint = 'Look for what made it: a division by zero, or a gap in the recording.';
      refuse('E_INPUT_RANGE', `${value} at element ${i}`, `numbers, from ${minimum} to ${maximum}`, hint);
    }
    if (strict && (value < low || value > high)) {
      const hint =
        'Scale it as in training, such as x.astype(np.float32) / 255; --as reals clamps it instead.';
      refuse('E_INPUT_RANGE', `${value} at element ${i} of ${dtype}`, `from ${minimum} to ${maximum}`, hint);
    }
  }
  return quantizeValues(data, image.metadata.input);
}

/** How many values of an array lie outside the range that the model takes: those are clamped. */
export interface Clamped {
  clamped: number;
  values: number;
  /** What to tell a user, where they are many. */
  warning?: string;
}

/** Counts what `modelInputs` clamps. A value less than half a step outside is only rounded. */
export function countClamped(array: InputArray, image: InputImage): Clamped {
  const { data, dtype, as } = array;
  const { low, high } = codedRange(image);
  let clamped = 0;
  if (readInputAs({ dtype, ...(as ? { as } : {}) }, image) === 'reals')
    for (const value of data) if (value < low || value > high) clamped++;
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

/** Values that are codes already, in the order of the array. Throws `E_INPUT_TYPE` on those that are none. */
export function asCodes({ data, dtype }: NpyArray, image: InputImage): Values {
  const type = typeOf(image);
  const { unsigned = false } = image.metadata.input;
  if (dtype === 'uint8' && unsigned) return Int8Array.from(data as Uint8Array, (code) => code - 128);
  if (dtype === type) return data as Values;
  const codes = type === 'int16' ? new Int16Array(data.length) : new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    codes[i] = data[i]!;
    if (codes[i] === data[i]) continue;
    const most = type === 'int16' ? 32767 : 127;
    const expected = `codes of ${type}: whole numbers from ${-most - 1} to ${most}`;
    refuse(
      'E_INPUT_TYPE',
      `${data[i]} at element ${i} of ${dtype}`,
      expected,
      'Leave out --as codes where they are reals.',
    );
  }
  return codes;
}

/** Channels first to channels last. */
function turned<T extends NpyData>(values: T, channels: number): T {
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
 * Flat samples are refused then: nothing says in which order they are. Throws `E_INPUT_SHAPE`, also where there is no sample.
 */
export function alignSamples<T extends NpyData>(
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
  if (!samples || array.data.length !== samples * size) {
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
    return asTurned === undefined ? sample : turned(sample, shape.at(-1)!);
  });
}

/**
 * The samples in `array` as reals for a float model, aligned as by `alignSamples`. Throws `E_INPUT_AS` on what may as
 * well be codes, `E_INPUT_RANGE` on what is not finite, `E_INPUT_SHAPE`.
 */
export function realInputs(array: InputArray, shape: readonly number[], channelsFirst = false): NpyData[] {
  readAs(array.dtype, undefined, array.as);
  const wrong = array.data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    const hint =
      'Drop the samples that have such values: x[np.isfinite(x).all(axis=tuple(range(1, x.ndim)))].';
    refuse('E_INPUT_RANGE', `${array.data[wrong]} at element ${wrong}`, 'finite numbers', hint);
  }
  return alignSamples(array, shape, channelsFirst);
}

/**
 * The samples in `array` as the model's codes: the model's input shape is one sample, one leading dimension more is a
 * batch. Reals are quantized; which arrays are codes already: see `readAs`. Throws `E_INPUT_SHAPE`, `E_INPUT_TYPE`,
 * `E_INPUT_RANGE`.
 */
export function modelInputs(array: InputArray, image: InputImage): Values[] {
  const codes = readInputAs(array, image) === 'codes';
  const data = codes ? asCodes(array, image) : quantizeInput(array, image);
  const { shape } = image.metadata.input;
  return alignSamples({ ...array, data }, shape, image.metadata.preprocessing.channelsFirst);
}
