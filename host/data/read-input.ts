// Inputs from files as people have them: .npy, .npz, .csv, .wav, .png, .bmp, .jpg.
import { BrownoutError, checkBytes } from '../error.js';
import type { Preprocessing } from '../model/metadata.js';
import { elementCount } from '../model/quantized-network.js';
import { audioFeatures } from './audio-features.js';
import { readBmp } from './bmp.js';
import { readTable, textOf } from './csv.js';
import { tableSamples } from './csv-input.js';
import { readJpeg } from './jpeg.js';
import { refuseKnown } from './known-formats.js';
import type { InputArray } from './model-input.js';
import { type NpyArray, readNpy } from './npy.js';
import { isZip, npzMembers } from './npz.js';
import type { Picture } from './picture.js';
import { readPng } from './png.js';
import { mono, readWav } from './wav.js';

/** What the input is for: a tensor's shape, and what the image says of how it is prepared; absent: not known yet. */
export interface InputTarget {
  shape: readonly number[];
  preprocessing: Preprocessing;
}

/** Formats of input files that are read (docs/INPUTS.md). */
export type InputFormat = 'npy' | 'npz' | 'csv' | 'wav' | 'png' | 'bmp' | 'jpeg';

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_INPUT_FILE', found, expected, hint });
}

/** Names of an array of samples, in the order they are looked for. */
const SAMPLES = ['x', 'input', 'x_train', 'x_test'];

/** The name of the samples among arrays: x, input, or the only one. Throws `E_INPUT_FILE`. */
export function sampleName(names: readonly string[]): string {
  const found = SAMPLES.find((name) => names.includes(name)) ?? (names.length === 1 ? names[0] : undefined);
  return found ?? refuse(`arrays ${names.join(', ')}`, 'one, or one called x', 'Save the input as x.');
}

/** A picture over the range that the model takes: black is its least, white its largest value. */
function fromPicture(
  { height, width, channels, pixels, white }: Picture,
  target: InputTarget | undefined,
): InputArray {
  const { minimum, maximum } = target?.preprocessing ?? { minimum: 0, maximum: 1 };
  const wanted = target?.shape.length === 3 ? target.shape[2] : channels;
  const depth = wanted === 1 || wanted === 3 ? wanted : channels;
  const data = new Float32Array(height * width * depth);
  for (let i = 0; i < data.length; i++) {
    const [pixel, c] = depth === 1 ? [i, 0] : [Math.floor(i / 3), i % 3];
    let value = pixels[channels === 1 ? pixel : pixel * 3 + c]!;
    // Grey of colours: ITU-R BT.601.
    if (depth < channels)
      value = 0.299 * value + 0.587 * pixels[pixel * 3 + 1]! + 0.114 * pixels[pixel * 3 + 2]!;
    data[i] = minimum + (value / white) * (maximum - minimum);
  }
  return { dtype: 'float32', shape: [height, width, depth], channelsLast: true, data };
}

/** Samples as they are, or as the features that the image asks for. */
function fromSound(bytes: Uint8Array, target: InputTarget | undefined): NpyArray {
  const sound = readWav(bytes);
  const { sampleRate, channels, samples: all } = sound;
  const features = target?.preprocessing.features;
  // A model of several channels takes them as they are; any other their mean.
  const together =
    channels > 1 && !features && target?.shape.at(-1) === channels && elementCount(target) === all.length;
  const samples = together ? all : mono(sound);
  if (!target || !features) {
    const shape = target && elementCount(target) === samples.length ? [...target.shape] : [samples.length];
    return { dtype: 'float32', shape, data: samples };
  }
  if (sampleRate !== features.sampleRate) {
    const hint = `Resample it: ffmpeg -i in.wav -ar ${features.sampleRate} out.wav`;
    refuse(`sound at ${sampleRate} Hz`, `${features.sampleRate} Hz`, hint);
  }
  const [frames = 1, coefficients = 1] = target.shape;
  const data = audioFeatures(samples, features, { frames, coefficients });
  return { dtype: 'float32', shape: [...target.shape], data };
}

/** The format of a file by its first bytes. Throws `E_INPUT_FILE` on those of no input. */
function inputFormat(bytes: Uint8Array): InputFormat {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  // The first byte alone is enough: no text begins with it, and a file cut off in its magic is still one.
  if (start.startsWith('\x93')) return 'npy';
  if (isZip(bytes)) return 'npz';
  if (start.startsWith('BM')) return 'bmp';
  if (start.startsWith('\x89PNG')) return 'png';
  if (start.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (start.startsWith('RIFF') && start.endsWith('WAVE')) return 'wav';
  refuseKnown(bytes);
  const text = textOf(bytes);
  // Neither known nor text.
  if (/[^\t\n\r -~\u00a0-\ufffc\ufeff]/.test(text) || !/\d/.test(text))
    refuse(
      bytes.length === 0 ? 'an empty file' : `${bytes.length} bytes of no format that is known here`,
      '.npy, .npz, .csv, .wav, .png, .bmp or .jpg',
      'Save the array with numpy.save("x.npy", x).',
    );
  return 'csv';
}

/** What a file of inputs holds. */
export interface InputFile extends InputArray {
  format: InputFormat;
  /** The column of labels of a table. */
  labelCells?: string[];
}

/** Reads an input file, whichever format it is in. Throws `E_INPUT_FILE`, or the format's own error. */
export function readInput(bytes: Uint8Array, target?: InputTarget): InputFile {
  checkBytes(bytes, 'an input file');
  const format = inputFormat(bytes);
  switch (format) {
    case 'npy':
      return { format, ...readNpy(bytes) };
    case 'npz': {
      const { names, member } = npzMembers(bytes);
      return { format, ...readNpy(member(sampleName(names))) };
    }
    case 'bmp':
      return { format, ...fromPicture(readBmp(bytes), target) };
    case 'png':
      return { format, ...fromPicture(readPng(bytes), target) };
    case 'jpeg':
      return { format, ...fromPicture(readJpeg(bytes), target) };
    case 'wav':
      return { format, ...fromSound(bytes, target) };
    case 'csv':
      return { format, ...tableSamples(readTable(textOf(bytes)), target?.shape) };
  }
}
