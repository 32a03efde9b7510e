// Tables of text as people have them: commas, semicolons, tabs or spaces; quotes; a byte-order mark; decimal commas. The
// splitting is the least of it: what a cell may mean, and the errors, are ours, so a library would not make this shorter.
import { BrownoutError } from '../error.js';

export interface Row {
  /** Where it begins in the file, from 1. */
  line: number;
  cells: string[];
}

export interface Table {
  /** Names of the columns, if the first row is no data. */
  headings: string[] | undefined;
  rows: Row[];
  /** Whether 1,5 is one and a half. */
  decimalComma: boolean;
}

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_CSV', found, expected, hint });
}

/** The text of a file: UTF-8, or UTF-16 as its byte-order mark says. */
export function textOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const wide =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(wide).decode(bytes);
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const COMMA_NUMBER = /^[+-]?\d+,\d+(?:e[+-]?\d+)?$/i;
/** One that may as well be whole, with its thousands apart. */
const THOUSANDS = /^[+-]?[1-9]\d{0,2},\d{3}$/;

const isNumber = (cell: string): boolean => NUMBER.test(cell) || COMMA_NUMBER.test(cell);
/** What tables say where a number is missing. */
const isMissing = (cell: string): boolean => /^(?:|nan|na|null|none|[+-]?inf(?:inity)?)$/i.test(cell);
const isTruth = (cell: string): boolean => /^(?:true|false)$/i.test(cell);
/** Whether a cell is a word, as in a heading; a number that is none, such as 1.2.3, is not. */
const isWord = (cell: string): boolean => !/^[\d+.,-]/.test(cell) && !isMissing(cell) && !isTruth(cell);

/** The number in a cell; NaN: there is none. */
export function cellNumber(cell: string, decimalComma: boolean): number {
  if (NUMBER.test(cell)) return Number(cell);
  if (decimalComma && COMMA_NUMBER.test(cell)) return Number(cell.replace(',', '.'));
  return isTruth(cell) ? Number(cell.toLowerCase() === 'true') : Number.NaN;
}

/** Cells of a row that has quotes in it. Quotes within quotes are doubled. */
function quotedCells(row: string, delimiter: string): string[] {
  const cells: string[] = [];
  let [cell, quoted] = ['', false];
  for (let i = 0; i < row.length; i++) {
    const c = row[i]!;
    if (c === '"' && quoted && row[i + 1] === '"') {
      cell += '"';
      i++;
    } else if (c === '"' && (quoted || cell.trim() === '')) {
      quoted = !quoted;
    } else if (c === delimiter && !quoted) {
      cells.push(cell.trim());
      cell = '';
    } else {
      cell += c;
    }
  }
  return [...cells, cell.trim()];
}

/** Rows of text; one goes on over the end of a line that is within quotes. Empty lines and comments (#) are left out. */
function textRows(text: string): { line: number; text: string }[] {
  const rows: { line: number; text: string }[] = [];
  let open: { line: number; parts: string[] } | undefined;
  text.split(/\r\n|\n|\r/).forEach((line, i) => {
    if (!open && (line.trim() === '' || line.startsWith('#'))) return;
    const odd = line.includes('"') && (line.split('"').length - 1) % 2 === 1;
    if (!open && !odd) {
      rows.push({ line: i + 1, text: line });
      return;
    }
    open ??= { line: i + 1, parts: [] };
    open.parts.push(line);
    if (open.parts.length > 1 && odd) {
      rows.push({ line: open.line, text: open.parts.join('\n') });
      open = undefined;
    }
  });
  if (open)
    refuse(
      `quotes opened in line ${open.line} and never closed`,
      'as many as are opened',
      'Save the table again.',
    );
  return rows;
}

const SPACES = ' ';

/** What stands between cells: the first of tab, semicolon and comma that is there; spaces between numbers only. */
function delimiterOf(rows: readonly { text: string }[]): string {
  const bare = rows.slice(0, 2).map(({ text }) => text.replace(/"[^"]*"/g, '""'));
  const found = ['\t', ';', ','].find((delimiter) => bare[0]?.includes(delimiter));
  if (found) return found;
  const pieces = bare.at(-1)?.trim().split(/\s+/) ?? [];
  return pieces.length > 1 && pieces.every(isNumber) ? SPACES : ',';
}

/** Whether commas are decimal points. Throws `E_CSV` where they may as well stand between thousands. */
export function decimalCommas(rows: readonly Row[], delimiter: string): boolean {
  if (delimiter === ',') return false;
  let [example, sure, point] = ['', false, ''];
  for (const { cells } of rows) {
    for (const cell of cells) {
      if (COMMA_NUMBER.test(cell)) {
        if (example === '') example = cell;
        if (!THOUSANDS.test(cell)) sure = true;
      } else if (point === '' && cell.includes('.') && NUMBER.test(cell)) {
        point = cell;
      }
    }
  }
  if (example === '') return false;
  const hint = 'Save the table with decimal points, and nothing between thousands.';
  if (point !== '') refuse(`numbers such as ${example} and such as ${point}`, 'one of the two', hint);
  if (!sure) refuse(`${example}, which may be a fraction or thousands`, 'numbers that are either', hint);
  return true;
}

/** Whether the first row of cells names the columns. Throws `E_CSV` where it may as well be data. */
function isHeading([first, ...rest]: readonly Row[]): boolean {
  if (!first) return false;
  const { cells } = first;
  if (cells.some(isWord)) return rest.length > 0;
  // What pandas calls columns without a name: 0, 1, 2 …, after an empty cell for the index.
  const numbered = (from: number): boolean =>
    cells.length - from >= 2 && cells.slice(from).every((cell, i) => cell === `${i}`);
  if (cells[0] === '' && numbered(1)) return true;
  if (!numbered(0) || rest.length === 0) return false;
  if (rest.every((row) => row.cells.some((cell) => /[.,e]/i.test(cell)))) return true;
  if (cells.length < 3) return false;
  const hint = 'Save it without a heading (pandas: header=False), or with names.';
  return refuse(`a first row 0, 1 … ${cells.length - 1}`, 'plainly a heading or plainly a row', hint);
}

/** Splits text into rows of cells, and says what stood between them. Throws `E_CSV`. */
export function splitRows(text: string): { rows: Row[]; delimiter: string } {
  const lines = textRows(text.replace(/^\ufeff/, ''));
  const delimiter = delimiterOf(lines);
  const rows = lines.map(({ line, text: row }): Row => {
    if (delimiter === SPACES) return { line, cells: row.trim().split(/\s+/) };
    if (row.includes('"')) return { line, cells: quotedCells(row, delimiter) };
    return { line, cells: row.split(delimiter).map((cell) => cell.trim()) };
  });
  return { rows, delimiter };
}

/** Reads a table. Throws `E_CSV`. */
export function readTable(text: string): Table {
  const { rows, delimiter } = splitRows(text);
  const heading = isHeading(rows);
  const data = heading ? rows.slice(1) : rows;
  return {
    headings: heading ? rows[0]!.cells : undefined,
    rows: data,
    decimalComma: decimalCommas(data, delimiter),
  };
}
