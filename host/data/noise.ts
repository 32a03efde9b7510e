// Inputs where there are none: what a job costs does not depend on its data (docs/VERIFY.md), so that time and energy hold.
import type { Random } from '../math/random.js';
import type { Image } from '../model/image.js';
import { type Values, valuesFrom } from '../model/values.js';

/** An input of `image` whose bytes are drawn one by one. */
export const noiseInput = ({ input, metadata }: Image, random: Random): Values =>
  valuesFrom(
    Uint8Array.from({ length: input.bytes }, () => random.integer(256)),
    metadata.input.dtype,
  );
