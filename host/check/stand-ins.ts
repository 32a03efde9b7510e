// Samples that stand for data where a float model comes without any: enough to say what it costs, not how well it works.
import type { InputArray } from '../data/model-input.js';
import { BrownoutError } from '../error.js';
import { importModel, type ImportedModel, type ImportOptions } from '../import/import-model.js';
import { Random } from '../math/random.js';

const SAMPLES = 4;

/** Values of nearly normal distribution, the same every time. */
function noise(shape: readonly number[]): InputArray {
  const random = new Random(1);
  const size = shape.reduce((product, part) => product * part, 1);
  const unit = (): number => random.integer(1 << 20) / (1 << 20);
  const data = Float32Array.from({ length: SAMPLES * size }, () => (unit() + unit() + unit() - 1.5) * 2);
  return { dtype: 'float32', shape: [SAMPLES, ...shape], data };
}

/** Imports a model; a float model without samples by noise in their place, which the notes say. Throws as `importModel`. */
export function importAnyway(bytes: Uint8Array, options: ImportOptions): ImportedModel {
  try {
    return importModel(bytes, options);
  } catch (error) {
    const wanted =
      error instanceof BrownoutError && error.code === 'E_CALIBRATION' && /\[([\d,]+)\]/.exec(error.expected);
    if (!wanted || options.data) throw error;
    const imported = importModel(bytes, { ...options, data: noise(wanted[1]!.split(',').map(Number)) });
    return {
      ...imported,
      notes: [...imported.notes, 'quantized on noise in place of samples: costs hold, answers do not'],
    };
  }
}
