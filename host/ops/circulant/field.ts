// The transform's field on the host: p = 5·2²⁵ + 1 (docs/DESIGN.md §5). Plain BigInt, no Montgomery tricks.
import { NTT_PRIME } from '../../../assembly/layout.js';

const P = BigInt(NTT_PRIME);
/** R = 2³² of the device's Montgomery form. */
const R = 1n << 32n;
const PRIMITIVE_ROOT = 3n;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base % P, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P)
    if (e & 1n) result = (result * b) % P;
  return result;
}

const inverse = (x: bigint): bigint => power(x, P - 2n);

/** The representative in ±p/2, as the device keeps it. */
function signed(x: bigint): number {
  const r = ((x % P) + P) % P;
  return Number(r > P / 2n ? r - P : r);
}

const rootOfUnity = (k: number): bigint => power(PRIMITIVE_ROOT, (P - 1n) / BigInt(k));

/** ω^exponent, ω of order k. */
export function unityResidue(k: number, exponent: number): number {
  return signed(power(rootOfUnity(k), BigInt(((exponent % k) + k) % k)));
}

/** 2⁻³²: what Montgomery's reduction multiplies by. */
export const unscaledResidue = (): number => signed(inverse(R));

/** ω of order k in Montgomery form. */
export const transformRoot = (k: number): number => signed(rootOfUnity(k) * R);

/** 2⁶⁴/k: what spectra of inputs are multiplied by where those of weights come without 2³²/k. */
export const computedFactor = (k: number): number => signed(R * R * inverse(BigInt(k)));

/**
 * The stored spectrum of a block's first column: NTT(w)·2³²/k mod p in ±p/2, frequencies in bit-reversed order, so that
 * the device's transform, product, Montgomery reduction and transform back give exactly Σ w[(r − c) mod k]·x[c].
 */
export function blockSpectrum(w: Int8Array): Int32Array {
  const k = w.length;
  const scale = (R * inverse(BigInt(k))) % P;
  const root = rootOfUnity(k);
  const spectrum = new Int32Array(k);
  const bits = Math.log2(k);
  const powers: bigint[] = [1n];
  for (let i = 1; i < k; i++) powers.push((powers[i - 1]! * root) % P);
  for (let position = 0; position < k; position++) {
    let frequency = 0;
    for (let bit = 0; bit < bits; bit++) frequency |= ((position >> bit) & 1) << (bits - 1 - bit);
    let sum = 0n;
    for (let i = 0; i < k; i++) sum += BigInt(w[i]!) * powers[(i * frequency) % k]!;
    spectrum[position] = signed(sum * scale);
  }
  return spectrum;
}
