import type { Random } from '../math/random.js';
import type { Desk, KernelCall } from './desk-module.js';

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

/**
 * The kernels that write inputs [rows][height][width][channels] at `from`, each changed at random, to `to`: what is random is
 * drawn here, in the order of the rows.
 */
export function augment(
  desk: Desk,
  from: number,
  to: number,
  rows: number,
  [height = 1, width = 1, channels = 1]: readonly number[],
  limits: Augmentation,
  random: Random,
): KernelCall[] {
  const { shiftPixels = 0, rotationRadians = 0, shear = 0, scale = 0, elasticPixels = 0 } = limits;
  const { timeShift, noise, gain } = limits;
  const draw = (limit: number): number => random.uniform(-limit, limit);
  const size = height * width * channels;
  const warps = shiftPixels + rotationRadians + shear + scale + elasticPixels > 0;
  const workspace = warps ? desk.allocate(desk.kernels.warpWorkspaceSize(height, width)) : 0;
  const field = elasticPixels > 0 ? desk.allocate(8 * height * width) : 0;
  const spacing = Math.max(2, Math.round(Math.min(height, width) / 4));
  const calls: KernelCall[] = [];
  for (let row = 0; row < rows; row++, from += 4 * size, to += 4 * size) {
    if (warps) {
      if (field !== 0)
        calls.push(['elasticField', field, height, width, spacing, elasticPixels, random.uint32()]);
      const turn = [
        draw(rotationRadians),
        draw(shear),
        1 + draw(scale),
        draw(shiftPixels),
        draw(shiftPixels),
      ];
      calls.push(['warp', from, to, height, width, channels, ...turn, workspace, field]);
    } else {
      const rowsDown = timeShift ? Math.round(draw(timeShift)) : 0;
      calls.push(['shiftRows', from, to, height, width * channels, rowsDown]);
    }
    if (gain) calls.push(['addScaled', to, to, size, draw(gain)]);
    if (noise) calls.push(['addNoise', to, size, noise, random.uint32()]);
  }
  return calls;
}
