// Tensors as grey pictures: channels side by side.
import type { DeviceLayer } from './layers.js';
import { dequantize } from './statistics.js';

/** A picture in shades of grey. */
export interface Grey {
  width: number;
  height: number;
  /** 0–254, row by row; `BLANK`: between channels, or beyond the last value. */
  pixels: Uint8Array;
}

/** A pixel that shows no value. */
export const BLANK = 255;

/** A layer's output for one sample: the device's, the reference's and their difference. */
export interface LayerPicture {
  name: string;
  device: Grey;
  reference?: Grey;
  error?: Grey;
  /** What black and white stand for, and the greatest error: full red. */
  low: number;
  high: number;
  mostError?: number;
  /** Channels drawn, of how many; one pixel of `step` in each direction. */
  shown: number;
  channels: number;
  step: number;
}

const MOST_CHANNELS = 256;
/** A map's longer side is brought to this at most. */
const MOST_SIDE = 64;
const GAP = 1;

/** [height, width, channels]: vectors as a nearly square map of one channel. */
function mapShape(shape: readonly number[]): [number, number, number] {
  const sizes = shape.filter((size) => size > 1);
  if (sizes.length >= 3) return [sizes[0]!, sizes[1]!, sizes[2]!];
  if (sizes.length === 2) return [sizes[0]!, sizes[1]!, 1];
  const length = sizes[0] ?? 1;
  const width = Math.ceil(Math.sqrt(length * 2));
  return [Math.ceil(length / width), width, 1];
}

/** How a tensor is laid out in a picture. */
function layoutOf(shape: readonly number[]): {
  step: number;
  shown: number;
  channels: number;
  size: [number, number];
} {
  const [rows, columns, channels] = mapShape(shape);
  const step = Math.ceil(Math.max(rows, columns) / MOST_SIDE);
  const size: [number, number] = [Math.ceil(rows / step), Math.ceil(columns / step)];
  return { step, shown: Math.min(channels, MOST_CHANNELS), channels, size };
}

function grey(values: Float64Array, shape: readonly number[], low: number, high: number): Grey {
  const columns = mapShape(shape)[1];
  const { step, shown, channels, size } = layoutOf(shape);
  const [height, width] = size;
  const across = Math.ceil(Math.sqrt((shown * height) / width));
  const down = Math.ceil(shown / across);
  const [allWidth, allHeight] = [across * (width + GAP) - GAP, down * (height + GAP) - GAP];
  const pixels = new Uint8Array(allWidth * allHeight).fill(BLANK);
  for (let channel = 0; channel < shown; channel++) {
    const left = (channel % across) * (width + GAP);
    const top = Math.floor(channel / across) * (height + GAP);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = values[(y * step * columns + x * step) * channels + channel];
        if (value === undefined) continue;
        const share = high > low ? (value - low) / (high - low) : 0;
        pixels[(top + y) * allWidth + left + x] = Math.round(Math.max(0, Math.min(1, share)) * 254);
      }
    }
  }
  return { width: allWidth, height: allHeight, pixels };
}

/** The first sample's tensors, both over the reference's range; the difference over its own. */
export function pictureOf(layer: DeviceLayer, reference: Float64Array | undefined): LayerPicture {
  const { name, spec } = layer;
  const device = dequantize(layer.values[0]!, spec);
  let [low, high] = [Infinity, -Infinity];
  for (const value of reference ?? device) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const { step, shown, channels } = layoutOf(spec.shape);
  const own = { name, low, high, shown, channels, step, device: grey(device, spec.shape, low, high) };
  if (!reference) return own;
  const error = device.map((value, i) => Math.abs(value - reference[i]!));
  const most = error.reduce((a, b) => Math.max(a, b), 0);
  return {
    ...own,
    mostError: most,
    reference: grey(reference, spec.shape, low, high),
    error: grey(error, spec.shape, 0, most),
  };
}
