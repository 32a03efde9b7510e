// Images that a small network learns in seconds.
import type { LabelledData } from '../../host/compress/float-network.js';
import { Random } from '../../host/math/random.js';

/** Images of 8 × 8, each one of four gratings with noise, within −1 … 2; labels say which. */
export function gratings(count: number, seed: number): LabelledData {
  const random = new Random(seed);
  const labels = Uint8Array.from({ length: count }, () => random.integer(4));
  const inputs = Float32Array.from({ length: count * 64 }, (_, index) => {
    const [y, x] = [Math.floor(index / 8) % 8, index % 8];
    const phase = [x, y, x + y, x - y + 8][labels[Math.floor(index / 64)]!]!;
    return Math.max(-1, Math.min(2, (phase % 4 < 2 ? 1 : 0) + random.uniform(-0.6, 0.6)));
  });
  return { inputs, labels };
}
