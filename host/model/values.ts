import { ActivationType as Code } from '../../assembly/layout.js';

/** Activations as they are computed with. */
export type Values = Int8Array | Int16Array;

/** Types of activations, as an op record and a table of tensors have them. */
export const ACTIVATION_TYPES = {
  int8: Code.INT8,
  int16: Code.INT16,
} as const satisfies Record<Lowercase<keyof typeof Code>, Code>;

/** Integers that activations are: `int8` or `int16`. */
export type ActivationType = keyof typeof ACTIVATION_TYPES;

/** Integers as NVM holds them: little-endian, whatever the host is. */
export function littleEndian(values: Values | Int32Array | BigInt64Array): Uint8Array {
  if (values instanceof Int8Array) return new Uint8Array(values.buffer, values.byteOffset, values.length);
  const bytes = new Uint8Array(values.byteLength);
  const view = new DataView(bytes.buffer);
  if (values instanceof BigInt64Array) {
    values.forEach((value, i) => {
      view.setBigInt64(i * 8, value, true);
    });
  } else if (values instanceof Int32Array) {
    values.forEach((value, i) => {
      view.setInt32(i * 4, value, true);
    });
  } else {
    values.forEach((value, i) => {
      view.setInt16(i * 2, value, true);
    });
  }
  return bytes;
}

/** A copy of activations in NVM. */
export function valuesFrom(bytes: Uint8Array, dtype: ActivationType | undefined): Values {
  if (dtype !== 'int16') return new Int8Array(bytes.slice().buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int16Array.from({ length: bytes.length / 2 }, (_, i) => view.getInt16(i * 2, true));
}
