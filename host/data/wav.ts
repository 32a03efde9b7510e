// Sound: .wav of PCM with 8, 16, 24 or 32 bits, or of floats, plain or EXTENSIBLE.
import { BrownoutError } from '../error.js';

export interface Sound {
  sampleRate: number;
  channels: number;
  /** −1 to 1, [frames][channels]; floats as they are. */
  samples: Float32Array;
}

enum Format {
  PCM = 1,
  FLOAT = 3,
  EXTENSIBLE = 0xfffe,
}

const NAMES: Record<number, string> = { 2: 'ADPCM', 6: 'A-law', 7: 'µ-law', 17: 'IMA ADPCM', 85: 'MP3' };
/** The end of a format's GUID (RFC 2361); its first two bytes are the format. */
const GUID_TAIL = '000000001000800000aa00389b71';
/** A length from here on is what tools write that cannot go back, such as into a pipe: all that follows. */
const STREAMED = 0x7fff0000;

function refuse(
  found: string,
  expected: string,
  hint = 'The file is cut off or damaged: save or copy it again.',
): never {
  throw new BrownoutError({ code: 'E_WAV', found, expected, hint });
}

type Reader = (view: DataView, at: number) => number;

const READERS: Record<string, { bytes: number; read: Reader }> = {
  [`${Format.PCM}/8`]: { bytes: 1, read: (view, at) => (view.getUint8(at) - 128) / 128 },
  [`${Format.PCM}/16`]: { bytes: 2, read: (view, at) => view.getInt16(at, true) / 2 ** 15 },
  [`${Format.PCM}/24`]: {
    bytes: 3,
    read: (view, at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 2 ** 23,
  },
  [`${Format.PCM}/32`]: { bytes: 4, read: (view, at) => view.getInt32(at, true) / 2 ** 31 },
  [`${Format.FLOAT}/32`]: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  [`${Format.FLOAT}/64`]: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

interface Layout {
  sampleRate: number;
  channels: number;
  bytes: number;
  read: Reader;
}

function readFormat(view: DataView, at: number, length: number): Layout {
  if (length < 16) refuse(`a format of ${length} bytes`, 'at least 16');
  const [channels, bits] = [view.getUint16(at + 2, true), view.getUint16(at + 14, true)];
  let format = view.getUint16(at, true);
  if (format === Format.EXTENSIBLE && length >= 40) {
    const tail = Array.from({ length: 14 }, (_, i) =>
      view
        .getUint8(at + 26 + i)
        .toString(16)
        .padStart(2, '0'),
    );
    if (tail.join('') === GUID_TAIL) format = view.getUint16(at + 24, true);
  }
  const reader = READERS[`${format}/${bits}`];
  const sampleRate = view.getUint32(at + 4, true);
  if (!reader || channels < 1 || sampleRate < 1) {
    const name = NAMES[format] ?? `format ${format}`;
    const hint = 'Convert it: ffmpeg -i in.wav -c:a pcm_s16le out.wav';
    return refuse(
      `${name}, ${channels} channels, ${bits} bits at ${sampleRate} Hz`,
      'PCM of 8, 16, 24 or 32 bits, or floats',
      hint,
    );
  }
  return { sampleRate, channels, ...reader };
}

/** Reads a .wav. Throws `E_WAV`. */
export function readWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let layout: Layout | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    const [stated, rest] = [view.getUint32(at + 4, true), bytes.length - at - 8];
    const length = name === 'data' && stated >= STREAMED ? rest : stated;
    if (length > rest)
      refuse(
        `a chunk "${name.replace(/[^ -~]/g, '?')}" of ${length} bytes`,
        `at most ${rest}, to the end of the file`,
      );
    if (name === 'fmt ') layout = readFormat(view, at + 8, length);
    if (name === 'data') {
      if (!layout) return refuse('samples before their format', 'a chunk "fmt " before');
      const { sampleRate, channels, read, bytes: width } = layout;
      const samples = new Float32Array(Math.floor(length / (width * channels)) * channels);
      for (let i = 0; i < samples.length; i++) samples[i] = read(view, at + 8 + i * width);
      const wrong = samples.findIndex((value) => !Number.isFinite(value));
      if (wrong >= 0) refuse(`${samples[wrong]} as sample ${wrong}`, 'finite numbers');
      return { sampleRate, channels, samples };
    }
    at += 8 + length + (length & 1);
  }
  return refuse('no samples', 'a chunk "data"');
}

/** The mean of all channels. */
export function mono({ channels, samples }: Sound): Float32Array {
  if (channels === 1) return samples;
  return Float32Array.from({ length: samples.length / channels }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += samples[i * channels + c]!;
    return sum / channels;
  });
}
