// Types of weights: the values they take, and how a row of them lies in NVM. A type is an entry here (docs/CONTRIBUTING.md).
import { WeightType as Code } from '../../assembly/layout.js';
import { refuseRecord } from './image-error.js';

/** One type of weights. */
export interface WeightFormat<Bits extends number = number> {
  /** As an op record has it. */
  code: Code;
  /** Bits a weight takes. */
  bits: Bits;
  /** The least and the largest weight, and how far apart two are that follow each other. */
  least: number;
  most: number;
  step: number;
  /** Bytes of a row of `count` weights; every row begins a byte. */
  rowBytes(count: number): number;
  /** A row of weights as NVM holds it. */
  pack(row: Int8Array): Uint8Array;
  /** The `count` weights of a row. */
  unpack(bytes: Uint8Array, count: number): Int8Array;
}

/** Integers of `bits` bits in two's complement, one behind the other, the first in the low bits of the first byte. */
function integers<Bits extends number>(code: Code, bits: Bits): WeightFormat<Bits> {
  const rowBytes = (count: number): number => Math.ceil((count * bits) / 8);
  const mask = 2 ** bits - 1;
  return {
    code,
    bits,
    least: -(2 ** (bits - 1)),
    most: 2 ** (bits - 1) - 1,
    step: 1,
    rowBytes,
    pack(row) {
      const bytes = new Uint8Array(rowBytes(row.length) + 1);
      row.forEach((w, i) => {
        const [at, shift] = [(i * bits) >> 3, (i * bits) & 7];
        const both = (w & mask) << shift;
        bytes[at]! |= both;
        bytes[at + 1]! |= both >> 8;
      });
      return bytes.subarray(0, -1);
    },
    unpack(bytes, count) {
      return Int8Array.from({ length: count }, (_, i) => {
        const [at, shift] = [(i * bits) >> 3, (i * bits) & 7];
        const both = bytes[at]! | ((bytes[at + 1] ?? 0) << 8);
        return ((both >> shift) << (32 - bits)) >> (32 - bits);
      });
    },
  };
}

/** −3, −1, 1 and 3, as code c = 0 … 3, w = 2c − 3: a byte has the lower bits of four, and above them their upper bits. */
const twoBits: WeightFormat<2> = {
  code: Code.INT2,
  bits: 2,
  least: -3,
  most: 3,
  step: 2,
  rowBytes: (count) => Math.ceil(count / 4),
  pack(row) {
    const bytes = new Uint8Array(Math.ceil(row.length / 4));
    row.forEach((w, i) => {
      const code = (w + 3) >> 1;
      bytes[i >> 2]! |= ((code & 1) | ((code >> 1) << 4)) << (i & 3);
    });
    return bytes;
  },
  unpack(bytes, count) {
    return Int8Array.from({ length: count }, (_, i) => {
      const four = bytes[i >> 2]! >> (i & 3);
      return 2 * ((four & 1) + ((four >> 3) & 2)) - 3;
    });
  },
};

/** −1 and 1, as bits 0 and 1, the first in the lowest bit of the first byte. */
const oneBit: WeightFormat<1> = {
  code: Code.INT1,
  bits: 1,
  least: -1,
  most: 1,
  step: 2,
  rowBytes: (count) => Math.ceil(count / 8),
  pack(row) {
    const bytes = new Uint8Array(Math.ceil(row.length / 8));
    row.forEach((w, i) => {
      if (w > 0) bytes[i >> 3]! |= 1 << (i & 7);
    });
    return bytes;
  },
  unpack: (bytes, count) =>
    Int8Array.from({ length: count }, (_, i) => (((bytes[i >> 3]! >> (i & 7)) & 1) << 1) - 1),
};

/** By name, as `Conv2d.weightType` and others say. */
export const WEIGHT_TYPES = {
  int8: integers(Code.INT8, 8),
  int4: integers(Code.INT4, 4),
  int2: twoBits,
  int1: oneBit,
} as const satisfies Record<Lowercase<keyof typeof Code>, WeightFormat>;

/** Types of weights that kernels take. */
export type WeightType = keyof typeof WEIGHT_TYPES;
/** Bits of a weight. */
export type WeightBits = (typeof WEIGHT_TYPES)[WeightType]['bits'];

const ALL = Object.entries(WEIGHT_TYPES) as [WeightType, WeightFormat<WeightBits>][];

/** The weights of `bits` bits. */
export function weightTypeOf(bits: WeightBits): WeightType {
  const [name] = ALL.find(([, format]) => format.bits === bits)!;
  return name;
}

/** Whether a type has weight `w`. */
export function hasWeight({ least, most, step }: WeightFormat, w: number): boolean {
  return Number.isInteger(w) && w >= least && w <= most && (w - least) % step === 0;
}

/** The weight of a type that is nearest to `x`: halves away from zero, and upwards where weights are odd. */
export function nearestWeight({ least, most, step }: WeightFormat, x: number): number {
  const whole = step === 1 ? Math.sign(x) * Math.floor(Math.abs(x) + 0.5) : 2 * Math.floor(x / 2) + 1;
  return Math.max(-most, least, Math.min(most, whole));
}

/** The type that a record names. Throws where there is none of that code. */
export function weightTypeOfCode(code: number): WeightType {
  const found = ALL.find(([, format]) => format.code === code);
  return found ? found[0] : refuseRecord(`weights of type ${code}`, 'a type of docs/FORMAT.md');
}

/** `rows` rows of `length` weights, as NVM holds them. */
export function packRows(type: WeightType, weights: Int8Array, length: number): Uint8Array {
  const format = WEIGHT_TYPES[type];
  const row = format.rowBytes(length);
  const rows = Math.ceil(weights.length / length);
  const packed = new Uint8Array(rows * row);
  for (let i = 0; i < rows; i++)
    packed.set(format.pack(weights.subarray(i * length, (i + 1) * length)), i * row);
  return packed;
}

/** `rows` rows of `length` weights from byte `at` on. */
export function unpackRows(
  type: WeightType,
  bytes: Uint8Array,
  at: number,
  rows: number,
  length: number,
): Int8Array {
  const format = WEIGHT_TYPES[type];
  const row = format.rowBytes(length);
  const weights = new Int8Array(rows * length);
  for (let i = 0; i < rows; i++)
    weights.set(format.unpack(bytes.subarray(at + i * row, at + (i + 1) * row), length), i * length);
  return weights;
}
