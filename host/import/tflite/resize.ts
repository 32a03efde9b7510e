// Which pixels a resized map is made of.

/** The row or column of the input that each of the output is nearest to. TFLite's GetNearestNeighbor. */
export function nearest(from: number, to: number, alignCorners: boolean, halfPixels: boolean): number[] {
  const step = Math.fround(alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to);
  return Array.from({ length: to }, (_, i) => {
    const at = Math.fround(Math.fround(i + (halfPixels ? 0.5 : 0)) * step);
    return Math.max(0, Math.min(from - 1, alignCorners ? Math.round(at) : Math.floor(at)));
  });
}
