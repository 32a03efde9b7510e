// What calls that run an image take: one array of samples, or, where an image has several inputs, one for each by name.
import { BrownoutError } from '../error.js';
import type { Image } from '../model/image.js';
import { offsetsOf, type Port } from '../model/ports.js';
import { elementCount } from '../model/quantized-network.js';
import type { Values } from '../model/values.js';
import { instance } from '../options/kinds.js';
import {
  type Clamped,
  countClamped,
  type InputArray,
  type InputImage,
  modelInputs,
  type ReadAs,
  readInputAs,
} from './model-input.js';
import { isArray, samplesKind } from './option-kinds.js';

/** Samples for a call that runs an image: one array, or one for each of several inputs. */
export interface GivenInputs {
  /** Samples as an array; default: the input that the image carries. */
  input?: InputArray;
  /** For an image of several inputs: an array for each, by name. */
  inputs?: Readonly<Record<string, InputArray>>;
}

const isArrays = (value: unknown): value is Readonly<Record<string, InputArray>> =>
  typeof value === 'object' && value !== null && Object.values(value).every(isArray);

/** Options of calls that take inputs; what the input is for is said by each. */
export const givenOptions = {
  input: {
    kind: samplesKind(),
    help: 'a file of samples (docs/INPUTS.md); of several inputs NAME=FILE,NAME=FILE or a .npz',
    otherwise: 'the image’s own',
  },
  inputs: { kind: instance('an array for each input, by name', isArrays) },
} as const;

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

/** The inputs of an image of several. */
export const givenPorts = ({ metadata: { inputs = [] } }: Image): readonly Port[] => inputs;

/** How the array for one of several inputs is read. */
export const portImage = (port: Port, { metadata }: Image): InputImage => ({
  metadata: { input: port.tensor, preprocessing: port.preprocessing ?? metadata.preprocessing },
});

/** Arrays for an image of several inputs, by name. Throws `E_INPUT_NAME` where they are not its inputs. */
export function checkPorts(arrays: Readonly<Record<string, unknown>>, image: Image): void {
  const names = givenPorts(image).map(({ name }) => name);
  const given = Object.keys(arrays);
  if (given.length === names.length && names.every((name) => given.includes(name))) return;
  refuse(
    'E_INPUT_NAME',
    `inputs ${given.join(', ')}`,
    names.length > 0 ? names.join(', ') : 'one input',
    names.length > 0
      ? 'Give one array for each: a .npz with arrays of these names, or --input NAME=x.npy,NAME=y.npy.'
      : 'Give it as --input x.npy.',
  );
}

/** One sample of several inputs side by side as the image takes it. */
function sideBySide(
  { metadata: { input, inputs = [] } }: Image,
  values: ReadonlyMap<string, Values>,
): Values {
  const size = elementCount(input);
  const whole = input.dtype === 'int16' ? new Int16Array(size) : new Int8Array(size);
  const to = offsetsOf(inputs);
  inputs.forEach(({ name }, port) => {
    whole.set(values.get(name)!, to[port]!);
  });
  return whole;
}

function portSamples(arrays: Readonly<Record<string, InputArray>>, image: Image): Values[] {
  const given = givenPorts(image);
  const each = given.map((port) => modelInputs(arrays[port.name]!, portImage(port, image)));
  const [first = []] = each;
  const uneven = each.findIndex((samples) => samples.length !== first.length);
  if (uneven >= 0)
    refuse(
      'E_INPUT_SHAPE',
      `${each[uneven]!.length} samples of "${given[uneven]!.name}", ${first.length} of "${given[0]!.name}"`,
      'as many of each input',
      'Give every sample all inputs.',
    );
  return first.map((_, sample) =>
    sideBySide(image, new Map(given.map(({ name }, port) => [name, each[port]![sample]!]))),
  );
}

/** Samples as an image takes them; several inputs side by side. */
export interface GivenSamples extends Clamped {
  samples: Values[];
  /** What the numbers of each input were taken for, in the order of `givenPorts`. */
  readAs: ReadAs[];
}

/** The arrays that were given, each with the input that it is for. Throws `E_INPUT_NAME`. */
function pairs({ input, inputs }: GivenInputs, image: Image): { array: InputArray; image: InputImage }[] {
  if (input && inputs) refuse('E_INPUT_NAME', '`input` and `inputs`', 'one of the two', 'Leave `input` out.');
  if (input && !image.metadata.inputs) return [{ array: input, image }];
  const ports = givenPorts(image);
  // One input needs no name.
  const arrays = inputs ?? (ports.length === 1 ? { [ports[0]!.name]: input! } : { 'without a name': input! });
  checkPorts(arrays, image);
  return ports.map((port) => ({ array: arrays[port.name]!, image: portImage(port, image) }));
}

/**
 * The samples given, as `image` takes them; undefined where none are. Throws `E_INPUT_NAME`, `E_INPUT_SHAPE`,
 * `E_INPUT_TYPE`, `E_INPUT_RANGE`.
 */
export function givenSamples(given: GivenInputs, image: Image): GivenSamples | undefined {
  if (!given.input && !given.inputs) return undefined;
  const found = pairs(given, image);
  const ports = givenPorts(image);
  const samples = image.metadata.inputs
    ? portSamples(Object.fromEntries(found.map(({ array }, i) => [ports[i]!.name, array])), image)
    : modelInputs(found[0]!.array, image);
  const counts = found.map(({ array, image: port }) => countClamped(array, port));
  const warning = counts.find((one) => one.warning !== undefined)?.warning;
  return {
    samples,
    readAs: found.map(({ array, image: port }) => readInputAs(array, port)),
    clamped: counts.reduce((sum, one) => sum + one.clamped, 0),
    values: counts.reduce((sum, one) => sum + one.values, 0),
    ...(warning === undefined ? {} : { warning }),
  };
}
