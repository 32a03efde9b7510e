// What builds export besides that have room for widened weights: `widen`, for a host to call once the image has booted.
import { widenAll } from './kernels/wide_panels';

/** Widens the weights of the image at `image`, as `boot` names it; anew for another. Returns the bytes they take. */
export function widen(image: usize): i32 {
  return widenAll(image);
}
