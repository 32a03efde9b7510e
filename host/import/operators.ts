// Which operators the importers take: the tables of docs/IMPORT.md, made from the importers themselves.
import { ONNX_NODES } from './onnx/import-onnx.js';
import { FLOAT_OPERATORS } from './tflite/float.js';
import { INTEGER_OPERATORS, WIDE_OPERATORS } from './tflite/import-tflite.js';

const mark = (has: boolean): string => (has ? 'yes' : '');

/** A table of operators of .tflite files: taken as int8 (and uint8), int16, float; to the bit, or made of others. */
function tfliteTable(): string {
  const names = [...new Set([...INTEGER_OPERATORS, ...FLOAT_OPERATORS])].sort();
  const rows = names.map((name) => {
    const float = FLOAT_OPERATORS.includes(name);
    const own = (list: readonly string[], otherwise: string): string =>
      list.includes(name) ? 'yes' : float ? otherwise : '';
    const marks = [own(INTEGER_OPERATORS, 'near'), own(WIDE_OPERATORS, 'as int8'), mark(float)];
    return `| ${[name, ...marks].join(' | ')} |`;
  });
  return [
    '| operator | int8, uint8 | int16 | float, dynamic range |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** All nodes of .onnx files, those of other domains with their domain. */
const onnxNodes = (): string => ONNX_NODES.map((name) => `\`${name}\``).join(', ');

/** Both, by the name that marks their place in the document. */
export const operatorTables = (): Record<'tflite' | 'onnx', string> => ({
  tflite: tfliteTable(),
  onnx: onnxNodes(),
});
