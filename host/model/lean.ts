// Biases and scales in 4 bytes an output instead of 12 (docs/FORMAT.md, "Lean scales"): an int16 bias, shifted left by as much
// as the op says, and a scale of 13 bits of multiplier and 4 of exponent.
import { LEAN_EXPONENT_BITS, LEAN_MANTISSA_BITS } from '../../assembly/layout.js';

/** What an image keeps of them. */
export interface LeanConstants {
  biases: Int16Array;
  /** Bits that biases are shifted left. */
  biasShift: number;
  scales: Uint16Array;
  /** Shift of a scale of exponent 0, negated. */
  scaleShift: number;
}

/** Accumulators to outputs: biases with the input's zero point folded in, and a multiplier and a shift each, or one for all. */
export interface Scaled {
  bias: Int32Array;
  multipliers: Int32Array;
  shifts: Int32Array;
}

/** No bias may be off by more of an output's step. Rounding the multiplier adds at most 255 · 2⁻¹³ = 1/32. */
export const MOST_BIAS_ERROR = 1 / 32;

/** Bits of a multiplier of [2³⁰, 2³¹) that a lean scale leaves out. */
const DROPPED = 31 - LEAN_MANTISSA_BITS;
const MOST_EXPONENT = 2 ** LEAN_EXPONENT_BITS - 1;
/** Shifts go down to −31. */
const MOST_SCALE_SHIFT = 31;
const MOST_BIAS_SHIFT = 31;

/** The shift of exponent 0, negated, so that every scale's exponent is 1 or more, and the word 0 is free for a scale of 0. */
const scaleShiftFor = (shifts: readonly number[]): number => Math.max(0, 1 - Math.min(...shifts));

/** Shifts of multipliers that are not 0. */
const shiftsOf = ({ multipliers, shifts }: Omit<Scaled, 'bias'>): number[] =>
  Array.from(shifts).filter((_, i) => multipliers[i] !== 0);

function scalesFit(shifts: readonly number[]): boolean {
  if (shifts.length === 0) return true;
  const less = scaleShiftFor(shifts);
  return less <= MOST_SCALE_SHIFT && Math.max(...shifts) + less <= MOST_EXPONENT;
}

/** Bits that biases must be shifted left by for `nearest` of what is left to be an int16. */
function biasShiftFor(bias: Int32Array): number {
  const least = Math.min(...bias, 0);
  const most = Math.max(...bias, 0);
  let shift = 0;
  while (Math.round(least / 2 ** shift) < -32768 || Math.round(most / 2 ** shift) > 32767) shift++;
  return shift;
}

/** The constants as an image keeps them; undefined where lean ones do not hold them exactly. */
export function leanConstants({ bias, multipliers, shifts }: Scaled): LeanConstants | undefined {
  const used = shiftsOf({ multipliers, shifts });
  if (!scalesFit(used)) return undefined;
  const scaleShift = used.length === 0 ? 0 : scaleShiftFor(used);
  const biasShift = biasShiftFor(bias);
  if (biasShift > MOST_BIAS_SHIFT || bias.some((b) => b % 2 ** biasShift !== 0)) return undefined;
  if (multipliers.some((m) => m % 2 ** DROPPED !== 0 || (m !== 0 && m < 2 ** 30))) return undefined;
  return {
    biases: Int16Array.from(bias, (b) => b / 2 ** biasShift),
    biasShift,
    scales: Uint16Array.from(multipliers, (m, i) =>
      m === 0
        ? 0
        : ((m / 2 ** DROPPED - 2 ** (LEAN_MANTISSA_BITS - 1)) << LEAN_EXPONENT_BITS) |
          (shifts[i]! + scaleShift),
    ),
    scaleShift,
  };
}

/** The multiplier and shift of a lean scale. */
export function leanScale(word: number, scaleShift: number): { multiplier: number; shift: number } {
  const mantissa = (word >> LEAN_EXPONENT_BITS) + 2 ** (LEAN_MANTISSA_BITS - 1);
  return {
    multiplier: word === 0 ? 0 : mantissa * 2 ** DROPPED,
    shift: (word & MOST_EXPONENT) - scaleShift,
  };
}

/** The nearest that lean constants hold exactly; undefined where a bias would be off by more than `MOST_BIAS_ERROR`. */
export function roundedToLean({ bias, multipliers, shifts }: Scaled): Scaled | undefined {
  const scales = Array.from(multipliers, (m, i) => {
    const kept = Math.round(m / 2 ** DROPPED);
    // Rounded up to the next power of two.
    const carried = kept === 2 ** LEAN_MANTISSA_BITS;
    return { multiplier: carried ? 2 ** 30 : kept * 2 ** DROPPED, shift: shifts[i]! + (carried ? 1 : 0) };
  });
  const rounded = {
    multipliers: Int32Array.from(scales, ({ multiplier }) => multiplier),
    shifts: Int32Array.from(scales, ({ shift }) => shift),
  };
  if (!scalesFit(shiftsOf(rounded))) return undefined;
  const unit = 2 ** biasShiftFor(bias);
  const biases = bias.map((b) => Math.round(b / unit) * unit);
  const isNear = (b: number, o: number): boolean => {
    const at = scales.length === 1 ? 0 : o;
    const step = multipliers[at]! * 2 ** (shifts[at]! - 31);
    return Math.abs(b - bias[o]!) * step <= MOST_BIAS_ERROR;
  };
  if (!Array.from(biases).every(isNear)) return undefined;
  return { bias: biases, ...rounded };
}
