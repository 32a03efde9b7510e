// NumPy's .npy format, versions 1.0 to 3.0, C order. Our own reader, because every wrong byte must have an error that
// says what to do; the libraries assume well-formed files.
import { BrownoutError } from '../error.js';

export type NpyType = 'int8' | 'uint8' | 'int16' | 'int32' | 'float32' | 'float64';

export interface NpyArray {
  dtype: NpyType;
  shape: number[];
  /** Of pictures: the last dimension is that of the channels, whatever the model takes. */
  channelsLast?: boolean;
  data: Int8Array | Uint8Array | Int16Array | Int32Array | Float32Array | Float64Array;
}

const MAGIC = '\x93NUMPY';
const TYPES = {
  '|i1': { dtype: 'int8', array: Int8Array },
  '|u1': { dtype: 'uint8', array: Uint8Array },
  '<i2': { dtype: 'int16', array: Int16Array },
  '<i4': { dtype: 'int32', array: Int32Array },
  '<f4': { dtype: 'float32', array: Float32Array },
  '<f8': { dtype: 'float64', array: Float64Array },
} as const;

function refuse(
  found: string,
  expected: string,
  hint = 'Save it with numpy.save, little-endian, C order.',
): never {
  throw new BrownoutError({ code: 'E_NPY', found, expected, hint });
}

/** Reads a .npy file. Throws `E_NPY`. */
export function readNpy(bytes: Uint8Array): NpyArray {
  const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes.length < 10 || text(0, 6) !== MAGIC)
    refuse('a file that does not start as .npy does', '\\x93NUMPY');
  const major = bytes[6]!;
  if (major < 1 || major > 3) refuse(`.npy version ${major}`, '1, 2 or 3');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const prefix = major === 1 ? 10 : 12;
  if (bytes.length < prefix) refuse(`${bytes.length} bytes`, 'a whole header');
  const headerBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = prefix + headerBytes;
  if (start > bytes.length || headerBytes > 65536)
    refuse(`a header of ${headerBytes} bytes`, 'one inside the file');
  const header = text(prefix, start);
  const descr = /'descr': *'([^']+)'/.exec(header)?.[1];
  const shapeText = /'shape': *\(([\d, ]*)\)/.exec(header)?.[1];
  if (descr === undefined || shapeText === undefined) refuse('a header without descr and shape', 'both');
  if (!/'fortran_order': *False/.test(header))
    refuse('an array in Fortran order', 'C order', 'Save np.ascontiguousarray(x).');
  const type = Object.hasOwn(TYPES, descr) && TYPES[descr as keyof typeof TYPES];
  if (!type) refuse(`element type ${descr}`, Object.keys(TYPES).join(', '));
  const shape = shapeText
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const need = count * type.array.BYTES_PER_ELEMENT;
  if (bytes.length - start !== need) {
    refuse(
      `${bytes.length - start} bytes of data`,
      `${need} for shape (${shape}) of ${type.dtype}`,
      'Save the file again.',
    );
  }
  return { dtype: type.dtype, shape, data: new type.array(Uint8Array.from(bytes.subarray(start)).buffer) };
}

/** Writes an array as .npy version 1.0, byte for byte as NumPy does. */
export function writeNpy({ dtype, shape, data }: NpyArray): Uint8Array {
  const descr = Object.entries(TYPES).find(([, type]) => type.dtype === dtype)![0];
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  header += `${' '.repeat(63 - ((10 + header.length) % 64))}\n`;
  const bytes = new Uint8Array(10 + header.length + data.byteLength);
  bytes.set([...`${MAGIC}\x01\x00`].map((c) => c.charCodeAt(0)));
  new DataView(bytes.buffer).setUint16(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return bytes;
}
