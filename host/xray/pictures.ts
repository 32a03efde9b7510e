// Tensors as grey pictures: channels side by side.
import type { DeviceLayer } from './layers.js';
import { dequantize } from './statistics.js';

export interface Grey {
  width: number;
  height: number;
  /** 0–255, row by row. */
  pixels: Uint8Array;
}

/** A layer's output for one sample: the device's, the reference's and their difference. */
export interface LayerPicture {
  name: string;
  device: Grey;
  reference?: Grey;
  error?: Grey;
}

const MOST_CHANNELS = 16;
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

function grey(values: Float64Array, shape: readonly number[], low: number, high: number): Grey {
  const [rows, columns, channels] = mapShape(shape);
  const shrink = Math.ceil(Math.max(rows, columns) / MOST_SIDE);
  const [height, width] = [Math.ceil(rows / shrink), Math.ceil(columns / shrink)];
  const shown = Math.min(channels, MOST_CHANNELS);
  const across = Math.ceil(Math.sqrt((shown * height) / width));
  const down = Math.ceil(shown / across);
  const picture: Grey = {
    width: across * (width + GAP) - GAP,
    height: down * (height + GAP) - GAP,
    pixels: new Uint8Array((across * (width + GAP) - GAP) * (down * (height + GAP) - GAP)).fill(255),
  };
  for (let channel = 0; channel < shown; channel++) {
    const left = (channel % across) * (width + GAP);
    const top = Math.floor(channel / across) * (height + GAP);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = values[(y * shrink * columns + x * shrink) * channels + channel] ?? low;
        const share = high > low ? (value - low) / (high - low) : 0;
        picture.pixels[(top + y) * picture.width + left + x] = Math.round(
          Math.max(0, Math.min(1, share)) * 255,
        );
      }
    }
  }
  return picture;
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
  const own = grey(device, spec.shape, low, high);
  if (!reference) return { name, device: own };
  const error = device.map((value, i) => Math.abs(value - reference[i]!));
  const most = error.reduce((a, b) => Math.max(a, b), 0);
  return {
    name,
    device: own,
    reference: grey(reference, spec.shape, low, high),
    error: grey(error, spec.shape, 0, most),
  };
}
