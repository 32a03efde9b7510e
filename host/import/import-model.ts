// A model as another tool wrote it, whichever format it is in.
import { BrownoutError } from '../error.js';
import type { ImageMetadata } from '../model/image.js';
import type { QuantizedNetwork, TensorSpec } from '../model/quantized-network.js';
import { importTflite } from './tflite/import-tflite.js';

export interface ImportOptions {
  /** Name of the model; default `model`. */
  name?: string;
}

export interface ImportedModel {
  network: QuantizedNetwork;
  /** What float inputs must be: the range that the model's input tensor holds. */
  preprocessing: ImageMetadata['preprocessing'];
}

/** Reals that a quantized tensor can hold. */
function rangeOf({ scale, zeroPoint, dtype }: TensorSpec): { minimum: number; maximum: number } {
  const most = dtype === 'int16' ? 32767 : 127;
  return { minimum: scale * (-most - 1 - zeroPoint), maximum: scale * (most - zeroPoint) };
}

/** Imports a .tflite file. Throws `BrownoutError` of code `E_MODEL`, `E_TFLITE` or `E_TFLITE_OP`. */
export function importModel(bytes: Uint8Array, options: ImportOptions = {}): ImportedModel {
  if (String.fromCharCode(...bytes.subarray(4, 8)) === 'TFL3') {
    const { network } = importTflite(bytes, options);
    return { network, preprocessing: rangeOf(network.tensors[network.input]!) };
  }
  throw new BrownoutError({
    code: 'E_MODEL',
    found: `a file of ${bytes.length} bytes that is no TensorFlow Lite model`,
    expected: 'a .tflite file',
    hint: 'Convert the model with the TensorFlow Lite converter.',
  });
}
