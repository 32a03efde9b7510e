// Which .tflite files are quantized here.
import type { TfliteModel } from './model.js';

/**
 * Whether activations are floats: the model's input, but for one that a first QUANTIZE makes integers; or what numbers of rows
 * of a table of floats stand for.
 */
export function isFloatModel({ inputs: [input], tensors, operators }: TfliteModel): boolean {
  if (input === undefined) return false;
  const typeOf = (index = -1): string => tensors[index]?.type ?? '';
  switch (typeOf(input)) {
    case 'float32':
      return operators.some(({ name, inputs }) => inputs.includes(input) && name !== 'QUANTIZE');
    case 'int32':
    case 'int64':
      // Rows of a table, of floats or of integers that stand for them.
      return operators.some(({ name, inputs: [table], outputs: [made] }) => {
        const rows =
          name === 'EMBEDDING_LOOKUP' || (name === 'GATHER' && (tensors[table ?? -1]?.data.length ?? 0) > 0);
        return rows && ['float32', 'int8', 'uint8', 'int16'].includes(typeOf(made));
      });
  }
  return false;
}
