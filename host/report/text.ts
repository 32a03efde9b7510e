// Plain text for terminals: tables, digits, bars. Nothing here computes.
import pc from 'picocolors';
import { TERMINAL, wrapped } from '../options/wrap.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colours have no width.
const visibleLength = (text: string): number => text.replace(/\u001b\[\d+m/g, '').length;

/** Least columns of a name that gives way. */
const LEAST_NAME = 8;

/** `name` without its middle, in `width` columns. */
function shortened(name: string, width: number): string {
  if (name.length <= width) return name;
  const half = (width - 1) >> 1;
  return `${name.slice(0, width - 1 - half)}…${name.slice(-half)}`;
}

/** Whether a column holds names, which may give way, and no figures. */
function holdsNames(cells: readonly string[]): boolean {
  const [, ...body] = cells;
  const filled = body.filter((cell) => cell !== '');
  return filled.filter((cell) => /^[^\d]*\p{L}/u.test(cell)).length > filled.length / 2;
}

/** The most that each column may have for all of them to fit a terminal: names give way, the longest first. */
function fittedWidths(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(...rows.map((row) => row.length));
  const columns = Array.from({ length: count }, (_, i) => rows.map((row) => row[i] ?? ''));
  const widths = columns.map((cells) => Math.max(...cells.map(visibleLength)));
  const mayGive = columns.map(holdsNames);
  const total = (): number => widths.reduce((sum, width) => sum + width, 2 * (count - 1));
  while (total() > TERMINAL) {
    const longest = widths.reduce(
      (best, width, i) => (mayGive[i] && width > (widths[best] ?? LEAST_NAME) ? i : best),
      -1,
    );
    if (longest < 0) break;
    widths[longest]!--;
  }
  return widths;
}

/** Rows of cells, columns aligned: left for the first, right for the others; long names give way to fit a terminal. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = fittedWidths(rows);
  const pad = (whole: string, i: number): string => {
    const cell = visibleLength(whole) > widths[i]! ? shortened(whole, widths[i]!) : whole;
    const space = ' '.repeat(widths[i]! - visibleLength(cell));
    return i === 0 ? cell + space : space + cell;
  };
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** Least room for a note beside its value; with less it starts on a line of its own. */
const LEAST_NOTE = 24;

/** A name and a value a line, and a note after it, within the columns of a terminal; no rows, no text. */
export function facts(rows: readonly (readonly [name: string, value: string, note?: string])[]): string {
  if (rows.length === 0) return '';
  const name = Math.max(...rows.map((row) => row[0].length));
  const value = Math.max(...rows.map((row) => visibleLength(row[1])));
  const beside = name + value + 6;
  const isBeside = TERMINAL - beside >= LEAST_NOTE;
  const indent = ' '.repeat(isBeside ? beside : name + 4);
  return rows
    .flatMap(([n, v, note = '']) => {
      const start = `  ${n.padEnd(name)}  ${' '.repeat(value - visibleLength(v))}${v}`;
      const lines = note === '' ? [] : wrapped(note, TERMINAL - indent.length).map((line) => pc.dim(line));
      const [first, ...rest] = isBeside ? lines : [undefined, ...lines];
      return [first === undefined ? start : `${start}  ${first}`, ...rest.map((line) => `${indent}${line}`)];
    })
    .join('\n');
}

/** Sentences, each in lines of a terminal's columns. */
export const sentences = (notes: readonly string[]): string[] =>
  notes.flatMap((note) => wrapped(note, TERMINAL));

const integer = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 1234567 → 1,234,567, whatever the locale. */
export const count = (value: number): string => integer.format(value);

/** An int8 image of 28×28 as 14 columns and 7 rows of half blocks. */
export function digitLines(pixels: Int8Array): string[] {
  const ink = (row: number, column: number): boolean => {
    let sum = 0;
    for (let y = row * 2; y < row * 2 + 2; y++) {
      for (let x = column * 2; x < column * 2 + 2; x++) sum += pixels[y * 28 + x]! + 128;
    }
    return sum > 4 * 80;
  };
  return Array.from({ length: 7 }, (_, line) =>
    Array.from({ length: 14 }, (_, column) => {
      const [top, bottom] = [ink(line * 2, column), ink(line * 2 + 1, column)];
      return top ? (bottom ? '█' : '▀') : bottom ? '▄' : ' ';
    }).join(''),
  );
}

/** Blocks of lines side by side. */
export function sideBySide(blocks: readonly (readonly string[])[], gap: number): string {
  const height = Math.max(...blocks.map((block) => block.length));
  const lines = Array.from({ length: height }, (_, i) =>
    blocks
      .map((block) => {
        const width = Math.max(...block.map(visibleLength));
        const line = block[i] ?? '';
        return line + ' '.repeat(width - visibleLength(line));
      })
      .join(' '.repeat(gap))
      .trimEnd(),
  );
  return lines.join('\n');
}
