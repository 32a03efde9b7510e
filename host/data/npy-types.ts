// Element types of .npy files: how each is read into memory and written back.

interface Arrays {
  bool: Uint8Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  /** Exact: integers beyond ±2^53 are refused. */
  int64: Float64Array;
  uint64: Float64Array;
  /** Every half is a float32. */
  float16: Float32Array;
  float32: Float32Array;
  float64: Float64Array;
}

/** Types of .npy arrays that are read, by NumPy’s names. */
export type NpyType = keyof Arrays;
/** The values of an array; which typed array it is follows from `NpyType`. */
export type NpyData = Arrays[NpyType];

/** A file's element type: its code after the byte order, its size, and how one element is read and written. */
interface ElementType {
  code: string;
  bytes: number;
  /** A new array in memory. */
  array: (length: number) => NpyData;
  get: (view: DataView, at: number, little: boolean) => number;
  set: (view: DataView, at: number, value: number) => void;
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  if (exponent === 0) return (sign * fraction) / 2 ** 24;
  return (sign * (1024 + fraction) * 2 ** exponent) / 2 ** 25;
}

/** The bits of the half nearest to `value`, ties to even. */
function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  let exponent = 1;
  while (exponent < 30 && size >= 2 ** (exponent - 14)) exponent++;
  // In units of the last place; a subnormal has the exponent of the least normal.
  const units = size * 2 ** (25 - exponent);
  const low = Math.floor(units);
  const rest = units - low;
  const rounded = low + (rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? 1 : 0);
  // A carry out of the fraction goes into the exponent by itself.
  return sign | (rounded < 1024 ? rounded : ((exponent - 1) << 10) + rounded);
}

export const NPY_TYPES: Readonly<Record<NpyType, ElementType>> = {
  bool: {
    code: 'b1',
    bytes: 1,
    array: (length) => new Uint8Array(length),
    get: (view, at) => view.getUint8(at),
    set: (view, at, value) => view.setUint8(at, value),
  },
  int8: {
    code: 'i1',
    bytes: 1,
    array: (length) => new Int8Array(length),
    get: (view, at) => view.getInt8(at),
    set: (view, at, value) => view.setInt8(at, value),
  },
  uint8: {
    code: 'u1',
    bytes: 1,
    array: (length) => new Uint8Array(length),
    get: (view, at) => view.getUint8(at),
    set: (view, at, value) => view.setUint8(at, value),
  },
  int16: {
    code: 'i2',
    bytes: 2,
    array: (length) => new Int16Array(length),
    get: (view, at, little) => view.getInt16(at, little),
    set: (view, at, value) => view.setInt16(at, value, true),
  },
  uint16: {
    code: 'u2',
    bytes: 2,
    array: (length) => new Uint16Array(length),
    get: (view, at, little) => view.getUint16(at, little),
    set: (view, at, value) => view.setUint16(at, value, true),
  },
  int32: {
    code: 'i4',
    bytes: 4,
    array: (length) => new Int32Array(length),
    get: (view, at, little) => view.getInt32(at, little),
    set: (view, at, value) => view.setInt32(at, value, true),
  },
  uint32: {
    code: 'u4',
    bytes: 4,
    array: (length) => new Uint32Array(length),
    get: (view, at, little) => view.getUint32(at, little),
    set: (view, at, value) => view.setUint32(at, value, true),
  },
  int64: {
    code: 'i8',
    bytes: 8,
    array: (length) => new Float64Array(length),
    get: (view, at, little) => Number(view.getBigInt64(at, little)),
    set: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  },
  uint64: {
    code: 'u8',
    bytes: 8,
    array: (length) => new Float64Array(length),
    get: (view, at, little) => Number(view.getBigUint64(at, little)),
    set: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  },
  float16: {
    code: 'f2',
    bytes: 2,
    array: (length) => new Float32Array(length),
    get: (view, at, little) => halfToNumber(view.getUint16(at, little)),
    set: (view, at, value) => view.setUint16(at, numberToHalf(value), true),
  },
  float32: {
    code: 'f4',
    bytes: 4,
    array: (length) => new Float32Array(length),
    get: (view, at, little) => view.getFloat32(at, little),
    set: (view, at, value) => view.setFloat32(at, value, true),
  },
  float64: {
    code: 'f8',
    bytes: 8,
    array: (length) => new Float64Array(length),
    get: (view, at, little) => view.getFloat64(at, little),
    set: (view, at, value) => view.setFloat64(at, value, true),
  },
};

const TYPE_NAMES = Object.keys(NPY_TYPES) as NpyType[];

/** The type of `descr`, such as `<f4`; undefined: none that is read as numbers. */
export function npyType(descr: string): { dtype: NpyType; little: boolean } | undefined {
  const [, order, code] = /^([<>|=])([a-z]\d)$/.exec(descr) ?? [];
  const dtype = TYPE_NAMES.find((name) => NPY_TYPES[name].code === code);
  return dtype && { dtype, little: order !== '>' };
}

/** The `descr` NumPy writes for a type. */
export const npyDescr = (dtype: NpyType): string =>
  `${NPY_TYPES[dtype].bytes === 1 ? '|' : '<'}${NPY_TYPES[dtype].code}`;

/** Whether a type holds reals rather than integers. */
export const isFloat = (dtype: NpyType): boolean => NPY_TYPES[dtype].code.startsWith('f');
