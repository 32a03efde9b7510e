// Plain text for terminals: tables, digits, bars. Nothing here computes.
import pc from 'picocolors';

// biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colours have no width.
const visibleLength = (text: string): number => text.replace(/\u001b\[\d+m/g, '').length;

/** Rows of cells, columns aligned: left for the first, right for the others. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, visibleLength(cell));
    });
  }
  const pad = (cell: string, i: number): string => {
    const space = ' '.repeat(widths[i]! - visibleLength(cell));
    return i === 0 ? cell + space : space + cell;
  };
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** A name and a value a line, with a note behind. */
export function facts(rows: readonly (readonly [name: string, value: string, note?: string])[]): string {
  const name = Math.max(...rows.map((row) => row[0].length));
  const value = Math.max(...rows.map((row) => visibleLength(row[1])));
  return rows
    .map(([n, v, note = '']) =>
      `  ${n.padEnd(name)}  ${' '.repeat(value - visibleLength(v))}${v}  ${pc.dim(note)}`.trimEnd(),
    )
    .join('\n');
}

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

/** 4700 → 4.7 mF. */
export function farads(capacitorUf: number): string {
  const [value, unit] = capacitorUf < 1000 ? [capacitorUf, 'µF'] : [capacitorUf / 1000, 'mF'];
  return `${Number(value.toPrecision(3))} ${unit}`;
}
