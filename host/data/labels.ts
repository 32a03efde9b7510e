// Labels as people have them: integers of any type, names of classes; .npy, or a table of one column.
import { BrownoutError, checkBytes } from '../error.js';
import { cellNumber, readTable, textOf } from './csv.js';
import { checkWidths } from './csv-input.js';
import { type NpyArray, readNpy, readNpyTexts } from './npy.js';

/** A class a sample. */
export interface Labels {
  labels: Uint8Array;
  /** Names of the classes, if the labels were names. */
  classes?: string[];
}

const MOST_CLASSES = 256;
const HEADINGS = ['label', 'labels', 'class', 'target', 'y'];

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_LABEL', found, expected, hint });
}

/** Labels from an array of whole numbers from 0 to 255, of any type. Throws `E_LABEL`. */
export function classesOf({ data, shape }: Pick<NpyArray, 'data' | 'shape'>, name: string): Uint8Array {
  const hint = 'Give one number for each input, not one-hot rows: y.argmax(-1).';
  if (shape.filter((size) => size !== 1).length > 1)
    refuse(`${name} of shape [${shape}]`, 'one number for each input', hint);
  const wrong = data.findIndex((value) => !(Number.isInteger(value) && value >= 0 && value < MOST_CLASSES));
  if (wrong < 0) return Uint8Array.from(data);
  return refuse(`${data[wrong]} at element ${wrong} of ${name}`, 'class numbers from 0 to 255', hint);
}

/** Labels from texts: numbers, or names, which count in the order of `classes`, else of the alphabet. Throws `E_LABEL`. */
export function classesOfTexts(texts: readonly string[], name: string, classes?: readonly string[]): Labels {
  const numbers = texts.map((text) => cellNumber(text, false));
  if (numbers.every(Number.isFinite))
    return { labels: classesOf({ data: Float64Array.from(numbers), shape: [numbers.length] }, name) };
  const names = classes ?? [...new Set(texts)].sort((a, b) => (a < b ? -1 : 1));
  if (names.length > MOST_CLASSES)
    refuse(
      `${names.length} names of classes in ${name}`,
      `at most ${MOST_CLASSES}`,
      'Check which column is the label.',
    );
  const places = new Map(names.map((text, i) => [text, i]));
  const wrong = texts.findIndex((text) => text === '' || !places.has(text));
  if (wrong >= 0)
    refuse(
      `"${texts[wrong]!.slice(0, 40)}" as label ${wrong} of ${name}`,
      `one of ${names.slice(0, 20).join(', ')}`,
      'Correct it, or drop the sample.',
    );
  return { labels: Uint8Array.from(texts, (text) => places.get(text)!), classes: [...names] };
}

function fromTable(bytes: Uint8Array, name: string, classes: readonly string[] | undefined): Labels {
  const table = readTable(textOf(bytes));
  const width = checkWidths(table);
  const names = table.headings?.map((heading) => heading.toLowerCase());
  const [column = width === 1 ? 0 : -1, ...others] =
    names?.flatMap((heading, i) => (HEADINGS.includes(heading) ? [i] : [])) ?? [];
  if (column < 0 || others.length > 0)
    refuse(
      `${width} columns${names ? `: ${names.join(', ')}` : ''} in ${name}`,
      'one, or one called label',
      'Keep the column of labels alone.',
    );
  const texts = table.rows.map(({ cells }) => cells[column]!);
  // One column of words has a heading only if it is one that is known.
  const [heading] = table.headings ?? [];
  const headless = width === 1 && heading !== undefined && !HEADINGS.includes(heading.toLowerCase());
  const words = texts.some((text) => Number.isNaN(cellNumber(text, false)));
  return classesOfTexts(headless && words ? [heading, ...texts] : texts, name, classes);
}

/**
 * Reads labels: .npy of integers of any type or of texts, or a table of one column (or with one called label). Names count in
 * the order of `classes`, the image's names, else of the alphabet. Throws `E_LABEL`, `E_NPY`, `E_CSV`.
 */
export function readLabels(bytes: Uint8Array, name = 'the labels', classes?: readonly string[]): Labels {
  checkBytes(bytes, 'a file of labels');
  const isNpy = bytes[0] === 0x93;
  const texts = isNpy ? readNpyTexts(bytes) : undefined;
  if (texts) return classesOfTexts(texts, name, classes);
  return isNpy ? { labels: classesOf(readNpy(bytes), name) } : fromTable(bytes, name, classes);
}
