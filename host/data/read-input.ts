// Inputs from files as people have them: .npy, .npz, .csv, .wav, .bmp, .png.
import { BrownoutError } from '../error.js';
import type { Preprocessing } from '../model/image.js';
import { elementCount } from '../model/quantized-network.js';
import { audioFeatures } from './audio-features.js';
import { type NpyArray, readNpy } from './npy.js';
import { readNpz } from './npz.js';
import { type Picture, readBmp, readPng } from './pictures.js';
import { readWav } from './wav.js';

/** What the input is for: a tensor's shape, and what the image says of how it is prepared; absent: not known yet. */
export interface InputTarget {
  shape: readonly number[];
  preprocessing: Preprocessing;
}

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_INPUT_FILE', found, expected, hint });
}

export const isNpz = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;

/** The array called `x` or `input`, or the only one. */
export function inputArray(arrays: ReadonlyMap<string, NpyArray>): NpyArray {
  const found =
    arrays.get('x') ?? arrays.get('input') ?? (arrays.size === 1 ? [...arrays.values()][0] : undefined);
  return (
    found ?? refuse(`arrays ${[...arrays.keys()].join(', ')}`, 'one, or one called x', 'Save the input as x.')
  );
}

/** A row a sample; a first row that is not numbers is a heading. */
function fromCsv(text: string, target: InputTarget | undefined): NpyArray {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const cells = lines.map((line) =>
    line.split(/[,;\t]/).map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell))),
  );
  const rows = cells[0]?.some(Number.isNaN) ? cells.slice(1) : cells;
  const [first] = rows;
  const wrong = rows.findIndex((row) => row.length !== first?.length || row.some(Number.isNaN));
  if (!first || wrong >= 0)
    refuse(
      `row ${wrong + 1} of ${rows.length}`,
      'as many numbers in each row',
      'Give .npy, .npz, .csv, .wav, .bmp or .png.',
    );
  const data = Float32Array.from(rows.flat());
  const shape = target?.shape ?? [];
  const size = elementCount({ shape });
  // A row is a sample; or the file is one sample, row by row.
  if (target && first.length === size) return { dtype: 'float32', shape: [rows.length, ...shape], data };
  if (target && data.length === size) return { dtype: 'float32', shape: [...shape], data };
  return { dtype: 'float32', shape: [rows.length, first.length], data };
}

/** A picture over the range that the model takes: 0 is its least, 255 its largest value. */
function fromPicture(
  { height, width, channels, pixels }: Picture,
  target: InputTarget | undefined,
): NpyArray {
  const { minimum, maximum } = target?.preprocessing ?? { minimum: 0, maximum: 1 };
  const wanted = target?.shape.length === 3 ? target.shape[2] : channels;
  const value = (pixel: number, c: number): number => {
    if (channels === 1) return pixels[pixel]!;
    const [red, green, blue] = [0, 1, 2].map((i) => pixels[pixel * 3 + i]!) as [number, number, number];
    // Grey of colours: ITU-R BT.601.
    return wanted === 1 ? 0.299 * red + 0.587 * green + 0.114 * blue : pixels[pixel * 3 + c]!;
  };
  const depth = wanted === 1 || wanted === 3 ? wanted : channels;
  const data = Float32Array.from({ length: height * width * depth }, (_, i) => {
    return minimum + (value(Math.floor(i / depth), i % depth) / 255) * (maximum - minimum);
  });
  return { dtype: 'float32', shape: [height, width, depth], channelsLast: true, data };
}

/** Samples as they are, or as the features that the image asks for. */
function fromSound(bytes: Uint8Array, target: InputTarget | undefined): NpyArray {
  const { sampleRate, samples } = readWav(bytes);
  const features = target?.preprocessing.features;
  if (!target || !features) {
    const shape = target && elementCount(target) === samples.length ? [...target.shape] : [samples.length];
    return { dtype: 'float32', shape, data: samples };
  }
  if (sampleRate !== features.sampleRate)
    refuse(`sound at ${sampleRate} Hz`, `${features.sampleRate} Hz`, 'Resample the recording.');
  const [frames = 1, coefficients = 1] = target.shape;
  const data = audioFeatures(samples, features, { frames, coefficients });
  return { dtype: 'float32', shape: [...target.shape], data };
}

/** Reads an input file, whichever format it is in. Throws `E_INPUT_FILE`, or the format's own error. */
export function readInput(bytes: Uint8Array, target?: InputTarget): NpyArray {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  if (start.startsWith('\x93NUMPY')) return readNpy(bytes);
  if (isNpz(bytes)) return inputArray(readNpz(bytes));
  if (start.startsWith('BM')) return fromPicture(readBmp(bytes), target);
  if (start.startsWith('\x89PNG')) return fromPicture(readPng(bytes), target);
  if (start.startsWith('RIFF') && start.endsWith('WAVE')) return fromSound(bytes, target);
  const text = new TextDecoder().decode(bytes);
  // What is neither known nor text is most likely a damaged .npy.
  if (/[^\t\n\r -~\u00a0-\ufffc]/.test(text) || !/\d/.test(text)) return readNpy(bytes);
  return fromCsv(text, target);
}
