// NumPy's .npy format, versions 1.0 to 3.0. Our own reader, because every wrong byte must have an error that says what
// to do; the libraries assume well-formed files.
import { BrownoutError, checkBytes, checkFields } from '../error.js';
import { NPY_TYPES, type NpyData, npyDescr, type NpyType, npyType } from './npy-types.js';

/** An array as NumPy has it, read from a .npy file or made in code. */
export interface NpyArray {
  /** The type in the file. `data` holds its values exactly: int64 and uint64 as float64, float16 as float32. */
  dtype: NpyType;
  shape: number[];
  /** In C order, whatever the file's. */
  data: NpyData;
}

const MAGIC = '\x93NUMPY';
const LARGEST_HEADER = 65536;

function refuse(found: string, expected: string, hint = 'Save it again with numpy.save.'): never {
  throw new BrownoutError({ code: 'E_NPY', found, expected, hint });
}

interface Header {
  descr: string;
  fortran: boolean;
  shape: number[];
  count: number;
  /** Where elements begin. */
  start: number;
}

function readHeader(bytes: Uint8Array): Header {
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
  if (start > bytes.length || headerBytes > LARGEST_HEADER)
    refuse(`a header of ${headerBytes} bytes`, 'one inside the file');
  const header = text(prefix, start);
  const descr = /'descr': *('[^']+'|\[)/.exec(header)?.[1];
  // Python 2 writes whole numbers as 3L.
  const shapeText = /'shape': *\(([\dL, ]*)\)/.exec(header)?.[1];
  const order = /'fortran_order': *(False|True)/.exec(header)?.[1];
  if (descr === undefined || shapeText === undefined || order === undefined)
    return refuse('a header without descr, fortran_order or shape', 'all three');
  if (descr === '[') refuse('a structured array', 'one array of numbers', 'Save each field by itself.');
  const sizes = shapeText.split(',').map((size) => size.trim().replace(/L$/, ''));
  const shape = sizes.filter((size) => size !== '').map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  if (![count, ...shape].every((size) => Number.isSafeInteger(size) && size >= 0))
    refuse(`shape (${shapeText})`, 'whole numbers, and a product below 2^53');
  return { descr: descr.slice(1, -1), fortran: order === 'True', shape, count, start };
}

/** Throws `E_NPY` unless exactly the elements follow the header. */
function checkLength(bytes: Uint8Array, { start, count, shape, descr }: Header, elementBytes: number): void {
  const [have, need] = [bytes.length - start, count * elementBytes];
  if (have !== need)
    refuse(
      `${have} bytes of data`,
      `${need} for shape (${shape}) of ${descr}`,
      'The file is cut off or damaged.',
    );
}

/** Where in C order the elements lie that a file holds in Fortran order. */
function fortranPlaces(shape: readonly number[]): (index: number) => number {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  return (index) => {
    let [rest, place] = [index, 0];
    for (let axis = 0; axis < shape.length; axis++) {
      const size = shape[axis]!;
      place += (rest % size) * strides[axis]!;
      rest = Math.floor(rest / size);
    }
    return place;
  };
}

const HINTS: Record<string, string> = {
  O: 'It holds Python objects: make numbers of them, np.array(list(x), dtype=np.float32).',
  c: 'Give real and imaginary parts as two numbers: np.stack([x.real, x.imag], -1).',
  g: 'Convert it: x.astype(np.float64).',
  U: 'Texts are read as names of classes only.',
  M: 'Convert times to numbers: x.astype(np.int64).',
  m: 'Convert times to numbers: x.astype(np.int64).',
};

function hintFor(descr: string): string {
  const kind = descr === '<f16' || descr === '>f16' ? 'g' : (descr[1] ?? '');
  return Object.hasOwn(HINTS, kind) ? HINTS[kind]! : 'Convert it: x.astype(np.float32).';
}

/**
 * Reads a .npy file: integers of 8 to 64 bits, floats of 16, 32 or 64, bool; any byte order, C or Fortran order. Throws
 * `E_NPY`, also on integers beyond ±2^53, which no number here can hold.
 */
export function readNpy(bytes: Uint8Array): NpyArray {
  checkBytes(bytes, 'a .npy file');
  const header = readHeader(bytes);
  const { descr, shape, start, count } = header;
  const type = npyType(descr);
  if (!type) return refuse(`element type ${descr}`, 'bool, integers or floats', hintFor(descr));
  const { dtype, little } = type;
  const element = NPY_TYPES[dtype];
  checkLength(bytes, header, element.bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
  const data = element.array(count);
  const placeOf = header.fortran && shape.length > 1 ? fortranPlaces(shape) : undefined;
  const large = dtype === 'int64' || dtype === 'uint64';
  for (let i = 0; i < count; i++) {
    const value = element.get(view, i * element.bytes, little);
    if (large && !Number.isSafeInteger(value)) {
      const exact = dtype === 'int64' ? view.getBigInt64(i * 8, little) : view.getBigUint64(i * 8, little);
      refuse(`${exact} at element ${i}`, 'integers within ±(2^53 − 1)', 'Convert it: x.astype(np.float64).');
    }
    if (dtype === 'bool' && value > 1) refuse(`byte ${value} at element ${i} of bool`, '0 or 1');
    data[placeOf ? placeOf(i) : i] = value;
  }
  return { dtype, shape, data };
}

/** Characters of one text, at most. */
const LONGEST_TEXT = 1024;

/** The texts of a .npy of str (`<U…`) or bytes (`|S…`); undefined: it holds something else. Throws `E_NPY`. */
export function readNpyTexts(bytes: Uint8Array): string[] | undefined {
  const header = readHeader(bytes);
  const [, order, kind, digits] = /^([<>|=])([US])(\d+)$/.exec(header.descr) ?? [];
  if (kind === undefined) return undefined;
  const [length, width] = [Number(digits), kind === 'U' ? 4 : 1];
  if (length < 1 || length > LONGEST_TEXT) refuse(`texts of ${digits} characters`, `1 to ${LONGEST_TEXT}`);
  checkLength(bytes, header, length * width);
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.start, bytes.length - header.start);
  return Array.from({ length: header.count }, (_, i) => {
    const codes = Array.from({ length }, (_, c) => {
      const at = (i * length + c) * width;
      return width === 4 ? view.getUint32(at, order !== '>') : view.getUint8(at);
    });
    if (codes.some((code) => code > 0x10ffff)) refuse(`a character beyond Unicode in text ${i}`, 'Unicode');
    return String.fromCodePoint(...codes).replace(/\0+$/, '');
  });
}

/** Writes an array as .npy version 1.0, byte for byte as NumPy does. */
export function writeNpy(array: NpyArray): Uint8Array {
  const { dtype, shape, data } = checkFields(array, 'an array', 'dtype', 'shape', 'data');
  const element = NPY_TYPES[dtype];
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  let header = `{'descr': '${npyDescr(dtype)}', 'fortran_order': False, 'shape': (${tuple}), }`;
  header += `${' '.repeat(63 - ((10 + header.length) % 64))}\n`;
  const start = 10 + header.length;
  const bytes = new Uint8Array(start + data.length * element.bytes);
  bytes.set([...`${MAGIC}\x01\x00`].map((c) => c.charCodeAt(0)));
  const view = new DataView(bytes.buffer);
  view.setUint16(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), 10);
  for (let i = 0; i < data.length; i++) element.set(view, start + i * element.bytes, data[i]!);
  return bytes;
}
