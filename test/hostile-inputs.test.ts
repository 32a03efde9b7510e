// Inputs, archives, labels and traces from strangers: named errors, in bounded time and memory. BROWNOUT_FUZZ: how many
// damaged files, instead of those of an ordinary run: BROWNOUT_FUZZ=1000000 npm test -- hostile-inputs.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { textOf } from '../host/data/csv.js';
import { readLabels } from '../host/data/labels.js';
import { readInput } from '../host/data/read-input.js';
import { readArray } from '../host/data/samples.js';
import { BrownoutError } from '../host/error.js';
import type { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { parseTrace } from '../host/power/trace.js';
import { draws, nameOf, turnOn } from './hostile/meter.js';
import { failure } from './util/failure.js';

const COUNT = Number(process.env['BROWNOUT_FUZZ'] ?? 8_000);
const kept = fileURLToPath(new URL('../../test/tool-files', import.meta.url));
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(kept, name)));

const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);
const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

const png = (chunks: readonly (readonly [string, Uint8Array])[]): Uint8Array => {
  const parts = chunks.flatMap(([name, content]) => {
    const body = Uint8Array.from([...ascii(name), ...content]);
    return [
      Uint8Array.from(le(content.length, 4).reverse()),
      body,
      Uint8Array.from(le(crc32(body), 4).reverse()),
    ];
  });
  return new Uint8Array(Buffer.concat([Uint8Array.from([0x89, ...ascii('PNG\r\n\x1a\n')]), ...parts]));
};
const header = (width: number, height: number, ...rest: number[]): [string, Uint8Array] => {
  return ['IHDR', Uint8Array.from([...le(width, 4).reverse(), ...le(height, 4).reverse(), ...rest, 0, 0, 0])];
};
const end: [string, Uint8Array] = ['IEND', new Uint8Array()];

test('png: chunks without end cost no more than their bytes, and what contradicts itself is refused', () => {
  const rows = new Uint8Array(deflateSync(Uint8Array.of(0, 7, 0, 9)));
  const empty: [string, Uint8Array] = ['IDAT', new Uint8Array()];
  const cost = (count: number): number => {
    const file = png([
      header(1, 2, 8, 0),
      ...Array.from({ length: count }, () => empty),
      ['IDAT', rows],
      end,
    ]);
    const start = process.cpuUsage();
    assert.equal(
      [...readInput(file, { shape: [2, 1, 1], preprocessing: { minimum: 0, maximum: 255 } }).data],
      [7, 9],
    );
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  cost(20_000);
  const [some, more] = [Math.min(cost(20_000), cost(20_000)), Math.min(cost(160_000), cost(160_000))];
  // Eight times as many: 8 if linear, 64 if quadratic.
  assert.ok(more < 32 * some, `${some} and ${more} µs`);
  const bomb = new Uint8Array(deflateSync(new Uint8Array(32 << 20)));
  for (const [what, file] of Object.entries({
    swelling: png([header(1, 2, 8, 0), ['IDAT', bomb], end]),
    'no end': png([header(1, 2, 8, 0), ['IDAT', rows]]),
    'two headers': png([header(1, 2, 8, 0), header(1, 2, 8, 0), ['IDAT', rows], end]),
    'no header': png([['IDAT', rows], end]),
    'no pixels': png([header(1, 2, 8, 0), end]),
    'a width of 0': png([header(0, 2, 8, 0), ['IDAT', rows], end]),
    'a billion pixels': png([header(0x7fffffff, 0x7fffffff, 8, 0), ['IDAT', rows], end]),
    'a depth that there is not': png([header(1, 2, 3, 0), ['IDAT', rows], end]),
    'no palette': png([header(1, 2, 8, 3), ['IDAT', rows], end]),
    'a palette of one': png([header(1, 2, 8, 3), ['PLTE', Uint8Array.of(1, 2, 3)], ['IDAT', rows], end]),
  }))
    assert.is(failure(() => readInput(file), what).code, 'E_PNG', what);
});

test('png: what swells or ends early is not read, and a chunk with a bit flipped is seen by its CRC-32', () => {
  const grey = (pixels: number[] | number): Uint8Array => {
    const packed = deflateSync(typeof pixels === 'number' ? new Uint8Array(pixels) : Uint8Array.from(pixels));
    return png([header(1, 2, 8, 0), ['IDAT', new Uint8Array(packed)], end]);
  };
  const found = (file: Uint8Array): string => failure(() => readInput(file)).found;
  assert.match(found(grey(32 << 20)), /do not unpack/);
  assert.match(found(grey([0, 7, 0])), /3 bytes of pixels/);
  assert.match(found(grey([0, 7, 5, 9])), /row filter 5/);
  assert.match(found(png([end])), /no header/);
  const [, ordinary] = header(1, 2, 8, 0);
  const packedTwice: [string, Uint8Array] = ['IHDR', ordinary.with(10, 1)];
  assert.match(found(png([packedTwice, ['IDAT', new Uint8Array()], end])), /compression 1/);
  for (const [width, height] of [
    [0, 2],
    [2049, 2049],
  ] as const)
    assert.match(found(png([header(width, height, 8, 0), end])), new RegExp(`${width} by ${height} pixels`));
  // In a palette nothing else would tell.
  const palette: [string, Uint8Array] = ['PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6)];
  const rows = new Uint8Array(deflateSync(Uint8Array.of(0, 0, 0, 1)));
  const file = png([header(1, 2, 8, 3), palette, ['IDAT', rows], end]);
  readInput(file);
  file[8 + 25 + 8] = 9;
  assert.match(found(file), /PLTE with another CRC-32/);
});

test('bmp: from the top down, RLE4 with jumps, and runs without an end', () => {
  const bmp = (
    bits: number,
    packing: number,
    height: number,
    colours: number,
    pixels: number[],
  ): Uint8Array => {
    const palette = Array.from({ length: colours }, (_, i) => [i * 16, i * 16, i * 16, 0]).flat();
    const info = [
      ...le(40, 4),
      ...le(5, 4),
      ...le(height + (height < 0 ? 2 ** 32 : 0), 4),
      1,
      0,
      ...le(bits, 2),
    ];
    info.push(...le(packing, 4), ...le(0, 12), ...le(colours, 4), ...le(0, 4));
    const start = 54 + palette.length;
    return Uint8Array.from([
      ...ascii('BM'),
      ...le(start + pixels.length, 4),
      ...le(0, 4),
      ...le(start, 4),
      ...info,
      ...palette,
      ...pixels,
    ]);
  };
  const target = (rows: number) => ({ shape: [rows, 5, 1], preprocessing: { minimum: 0, maximum: 255 } });
  const values = (file: Uint8Array, rows: number): number[] =>
    [...readInput(file, target(rows)).data].map((x) => Math.round(x / 16));
  const plain = [1, 2, 3, 4, 5, 0, 0, 0, 6, 7, 8, 9, 10, 0, 0, 0];
  assert.equal(values(bmp(8, 0, 2, 16, plain), 2), [6, 7, 8, 9, 10, 1, 2, 3, 4, 5]);
  assert.equal(values(bmp(8, 0, -2, 16, plain), 2), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  // Three of 1 and 2 in turns, a jump of 1, one of 3; a row left out; four as they are; the end.
  const runs = [3, 0x12, 0, 2, 1, 0, 1, 0x30, 0, 0, 0, 0, 0, 4, 0x45, 0x67, 0, 1];
  assert.equal(values(bmp(4, 2, 3, 16, runs), 3), [4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 3]);
  for (const [what, pixels] of Object.entries({
    'cut off': runs.slice(0, 9),
    'a row too many': [...runs.slice(0, -2), 0, 0, 5, 0x11, 0, 1],
  }))
    assert.is(failure(() => readInput(bmp(4, 2, 3, 16, pixels)), what).code, 'E_BMP');
  assert.is(failure(() => readInput(bmp(8, 0, 2, 8, plain))).code, 'E_BMP');
  assert.is(failure(() => readInput(bmp(8, 0, 2 ** 31 - 1, 8, plain))).code, 'E_BMP');
});

test('wav: what is cut off, empty, not a number or packed is refused by its own name', () => {
  const float = read('sox-f32.wav');
  const at = float.findIndex((_, i) => textAt(float, i, 4) === 'data') + 8;
  new DataView(float.buffer).setFloat32(at + 8, Number.NaN, true);
  assert.match(failure(() => readInput(float)).found, /NaN as sample 2/);
  assert.is(failure(() => readInput(read('sox-24.wav').subarray(0, 100))).code, 'E_WAV');
  const law = read('sox-8.wav');
  law[20] = 6;
  assert.match(failure(() => readInput(law)).found, /A-law/);
});
const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));

test('files of known formats that are no input are refused by their own name', () => {
  const bytes = (text: string): Uint8Array => Uint8Array.from(ascii(text.padEnd(64, '\0')));
  for (const [name, start] of [
    ['GIF', 'GIF89a'],
    ['TIFF', 'II*\0'],
    ['WebP', 'RIFF....WEBP'],
    ['FLAC', 'fLaC'],
    ['MP3', 'ID3'],
    ['HDF5', '\x89HDF\r\n\x1a\n'],
    ['MATLAB', 'MATLAB 5.0 MAT-file'],
    ['pickle', '\x80\x04\x95'],
    ['Parquet', 'PAR1'],
    ['gzip', '\x1f\x8b\x08'],
    ['compiled image', 'BRN1'],
    ['TensorFlow Lite', '\x1c\0\0\0TFL3'],
  ] as const) {
    const { code, found, hint } = failure(() => readInput(bytes(start)), name);
    assert.is(code, 'E_INPUT_FILE');
    assert.ok(found.includes(name), `${name}: ${found}`);
    assert.ok(hint.length > 10);
  }
  assert.match(failure(() => readInput(new Uint8Array())).found, /empty/);
});

test('whatever is cut off at any length is refused by name, or is a shorter table', () => {
  for (const name of readdirSync(kept)) {
    const whole = read(name);
    for (let length = 0; length < whole.length; length += 1 + (length >> 6)) {
      try {
        readInput(whole.subarray(0, length));
      } catch (error) {
        if (!(error instanceof BrownoutError))
          assert.unreachable(`${name}, ${length} bytes: ${(error as Error).stack}`);
        continue;
      }
      const streamed = name.endsWith('-pipe.wav');
      assert.ok(
        /\.(csv|tsv|txt)$/.test(name) || streamed || isWhole(whole, length),
        `${name}: ${length} bytes are read`,
      );
    }
  }
});

/** Whether what is left out holds no samples: a BMP's padding, the end of a JPEG. */
const isWhole = (bytes: Uint8Array, length: number): boolean => bytes.length - length <= 2;

const TRACES = [
  'time_us,power_uw\n0,100\n500,200\n1000,0\n',
  'time_ms;voltage_v;current_ua\n0;2,5;50\n2;3,5;10\n3;0;0\n',
  '1\n0,2\n0.2,10,8,0\n0.4,20,20,1\n',
].map((text) => new TextEncoder().encode(text));

/** A few bytes changed, or a piece cut out, doubled or taken from another file. */
function mutate(random: Random, file: Uint8Array, other: Uint8Array): Uint8Array {
  let bytes = file.slice();
  for (let edits = 1 + random.integer(4); edits > 0; edits--) {
    const most = Math.max(1, bytes.length);
    const at = random.integer(random.integer(2) ? most : Math.min(most, 128));
    const kind = random.integer(12);
    if (kind < 4) bytes[at] = random.uint32();
    else if (kind < 6) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8));
    else if (kind < 8) {
      const values = [0, 1, -1, 0x7fffffff, 0x80000000, 0x7f800000, 0x7fc00000, 65536, random.uint32()];
      const value = values[random.integer(values.length)]!;
      const big = random.integer(2) ? 3 : 0;
      for (let i = 0; i < 4 && at + i < bytes.length; i++) bytes[at + i] = value >>> (8 * Math.abs(big - i));
    } else if (kind === 8) bytes = bytes.slice(0, at + 1);
    else if (kind === 9) {
      const words = [
        '1e300',
        'nan',
        '"',
        ',',
        ';',
        '\n',
        '-',
        '__proto__',
        'constructor',
        '0,',
        '1,234',
        '\ufeff',
        '\0',
      ];
      const word = new TextEncoder().encode(words[random.integer(words.length)]!);
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...word, ...bytes.subarray(at)]);
    } else {
      const [from, length] = [random.integer(other.length), random.integer(64)];
      const piece = kind === 10 ? other.subarray(from, from + length) : new Uint8Array();
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at + length)]);
    }
  }
  return bytes;
}

/** Reads a file as everything that takes files does; throws what the last one says where none took it. */
function take(bytes: Uint8Array): void {
  const target = { shape: [6, 7, 3], preprocessing: { minimum: -1, maximum: 1 } };
  const errors = [
    () => readArray(bytes, { target }),
    () => readArray(bytes, { set: 'test' }),
    () => readLabels(bytes),
    () => parseTrace(textOf(bytes), { loadOhm: 30_000, currentUnit: 'ma' }),
  ].flatMap((action) => {
    try {
      action();
      return [];
    } catch (error) {
      nameOf(error, 'a reader');
      return [error];
    }
  });
  if (errors.length === 4) throw errors[3];
}

test(`${COUNT} damaged files: errors by name alone, each in bounded time and memory`, async () => {
  const random = draws(19);
  const seeds = [...readdirSync(kept).map(read), ...TRACES];
  const codes = await turnOn('inputs, labels and traces', COUNT, (i) => {
    take(mutate(random, seeds[i % seeds.length]!, seeds[random.integer(seeds.length)]!));
  });
  const taken = codes.get('none')!;
  assert.ok(taken > COUNT / 50 && taken < (COUNT * 3) / 4, `${taken} taken: the mutations do not bite`);
});

test.run();
