// From a table of text to samples: which columns are the input, which one the label.
import { BrownoutError } from '../error.js';
import { elementCount } from '../model/quantized-network.js';
import { cellNumber, type Row, type Table } from './csv.js';
import type { NpyArray } from './npy.js';

const LABELS = ['label', 'labels', 'class', 'target', 'y'];
/** What pandas writes over the numbers of rows. */
const INDEX = ['', 'unnamed: 0', 'index'];

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_CSV', found, expected, hint });
}

/** Throws `E_CSV` unless every row has as many cells. */
export function checkWidths({ headings, rows }: Table): number {
  const width = headings?.length ?? rows[0]?.cells.length ?? 0;
  const wrong = rows.find(({ cells }) => cells.length !== width);
  if (wrong)
    refuse(
      `${wrong.cells.length} cells in line ${wrong.line}`,
      `${width}, as in the first`,
      'Correct or drop the line.',
    );
  if (rows.length === 0) refuse('a table without rows', 'a row a sample', 'Check the file.');
  return width;
}

const nameOf = ({ headings }: Table, column: number): string =>
  headings?.[column] ? `column "${headings[column]}"` : `column ${column + 1}`;

/** Throws `E_CSV` unless the cell is a number. */
function numberIn(table: Table, { cells, line }: Row, column: number): number {
  const cell = cells[column]!;
  const value = cellNumber(cell, table.decimalComma);
  if (Number.isFinite(value)) return value;
  const found = cell === '' ? 'an empty cell' : `"${cell.slice(0, 40)}"`;
  return refuse(
    `${found} in line ${line}, ${nameOf(table, column)}`,
    'a finite number',
    'Fill it in, or drop the line or the column.',
  );
}

/** Whether a column counts its rows: 0, 1, 2 … */
const isIndex = ({ rows }: Table, column: number): boolean =>
  rows.every(({ cells }, i) => cells[column] === `${i}`);

/** The columns of the input, and that of the label. `sizes`: how many the input may have; none: not known. */
function inputColumns(
  table: Table,
  width: number,
  sizes: readonly number[],
): { columns: number[]; label?: number } {
  const all = Array.from({ length: width }, (_, i) => i);
  const names = table.headings?.map((name) => name.toLowerCase()) ?? [];
  const index = names.length > 0 && INDEX.includes(names[0]!) && isIndex(table, 0) ? 0 : -1;
  const found = names.flatMap((name, i) => (LABELS.includes(name) ? [i] : []));
  // Beside an x, y is another axis.
  const axis = sizes.length === 0 && names.includes('x');
  const label = found.length === 1 && !axis ? found[0]! : -1;
  const ways = [[], [index], [label], [index, label]].map((without) =>
    all.filter((i) => !without.includes(i)),
  );
  const columns = ways.find(({ length }) => sizes.includes(length)) ?? ways[3]!;
  return label < 0 || columns.includes(label) ? { columns } : { columns, label };
}

/** Samples of a table, and the cells of its column of labels. */
export interface TableSamples extends NpyArray {
  labelCells?: string[];
}

/**
 * The numbers of a table as [rows][columns], or [N][...shape] where `shape` is known: a row a sample, or as many rows as
 * the first dimension. A column called label, class, target or y that is not needed for the input is the label; a first
 * column of row numbers without a name is left out. Throws `E_CSV`.
 */
export function tableSamples(table: Table, shape: readonly number[] | undefined): TableSamples {
  const width = checkWidths(table);
  const size = shape && elementCount({ shape });
  const sizes = size === undefined ? [] : [size, size / (shape?.[0] ?? 1)];
  const { columns, label } = inputColumns(table, width, sizes);
  const { rows } = table;
  const data = new Float32Array(rows.length * columns.length);
  rows.forEach((row, r) => {
    columns.forEach((column, c) => {
      data[r * columns.length + c] = numberIn(table, row, column);
    });
  });
  const labelCells = label === undefined ? {} : { labelCells: rows.map(({ cells }) => cells[label]!) };
  const flat = { dtype: 'float32' as const, shape: [rows.length, columns.length], data };
  if (!shape || size === undefined) return { ...flat, ...labelCells };
  if (columns.length === size) return { ...flat, shape: [rows.length, ...shape], ...labelCells };
  if (data.length === size) return { ...flat, shape: [...shape] };
  // Rows of a sample beneath each other, such as steps of time.
  const count = data.length / size;
  const steps = columns.length * (shape[0] ?? 1) === size && Number.isInteger(count);
  return steps ? { ...flat, shape: [count, ...shape] } : flat;
}
