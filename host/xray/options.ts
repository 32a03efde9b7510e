import { bytesKind, samplesKind } from '../data/option-kinds.js';
import type { InputArray } from '../data/model-input.js';
import { instance, progressKind, whole } from '../options/kinds.js';
import type { Checked, Table } from '../options/table.js';

/** Options of `xray`. */
export interface XrayOptions {
  /** The model as another tool wrote it: the bytes of a .tflite or .onnx file. */
  reference: Uint8Array;
  /** Inputs as the model takes them. With a log they may be left out: then the logged inputs are the reference's too. */
  data?: InputArray;
  /** What the device was given instead of `data`: floats, or integers of the image's type. */
  deviceData?: InputArray;
  /** The label of each sample: the largest output of a sound model. */
  labels?: ArrayLike<number>;
  /** What a device logged (docs/XRAY.md), in place of a run on the simulated one. */
  log?: Uint8Array;
  /** Samples looked at, at most; default 32. */
  samples?: number;
  onSample?: (done: number, total: number) => void;
}

const isNumbers = (value: unknown): value is ArrayLike<number> =>
  Array.isArray(value)
    ? value.every((one) => typeof one === 'number')
    : ArrayBuffer.isView(value) && !(value instanceof DataView);

export const xrayOptions = {
  reference: {
    kind: bytesKind('a .tflite or .onnx file', 'model.tflite', 'MODEL'),
    help: 'the model itself: .tflite or .onnx',
    required: true,
  },
  data: {
    kind: samplesKind('samples.npz'),
    help: 'inputs as the model takes them: .npz (x; also y: labels, device: what the device was given), .npy, .csv, …',
  },
  deviceData: { kind: samplesKind() },
  labels: { kind: instance('an array of class numbers', isNumbers) },
  log: {
    kind: bytesKind('what a device logged (docs/XRAY.md)', 'device.log'),
    help: 'what a device logged (docs/XRAY.md), in place of the simulated one',
  },
  samples: { kind: whole(1, 1_000_000), default: 32, help: 'samples looked at, at most' },
  onSample: { kind: progressKind },
} as const satisfies Table<XrayOptions>;

export type XraySettings = Checked<XrayOptions, typeof xrayOptions>;
