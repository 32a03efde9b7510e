// Data that trained models come from. What cannot ship is read from the folder that BROWNOUT_DATA names.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { LabelledData } from '../host/compress/float-network.js';
import { audioFeatures } from '../host/data/audio-features.js';
import type { AudioFeatures } from '../host/model/audio-features.js';
import { readNpy } from '../host/data/npy.js';

export interface Split {
  training: LabelledData;
  test: LabelledData;
}

const SOURCES = {
  mnist:
    'MNIST (CC BY-SA 3.0): the first 10,000 training images as mnist/train10k-…, the first 5,000 test images as ' +
    'mnist/test5k-…-idx{3,1}-ubyte.gz, cut from https://yann.lecun.com/exdb/mnist/',
  motionsense:
    'MotionSense (MIT): https://github.com/mmalekzadeh/motion-sense, as windows of 128×6 at 50 Hz: ' +
    'motionsense/windows_i16_Nx128x6.npy.gz, label_u8.npy, subject_u8.npy',
  fsdd:
    'Free Spoken Digit Dataset (CC BY-SA 4.0): https://github.com/Jakobovski/free-spoken-digit-dataset, as ' +
    'fsdd/pcm_i16_8khz.npy.gz and meta_i32_Nx5.npy (digit, speaker, index, length, offset)',
};

/** Whether a set is there. */
export function hasDataset(name: keyof typeof SOURCES): boolean {
  const root = process.env['BROWNOUT_DATA'];
  return root !== undefined && existsSync(join(root, name));
}

function open(name: keyof typeof SOURCES, file: string): Uint8Array {
  const root = process.env['BROWNOUT_DATA'];
  const path = join(root ?? '', name, file);
  if (root === undefined || !existsSync(path))
    throw new Error(`no ${path}; set BROWNOUT_DATA to a folder with it. ${SOURCES[name]}`);
  const bytes = readFileSync(path);
  return new Uint8Array(file.endsWith('.gz') ? gunzipSync(bytes) : bytes);
}

function idx(name: string): LabelledData {
  const pixels = open('mnist', `${name}-images-idx3-ubyte.gz`).subarray(16);
  const labels = open('mnist', `${name}-labels-idx1-ubyte.gz`).subarray(8);
  return { inputs: new Float32Array(pixels).map((value) => value / 255), labels: Uint8Array.from(labels) };
}

/** MNIST: 10,000 training images 28×28 in 0 … 1, and 5,000 of the test set. */
export function digitsData(): Split {
  return { training: idx('train10k'), test: idx('test5k') };
}

interface Row {
  input: () => ArrayLike<number>;
  label: number;
  test: boolean;
  group?: number;
}

/** The two parts, each made when it is asked for. */
function partition(rows: readonly Row[]): Split {
  const gather = (test: boolean): LabelledData => {
    const chosen = rows.filter((row) => row.test === test);
    const all = chosen.map(({ input }) => input());
    const size = all[0]!.length;
    const inputs = new Float32Array(all.length * size);
    all.forEach((input, i) => inputs.set(input, i * size));
    const groups = chosen.flatMap(({ group }) => group ?? []);
    return {
      inputs,
      labels: Uint8Array.from(chosen, ({ label }) => label),
      ...(groups.length > 0 ? { groups } : {}),
    };
  };
  const parts = new Map<boolean, LabelledData>();
  const part = (test: boolean): LabelledData => {
    const found = parts.get(test) ?? gather(test);
    parts.set(test, found);
    return found;
  };
  return {
    get training() {
      return part(false);
    },
    get test() {
      return part(true);
    },
  };
}

const clip = (value: number, most: number): number => Math.max(-most, Math.min(most, value));

/** Names of MotionSense's activities. */
export const ACTIVITIES = ['downstairs', 'upstairs', 'walking', 'jogging', 'standing', 'sitting'];

/**
 * MotionSense: windows [128][1][6] of acceleration (g, within ±4) and rotation (a quarter of rad/s, within ±4), by activity;
 * subjects 1–14 to train, 15–18 to test.
 */
export function motionData(): Split {
  const { data: windows } = readNpy(open('motionsense', 'windows_i16_Nx128x6.npy.gz'));
  const labels = readNpy(open('motionsense', 'label_u8.npy')).data;
  const subjects = readNpy(open('motionsense', 'subject_u8.npy')).data;
  const size = 128 * 6;
  return partition(
    Array.from(labels, (label, row) => ({
      label,
      test: subjects[row]! >= 15,
      group: subjects[row]!,
      input: () =>
        Float32Array.from(windows.subarray(row * size, (row + 1) * size), (value, i) =>
          clip(i % 6 < 3 ? value / 2048 : value / 4096, 4),
        ),
    })),
  );
}

/** Bands and frames of spoken digits, as large as the keyword network of RAD takes. */
const SPOKEN_SIZE = 54;
const SPOKEN: AudioFeatures = {
  kind: 'log-mel',
  sampleRate: 8000,
  windowSamples: 256,
  strideSamples: 96,
  melBins: SPOKEN_SIZE,
  lowHz: 100,
  highHz: 3900,
};

/**
 * Spoken digits: log-mel energies [54 frames][54 bands][1] of the first 0.67 s, less the recording's mean, a third of their
 * size, within ±2; recordings of index 5 and up to train, 0–4 to test (the set's own split). With `leftOut`, 0 … 4, all of that
 * speaker's recordings are to test, and those of index 5 and up of the four others to train on.
 */
export function spokenData(leftOut?: number): Split {
  const { data: samples } = readNpy(open('fsdd', 'pcm_i16_8khz.npy.gz'));
  const { data: meta } = readNpy(open('fsdd', 'meta_i32_Nx5.npy'));
  const need = SPOKEN.windowSamples + (SPOKEN_SIZE - 1) * SPOKEN.strideSamples;
  const rows = Array.from({ length: meta.length / 5 }, (_, row) =>
    Array.from(meta.subarray(row * 5, row * 5 + 5), Number),
  );
  return partition(
    rows.flatMap(([label, speaker, index, length, offset]) => {
      const test = leftOut === undefined ? index! < 5 : speaker === leftOut;
      if (!test && index! < 5) return [];
      const input = (): Float32Array => {
        const sound = new Float32Array(need);
        for (let i = 0; i < Math.min(need, length!); i++) sound[i] = samples[offset! + i]! / 32768;
        const features = audioFeatures(sound, SPOKEN, { frames: SPOKEN_SIZE, coefficients: SPOKEN_SIZE });
        const mean = features.reduce((sum, value) => sum + value, 0) / features.length;
        return features.map((value) => clip((value - mean) / 3, 2));
      };
      return [{ label: label!, test, input }];
    }),
  );
}
