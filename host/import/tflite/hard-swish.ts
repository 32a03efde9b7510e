// HARD_SWISH of int8 as TFLite's reference kernel has it (reference_ops.h, HardSwish), value by value.
import { quantizeMultiplier, type Quantization } from '../../model/quantized-network.js';

const int16 = (value: number): number => Math.max(-32768, Math.min(32767, value));

/** gemmlowp's SaturatingRoundingDoublingHighMul of int16. */
function doublingHighMul(a: number, b: number): number {
  if (a === -32768 && b === -32768) return 32767;
  const product = a * b;
  return Math.trunc((product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
}

/** gemmlowp's RoundingDivideByPOT. */
function roundingShift(value: number, exponent: number): number {
  const mask = 2 ** exponent - 1;
  const remainder = value & mask;
  return (value >> exponent) + (remainder > (mask >> 1) + (value < 0 ? 1 : 0) ? 1 : 0);
}

/** A factor as a multiplier of 16 bits and an exponent: DownScaleInt32ToInt16Multiplier. */
function multiplier16(factor: number): { multiplier: number; shift: number } {
  const { multiplier, shift } = quantizeMultiplier(factor);
  const most = 2 ** 31 - 1 - (1 << 15);
  return { multiplier: multiplier >= most ? 32767 : (multiplier + (1 << 15)) >> 16, shift };
}

/** The output for each input from −128 on. */
export function hardSwishTable(input: Quantization, output: Quantization): Int8Array {
  // TFLite computes the scales in float32.
  const fine = Math.fround(Math.fround(1 / 128) * Math.fround(input.scale));
  const toOutput = multiplier16(Math.fround(fine / Math.fround(output.scale)));
  const toReluish = multiplier16(Math.fround(fine / Math.fround(3 / 32768)));
  return Int8Array.from({ length: 256 }, (_, i) => {
    const value = (i - 128 - input.zeroPoint) * 128;
    const scaled = doublingHighMul(value, toOutput.multiplier);
    let reluish = value;
    if (toReluish.shift > 0) reluish = int16(reluish * 2 ** (toReluish.shift - 1));
    reluish = doublingHighMul(reluish, toReluish.multiplier);
    if (toReluish.shift > 0) reluish = int16(reluish * 2);
    if (toReluish.shift < 0) reluish = roundingShift(reluish, -toReluish.shift);
    // From −1…1 to 0…1.
    reluish = (reluish + (1 << 15)) >> 1;
    const product = Math.trunc((reluish * scaled) / (1 << 15));
    const shifted =
      toOutput.shift <= 0 ? roundingShift(product, -toOutput.shift) : product * 2 ** toOutput.shift;
    return Math.max(-128, Math.min(127, shifted + output.zeroPoint));
  });
}
