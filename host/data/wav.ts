// Sound: .wav of 8- or 16-bit PCM.
import { BrownoutError } from '../error.js';

export interface Sound {
  sampleRate: number;
  /** −1 to 1, the mean of all channels. */
  samples: Float32Array;
}

function refuse(found: string, expected: string): never {
  throw new BrownoutError({ code: 'E_WAV', found, expected, hint: 'Save it as PCM, 8 or 16 bits.' });
}

/** Reads a .wav. Throws `E_WAV`. */
export function readWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: number | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    const length = Math.min(view.getUint32(at + 4, true), bytes.length - at - 8);
    if (name === 'fmt ' && length >= 16) format = at + 8;
    if (name === 'data') {
      if (format === undefined) return refuse('samples before their format', 'a chunk "fmt " before');
      const [kind, channels, bits] = [0, 2, 14].map((field) => view.getUint16(format! + field, true)) as [
        number,
        number,
        number,
      ];
      if (kind !== 1 || channels < 1 || (bits !== 8 && bits !== 16))
        refuse(`format ${kind}, ${channels} channels, ${bits} bits`, 'PCM (1) of 8 or 16 bits');
      const frame = (channels * bits) / 8;
      const value = (i: number): number =>
        bits === 8 ? (bytes[at + 8 + i]! - 128) / 128 : view.getInt16(at + 8 + i * 2, true) / 32768;
      const samples = Float32Array.from({ length: Math.floor(length / frame) }, (_, i) => {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += value(i * channels + c);
        return sum / channels;
      });
      return { sampleRate: view.getUint32(format + 4, true), samples };
    }
    at += 8 + length + (length & 1);
  }
  return refuse('no samples', 'a chunk "data"');
}
