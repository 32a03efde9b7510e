// A .npz for tests: a zip of .npy files, stored or deflated.
import { deflateRawSync } from 'node:zlib';
import { type NpyArray, writeNpy } from '../../host/data/npy.js';
import { crc32 } from '../../host/model/crc32.js';

const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255);
const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

export function npz(arrays: Record<string, NpyArray>, method: 0 | 8 = 0): Uint8Array {
  const out: number[] = [];
  const directory: number[] = [];
  for (const [name, array] of Object.entries(arrays)) {
    const raw = writeNpy(array);
    const content = method === 8 ? deflateRawSync(raw) : raw;
    const file = ascii(`${name}.npy`);
    const sizes = [...le(crc32(raw), 4), ...le(content.length, 4), ...le(raw.length, 4)];
    const at = out.length;
    out.push(...ascii('PK\x03\x04'), ...le(20, 2), 0, 0, ...le(method, 2), ...le(0, 4), ...sizes);
    out.push(...le(file.length, 2), 0, 0, ...file, ...content);
    directory.push(
      ...ascii('PK\x01\x02'),
      ...le(20, 2),
      ...le(20, 2),
      0,
      0,
      ...le(method, 2),
      ...le(0, 4),
      ...sizes,
    );
    directory.push(...le(file.length, 2), ...le(0, 12), ...le(at, 4), ...file);
  }
  const start = out.length;
  const count = Object.keys(arrays).length;
  const counts = [...le(count, 2), ...le(count, 2)];
  out.push(
    ...directory,
    ...ascii('PK\x05\x06'),
    ...le(0, 4),
    ...counts,
    ...le(directory.length, 4),
    ...le(start, 4),
    0,
    0,
  );
  return Uint8Array.from(out);
}
