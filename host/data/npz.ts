// Arrays of a .npz: a zip of .npy files, stored or deflated.
import { inflateRawSync } from 'node:zlib';
import { BrownoutError } from '../error.js';
import { type NpyArray, readNpy } from './npy.js';

const MOST_BYTES = 1 << 30;

function refuse(found: string, expected: string): never {
  const hint = 'Save it with numpy.savez or savez_compressed.';
  throw new BrownoutError({ code: 'E_NPZ', found, expected, hint });
}

/** Reads every array of a .npz by its name. Throws `E_NPZ`, `E_NPY`. */
export function readNpz(bytes: Uint8Array): Map<string, NpyArray> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) refuse('no directory', 'a whole zip file');
  const count = view.getUint16(end + 10, true);
  const arrays = new Map<string, NpyArray>();
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50)
      refuse(`entry ${i} of ${count} outside the file`, 'a whole directory');
    const [method, packed, size] = [
      view.getUint16(at + 10, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 24, true),
    ];
    const [nameBytes, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameBytes));
    at += 46 + nameBytes + extra + comment;
    if (!name.endsWith('.npy')) continue;
    if (local + 30 > bytes.length) refuse(`"${name}" outside the file`, 'it inside');
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const content = bytes.subarray(start, start + packed);
    if (content.length !== packed || size > MOST_BYTES)
      refuse(`"${name}" of ${size} bytes`, 'it inside the file');
    if (method !== 0 && method !== 8) refuse(`"${name}" packed by method ${method}`, 'stored or deflated');
    let raw: Uint8Array = content;
    if (method === 8) {
      try {
        raw = inflateRawSync(content, { maxOutputLength: Math.max(size, 1) });
      } catch {
        refuse(`"${name}" that does not unpack`, `${size} bytes`);
      }
    }
    arrays.set(name.slice(0, -'.npy'.length), readNpy(raw));
  }
  return arrays;
}
