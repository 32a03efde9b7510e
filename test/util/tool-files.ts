// Files that common tools write: the command that makes each, and what must be read from it. What is expected comes from the
// formulas below, by which the tools' inputs are made, and never from our own readers.

export type Tool = 'numpy' | 'pandas' | 'imagemagick' | 'ffmpeg' | 'sox';

/** What a file must be read to. */
export interface Expected {
  /** Of the target; absent: it is read without one. */
  shape?: readonly number[];
  /** Range that a picture is spread over. */
  maximum?: number;
  values: readonly number[];
  /** How far a value may be off: formats that round, or lose. */
  within?: number;
  labels?: readonly number[];
  classes?: readonly string[];
}

export interface ToolFile {
  file: string;
  tool: Tool;
  /** For a shell, in a folder that holds `SOURCES`; for Python where the tool is a package of it. */
  make: string;
  expected: Expected;
}

const list = (length: number, value: (i: number) => number): number[] =>
  Array.from({ length }, (_, i) => value(i));
const le = (values: readonly number[], bytes: number): Uint8Array =>
  Uint8Array.from(values.flatMap((value) => list(bytes, (i) => Math.floor(value / 2 ** (8 * i)) & 255)));

/** Pictures are of 6 rows of 7 pixels. */
const PIXELS = 42;
const grey = list(PIXELS, (i) => (i * 29 + 5) % 256);
const colours = list(PIXELS * 3, (i) => (i * 37 + 11) % 256);
const two = list(PIXELS, (i) => ((i * 5) % 3 === 0 ? 255 : 0));
/** 4 and 16 levels of grey. */
const four = list(PIXELS, (i) => ((i * 7) % 4) * 85);
const sixteen = list(PIXELS, (i) => ((i * 7) % 16) * 17);
/** 16 and 36 colours. */
const palette = (k: number): number[] => [(k * 53) % 256, (k * 101 + 7) % 256, (k * 199 + 31) % 256];
const few = list(PIXELS, (i) => (i * 7) % 16).flatMap(palette);
const many = list(PIXELS, (i) => i % 36).flatMap(palette);
const deep = list(PIXELS, (i) => (i * 1543 + 7) % 65536);
const deepColours = list(PIXELS * 3, (i) => (i * 521 + 77) % 65536);
const alpha = list(PIXELS, (i) => 255 - i * 3);
const withAlpha = (pixels: readonly number[], channels: number): number[] =>
  list(PIXELS, (i) => i).flatMap((i) => [...pixels.slice(i * channels, (i + 1) * channels), alpha[i]!]);
/** Pixels packed into 16 bits, and the fields of each, from the highest, over 0 to 255. */
const packed = list(PIXELS, (i) => (i * 1543 + 7) % 32768);
const fields = ([red, green, blue]: [number, number, number]): number[] => {
  return packed.flatMap((pixel) => {
    const field = (low: number, bits: number): number =>
      (((pixel >> low) % 2 ** bits) * 255) / (2 ** bits - 1);
    return [field(green + blue, red), field(blue, green), field(0, blue)];
  });
};
/** Smooth, as photographs are: JPEG keeps it within a few levels. */
const smooth = list(16 * 16, (i) => 40 + (i % 16) * 8 + Math.floor(i / 16) * 4);
const smoothColours = list(16 * 16, (i) => i).flatMap((i) => {
  const [x, y] = [i % 16, Math.floor(i / 16)];
  return [60 + x * 8, 200 - y * 6, 50 + x * 4 + y * 4];
});
/** Sound of 60 frames: whole numbers of so many bits, as the upper bits of 32. */
const sound = (bits: number): number[] =>
  list(60, (i) => ((i * 7919 * 2 ** (bits - 8) + i * 31) % 2 ** bits) - 2 ** (bits - 1));
const sound32 = (bits: number): Uint8Array =>
  le(
    sound(bits).map((value) => value * 2 ** (32 - bits) + (value < 0 ? 2 ** 32 : 0)),
    4,
  );
const heard = (bits: number): number[] => sound(bits).map((value) => value / 2 ** (bits - 1));
/** The mean of two channels, which take turns. */
const mean = (values: readonly number[]): number[] =>
  list(values.length / 2, (i) => (values[2 * i]! + values[2 * i + 1]!) / 2);

/** What the commands read. */
export const SOURCES: Record<string, Uint8Array> = {
  'grey.gray': Uint8Array.from(grey),
  'colours.rgb': Uint8Array.from(colours),
  'two.gray': Uint8Array.from(two),
  'four.gray': Uint8Array.from(four),
  'sixteen.gray': Uint8Array.from(sixteen),
  'few.rgb': Uint8Array.from(few),
  'many.rgb': Uint8Array.from(many),
  'deep.gray': le(deep, 2),
  'deep.rgb': le(deepColours, 2),
  'packed.rgb555': le(packed, 2),
  'packed.rgb565': le(packed, 2),
  'alpha.graya': Uint8Array.from(withAlpha(grey, 1)),
  'alpha.rgba': Uint8Array.from(withAlpha(colours, 3)),
  'smooth.gray': Uint8Array.from(smooth),
  'smooth.rgb': Uint8Array.from(smoothColours),
  'sound8.s32': sound32(8),
  'sound16.s32': sound32(16),
  'sound24.s32': sound32(24),
};

const python =
  (tool: 'numpy' | 'pandas') =>
  (file: string, code: string, expected: Expected): ToolFile => {
    return { file, tool, make: code.replaceAll('FILE', JSON.stringify(file)), expected };
  };
const [numpy, pandas] = [python('numpy'), python('pandas')];
/** What stands before what makes files by Python. */
export const PYTHON_IMPORTS = 'import csv, numpy as np';

const range = list(12, (i) => i - 5);
const arange = 'np.arange(-5, 7).reshape(3, 4)';
const NUMPY: ToolFile[] = [
  numpy('int64.npy', `np.save(FILE, ${arange})`, { values: range }),
  numpy('int64-large.npy', 'np.save(FILE, np.array([2**53 - 1, -2**53 + 1]))', {
    values: [2 ** 53 - 1, 1 - 2 ** 53],
  }),
  numpy('uint64.npy', 'np.save(FILE, np.arange(12, dtype=np.uint64) * 2**40)', {
    values: list(12, (i) => i * 2 ** 40),
  }),
  numpy('int8.npy', `np.save(FILE, ${arange}.astype(np.int8))`, { values: range }),
  numpy('uint8.npy', 'np.save(FILE, np.arange(244, 256, dtype=np.uint8))', {
    values: list(12, (i) => 244 + i),
  }),
  numpy('uint16.npy', 'np.save(FILE, np.arange(12, dtype=np.uint16) * 5000)', {
    values: list(12, (i) => i * 5000),
  }),
  numpy('uint32.npy', 'np.save(FILE, np.arange(12, dtype=np.uint32) * 300000000)', {
    values: list(12, (i) => i * 3e8),
  }),
  numpy('int16-big-endian.npy', `np.save(FILE, (${arange} * 1000).astype(">i2"))`, {
    values: range.map((x) => x * 1000),
  }),
  numpy('int32-fortran.npy', `np.save(FILE, np.asfortranarray(${arange}.astype(np.int32)))`, {
    values: range,
  }),
  numpy('bool.npy', 'np.save(FILE, np.arange(12).reshape(3, 4) % 3 == 0)', {
    values: list(12, (i) => Number(i % 3 === 0)),
  }),
  numpy('float16.npy', `np.save(FILE, (${arange} / 3).astype(np.float16))`, {
    values: range.map((x) => x / 3),
    within: 1e-3,
  }),
  numpy('float32-transposed.npy', 'np.save(FILE, np.arange(24, dtype=np.float32).reshape(4, 3, 2).T)', {
    values: list(24, (i) => (i % 4) * 6 + (Math.floor(i / 4) % 3) * 2 + Math.floor(i / 12)),
  }),
  numpy('float64-big-endian.npy', `np.save(FILE, (${arange} / 4).astype(">f8"))`, {
    values: range.map((x) => x / 4),
  }),
  numpy('version2.npy', `np.lib.format.write_array(open(FILE, "wb"), ${arange}, version=(2, 0))`, {
    values: range,
  }),
  numpy('version3.npy', `np.lib.format.write_array(open(FILE, "wb"), ${arange}, version=(3, 0))`, {
    values: range,
  }),
  numpy('scalar.npy', 'np.save(FILE, np.float64(1.5))', { values: [1.5] }),
  numpy('savez.npz', `np.savez(FILE, x=${arange} / 2, y=np.array([2, 0, 1]))`, {
    values: range.map((x) => x / 2),
    labels: [2, 0, 1],
  }),
  numpy('compressed.npz', `np.savez_compressed(FILE, x=${arange}, y=np.array(["cat", "dog", "cat"]))`, {
    values: range,
    labels: [0, 1, 0],
    classes: ['cat', 'dog'],
  }),
  numpy('savetxt.txt', `np.savetxt(FILE, ${arange} / 8)`, { values: range.map((x) => x / 8) }),
  numpy('savetxt-header.csv', `np.savetxt(FILE, ${arange} / 8, delimiter=",", header="a, b, c, d")`, {
    values: range.map((x) => x / 8),
  }),
];

const frame = 'pd.DataFrame({"ax": [0.5, -1.25, 3], "ay": [1, 2, -3], "az": [0, 1e-3, 10.5]})';
const named = [0.5, 1, 0, -1.25, 2, 1e-3, 3, -3, 10.5];
const labelled = `${frame}.assign(label=["walk", "run", "walk"])`;
const PANDAS: ToolFile[] = [
  pandas('index.csv', `${frame}.to_csv(FILE)`, { values: named }),
  pandas('named.csv', `${frame}.to_csv(FILE, index=False)`, { values: named }),
  pandas('european.csv', `${frame}.to_csv(FILE, index=False, sep=";", decimal=",")`, { values: named }),
  pandas('tabs.tsv', `${frame}.to_csv(FILE, index=False, sep="\\t", quoting=csv.QUOTE_NONNUMERIC)`, {
    values: named,
  }),
  pandas('quoted.csv', `${frame}.to_csv(FILE, index=False, quoting=csv.QUOTE_ALL)`, { values: named }),
  pandas('bom.csv', `${frame}.to_csv(FILE, index=False, encoding="utf-8-sig")`, { values: named }),
  pandas('utf16.tsv', `${frame}.to_csv(FILE, index=False, sep="\\t", encoding="utf-16")`, { values: named }),
  pandas('labelled.csv', `${labelled}.to_csv(FILE, index=False)`, {
    shape: [3],
    values: named,
    labels: [1, 0, 1],
    classes: ['run', 'walk'],
  }),
  pandas('unnamed.csv', 'pd.DataFrame(np.arange(6).reshape(2, 3) / 2).to_csv(FILE)', {
    values: list(6, (i) => i / 2),
  }),
  pandas('numbered.csv', 'pd.DataFrame(np.arange(6).reshape(2, 3) / 2).to_csv(FILE, index=False)', {
    values: list(6, (i) => i / 2),
  }),
];

const picture = (values: readonly number[], maximum = 255): Expected => {
  return { shape: [6, 7, values.length / PIXELS], maximum, values, within: maximum * 1e-6 };
};
const magick = (
  source: string,
  options: string,
  file: string,
  expected: Expected,
  size = '7x6',
  depth = 8,
): ToolFile => {
  const [, kind] = source.split('.');
  const how = `-size ${size} -depth ${depth}${depth === 16 ? ' -endian LSB' : ''} ${kind}:${source}`;
  return {
    file: file.replace(/^\w+:/, ''),
    tool: 'imagemagick',
    make: `convert ${how} ${options} -strip ${file}`,
    expected,
  };
};
const photo = (values: readonly number[], within: number): Expected => {
  return { shape: [16, 16, values.length / 256], maximum: 255, values, within };
};
const IMAGEMAGICK: ToolFile[] = [
  magick('grey.gray', '', 'grey8.png', picture(grey)),
  magick('colours.rgb', '', 'colours.png', picture(colours)),
  magick('few.rgb', '', 'PNG8:palette.png', picture(few)),
  magick('two.gray', '-depth 1', 'grey1.png', picture(two)),
  magick('four.gray', '-depth 2', 'grey2.png', picture(four)),
  magick('sixteen.gray', '-depth 4', 'grey4.png', picture(sixteen)),
  magick('deep.gray', '', 'grey16.png', picture(deep, 65535), '7x6', 16),
  magick('deep.rgb', '', 'colours16.png', picture(deepColours, 65535), '7x6', 16),
  magick('colours.rgb', '', 'PNG24:colours24.png', picture(colours)),
  magick('deep.rgb', '-interlace PNG', 'interlaced16.png', picture(deepColours, 65535), '7x6', 16),
  magick('colours.rgb', '-interlace PNG', 'PNG24:interlaced.png', picture(colours)),
  magick('four.gray', '-depth 2 -interlace PNG', 'interlaced2.png', picture(four)),
  magick('alpha.rgba', '', 'PNG32:alpha.png', picture(colours)),
  magick('colours.rgb', '', 'colours.bmp', picture(colours)),
  magick('few.rgb', '-type Palette', 'few.bmp', picture(few)),
  magick('many.rgb', '-type Palette', 'rle8.bmp', picture(many)),
  magick('many.rgb', '-type Palette -compress none', 'BMP3:palette8.bmp', picture(many)),
  magick('two.gray', '-monochrome', 'two.bmp', picture(two)),
  magick('colours.rgb', '', 'BMP2:os2.bmp', picture(colours)),
  magick('alpha.rgba', '', 'alpha.bmp', picture(colours)),
  magick('colours.rgb', '-define bmp:subtype=RGB565', 'rgb565.bmp', { ...picture(colours), within: 9 }),
  magick('smooth.gray', '-quality 95', 'grey.jpg', photo(smooth, 4), '16x16'),
  magick('smooth.rgb', '-quality 95 -sampling-factor 1x1', 'colours.jpg', photo(smoothColours, 6), '16x16'),
  magick(
    'smooth.rgb',
    '-quality 95 -sampling-factor 2x2 -interlace JPEG',
    'progressive.jpg',
    photo(smoothColours, 14),
    '16x16',
  ),
];

const quiet = 'ffmpeg -hide_banner -loglevel error -y -bitexact';
const bitexact = '-map_metadata -1 -fflags +bitexact -flags +bitexact';
const ffmpegSound = (
  source: string,
  channels: number,
  codec: string,
  file: string,
  expected: Expected,
): ToolFile => {
  const out = file.endsWith('-pipe.wav') ? `-f wav - | cat > ${file}` : file;
  const make = `${quiet} -f s32le -ar 8000 -ac ${channels} -i ${source} -c:a ${codec} ${bitexact} ${out}`;
  return { file, tool: 'ffmpeg', make, expected };
};
const ffmpegPicture = (
  source: string,
  from: string,
  to: string,
  file: string,
  expected: Expected,
): ToolFile => {
  const make = `${quiet} -f rawvideo -pix_fmt ${from} -s 7x6 -i ${source} -pix_fmt ${to} ${bitexact} -frames:v 1 ${file}`;
  return { file, tool: 'ffmpeg', make, expected };
};
const FFMPEG: ToolFile[] = [
  ffmpegSound('sound8.s32', 1, 'pcm_u8', 'ffmpeg-8.wav', { values: heard(8) }),
  ffmpegSound('sound16.s32', 1, 'pcm_s16le', 'ffmpeg-16.wav', { values: heard(16) }),
  ffmpegSound('sound16.s32', 2, 'pcm_s16le', 'ffmpeg-stereo.wav', { values: mean(heard(16)) }),
  ffmpegSound('sound24.s32', 1, 'pcm_s24le', 'ffmpeg-24.wav', { values: heard(24) }),
  ffmpegSound('sound24.s32', 1, 'pcm_s32le', 'ffmpeg-32.wav', { values: heard(24) }),
  ffmpegSound('sound24.s32', 1, 'pcm_f32le', 'ffmpeg-f32.wav', { values: heard(24) }),
  ffmpegSound('sound24.s32', 1, 'pcm_f64le', 'ffmpeg-f64.wav', { values: heard(24) }),
  ffmpegSound('sound16.s32', 1, 'pcm_s16le', 'ffmpeg-pipe.wav', { values: heard(16) }),
  ffmpegPicture('two.gray', 'gray', 'monob', 'ffmpeg-mono.bmp', picture(two)),
  ffmpegPicture('packed.rgb555', 'rgb555le', 'rgb555le', 'ffmpeg-555.bmp', {
    ...picture(fields([5, 5, 5])),
    within: 0.5,
  }),
  ffmpegPicture('packed.rgb565', 'rgb565le', 'rgb565le', 'ffmpeg-565.bmp', {
    ...picture(fields([5, 6, 5])),
    within: 0.5,
  }),
  ffmpegPicture('colours.rgb', 'rgb24', 'bgra', 'ffmpeg-32.bmp', picture(colours)),
  ffmpegPicture('alpha.graya', 'ya8', 'ya8', 'ffmpeg-alpha.png', picture(grey)),
  ffmpegPicture('two.gray', 'gray', 'monob', 'ffmpeg-mono.png', picture(two)),
];

const sox = (
  source: string,
  channels: number,
  options: string,
  file: string,
  expected: Expected,
): ToolFile => {
  const command = (from: string, to: string): string =>
    `sox -D -t s32 -r 8000 -c ${channels} ${from} ${options} ${to}`;
  // From a pipe sox does not know how long the sound is.
  const piped = `cat ${source} | ${command('-', '-t wav -')} | cat > ${file}`;
  const make = file.endsWith('-pipe.wav') ? piped : command(source, file);
  return { file, tool: 'sox', make, expected };
};
const SOX: ToolFile[] = [
  sox('sound8.s32', 1, '-b 8', 'sox-8.wav', { values: heard(8) }),
  sox('sound16.s32', 1, '-b 16', 'sox-16.wav', { values: heard(16) }),
  sox('sound24.s32', 1, '-b 24', 'sox-24.wav', { values: heard(24) }),
  sox('sound24.s32', 2, '-b 24', 'sox-stereo.wav', { values: mean(heard(24)) }),
  sox('sound24.s32', 1, '', 'sox-32.wav', { values: heard(24) }),
  sox('sound24.s32', 1, '-e floating-point -b 32', 'sox-f32.wav', { values: heard(24) }),
  sox('sound16.s32', 1, '-b 16', 'sox-pipe.wav', { values: heard(16) }),
];

export const TOOL_FILES: readonly ToolFile[] = [...NUMPY, ...PANDAS, ...IMAGEMAGICK, ...FFMPEG, ...SOX];
