// Zip files for tests, true or not, and .npz files.
import { deflateRawSync } from 'node:zlib';
import { type NpyArray, writeNpy } from '../../host/data/npy.js';
import { crc32 } from '../../host/model/crc32.js';

const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);
const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

/** A member of a zip file as it is to be written, true or not. */
export interface Member {
  name: string;
  content: Uint8Array;
  method?: number;
  size?: number;
  crc?: number;
  flags?: number;
  /** Where the directory says that it is; default: where it is. */
  at?: number;
  zip64?: boolean;
}

export function zip(members: readonly Member[]): Uint8Array {
  const out: Uint8Array[] = [];
  let length = 0;
  const put = (...bytes: (number | Uint8Array)[]): void => {
    for (const part of bytes) {
      const piece = typeof part === 'number' ? Uint8Array.of(part) : part;
      out.push(piece);
      length += piece.length;
    }
  };
  const directory: number[] = [];
  for (const {
    name,
    content,
    method = 0,
    size = content.length,
    crc = crc32(content),
    flags = 0,
    at,
    zip64,
  } of members) {
    const place = at ?? length;
    const sizes = [...le(crc, 4), ...le(content.length, 4), ...le(size, 4)];
    const title = ascii(name);
    put(...ascii('PK\x03\x04'), ...le(45, 2), ...le(flags, 2), ...le(method, 2), ...le(0, 4), ...sizes);
    put(...le(title.length, 2), ...le(0, 2), ...title, content);
    const extra = zip64
      ? [...le(1, 2), ...le(24, 2), ...le(size, 8), ...le(content.length, 8), ...le(place, 8)]
      : [];
    const stated = zip64 ? [...le(crc, 4), ...le(0xffffffff, 4), ...le(0xffffffff, 4)] : sizes;
    directory.push(
      ...ascii('PK\x01\x02'),
      ...le(45, 2),
      ...le(45, 2),
      ...le(flags, 2),
      ...le(method, 2),
      ...le(0, 4),
    );
    directory.push(...stated, ...le(title.length, 2), ...le(extra.length, 2), ...le(0, 10));
    directory.push(...le(zip64 ? 0xffffffff : place, 4), ...title, ...extra);
  }
  const [start, count] = [length, members.length];
  put(Uint8Array.from(directory), ...ascii('PK\x05\x06'), ...le(0, 4), ...le(count, 2), ...le(count, 2));
  put(...le(directory.length, 4), ...le(start, 4), 0, 0);
  return new Uint8Array(Buffer.concat(out));
}

/** A .npz of arrays, stored or deflated. */
export function npz(arrays: Record<string, NpyArray>, method: 0 | 8 = 0): Uint8Array {
  const members = Object.entries(arrays).map(([name, array]): Member => {
    const raw = writeNpy(array);
    const content = method === 8 ? new Uint8Array(deflateRawSync(raw)) : raw;
    return { name: `${name}.npy`, content, method, size: raw.length, crc: crc32(raw) };
  });
  return zip(members);
}
