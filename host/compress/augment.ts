import type { Random } from '../math/random.js';
import type { Desk } from './desk-module.js';

/** The limits of the random changes that every input gets in every epoch; each is drawn uniformly from ± its limit. */
export interface Augmentation {
  /** Of images: a warp. */
  shiftPixels?: number;
  rotationRadians?: number;
  shear?: number;
  /** 0.1 scales by 0.9 … 1.1. */
  scale?: number;
  /** A smooth random bend: points a quarter of the image apart move by up to so many pixels (Simard et al. 2003). */
  elasticPixels?: number;
  /** Of series, time from top to bottom: rows to move by; those at the ends are repeated. */
  timeShift?: number;
  /** Standard deviation of noise added to every value. */
  noise?: number;
  /** Multiplies all values: 0.1 by 0.9 … 1.1. */
  gain?: number;
}

/** Writes the input [height][width][channels] at `from`, changed at random, to `to`. */
export function augment(
  desk: Desk,
  from: number,
  to: number,
  [height = 1, width = 1, channels = 1]: readonly number[],
  limits: Augmentation,
  random: Random,
): void {
  const { shiftPixels = 0, rotationRadians = 0, shear = 0, scale = 0, elasticPixels = 0 } = limits;
  const { timeShift, noise, gain } = limits;
  const draw = (limit: number): number => random.uniform(-limit, limit);
  const size = height * width * channels;
  if (shiftPixels + rotationRadians + shear + scale + elasticPixels > 0) {
    const mark = desk.mark();
    const workspace = desk.allocate(desk.kernels.warpWorkspaceSize(height, width));
    const field = elasticPixels > 0 ? desk.allocate(8 * height * width) : 0;
    if (field !== 0) {
      const spacing = Math.max(2, Math.round(Math.min(height, width) / 4));
      desk.kernels.elasticField(field, height, width, spacing, elasticPixels, random.uint32());
    }
    desk.kernels.warp(
      ...[from, to, height, width, channels],
      ...[draw(rotationRadians), draw(shear), 1 + draw(scale), draw(shiftPixels), draw(shiftPixels)],
      workspace,
      field,
    );
    desk.release(mark);
  } else if (timeShift) {
    desk.kernels.shiftRows(from, to, height, width * channels, Math.round(draw(timeShift)));
  } else desk.floats(to, size).set(desk.floats(from, size));
  if (gain) desk.kernels.addScaled(to, to, size, draw(gain));
  if (noise) desk.kernels.addNoise(to, size, noise, random.uint32());
}
