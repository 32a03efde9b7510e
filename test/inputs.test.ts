// Inputs as files: every format against what was put in, and damaged ones.
import { deflateSync } from 'node:zlib';
import { encode } from 'jpeg-js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { audioFeatures } from '../host/data/audio-features.js';
import { KEYWORD_FEATURES } from '../host/model/audio-features.js';
import type { NpyArray } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { readInput } from '../host/data/read-input.js';
import { crc32 } from '../host/model/crc32.js';
import { cosineOfTurns, logarithm } from '../host/math/real-functions.js';
import { BrownoutError } from '../host/error.js';
import { npz } from './util/npz-writer.js';

const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255);
const be = (value: number): number[] => le(value, 4).reverse();
const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

function png(width: number, height: number, colour: 0 | 2 | 6, pixels: Uint8Array): Uint8Array {
  const step = { 0: 1, 2: 3, 6: 4 }[colour];
  const stride = width * step;
  const at = (y: number, i: number): number => (y < 0 || i < 0 ? 0 : pixels[y * stride + i]!);
  const rows: number[] = [];
  for (let y = 0; y < height; y++) {
    // Every filter in turn.
    rows.push(y % 5);
    for (let i = 0; i < stride; i++) {
      const [left, up, corner] = [at(y, i - step), at(y - 1, i), i < step ? 0 : at(y - 1, i - step)];
      const distances = [left, up, corner].map((value) => Math.abs(left + up - corner - value));
      const paeth = [left, up, corner][distances.indexOf(Math.min(...distances))]!;
      rows.push((at(y, i) - [0, left, up, (left + up) >> 1, paeth][y % 5]!) & 255);
    }
  }
  const chunk = (name: string, data: ArrayLike<number>): number[] => {
    const content = [...ascii(name), ...Array.from(data)];
    return [...be(data.length), ...content, ...be(crc32(Uint8Array.from(content)))];
  };
  const header = [...be(width), ...be(height), 8, colour, 0, 0, 0];
  const packed = deflateSync(Uint8Array.from(rows));
  return Uint8Array.from([
    0x89,
    ...ascii('PNG\r\n\x1a\n'),
    ...chunk('IHDR', header),
    ...chunk('IDAT', packed),
    ...chunk('IEND', []),
  ]);
}

function bmp24(width: number, height: number, rgb: Uint8Array): Uint8Array {
  const stride = Math.ceil((width * 3) / 4) * 4;
  const rows = new Uint8Array(stride * height);
  rgb.forEach((value, i) => {
    const [pixel, c] = [Math.floor(i / 3), i % 3];
    rows[(height - 1 - Math.floor(pixel / width)) * stride + (pixel % width) * 3 + 2 - c] = value;
  });
  const info = [...le(40, 4), ...le(width, 4), ...le(height, 4), 1, 0, 24, 0, ...le(0, 24)];
  return Uint8Array.from([
    ...ascii('BM'),
    ...le(54 + rows.length, 4),
    ...le(0, 4),
    ...le(54, 4),
    ...info,
    ...rows,
  ]);
}

function wav(samples: Int16Array, sampleRate: number): Uint8Array {
  const data = new Uint8Array(samples.buffer);
  const format = [1, 0, 1, 0, ...le(sampleRate, 4), ...le(sampleRate * 2, 4), 2, 0, 16, 0];
  const body = [
    ...ascii('WAVEfmt '),
    ...le(16, 4),
    ...format,
    ...ascii('data'),
    ...le(data.length, 4),
    ...data,
  ];
  return Uint8Array.from([...ascii('RIFF'), ...le(body.length, 4), ...body]);
}

const random = new Random(1);
const colours = Uint8Array.from({ length: 7 * 6 * 3 }, () => random.integer(256));
const range = { minimum: -1, maximum: 1 };
const array: NpyArray = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

test('.npz: the array called x, or the only one, stored or deflated', () => {
  for (const method of [0, 8] as const) {
    const expected = { format: 'npz', ...array };
    assert.equal(readInput(npz({ x: array, y: { ...array, data: new Float32Array(6) } }, method)), expected);
    assert.equal(readInput(npz({ anything: array }, method)), expected);
  }
});

test('.csv: a sample a row, with or without a heading, or one sample over all rows', () => {
  const target = { shape: [3], preprocessing: range };
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const expected = { format: 'csv', ...array };
  assert.equal(readInput(text('a,b,c\n1,2,3\n4,5,6\n'), target), expected);
  assert.equal(readInput(text('1;2;3\r\n4;5;6'), target), expected);
  assert.equal(readInput(text('1,2,3\n4,5,6'), { ...target, shape: [2, 3, 1] }).shape, [2, 3, 1]);
});

test('.png and .bmp: pixels over the range of the model, grey if it takes one channel', () => {
  const target = (channels: number) => ({ shape: [6, 7, channels], preprocessing: range });
  const expected = Float32Array.from(colours, (value) => -1 + (value / 255) * 2);
  const withAlpha = Uint8Array.from({ length: 42 * 4 }, (_, i) =>
    i % 4 === 3 ? 9 : colours[(i >> 2) * 3 + (i % 4)]!,
  );
  for (const file of [png(7, 6, 2, colours), png(7, 6, 6, withAlpha), bmp24(7, 6, colours)]) {
    const { shape, data } = readInput(file, target(3));
    assert.equal(shape, [6, 7, 3]);
    assert.equal(data, expected);
    const grey = readInput(file, target(1));
    assert.equal(grey.shape, [6, 7, 1]);
    const [r, g, b] = colours as unknown as [number, number, number];
    assert.ok(Math.abs(grey.data[0]! - (-1 + ((0.299 * r + 0.587 * g + 0.114 * b) / 255) * 2)) < 1e-6);
  }
  const grey = readInput(png(42, 3, 0, colours), { ...target(1), shape: [3, 42, 1] });
  assert.equal(grey.data, expected);
});

/** Where row 0 and column 0 of a stored picture are seen (Exif 2.3, 4.6.4 A, Orientation). */
const ORIENTATIONS = [
  ['top', 'left'],
  ['top', 'right'],
  ['bottom', 'right'],
  ['bottom', 'left'],
  ['left', 'top'],
  ['right', 'top'],
  ['right', 'bottom'],
  ['left', 'bottom'],
] as const;

/** A .jpg with an Exif segment of one entry before all others. */
function withOrientation(jpeg: Uint8Array, orientation: number, little: boolean): Uint8Array {
  const tiff = new DataView(new ArrayBuffer(26));
  tiff.setUint16(0, little ? 0x4949 : 0x4d4d);
  tiff.setUint16(2, 42, little);
  tiff.setUint32(4, 8, little);
  tiff.setUint16(8, 1, little);
  tiff.setUint16(10, 0x0112, little);
  tiff.setUint16(12, 3, little);
  tiff.setUint32(14, 1, little);
  tiff.setUint16(18, orientation, little);
  const body = [...Buffer.from('Exif\0\0', 'latin1'), ...new Uint8Array(tiff.buffer)];
  const segment = [0xff, 0xe1, 0, body.length + 2, ...body];
  return Uint8Array.from([...jpeg.subarray(0, 2), ...segment, ...jpeg.subarray(2)]);
}

test('.jpg: turned as the camera says that it was held', () => {
  const [height, width] = [16, 24];
  const pixels = Buffer.alloc(height * width * 4, 255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) pixels.set([y * 14, x * 10, (x + y) * 5], (y * width + x) * 4);
  const stored = new Uint8Array(encode({ data: pixels, width, height }, 95).data);
  const { data, shape } = readInput(stored);
  assert.equal(shape, [height, width, 3]);
  ORIENTATIONS.forEach(([row, column], i) => {
    const isTurned = i >= 4;
    const seen = isTurned ? [width, height] : [height, width];
    const at = (side: string, index: number): { x?: number; y?: number } =>
      ({
        top: { y: index },
        bottom: { y: seen[0]! - 1 - index },
        left: { x: index },
        right: { x: seen[1]! - 1 - index },
      })[side]!;
    const expected = new Float32Array(data.length);
    for (let r = 0; r < height; r++)
      for (let c = 0; c < width; c++) {
        const { x = 0, y = 0 } = { ...at(row, r), ...at(column, c) };
        for (let k = 0; k < 3; k++) expected[(y * seen[1]! + x) * 3 + k] = data[(r * width + c) * 3 + k]!;
      }
    for (const little of [false, true]) {
      const found = readInput(withOrientation(stored, i + 1, little));
      assert.equal(found.shape, [...seen, 3], `orientation ${i + 1}`);
      assert.equal(found.data, expected, `orientation ${i + 1}`);
    }
  });
  for (const none of [0, 9, 65535]) assert.equal(readInput(withOrientation(stored, none, true)).data, data);
});

test('.wav: samples as they are; or features, a tone in the bin of its frequency', () => {
  const hertz = 1000;
  const tone = Int16Array.from(
    { length: 16000 },
    (_, i) => 16000 * Math.sin((2 * Math.PI * hertz * i) / 16000),
  );
  const plain = readInput(wav(tone, 16000), { shape: [16000], preprocessing: range });
  assert.equal(
    plain.data,
    Float32Array.from(tone, (value) => value / 32768),
  );
  const features = { kind: 'log-mel', ...KEYWORD_FEATURES } as const;
  const logMel = readInput(wav(tone, 16000), { shape: [49, 40], preprocessing: { ...range, features } });
  const frame = Array.from(logMel.data.slice(0, 40));
  const mel = (f: number): number => 1127 * Math.log(1 + f / 700);
  const bin = Math.round(((mel(hertz) - mel(20)) / (mel(4000) - mel(20))) * 41) - 1;
  assert.is(frame.indexOf(Math.max(...frame)), bin);
  // MFCC: the orthonormal cosine transform of the same, but for the first coefficient.
  const settings = { ...features, kind: 'mfcc' } as const;
  const mfcc = audioFeatures(plain.data as Float32Array, settings, { frames: 49, coefficients: 10 });
  for (let k = 0; k < 10; k++) {
    const sum = frame.reduce((total, e, m) => total + e * Math.cos((Math.PI * k * (2 * m + 1)) / 80), 0);
    assert.ok(Math.abs(mfcc[k]! - Math.sqrt(2 / 40) * sum) < 1e-3, `coefficient ${k}`);
  }
  const wrongRate = (): NpyArray =>
    readInput(wav(tone, 8000), { shape: [49, 10, 1], preprocessing: { ...range, features } });
  assert.throws(wrongRate, /8000 Hz/);
});

test('cosine and logarithm are those of the standard library to 13 digits', () => {
  for (let i = -300; i <= 300; i++) {
    assert.ok(Math.abs(cosineOfTurns(i / 97) - Math.cos((2 * Math.PI * i) / 97)) < 1e-13);
    const x = 2 ** (i / 10);
    assert.ok(Math.abs(logarithm(x) - Math.log(x)) < 1e-13 * Math.max(1, Math.abs(Math.log(x))));
  }
});

test('4,000 damaged files: errors by name alone', () => {
  const tone = Int16Array.from({ length: 500 }, (_, i) => i * 50);
  const seeds = [
    npz({ x: array }, 0),
    npz({ x: array }, 8),
    png(7, 6, 2, colours),
    bmp24(7, 6, colours),
    wav(tone, 8000),
  ];
  for (let i = 0; i < 4000; i++) {
    const file = seeds[i % seeds.length]!.slice();
    for (let edits = 1 + random.integer(3); edits > 0; edits--)
      file[random.integer(Math.min(file.length, 300))] = random.uint32();
    const bytes = random.integer(4) ? file : file.slice(0, random.integer(file.length));
    try {
      readInput(bytes, { shape: [6, 7, 3], preprocessing: range });
    } catch (error) {
      if (!(error instanceof BrownoutError)) assert.unreachable(`file ${i}: ${(error as Error).stack}`);
    }
  }
});

test.run();
