// Twiddles of firmware/brownout_accel_ntt.h, in the order in which its passes read them.
import { NTT_PRIME } from '../../assembly/layout.js';
import { unityResidue } from '../ops/circulant/field.js';

/** Block sizes that the transform has. */
export const NTT_SIZES: readonly number[] = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/** Passes of the forward transform, of eight values or four each; the inverse has them in reverse. */
function passes(k: number): (4 | 8)[] {
  const stages = 31 - Math.clz32(k);
  const fours = (stages * 2) % 3;
  const eights = (stages - 2 * fours) / 3;
  return [...Array<4>(fours).fill(4), ...Array<8>(eights).fill(8)];
}

function reversed(value: number, size: number): number {
  let result = 0;
  for (let bit = 1; bit < size; bit *= 2) result = result * 2 + (value & bit ? 1 : 0);
  return result;
}

/** Exponents of ω in one pass: `at(layer, block)` for each layer of 1, 2, 4 blocks. `plain`: without those that are 1. */
function exponents(radix: number, plain: boolean, at: (blocks: number, block: number) => number): number[] {
  const found: number[] = [];
  for (let blocks = 1; blocks < radix; blocks *= 2)
    for (let block = 0; block < blocks; block++) found.push(at(blocks, block));
  // Of a plain pass only the last layer's are kept: that before has the same first ones.
  return plain ? found.slice(radix / 2) : found;
}

/** Exponents of ω, of order k, of the whole forward transform: block b of so many has ω^brv(b). */
function forwardExponents(k: number): number[] {
  const found: number[] = [];
  let before = 1;
  for (const radix of passes(k)) {
    for (let group = 0; group < before; group++)
      found.push(
        ...exponents(radix, before === 1, (blocks, block) => reversed(group * blocks + block, k / 2)),
      );
    before *= radix;
  }
  return found;
}

/** Of the inverse: position j of blocks of 2·h·s has ω^(−j·k/(2·h·s)). */
function inverseExponents(k: number): number[] {
  const found: number[] = [];
  let stride = 1;
  for (const radix of passes(k).reverse()) {
    for (let position = 0; position < stride; position++)
      found.push(
        ...exponents(radix, stride === 1, (half, block) => {
          const j = position + stride * reversed(block, half);
          return (-j * k) / (2 * half * stride);
        }),
      );
    stride *= radix;
  }
  return found;
}

/** w, and w · 2³² / p rounded, of ω^exponent; 1 is as good as any. */
function pair(k: number, exponent: number): [number, number] {
  const w = unityResidue(k, exponent);
  return [w, Math.round((w * 2 ** 32) / NTT_PRIME) | 0];
}

/** Twiddles of a block size, of the forward transform or of the inverse. */
export function nttTwiddles(k: number, inverse: boolean): Int32Array {
  const exponents = inverse ? inverseExponents(k) : forwardExponents(k);
  return Int32Array.from(exponents.flatMap((exponent) => pair(k, exponent)));
}

function table(k: number, inverse: boolean): string[] {
  const words = [...nttTwiddles(k, inverse)];
  const rows = Array.from({ length: Math.ceil(words.length / 8) }, (_, row) =>
    words.slice(row * 8, row * 8 + 8).join(', '),
  );
  const name = `ntt_${inverse ? 'inverse' : 'forward'}_twiddles_${k}`;
  return [`static const int32_t ${name}[] = {`, ...rows.map((row) => `  ${row},`), '};'];
}

/** What an image's circulant layers by transform ask of brownout_accel_ntt.h. */
export interface Transforms {
  sizes: readonly number[];
  /** The most blocks in a row. */
  blocks: number;
  /** Whether a layer clamps to less than int8. */
  clamped: boolean;
}

/** What brownout_accel_ntt.h wants defined. */
export function nttTables({ sizes, blocks, clamped }: Transforms): string {
  return [
    `#define BROWNOUT_NTT_SIZES(x) ${sizes.map((k) => `x(${k})`).join(' ')}`,
    `#define BROWNOUT_NTT_BLOCKS ${blocks}`,
    ...(clamped ? ['#define BROWNOUT_NTT_CLAMPED'] : []),
    ...sizes.flatMap((k) => [...table(k, false), ...table(k, true)]),
    '#include "brownout_accel_ntt.h"',
    '',
  ].join('\n');
}
